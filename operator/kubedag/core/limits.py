"""Who may start, where several runs keep to one limit: a pool, or so many Pods of a DAG, a namespace, all.

Whoever decides about a run goes through all who wait, in one order, and gives each what it needs of
what is free; a task of that run starts if it is reached with enough left. Runs that are
decided one after the other never take more than there is, so no lock is needed, and nothing is
stored but since when a task waits.

The order is by priority, where 300 seconds of waiting are worth one, so that nobody waits for ever;
then by the run's own order, then by depth. It does not change as time goes by.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import instants, reasons_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import reasons
    from kubedag.core import snapshot as snapshots

LimitKey = tuple[str, ...]
"""The kind of the limit, then the names of what it is of."""

POOL: Final = "pool"
TASK: Final = "task"
DAG: Final = "dag"
NAMESPACE: Final = "namespace"
OPERATOR: Final = "operator"

FULL: Final[Mapping[str, reasons.Reason]] = {
    POOL: reasons_limits.POOL_FULL,
    TASK: reasons_limits.MAX_ACTIVE_ACROSS_RUNS,
    DAG: reasons_limits.MAX_ACTIVE_TASKS_ACROSS_RUNS,
    NAMESPACE: reasons_limits.MAX_ACTIVE_TASKS_OF_NAMESPACE,
    OPERATOR: reasons_limits.MAX_ACTIVE_TASKS_OF_OPERATOR,
}
"""What is said where there is no room, by the kind of the limit."""

SECONDS_PER_PRIORITY: Final = 300
PATIENCE_SECONDS: Final = 1800
"""After that, the first in line keeps what it has got of one limit while it waits for another."""
PLACES_TOLD_MAX: Final = 10

Order = tuple[int, tuple[str, str, str], int, int, str, str]


class Want(NamedTuple):
    """So much of a limit. How large a pool is, the pool says; the others come with their size."""

    key: LimitKey
    slots: int = 1
    size: int | None = None


Kind = tuple[str, tuple[Want, ...]]
"""A namespace, and what is wanted there."""


class Waiter(NamedTuple):
    """A task that could start, were it not for limits that runs share."""

    order: Order
    """Its place among all; no two have the same."""
    run_uid: str
    run: str
    namespace: str
    task: str
    since: str
    wants: tuple[Want, ...]

    @property
    def kind(self) -> Kind:
        """Those of one kind could all start if one of them can, and there is enough."""
        return self.namespace, self.wants


class Pool(NamedTuple):
    """A TaskPool: how large it is, and which namespaces may use it beside its own."""

    slots: int
    namespaces: frozenset[str] | None = frozenset()
    """None stands for all."""


class Obstacle(NamedTuple):
    """What keeps a task from starting."""

    reason: reasons.Reason
    want: Want
    size: int = 0


class Bounds(NamedTuple):
    """What whoever installs the operator limits; None is no limit."""

    operator: int | None = None
    namespace: int | None = None


UNBOUNDED: Final = Bounds()


@dataclass(frozen=True, slots=True)
class View:
    """All that a run needs to know of the limits that it shares with others, and of who waits."""

    rules: plans.Plan
    """The DAG as it is now, if it is ready: limits between its runs are not pinned."""
    used: Callable[[LimitKey], int]
    """How much is taken now, by Pods that may be alive and by creations under way."""
    bounds: Bounds = UNBOUNDED
    pools: Mapping[tuple[str, str], Pool] = field(default_factory=dict)
    """By namespace and name."""
    lines: Sequence[Sequence[Waiter]] = ()
    """All who wait, by what they want, each line in order; those of this run as they were last."""
    since: Mapping[str, str] = field(default_factory=dict)
    """Since when tasks of this run wait, by name."""
    has_places: Callable[[str], bool] = lambda _pod: False
    """Has a Pod of the run, by its name, the places that it would ask for?"""


def wants(task: plans.TaskPlan, run: snapshots.RunFacts, view: View) -> tuple[Want, ...]:
    """What a task needs of limits that runs share; the one that is told first comes first."""
    found: list[Want] = []
    if task.pool is not None:
        home = task.pool.namespace or run.namespace
        found.append(Want((POOL, home, task.pool.name), task.pool.slots or 1))
    rules, dag = view.rules, run.dag_name
    ruled = rules.tasks[rules.index[task.name]] if task.name in rules.index else task
    if ruled.max_active_across_runs is not None:
        most = ruled.max_active_across_runs
        found.append(Want((TASK, run.namespace, dag, task.name), 1, most))
    if rules.max_active_tasks_across_runs is not None:
        found.append(Want((DAG, run.namespace, dag), 1, rules.max_active_tasks_across_runs))
    if view.bounds.namespace is not None:
        found.append(Want((NAMESPACE, run.namespace), 1, view.bounds.namespace))
    if view.bounds.operator is not None:
        found.append(Want((OPERATOR,), 1, view.bounds.operator))
    return tuple(found)


def waiter(
    task: plans.TaskPlan, plan: plans.Plan, run: snapshots.RunFacts, since: str, view: View
) -> Waiter:
    """A task as one of those that wait; it wants nothing if it keeps to no limit that runs share."""
    rank = int(instants.parse(since).timestamp()) // SECONDS_PER_PRIORITY - task.priority
    order = (rank, run.order, plan.depth[task.index], task.index, run.namespace, run.uid)
    return Waiter(
        order, run.uid, run.name, run.namespace, task.name, since, wants(task, run, view)
    )


class Book:
    """What is left of all limits, while those who wait are gone through in their order."""

    __slots__ = ("_closed", "_kept", "_now", "_pools", "_taken", "_used")

    def __init__(
        self, used: Callable[[LimitKey], int], pools: Mapping[tuple[str, str], Pool], now: datetime
    ) -> None:
        self._used = used
        self._pools = pools
        self._now = now
        self._taken: dict[LimitKey, int] = {}
        self._closed: set[LimitKey] = set()
        """Of these, nobody gets any more: somebody before them waits for more than is free."""
        self._kept: set[LimitKey] = set()

    def admit(self, one: Waiter) -> Obstacle | None:
        """Give a waiter what it wants, or say what is in its way; to be asked in order."""
        short: list[Obstacle] = []
        for want in one.wants:
            size = self._size(want, one)
            if isinstance(size, Obstacle):
                return size  # which blocks nobody else
            if want.key in self._closed or self._left(want.key, size) < want.slots:
                short.append(Obstacle(FULL[want.key[0]], want, size))
        if not short:
            self._take(one.wants)
            return None
        lacking = {obstacle.want.key for obstacle in short}
        if self._insists(one):
            self._kept.update(want.key for want in one.wants)
            self._closed |= lacking
            self._take([want for want in one.wants if want.key not in lacking])
        elif len(short) == 1:
            # Nothing else is in its way, so nobody behind it makes it wait for longer.
            self._closed |= lacking
        return short[0]

    def _size(self, want: Want, one: Waiter) -> int | Obstacle:
        if want.size is not None:
            return want.size
        _, home, name = want.key
        pool = self._pools.get((home, name))
        if pool is None:
            return Obstacle(reasons_limits.POOL_NOT_FOUND, want)
        shared = pool.namespaces is None or one.namespace in pool.namespaces
        if one.namespace != home and not shared:
            return Obstacle(reasons_limits.POOL_NOT_SHARED, want)
        if not pool.slots:
            return Obstacle(reasons_limits.POOL_PAUSED, want)
        if want.slots > pool.slots:
            return Obstacle(reasons_limits.POOL_TOO_SMALL, want, pool.slots)
        return pool.slots

    def _left(self, key: LimitKey, size: int) -> int:
        return size - self._used(key) - self._taken.get(key, 0)

    def _take(self, wanted: Sequence[Want]) -> None:
        for want in wanted:
            self._taken[want.key] = self._taken.get(want.key, 0) + want.slots

    def _insists(self, one: Waiter) -> bool:
        """Has it waited for so long that it keeps what it has got? One of each limit may."""
        waited = self._now - instants.parse(one.since)
        if waited.total_seconds() < PATIENCE_SECONDS:
            return False
        return not any(want.key in self._kept for want in one.wants)


class Line:
    """All who wait but those of one run, met in their order.

    Where one of a kind is not given what it wants, nobody of its kind behind it is asked.
    """

    def __init__(self, book: Book, lines: Sequence[Sequence[Waiter]], run_uid: str = "") -> None:
        self._book = book
        self._lines = lines
        self._run_uid = run_uid
        self._heads = [(line[0], number, 0) for number, line in enumerate(lines) if line]
        heapq.heapify(self._heads)
        self._held: dict[Kind, Obstacle] = {}

    def ask(self, one: Waiter) -> Obstacle | None:
        """Give a waiter what it wants, or say what is in its way; to be asked in order."""
        held = self._held.get(one.kind)
        if held is not None:
            return held
        obstacle = self._book.admit(one)
        if obstacle is not None:
            self._held[one.kind] = obstacle
        return obstacle

    def pass_before(self, order: Order | None = None) -> list[Waiter]:
        """Give to all who come before that place; returns those who could start now."""
        granted = []
        while self._heads and (order is None or self._heads[0][0].order < order):
            one, number, place = heapq.heappop(self._heads)
            if one.run_uid != self._run_uid:
                if self.ask(one) is not None:
                    continue
                granted.append(one)
            line = self._lines[number]
            if place + 1 < len(line):
                heapq.heappush(self._heads, (line[place + 1], number, place + 1))
        return granted


class Gate:
    """Lets the tasks of one run start, asked about one after the other in their order."""

    def __init__(self, view: View, run_uid: str, now: datetime) -> None:
        self._line = Line(Book(view.used, view.pools, now), view.lines, run_uid)
        self._view = view
        self._run_uid = run_uid
        self._own: dict[LimitKey, int] = {}

    def ask(self, one: Waiter) -> tuple[Obstacle, int] | None:
        """What is in its way and how many are before it there, at most one more than is told."""
        self._line.pass_before(one.order)
        obstacle = self._line.ask(one)
        if obstacle is None:
            return None
        key = obstacle.want.key
        own = self._own.get(key, 0)
        before = own + self._before(one, key, PLACES_TOLD_MAX + 1 - own)
        for want in one.wants:
            self._own[want.key] = self._own.get(want.key, 0) + 1
        return obstacle, before

    def _before(self, one: Waiter, key: LimitKey, most: int) -> int:
        found = 0
        for line in self._view.lines:
            if found >= most or not line or all(want.key != key for want in line[0].wants):
                continue
            for other in line:
                if other.order >= one.order or found >= most:
                    break
                found += other.run_uid != self._run_uid
        return found
