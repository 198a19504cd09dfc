"""The rest of the closed list of reasons: what is said of tasks without a Pod, of runs and of DAGs.

Kept apart from `reasons`, which is what a Pod can bring about, only for the length of the page.
"""

from __future__ import annotations

from typing import Final

from kubedag.core import reasons, reasons_backfill, reasons_limits, reasons_notices, reasons_retry
from kubedag.core.reasons import BACKFILL, DAG, EVENT, RUN, TASK, Reason


def _task(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(TASK,))


def _answer(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(TASK, EVENT))


def _run(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(RUN,))


def _dag(name: str, means: str) -> Reason:
    return Reason(name, means, said_of=(DAG, EVENT))


def _paused(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, f"in the condition Scheduled: {means}", remedy, said_of=(DAG, EVENT))


def _event(name: str, means: str) -> Reason:
    return Reason(name, means, said_of=(EVENT,))


# --- Tasks without a Pod ---------------------------------------------------------------------

UPSTREAM: Final = _task("Upstream", "it waits for tasks that it depends on to end")
MAX_ACTIVE_TASKS: Final = _task(
    "MaxActiveTasks", "the run has as many active tasks as it may", "raise maxActiveTasks"
)
CREATING_POD: Final = _task("CreatingPod", "its Pod is being created")
SUSPENDED: Final = Reason(
    "Suspended",
    "spec.suspend is true; what has started goes on",
    "set it to false",
    said_of=(TASK, RUN, DAG, BACKFILL, EVENT),
)
WAITING_FOR_QUOTA: Final = _task(
    "WaitingForQuota",
    "a ResourceQuota of the namespace is used up; kubedag asks again, and no attempt is used up",
    "raise the quota, or lower maxActiveTasks",
)
WAITING_FOR_SERVICE_ACCOUNT: Final = _task(
    "WaitingForServiceAccount",
    "the ServiceAccount is missing; after 2 minutes the attempt fails",
    "create it, or mend serviceAccountName",
)
OPERATOR_NOT_ALLOWED: Final = _task(
    "OperatorNotAllowed",
    "kubedag lacks the right to create Pods in the namespace",
    "look at the chart's rbac and watchNamespaces values",
)
WEBHOOK_UNAVAILABLE: Final = _task(
    "WebhookUnavailable",
    "an admission webhook does not answer, or failed",
    "mend the webhook that the message names",
)
API_UNREACHABLE: Final = _task("APIUnreachable", "the API server does not answer")
API_OVERLOADED: Final = _task("APIOverloaded", "the API server is overloaded or in trouble")
API_REFUSED: Final = Reason(
    "APIRefused",
    "the API server refused a Pod, or a Backfill's run, for the reason in the message",
    said_of=(TASK, BACKFILL),
)
CONFLICT: Final = _task("Conflict", "another change came first; kubedag asks again")
TRIGGER_RULE: Final = _task(
    "TriggerRule",
    "skipped: its triggerRule can no longer hold, as its upstreams have ended; or, of a teardown, a "
    "task that it takes down did not succeed",
)
UPSTREAM_FAILED: Final = _task(
    "UpstreamFailed", "a task that it depends on did not succeed, so it never ran"
)
AWAITING_APPROVAL: Final = Reason(
    "AwaitingApproval",
    "the task asks a person, or the run goes on only once one has answered",
    "answer in spec.approvals, if you may",
    said_of=(TASK, RUN),
)
APPROVED: Final = _answer("Approved", "a person approved; the message says who and why")
REJECTED: Final = _answer("Rejected", "a person rejected; the message says who and why")
APPROVAL_TIMED_OUT: Final = _answer(
    "ApprovalTimedOut",
    "nobody answered within approval.deadlineSeconds; the task failed, or was skipped if onDeadline "
    "says so",
    "run it again, and it asks again",
)

# --- Runs ------------------------------------------------------------------------------------

