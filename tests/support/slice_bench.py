"""Operators of which only the writer works, at an API server for one run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from kubedag.core import rows, slices
from kubedag.shell import writer as writers
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import a_row, a_status
from support.object_server import ObjectServer
from support.objects import a_run

if TYPE_CHECKING:
    from collections.abc import Callable


def progress(number: int, tasks: int = 250, **changed: str) -> rows.RunStatus:
    """A status of so many tasks in slices; `changed` are the states of some."""
    states = {f"t{n}": "Running" for n in range(tasks)} | changed
    found = [a_row(name, state) for name, state in states.items()]
    return a_status(*found, progress=str(number), slices=slices.needed(tasks))


class Operator:
    """A writer, and all that is around it."""

    def __init__(self, server: ObjectServer, seconds: float = 0.0) -> None:
        self.server = server
        self.api = AnsweringApi(server, seconds=seconds)
        self.queue: KeyedQueue[Any] = KeyedQueue()
        self.store = Store(lambda _key: None)
        self.tasks = Tasks()
        self.recorder = Recorder(self.api, wall_clock=LoopClock())
        self.writer = writers.StatusWriter(
            self.api, self.store, self.queue, self.recorder, self.tasks
        )
        self.store.put_run(server.objects[server.path])
        self.run = self.store.runs["ns", "run"]

    async def write(self, status: rows.RunStatus, seconds: float = 1.0) -> None:
        self.run.decided = status
        self.writer.run_decided(self.run, urgent=True)
        await asyncio.sleep(seconds)

    async def load(self, seconds: float = 1.0) -> None:
        self.writer.slices.load(self.run)
        await asyncio.sleep(seconds)

    def told(self) -> None:
        """Take in the run as a watch tells of it."""
        self.store.put_run(self.server.objects[self.server.path])

    @property
    def written(self) -> list[str]:
        return [call.path.split("/")[-1] for call in self.api.calls if call.method != "GET"]


def with_operators(story: Callable[..., Any], count: int = 1, **options: float) -> Operator:
    async def scenario() -> Operator:
        server = ObjectServer(a_run())
        operators = [Operator(server, **options) for _ in range(count)]
        await story(*operators)
        assert [one.tasks.bugs for one in operators] == [0] * count
        return operators[0]

    return virtual_loop.run(scenario())


def stored(server: ObjectServer) -> rows.RunStatus:
    """The status that whoever reads all objects finds."""
    main = msgspec.convert(server.status, rows.RunStatus)
    parts = [msgspec.convert(one["tasks"], slices.Tasks) for one in server.slices]
    return slices.join(main, dict(enumerate(parts)))
