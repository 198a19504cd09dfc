"""What is kept by a name or a UID goes with what had it, however that went."""

from __future__ import annotations

import asyncio

import pytest

from kubedag.shell.queue import KeyedQueue
from kubedag.shell.reconciler import Pace, Reconciler
from kubedag.shell.store import Store
from support import virtual_loop
from support.answering_api import LoopClock
from support.builders import a_status, as_stored
from support.objects import a_backfill, a_dag, a_run, a_task

A_DAG = a_dag(a_task("a", image="i"))
KEYS = [("run", "ns", "run"), ("dag", "ns", "pipeline"), ("backfill", "ns", "bf"),
        ("pool", "ns", "warehouse")]  # fmt: skip


class Bench:
    """A reconciler with actors that do nothing, and a writer that only notes what it is to forget."""

    def __init__(self, *, may_act=lambda: True, cpu_seconds=lambda: 0.0):
        self.queue = KeyedQueue()
        self.pace = Pace(self.queue)
        self.store = Store(self.pace.wake)
        self.forgotten, self.forgotten_all = [], 0
        self.reconciler = Reconciler(
            self.store, self.queue, self.pace, self, self, self, self,
            clock=LoopClock(), may_act=may_act, cpu_seconds=cpu_seconds,
        )  # fmt: skip

    async def have_room(self): ...

    def start(self, *_): ...

    def plan(self, *_): ...

    def run_decided(self, *_, **__): ...

    def overview_decided(self, _entry): ...

    def forget(self, key):
        self.forgotten.append(key)

    def forget_all(self):
        self.forgotten_all += 1


@pytest.mark.parametrize("key", KEYS, ids=[key[0] for key in KEYS])
def test_the_writer_is_told_of_whatever_is_not_there_any_more(key):
    async def story():
        bench = Bench()
        bench.reconciler.reconcile(key)
        return bench.forgotten

    assert virtual_loop.run(story()) == [key]


def test_the_writer_is_told_of_a_dag_that_is_gone_while_its_runs_are_not():
    async def story():
        bench = Bench()
        bench.store.put_dag(as_stored(A_DAG))
        bench.store.put_run(as_stored(a_run(), status=a_status()))
        bench.reconciler.reconcile(KEYS[1])
        before = list(bench.forgotten)
        bench.store.drop_dag("ns", "pipeline")
        bench.reconciler.reconcile(KEYS[1])
        return before, bench.forgotten

    assert virtual_loop.run(story()) == ([], [KEYS[1]])


# --- Costs and failures -----------------------------------------------------------------------


def test_how_long_a_key_is_to_rest_is_known_no_longer_than_it_rests():
    async def story():
        pace = Pace(KeyedQueue())
        for number in range(100):
            pace.worked(("run", "ns", f"r{number}"), 0.01)
            await asyncio.sleep(0.02)
        return len(pace._rested_at), pace.rest_seconds(("run", "ns", "r99"))

    kept, rest = virtual_loop.run(story())
    assert (kept < 10, rest == pytest.approx(0.06)) == (True, True)


def test_how_often_a_key_has_failed_is_nothing_to_who_leads_no_more():
    async def story():
        bench = Bench(may_act=lambda: False)
        bench.queue.retry(KEYS[0])
        task = asyncio.create_task(bench.reconciler.run())
        await asyncio.sleep(1)
        bench.queue.close()
        await task
        return bench.queue.failing

    assert virtual_loop.run(story()) == 0


# --- Terms ------------------------------------------------------------------------------------


def test_what_waited_in_an_earlier_term_makes_nobody_wait_in_the_next():
    """What has gone in between was looked at by nobody, as nobody may decide without a lease."""

    async def story():
        bench = Bench()
        bench.store.backfills.put(as_stored(a_backfill(), 3))
        bench.reconciler.reconcile(KEYS[2])
        assert list(bench.pace._backfills) == [KEYS[2]]
        bench.store.backfills.drop("ns", "bf")
        bench.reconciler.begin_term()
        return bench.forgotten_all, bench.pace._backfills

    assert virtual_loop.run(story()) == (1, {})
