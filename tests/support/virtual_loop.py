"""An event loop whose clock jumps to the next timer as soon as nothing is left to do.

Days of back-off, leases and schedules pass in milliseconds, and in the same order every time, so a
test or a simulation can state what happens at 15.0 s instead of sleeping and hoping. Timers of the
same instant fire in an order that repeats, but not always in that of their creation (a heap).
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

STEPS_WITHOUT_TIME_MAX = 1_000_000


class StuckError(AssertionError):
    """The simulated program waits for something that can never come, or never waits at all."""


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for the time-out, says that it has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.end = float("inf")
        self.steps = 0
        self.watched = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.watched += 1
        return super().register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        self.watched -= 1
        return super().unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # The loop's own wake-up pipe is of no use without threads, and a system call takes longer
        # than most of what a simulation does between two of them.
        ready = super().select(0) if self.watched > 1 else []
        if ready or (timeout is not None and timeout <= 0):
            self.steps += 1
            if self.steps > STEPS_WITHOUT_TIME_MAX:
                raise StuckError(
                    f"{self.steps} steps of the loop without time passing at {self.now}"
                )
            return ready
        if timeout is None:
            raise StuckError(f"every task waits, and no timer is set, at {self.now} s")
        if self.now + timeout > self.end:
            raise StuckError(f"not done within {self.end} s")
        self.steps = 0
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0.0 s and only ever jumps; threads are run in place."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution: float  # asyncio's own, in seconds

    def time(self) -> float:
        return self._jumping.now

    def call_at(self, when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        """A loop takes what is nearly due for due; here no time would pass before it is asked again."""
        now = self._jumping.now
        nearly = now + self._clock_resolution
        if now < when <= nearly:
            when = nearly + self._clock_resolution
        return super().call_at(when, *args, **kwargs)

    def stop_at(self, seconds: float) -> None:
        """Raise `StuckError` rather than pass this time."""
        self._jumping.end = seconds
        self._jumping.steps = 0

    def block(self, seconds: float) -> None:
        """Let time pass in which nothing gets to run."""
        self._jumping.now += seconds

    def run_in_executor(  # type: ignore[override]  # a thread would make the order a matter of luck
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # it belongs to whoever awaits the future
            future.set_exception(error)
        return future


def run(coro: Coroutine[Any, Any, T], *, seconds_max: float = 86_400.0) -> T:
    """Run a coroutine in virtual time; `StuckError` when it has not ended after `seconds_max`."""
    loop = VirtualLoop()
    loop.stop_at(seconds_max)
    try:
        return loop.run_until_complete(coro)
    finally:
        loop.stop_at(float("inf"))
        try:
            _cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
