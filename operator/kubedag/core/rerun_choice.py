"""Which tasks of a run run again: those that a wish chooses, beside them what it includes, and the rest.

The rest is what has no result that could stay: tasks that have not come to an end, and those that
could not run because of what runs again now. Nothing else is touched, above all nothing that has
succeeded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.api.enums import RerunInclude, RerunScope
from kubedag.core import (
    finals,
    graph,
    reasons,
    reasons_elsewhere,
    rows,
    snapshot,
    states,
    teardowns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from collections.abc import Set as AbstractSet

    from kubedag.core import plan as plans

# --- What a scope means ----------------------------------------------------------------------


def _all(_row: rows.TaskRow, _status: rows.RunStatus, _wish: snapshot.RerunRequest) -> bool:
    return True


def _failed(row: rows.TaskRow, status: rows.RunStatus, _wish: snapshot.RerunRequest) -> bool:
    return row.state == states.FAILED or could_not_run(row, status)


def _named(row: rows.TaskRow, _status: rows.RunStatus, wish: snapshot.RerunRequest) -> bool:
    return row.name in wish.tasks


SCOPES: Final[
    Mapping[str, Callable[[rows.TaskRow, rows.RunStatus, snapshot.RerunRequest], bool]]
] = {RerunScope.ALL: _all, RerunScope.FAILED: _failed, RerunScope.TASKS: _named}


def could_not_run(row: rows.TaskRow, status: rows.RunStatus) -> bool:
    """Had it no chance to run? A rule or a person that skipped a task has judged, an end has not."""
    if row.state == states.UPSTREAM_FAILED:
        return True
    if row.state != states.SKIPPED or row.begun or row.reason in _JUDGED:
        return False
    if row.reason:
        return True
    # For want of room it does not say why; only a run that was ended skips without a rule.
    if row.mark is not None and row.mark.state == row.state:
        return False
    return not ended_by_itself(status)


def ended_by_itself(status: rows.RunStatus) -> bool:
    """Does how the run ended follow from its tasks?"""
    ended = status.condition(rows.SUCCEEDED_CONDITION)
    return ended is None or ended.reason in _ENDED_BY_ITSELF


_JUDGED: Final = frozenset(
    {
        reasons_elsewhere.TRIGGER_RULE.name,
        reasons_elsewhere.APPROVAL_TIMED_OUT.name,
        reasons.MARKED.name,
    }
)
"""Why a task was skipped as it should be."""
_ENDED_BY_ITSELF: Final = (reasons_elsewhere.SUCCEEDED.name, reasons_elsewhere.FAILED.name)

# --- What is included ------------------------------------------------------------------------

Included = frozenset[int] | set[int]


def _downstream(plan: plans.Plan, _meant: Included, begin: Included) -> AbstractSet[int]:
    return graph.reachable(plan.downstream, begin)


def _upstream(plan: plans.Plan, meant: Included, _begin: Included) -> AbstractSet[int]:
    return graph.reachable(tuple(task.upstream for task in plan.tasks), meant)


def _both(plan: plans.Plan, meant: Included, begin: Included) -> AbstractSet[int]:
    return _downstream(plan, meant, begin) | _upstream(plan, meant, begin)


def _none(_plan: plans.Plan, _meant: Included, _begin: Included) -> AbstractSet[int]:
    return frozenset()


INCLUDES: Final[Mapping[str, Callable[[plans.Plan, Included, Included], AbstractSet[int]]]] = {
    RerunInclude.DOWNSTREAM: _downstream,
    RerunInclude.UPSTREAM: _upstream,
    RerunInclude.BOTH: _both,
    RerunInclude.NONE: _none,
}
"""By the tasks of the scope, and by these with all that have not come to an end."""

# --- What runs again -------------------------------------------------------------------------


def chosen(
    plan: plans.Plan, status: rows.RunStatus, wish: snapshot.RerunRequest
) -> frozenset[int]:
    """The tasks of the plan that run again."""
    known = {row.name: row for row in status.tasks}
    is_meant = SCOPES[wish.scope]
    meant, begin = set(), set()
    for task in plan.tasks:
        row = known.get(task.name) or rows.TaskRow(task.name, states.WAITING)
        if is_meant(row, status, wish):
            meant.add(task.index)
        if task.index in meant or row.state not in states.TERMINAL:
            begin.add(task.index)
    again = begin | INCLUDES[wish.include](plan, meant, begin)
    return _with_what_follows(plan, status, known, again)


def _with_what_follows(
    plan: plans.Plan,
    status: rows.RunStatus,
    known: Mapping[str, rows.TaskRow],
    again: Collection[int],
) -> frozenset[int]:
    """With the tasks below that could not run: what they waited for gets another chance.

    What sets up and takes down around any of these goes with them, and so does what comes last.
    """
    found = set(again)
    for index in plan.order:
        task = plan.tasks[index]
        if index in found or not any(above in found for above in task.upstream):
            continue
        if could_not_run(known[task.name], status):
            found.add(index)
    return frozenset(finals.with_all(plan, teardowns.with_both_ends(plan, found)))
