"""The loop: take a key, observe, decide, hand over what is to be done, and look again later.

Deciding is synchronous and quick, so decisions are never made on half-changed facts. Everything that
waits for the network runs beside it, and wakes the key when it is done. A large run is looked at less
often than a small one, in proportion to what a look costs, so that it cannot starve the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from kubedag.core import decide_backfill, decide_dag, decide_pool, decide_run, rerun
from kubedag.shell import audience_view, backfill_view, entries, shared_limits
from kubedag.shell.queue import KeyedQueue, QueueClosed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from kubedag.core import actions
    from kubedag.core.audience import Notice
    from kubedag.shell.act import RunActor
    from kubedag.shell.act_backfill import BackfillActor
    from kubedag.shell.act_dag import DAGActor
    from kubedag.shell.clock import Clock
    from kubedag.shell.notifier import Told
    from kubedag.shell.store import Key, Store
    from kubedag.shell.writer import StatusWriter

log: Final = logging.getLogger(__name__)

REST_PER_WORK: Final = 8.0
"""After a decision that took one unit of time, the same key rests for this many."""
REST_SECONDS_MAX: Final = 0.5
BACKFILLS_REST_PER_WORK: Final = 4.0
"""A change of one run concerns all Backfills of its DAG: after a decision, each rests so many times as
long as the last decisions on all of them took, so that they have a fifth of the loop at most."""
BACKFILLS_REST_SECONDS_MAX: Final = 30.0


class Pace:
    """Wakes keys, but none sooner than it has rested from its last, costly decision."""

    def __init__(self, queue: KeyedQueue[Key]) -> None:
        self._queue = queue
        self._rested_at: dict[Key, float] = {}
        self._backfills: dict[Key, float] = {}
        """What the last decision on each has cost that is not over, in seconds."""

    def wake(self, key: Key) -> None:
        """Have a key looked at as soon as it has rested."""
        if key not in self._rested_at:
            self._queue.add(key)
            return
        rest = self.rest_seconds(key)
        if rest > 0:
            self._queue.add_after(key, rest)
        else:
            del self._rested_at[key]
            self._queue.add(key)

    def worked(self, key: Key, seconds: float) -> None:
        """Note what a decision has cost."""
        rest = min(seconds * REST_PER_WORK, REST_SECONDS_MAX)
        if key in self._backfills:
            self._backfills[key] = seconds
            all_of_them = sum(self._backfills.values()) * BACKFILLS_REST_PER_WORK
            rest = max(rest, min(all_of_them, BACKFILLS_REST_SECONDS_MAX))
        self._rested_at.pop(key, None)
        if rest > 0.001:
            self._forget_rested()
            self._rested_at[key] = asyncio.get_running_loop().time() + rest

    def rest_seconds(self, key: Key) -> float:
        """How long a key is to rest from now on."""
        now = asyncio.get_running_loop().time()
        return max(0.0, self._rested_at.get(key, now) - now)

    def _forget_rested(self) -> None:
        """Nobody may ever wake them again, if what they stand for is gone."""
        now = asyncio.get_running_loop().time()
        while self._rested_at:
            key, rested_at = next(iter(self._rested_at.items()))
            if rested_at > now:
                return
            del self._rested_at[key]

    def shares(self, key: Key, *, goes_on: bool) -> None:
        """Note that a key rests together with others of its kind, or does not any more."""
        if goes_on:
            self._backfills.setdefault(key, 0.0)
        else:
            self._backfills.pop(key, None)

    def begin_term(self) -> None:
        """Nobody has looked at what has gone since the last one."""
        self._backfills.clear()


class Reconciler:
    """One worker is enough: it only decides."""

    def __init__(  # noqa: PLR0913  # put together in one place, engine.py
        self,
        store: Store,
        queue: KeyedQueue[Key],
        pace: Pace,
        run_actor: RunActor,
        dag_actor: DAGActor,
        backfill_actor: BackfillActor,
        writer: StatusWriter,
        *,
        clock: Clock,
        may_act: Callable[[], bool] = lambda: True,
        cpu_seconds: Callable[[], float] = time.thread_time,
        common: Callable[[str], tuple[Notice, ...]] = lambda _namespace: (),
        notify: Callable[[Told, actions.Notify], None] = lambda _entry, _action: None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._pace = pace
        self._run_actor = run_actor
        self._dag_actor = dag_actor
        self._backfill_actor = backfill_actor
        self._writer = writer
        self._clock = clock
        self._may_act = may_act
        self._cpu_seconds = cpu_seconds
        self._common, self._notify = common, notify
        self.decisions = 0
        self.bugs = 0
        self.decide_seconds_max = 0.0

    async def run(self) -> None:
        """Work until the queue is closed."""
        while True:
            await self._dag_actor.have_room()
            try:
                key = await self._queue.get()
            except QueueClosed:
                return
            try:
                self._look(key)
            finally:
                self._queue.done(key)
            await asyncio.sleep(0)

    def _look(self, key: Key) -> None:
        if not self._may_act():
            self._queue.forget(key)
            return  # whoever leads next is woken with everything
        before = self._cpu_seconds()
        try:
            self.reconcile(key)
        except Exception:
            # One object that meets a bug of ours must not stop all the others.
            self.bugs += 1
            delay = self._queue.retry(key)
            log.exception("Decision on %s failed; next look in %.1f s", "/".join(key), delay)
            return
        self._queue.forget(key)
        seconds = self._cpu_seconds() - before
        self.decisions += 1
        self.decide_seconds_max = max(self.decide_seconds_max, seconds)
        self._pace.worked(key, seconds)

    def begin_term(self) -> None:
        """Lead, from now on: everything is woken, and what waited in an earlier term is void."""
        self._pace.begin_term()
        self._writer.forget_all()

    def reconcile(self, key: Key) -> None:
        """Observe, decide, act: once, for one key."""
        kind, namespace, name = key
        now = self._clock.now()
        if kind == "run":
            wake_at = self._run(namespace, name, now)
        elif kind == "pod":
            self._pod(key)
            return
        elif kind == "abandoned":
            self._abandoned(key)
            return
        elif kind == "pool":
            self._pool(namespace, name, now)
            return
        elif key == shared_limits.ROOM:
            wake_at = self._store.limits.make_room(now)
        elif kind == "backfill":
            wake_at = self._backfill(namespace, name, now)
        else:
            wake_at = self._dag(namespace, name, now)
        if wake_at is not None:
            self._queue.add_after(key, max(0.0, (wake_at - now).total_seconds()))

    def _run(self, namespace: str, name: str, now: datetime) -> datetime | None:
        entry = self._store.runs.get((namespace, name))
        if entry is None:
            self._writer.forget(("run", namespace, name))
            self._queue.forget_times(("run", namespace, name))
            self._store.limits.holders.look_again((namespace, name))
            return None
        if entry.lacks_rows:
            self._writer.slices.load(entry)
            return None
        snap = self._store.run_snapshot(entry)
        if entry.decided is None:  # its rows may have been read only now
            self._store.limits.recall(entry, snap.plan)
        snap = audience_view.with_audience(self._store, entry, snap, self._common)
        decision = decide_run.decide(snap, now)
        was = entry.newest
        entry.decided = decision.status
        self._run_actor.start(entry, snap, decision.actions)
        for letter in decision.notify:
            self._notify(entry, letter)
        self._store.limits.decided(entry, snap.plan, decision)
        self._writer.run_decided(entry, urgent=decision.urgent)
        if was.finished != decision.status.finished or bool(was.start_time) != bool(
            decision.status.start_time
        ):
            self._store.wake_around(entry)
            self._store.wake_if_abandoned(entry)  # it may have given its start up
        elif rerun.is_stuck(was) != rerun.is_stuck(decision.status):
            self._store.wake_waiting(namespace, entry.facts.dag_name)
        elif entries.waits_for_past(was) != entries.waits_for_past(decision.status):
            for other in self._store.siblings(namespace, entry.facts.dag_name).reruns.values():
                self._queue.add(other.key)
        if entries.held_by(was) != entries.held_by(decision.status):
            self._store.backfills.wake_of(namespace, entry.facts.dag_name)  # they say so, too
        return decision.wake_at

    def _pod(self, key: Key) -> None:
        """A Pod that no run lets go; the runs were listed before anything is decided."""
        pod = self._store.unclaimed.get(key[1:])
        if pod is not None:
            self._run_actor.let_go(key, pod, self._store.owner_of(pod), self._store.put_run)

    def _dag(self, namespace: str, name: str, now: datetime) -> datetime | None:
        entry = self._store.dags.get((namespace, name))
        if entry is None:
            self._writer.forget(("dag", namespace, name))
            return None
        decision = decide_dag.decide(self._store.dag_snapshot(entry), now)
        self._dag_actor.start(entry, decision.actions)
        if decision.status is not None:
            entry.decided = decision.status
            self._writer.overview_decided(entry)
        else:
            self._writer.forget(entry.key)
            self._store.forget_empty_dag(entry)
        return decision.wake_at

    def _backfill(self, namespace: str, name: str, now: datetime) -> datetime | None:
        entry = self._store.backfills.entries.get((namespace, name))
        key = ("backfill", namespace, name)
        if entry is None:
            self._writer.forget(key)
            self._pace.shares(key, goes_on=False)
            return None
        snap = backfill_view.of(self._store, entry)
        snap = audience_view.of_backfill(self._store, entry, snap, self._common)
        decision = decide_backfill.decide(snap, now)
        entry.decided = decision.status
        self._pace.shares(key, goes_on=not decision.status.finished)
        self._backfill_actor.plan(entry, decision.sketch)
        self._backfill_actor.start(entry, decision.actions)
        for letter in decision.notify:
            self._notify(entry, letter)
        self._writer.overview_decided(entry)
        if entry.status.finished:
            for run in self._store.siblings(namespace, entry.wish.dag_name).reruns.values():
                self._store.wake_if_abandoned(run)  # what was refused is taken back
        return decision.wake_at

    def _pool(self, namespace: str, name: str, now: datetime) -> None:
        limits = self._store.limits
        entry = limits.pools.entries.get((namespace, name))
        if entry is None:
            self._writer.forget(("pool", namespace, name))
            return
        entry.decided = decide_pool.decide(limits.pool_snapshot(entry), now).status
        self._writer.overview_decided(entry)

    def _abandoned(self, key: Key) -> None:
        """A run that waits, and whose Backfill is gone."""
        entry = self._store.runs.get(key[1:])
        if entry is None:
            return
        run = backfill_view.summary(self._store, entry)
        action = self._store.backfills.abandoned(key[1], run)
        if action is not None:
            self._backfill_actor.call_back(key, action)
