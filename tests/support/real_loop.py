"""Runs a coroutine in real time, with an end: for tests that talk to a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def run(coro: Coroutine[Any, Any, T], *, seconds_max: float = 20.0) -> T:
    """Run a coroutine in a loop of its own; `TimeoutError` after `seconds_max`."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds_max):
            return await coro

    return asyncio.run(bounded())
