"""The shape of a DAG as integers: which task waits for which, in what order, and where it is no DAG.

A task is its position in the declaration, an edge list is a tuple of tuples. Nothing here knows
what a task does. Everything is iterative (a chain of ten thousand tasks is ten times as deep as
Python's stack) and linear or nearly so, since the whole graph is built for each new generation.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Edges = tuple[tuple[int, ...], ...]
"""For each node the nodes at the other end of its edges."""


class Fault(StrEnum):
    """Why names do not make a graph."""

    DUPLICATE_NAME = "DuplicateName"
    UNKNOWN_UPSTREAM = "UnknownUpstream"
    DUPLICATE_UPSTREAM = "DuplicateUpstream"
    SELF_UPSTREAM = "SelfUpstream"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One fault, at a task and, where an edge is at fault, at its position in the task's list."""

    fault: Fault
    task: int
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """The edges that names make, without those that are mistakes."""

    upstream: Edges
    mistakes: tuple[Mistake, ...]


def link(names: Sequence[str], depends_on: Sequence[Sequence[str]]) -> Links:
    """Resolve names to positions; of tasks with the same name the first one is meant."""
    index: dict[str, int] = {}
    mistakes: list[Mistake] = []
    for task, name in enumerate(names):
        if index.setdefault(name, task) != task:
            mistakes.append(Mistake(Fault.DUPLICATE_NAME, task))
    upstream: list[tuple[int, ...]] = []
    for task, wanted in enumerate(depends_on):
        found = tuple([index.get(name, task) for name in wanted])
        if task in found or len(set(found)) < len(found):
            mistakes.extend(_edge_mistakes(task, wanted, index))
            found = tuple(end for end in dict.fromkeys(found) if end != task)
        upstream.append(found)
    return Links(tuple(upstream), tuple(sorted(mistakes, key=_place)))


def _edge_mistakes(task: int, wanted: Sequence[str], index: dict[str, int]) -> Iterable[Mistake]:
    seen: set[str] = set()
    for position, name in enumerate(wanted):
        if name in seen:
            yield Mistake(Fault.DUPLICATE_UPSTREAM, task, position)
        elif name not in index:
            yield Mistake(Fault.UNKNOWN_UPSTREAM, task, position)
        elif index[name] == task:
            yield Mistake(Fault.SELF_UPSTREAM, task, position)
        seen.add(name)


def _place(mistake: Mistake) -> tuple[int, int]:
    return mistake.task, -1 if mistake.position is None else mistake.position


def reverse(edges: Edges) -> Edges:
    """The same edges seen from their other ends, each list in ascending order."""
    reversed_: list[list[int]] = [[] for _ in edges]
    for node, ends in enumerate(edges):
        for end in ends:
            reversed_[end].append(node)
    return tuple(map(tuple, reversed_))


def order(upstream: Edges, downstream: Edges) -> tuple[int, ...]:
    """A topological order, of those that may come next always the one declared first.

    Nodes on a cycle or behind one have no place in it, so it is shorter than the graph then.
    """
    missing = list(map(len, upstream))
    ready = [node for node, count in enumerate(missing) if not count]
    ordered: list[int] = []
    while ready:
        node = heapq.heappop(ready)
        ordered.append(node)
        for successor in downstream[node]:
            missing[successor] -= 1
            if not missing[successor]:
                heapq.heappush(ready, successor)
    return tuple(ordered)


def depth(upstream: Edges, ordered: Sequence[int]) -> tuple[int, ...]:
    """The number of edges on the longest way to each node from a node without upstreams."""
    depths = [0] * len(upstream)
    for node in ordered:
        ends = upstream[node]
        if ends:
            depths[node] = 1 + max([depths[end] for end in ends])
    return tuple(depths)


def reachable(edges: Edges, starts: Iterable[int]) -> frozenset[int]:
    """The nodes that a walk along the edges can enter; a start only if a way leads back to it.

    Along downstream edges these are the descendants, along upstream edges the ancestors.
    """
    entered: set[int] = set()
    pending = list(starts)
    while pending:
        for end in edges[pending.pop()]:
            if end not in entered:
                entered.add(end)
                pending.append(end)
    return frozenset(entered)


def closures(edges: Sequence[Sequence[int]], ordered: Iterable[int]) -> list[int]:
    """What `reachable` finds from each node, as numbers with a bit for each of those found.

    `ordered` has the nodes at the ends of edges first. Of ten thousand nodes with fifty thousand
    edges all are known in a tenth of a second.
    """
    reach = [0] * len(edges)
    for node in ordered:
        for end in edges[node]:
            reach[node] |= reach[end] | 1 << end
    return reach


def cycles(upstream: Edges, downstream: Edges, limit: int = 10) -> tuple[tuple[int, ...], ...]:
    """Cycles that share no node, at most `limit`: none exactly if the graph is a DAG.

    Each is given in the order in which its tasks would run, begins with its task declared first
    and is short: one of its tasks is on no shorter one.
    """
    found: list[tuple[int, ...]] = []
    missing = list(map(len, upstream))
    left = set(range(len(upstream)))
    _peel([node for node in left if not missing[node]], downstream, missing, left)
    while left and len(found) < limit:
        cycle = _shortest_through(min(_some_cycle(upstream, left)), downstream, left)
        first = cycle.index(min(cycle))
        found.append(cycle[first:] + cycle[:first])
        for node in cycle:
            missing[node] = 0
        _peel(list(cycle), downstream, missing, left)
    return tuple(found)


def _peel(ready: list[int], downstream: Edges, missing: list[int], left: set[int]) -> None:
    """Take away the ready nodes, and every node that has no upstream left because of that."""
    left.difference_update(ready)
    while ready:
        for successor in downstream[ready.pop()]:
            missing[successor] -= 1
            if not missing[successor] and successor in left:
                left.discard(successor)
                ready.append(successor)


def _some_cycle(upstream: Edges, left: set[int]) -> Sequence[int]:
    """Walk upwards from any node until a node repeats; each one left has an upstream left."""
    node = min(left)
    path: dict[int, None] = {}
    while node not in path:
        path[node] = None
        node = next(end for end in upstream[node] if end in left)
    walked = list(path)
    return walked[walked.index(node) :]


def _shortest_through(start: int, downstream: Edges, left: set[int]) -> tuple[int, ...]:
    """Search by breadth from a node that is known to be on a cycle until a way leads back to it."""
    came_from: dict[int, int] = {}
    queue = deque([start])
    while start not in came_from:
        node = queue.popleft()
        for end in downstream[node]:
            if end in left and end not in came_from:
                came_from[end] = node
                queue.append(end)
    path = [came_from[start]]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))
