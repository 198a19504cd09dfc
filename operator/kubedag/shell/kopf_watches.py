"""Lets kopf live through what API servers and proxies do to its watches.

Left alone, kopf opens a watch that has ended again at once: two thousand times a second when each of
them ends at once. And it ends for good, and the operator's process with it, on an answer 410 and on
any ERROR in a stream whose code is another. All that these ask for is to list again. So does what a proxy
puts in the place of a list or an event, over which kopf would end as well.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec

from kubedag.api import group
from kubedag.shell import nesting, replies
from kubedag.shell.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarl import URL

log: Final = logging.getLogger(__name__)

INSTANT_SECONDS: Final = 1.0
NONSENSE_SECONDS: Final = 1.0
"""kopf would ask for another list ten times a second."""
SAID_CHARS_MAX: Final = 500
EXPIRED: Final = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure",'
    b'"code":410,"reason":"Expired","message":"list again"}}\n'
)
"""The one ERROR that kopf knows what to do about."""
_PLURALS: Final = {
    kind.plural for kind in (group.DAG, group.DAG_RUN, group.BACKFILL, group.TASK_POOL)
}
_ERROR_BEGINS: Final = b'{"type":"ERROR"'


@dataclass(slots=True)
class _Turn:
    backoff: Backoff
    opened_at: float = float("-inf")


class Pace:
    """A middleware of aiohttp: who opens a watch again within a second waits, longer each time.

    It is to outlive the sessions that it is given to.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, keeps no secret
        self._turns: dict[str, _Turn] = {}

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request when it is its turn."""
        if _is_watch(request.url):
            await self._wait(request.url.path)
        return await handler(request)

    async def _wait(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        turn = self._turns.setdefault(path, _Turn(Backoff(self._chance)))
        if loop.time() - turn.opened_at < INSTANT_SECONDS:
            await asyncio.sleep(turn.backoff.next_seconds())
        else:
            turn.backoff.reset()
        turn.opened_at = loop.time()


class Response(nesting.BoundedResponse):
    """An answer in which everything that asks for a new list says so as kopf understands it."""

    async def start(self, connection: Any) -> Response:
        """Take in the head of the answer. Raises `ClientPayloadError`: kopf lists anew."""
        await super().start(connection)
        if self.status == 410 and not _is_watch(self.url):
            raise aiohttp.ClientPayloadError("the list has expired between two of its pages")
        if self.status == 410:
            log.info("A watch of kopf is begun anew after an answer 410 to %s", self.url.path)
            self.status = 200
            self.content = _Expired(self.content)
        elif self.status == 200 and _is_watch(self.url):
            self.content = _Events(self.content)
        return self

    async def json(self, **options: Any) -> Any:
        """The whole answer as a value. Raises `ClientPayloadError` for what is no list of ours."""
        if self.status != 200 or self.url.path.rsplit("/", 1)[-1] not in _PLURALS:
            return await super().json(**options)
        try:
            found = await super().json(**options)
            replies.page_of(found)
        except (ValueError, msgspec.ValidationError) as error:
            await asyncio.sleep(NONSENSE_SECONDS)
            raise aiohttp.ClientPayloadError(f"no list of an API server: {error}") from error
        return found


class _Events:
    """The lines of a watch, with one ERROR in the place of all kinds."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)

    async def iter_chunked(self, bytes_max: int) -> AsyncIterator[bytes]:
        """One line after the other."""
        async for line in self._lines.iter_chunked(bytes_max):
            if line.startswith(_ERROR_BEGINS):
                said = line[:SAID_CHARS_MAX].decode(errors="replace").strip()
                log.info("A watch of kopf is begun anew after %s", said)
                yield EXPIRED
            elif line.strip() and not replies.is_event(line):
                log.info("A watch of kopf is begun anew after what no API server says")
                yield EXPIRED
            else:
                yield line


class _Expired(_Events):
    """A stream that says nothing else."""

    async def iter_chunked(self, bytes_max: int) -> AsyncIterator[bytes]:
        """All of it."""
        del bytes_max
        yield EXPIRED


def _is_watch(url: URL) -> bool:
    return url.query.get("watch") == "true"
