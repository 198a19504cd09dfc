"""Whether decisions have room while many runs of DAGs are being created."""

from __future__ import annotations

import asyncio

import pytest

from kubedag.core import actions, rows
from kubedag.shell import act_dag
from kubedag.shell.entries import DAGEntry
from kubedag.shell.errors import Unreachable
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, Known, LoopClock, NoRuns
from support.builders import NAMESPACE, a_definition, a_plan
from support.objects import a_task

PLAN = a_plan(a_task("a"))
CUT = Unreachable("cut", maybe_applied=True)
DONE = rows.Interval("2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z")


def a_creation(name):
    start, end = "2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z"
    return actions.CreateRun(name, "Scheduled", start, end)


@pytest.mark.parametrize(
    ("under_way", "made"),
    [
        pytest.param({}, 1, id="nothing is stored"),
        pytest.param(
            {"sending": rows.DAGStatus(active_runs=1)}, 1, id="how many are active is stored"
        ),
        pytest.param(
            {"sending": rows.DAGStatus(last_interval=DONE)},
            0,
            id="that an interval is skipped is stored",
        ),
        pytest.param({"unanswered": "7"}, 0, id="it may be stored"),
        pytest.param({"unanswered": "6"}, 1, id="whether it was stored has been heard since"),
    ],
)
def test_no_run_is_made_while_it_is_being_stored_that_intervals_are_done_with(under_way, made):
    """Found by the simulation: what was told to be skipped then ran."""

    async def story():
        api = AnsweringApi(CUT)
        actor = act_dag.DAGActor(api, Known(), lambda _key: None, NoRuns(), LoopClock(), Tasks())
        entry = DAGEntry(
            NAMESPACE, "dag", resource_version="7", definition=a_definition(PLAN), **under_way
        )
        actor.start(entry, [a_creation("run")])
        await asyncio.sleep(0.1)
        return len(api.calls)

    assert virtual_loop.run(story()) == made


def room_after(amount, seconds):
    """When there is room for a decision again, while so many creations take so long each."""

    async def story():
        actor = act_dag.DAGActor(
            AnsweringApi(CUT, seconds=seconds),
            Known(),
            lambda _key: None,
            NoRuns(),
            LoopClock(),
            Tasks(),
        )
        for number in range(amount):
            entry = DAGEntry(NAMESPACE, f"dag-{number}", definition=a_definition(PLAN))
            actor.start(entry, [a_creation(f"run-{number}")])
        await asyncio.sleep(0)
        await actor.have_room()
        return asyncio.get_running_loop().time()

    return virtual_loop.run(story())


@pytest.mark.parametrize(
    ("amount", "seconds", "expected"),
    [
        pytest.param(act_dag.CREATIONS_AT_ONCE - 1, 0.5, 0.0, id="a few"),
        pytest.param(act_dag.CREATIONS_AT_ONCE, 0.5, 0.5, id="many"),
        pytest.param(
            act_dag.CREATIONS_AT_ONCE,
            20.0,
            act_dag.CREATION_SECONDS_USUAL,
            id="many, of which none comes to an end",
        ),
    ],
)
def test_decisions_wait_while_many_runs_are_being_created(amount, seconds, expected):
    assert room_after(amount, seconds) == expected
