"""The closed set of things a decision can ask for: one intended API call each.

The executor matches on the type and knows nothing of workflows; a new action is a type error there
until it is handled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import (
        audience,
        backfill_plan,
        backfill_rows,
        letters,
        limits,
        podretry,
        pool_rows,
        rows,
    )


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create the Pod of one attempt; its name is the lock."""

    name: str
    task_index: int
    attempt: int
    amendment: podretry.Amendment | None = None
    """By what it differs from that of the first attempt."""
    run_state: str = ""
    """What the task is told has become of its run so far, if it is one of those at its end."""


@dataclass(frozen=True, slots=True)
class DeletePod:
    """End one Pod, provided that it is still as it was when that was decided."""

    name: str
    uid: str
    resource_version: str = ""
    sure: bool = True
    """Otherwise only if the run is still as it is known, too."""


@dataclass(frozen=True, slots=True)
class DeletePods:
    """Delete all ended Pods of a run in one call; `phase` limits it to that phase."""

    run_uid: str
    phase: str
    reruns: int = 0
    """How often the run has run again: Pods of the next time are spared, however late this is."""


@dataclass(frozen=True, slots=True)
class CaptureLog:
    """Read the end of a failed container's log while its Pod exists."""

    pod_name: str
    pod_uid: str
    container: str


@dataclass(frozen=True, slots=True)
class ConfirmGone:
    """Ask by name for a Pod that is no longer seen; if it is there after all, put it right.

    `uid` is empty where only the status tells of the Pod.
    """

    name: str
    uid: str
    task_index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ConfirmRevision:
    """Ask by name for the ControllerRevision of a run that is not seen: a watch may lag behind."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Read what the Warning Events of a Pod say that takes long to start."""

    pod_name: str
    pod_uid: str


@dataclass(frozen=True, slots=True)
class ReleasePod:
    """Take our finalizer off a Pod, provided that it is still as it was when that was decided."""

    name: str
    uid: str
    resource_version: str
    finalizers_left: tuple[str, ...] = ()
    sure: bool = True
    """Otherwise only if the run is still as it is known, too."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell somebody what is in the outbox, and stored there."""

    notice: audience.Notice
    key: str
    try_number: int
    letter: letters.Letter

    @property
    def id(self) -> audience.ID:
        """Of the news, in the outbox."""
        return (self.notice.name, self.key)


RunAction = (
    CreatePod
    | DeletePod
    | DeletePods
    | CaptureLog
    | ConfirmGone
    | ConfirmRevision
    | ReadEvents
    | ReleasePod
)


@dataclass(frozen=True, slots=True)
class Note:
    """A Kubernetes Event to record once the status that it speaks of is stored."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RunDecision:
    """What to do about a run now, what its status should say, and when to look again."""

    status: rows.RunStatus
    actions: tuple[RunAction, ...] = ()
    wake_at: datetime | None = None
    urgent: bool = False
    """The status is worth a write now; otherwise it may wait for the next one."""
    notify: tuple[Notify, ...] = ()
    """Whom to tell of what; of what is stored only."""
    waiters: tuple[limits.Waiter, ...] = ()
    """Its tasks that only limits keep from starting which it shares with other runs."""


@dataclass(frozen=True, slots=True)
class TryPod:
    """Ask the API, without creating anything, whether it would take this Pod."""

    key: str
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CreateRevision:
    """Store the DAG's spec under a name that follows from its content."""

    name: str
    generation: int


@dataclass(frozen=True, slots=True)
class DeleteRevision:
    """Forget a revision that no run uses any more."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Delete a run: one that the DAG need not keep, or one of a Backfill that is not to start."""

    name: str
    uid: str
    unstarted: bool = False
    """Only if it is still as it was when that was decided: not started."""


@dataclass(frozen=True, slots=True)
class CreateRun:
    """Create the run of an interval of the DAG; its name is the lock. Times are RFC 3339 in UTC."""

    name: str
    run_type: str
    start_time: str
    end_time: str
    backfill: str = ""
    backfill_uid: str = ""
    tasks: tuple[str, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    """Names and values."""


DAGAction = TryPod | CreateRevision | DeleteRevision | DeleteRun | CreateRun


@dataclass(frozen=True, slots=True)
class RequestRerun:
    """Ask that a finished run runs again, provided that nobody has asked that in the meantime."""

    name: str
    uid: str
    id: str
    scope: str
    tasks: tuple[str, ...] = ()
    revision: str = "Newest"


@dataclass(frozen=True, slots=True)
class WithdrawRerun:
    """Take back the wish with that id, provided that it is still there and nothing came of it."""

    name: str
    uid: str
    id: str


BackfillAction = CreateRun | DeleteRun | RequestRerun | WithdrawRerun


@dataclass(frozen=True, slots=True)
class BackfillDecision:
    """What to do about a Backfill now, what its status should say, and when to look again."""

    status: backfill_rows.BackfillStatus
    actions: tuple[BackfillAction, ...] = ()
    wake_at: datetime | None = None
    sketch: backfill_plan.Sketch | None = None
    """The plan that it needs, to be made if it is not; without one, none is kept."""
    notify: tuple[Notify, ...] = ()
    """Whom to tell of what; of what is stored only."""


@dataclass(frozen=True, slots=True)
class PoolDecision:
    """What the status of a TaskPool should say; nothing else is ever done about one."""

    status: pool_rows.PoolStatus


@dataclass(frozen=True, slots=True)
class DAGDecision:
    """What to do about a DAG now; `status` is None when there is no DAG to have one."""

    status: rows.DAGStatus | None
    actions: tuple[DAGAction, ...] = ()
    wake_at: datetime | None = None
