"""Reads the end of a failed container's log, and keeps no more of it than a status will hold.

Logs are read for people, so a node that does not answer must neither hold up a run nor fill the
memory: there are two tries, few seconds, and so many reads at once. What a DAG wants masked is
masked here, in all that was read, before anything is cut off.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from kubedag.core import logtail, masks, snapshot
from kubedag.shell import client
from kubedag.shell.errors import ClusterError

if TYPE_CHECKING:
    from kubedag.core import actions

Ask = Callable[[int], Awaitable[bytes | None]]
Read = tuple[bytes | None, bool]

log: Final = logging.getLogger(__name__)

BYTES_MAX: Final = 64 * 1024
LINES: Final = (200, 40, 3)
"""So many are asked for; fewer if those are more than BYTES_MAX, because the API server then cuts off
the end, which is what is wanted. The container runtime cuts lines into pieces of 16 KiB, and it is
pieces that the kubelet counts: three always fit."""
PIECES_MAX: Final = 8
"""So many pieces of a line can be in BYTES_MAX, by the smallest pieces that runtimes make."""
MASKED_LINES_FIRST: Final = 400
"""As a rule enough to mask, and not too many."""
MASKED_LINES_MAX: Final = masks.LOOKED_AT_BYTES_MAX
"""Each line has an end at least, so that these are always enough."""
TRIES_MAX: Final = 2
PAUSE_SECONDS: Final = 0.3
SECONDS_MAX: Final = 5.0
READS_AT_ONCE_MAX: Final = 64


class LogReader:
    """Reads logs, each once."""

    def __init__(self, api: client.Api) -> None:
        self._api = api
        self._reads = asyncio.Semaphore(READS_AT_ONCE_MAX)

    async def read(
        self, namespace: str, wanted: actions.CaptureLog, masked: masks.Masks
    ) -> snapshot.CapturedLog:
        """The end of a log as it may be told, or that it cannot be read."""
        path = client.PODS.path(namespace, wanted.pod_name, "log")
        ask = partial(self._get, path, wanted.container)
        async with self._reads:
            raw, cut = await (_enough_to_mask(ask) if masked else _last_lines(ask))
        if raw is None:
            return snapshot.CapturedLog(None)
        text = masked.text(logtail.clean(raw), cut=cut)
        tail = logtail.trim(text, logtail.POD_LOG, already_cut=cut)
        return snapshot.CapturedLog(tail.tail.encode(), tail.truncated)

    async def _get(self, path: str, container: str, lines: int) -> bytes | None:
        params = {
            "container": container,
            "tailLines": str(lines),
            "limitBytes": str(BYTES_MAX),
        }
        for number in range(TRIES_MAX):
            if number:
                await asyncio.sleep(PAUSE_SECONDS)
            try:
                raw = await self._api.request(
                    "GET", path, params=params, timeout_seconds=SECONDS_MAX
                )
            except ClusterError as error:
                log.debug("%s not read: %s", path, error)
                continue
            if logtail.is_log(raw):
                return raw
        return None


async def _last_lines(ask: Ask) -> Read:
    """Lines for people to read, and whether there were more before them."""
    for lines in LINES:
        raw = await ask(lines)
        if raw is None or len(raw) < BYTES_MAX:
            break
    return raw, raw is not None and (lines != LINES[0] or raw.count(b"\n") >= lines)


async def _enough_to_mask(ask: Ask) -> Read:
    """The whole log, or as much of its end as the masks look at: less would hide where secrets begin.

    How many lines those are is searched for: with too many, the end is cut off. A log that hardly
    is text (four bytes of five are colours) cannot be masked for sure, and counts as unreadable.
    """
    least, most, lines = LINES[-1], MASKED_LINES_MAX, MASKED_LINES_FIRST
    while least <= most:
        raw = await ask(lines)
        if raw is None:
            return None, True
        if len(raw) >= BYTES_MAX:
            most = lines - 1
        elif most == MASKED_LINES_MAX and raw.count(b"\n") + PIECES_MAX < lines:
            return raw, False
        elif len(logtail.clean(raw).encode()) >= masks.LOOKED_AT_BYTES_MAX:
            return raw, True
        else:
            least = lines + 1
        lines = math.isqrt(least * most)
    return None, True
