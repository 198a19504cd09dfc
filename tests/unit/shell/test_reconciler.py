"""The loop: one key at a time, a bug stops one object only, and costly keys rest."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kubedag.core import actions, pods, rows
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.reconciler import (
    BACKFILLS_REST_PER_WORK,
    REST_SECONDS_MAX,
    Pace,
    Reconciler,
)
from kubedag.shell.store import Store
from support import virtual_loop
from support.answering_api import LoopClock
from support.backfills import a_backfill as a_snapshot
from support.backfills import a_wish, decide, ours
from support.builders import a_finished_status, a_ready_status, as_stored
from support.objects import a_backfill, a_dag, a_run, a_task

UID = "11111111-0000-4000-8000-00000000aaaa"
RUN, DAG = ("run", "ns", "run"), ("dag", "ns", "pipeline")
A_DAG = a_dag(a_task("a", image="i"))


class Bench:
    """A reconciler whose actors and writer only note what they are asked for."""

    def __init__(self, *, may_act=lambda: True, cpu_seconds=lambda: 0.0):
        self.queue = KeyedQueue()
        self.pace = Pace(self.queue)
        self.store = Store(self.pace.wake)
        self.wanted, self.decided, self.looks = [], [], []
        self.clock, self.full_until, self.called_back = LoopClock(), None, []
        self.reconciler = Reconciler(
            self.store, self.queue, self.pace, self, self, self, self,
            clock=self.clock, may_act=may_act, cpu_seconds=cpu_seconds,
        )  # fmt: skip

    def start(self, entry, *facts_and_wanted):
        self.looks.append((entry.key, asyncio.get_running_loop().time()))
        self.wanted += facts_and_wanted[-1]

    async def have_room(self):
        if self.full_until is not None:
            await asyncio.sleep(self.full_until - asyncio.get_running_loop().time())
            self.full_until = None

    def call_back(self, key, action):
        self.called_back.append((key[2], type(action)))

    def plan(self, entry, sketch):
        """Of a Backfill, here always one whose DAG is not there."""
        assert (entry.planning, sketch) == (False, None)

    def forget(self, key):
        """Of what is gone, nothing waits here to be written."""

    def run_decided(self, entry, *, urgent):
        self.decided.append((entry.key, urgent))

    def overview_decided(self, entry):
        self.decided.append((entry.key, False))

    def times(self, key):
        return [at for looked, at in self.looks if looked == key]


def on_bench(story, seconds=10.0, **options):
    async def scenario():
        bench = Bench(**options)
        task = asyncio.create_task(bench.reconciler.run())
        story(bench)
        await asyncio.sleep(seconds)
        bench.queue.close()
        await asyncio.wait_for(task, 1)
        return bench

    return virtual_loop.run(scenario())


def test_nothing_is_decided_while_many_runs_are_being_created():
    def story(bench):
        bench.full_until = 3.0
        bench.store.put_dag(as_stored(A_DAG, status=a_ready_status()))

    assert on_bench(story).times(DAG) == [3.0]


def test_a_run_that_gives_its_start_up_is_called_back_if_its_backfill_has_gone():
    def stored(version, **spec):
        raw = as_stored(a_run(runType="Backfill", **spec), version)
        raw["metadata"]["labels"] = {pods.LABEL_BACKFILL_UID: "gone"}
        return raw

    def story(bench):
        bench.store.put_dag(as_stored(A_DAG, status=a_ready_status()))
        bench.store.backfills.listed = True
        bench.store.put_run(stored(1))
        held = stored(2, suspend=True)  # which comes before its start is stored
        asyncio.get_running_loop().call_later(1, bench.store.put_run, held)

    assert on_bench(story).called_back == [("run", actions.DeleteRun)]


def test_a_run_that_is_refused_to_a_backfill_is_called_back_when_that_is_over():
    told = rows.Condition(
        rows.RERUN_PENDING, "True", "RevisionNotFound", "m", observed_generation=1
    )
    ended = msgspec.structs.replace(a_finished_status(), revision="gone")
    refused = msgspec.structs.replace(ended, conditions=(*ended.conditions, told))
    over = decide(a_snapshot(a_wish(1), ours(0))).status

    def story(bench):
        bench.store.backfills.listed = True
        bench.store.backfills.put(as_stored(a_backfill(), 1, uid=UID))
        wish = {"id": f"backfill-{UID}", "scope": "All"}
        bench.store.put_run(as_stored(a_run(rerun=wish), 2, status=refused))
        later = asyncio.get_running_loop().call_later
        later(5, bench.store.backfills.put, as_stored(a_backfill(), 3, uid=UID, status=over))
        later(4, lambda: bench.called_back.append("not before"))

    assert on_bench(story).called_back == ["not before", ("run", actions.WithdrawRerun)]


def test_what_is_decided_is_handed_over():
    def story(bench):
        bench.store.put_dag(as_stored(A_DAG, status=a_ready_status()))
        bench.store.put_run(as_stored(a_run()))

    bench = on_bench(story)
    assert (RUN, False) in bench.decided
    assert any(isinstance(action, actions.CreatePod) for action in bench.wanted)
    assert bench.store.runs["ns", "run"].newest.start_time is not None


def test_nothing_is_decided_by_a_replica_that_does_not_lead():
    bench = on_bench(lambda bench: bench.store.put_run(as_stored(a_run())), may_act=lambda: False)
    assert (bench.looks, bench.reconciler.decisions) == ([], 0)


def test_a_key_is_looked_at_again_when_time_alone_can_change_the_decision():
    bench = on_bench(lambda bench: bench.store.put_run(as_stored(a_run())), seconds=700)
    assert bench.times(RUN)[-1] == 600.0
    assert bench.store.runs["ns", "run"].newest.finished


def test_what_is_gone_is_nothing_to_decide_on():
    def story(bench):
        bench.queue.add(("run", "ns", "gone"))
        bench.queue.add(("dag", "ns", "gone"))

    assert on_bench(story).looks == []


def test_the_start_of_a_run_wakes_its_dag():
    def story(bench):
        bench.store.put_dag(as_stored(A_DAG, status=a_ready_status()))
        bench.store.put_run(as_stored(a_run()))

    bench = on_bench(story)
    keys = [key for key, _ in bench.looks]
    assert DAG in keys[keys.index(RUN) + 1 :]


def test_a_run_that_is_gone_is_not_kept_in_mind_until_its_time_out():
    left = []

    def story(bench):
        a_day = a_dag(a_task("a", image="i"), timeoutSeconds=86_400)
        bench.store.put_dag(as_stored(a_day, status=a_ready_status()))
        bench.store.put_run(as_stored(a_run()))
        loop = asyncio.get_running_loop()
        loop.call_later(1, lambda: left.append(bench.queue.delayed))
        loop.call_later(2, bench.store.drop_run, "ns", "run")
        loop.call_later(3, lambda: left.append(bench.queue.delayed))

    on_bench(story)
    assert left == [1, 0]


def test_a_dag_of_which_nothing_is_left_is_forgotten():
    def story(bench):
        bench.store.put_run(as_stored(a_run(), status=a_finished_status()))
        bench.store.drop_run("ns", "run")

    assert on_bench(story).store.dags == {}


def test_a_bug_that_one_object_meets_is_logged_and_does_not_stop_the_others(caplog):
    def story(bench):
        bench.store.put_run(as_stored(a_run()))
        bench.store.put_run(as_stored(a_run("healthy")))
        bench.store.runs["ns", "run"].status = None

    bench = on_bench(story)
    assert bench.times(("run", "ns", "healthy")) != []
    assert bench.reconciler.bugs > 1
    assert "Decision on run/ns/run failed" in caplog.text


def test_a_bug_is_met_less_and_less_often():
    def story(bench):
        bench.store.put_run(as_stored(a_run()))
        bench.store.runs["ns", "run"].status = None

    assert on_bench(story, seconds=100).reconciler.bugs < 30


# --- Pace -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "rest"),
    [(0.0, 0.0), (0.0001, 0.0), (0.01, 0.08), (0.05, 0.4), (3.0, REST_SECONDS_MAX)],
    ids=["nothing", "next to nothing", "a little", "some", "very much"],
)
def test_a_key_rests_in_proportion_to_what_its_last_look_cost(cost, rest):
    async def scenario():
        queue = KeyedQueue()
        pace = Pace(queue)
        pace.worked(RUN, cost)
        pace.wake(RUN)
        await asyncio.wait_for(queue.get(), 60)
        return asyncio.get_running_loop().time()

    assert virtual_loop.run(scenario()) == pytest.approx(rest)


def test_a_key_that_has_rested_is_looked_at_at_once():
    async def scenario():
        queue = KeyedQueue()
        pace = Pace(queue)
        pace.worked(RUN, 0.05)
        await asyncio.sleep(1)
        pace.wake(RUN)
        return queue.depth

    assert virtual_loop.run(scenario()) == 1


def test_a_run_that_is_woken_all_the_time_does_not_use_up_the_loop():
    cost = iter(range(100_000))

    async def scenario():
        bench = Bench(cpu_seconds=lambda: next(cost) * 0.05)
        task = asyncio.create_task(bench.reconciler.run())
        bench.store.put_run(as_stored(a_run()))
        for _ in range(770):
            bench.pace.wake(RUN)
            await asyncio.sleep(0.013)
        bench.queue.close()
        await task
        return len(bench.times(RUN))

    assert virtual_loop.run(scenario()) <= 30


def test_all_backfills_together_leave_most_of_the_time_to_others():
    async def rests(keys, seconds):
        pace = Pace(KeyedQueue())
        for key in keys:
            pace.shares(key, goes_on=True)
            pace.worked(key, seconds)
        pace.shares(keys[0], goes_on=False)
        pace.worked(keys[1], seconds)
        return pace.rest_seconds(keys[-1]), pace.rest_seconds(keys[1])

    keys = [("backfill", "ns", str(number)) for number in range(24)]
    last, after_one_is_over = virtual_loop.run(rests(keys, 0.03))
    assert last == pytest.approx(24 * 0.03 * BACKFILLS_REST_PER_WORK)
    assert after_one_is_over == pytest.approx(23 * 0.03 * BACKFILLS_REST_PER_WORK)


def test_a_backfill_that_is_gone_takes_no_time_from_the_others():
    keys = [("backfill", "ns", name) for name in ("gone", "stays")]
    spent = iter(range(1000))

    def story(bench):
        for version, key in enumerate(keys, 3):
            bench.store.backfills.put(as_stored(a_backfill(key[2]), version))
        loop = asyncio.get_running_loop()
        loop.call_later(20, bench.store.backfills.drop, "ns", "gone")
        loop.call_later(60, bench.pace.wake, keys[1])
        loop.call_later(61, bench.pace.wake, keys[1])

    bench = on_bench(story, seconds=75, cpu_seconds=lambda: float(next(spent)))
    assert bench.times(keys[1])[-2:] == pytest.approx([60, 60 + BACKFILLS_REST_PER_WORK])


def test_a_status_that_was_never_decided_is_that_which_is_stored():
    bench = on_bench(lambda bench: bench.store.put_run(as_stored(a_run())), may_act=lambda: False)
    assert bench.store.runs["ns", "run"].newest == rows.RunStatus()
