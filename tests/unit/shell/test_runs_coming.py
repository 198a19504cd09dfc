"""Runs are created side by side, and start in the order of the times they stand for all the same."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from kubedag.core import actions, decide_run, instants, rows
from kubedag.shell import run_view
from kubedag.shell.act_backfill import BackfillActor
from kubedag.shell.act_dag import DAGActor
from kubedag.shell.errors import ApiError, NotLeader, Unreachable
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, Known, LoopClock
from support.builders import NAMESPACE, a_ready_status, as_stored, at
from support.objects import a_backfill, a_dag, a_run, a_task

A_DAG = a_dag(a_task("a", image="i"), maxActiveRuns=1)
REFUSED = ApiError(403, "Forbidden", "exceeded quota")


def create(day, run_type="Catchup"):
    start, end = (f"2026-01-{number:02}T00:00:00Z" for number in (day, day + 1))
    mine = {"backfill": "bf", "backfill_uid": "uid-bf"} if run_type == "Backfill" else {}
    return actions.CreateRun(f"d{day}", run_type, start, end, **mine)


def a_day(day, version=100, **changes):
    made = create(day, changes.pop("runType", "Catchup"))
    spec = {
        "runType": made.run_type,
        "logicalTime": made.start_time,
        "dataInterval": {"startTime": made.start_time, "endTime": made.end_time},
    }
    return as_stored(a_run(f"d{day}", **(spec | changes)), version + day)


A_BACKFILLED = a_day(1, runType="Backfill", logicalTime="2026-02-01T00:00:00Z")


class LateApi(AnsweringApi):
    """Answers the creation of the first day a second later than all others."""

    def __init__(self, first):
        super().__init__()
        self.first = first

    async def request(self, method, path, **options):
        await super().request(method, path, **options)
        if (
            method == "POST"
            and (spec := orjson.loads(options["body"]))["metadata"]["name"] != "d1"
        ):
            return orjson.dumps(as_stored(spec, 100))
        if method == "POST":
            await asyncio.sleep(1)
        answer = self.first.pop(0) if len(self.first) > 1 else self.first[0]
        return await AnsweringApi(answer).request(method, path)


class Bench:
    """A DAG with a run at a time, and what creates its runs."""

    def __init__(self, *first):
        self.woken = []
        self.store = Store(self.woken.append)
        self.store.put_dag(as_stored(A_DAG, 1, status=a_ready_status()))
        self.store.backfills.put(as_stored(a_backfill(), 3))
        self.api, self.tasks = LateApi(list(first)), Tasks()

    def dag_creates(self, *days):
        entry = self.store.dags[NAMESPACE, "pipeline"]
        actor = DAGActor(self.api, Known(), self.woken.append, self.store, LoopClock(), self.tasks)
        actor.start(entry, [create(day) for day in days])

    def backfill_creates(self, *days):
        entry = self.store.backfills.entries[NAMESPACE, "bf"]
        actor = BackfillActor(self.api, self.woken.append, self.store, LoopClock(), self.tasks)
        actor.start(entry, [create(day, "Backfill") for day in days])

    def said(self, name):
        """What is decided about a run, which is stored as far as others see it."""
        entry = self.store.runs[NAMESPACE, name]
        status = decide_run.decide(self.store.run_snapshot(entry), at(0)).status
        entry.decided = status
        return status.condition(rows.SUCCEEDED_CONDITION).reason

    def start(self, act, *days):
        async def story():
            getattr(self, act)(*days)
            await asyncio.sleep(0.5)
            assert set(days) - {1} == {int(name[1:]) for _, name in self.store.runs}
            self.before = [self.said(f"d{day}") for day in days if day != 1]
            self.woken.clear()
            await asyncio.sleep(20)
            assert (len(self.tasks), self.tasks.bugs) == (0, 0)

        virtual_loop.run(story())


ACTORS = pytest.mark.parametrize("act", ["dag_creates", "backfill_creates"])


@ACTORS
def test_a_run_that_is_known_first_does_not_pass_an_earlier_one(act):
    run_type = "Backfill" if act == "backfill_creates" else "Catchup"
    bench = Bench(a_day(1, runType=run_type))
    bench.start(act, 3, 2, 1)
    assert bench.before == ["Queued", "Queued"]
    assert [bench.said(name) for name in ("d3", "d2", "d1")] == ["Queued", "Queued", "Running"]
    assert {call.at for call in bench.api.calls} == {0.0}  # side by side, all the same


@ACTORS
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([REFUSED], id="refused"),
        pytest.param([Unreachable("cut", maybe_applied=True)], id="no answer"),
        pytest.param([NotLeader("another leads")], id="given up"),
        pytest.param([RuntimeError("a bug of ours")], id="met a bug"),
        pytest.param(
            [ApiError(409, "AlreadyExists"), a_day(1, dagName="other")], id="its name is taken"
        ),
        pytest.param(
            [ApiError(409, "AlreadyExists"), a_day(1, suspend=True)], id="somebody holds it"
        ),
        pytest.param(
            [ApiError(409, "AlreadyExists"), A_BACKFILLED],
            id="it stands for another time",
        ),
    ],
)
def test_once_a_creation_is_over_those_that_waited_for_it_are_looked_at_again(act, answers):
    bench = Bench(*answers)

    async def story():
        getattr(bench, act)(1, 2)
        await asyncio.sleep(0.5)
        assert bench.said("d2") == "Queued"
        bench.woken.clear()
        await asyncio.sleep(20)

    virtual_loop.run(story())
    assert ("run", NAMESPACE, "d2") in bench.woken
    assert bench.said("d2") == "Running"


@ACTORS
def test_a_run_that_is_there_as_it_was_to_be_is_no_news_for_those_behind_it(act):
    run_type = "Backfill" if act == "backfill_creates" else "Catchup"
    bench = Bench(a_day(1, runType=run_type))
    bench.start(act, 1, 2)
    assert ("run", NAMESPACE, "d1") in bench.woken
    assert ("run", NAMESPACE, "d2") not in bench.woken


def test_what_a_dag_or_a_backfill_that_has_gone_was_creating_goes_first_as_well():
    bench = Bench(REFUSED)

    async def story():
        bench.dag_creates(1, 2)
        await asyncio.sleep(0.5)
        bench.store.put_dag(as_stored(A_DAG, 9, status=a_ready_status(), uid="another"))
        assert bench.said("d2") == "Queued"
        bench.woken.clear()
        await asyncio.sleep(20)

    virtual_loop.run(story())
    assert ("run", NAMESPACE, "d2") in bench.woken
    assert bench.said("d2") == "Running"


def test_what_is_known_of_a_run_counts_and_not_that_it_was_to_be_created():
    bench = Bench(a_day(1))
    bench.store.dags[NAMESPACE, "pipeline"].creating["d1"] = create(1)
    bench.store.put_run(a_day(1, suspend=True))
    bench.store.put_run(a_day(2))
    entry = bench.store.runs[NAMESPACE, "d2"]
    (peer,) = bench.store.run_snapshot(entry).peers
    assert (peer.name, peer.suspended, peer.coming) == ("d1", True, False)
    assert run_view.coming(bench.store, NAMESPACE, "pipeline") == (create(1),)
    assert instants.parse(peer.order[0]) == instants.parse(create(1).start_time)
