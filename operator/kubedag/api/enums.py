"""The words of the API: every value that a field may take from a fixed set."""

from __future__ import annotations

from enum import StrEnum


class TriggerRule(StrEnum):
    """What must be true of a task's upstreams for it to run: the twelve rules of Airflow."""

    ALL_SUCCEEDED = "AllSucceeded"
    ALL_FAILED = "AllFailed"
    ALL_DONE = "AllDone"
    ALL_DONE_MIN_ONE_SUCCEEDED = "AllDoneMinOneSucceeded"
    ALL_SKIPPED = "AllSkipped"
    ONE_FAILED = "OneFailed"
    ONE_SUCCEEDED = "OneSucceeded"
    ONE_DONE = "OneDone"
    NONE_FAILED = "NoneFailed"
    NONE_FAILED_MIN_ONE_SUCCEEDED = "NoneFailedMinOneSucceeded"
    NONE_SKIPPED = "NoneSkipped"
    ALWAYS = "Always"


class ConcurrencyPolicy(StrEnum):
    """What happens to a new run while as many runs are active as the DAG allows."""

    QUEUE = "Queue"
    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class Catchup(StrEnum):
    """Which of the intervals are run that were missed."""

    NONE = "None"
    LATEST = "Latest"
    ALL = "All"


class Reprocess(StrEnum):
    """Which runs that exist a Backfill runs again."""

    NONE = "None"
    FAILED = "Failed"
    COMPLETED = "Completed"


class BackfillOrder(StrEnum):
    """With which end of its range a Backfill begins."""

    OLDEST_FIRST = "OldestFirst"
    NEWEST_FIRST = "NewestFirst"


class IntervalState(StrEnum):
    """Where an interval of a Backfill stands."""

    PLANNED = "Planned"
    QUEUED = "Queued"
    ACTIVE = "Active"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"
    MIXED = "Mixed"


class RerunScope(StrEnum):
    """Which tasks of a finished run run again; `include` says what does beside them."""

    ALL = "All"
    FAILED = "Failed"
    TASKS = "Tasks"


class RerunInclude(StrEnum):
    """What runs again beside the tasks of a rerun's scope."""

    DOWNSTREAM = "Downstream"
    UPSTREAM = "Upstream"
    BOTH = "Both"
    NONE = "None"


class RerunRevision(StrEnum):
    """Which revision of its DAG a run goes by when it runs again."""

    NEWEST = "Newest"
    SAME = "Same"


class Shutdown(StrEnum):
    """How an active run is brought to its end by hand."""

    STOP = "Stop"
    TERMINATE = "Terminate"


class Verdict(StrEnum):
    """What a person says has become of a task, or, but for Skipped, of a run."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class Decision(StrEnum):
    """What a person answers to a task that asks for approval."""

    APPROVED = "Approved"
    REJECTED = "Rejected"


class OnDeadline(StrEnum):
    """What becomes of a task that nobody approved of in time."""

    FAIL = "Fail"
    SKIP = "Skip"


class RetryAction(StrEnum):
    """What a rule makes of a failed attempt."""

    RETRY = "Retry"
    FAIL = "Fail"
    SKIP = "Skip"
    SUCCEED = "Succeed"


class AvoidNodes(StrEnum):
    """Whether another attempt may go where one failed."""

    NEVER = "Never"
    PREFER = "Prefer"
    REQUIRE = "Require"


class SharedBy(StrEnum):
    """Which other namespaces a TaskPool is for."""

    LISTED = "Listed"
    ALL = "All"


class ImagePullPolicy(StrEnum):
    """The kubelet's choice of when to pull an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class KeepPods(StrEnum):
    """Which Pods of a finished run stay until the run itself is deleted."""

    NONE = "None"
    FAILED = "Failed"
    ALL = "All"


class RunType(StrEnum):
    """Why a run exists."""

    SCHEDULED = "Scheduled"
    CATCHUP = "Catchup"
    MANUAL = "Manual"
    BACKFILL = "Backfill"


class TaskState(StrEnum):
    """Where a task of a run stands; the last four are final."""

    WAITING = "Waiting"
    QUEUED = "Queued"
    PENDING = "Pending"
    RUNNING = "Running"
    TERMINATING = "Terminating"
    AWAITING_RETRY = "AwaitingRetry"
    AWAITING_APPROVAL = "AwaitingApproval"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    UPSTREAM_FAILED = "UpstreamFailed"


class AttemptState(StrEnum):
    """Where one attempt, which is one Pod, stands; the last two are final."""

    PENDING = "Pending"
    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class FailureClass(StrEnum):
    """Whose failure an attempt was, which decides what retries it: only a rule retries Config."""

    USER = "User"
    INFRA = "Infra"
    CONFIG = "Config"


class LogCapture(StrEnum):
    """When the end of an attempt's log is kept."""

    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class LogSource(StrEnum):
    """Where the kept end of a failed attempt's log was read."""

    POD_LOG = "PodLog"
    TERMINATION_MESSAGE = "TerminationMessage"
    NONE = "None"


class ConditionStatus(StrEnum):
    """The three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class NotificationEvent(StrEnum):
    """What people can be told of."""

    RUN_FAILED = "RunFailed"
    RUN_RECOVERED = "RunRecovered"
    RUN_SUCCEEDED = "RunSucceeded"
    TASK_FAILED = "TaskFailed"
    RUN_LATE = "RunLate"
    APPROVAL_WANTED = "ApprovalWanted"
    BACKFILL_DONE = "BackfillDone"


class NotificationState(StrEnum):
    """Where news stands that somebody is to get; the last two are final."""

    PENDING = "Pending"
    DELIVERED = "Delivered"
    FAILED = "Failed"


class MailSecurity(StrEnum):
    """How the connection to a mail server is protected."""

    START_TLS = "StartTLS"
    TLS = "TLS"
    NONE = "None"
