"""One life of the operator: the real engine and recorder, on a connection of their own, until killed.

To be killed is to be gone between two steps of the loop: every task of this life is cancelled at
the await that it is in, and nothing that it would have done afterwards is done.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kubedag.shell.engine import Engine
from kubedag.shell.recorder import Recorder
from simulation.cluster import EPOCH
from simulation.feed import CustomResourceFeed
from simulation.network import Connection, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

_OWNER: contextvars.ContextVar[Operator | None] = contextvars.ContextVar("owner", default=None)


class LoopClock:
    """The wall clock of the simulation; `skew_seconds` is where a clock jump would go."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.skew_seconds = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._time() + self.skew_seconds)


def make_tasks(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """A task factory that remembers whose each task is."""
    task = asyncio.Task(coro, loop=loop, **options)
    owner = _OWNER.get()
    if owner is not None:
        owner.own(task)
    return task


class Operator:
    """Starts with nothing, as after every restart."""

    def __init__(self, net: Network, clock: LoopClock, number: int, seed: str) -> None:
        self.number = number
        self.chance = random.Random(f"{seed}/operator/{number}")
        self.connection = Connection(net, f"operator-{number}")
        self.connection.on_kill = self.kill
        self.recorder = Recorder(self.connection, wall_clock=clock, chance=self.chance)
        self._cpu_seconds = 0.0
        self._costly = self.chance.random() < 0.2
        self.engine = Engine(
            self.connection,
            self.recorder,
            clock,
            chance=self.chance,
            cpu_seconds=self._cpu,
        )
        self.feed = CustomResourceFeed(net, self.engine.feed)
        self.alive = False
        self.on_death: Callable[[], None] = lambda: None
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._parts: list[asyncio.Task[Any]] = []

    def _cpu(self) -> float:
        """Some operators have decisions that cost something, so that the pace is tried, too."""
        if self._costly:
            self._cpu_seconds += self.chance.uniform(0, 0.02)
        return self._cpu_seconds

    def own(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def start(self) -> None:
        self.alive = True
        token = _OWNER.set(self)
        try:
            loop = asyncio.get_running_loop()
            self._parts = [
                loop.create_task(self.engine.run()),
                loop.create_task(self.recorder.run()),
                loop.create_task(self.engine.begin_term()),
            ]
        finally:
            _OWNER.reset(token)
        self.feed.open()

    def kill(self) -> None:
        """SIGKILL."""
        if not self.alive:
            return
        self.alive = False
        self.connection.cut()
        self.feed.close()
        for task in list(self._tasks):
            task.cancel()
        self.on_death()

    def faults_found(self) -> list[str]:
        """What is wrong with the operator by its own account."""
        engine = self.engine
        found = []
        if engine.reconciler.bugs or engine.tasks.bugs:
            found.append(f"{engine.reconciler.bugs} + {engine.tasks.bugs} bugs counted")
        if self.alive:
            # Only the beginning of the term may end.
            deciding, telling, beginning = self._parts
            failed = beginning.done() and (beginning.cancelled() or beginning.exception())
            if deciding.done() or telling.done() or failed:
                found.append(f"a part has ended: {self._parts}")
        return found
