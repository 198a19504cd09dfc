"""A work queue of keys: however often a key is added, it is worked on once, and never twice at once.

The rules are those of client-go's workqueue, which every controller leans on: a key added while it
is being processed is processed again afterwards, so no change is ever missed; a key added many times
before its turn is processed once, so a burst costs one pass. Time is the loop's alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BACKOFF_SECONDS_MIN: Final = 0.1
BACKOFF_SECONDS_MAX: Final = 300.0
_DOUBLINGS_MAX: Final = 32


class QueueClosed(Exception):  # noqa: N818  # an end, not a fault
    """No more keys will come: the worker may go home."""


class KeyedQueue(Generic[K]):
    """Keys wait in the order they were added; to be used from one event loop only."""

    def __init__(
        self,
        *,
        backoff_seconds_min: float = BACKOFF_SECONDS_MIN,
        backoff_seconds_max: float = BACKOFF_SECONDS_MAX,
    ) -> None:
        self._backoff_seconds_min = backoff_seconds_min
        self._backoff_seconds_max = backoff_seconds_max
        self._ready: deque[K] = deque()
        self._since: dict[K, float] = {}  # dirty keys, and since when
        self._processing: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self.adds = 0
        self.gets = 0
        self.retries = 0
        self.latency_seconds_last = 0.0
        self.latency_seconds_max = 0.0

    @property
    def depth(self) -> int:
        """Keys that wait for a worker now."""
        return len(self._ready)

    @property
    def delayed(self) -> int:
        """Keys that wait for their time."""
        return len(self._timers)

    @property
    def failing(self) -> int:
        """Keys whose last pass failed."""
        return len(self._failures)

    def add(self, key: K) -> None:
        """Have a key processed as soon as possible; a later time asked for it stands."""
        self.adds += 1
        if self._closed or key in self._since:
            return
        self._since[key] = asyncio.get_running_loop().time()
        if key not in self._processing:
            self._make_ready(key)

    def add_after(self, key: K, delay_seconds: float) -> None:
        """Have a key processed after a delay; of several times asked for, the earliest stands."""
        if delay_seconds <= 0:
            self.add(key)
            return
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + delay_seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self._due, key)

    def forget_times(self, key: K) -> None:
        """Drop the time at which a key is to be processed: what it stands for is gone."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def retry(self, key: K) -> float:
        """Have a key that failed processed again after its back-off, which is returned in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.retries += 1
        delay_seconds = min(
            self._backoff_seconds_min * 2.0 ** min(failures, _DOUBLINGS_MAX),
            self._backoff_seconds_max,
        )
        self.add_after(key, delay_seconds)
        return delay_seconds

    def forget(self, key: K) -> None:
        """Let the next failure of a key start from the shortest back-off."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often a key was retried since it was last forgotten."""
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """The key that waits longest; `done` must follow. Raises `QueueClosed`."""
        while not self._ready:
            if self._closed:
                raise QueueClosed
            await self._wait()
        key = self._ready.popleft()
        self._processing.add(key)
        self.gets += 1
        latency_seconds = asyncio.get_running_loop().time() - self._since.pop(key)
        self.latency_seconds_last = latency_seconds
        self.latency_seconds_max = max(self.latency_seconds_max, latency_seconds)
        return key

    def done(self, key: K) -> None:
        """Give a key back; it is ready again at once if it was added in the meantime."""
        self._processing.discard(key)
        if key in self._since:
            self._make_ready(key)

    def close(self) -> None:
        """Take no more keys; workers get those that wait, then `QueueClosed`."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        while self._getters:
            self._wake_one()

    def _due(self, key: K) -> None:
        del self._timers[key]
        self.add(key)

    def _make_ready(self, key: K) -> None:
        self._ready.append(key)
        self._wake_one()

    async def _wait(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            if getter.done() and not getter.cancelled():
                self._wake_one()  # the wake-up was meant for a worker that is no more
            raise

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
