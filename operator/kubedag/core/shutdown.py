"""Whether a run must end before its tasks have: because of a person, of time, of another run, of itself.

What is asked for counts from the moment at which it is seen, but what is to run at the end of a
stopped run starts only once it is stored that it was stopped. Nobody who looks later can then take
the run for one that goes on, also if the wish has been withdrawn in the meantime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.api.enums import Shutdown
from kubedag.core import actions, admission, instants, marks, reasons_elsewhere, states, stops

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import rows
    from kubedag.core import snapshot as snapshots
    from kubedag.core.step import Step

TIDYING_SECONDS_MAX: Final = 600
"""How long an attempt at the end of a stopped run may take that has no limit of its own."""

UNSTARTED: Final = {
    Shutdown.STOP.value: reasons_elsewhere.STOPPED.name,
    Shutdown.TERMINATE.value: reasons_elsewhere.TERMINATED.name,
}
"""What a run says that is shut down before it has started."""


def why(
    snap: snapshots.RunSnapshot, plan: plans.Plan, started: str, now: datetime
) -> tuple[str, datetime | None]:
    """Why the run must end before its tasks have, and when time alone will make it so."""
    known = stops.recorded(snap.status)
    if stops.RUN_TERMINATED in (known, _ASKED.get(snap.run.shutdown)):
        return stops.RUN_TERMINATED, None
    marked = stops.RUN_MARKED if marks.of_run(snap.run, snap.status) else ""
    asked = known or marked or _ASKED.get(snap.run.shutdown, "")
    if asked:
        return asked, None
    if admission.replaced_by(snap.run, snap.peers, plan):
        return stops.RUN_REPLACED, None
    if plan.timeout_seconds is None:
        return "", None
    deadline = instants.deadline(started, plan.timeout_seconds)
    return (stops.RUN_TIMED_OUT, None) if now >= deadline else ("", deadline)


_ASKED: Final = {
    Shutdown.STOP.value: stops.RUN_STOPPED,
    Shutdown.TERMINATE.value: stops.RUN_TERMINATED,
}


def fails_fast(step: Step) -> bool:
    """Must the run end because a task has failed for good, while others could still go on?

    What is to run at the end of any run neither makes it end sooner nor is ended by that.
    """
    if not step.plan.fail_fast or step.stop_reason:
        return False
    spared = step.plan.spared
    seen = {row.state for index, row in enumerate(step.tasks) if index not in spared}
    return states.FAILED in seen and not seen <= states.TERMINAL


def failures(step: Step) -> dict[int, rows.TaskRow]:
    """What has failed: also where nobody approved, which a run that ends does not ask any more."""
    return {index: row for index, row in enumerate(step.tasks) if row.state == states.FAILED}


def hold_back(step: Step) -> None:
    """Create nothing as long as it is not stored that the run is stopped."""
    if stops.recorded(step.snap.status) != step.stop_reason:
        step.actions = [one for one in step.actions if not isinstance(one, actions.CreatePod)]
