"""All parts together, over an API server of which the tests say what it answers."""

from __future__ import annotations

import asyncio
import random

import pytest

from kubedag.shell import vitals
from kubedag.shell.engine import Engine
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.recorder import Recorder
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import a_ready_status, as_stored
from support.objects import a_dag, a_run, a_task

A_DAG = as_stored(a_dag(a_task("a", image="i")), 3, status=a_ready_status())
A_RUN = as_stored(a_run(), 4)
REVISIONS = "/apis/apps/v1/controllerrevisions"
PODS = "/api/v1/pods"
DAGS = "/apis/kubedag.dev/v1alpha1/dags"
RUNS = "/apis/kubedag.dev/v1alpha1/dagruns"
BACKFILLS = "/apis/kubedag.dev/v1alpha1/backfills"
POOLS = "/apis/kubedag.dev/v1alpha1/taskpools"


class Cluster(AnsweringApi):
    """Lists what it is told, and takes whatever is written."""

    def __init__(self, **lists):
        super().__init__(self._answer)
        self.lists = lists
        self.down_until = 0.0
        self.denied = "nowhere"

    def _answer(self, call):
        if f"/namespaces/{self.denied}/" in call.path:
            return ApiError(403, "Forbidden", "no")
        if call.path == DAGS and asyncio.get_running_loop().time() < self.down_until:
            return Unreachable("down", maybe_applied=False)
        if call.method == "GET":
            items = self.lists.get(call.path.rsplit("/", 1)[-1], [])
            return {"metadata": {"resourceVersion": "9"}, "items": items}
        metadata = {"uid": "uid-new", "resourceVersion": "10", **(call.body or {})["metadata"]}
        return (call.body or {}) | {"metadata": {**metadata, "resourceVersion": "10"}}

    def written(self):
        return [f"{call.method} {call.path.rsplit('/', 1)[-1]}" for call in self.calls
                if call.method != "GET"]  # fmt: skip


def with_engine(api, story, **options):
    async def scenario():
        engine = Engine(
            api, Recorder(api, wall_clock=LoopClock()), LoopClock(), chance=random.Random(1),
            cpu_seconds=lambda: 0.0, **options,
        )  # fmt: skip
        running = asyncio.create_task(engine.run())
        await story(engine)
        await engine.stop()
        running.cancel()
        await asyncio.wait([running])
        assert (engine.reconciler.bugs, engine.tasks.bugs) == (0, 0)
        return engine

    return virtual_loop.run(scenario())


async def lead(engine):
    await engine.begin_term()
    await asyncio.sleep(5)


def test_a_term_begins_with_the_truth_and_revisions_come_before_pods():
    api = Cluster()

    async def story(engine):
        await asyncio.sleep(1)
        api.calls.clear()
        await engine.begin_term()

    with_engine(api, story)
    assert [call.path for call in api.calls] == [REVISIONS, PODS, DAGS, RUNS, POOLS, BACKFILLS]


def test_what_is_found_at_the_beginning_of_a_term_is_acted_on():
    api = Cluster(dags=[A_DAG], dagruns=[A_RUN])
    with_engine(api, lead)
    written = api.written()
    assert written.count("POST pods") == 2  # a trial, as its revision is not there, and the task
    assert {"POST controllerrevisions", "PUT status"} <= set(written)


def test_nothing_is_written_before_the_term_or_after_it():
    api = Cluster(dags=[A_DAG], dagruns=[A_RUN])

    async def story(engine):
        engine.feed("DAG", None, A_DAG)
        engine.feed("DAGRun", None, A_RUN)
        await asyncio.sleep(5)
        assert api.written() == []
        await lead(engine)
        engine.end_term()
        api.calls.clear()
        engine.feed("DAGRun", "ADDED", as_stored(a_run("late"), 20))
        await asyncio.sleep(5)

    with_engine(api, story)
    assert api.written() == []


