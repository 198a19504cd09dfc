"""An event loop in a thread: for servers and watchers beside tests that wait for processes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")


class Background:
    """What is given to `run` is run over there, and waited for here."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, coro: Coroutine[Any, Any, T], *, seconds_max: float = 60.0) -> T:
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result(seconds_max)


@contextlib.contextmanager
def background() -> Iterator[Background]:
    """A loop; whatever still runs in it at the end is cancelled."""
    runner = asyncio.Runner()
    loop = runner.get_loop()
    thread = threading.Thread(target=loop.run_forever, name="background")
    thread.start()
    try:
        yield Background(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        runner.close()
