"""The tasks of `finally`: they run once at the end of a run, whatever has become of it.

In the plan they come after all others, and no edge leads to them: ten thousand edges for each would
say the same. They depend on each other as other tasks do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import result, states, stops

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedag.core import plan as plans
    from kubedag.core.step import Step

WAITS: Final = "runs once all other tasks have ended"

SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
STOPPED: Final = "Stopped"

_STATES: Final = {
    stops.RUN_STOPPED: STOPPED,
    stops.RUN_REPLACED: STOPPED,
    stops.RUN_TIMED_OUT: FAILED,
    stops.RUN_FAILED_FAST: FAILED,
}


def may_run(step: Step) -> bool:
    """Have all tasks ended that are not final?"""
    states_ = {row.state for row in step.tasks[: step.plan.body]}
    return states_ <= states.TERMINAL


def have_begun(step: Step) -> bool:
    """Has any final task an attempt, or is one on its way?"""
    return any(row.begun or row.name in step.snap.creating for row in step.tasks[step.plan.body :])


def run_state(step: Step) -> str:
    """What a final task is told of the run so far, as KUBEDAG_RUN_STATE."""
    if step.stop_reason in _STATES:
        return _STATES[step.stop_reason]
    if not step.run_state:
        failed = any(index < step.plan.body for index in result.unhandled(step.plan, step.tasks))
        step.run_state = FAILED if failed else SUCCEEDED
    return step.run_state


def when_ended(step: Step, started: str) -> str:
    """When the last of the others ended, as far as that is recorded."""
    ends = (
        row.attempts[-1].finish_time or started
        for row in step.tasks[: step.plan.body]
        if row.begun
    )
    return max(ends, default=started)


def with_all(plan: plans.Plan, again: Iterable[int]) -> set[int]:
    """What runs again, if anything does: all final tasks do with it."""
    found = set(again)
    return found | set(range(plan.body, len(plan.tasks))) if found else found