def test_a_term_does_not_begin_before_the_api_has_answered(caplog):
    api = Cluster(dags=[A_DAG])

    async def story(engine):
        await asyncio.sleep(1)
        api.down_until = 30.0
        beginning = asyncio.create_task(engine.begin_term())
        await asyncio.sleep(28)
        assert not beginning.done()
        await beginning
        assert engine.store.dags != {}

    with_engine(api, story)
    assert "Cannot begin to act yet" in caplog.text


def test_everything_is_listed_again_from_time_to_time():
    api = Cluster()

    async def story(engine):
        await lead(engine)
        api.calls.clear()
        await asyncio.sleep(30)
        assert 4 <= len(api.calls) / 6 <= 6  # 6 s apart, a fifth more or less
        del engine

    with_engine(api, story, resync_seconds=6)
    assert {call.path for call in api.calls} == {
        REVISIONS,
        PODS,
        DAGS,
        RUNS,
        BACKFILLS,
        POOLS,
    }


def test_a_namespace_that_may_not_be_listed_any_more_keeps_no_other_from_it():
    """Whoever deletes a namespace deletes our rights in it."""
    api = Cluster()

    async def story(engine):
        await lead(engine)
        api.denied = "one"
        api.calls.clear()
        await asyncio.sleep(100)

    with_engine(api, story, namespaces=["one", "two"], resync_seconds=6)
    for kind in ("dags", "dagruns", "taskpools", "backfills"):
        paths = [call.path for call in api.calls]
        assert paths.count(f"/apis/kubedag.dev/v1alpha1/namespaces/two/{kind}") >= 5


@pytest.mark.parametrize("kind", ["DAG", "DAGRun"])
def test_an_object_that_is_deleted_is_forgotten(kind):
    raw = A_DAG if kind == "DAG" else A_RUN

    async def story(engine):
        known = engine.store.dags if kind == "DAG" else engine.store.runs
        engine.feed(kind, "ADDED", raw)
        assert list(known) == [("ns", raw["metadata"]["name"])]
        older = {**raw, "metadata": {**raw["metadata"], "uid": "of a namesake"}}
        engine.feed(kind, "DELETED", older)
        assert known != {}
        engine.feed(kind, "DELETED", raw)
        assert [name for name in known if name == ("ns", raw["metadata"]["name"])] == []

    with_engine(Cluster(), story)


def test_only_the_watched_namespaces_are_asked_about():
    api = Cluster()
    with_engine(api, lead, namespaces=["one", "two"])
    asked = {call.path.split("/namespaces/")[1].split("/")[0] for call in api.calls}
    assert asked == {"one", "two"}


def test_a_full_list_is_made_every_few_minutes():
    api = Cluster()

    async def story(engine):
        await engine.begin_term()
        api.calls.clear()
        await asyncio.sleep(3600)

    with_engine(api, story)
    times = [call.at for call in api.calls if call.path == RUNS]
    assert 10 <= len(times) <= 15


def test_writes_that_are_under_way_at_the_end_may_end():
    api = Cluster(dags=[A_DAG], dagruns=[A_RUN])

    async def story(engine):
        await asyncio.sleep(1)
        await engine.begin_term()
        api.seconds = 2.0
        await asyncio.sleep(0.1)
        assert len(engine.tasks) > 0

    engine = with_engine(api, story)
    assert len(engine.tasks) == 0


def test_what_the_engine_tells_about_itself_has_one_value_each():
    async def story(engine):
        engine.feed("DAG", None, A_DAG)
        engine.feed("DAGRun", None, A_RUN)
        found = {metric.name: metric for metric in vitals.of_engine(engine)}
        values = {name: one.samples[0][1] for name, one in found.items()}
        assert (values["kubedag_dags"], values["kubedag_runs"]) == (1, 1)
        assert values["kubedag_runs_active"] == 1
        assert len(found) == len(list(vitals.of_engine(engine)))

    with_engine(Cluster(), story)
