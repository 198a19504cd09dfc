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

from kubedag.core.limits import UNBOUNDED
from kubedag.shell.engine import Engine
from kubedag.shell.recorder import Recorder
from simulation.cluster import EPOCH
from simulation.feed import CustomResourceFeed
from simulation.network import Connection, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from kubedag.core.limits import Bounds

_OWNER: contextvars.ContextVar[Operator | None] = contextvars.ContextVar("owner", default=None)


class LoopClock:
    """The wall clock of one operator's machine; it is wrong by `skew_seconds`."""

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

    def __init__(
        self,
        net: Network,
        clock: LoopClock,
        number: int,
        seed: str,
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        self.number = number
        self.clock = clock
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
            bounds=bounds,
        )
        self.feed = CustomResourceFeed(self.connection, self.engine.feed)
        self.alive = False
        self.acts = False
        """Does it believe that it leads?"""
        self.on_death: Callable[[], None] = lambda: None
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._parts: list[asyncio.Task[Any]] = []
        self._beginning: asyncio.Task[Any] | None = None

    def _cpu(self) -> float:
        """Some operators have decisions that cost something, so that the pace is tried, too."""
        if self._costly:
            self._cpu_seconds += self.chance.uniform(0, 0.02)
        return self._cpu_seconds

    def own(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def start(self) -> None:
        """Watch; whoever does not lead stands by."""
        self.alive = True
        self._parts = [self._task(self.engine.run()), self._task(self.recorder.run())]
        self.feed.open()

    def lead(self) -> None:
        """Begin a term."""
        self.acts = True
        self._beginning = self._task(self.engine.begin_term())

    def end_term(self) -> None:
        """As `main` does when the lease is lost."""
        self.acts = False
        if self._beginning is not None:
            self._beginning.cancel()
        self.engine.end_term()

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        token = _OWNER.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            _OWNER.reset(token)

    def kill(self) -> None:
        """SIGKILL."""
        if not self.alive:
            return
        self.alive = self.acts = False
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
        if self.alive and any(part.done() for part in self._parts):
            found.append(f"a part has ended: {self._parts}")
        begun = self._beginning if self.acts else None
        if begun is not None and begun.done() and (begun.cancelled() or begun.exception()):
            found.append(f"a term did not begin: {begun}")
        return found
