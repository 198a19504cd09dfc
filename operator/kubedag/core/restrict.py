"""A plan of which only some tasks are left: those that a run is limited to, and all that depend on them.

With a task there stays what sets up and takes down around it, and what runs at the end of any run.
To whoever decides it is a plan like any other: what it leaves out does not exist, and neither do
the edges from there, so that the first of the tasks that are left begin at once.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from kubedag.core import finals, graph, teardowns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubedag.core import plan as plans


def unknown(plan: plans.Plan, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that no task of the plan has, in their order, each once."""
    return tuple(dict.fromkeys(name for name in names if name not in plan.index))


def restricted(plan: plans.Plan, names: Sequence[str]) -> plans.Plan:
    """The plan of these tasks and of what goes with them; without any name, the plan itself.

    A name that the plan does not have is passed over: `unknown` tells of it.
    """
    if not names:
        return plan
    chosen = [plan.index[name] for name in names if name in plan.index]
    below = {*chosen, *graph.reachable(plan.downstream, chosen)}
    kept = sorted(finals.with_all(plan, teardowns.with_both_ends(plan, below)))
    place = {old: new for new, old in enumerate(kept)}
    tasks = tuple(_moved(plan.tasks[old], place) for old in kept)
    upstream = tuple(task.upstream for task in tasks)
    downstream = graph.reverse(upstream)
    order = graph.order(upstream, downstream)
    return replace(
        plan,
        tasks=tasks,
        index=MappingProxyType({task.name: task.index for task in tasks}),
        order=order,
        downstream=downstream,
        depth=graph.depth(upstream, order),
        body=sum(old < plan.body for old in kept),
        spared=teardowns.spared(tasks),
    )


def _moved(task: plans.TaskPlan, place: Mapping[int, int]) -> plans.TaskPlan:
    """The task at its new place, without what has none."""
    return replace(
        task,
        index=place[task.index],
        upstream=tuple(place[above] for above in task.upstream if above in place),
        setups=tuple(place[setup] for setup in task.setups if setup in place),
        teardowns=tuple(place[above] for above in task.teardowns if above in place),
    )
