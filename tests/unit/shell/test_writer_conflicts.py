"""A status that others write to as well, or of which nobody knows whether it is stored: it is read and
decided again, but not without a pause."""

from __future__ import annotations

import asyncio
import logging

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
from support.builders import a_finished_status, a_ready_status, a_row, as_stored
from support.objects import a_dag, a_run

CONFLICT = ApiError(409, "Conflict", "modified")
CUT = Unreachable("cut", maybe_applied=True)
ENDED = a_finished_status(a_row(state="Succeeded"))
BEFORE = a_ready_status()
MOVED_ON = msgspec.structs.replace(
    BEFORE, last_interval=rows.Interval("2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z")
)
COUNTED = msgspec.structs.replace(BEFORE, active_runs=1)


def there(version):
    return as_stored(a_run(), version)


def test_a_status_whose_write_met_a_bug_is_decided_again(caplog):
    async def scenario():
        api = AnsweringApi(LookupError("a bug"))
        queue, store, tasks = KeyedQueue(), Store(lambda _key: None), Tasks()
        writer = writers.StatusWriter(
            api, store, queue, Recorder(api, wall_clock=LoopClock()), tasks
        )
        store.put_run(there(1))
        store.put_dag(as_stored(a_dag(), 2))
        run, dag = store.runs["ns", "run"], store.dags["ns", "pipeline"]
        run.decided, dag.decided = ENDED, a_ready_status()
        writer.run_decided(run, urgent=True)
        writer.overview_decided(dag)
        await asyncio.sleep(20)
        return tasks.bugs, {await queue.get() for _ in range(queue.depth)}, {run.key, dag.key}

    with caplog.at_level(logging.CRITICAL):
        bugs, woken, both = virtual_loop.run(scenario())
    assert (bugs, woken) == (2, both)


def test_whoever_loses_again_and_again_waits_before_the_next_try():
    async def scenario() -> list[float]:
        api = AnsweringApi(CONFLICT, there(7), CONFLICT, there(8), CONFLICT, there(9), there(10))
        queue, store, tasks = KeyedQueue(), Store(lambda _key: None), Tasks()
        recorder = Recorder(api, wall_clock=LoopClock())
        writer = writers.StatusWriter(api, store, queue, recorder, tasks)
        store.put_run(there(1))
        run = store.runs["ns", "run"]
        queue.add(run.key)
        for _ in range(4):
            key = await queue.get()
            run.decided = ENDED
            writer.run_decided(run, urgent=True)
            await asyncio.sleep(0)
            queue.done(key)
        return [call.at for call in api.calls if call.method == "PUT"]

    first, second, third, fourth = virtual_loop.run(scenario())
    assert first == second
    assert 0 < third - second < fourth - third


def the_dag(version, status=BEFORE):
    return as_stored(a_dag(), version, status=status)


def nothing_new_after(decided, *answers, watched=None):
    """The writes, and the DAG, where its status is to be `decided`, and then as it was before.

    `watched` is what a watch tells in between.
    """

    async def scenario():
        api = AnsweringApi(*answers)
        queue, store, tasks = KeyedQueue(), Store(lambda _key: None), Tasks()
        recorder = Recorder(api, wall_clock=LoopClock())
        writer = writers.StatusWriter(api, store, queue, recorder, tasks)
        store.put_dag(the_dag(1))
        dag = store.dags["ns", "pipeline"]
        dag.decided = decided
        writer.overview_decided(dag)
        await asyncio.sleep(2)
        writer.overview_decided(dag)
        await asyncio.sleep(0.1)
        if watched is not None:
            store.put_dag(watched)
        for _ in range(8):
            dag.decided = dag.status
            writer.overview_decided(dag)
            await asyncio.sleep(0.25)
        return [call.method for call in api.calls], dag

    return virtual_loop.run(scenario())


@pytest.mark.parametrize(
    ("decided", "answer", "requests"),
    [
        pytest.param(MOVED_ON, CUT, ["PUT", "PUT"], id="nobody knows what is handled"),
        pytest.param(COUNTED, CUT, ["PUT"], id="a count waits for the next one"),
        pytest.param(
            MOVED_ON, Unreachable("cut", maybe_applied=False), ["PUT"], id="it was not sent"
        ),
        pytest.param(MOVED_ON, ApiError(403, "Forbidden", "no"), ["PUT"], id="it was refused"),
    ],
)
def test_what_a_schedule_waits_for_is_written_again_if_nobody_answered(decided, answer, requests):
    """Found by the simulation: an interval was handled, and nobody told; its run was made again."""
    asked, dag = nothing_new_after(decided, answer, the_dag(1))
    assert (asked, dag.is_moving_on) == (requests, False)


def test_a_write_that_nobody_answered_is_known_by_the_conflict_that_follows():
    asked, dag = nothing_new_after(MOVED_ON, CUT, CONFLICT, the_dag(2, MOVED_ON))
    assert (asked, dag.status, dag.is_moving_on) == (["PUT", "PUT", "GET"], MOVED_ON, False)


@pytest.mark.parametrize("status", [MOVED_ON, BEFORE], ids=["it is stored", "another is stored"])
def test_a_write_that_nobody_answered_is_known_by_the_next_version(status):
    asked, dag = nothing_new_after(MOVED_ON, CUT, watched=the_dag(2, status))
    assert (asked, dag.status, dag.is_moving_on) == (["PUT"], status, False)


def test_until_then_nothing_is_made_of_what_may_be_handled():
    asked, dag = nothing_new_after(MOVED_ON, CUT)
    assert len(asked) > 1
    assert dag.is_moving_on