QUEUED: Final = _run("Queued", "it waits for its turn by concurrencyPolicy and maxActiveRuns")
DEPENDS_ON_PAST: Final = _run(
    "DependsOnPast",
    "it waits for the run before it to succeed, as the DAG's dependsOnPast asks",
    "mend or delete the run that the message names",
)
DAG_SUSPENDED: Final = _run("DAGSuspended", "spec.suspend of the DAG is true", "set it to false")
DAG_NOT_FOUND: Final = Reason(
    "DAGNotFound",
    "there is no DAG of that name; a run waits for it for 10 minutes and then fails, a Backfill "
    "waits for as long as it takes",
    "create it",
    said_of=(TASK, RUN, BACKFILL),
)
DAG_NOT_READY: Final = Reason(
    "DAGNotReady",
    "the DAG has mistakes; a run waits for 10 minutes and then fails, a Backfill for as long as it "
    "takes",
    "kubectl describe the DAG",
    said_of=(TASK, RUN, BACKFILL),
)
RUNNING: Final = _run("Running", "its tasks are under way")
ACTIVE: Final = Reason(
    "Active", "said by the condition Finished until the end", said_of=(RUN, BACKFILL)
)
SUCCEEDED: Final = Reason(
    "Succeeded",
    "of a run: no task failed, or every failure was handled; of a Backfill: no run failed",
    said_of=(RUN, BACKFILL),
)
FAILED: Final = _run("Failed", "a task failed, and nothing handled that", "the message names it")
TIMED_OUT: Final = _run("TimedOut", "it took longer than the DAG's timeoutSeconds")
REPLACED: Final = _run("Replaced", "a newer run took its place, as concurrencyPolicy Replace asks")
STOPPED: Final = _run("Stopped", "somebody stopped it: spec.shutdown is, or was, Stop")
TERMINATED: Final = _run(
    "Terminated", "somebody terminated it: spec.shutdown is, or was, Terminate"
)
FAILED_FAST: Final = _run(
    "FailedFast",
    "a task failed, so the others are ended, as the DAG's failFast asks; the run then ends as Failed",
)
LATE: Final = _run(
    "Late",
    "in the condition Late: it had not finished lateAfterSeconds after the end of its interval",
)
FORBIDDEN: Final = Reason(
    "Forbidden",
    "other runs were active, and concurrencyPolicy is Forbid",
    "start a new run",
    said_of=(RUN, DAG),
)
MARKED_SUCCEEDED: Final = _run(
    "MarkedSucceeded", "somebody said in spec.mark that the run has succeeded"
)
MARKED_FAILED: Final = _run("MarkedFailed", "somebody said in spec.mark that the run has failed")
REVISION_NOT_FOUND: Final = Reason(
    "RevisionNotFound",
    "the ControllerRevision that it had started with is gone",
    "start a new run, or create another Backfill",
    said_of=(TASK, RUN, BACKFILL),
)
TASK_NOT_FOUND: Final = Reason(
    "TaskNotFound",
    "spec.tasks, spec.marks or the rerun that is asked for names a task that the DAG does not have",
    "mend the name; a run that has ended for this needs another one",
    said_of=(RUN, BACKFILL),
)
RUN_ACTIVE: Final = _run(
    "RunActive",
    "in the condition RerunPending: the run runs again once it has ended; in MarksPending: marks of "
    "its tasks are set then, because what is to run at the end of the run has begun",
)
DRY_RUN: Final = _run(
    "DryRun",
    "in the condition RerunPending: which tasks would run again; none does",
    "take spec.rerun.dryRun out, and they do",
)
ALREADY_DONE: Final = _run(
    "AlreadyDone",
    "in the condition RerunPending: spec.rerun has the id of a rerun that was done, which asked for "
    "something else; nothing runs again",
    "give it an id of its own",
)
SHUTDOWN_ASKED: Final = _run(
    "ShutdownAsked",
    "in the condition RerunPending: a run does not run again while spec.shutdown is set",
    "take it out",
)
PODS_ENDING: Final = Reason(
    "PodsEnding",
    "a task, or in the condition RerunPending its run, runs again once Pods of before have ended",
    said_of=(TASK, RUN),
)
ROWS_IN_SLICES: Final = _run(
    "RowsInSlices",
    "in the condition StatusTruncated: the rows of the tasks are in DAGRunSlices, which the message "
    "names",
)
DETAILS_LEFT_OUT: Final = _run(
    "DetailsLeftOut",
    "in the condition StatusTruncated: log tails or messages had to be left out for lack of room",
)

