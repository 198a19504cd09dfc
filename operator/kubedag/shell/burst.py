"""Gives way to the creation of runs while very many are created at once.

When a thousand DAGs are due at the same second, the requests for their runs fill all connections.
Whatever else is decided in the meantime could not be sent before them; deciding it would only take
time from sending them. So it waits until they are out, or for a moment at most.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.shell.store import Key

CROWD: Final = 64
"""More runs under way than there are connections, as a rule: the others wait for one."""
HELD_SECONDS_MAX: Final = 2.0


class Burst:
    """Counts the runs that are being created, and holds back what is woken meanwhile."""

    def __init__(self, wake: Callable[[Key], None], crowd: int = CROWD) -> None:
        self._wake = wake
        self._crowd = crowd
        self._under_way = 0
        self._held: dict[Key, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def begin(self) -> None:
        """One more run is to be created."""
        self._under_way += 1
        if self._under_way == self._crowd + 1:
            self._over = False
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(HELD_SECONDS_MAX, self._release)

    def end(self) -> None:
        """One of them has been created, or could not be."""
        self._under_way -= 1
        if self._under_way == self._crowd:
            self._release()

    def holds(self, key: Key) -> bool:
        """Is the key to wait? Then it is woken later."""
        if self._under_way <= self._crowd or self._over:
            return False
        self._held[key] = None
        return True

    def _release(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, {}
        for key in held:
            self._wake(key)
