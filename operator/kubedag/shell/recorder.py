"""Tells people what happened, as Kubernetes Events, and never at the expense of what happens.

An Event's name is a hash of what it says about what, so a repetition (also after a restart) raises a
count instead of making another object. A token bucket spares the API server, a bounded queue spares
us; what does not fit is dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from kubedag.api import group
from kubedag.core import naming
from kubedag.shell import client, clock, replies, wire
from kubedag.shell.backoff import Backoff
from kubedag.shell.errors import ApiError, ClusterError, NotLeader

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import actions

log: Final = logging.getLogger(__name__)

COMPONENT: Final = "kubedag"
MESSAGE_BYTES_MAX: Final = 1024  # validation of core/v1 Event
QUEUE_EVENTS_MAX: Final = 1000
KNOWN_EVENTS_MAX: Final = 4096
TRIES_MAX: Final = 4


class _Told(msgspec.Struct, frozen=True):
    """An Event as the API has it."""

    count: int | None = None


_told: Final = wire.decoder(_Told)


@dataclass(slots=True)
class _Telling:
    """One Event to create, or to raise the count of by `times`."""

    name: str
    kind: str
    namespace: str
    about: str
    uid: str
    note: actions.Note
    first: datetime
    last: datetime
    times: int = 1


class TokenBucket:
    """Lets `burst` through at once, and then so many per second."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._tokens = float(burst)
        self._at: float | None = None

    def seconds_until_next(self) -> float:
        """Take a token; the seconds to wait for it first."""
        now = asyncio.get_running_loop().time()
        if self._at is not None:
            gained = (now - self._at) * self._per_second
            self._tokens = min(self._burst, self._tokens + gained)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_second)


class Recorder:
    """`note` queues, `run` sends."""

    def __init__(  # all but one have defaults
        self,
        api: client.Api,
        *,
        instance: str = COMPONENT,
        burst: int = 25,
        per_second: float = 5.0,
        wall_clock: clock.Clock = clock.SYSTEM,
        chance: random.Random | None = None,
    ) -> None:
        self._api = api
        self._instance = instance
        self._bucket = TokenBucket(burst, per_second)
        self._clock = wall_clock
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, keeps no secret
        self._queue: OrderedDict[tuple[str, str], _Telling] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.sent = 0
        self.repeated = 0
        self.dropped = 0
        self.failed = 0

    @property
    def depth(self) -> int:
        """Events that wait to be sent."""
        return len(self._queue)

    def note(self, kind: str, namespace: str, name: str, uid: str, note: actions.Note) -> None:
        """Have something told about one of our objects; never waits."""
        now = self._clock.now()
        event = naming.event_name(name, uid, note.reason, note.message)
        waiting = self._queue.get((namespace, event))
        if waiting is not None:
            waiting.times += 1
            waiting.last = now
        elif len(self._queue) >= QUEUE_EVENTS_MAX:
            self.dropped += 1
        else:
            self._queue[namespace, event] = _Telling(
                event, kind, namespace, name, uid, note, now, now
            )
            self._filled.set()
            self._idle.clear()

    async def run(self) -> None:
        """Send what is queued, for ever."""
        while True:
            while not self._queue:
                self._idle.set()
                self._filled.clear()
                await self._filled.wait()
            await asyncio.sleep(self._bucket.seconds_until_next())
            _, telling = self._queue.popitem(last=False)
            await self._tell(telling)

    async def flush(self, seconds_max: float) -> None:
        """Give what is queued some time to be sent, before the end."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._idle.wait()
        except TimeoutError:
            self.dropped += len(self._queue)

    async def _tell(self, telling: _Telling) -> None:
        """A repeated try is harmless: at worst a count is one too high."""
        backoff = Backoff(self._chance)
        while True:
            try:
                await self._send(telling)
            except ClusterError as error:
                if backoff.failures + 1 >= TRIES_MAX or not _transient(error):
                    self.failed += 1
                    log.warning("event %s/%s not sent: %s", telling.namespace, telling.name, error)
                    return
                await asyncio.sleep(backoff.next_seconds())
            else:
                return

    async def _send(self, telling: _Telling) -> None:
        count = self._known.get((telling.namespace, telling.name))
        if count is None:
            count = await self._create(telling)
        else:
            count = await self._repeat(telling, count)
        self._known[telling.namespace, telling.name] = count
        self._known.move_to_end((telling.namespace, telling.name))
        if len(self._known) > KNOWN_EVENTS_MAX:
            self._known.popitem(last=False)

    async def _create(self, telling: _Telling) -> int:
        path = client.EVENTS.path(telling.namespace)
        try:
            body = orjson.dumps(self._event(telling))
            await replies.ask(self._api, replies.anything, "POST", path, body=body)
        except ApiError as error:
            if not error.already_exists:
                raise
            path = client.EVENTS.path(telling.namespace, telling.name)
            told = await replies.ask(self._api, _told, "GET", path)
            return await self._repeat(telling, told.count or 1)
        self.sent += 1
        return telling.times

    async def _repeat(self, telling: _Telling, count: int) -> int:
        """An Event lives for an hour by default; one that is gone is told anew."""
        path = client.EVENTS.path(telling.namespace, telling.name)
        patch = {
            "count": count + telling.times,
            "lastTimestamp": clock.second_time(telling.last),
        }
        try:
            body, kind = orjson.dumps(patch), client.MERGE_PATCH
            await replies.ask(
                self._api, replies.anything, "PATCH", path, body=body, content_type=kind
            )
        except ApiError as error:
            if not error.not_found:
                raise
            self._known.pop((telling.namespace, telling.name), None)
            return await self._create(telling)
        self.repeated += 1
        return count + telling.times

    def _event(self, telling: _Telling) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": telling.name, "namespace": telling.namespace},
            "involvedObject": {
                "apiVersion": group.API_VERSION,
                "kind": telling.kind,
                "namespace": telling.namespace,
                "name": telling.about,
                "uid": telling.uid,
            },
            "type": telling.note.type,
            "reason": telling.note.reason,
            "message": shortened(telling.note.message, MESSAGE_BYTES_MAX),
            "count": telling.times,
            "firstTimestamp": clock.second_time(telling.first),
            "lastTimestamp": clock.second_time(telling.last),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }


def shortened(text: str, bytes_max: int) -> str:
    """As much of a text as fits into so many bytes of UTF-8, with an ellipsis if that is not all."""
    data = text.encode()
    if len(data) <= bytes_max:
        return text
    mark = "…"
    return data[: bytes_max - len(mark.encode())].decode(errors="ignore") + mark


def _transient(error: ClusterError) -> bool:
    if isinstance(error, ApiError):
        return error.status >= 500 or error.status == 429
    return not isinstance(error, NotLeader)
