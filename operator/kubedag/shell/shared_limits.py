"""The limits that runs share: what is taken of them, who waits, and who is woken when there is room.

A run that is decided is given all of this as a view, and says which of its tasks wait. Whatever
makes room has those who wait gone through once, and only the runs that get something are woken: a
thousand that wait for one slot cost one decision for each Pod that ends, and not a thousand.
"""

from __future__ import annotations

import bisect
import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from kubedag.core import actions, decide_pool, limits, naming, pods, pool_rows
from kubedag.shell import holders
from kubedag.shell.pools import PoolEntry, Pools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import snapshot
    from kubedag.shell.departed import Departed
    from kubedag.shell.entries import RunEntry

Key = tuple[str, str, str]
Name = tuple[str, str]

ROOM: Final[Key] = ("room", "", "")
"""The work queue's name for: there may be room for some who wait."""
PLACES_SECONDS: Final = 10.0
"""How often the first in line are looked at again, so that they say how many are before them."""


class SharedLimits:
    """All of them."""

    def __init__(
        self,
        wake: Callable[[Key], None],
        runs: Mapping[Name, RunEntry],
        departed: Departed,
        bounds: limits.Bounds = limits.UNBOUNDED,
    ) -> None:
        self._wake = wake
        self._bounds = bounds
        self.pools = Pools(wake, self._stir, departed)
        self.holders = holders.Holders(runs, self._freed, self._told)
        self._waiting: dict[str, tuple[limits.Waiter, ...]] = {}
        """By the run's UID, as the last decision on it has said."""
        self._lines: dict[tuple[str, tuple[limits.Want, ...]], list[limits.Waiter]] = {}
        self._wanted: frozenset[limits.LimitKey] = frozenset()
        self._places_told_at: datetime | None = None

    # --- What decisions are made from ----------------------------------------------------------

    def view(
        self, entry: RunEntry, plan: plans.Plan | None, current: plans.Plan | None
    ) -> limits.View | None:
        """What a run needs to know; None if its tasks share no limit with those of others."""
        rules = current or plan
        over = entry.status.finished and not entry.is_to_rerun
        if plan is None or rules is None or over:
            return None
        if not (plan.shares_limits or rules.shares_limits or any(self._bounds)):
            return None
        mine = self._waiting.get(entry.facts.uid, ())
        return limits.View(
            rules=rules,
            used=self.holders.used,
            bounds=self._bounds,
            pools=self.pools.known,
            lines=tuple(self._lines.values()),
            since={one.task: one.since for one in mine},
            has_places=functools.partial(self.holders.has_places, entry.facts.namespace),
        )

    def pool_snapshot(self, entry: PoolEntry) -> decide_pool.PoolSnapshot:
        """A pool, and who has to do with it."""
        key = (limits.POOL, entry.namespace, entry.name)
        return decide_pool.PoolSnapshot(
            namespace=entry.namespace,
            name=entry.name,
            generation=entry.generation,
            slots=entry.pool.slots,
            conditions=entry.status.conditions,
            holders=[
                pool_rows.SlotHolder(namespace, pod, found.run, found.task, slots)
                for (namespace, pod), found, slots in self.holders.of_pool(*key[1:])
            ],
            lines=[line for line in self._lines.values() if _wants(line[0], key)],
        )

    # --- What has happened -----------------------------------------------------------------------

    def pod_changed(self, pod: pods.Pod, entry: RunEntry | None) -> None:
        """A Pod was seen, changed or went."""
        self.holders.pod_changed(pod, entry)

    def decided(
        self, entry: RunEntry, plan: plans.Plan | None, decision: actions.RunDecision
    ) -> None:
        """What was decided about a run counts at once, for whoever is decided next."""
        facts = entry.facts
        self.holders.look_again((facts.namespace, facts.name))
        for action in decision.actions:
            if isinstance(action, actions.CreatePod) and plan is not None:
                found = _holding(facts, plan, plan.tasks[action.task_index])
                self.holders.creating(entry, action.name, action.attempt, found)
        self._wait(facts.uid, decision.waiters)

    def recall(self, entry: RunEntry, plan: plans.Plan | None) -> None:
        """A run is known anew: what its status tells of may be there, although nobody sees it."""
        if plan is None or entry.status.finished:
            return
        for pod, (task, attempt) in holders.alive(entry.status).items():
            if task in plan.index:
                found = _holding(entry.facts, plan, plan.tasks[plan.index[task]])
                self.holders.recall(entry, pod, attempt, found)

    def forget(self, run: snapshot.RunFacts) -> None:
        """A run is gone, and waits for nothing any more."""
        self._wait(run.uid, ())
        self.holders.look_again((run.namespace, run.name))

    def wake_all(self) -> None:
        """A term begins."""
        self.pools.wake_all()
        self.holders.look_at_all()

    def _wait(self, run_uid: str, waiters: tuple[limits.Waiter, ...]) -> None:
        old = self._waiting.get(run_uid, ())
        if old == waiters:
            return
        before, after = set(old), set(waiters)
        for one in before - after:
            line = self._lines[one.kind]
            del line[bisect.bisect_left(line, one)]
            if not line:
                del self._lines[one.kind]
        for one in after - before:
            bisect.insort(self._lines.setdefault(one.kind, []), one)
        if waiters:
            self._waiting[run_uid] = waiters
        else:
            del self._waiting[run_uid]
        self._wanted = frozenset(want.key for _, wants in self._lines for want in wants)
        for key in {want.key for one in before ^ after for want in one.wants}:
            self._told(key)
        if not before <= after:
            self._stir()  # what it waited for, others may have

    # --- Who must look again ---------------------------------------------------------------------

    def make_room(self, now: datetime) -> datetime | None:
        """Wake the runs that could start something now; returns when places are to be told anew."""
        line = limits.Line(
            limits.Book(self.holders.used, self.pools.known, now), tuple(self._lines.values())
        )
        self._wake_runs(line.pass_before())
        if not self._lines:
            return None
        told = self._places_told_at
        due = told + timedelta(seconds=PLACES_SECONDS) if told is not None else now
        if told is not None and told <= now < due:
            return due
        self._places_told_at = now
        for waiters in self._lines.values():
            self._wake_runs(waiters[: limits.PLACES_TOLD_MAX])
        return None

    def _wake_runs(self, waiters: Iterable[limits.Waiter]) -> None:
        for namespace, run in dict.fromkeys((one.namespace, one.run) for one in waiters):
            self._wake(("run", namespace, run))

    def _freed(self, found: holders.Holding) -> None:
        if self._wanted and any(key in self._wanted for key, _ in found.takes):
            self._stir()

    def _told(self, key: limits.LimitKey) -> None:
        if key[0] == limits.POOL:
            self.pools.wake(*key[1:])

    def _stir(self) -> None:
        if self._lines:
            self._wake(ROOM)


def _holding(run: snapshot.RunFacts, plan: plans.Plan, task: plans.TaskPlan) -> holders.Holding:
    """As the labels of its Pod will say it."""
    use, pool = task.pool, None
    if use is not None:
        pool = (use.namespace or run.namespace, use.name, use.slots or 1)
    name = naming.label_value(run.name)
    return holders.holding(run.namespace, plan.dag_name, name, task.name, pool)


def _wants(one: limits.Waiter, key: limits.LimitKey) -> bool:
    return any(want.key == key for want in one.wants)