# --- DAGs ------------------------------------------------------------------------------------

ACCEPTED: Final = Reason("Accepted", "it is in order, and new runs use it", said_of=(DAG,))
CHECKING: Final = Reason("Checking", "the API server is asked about its Pods", said_of=(DAG,))
STORING: Final = Reason("Storing", "this generation is being stored for its runs", said_of=(DAG,))

SCHEDULED: Final = Reason(
    "Scheduled",
    "in the condition Scheduled: each interval gets its run when it has ended",
    said_of=(DAG,),
)
NOT_READY: Final = Reason(
    "NotReady",
    "in the condition Scheduled: the condition Ready says what is wrong",
    "mend the DAG",
    said_of=(DAG,),
)
TOO_MANY_FAILURES: Final = _paused(
    "TooManyFailures",
    "as many runs in a row failed as suspendAfterConsecutiveFailures allows",
    "mend what fails, and run the last one again, start one by hand or change the DAG",
)
ENDED: Final = _paused("Ended", "no further interval ends before schedule.endTime")
RUN_REFUSED: Final = _paused(
    "RunRefused",
    "the API server does not create the run that is due; kubedag asks again",
    "the message says why, such as a quota on count/dagruns.kubedag.dev",
)
TOO_MANY_QUEUED: Final = _paused(
    "TooManyQueued",
    "100 scheduled runs wait for their turn, so no more are created",
    "let more runs be active, or schedule fewer",
)

_SKIPS: Final = (
    ("CatchupNone", "they were missed, and schedule.catchup is None"),
    ("CatchupLatest", "they were missed, and of those schedule.catchup runs the Latest"),
    ("CatchupLimit", "more were missed than schedule.catchupLimit"),
    ("StartingDeadline", "they ended longer ago than schedule.startingDeadlineSeconds"),
    ("NameTaken", "another DAGRun, of another DAG or interval, has the name of theirs"),
)
"""Why intervals get no run."""

_MISTAKES: Final = (
    ("AboveLimit", "a request is above its limit"),
    ("BackoffOrder", "retry.backoffSeconds is above retry.backoffSecondsMax"),
    ("Contradiction", "two settings exclude each other"),
    ("Cycle", "tasks depend on each other in a circle"),
    ("Duplicate", "a name or a path is there twice"),
    ("DuplicateName", "two tasks have the same name"),
    ("DuplicateUpstream", "a task is named twice in dependsOn"),
    ("Invalid", "a value is not of the form that the message tells"),
    ("InvalidCron", "a cron expression cannot be read, or names days that never come"),
    ("InvalidImage", "the image's name is not a valid reference"),
    ("InvalidLabel", "the value of a label is not one"),
    ("InvalidName", "the name of a label, an annotation or a part of the Pod is not one"),
    (
        "InvalidPattern",
        "a pattern is no regular expression that kubedag takes, or too large a one",
    ),
    ("InvalidPodTemplate", "the API server takes no Pod of this podTemplate"),
    ("InvalidQuantity", "a quantity is not one, or is negative"),
    ("NoImage", "a task has no image, and taskDefaults has none"),
    ("NotJSON", "a value cannot be written as JSON"),
    ("NotJudged", "kubedag has a bug that this DAG meets; please report it"),
    ("NotSupported", "a value is none of those that are allowed"),
    ("NotYours", "a field of the podTemplate is set by kubedag itself"),
    ("NotUpstream", "teardownOf names a task that the teardown does not depend on"),
    ("OtherList", "dependsOn names a task of the other list: of tasks, or of finally"),
    ("Required", "a field is missing"),
    ("SelfUpstream", "a task depends on itself"),
    ("TooLarge", "a value is above what the API takes"),
    ("TooLong", "a text is longer than the API takes"),
    ("TooMany", "a list is longer than the API takes"),
    ("TooShort", "a text is shorter than the API takes"),
    ("TooSmall", "a value is below what the API takes"),
    ("Unknown", "there is no such field"),
    ("UnknownResource", "there is no such resource, and its name is in no domain of its own"),
    ("UnknownTimeZone", "there is no such time zone"),
    ("UnknownUpstream", "dependsOn or teardownOf names a task that is not there"),
    ("UnknownVolume", "volumeMounts names a volume that is not there"),
    ("WrongType", "a value is of another type"),
)

