"""A DAGRun: one execution of a DAG, and the record of it that stays when its Pods are gone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from kubedag.api.approval import ApprovalAnswer, ApprovalStatus
from kubedag.api.common import (
    LABEL_LENGTH_MAX,
    TASKS_MAX,
    Amount,
    Conditions,
    DAGName,
    Generation,
    Metadata,
    ObjectMeta,
    Reason,
    ShortMessage,
    Spec,
    Status,
    Switch,
    Time,
    Word,
    name_rule,
)
from kubedag.api.control import (
    FULFILLED_RERUNS_MAX,
    MarkStatus,
    Rerun,
    RunMark,
    TaskMark,
    TaskNames,
)
from kubedag.api.dag import ObjectNameRead
from kubedag.api.enums import (
    AttemptState,
    FailureClass,
    LogSource,
    RunType,
    Shutdown,
    TaskState,
)
from kubedag.api.lists import atomic_list, map_list
from kubedag.api.notification import NotificationRows
from kubedag.api.rules import Rule, Ruled, matching

ATTEMPTS_MAX: Final = 256
"""More than the 201 that two limits of 100 permit, for reruns; the operator keeps far fewer."""


class DataInterval(Ruled, Spec):
    """The stretch of time whose data a run processes: from its start to just before its end."""

    start_time: Time
    """startTime is the first instant of the interval."""
    end_time: Time
    """endTime is the first instant after the interval."""

    rules: ClassVar = (
        Rule(
            "be later than startTime",
            cel="self.startTime < self.endTime",
            holds=lambda interval: _instant(interval.start_time) < _instant(interval.end_time),
            field="endTime",
        ),
    )


CREATE_ANOTHER: Final = "create another DAGRun instead"


def never_changes(field: str, instead: str, *, required: bool = True) -> Rule:
    """The rule that a field keeps the value, or the absence, that it was created with."""
    same = f"self.{field} == oldSelf.{field}"
    if not required:
        same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {same})"
    return Rule(f"not change: {instead}", cel=same, field=field)


ParamName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    matching("^[A-Za-z_][A-Za-z0-9_]*$", "be letters, digits and '_', and begin with no digit"),
]


class Param(Spec):
    """A value that is given to the tasks of a run."""

    name: ParamName
    """name of the parameter."""
    value: Annotated[str, StringConstraints(max_length=4096)] = ""
    """value of the parameter."""


Params = Annotated[tuple[Param, ...], *map_list("name", most=64)]


class DAGRunSpec(Ruled, Spec):
    """Which DAG runs, for which interval, and why."""

    dag_name: DAGName
    """dagName is the DAG of the same namespace that is run."""
    run_type: RunType = RunType.MANUAL
    """runType says why the run exists: it was Scheduled, caught up on, made by hand, or is part of
    a Backfill."""
    data_interval: DataInterval | None = None
    """dataInterval is the stretch of time whose data is processed. Only a Manual run may have
    none."""
    logical_time: Time | None = None
    """logicalTime is the instant that names the run, as a rule the start of its interval; it is
    not the time at which the run starts."""
    suspend: Switch = False
    """suspend holds back further tasks; those whose Pods exist go on."""
    tasks: TaskNames = ()
    """tasks limits the run to these tasks and those that depend on them; without any, all run."""
    params: Params = ()
    """params are given to the tasks as KUBEDAG_PARAM_<NAME>."""
    rerun: Rerun | None = None
    """rerun asks that the run, once it has finished, runs again, or that part of it does."""
    shutdown: Shutdown | None = None
    """shutdown ends an active run: Stop ends its Pods and then runs what is to run at the end of any
    run, Terminate ends its Pods and nothing runs any more. Once that has begun, it cannot be taken
    back; with it, a run does not run again."""
    mark: RunMark | None = None
    """mark says by hand how the run ended; what of it is active is ended."""
    marks: Annotated[tuple[TaskMark, ...], *map_list("task", most=1000)] = ()
    """marks say by hand how tasks ended, whatever they did; what depends on them follows."""
    approvals: Annotated[tuple[ApprovalAnswer, ...], *atomic_list(most=1000)] = ()
    """approvals are the answers to tasks that ask for approval. Only who may approve adds any."""

    rules: ClassVar = (
        Rule(
            "be set, unless runType is Manual",
            cel="self.runType == 'Manual' || has(self.dataInterval)",
            holds=lambda run: run.run_type == RunType.MANUAL or run.data_interval is not None,
            field="dataInterval",
        ),
        never_changes("dagName", CREATE_ANOTHER),
        never_changes("runType", CREATE_ANOTHER),
        never_changes("dataInterval", CREATE_ANOTHER, required=False),
        never_changes("logicalTime", CREATE_ANOTHER, required=False),
        never_changes("tasks", CREATE_ANOTHER, required=False),
        never_changes("params", CREATE_ANOTHER, required=False),
    )


class LogTail(Status):
    """The end of a failed attempt's log, kept because the Pod is not."""

    source: LogSource
    """source is where the text was read."""
    tail: ShortMessage
    """tail is the text, at most 2 KiB of it."""
    truncated: Switch = False
    """truncated is true where the log has more than this."""


