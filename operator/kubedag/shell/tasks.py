"""Work that goes on beside the decisions: started here, awaited nowhere, lost never.

A task that raises is a bug of ours. It is logged with its trace and counted, and the decision that
asked for it is made again, because decisions are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

log: Final = logging.getLogger(__name__)

BUG_PAUSE_SECONDS: Final = 10.0
"""Whatever met a bug will be asked for again, and must not spin."""


class Tasks:
    """Holds the running tasks, so that none is garbage-collected in the middle."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.bugs = 0

    def __len__(self) -> int:
        return len(self._running)

    def start(
        self,
        work: Coroutine[Any, Any, None],
        after: Callable[[], None] = lambda: None,
        *,
        after_bug: Callable[[], None] = lambda: None,
    ) -> None:
        """Have something done, and then `after` called, however it ended; then maybe `after_bug`.

        Work that wakes by itself whoever is to look at what came of it does so no more then.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, after, after_bug))

    def _ended(
        self, task: asyncio.Task[None], after: Callable[[], None], after_bug: Callable[[], None]
    ) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            after()
            return
        self.bugs += 1
        log.error("Background work failed; it may be asked for again", exc_info=error)
        task.get_loop().call_later(BUG_PAUSE_SECONDS, after)
        task.get_loop().call_later(BUG_PAUSE_SECONDS, after_bug)

    async def stop(self, seconds_max: float) -> None:
        """Let what is under way end, for a while; then cancel it."""
        running = list(self._running)
        if running:
            _, late = await asyncio.wait(running, timeout=seconds_max)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
