"""An object goes and another of its name comes: what was under way for the first is nothing to the second."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kubedag.core import actions, decide_dag, rows
from kubedag.shell import act_backfill, backfill_view
from kubedag.shell import writer as writers
from kubedag.shell.act_dag import DAGActor
from kubedag.shell.errors import ApiError
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, Known, LoopClock
from support.builders import a_finished_status, a_ready_status, a_row, as_stored, stamp
from support.objects import a_backfill, a_dag, a_run, a_task

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

    async def woken(self):
        """The keys that are to be looked at, which is done with it."""
        found = [await self.queue.get() for _ in range(self.queue.depth)]
        for key in found:
            self.queue.done(key)
        return found

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


# --- DAGs -------------------------------------------------------------------------------------

NEXT = as_stored(A_DAG, 9, uid="other")
CREATE = actions.CreateRun("pipeline-20260101t0000-1h", "Scheduled", stamp(0), stamp(3600))


def test_a_dag_that_was_made_anew_during_a_write_is_written_itself():
    async def story(bench):
        bench.decide_dag(a_ready_status())
        await asyncio.sleep(0.5)
        bench.store.put_dag(NEXT)
        bench.decide_dag(a_ready_status())
        await asyncio.sleep(0.5)
        assert bench.dag.status == rows.DAGStatus()
        await asyncio.sleep(2)

    bench = on_bench(story, stored(2), stored(10))
    assert [call.body["metadata"]["uid"] for call in bench.api.calls] == ["uid-pipeline", "other"]
    assert (bench.dag.status, bench.dag.resource_version) == (a_ready_status(), "10")


def test_whoever_is_written_is_looked_at_again_whatever_came_in_its_place():
    async def story(bench):
        bench.decide_dag(a_ready_status())
        await asyncio.sleep(0.5)
        bench.store.put_dag(NEXT)
        await bench.woken()
        await asyncio.sleep(2)
        assert bench.dag.key in await bench.woken()

    on_bench(story, stored(2))


def test_news_of_a_dag_that_come_before_an_answer_are_not_made_older_by_it():
    async def story(bench):
        bench.decide_dag(a_ready_status())
        await asyncio.sleep(0.5)
        newest = msgspec.structs.replace(a_ready_status(), active_runs=7)
        bench.store.put_dag(as_stored(A_DAG, 3, status=newest))
        await asyncio.sleep(2)

    bench = on_bench(story, stored(2))
    assert (bench.dag.resource_version, bench.dag.status.active_runs) == ("3", 7)


def test_a_dag_takes_the_place_of_its_namesake_with_nothing_of_it_left(woken):
    woken.store.put_dag(as_stored(A_DAG, 5, status=a_ready_status()))
    old = woken.store.dags["ns", "pipeline"]
    old.busy, old.writing, old.write_failures, old.write_after = {"x"}, True, 3, 60.0
    woken.store.put_dag(NEXT)
    new = woken.store.dags["ns", "pipeline"]
    assert (new is old, new.uid, new.definition.uid, new.status) == (
        False, "other", "other", rows.DAGStatus(),
    )  # fmt: skip
    assert (new.busy, new.writing, new.write_failures, new.write_after) == (set(), False, 0, 0.0)


@pytest.mark.parametrize("namesake", [True, False], ids=["another of its name", "nothing instead"])
def test_a_run_that_was_being_created_for_a_dag_that_is_gone_is_known_until_it_is_there(
    woken, namesake
):
    woken.store.put_dag(as_stored(A_DAG, 5))
    woken.store.backfills.put(as_stored(a_backfill(), 3))
    old = woken.store.dags["ns", "pipeline"]
    old.creating[CREATE.name] = CREATE
    woken.store.put_dag(NEXT) if namesake else woken.store.drop_dag("ns", "pipeline")

    def coming():
        entry = woken.store.dags.get(("ns", "pipeline")) or old
        of_dag: decide_dag.DAGSnapshot = woken.store.dag_snapshot(entry)
        bf = backfill_view.of(woken.store, woken.store.backfills.entries["ns", "bf"])
        return [*of_dag.coming], [*bf.creating]

    assert coming() == ([CREATE], [CREATE])
    old.creating.clear()
    assert coming() == ([], [])


# --- Gone, says an answer ---------------------------------------------------------------------

NOT_FOUND = ApiError(404, "NotFound")


def as_other(document, version=9):
    return as_stored(document, version, uid="other")


@pytest.mark.parametrize(
    ("decide", "come", "known"),
    [
        pytest.param(
            lambda bench: bench.decide_run(ENDED),
            lambda store: store.put_run(as_other(a_run())),
            lambda store: store.runs["ns", "run"].uid, id="a run",
        ),
        pytest.param(
            lambda bench: bench.decide_dag(a_ready_status()),
            lambda store: store.put_dag(as_other(A_DAG)),
            lambda store: store.dags["ns", "pipeline"].uid, id="a DAG",
        ),
    ],
)  # fmt: skip
def test_that_an_object_is_gone_says_nothing_of_a_namesake_that_the_watch_has_brought(
    decide, come, known
):
    async def story(bench):
        decide(bench)
        await asyncio.sleep(
            1.5
        )  # the write is answered, and the question what there is instead is not
        come(bench.store)
        await asyncio.sleep(2)

    bench = on_bench(story, NOT_FOUND, NOT_FOUND)
    assert [call.method for call in bench.api.calls] == ["PUT", "GET"]
    assert known(bench.store) == "other"


AGAIN = actions.RequestRerun("run", "uid-run", "backfill-1", "All")
BACK = actions.WithdrawRerun("run", "uid-run", "backfill-1")
DROP = actions.DeleteRun("run", "uid-run", unstarted=True)


@pytest.mark.parametrize("action", [AGAIN, BACK, DROP], ids=["again", "back", "drop"])
def test_that_a_run_has_gone_says_nothing_of_a_namesake_that_the_watch_has_brought(action):
    async def story():
        api, tasks = AnsweringApi(NOT_FOUND, seconds=1), Tasks()
        store = Store(lambda _key: None)
        store.backfills.put(as_stored(a_backfill(), 3))
        store.put_run(as_stored(a_run(), 7, status=a_finished_status()))
        actor = act_backfill.BackfillActor(api, lambda _key: None, store, LoopClock(), tasks)
        actor.start(store.backfills.entries["ns", "bf"], [action])
        await asyncio.sleep(1.5)
        store.put_run(as_other(a_run()))
        await asyncio.sleep(3)
        return [call.method for call in api.calls][1:], store.runs["ns", "run"].facts.uid

    assert virtual_loop.run(story()) == (["GET"], "other")


# --- Names that something else has ------------------------------------------------------------

FOREIGN = as_other(a_run(CREATE.name, dag="other"))


def test_a_name_is_taken_only_as_long_as_something_else_has_it():
    async def story():
        api, tasks = AnsweringApi(ApiError(409, "AlreadyExists"), FOREIGN), Tasks()
        store = Store(lambda _key: None)
        store.put_dag(as_stored(A_DAG))
        store.backfills.put(as_stored(a_backfill(), 3))
        dag, backfill = store.dags["ns", "pipeline"], store.backfills.entries["ns", "bf"]
        wake = [].append
        act_backfill.BackfillActor(api, wake, store, LoopClock(), tasks).start(backfill, [CREATE])
        await asyncio.sleep(1)
        api.answers[:] = [ApiError(409, "AlreadyExists"), FOREIGN]
        DAGActor(api, Known(), wake, store, LoopClock(), tasks).start(dag, [CREATE])
        await asyncio.sleep(1)

        def taken():
            told = store.dag_snapshot(dag).creations.taken
            return set(told), backfill_view.of(store, backfill).taken

        before = taken()
        store.drop_run("ns", CREATE.name, "other")
        return before, taken()

    held, free = virtual_loop.run(story())
    assert held == ({CREATE.name}, {(CREATE.start_time, CREATE.end_time)})
    assert free == (set(), frozenset())
