"""A plan of which only some tasks are left: those that a run is limited to, and all that depend on them.

To whoever decides it is a plan like any other: what it leaves out does not exist, and neither do
the edges from there, so that the first of the tasks that are left begin at once.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from kubedag.core import graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubedag.core import plan as plans


def unknown(plan: plans.Plan, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that no task of the plan has, in their order, each once."""
    return tuple(dict.fromkeys(name for name in names if name not in plan.index))


def restricted(plan: plans.Plan, names: Sequence[str]) -> plans.Plan:
    """The plan of these tasks and of all downstream of them; without any name, the plan itself.

    A name that the plan does not have is passed over: `unknown` tells of it.
    """
    if not names:
        return plan
    chosen = [plan.index[name] for name in names if name in plan.index]
    kept = sorted({*chosen, *graph.reachable(plan.downstream, chosen)})
    place = {old: new for new, old in enumerate(kept)}
    tasks = tuple(
        replace(
            plan.tasks[old],
            index=new,
            upstream=tuple(place[above] for above in plan.tasks[old].upstream if above in place),
        )
        for new, old in enumerate(kept)
    )
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
    )
