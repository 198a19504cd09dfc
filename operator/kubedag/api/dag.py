"""A DAG: the definition of a pipeline, as a user keeps it in Git."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from kubedag.api.common import (
    DAG_NAME_LENGTH_MAX,
    TASKS_MAX,
    Amount,
    Conditions,
    Generation,
    Markdown,
    Metadata,
    ObjectMeta,
    Reason,
    Seconds,
    Spec,
    Status,
    Switch,
    Time,
    name_rule,
)
from kubedag.api.enums import ConcurrencyPolicy, KeepPods, LogCapture
from kubedag.api.lists import atomic_list
from kubedag.api.notification import Notifications
from kubedag.api.rules import Ruled
from kubedag.api.schedule import Schedule
from kubedag.api.task import Task, TaskTemplate

FINALLY_MAX: Final = 100
ObjectNameRead = Annotated[str, StringConstraints(max_length=253)]


class Retention(Spec):
    """How long what is finished stays in the cluster."""

    successful_runs: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 50
    """successfulRuns is how many succeeded runs are kept; the oldest go first."""
    failed_runs: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 50
    """failedRuns is how many failed runs are kept; the oldest go first."""
    ttl_seconds_after_finished: Annotated[int, Field(strict=True, ge=0, le=315_360_000)] = (
        2_592_000
    )
    """ttlSecondsAfterFinished is how long any finished run is kept."""
    keep_pods: KeepPods = KeepPods.FAILED
    """keepPods says which Pods of a finished run are kept for keptPodTtlSecondsAfterFinished:
    None, those of Failed attempts, or All."""
    pod_ttl_seconds_after_finished: Annotated[int, Field(strict=True, ge=0, le=315_360_000)] = 600
    """podTtlSecondsAfterFinished is how long after its run has finished a Pod stays that keepPods
    does not keep, so that its log can still be read."""
    kept_pod_ttl_seconds_after_finished: Annotated[
        int, Field(strict=True, ge=0, le=315_360_000)
    ] = 604_800
    """keptPodTtlSecondsAfterFinished is how long after its run has finished a Pod stays that
    keepPods keeps; a Pod goes with its run at the latest."""


MaskPattern = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class FailureLogs(Spec):
    """What is kept of the log of an attempt that failed."""

    capture: LogCapture = LogCapture.ON_FAILURE
    """capture says when the last 2 KiB of a log are kept in the status of the run: OnFailure, or
    Never, with which not even the termination message is."""
    mask_patterns: Annotated[tuple[MaskPattern, ...], *atomic_list(most=20)] = ()
    """maskPatterns are regular expressions, as RE2 knows them; whatever they match in logs, and in
    messages of the containers, becomes *** in the status and in Events."""


class DAGSpec(Spec):
    """What the pipeline does, and how many of its runs may be active."""

    description: Markdown | None = None
    """description says what the pipeline is for; Markdown."""
    suspend: Switch = False
    """suspend schedules no runs, and holds back those scheduled ones that have not started; active
    runs go on, and so do Manual ones and those of a Backfill."""
    schedule: Schedule | None = None
    """schedule says when the DAG runs by itself; without one, only by hand and in a Backfill."""
    suspend_after_consecutive_failures: (
        Annotated[int, Field(strict=True, ge=1, le=1000)] | None
    ) = None
    """suspendAfterConsecutiveFailures is after how many runs in a row that failed no further ones
    are scheduled, until a run succeeds or the DAG is changed."""
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.QUEUE
    """concurrencyPolicy says what becomes of a new run while maxActiveRuns are active: Queue lets
    it wait for its turn, Forbid skips it, Replace ends the oldest active one in its favour, and
    Allow starts it whatever maxActiveRuns says."""
    max_active_runs: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """maxActiveRuns is how many runs of this DAG may be active at once."""
    depends_on_past: Switch = False
    """dependsOnPast holds back a run until the run before it, by logicalTime, has succeeded."""
    timeout_seconds: Seconds | None = None
    """timeoutSeconds bounds a run from its start, retries included; without one, nothing does."""
    max_active_tasks: Annotated[int, Field(strict=True, ge=1, le=TASKS_MAX)] | None = None
    """maxActiveTasks is how many Pods of one run may exist at once; without one, nothing
    limits them."""
    max_active_tasks_across_runs: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = (
        None
    )
    """maxActiveTasksAcrossRuns is how many Pods of all runs of this DAG may exist at once; without
    one, nothing limits them."""
    fail_fast: Switch = False
    """failFast ends a run as soon as one of its tasks has failed for good: its other Pods are ended,
    and only what is to run at the end of any run still runs."""
    late_after_seconds: Annotated[int, Field(strict=True, ge=0, le=31_536_000)] | None = None
    """lateAfterSeconds is how long after the end of its interval a run may take to finish; one that
    takes longer is late, which its condition Late says. Without one, none is."""
    task_defaults: TaskTemplate | None = None
    """taskDefaults is what holds for every task that does not say otherwise."""
    # Atomic, although tasks have names: as a map list, 5,000 tasks no longer fit in an object, since
    # managedFields name every field of every task, and each write of a status costs ten times as
    # much. The price is that the API server does not see two tasks of one name; `core` does.
    tasks: Annotated[tuple[Task, ...], *atomic_list(least=1, most=TASKS_MAX)]
    """tasks are the nodes of the graph; their dependsOn fields are its edges."""
    finally_: Annotated[
        tuple[Task, ...], *atomic_list(most=FINALLY_MAX), Field(alias="finally")
    ] = ()
    """finally are tasks that run at the end of every run, once all others are done, have failed or
    were stopped. They may depend on each other, and on none of tasks."""
    notifications: Notifications = ()
    """notifications say who is told of what happens to the runs."""
    failure_logs: FailureLogs = FailureLogs()
    """failureLogs says what is kept of the logs of attempts that failed."""
    retention: Retention = Retention()
    """retention says how long finished runs and their Pods are kept."""


class LastRun(Status):
    """The run of the DAG that finished last."""

    name: ObjectNameRead
    """name of the DAGRun."""
    state: Reason
    """state in which it finished: the reason of its condition Succeeded."""
    completion_time: Time | None = None
    """completionTime is when it finished."""


class Interval(Status):
    """A stretch of time whose data one run processes."""

    start_time: Time
    """startTime is the first instant of the interval."""
    end_time: Time
    """endTime is the first instant after the interval."""


class NextRun(Interval):
    """The run that is scheduled next."""

    create_time: Time
    """createTime is when it will be created: at the end of its interval."""


class SkippedIntervals(Interval):
    """Intervals that follow each other and get no run."""

    intervals: Amount
    """intervals is how many there are."""
    reason: Reason
    """reason is one CamelCase word for why. All are listed in docs/reference/reasons.md."""
    skip_time: Time
    """skipTime is when that was decided."""


class DAGStatus(Status):
    """What the operator makes of the DAG."""

    observed_generation: Generation | None = None
    """observedGeneration is the metadata.generation that this status is about."""
    conditions: Conditions = ()
    """conditions has Ready, which is True if runs can be made of the spec as it is: a failed run
    does not change it; and, if the DAG has a schedule, Scheduled, which is False with a reason
    while no runs are scheduled."""
    revision: ObjectNameRead | None = None
    """revision is the ControllerRevision that new runs use: the last spec that was Ready."""
    revision_generation: Generation | None = None
    """revisionGeneration is the metadata.generation that this revision was made of."""
    task_count: Amount | None = None
    """taskCount is the number of tasks of that revision."""
    active_runs: Amount | None = None
    """activeRuns is how many runs have started and not finished."""
    queued_runs: Amount | None = None
    """queuedRuns is how many runs wait for their turn."""
    last_run: LastRun | None = None
    """lastRun is the run that finished last."""
    schedule: Annotated[str, StringConstraints(max_length=512)] | None = None
    """schedule is, for people, the cron expressions and the time zone."""
    next_run: NextRun | None = None
    """nextRun is the run that is scheduled next, if any is."""
    last_interval: Interval | None = None
    """lastInterval is the last interval that was handled: it has a run, or it was skipped. No
    scheduled run is created for it or for what was before it."""
    last_skipped: SkippedIntervals | None = None
    """lastSkipped are the intervals that were skipped last."""
    consecutive_failures: Amount | None = None
    """consecutiveFailures is how many of the last runs in a row failed, as
    suspendAfterConsecutiveFailures counts them."""
    failures_start_time: Time | None = None
    """failuresStartTime is from when on failures count: the DAG was changed then, after too many."""


class DAG(Ruled, Spec):
    """A DAG is a pipeline: tasks, each of them a Pod, and the order in which they run."""

    api_version: Literal["kubedag.dev/v1alpha1"] = "kubedag.dev/v1alpha1"
    kind: Literal["DAG"] = "DAG"
    metadata: Metadata = ObjectMeta()
    spec: DAGSpec
    """spec is what the pipeline does, as its author wants it."""
    status: DAGStatus | None = None
    """status is what the operator makes of it; it writes nothing else."""

    rules: ClassVar = (name_rule(DAG_NAME_LENGTH_MAX),)
