"""A status that others write to as well: it is read and decided again, but not without a pause."""

from __future__ import annotations

import asyncio
import logging

from kubedag.shell import writer as writers
from kubedag.shell.errors import ApiError
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import a_finished_status, a_ready_status, a_row, as_stored
from support.objects import a_dag, a_run

CONFLICT = ApiError(409, "Conflict", "modified")
ENDED = a_finished_status(a_row(state="Succeeded"))


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