class AttemptStatus(Status):
    """One attempt at a task, which is one Pod."""

    number: Amount
    """number of the attempt; the first is 1."""
    state: AttemptState
    """state of the attempt."""
    reason: Reason | None = None
    """reason is one CamelCase word for what it waits for or what ended it, such as OOMKilled. All
    are listed in docs/reference/reasons.md."""
    message: ShortMessage | None = None
    """message is what Kubernetes or the program said about it."""
    failure_class: Annotated[FailureClass | None, Field(alias="class")] = None
    """class says whose failure it was: the User's program, the Infra structure's, or that of the
    Config, which no retry mends."""
    exit_code: Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)] | None = None
    """exitCode of the task's container."""
    node_name: ObjectNameRead | None = None
    """nodeName is the node that the Pod ran on."""
    pod_name: ObjectNameRead | None = None
    """podName is the Pod, whether it still exists or not."""
    deps_met_time: Time | None = None
    """depsMetTime is when nothing but limits held the attempt back any more."""
    create_time: Time | None = None
    """createTime is when the Pod was created."""
    ungate_time: Time | None = None
    """ungateTime is when the last scheduling gate of the Pod was seen to be gone, if it had any."""
    schedule_time: Time | None = None
    """scheduleTime is when the Pod got its node."""
    start_time: Time | None = None
    """startTime is when the task's container started."""
    finish_time: Time | None = None
    """finishTime is when the task's container, or the Pod without it, ended."""
    log: LogTail | None = None
    """log is the end of the log, if the attempt failed."""


class TaskStatus(Status):
    """One task of the run."""

    name: Word
    """name of the task."""
    state: TaskState
    """state of the task."""
    reason: Reason | None = None
    """reason is one CamelCase word for why the task is in this state. All are listed in
    docs/reference/reasons.md."""
    message: ShortMessage | None = None
    """message is a sentence about the reason, such as what the task waits for."""
    attempt: Amount | None = None
    """attempt is the number of the current or the last attempt."""
    user_failures: Amount | None = None
    """userFailures is how many attempts failed by the task itself, which retry.limit bounds."""
    infra_failures: Amount | None = None
    """infraFailures is how many attempts the cluster ended, which retry.infraLimit bounds."""
    out_of_memory: Amount | None = None
    """outOfMemory is how many attempts used more memory than they had, which retry.memoryFactor
    counts; with that, also those that something killed with SIGKILL."""
    next_attempt_time: Time | None = None
    """nextAttemptTime is when a task that awaits its retry is tried again."""
    wait_time: Time | None = None
    """waitTime is since when the task has waited for what the reason says: for the API server to take
    its Pod, or for a limit that it shares with others."""
    earlier_attempts: Amount | None = None
    """earlierAttempts is the number of the last attempt before the run ran again; retry.limit and
    retry.infraLimit are for those after it."""
    approval: ApprovalStatus | None = None
    """approval is what became of the question, if the task asks one."""
    mark: MarkStatus | None = None
    """mark is the last one that was set by hand."""
    attempts: Annotated[tuple[AttemptStatus, ...], *atomic_list(most=ATTEMPTS_MAX)] = ()
    """attempts lists the attempts, oldest first. Only the last few are kept."""


