"""Statuses are written whole, guarded, one at a time, and no more often than needed."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest

from kubedag.core import rows
from kubedag.shell import writer as writers
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import (
    a_finished_status,
    a_ready_status,
    a_row,
    a_status,
    an_attempt,
    as_stored,
)
from support.objects import a_dag, a_run, a_task

PATH = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/run/status"
RUNNING = a_status(a_row(state="Running"))
ENDED = a_finished_status(a_row(state="Succeeded"))
CONFLICT = ApiError(409, "Conflict", "modified")
CUT = Unreachable("cut", maybe_applied=True)


def stored(version):
    return {"metadata": {"resourceVersion": str(version)}}


class Bench:
    """A writer, and all that is around it."""

    def __init__(self, *answers, seconds=0.0):
        self.api = AnsweringApi(*(answers or [stored(2)]), seconds=seconds)
        self.queue = KeyedQueue()
        self.store = Store(lambda _key: None)
        self.recorder = Recorder(self.api, wall_clock=LoopClock())
        self.tasks = Tasks()
        self.writer = writers.StatusWriter(
            self.api, self.store, self.queue, self.recorder, self.tasks
        )
        self.store.put_run(as_stored(a_run()))
        self.store.put_dag(as_stored(a_dag(a_task("a", image="i"))))
        self.run = self.store.runs["ns", "run"]
        self.dag = self.store.dags["ns", "pipeline"]

    def decide(self, status, *, urgent=False):
        self.run.decided = status
        self.writer.run_decided(self.run, urgent=urgent)

    @property
    def puts(self):
        return [call for call in self.api.calls if call.method == "PUT"]

    @property
    def told(self):
        return [telling.note.reason for telling in self.recorder._queue.values()]


def on_bench(story, *answers, **options):
    async def scenario():
        bench = Bench(*answers, **options)
        await story(bench)
        assert bench.tasks.bugs == 0
        return bench

    return virtual_loop.run(scenario())


def test_a_status_is_written_whole_and_guarded():
    async def story(bench):
        bench.decide(RUNNING, urgent=True)
        await asyncio.sleep(1)

    bench = on_bench(story)
    (call,) = bench.puts
    assert call.path == PATH
    assert call.body["metadata"] == {
        "name": "run",
        "namespace": "ns",
        "uid": "uid-run",
        "resourceVersion": "1",
    }
    assert msgspec.convert(call.body["status"], rows.RunStatus) == RUNNING
    assert (bench.run.status, bench.run.resource_version) == (RUNNING, "2")
    assert (bench.writer.writes, bench.run.writing) == (1, False)


@pytest.mark.parametrize("decided", [None, rows.RunStatus()], ids=["nothing", "nothing new"])
def test_nothing_is_written_when_there_is_nothing_new(decided):
    async def story(bench):
        bench.decide(decided, urgent=True)
        await asyncio.sleep(60)

    assert on_bench(story).puts == []


# --- When -------------------------------------------------------------------------------------


async def keep_deciding(bench, statuses, seconds=0.25):
    """As the reconciler does whenever something happens."""
    for status in statuses:
        bench.decide(status)
        await asyncio.sleep(seconds)


def progress(number, tasks=1):
    return a_status(*[a_row(f"t{n}") for n in range(tasks)], progress=str(number))


def test_a_burst_of_progress_costs_one_write_for_each_window():
    async def story(bench):
        await keep_deciding(bench, [progress(number) for number in range(9)])

    assert [call.at for call in on_bench(story).puts] == [0.5, 1.0, 1.5, 2.0]


def test_progress_after_which_nothing_happens_is_written_when_its_time_has_come():
    async def story(bench):
        bench.decide(progress(1))
        key = await bench.queue.get()
        assert (key, asyncio.get_running_loop().time()) == (bench.run.key, 0.5)
        bench.writer.run_decided(bench.run, urgent=False)
        await asyncio.sleep(1)

    assert [call.at for call in on_bench(story).puts] == [0.5]


def test_a_large_status_is_written_less_often():
    async def story(bench):
        await keep_deciding(bench, [progress(number, 400) for number in range(25)])

    assert [call.at for call in on_bench(story).puts] == [2.0, 4.0, 6.0]


def test_but_never_less_often_than_the_longest_window():
    async def story(bench):
        await keep_deciding(bench, [progress(n, 10_000) for n in range(5)], seconds=5.0)

    assert [call.at for call in on_bench(story).puts] == [10.0, 20.0]


def test_what_somebody_waits_for_is_written_at_once():
    async def story(bench):
        bench.decide(progress(1))
        bench.decide(ENDED, urgent=True)
        await asyncio.sleep(1)

    assert [call.at for call in on_bench(story).puts] == [0.0]


def test_two_writes_of_one_status_are_never_under_way():
    async def story(bench):
        bench.decide(progress(1), urgent=True)
        await asyncio.sleep(1)
        bench.decide(progress(2), urgent=True)
        assert len(bench.puts) == 1
        await asyncio.sleep(2)
        bench.decide(progress(2), urgent=True)
        await asyncio.sleep(4)

    bench = on_bench(story, stored(2), stored(3), seconds=3)
    assert [call.body["metadata"]["resourceVersion"] for call in bench.puts] == ["1", "2"]


# --- Events -----------------------------------------------------------------------------------


def test_what_was_decided_before_a_term_began_is_not_written_in_it():
    async def story(bench):
        bench.decide(RUNNING, urgent=True)
        bench.dag.decided = a_ready_status()
        bench.writer.overview_decided(bench.dag)
        bench.store.wake_all()
        await asyncio.sleep(1)
        bench.decide(ENDED, urgent=True)
        await asyncio.sleep(1)

    bench = on_bench(story)
    assert [call.path for call in bench.puts] == [PATH]
    assert bench.run.status.finished


def test_events_follow_a_write_that_succeeded():
    async def story(bench):
        bench.decide(ENDED, urgent=True)
        assert bench.told == []
        await asyncio.sleep(1)

    assert on_bench(story).told == ["RunSucceeded"]


@pytest.mark.parametrize("error", [CUT, ApiError(500)], ids=["cut", "500"])
def test_nothing_is_told_that_was_not_stored(error):
    async def story(bench):
        bench.decide(ENDED, urgent=True)
        await asyncio.sleep(0.1)

    bench = on_bench(story, error)
    assert (bench.told, bench.run.status, bench.writer.writes) == ([], rows.RunStatus(), 0)


# --- Trouble ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [CUT, ApiError(500), ApiError(422)], ids=["cut", "500", "422"])
def test_a_write_that_fails_is_tried_again_less_and_less_often(error):
    async def story(bench):
        for _ in range(1000):
            bench.decide(ENDED, urgent=True)
            await asyncio.sleep(0.1)

    times = [call.at for call in on_bench(story, error).puts]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 5 < len(times) < 15
    assert pauses == sorted(pauses)
    assert max(pauses) <= writers.PAUSE_SECONDS_MAX + 0.2


def test_after_a_success_the_next_failure_starts_from_the_shortest_pause():
    async def story(bench):
        for number in range(200):
            bench.decide(progress(number), urgent=True)
            await asyncio.sleep(0.1)

    bench = on_bench(story, CUT, CUT, CUT, stored(2))
    assert (bench.run.write_failures, bench.run.write_after) == (0, 0.0)


def test_whoever_lost_against_another_write_reads_and_decides_again():
    there = as_stored(a_run(suspend=True), 7, generation=2)

    async def story(bench):
        bench.decide(ENDED, urgent=True)
        await asyncio.sleep(0.1)
        assert await asyncio.wait_for(bench.queue.get(), 1) == bench.run.key

    bench = on_bench(story, CONFLICT, there)
    assert bench.api.asked == [f"PUT {PATH}", f"GET {PATH.removesuffix('/status')}"]
    assert (bench.run.resource_version, bench.run.facts.suspend) == ("7", True)
    assert (bench.writer.conflicts, bench.run.writing) == (1, False)


@pytest.mark.parametrize("answer", [ApiError(404, "NotFound"), CONFLICT], ids=["404", "409"])
def test_a_run_that_is_no_longer_there_is_forgotten(answer):
    async def story(bench):
        bench.decide(ENDED, urgent=True)
        await asyncio.sleep(1)

    bench = on_bench(story, answer, ApiError(404, "NotFound"))
    assert bench.store.runs == {}


def test_a_namesake_that_came_instead_is_taken_in_and_not_written_to():
    there = as_stored(a_run(), 7, uid="other")

    async def story(bench):
        bench.decide(ENDED, urgent=True)
        await asyncio.sleep(1)

    bench = on_bench(story, CONFLICT, there)
    new = bench.store.runs["ns", "run"]
    assert (new.facts.uid, new.status, len(bench.puts)) == ("other", rows.RunStatus(), 1)


# --- DAGs -------------------------------------------------------------------------------------


def test_a_dag_says_at_once_whether_it_is_ready_and_its_waiting_runs_look():
    async def story(bench):
        bench.dag.decided = a_ready_status()
        bench.writer.overview_decided(bench.dag)
        await asyncio.sleep(1)

    bench = on_bench(story)
    (call,) = bench.puts
    assert (call.path.split("/")[-3:], call.at) == (["dags", "pipeline", "status"], 0.0)
    assert (bench.dag.status, bench.dag.resource_version) == (a_ready_status(), "2")
    assert bench.told == ["DAGAccepted"]


def test_a_watch_that_is_faster_than_the_answer_keeps_nothing_from_being_told():
    async def story(bench):
        bench.dag.decided = a_ready_status()
        bench.writer.overview_decided(bench.dag)
        await asyncio.sleep(0.5)
        bench.store.put_dag(
            as_stored(a_dag(a_task("a", image="i")), version=2, status=a_ready_status())
        )
        await asyncio.sleep(2)

    bench = on_bench(story, stored(2), seconds=1)
    assert bench.told == ["DAGAccepted"]


def test_the_counts_of_a_dag_are_written_once_for_each_window():
    async def story(bench):
        bench.dag.status = a_ready_status()
        for number in range(1, 8):
            bench.dag.decided = msgspec.structs.replace(a_ready_status(), active_runs=number)
            bench.writer.overview_decided(bench.dag)
            await asyncio.sleep(0.25)

    assert [call.at for call in on_bench(story).puts] == [1.0]


# --- Many at once -----------------------------------------------------------------------------


def many(bench, number):
    for index in range(number):
        bench.store.put_run(as_stored(a_run(f"r{index}")))
        yield bench.store.runs["ns", f"r{index}"]


def test_where_many_runs_go_on_the_progress_of_each_is_written_less_often():
    async def story(bench):
        runs = list(many(bench, 100))
        for _ in range(70):
            for index, entry in enumerate(runs):
                if entry.status == rows.RunStatus():
                    entry.decided = RUNNING
                    bench.writer.run_decided(entry, urgent=index == 0)
            await asyncio.sleep(0.1)

    bench = on_bench(story)
    times = [call.at for call in bench.puts]
    assert len(times) == 100
    assert times[0] == 0.0  # what is urgent does not wait
    assert (times[1] > 1.9, times[-1] < 6.1, len(set(times)) > 20) == (True, True, True)


def test_a_run_that_went_while_its_progress_was_to_be_written_is_forgotten():
    async def story(bench):
        bench.decide(RUNNING)
        waiting = set(bench.writer._waiting)
        bench.writer.forget(bench.run.key)
        return waiting

    bench = on_bench(story)
    assert bench.writer._waiting == set()


# --- What is over -----------------------------------------------------------------------------

SUCCEEDED = a_row("a", "Succeeded", attempts=(an_attempt(1, "Succeeded"),))
FAILED = a_row("a", "Failed", attempts=(an_attempt(1, "Failed"),))


def ended(row, **attempt):
    last = msgspec.structs.replace(row.attempts[-1], **attempt)
    status = a_finished_status(msgspec.structs.replace(row, attempts=(last,)))
    return msgspec.structs.replace(status, observed_generation=1)


def test_the_rows_of_a_run_are_forgotten_once_its_end_is_stored():
    async def story(bench):
        bench.decide(ended(SUCCEEDED), urgent=True)
        await asyncio.sleep(1)

    bench = on_bench(story)
    assert (bench.run.status.tasks, bench.run.decided, bench.run.archived) == ((), None, True)
    assert bench.puts[0].body["status"]["tasks"][0]["name"] == "a"


def test_the_rows_of_a_run_are_known_until_its_last_log_is_stored():
    async def story(bench):
        bench.decide(ended(FAILED), urgent=True)
        await asyncio.sleep(1)
        kept = bench.run.status.tasks
        bench.decide(ended(FAILED, log=rows.LogTail("PodLog", "why")))
        await asyncio.sleep(1)
        return kept

    bench = on_bench(story, stored(2), stored(3))
    assert bench.puts[1].body["status"]["tasks"][0]["attempts"][0]["log"]["tail"] == "why"
    assert (bench.run.status.tasks, bench.run.archived) == ((), True)


def test_a_run_that_is_known_without_its_rows_is_never_written():
    async def story(bench):
        bench.store.put_run(as_stored(a_run(), 5, status=ended(SUCCEEDED)))
        bench.decide(msgspec.structs.replace(bench.run.status, observed_generation=7), urgent=True)
        await asyncio.sleep(1)

    assert on_bench(story).puts == []
