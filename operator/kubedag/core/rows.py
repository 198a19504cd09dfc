"""What the status of a run says, in the form in which it is stored.

These records are encoded to JSON as they stand (camelCase, defaults left out), so a status of
2,000 tasks costs a millisecond to write and to read. They are the durable memory of a run: whatever
a decision needs to know about the past is here or in a Pod, never in the operator.
"""

from __future__ import annotations

from typing import Final

import msgspec

LOG_TAIL_BYTES_MAX: Final = 2048
LOG_TAILS_OF_RUN_BYTES_MAX: Final = 128 * 1024
ATTEMPTS_KEPT_MAX: Final = 10
MESSAGE_CHARS_MAX: Final = 1024
REASON_CHARS_MAX: Final = 128


class Record(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One JSON object of a status."""


class LogTail(Record, frozen=True, omit_defaults=False):
    """The last lines of a failed container's log, and where they came from.

    Written out also when it is empty: the API requires a tail, and that there was nothing to read
    is an answer, too.
    """

    source: str
    tail: str = ""
    truncated: bool = False


class Attempt(Record, frozen=True):
    """One Pod of a task. Times are RFC 3339 in UTC with seconds."""

    number: int
    state: str
    reason: str = ""
    message: str = ""
    failure_class: str = msgspec.field(default="", name="class")
    exit_code: int | None = None
    node_name: str = ""
    pod_name: str = ""
    deps_met_time: str | None = None
    create_time: str | None = None
    ungate_time: str | None = None
    schedule_time: str | None = None
    start_time: str | None = None
    finish_time: str | None = None
    log: LogTail | None = None


class ApprovalRow(Record, frozen=True):
    """What a task asked a person, and what was answered."""

    message: str = ""
    due_time: str | None = None
    decision: str = ""
    by: str = ""
    comment: str = ""
    decision_time: str | None = None
    attempt: int = 0


class Mark(Record, frozen=True):
    """What a person said had become of a task or a run: the last mark that was set."""

    id: str
    state: str
    by: str = ""
    comment: str = ""
    mark_time: str | None = None


class TaskRow(Record, frozen=True):
    """Where one task stands. `attempts` holds the newest; the counters hold all."""

    name: str
    state: str
    reason: str = ""
    message: str = ""
    attempt: int = 0
    user_failures: int = 0
    infra_failures: int = 0
    out_of_memory: int = 0
    """How many of these attempts used more memory than they had."""
    next_attempt_time: str | None = None
    wait_time: str | None = None
    """Since when the API does not take the Pod, for what `reason` says."""
    earlier_attempts: int = 0
    """The number of the last attempt before its run was made to run again; of those after it, the
    counters tell, and the budgets of retries are for."""
    approval: ApprovalRow | None = None
    mark: Mark | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def begun(self) -> bool:
        """Has it had an attempt, since its run was made to run again?"""
        return bool(self.attempts) and self.attempts[-1].number > self.earlier_attempts

    @property
    def tries(self) -> int:
        """How many attempts there were, since its run was made to run again."""
        return max(0, self.attempt - self.earlier_attempts)


def unbegun(
    row: TaskRow, state: str, reason: str = "", message: str = "", wait_time: str | None = None
) -> TaskRow:
    """The row of a task without an attempt; what there was before its run ran again is kept."""
    if not row.earlier_attempts:
        return TaskRow(row.name, state, reason, message, wait_time=wait_time, mark=row.mark)
    return msgspec.structs.replace(
        row,
        state=state,
        reason=reason,
        message=message,
        user_failures=0,
        infra_failures=0,
        out_of_memory=0,
        next_attempt_time=None,
        wait_time=wait_time,
    )


class Condition(Record, frozen=True, omit_defaults=False):
    """A condition by the Kubernetes API conventions."""

    type: str
    status: str
    reason: str
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int = 0


class Counts(Record, frozen=True, omit_defaults=False):
    """How many tasks are in each state."""

    total: int = 0
    waiting: int = 0
    queued: int = 0
    pending: int = 0
    running: int = 0
    terminating: int = 0
    awaiting_retry: int = 0
    awaiting_approval: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    upstream_failed: int = 0


class FulfilledRerun(Record, frozen=True):
    """A wish to run again that was fulfilled."""

    id: str
    start_time: str
    content: str = ""
    """A digest of what it asked; empty if nobody knows any more."""


class Rerun(Record, frozen=True, omit_defaults=False):
    """The last wish to run again that was fulfilled, and how many were."""

    id: str
    number: int
    start_time: str
    tasks: int
    after: str = ""
    """How the run had ended before; the reason of its condition Succeeded."""
    fulfilled: tuple[FulfilledRerun, ...] = ()
    """The newest wishes that were, oldest first."""


class Notification(Record, frozen=True):
    """News of a run that somebody is to get, and what has become of that."""

    name: str
    event: str
    key: str
    state: str
    create_time: str
    task: str = ""
    attempt: int = 0
    failure_class: str = msgspec.field(default="", name="class")
    cause: str = ""
    message: str = ""
    log_tail: str = ""
    more: int = 0
    attempts: int = 0
    next_attempt_time: str | None = None
    reason: str = ""
    last_error: str = ""
    deliver_time: str | None = None


class RunStatus(Record, frozen=True):
    """The whole status of a DAGRun; written whole, never patched."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    revision: str = ""
    dag_generation: int = 0
    wait_time: str | None = None
    """Since when it waits for a DAG that is missing or not ready."""
    start_time: str | None = None
    completion_time: str | None = None
    duration: str = ""
    progress: str = ""
    retries: int | None = None
    counts: Counts | None = None
    rerun: Rerun | None = None
    mark: Mark | None = None
    notifications: tuple[Notification, ...] = ()
    slices: int = 0
    """How many further objects hold the rows; 0 if they are stored in here."""
    tasks: tuple[TaskRow, ...] = ()

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, or None."""
        for condition in self.conditions:
            if condition.type == type_:
                return condition
        return None

    @property
    def finished(self) -> bool:
        """True once the run has ended, for good; asked so often that one call is to be enough."""
        for condition in self.conditions:
            if condition.type == FINISHED:
                return condition.status == TRUE
        return False

    @property
    def succeeded(self) -> bool:
        """True once the run has ended well."""
        condition = self.condition(SUCCEEDED_CONDITION)
        return condition is not None and condition.status == TRUE


class LastRun(Record, frozen=True):
    """The run of a DAG that ended last."""

    name: str
    state: str
    completion_time: str | None = None


class Interval(Record, frozen=True):
    """From its start to just before its end."""

    start_time: str
    end_time: str


class NextRun(Record, frozen=True):
    """The run that is scheduled next."""

    start_time: str
    end_time: str
    create_time: str


class SkippedIntervals(Record, frozen=True):
    """Intervals that follow each other and get no run."""

    start_time: str
    end_time: str
    intervals: int
    reason: str
    skip_time: str


class DAGStatus(Record, frozen=True):
    """The whole status of a DAG."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    revision: str = ""
    revision_generation: int = 0
    task_count: int | None = None
    active_runs: int | None = None
    queued_runs: int | None = None
    last_run: LastRun | None = None
    schedule: str = ""
    next_run: NextRun | None = None
    last_interval: Interval | None = None
    last_skipped: SkippedIntervals | None = None
    consecutive_failures: int | None = None
    failures_start_time: str | None = None

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, or None."""
        for condition in self.conditions:
            if condition.type == type_:
                return condition
        return None


TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"
SUCCEEDED_CONDITION: Final = "Succeeded"
FINISHED: Final = "Finished"
READY: Final = "Ready"
SCHEDULED: Final = "Scheduled"
STATUS_TRUNCATED: Final = "StatusTruncated"
RERUN_PENDING: Final = "RerunPending"
LATE: Final = "Late"
MARKS_PENDING: Final = "MarksPending"


def set_condition(
    conditions: tuple[Condition, ...], new: Condition, now: str
) -> tuple[Condition, ...]:
    """Replace the condition of the same type; the transition time moves only with the status."""
    kept = []
    for old in conditions:
        if old.type != new.type:
            kept.append(old)
        elif old.status == new.status:
            now = old.last_transition_time or now
    kept.append(msgspec.structs.replace(new, last_transition_time=now))
    return tuple(sorted(kept, key=_condition_order))


_ORDER: Final = {
    LATE: 8,
    SUCCEEDED_CONDITION: 0,
    FINISHED: 1,
    RERUN_PENDING: 2,
    MARKS_PENDING: 3,
    READY: 4,
    SCHEDULED: 5,
    STATUS_TRUNCATED: 6,
}


def _condition_order(condition: Condition) -> int:
    return _ORDER.get(condition.type, 9)


def clip(text: str, chars_max: int = MESSAGE_CHARS_MAX) -> str:
    """Bound a message, keeping its beginning."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"