class Counts(Status):
    """How many tasks are in which state."""

    total: Amount | None = None
    """total is the number of tasks."""
    waiting: Amount | None = None
    """waiting is the number of tasks whose upstreams are not done."""
    queued: Amount | None = None
    """queued is the number of tasks that only a limit holds back."""
    pending: Amount | None = None
    """pending is the number of tasks whose Pod exists and does not run yet."""
    running: Amount | None = None
    """running is the number of tasks whose Pod runs."""
    terminating: Amount | None = None
    """terminating is the number of tasks whose Pod is being ended."""
    awaiting_retry: Amount | None = None
    """awaitingRetry is the number of tasks between two attempts."""
    awaiting_approval: Amount | None = None
    """awaitingApproval is the number of tasks that ask a person."""
    succeeded: Amount | None = None
    """succeeded is the number of tasks that succeeded."""
    failed: Amount | None = None
    """failed is the number of tasks that failed and are not tried again."""
    skipped: Amount | None = None
    """skipped is the number of tasks that were not to run."""
    upstream_failed: Amount | None = None
    """upstreamFailed is the number of tasks that could not run because of tasks before them."""


# Atomic, although rows have names: for a map list the API server records every field of every row
# in managedFields, which doubles the object; and nobody but the operator writes rows.
TaskRows = Annotated[tuple[TaskStatus, ...], *atomic_list(most=TASKS_MAX)]


class FulfilledRerun(Status):
    """A wish that the run runs again, which was fulfilled."""

    id: Word
    """id of the wish."""
    start_time: Time
    """startTime is when the run ran again for it."""
    content: Word | None = None
    """content is a digest of what it asked, by which it is known whether a wish with the same id asks
    for something else."""


class RerunStatus(Status):
    """What became of the wishes that the run runs again."""

    id: Word
    """id of the last one that was fulfilled; mark: and the id of a mark, if the run only went on
    because of one."""
    number: Amount
    """number is how often the run has run again, by a wish or because of a mark."""
    start_time: Time
    """startTime is when it last did."""
    tasks: Amount
    """tasks is how many tasks ran again then, or could run after a mark."""
    after: Reason | None = None
    """after is how the run had ended before that."""
    fulfilled: Annotated[tuple[FulfilledRerun, ...], *atomic_list(most=FULFILLED_RERUNS_MAX)] = ()
    """fulfilled lists the wishes that were, oldest first; none of them is fulfilled again. Only the
    last 20 are kept."""


class DAGRunStatus(Status):
    """What has become of the run."""

    observed_generation: Generation | None = None
    """observedGeneration is the metadata.generation that this status is about."""
    conditions: Conditions = ()
    """conditions has Succeeded, which is Unknown until the run is over, Finished, which is True
    once it is, RerunPending as long as the run is to run again and has not begun to, or is asked
    what would, and False if it is asked to by an id that is used up, and MarksPending if marks are
    still to be set, or name tasks that it does not have."""
    revision: ObjectNameRead | None = None
    """revision is the ControllerRevision of the DAG that the run keeps to."""
    dag_generation: Generation | None = None
    """dagGeneration is the DAG's metadata.generation that the revision was made of."""
    wait_time: Time | None = None
    """waitTime is since when the run waits for its DAG, if that is missing or not ready."""
    start_time: Time | None = None
    """startTime is when the run was admitted."""
    completion_time: Time | None = None
    """completionTime is when the run was over."""
    duration: Word | None = None
    """duration is, for people, how long the run took once it is over, such as 3m7s."""
    progress: Word | None = None
    """progress is, for people, the tasks that have succeeded and all there are, such as 7/12."""
    counts: Counts | None = None
    """counts is how many tasks are in which state."""
    retries: Amount | None = None
    """retries is how many attempts were not a task's first since the run began, or began again."""
    rerun: RerunStatus | None = None
    """rerun is the last wish to run again that was fulfilled."""
    mark: MarkStatus | None = None
    """mark is the last one of the run itself that was set by hand."""
    notifications: NotificationRows = ()
    """notifications is what people are told of the run, and what has become of that. Only the last
    few are kept."""
    slices: Amount | None = None
    """slices is how many DAGRunSlices hold the rows of a run that is too large for one object;
    tasks is empty then."""
    tasks: TaskRows = ()
    """tasks has a row for each task, in the order of the DAG."""


class DAGRun(Ruled, Spec):
    """A DAGRun is one execution of a DAG. It keeps to the spec that the DAG had when it started."""

    api_version: Literal["kubedag.dev/v1alpha1"] = "kubedag.dev/v1alpha1"
    kind: Literal["DAGRun"] = "DAGRun"
    metadata: Metadata = ObjectMeta()
    spec: DAGRunSpec
    """spec says which DAG runs, for which interval, and why."""
    status: DAGRunStatus | None = None
    """status is what has become of the run; only the operator writes it."""

    rules: ClassVar = (name_rule(LABEL_LENGTH_MAX),)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
