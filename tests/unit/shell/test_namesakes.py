"""An object goes and another of its name comes: what was under way for the first is nothing to the second."""

from __future__ import annotations

import asyncio

from kubedag.core import rows
from kubedag.shell import writer as writers
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import a_finished_status, a_row, as_stored
from support.objects import a_dag, a_run, a_task

A_DAG = a_dag(a_task("a", image="i"))
ENDED = a_finished_status(a_row(state="Succeeded"))


def stored(version):
    return {"metadata": {"resourceVersion": str(version)}}


class Bench:
    """A writer whose requests take a second, so that much can happen in the meantime."""

    def __init__(self, *answers):
        self.api = AnsweringApi(*answers, seconds=1.0)
        self.queue = KeyedQueue()
        self.store = Store(self.queue.add)
        self.tasks = Tasks()
        recorder = Recorder(self.api, wall_clock=LoopClock())
        self.writer = writers.StatusWriter(self.api, self.store, self.queue, recorder, self.tasks)
        self.store.put_dag(as_stored(A_DAG))
        self.store.put_run(as_stored(a_run()))

    @property
    def run(self):
        return self.store.runs["ns", "run"]

    @property
    def dag(self):
        return self.store.dags["ns", "pipeline"]

    def decide_run(self, status):
        self.run.decided = status
        self.writer.run_decided(self.run, urgent=True)

    def decide_dag(self, status):
        self.dag.decided = status
        self.writer.overview_decided(self.dag)


def on_bench(story, *answers):
    async def scenario():
        bench = Bench(*answers)
        await story(bench)
        assert bench.tasks.bugs == 0
        return bench

    return virtual_loop.run(scenario())


def test_the_end_of_a_run_that_is_stored_late_says_nothing_of_its_namesake():
    async def story(bench):
        bench.decide_run(ENDED)
        await asyncio.sleep(0.5)
        bench.store.drop_run("ns", "run", "uid-run")
        bench.store.put_run(as_stored(a_run(), 9, uid="other"))
        await asyncio.sleep(2)

    bench = on_bench(story, stored(2))
    siblings = bench.store.siblings("ns", "pipeline")
    assert (list(siblings.active.values()), list(siblings.history)) == ([bench.run], [])
    assert (bench.run.facts.uid, bench.run.status) == ("other", rows.RunStatus())