# --- Events ----------------------------------------------------------------------------------

RUN_STARTED: Final = _event("RunStarted", "the run has started")
RUN_RERUN: Final = _event(
    "RunRerun", "the run runs again as spec.rerun asks, or goes on after a mark"
)
RUN_SUCCEEDED: Final = _event("RunSucceeded", "the run has succeeded")
RUN_LATE: Final = _event("RunLate", "the run is late, as the DAG's lateAfterSeconds has it")
TASK_RETRY_SCHEDULED: Final = _event("TaskRetryScheduled", "an attempt failed; there is another")
TASK_WAITING: Final = _event(
    "TaskWaiting", "a person may have to do something for a task to start"
)
TASK_FAILED: Final = _event("TaskFailed", "a task failed for good; with the end of its log")
APPROVAL_WANTED: Final = _event("ApprovalWanted", "a task asks a person for approval")
TASK_MARKED: Final = _event(
    "TaskMarked", "somebody said in spec.marks what has become of a task: who, and why"
)
RUN_MARKED: Final = _event(
    "RunMarked", "somebody said in spec.mark what has become of the run: who, and why"
)
MORE_EVENTS: Final = _event("MoreEvents", "more changed at once than is told one by one")
POD_LABELS_RESTORED: Final = _event(
    "PodLabelsRestored",
    "somebody had changed the labels or the owner of a Pod, by which it is found",
)
ROWS_LOST: Final = _event(
    "RowsLost",
    "DAGRunSlices of the run are gone: what became of their tasks is only known by their Pods, and"
    " those of which there is none run again",
)
DAG_ACCEPTED: Final = _event("DAGAccepted", "a generation of a DAG is in order; new runs use it")

SCHEDULE_CHANGED: Final = _event("ScheduleChanged", "a DAG has got another schedule")
SCHEDULE_RESUMED: Final = _event("ScheduleResumed", "runs of a DAG are scheduled again")
INTERVALS_SKIPPED: Final = _event("IntervalsSkipped", "intervals of a DAG get no run")

ENDS_OF_RUNS: Final = (
    FAILED, TIMED_OUT, REPLACED, STOPPED, TERMINATED, FORBIDDEN, DAG_NOT_FOUND, DAG_NOT_READY,
    REVISION_NOT_FOUND, TASK_NOT_FOUND,
)  # fmt: skip
"""Each is told as an Event, too: `Run` and the reason."""

ELSEWHERE: Final[tuple[Reason, ...]] = (
    *(value for value in tuple(globals().values()) if isinstance(value, Reason)),
    *(_dag(name, means) for name, means in (*_MISTAKES, *reasons_retry.MISTAKES)),
    *reasons_retry.OF_RULES,
    *reasons_limits.OF_LIMITS,
    *(Reason(name, f"in lastSkipped: {means}", said_of=(DAG,)) for name, means in _SKIPS),
    *(_event(f"Run{end.name}", f"the run has ended as {end.name}") for end in ENDS_OF_RUNS),
    *reasons_backfill.OF_BACKFILLS,
    *reasons_notices.OF_NOTICES,
)

ALL: Final[tuple[Reason, ...]] = (*reasons.OF_ATTEMPTS, *ELSEWHERE)
"""The whole list; a name can be there twice if an Event has the name of a reason."""


def said_of(kind: str) -> tuple[Reason, ...]:
    """The reasons that are said of attempts, tasks, runs, DAGs or in Events, in their order."""
    return tuple(reason for reason in ALL if kind in reason.said_of)
