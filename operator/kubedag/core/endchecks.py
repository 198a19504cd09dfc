"""What can be wrong with the tasks at the end of a run: with `finally`, and with teardowns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.api.problems import Problem
from kubedag.core import graph, levels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubedag.api.task import Task

_OTHER_LIST: Final = {
    False: "must name a task of spec.tasks; {name!r} is one of spec.finally, which run after all these",
    True: "must name a task of spec.finally; {name!r} is one of spec.tasks, and done by then anyway",
}
"""By whether the task that depends on the other one is in `finally`."""


def crossings(tasks: Sequence[Task], body: int) -> Iterator[Problem]:
    """Tasks that depend on one of the other list; the first `body` are not in `finally`."""
    if body == len(tasks):
        return
    of_body = {task.name for task in tasks[:body]}
    of_finally = {task.name for task in tasks[body:]} - of_body
    for index, task in enumerate(tasks):
        final = index >= body
        other = of_body if final else of_finally
        for position, name in enumerate(task.depends_on):
            if name in other:
                path = f"{levels.path_of(index, body)}.dependsOn[{position}]"
                yield Problem(path, "OtherList", _OTHER_LIST[final].format(name=name))


def inside(upstream: graph.Edges, body: int) -> graph.Edges:
    """The edges without those from one list to the other."""
    if body == len(upstream):
        return upstream
    return tuple(
        tuple(end for end in ends if (end < body) == (node < body))
        for node, ends in enumerate(upstream)
    )


def teardowns(tasks: Sequence[Task], body: int, upstream: graph.Edges) -> Iterator[Problem]:
    """Teardowns that could not know when they are to run."""
    if not any(task.teardown_of for task in tasks):
        return
    order = graph.order(upstream, graph.reverse(upstream))
    if len(order) < len(tasks):
        return  # what is on a cycle is before and after everything on it
    place: dict[str, int] = {}
    for index, task in enumerate(tasks):
        place.setdefault(task.name, index)
    above = graph.closures(upstream, order)
    for index, task in enumerate(tasks):
        path = levels.path_of(index, body)
        for position, name in enumerate(task.teardown_of):
            at = f"{path}.teardownOf[{position}]"
            if name not in place:
                must = f"must name a task of this DAG; {name!r} is none"
                yield Problem(at, "UnknownUpstream", must)
            elif not above[index] >> place[name] & 1:
                must = f"must name a task in dependsOn, or one before those; {name!r} is none"
                yield Problem(at, "NotUpstream", must)
        if task.teardown_of and "trigger_rule" in task.model_fields_set:
            must = "must not be set beside teardownOf: a teardown has a rule of its own"
            yield Problem(f"{path}.triggerRule", "Contradiction", must)
