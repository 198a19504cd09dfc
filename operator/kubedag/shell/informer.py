"""A cache of one kind that is always on its way to the truth, and never claims to have seen what it has not.

List, then watch from there; when the watch can no longer be continued, list again and report what
went missing in between as deleted. Whatever the API server does, this goes on: a cache that dies
quietly is an operator that stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic

import msgspec

from kubedag.shell import wire
from kubedag.shell.backoff import Backoff
from kubedag.shell.errors import ApiError, ClusterError, Unreachable
from kubedag.shell.wire import Key, R

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedag.shell.client import Api

log: Final = logging.getLogger(__name__)

PAGE_OBJECTS: Final = 500
WATCH_SECONDS: Final = (300, 600)
IDLE_SECONDS_MAX: Final = 90.0
INSTANT_SECONDS: Final = 1.0
LIST_TIMEOUT_SECONDS: Final = 60.0


@dataclass(slots=True)
class InformerStats:
    """What the cache went through since it started."""

    events: int = 0
    lists: int = 0
    watches: int = 0
    failures: int = 0
    stale_events: int = 0
    undecodable: int = 0
    missed_deletes: int = 0


class Informer(Generic[R]):
    """Keeps the objects of one path; `on_change(old, new)` is called in the loop, synchronously.

    `old` is None for an object not known before; `new.gone` is true when it exists no more, and
    `new` is then its last state. `run` ends only with a bug, or when it is cancelled.
    """

    def __init__(  # all but four have defaults
        self,
        api: Api,
        path: str,
        kind: type[R],
        on_change: Callable[[R | None, R], None],
        *,
        selectors: Mapping[str, str] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._api = api
        self._path = path
        self._decoders = wire.Decoders(kind)
        self._on_change = on_change
        self._selectors = dict(selectors or {})
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, keeps no secret
        # Two, as a server that lists may still refuse watches, and one that is back is to be seen.
        self._list_backoff = Backoff(self._chance)
        self._watch_backoff = Backoff(self._chance)
        self._records: dict[Key, R] = {}
        self._assumed: dict[Key, int] = {}  # and by which list at the latest they must be seen
        self._resource_version = ""
        self._lists_begun = 0
        self._relists: list[tuple[int, asyncio.Future[None]]] = []
        self._interrupt = asyncio.Event()
        self._scope: asyncio.Timeout | None = None
        self.synced = asyncio.Event()
        self.heard_at = 0.0
        self.stats = InformerStats()

    @property
    def records(self) -> Mapping[Key, R]:
        """Every object known, by namespace and name."""
        return MappingProxyType(self._records)

    def get(self, namespace: str, name: str) -> R | None:
        """An object as last seen."""
        return self._records.get((namespace, name))

    def silent_seconds(self) -> float:
        """How long the API server has said nothing about this kind: more than 90 s is odd."""
        return asyncio.get_running_loop().time() - self.heard_at

    def assume(self, record: R) -> None:
        """Know an object from the answer to its creation, before the watch tells of it.

        It stays until a list that began later does not have it. An answer that is older than what
        the watch has told is late: the object is known already, or it is gone, or the watch has
        lost it; which of these, only a list tells.
        """
        key = _key(record)
        version = record.metadata.resource_version
        known = self._records.get(key)
        if known is None and not wire.older(self._resource_version, version) and self._numbered():
            self.stats.stale_events += 1
            self._wish_for_list()
            return
        if self._put(key, record):
            self._assumed[key] = self._lists_begun + 1

    async def relist(self) -> None:
        """List again, consistently, starting from now; returns once the cache is that new."""
        await self._wish_for_list()

    def _wish_for_list(self) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        self._relists.append((self._lists_begun + 1, future))
        self._interrupt.set()
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())
        return future

    async def run(self) -> None:
        """List and watch for ever."""
        self.heard_at = asyncio.get_running_loop().time()
        listed = False
        while True:
            backoff = self._list_backoff
            try:
                if listed and not self._relists:
                    backoff = self._watch_backoff
                    self._interrupt.clear()  # whoever asked for a list no longer waits for it
                    await self._watch()
                else:
                    self._interrupt.clear()
                    await self._list()
                    listed = True
            except (ClusterError, wire.UndecodableError) as error:
                listed = listed and _resumable(error)
                self._note(error)
                await self._pause(backoff)

    def _note(self, error: Exception) -> None:
        self.stats.failures += 1
        if isinstance(error, wire.UndecodableError):
            self.stats.undecodable += 1
        log.warning("%s: %s", self._path, error)

    async def _pause(self, backoff: Backoff) -> None:
        """Wait out the back-off, unless somebody waits for a list."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.next_seconds()):
                await self._interrupt.wait()

    # Lists

    async def _list(self) -> None:
        self._lists_begun += 1
        number = self._lists_begun
        seen: set[Key] = set()
        params = {**self._selectors, "limit": str(PAGE_OBJECTS)}
        while True:
            body = await self._api.request(
                "GET", self._path, params=params, timeout_seconds=LIST_TIMEOUT_SECONDS
            )
            self.heard_at = asyncio.get_running_loop().time()
            page = self._decoders.page(body)
            self._apply(page, seen)
            if not page.continue_token:
                break
            params["continue"] = page.continue_token
        self._end_list(number, seen, page.resource_version)

    def _apply(self, page: wire.Page[R], seen: set[Key]) -> None:
        # An API server restored from a backup counts from an older version: then the list is right.
        rewound = wire.older(page.resource_version, self._resource_version)
        for record in page.items:
            key = _key(record)
            seen.add(key)
            self._put(key, record, force=rewound)
        if page.unread:
            seen.update(page.unread)
            self.stats.undecodable += len(page.unread)
            log.error("%s: cannot read %s", self._path, page.unread[:5])

    def _end_list(self, number: int, seen: set[Key], resource_version: str) -> None:
        self._resource_version = resource_version
        for key in [key for key in self._records if key not in seen]:
            if self._assumed.get(key, 0) <= number:
                self.stats.missed_deletes += 1
                self._drop(key, self._records[key])
        self.stats.lists += 1
        self._list_backoff.reset()
        self.synced.set()
        for due, future in self._relists:
            if due <= number and not future.done():
                future.set_result(None)
        self._relists = [(due, future) for due, future in self._relists if not future.done()]

    # Watches

    async def _watch(self) -> None:
        """Follow one watch until it ends; raises whatever ended it before its time."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        self.stats.watches += 1
        stream = self._api.watch(self._path, self._watch_params())
        try:
            async with asyncio.timeout(None) as self._scope:
                self._end_when_silent(self._scope)
                async for line in stream:
                    self.heard_at = loop.time()
                    self._take(self._decoders.change(line))
        except TimeoutError:
            log.debug(
                "%s: watch ended by us, %s s after a word", self._path, self.silent_seconds()
            )
        finally:
            self._scope = None
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
            lasted_seconds = loop.time() - began_at
            if lasted_seconds >= INSTANT_SECONDS:
                self._watch_backoff.reset()
        if lasted_seconds < INSTANT_SECONDS and not self._relists:
            await self._pause(self._watch_backoff)

    def _watch_params(self) -> dict[str, str]:
        return {
            **self._selectors,
            "resourceVersion": self._resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._chance.randint(*WATCH_SECONDS)),
        }

    def _end_when_silent(self, scope: asyncio.Timeout) -> None:
        """One timer for all events of a watch; it is of no consequence once the watch has ended."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()

        def check() -> None:
            due_at = max(self.heard_at, began_at) + IDLE_SECONDS_MAX
            if scope is not self._scope or scope.expired():
                return
            if loop.time() < due_at:
                loop.call_at(due_at, check)
            else:
                scope.reschedule(loop.time())

        loop.call_at(began_at + IDLE_SECONDS_MAX, check)

    def _take(self, change: wire.Change[R]) -> None:
        if wire.older(change.resource_version, self._resource_version):
            self.stats.stale_events += 1  # we are past that: its object may be gone by now
            return
        self._resource_version = change.resource_version
        record = change.record
        if record is None:
            return
        self.stats.events += 1
        key = _key(record)
        if change.type != "DELETED":
            self._put(key, record)
            return
        known = self._records.get(key)
        if known is not None and not wire.older(change.resource_version, _version(known)):
            self._drop(key, record)
        else:
            self.stats.stale_events += 1

    # The cache

    def _put(self, key: Key, record: R, *, force: bool = False) -> bool:
        """Know a newer state of an object; False if it is not newer."""
        known = self._records.get(key)
        if known is not None:
            if _version(known) == _version(record):
                self._assumed.pop(key, None)
                return False
            if wire.older(_version(record), _version(known)) and not force:
                self.stats.stale_events += 1
                return False
            if known.metadata.uid != record.metadata.uid:
                self._drop(key, known)
                known = None
        self._assumed.pop(key, None)
        self._records[key] = record
        self._on_change(known, record)
        return True

    def _drop(self, key: Key, last: R) -> None:
        known = self._records.pop(key)
        self._assumed.pop(key, None)
        gone: Any = msgspec.structs.replace(last, gone=True)  # type: ignore[type-var]
        self._on_change(known, gone)

    def _numbered(self) -> bool:
        return self._resource_version.isdecimal()


def _key(record: wire.Record) -> Key:
    return record.metadata.namespace, record.metadata.name


def _version(record: wire.Record) -> str:
    return record.metadata.resource_version


def _resumable(error: Exception) -> bool:
    """Whether nothing was lost, so that the watch can go on where it ended."""
    throttled = isinstance(error, ApiError) and error.status == 429
    return throttled or isinstance(error, Unreachable)
