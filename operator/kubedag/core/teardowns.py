"""Tasks that take down what others have set up: when they run, and what runs again with them.

The meaning is Airflow's, but for one point: there, one of many setups is enough for a teardown to
run; here all that it names must have succeeded. A teardown is no part of the work. So its failure
neither fails the run nor blocks what comes after it, and a run that is stopped does not end it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kubedag.api.enums import TriggerRule
from kubedag.core import graph, rows, states, triggers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubedag.api.task import Task
    from kubedag.core import plan as plans

Tasks = tuple["plans.TaskPlan", ...]


# --- In the plan -----------------------------------------------------------------------------


def marked(tasks: Tasks, declared: Sequence[Task], index: Mapping[str, int]) -> Tasks:
    """The tasks, where teardowns know their setups and others which of their upstreams those are."""
    found = {task.index for task in tasks if task.is_teardown}
    if not found:
        return tasks
    return tuple(
        replace(
            task,
            setups=tuple(index[name] for name in dict.fromkeys(said.teardown_of)),
            teardowns=tuple(above for above in task.upstream if above in found),
        )
        for task, said in zip(tasks, declared, strict=True)
    )


def spared(tasks: Iterable[plans.TaskPlan]) -> frozenset[int]:
    """What runs also when the run is stopped."""
    return frozenset(task.index for task in tasks if task.final or task.is_teardown)


# --- When they run ---------------------------------------------------------------------------


def verdict(task: plans.TaskPlan, tasks: Sequence[rows.TaskRow]) -> tuple[triggers.Verdict, int]:
    """Whether a teardown runs, and how many tasks it waits for.

    It waits also for what it takes down, should that go on longer than what comes in between.
    """
    open_ = sum(
        tasks[above].state not in states.TERMINAL for above in {*task.upstream, *task.setups}
    )
    if open_:
        return triggers.Verdict.WAIT, open_
    return (triggers.Verdict.SKIP if undone(task, tasks) else triggers.Verdict.RUN), 0


def undone(task: plans.TaskPlan, tasks: Sequence[rows.TaskRow]) -> tuple[str, ...]:
    """The names of its setups that have not succeeded."""
    above = (tasks[setup] for setup in task.setups)
    return tuple(row.name for row in above if row.state != states.SUCCEEDED)


def why_skipped(task: plans.TaskPlan, tasks: Sequence[rows.TaskRow]) -> str:
    """Why a teardown does not run, or another task can no longer."""
    if not task.is_teardown:
        return f"{task.rule} can no longer hold"
    names = undone(task, tasks)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"nothing to take down: {', '.join(names[:3])}{more} did not succeed"


def verdict_after(
    task: plans.TaskPlan, tasks: Sequence[rows.TaskRow]
) -> tuple[triggers.Verdict, int]:
    """What the rule of a task says that depends on teardowns, and how many tasks it waits for.

    It waits for them, and they do not count, unless there is nothing else that could; then one that
    failed counts as if it had succeeded.
    """
    ends = [tasks[above].state for above in task.upstream if above not in task.teardowns]
    if not ends:
        ends = [tasks[above].state for above in task.upstream]
        ends = [states.SUCCEEDED if end == states.FAILED else end for end in ends]
    tally = triggers.Tally(
        ends.count(states.SUCCEEDED),
        ends.count(states.FAILED),
        ends.count(states.SKIPPED),
        ends.count(states.UPSTREAM_FAILED),
        len(ends),
    )
    said = triggers.evaluate(task.rule, tally)
    open_ = sum(tasks[above].state not in states.TERMINAL for above in task.upstream)
    waits = any(tasks[above].state not in states.TERMINAL for above in task.teardowns)
    if said is triggers.Verdict.RUN and waits and task.rule != TriggerRule.ALWAYS:
        said = triggers.Verdict.WAIT
    return said, open_


# --- What runs with them ---------------------------------------------------------------------


def with_both_ends(plan: plans.Plan, chosen: Iterable[int]) -> set[int]:
    """These tasks, and the setups and teardowns around any of them.

    Sets of tasks are numbers with a bit for each, since there may be thousands of pairs.
    """
    found = set(chosen)
    pairs = [(setup, task.index) for task in plan.tasks for setup in task.setups]
    if not pairs or not found:
        return found
    below = graph.closures(plan.downstream, reversed(plan.order))
    above = graph.closures([task.upstream for task in plan.tasks], plan.order)
    between = {pair: below[pair[0]] & above[pair[1]] for pair in pairs}
    again, grown = _bits(found), True
    while grown:
        met = [pair for pair, inner in between.items() if inner & again]
        grown = bool(met)
        for pair in met:
            found.update(pair)
            again |= _bits(pair)
            del between[pair]
    return found


def _bits(tasks: Iterable[int]) -> int:
    found = 0
    for task in tasks:
        found |= 1 << task
    return found
