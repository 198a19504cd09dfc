"""How a run ended, from how its tasks ended.

A run fails if any task failed and that failure was not handled. A failure is handled when no task
downstream of it was blocked by it, and at least one of them succeeded under a rule that looks at
failures. So a clean-up under `AllDone` never makes a failed run green, and a fall-back under
`AllFailed` does. Airflow looks at the leaves only, and warns about it in its own documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import plan as plans
from kubedag.core import rows, states, stops, words

if TYPE_CHECKING:
    from collections.abc import Sequence

HANDLING_RULES: Final = frozenset(
    {"AllFailed", "OneFailed", "OneSucceeded", "AllDoneMinOneSucceeded"}
)
_NAMED_MAX: Final = 5


def unhandled(plan: plans.Plan, tasks: Sequence[rows.TaskRow]) -> tuple[int, ...]:
    """The indices of the failed tasks whose failure nothing handled."""
    return tuple(
        index
        for index, row in enumerate(tasks)
        if row.state == states.FAILED and _counts(plan, tasks, index)
    )


def _counts(plan: plans.Plan, tasks: Sequence[rows.TaskRow], index: int) -> bool:
    """A teardown is no part of the work, and nothing makes up for what fails at the very end."""
    task = plan.tasks[index]
    return not task.is_teardown and (task.final or not _handled(plan, tasks, index))


def _handled(plan: plans.Plan, tasks: Sequence[rows.TaskRow], index: int) -> bool:
    handled = False
    for below in plan.downstream[index]:
        state = tasks[below].state
        if state == states.UPSTREAM_FAILED:
            return False
        if state == states.SUCCEEDED and str(plan.tasks[below].rule) in HANDLING_RULES:
            handled = True
    return handled


def cut_off(tasks: Sequence[rows.TaskRow]) -> tuple[str, ...]:
    """The names of those that never ran because another had failed, which ended the run."""
    why = stops.RUN_FAILED_FAST
    return tuple(row.name for row in tasks if row.state == states.SKIPPED and row.reason == why)


def message(plan: plans.Plan, tasks: Sequence[rows.TaskRow]) -> str:
    """Which tasks failed and why, in one line."""
    failed = unhandled(plan, tasks)
    if not failed:  # with failFast, what another task would have made up for counts, too
        failed = tuple(index for index, row in enumerate(tasks) if row.state == states.FAILED)
    if not failed and (names := cut_off(tasks)):
        return rows.clip(f"failFast ended the run before {words.some_of(names)} could run")
    said = [_said(tasks[index]) for index in failed[:_NAMED_MAX]]
    more = len(failed) - len(said)
    if more:
        said.append(f"and {more} more")
    return rows.clip(f"{len(failed)} of {len(tasks)} tasks failed: " + ", ".join(said))


def _said(row: rows.TaskRow) -> str:
    why = row.message or row.reason
    times = f"after {row.tries} attempts" if row.tries > 1 else ""
    said = "; ".join(filter(None, (why, times)))
    return f"{row.name} ({said})" if said else row.name
