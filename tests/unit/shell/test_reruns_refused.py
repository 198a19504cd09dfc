"""A wish that is refused is known as such by what waits for it, as long as it is this very wish."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kubedag.core import decide_dag, decide_run, rerun, rows
from kubedag.shell import writer as writers
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import a_finished_status, a_ready_status, a_row, as_stored, at, run_facts
from support.objects import a_backfill, a_dag, a_run, a_task

DAG, BACKFILL = ("dag", "ns", "pipeline"), ("backfill", "ns", "bf")
ABANDONED = ("abandoned", "ns", "run")
FAILED = a_finished_status(a_row("a", "Failed"), succeeded=False)
NO_TASK = {"id": "1", "scope": "Tasks", "tasks": ["z"]}
NO_REVISION = {"id": "1", "scope": "All"}
TURN = {"id": "1", "scope": "All", "revision": "Newest"}


class Bench:
    """A DAG, a run of it that has failed, and what decides about both and stores that."""

    def __init__(self):
        self.keys, self.version = [], 100
        self.store = Store(self.keys.append)
        document = a_dag(a_task("a", image="i"))
        self.store.put_dag(as_stored(document, 1, status=a_ready_status()))
        self.store.backfills.put(as_stored(a_backfill(), 2))
        self.wish, self.generation, self.status = None, 1, FAILED

    def put(self, wish, **spec):
        self.version, self.generation = self.version + 10, self.generation + 1
        run = a_run("run", rerun=wish, **spec)
        self.store.put_run(
            as_stored(run, self.version, generation=self.generation, status=self.status)
        )
        return self.store.runs["ns", "run"]

    async def look(self, entry):
        """Decide, and store it."""
        answer = {"metadata": {"resourceVersion": str(self.version + 1)}}
        api, tasks, queue = AnsweringApi(answer), Tasks(), KeyedQueue()
        recorder = Recorder(api, wall_clock=LoopClock())
        writer = writers.StatusWriter(api, self.store, queue, recorder, tasks)
        decision = decide_run.decide(self.store.run_snapshot(entry), at(1000))
        entry.decided = decision.status
        self.keys.clear()
        writer.run_decided(entry, urgent=decision.urgent)
        await asyncio.sleep(100)
        writer.run_decided(entry, urgent=decision.urgent)
        await asyncio.sleep(100)
        self.status = entry.status
        return entry.status.condition(rows.RERUN_PENDING).reason

    @property
    def queued(self):
        snap = self.store.dag_snapshot(self.store.dags["ns", "pipeline"])
        return decide_dag.decide(snap, at(1000)).status.queued_runs


@pytest.mark.parametrize(
    ("wish", "reason", "queued"),
    [
        pytest.param(NO_TASK, "TaskNotFound", 0, id="no such task"),
        pytest.param(NO_REVISION, "RevisionNotFound", 0, id="its revision is gone"),
        pytest.param(TURN, "Suspended", 1, id="it waits"),
    ],
)
def test_a_dag_does_not_count_a_refused_wish_among_those_that_wait(wish, reason, queued):
    bench = Bench()
    bench.status = msgspec.structs.replace(
        FAILED, revision="gone" if wish is NO_REVISION else bench_revision(bench)
    )

    async def story():
        entry = bench.put(wish, suspend=wish is TURN)
        assert bench.queued == 1  # until that is known
        assert await bench.look(entry) == reason
        assert (bench.queued, bench.keys.count(DAG) > 0, BACKFILL in bench.keys) == (
            queued, True, True,
        )  # fmt: skip
        assert ABANDONED in bench.keys  # by a Backfill that is over
        entry = bench.put(wish, suspend=wish is TURN, mark=None, params=[])
        assert bench.queued == 1  # somebody has edited it, so it may be another wish
        assert await bench.look(entry) == reason
        assert (bench.queued, DAG in bench.keys, BACKFILL in bench.keys) == (queued, True, True)

    virtual_loop.run(story())


def bench_revision(bench):
    return bench.store.dags["ns", "pipeline"].definition.revision


@pytest.mark.parametrize(
    ("said", "generation", "refused"),
    [
        pytest.param("TaskNotFound", 3, True, id="it is"),
        pytest.param("TaskNotFound", 2, False, id="it was another wish"),
        pytest.param("DAGNotReady", 3, False, id="it waits for its DAG"),
        pytest.param("PodsEnding", 3, False, id="it waits for Pods"),
        pytest.param("ShutdownAsked", 3, False, id="it waits for a person"),
    ],
)
def test_a_wish_is_refused_if_the_run_says_so_of_this_wish(said, generation, refused):
    told = rows.Condition(rows.RERUN_PENDING, "True", said, "m", observed_generation=generation)
    status = msgspec.structs.replace(FAILED, conditions=(*FAILED.conditions, told))
    assert rerun.is_refused(run_facts(generation=3), status) == refused
    assert not rerun.is_refused(run_facts(generation=3), FAILED)
