"""Reads the Warning Events of single Pods, each once at a time; and does without where it may not.

What is read is for people, and nothing depends on it but how soon a hopeless start is given up. So
a request that fails is not repeated here: the core asks again after a while, if it still matters.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import instants, logtail, masks, pod_events, snapshot
from kubedag.shell import client, replies, wire
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.core import actions
    from kubedag.shell.clock import Clock
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.store import Key
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 4
"""Each request makes the API server look through all Events of a namespace."""
EVENTS_MAX: Final = 50
SECONDS_MAX: Final = 10.0
DENIED_SECONDS: Final = 600.0
"""So long nobody asks in a namespace where the operator may not list Events."""
KEPT_OF_RUN_MAX: Final = 1000


class _Events(msgspec.Struct, frozen=True, gc=False):
    items: tuple[pod_events.Event, ...] = ()


class EventReader:
    """Reads Events beside the decisions."""

    def __init__(
        self, api: client.Api, wake: Callable[[Key], None], clock: Clock, tasks: Tasks
    ) -> None:
        self._api = api
        self._wake = wake
        self._clock = clock
        self._tasks = tasks
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._denied_until: dict[str, float] = {}
        self._events = wire.decoder(_Events)

    def read(self, entry: RunEntry, wanted: actions.ReadEvents, masked: masks.Masks) -> None:
        """Find out what the newest Warning of a Pod says, unless that is under way."""
        uid = wanted.pod_uid
        if uid not in entry.reading:
            entry.reading.add(uid)
            self._tasks.start(self._read(entry, uid, masked), partial(self._over, entry, uid))

    def _over(self, entry: RunEntry, uid: str) -> None:
        entry.reading.discard(uid)
        self._wake(entry.key)

    async def _read(self, entry: RunEntry, uid: str, masked: masks.Masks) -> None:
        async with self._at_once:
            found = await self._list(entry.facts.namespace, uid)
        now = instants.text(self._clock.now())
        known = entry.warnings.pop(uid, snapshot.PodWarning(now))
        if found is None:  # what was known stands
            warning = dataclasses.replace(known, read_time=now)
        else:
            newest = pod_events.newest(found.items)
            warning = _told(newest, now, masked)
        while len(entry.warnings) >= KEPT_OF_RUN_MAX:
            del entry.warnings[next(iter(entry.warnings))]
        entry.warnings[uid] = warning

    async def _list(self, namespace: str, uid: str) -> _Events | None:
        """The Warnings of a Pod, or None if they cannot be read."""
        now = asyncio.get_running_loop().time()
        if now < self._denied_until.get(namespace, 0.0):
            return None
        params = {
            "fieldSelector": f"involvedObject.uid={uid},type=Warning",
            "limit": str(EVENTS_MAX),
        }
        path = client.EVENTS.path(namespace)
        try:
            found: _Events = await replies.ask(
                self._api, self._events, "GET", path, params=params, timeout_seconds=SECONDS_MAX
            )
        except ApiError as error:
            if error.status == 403:
                self._deny(namespace, now, error)
            else:
                log.debug("Events of a Pod not read: %s", error)
            return None
        except ClusterError as error:
            log.debug("Events of a Pod not read: %s", error)
            return None
        self._denied_until.pop(namespace, None)
        return found

    def _deny(self, namespace: str, now: float, error: ApiError) -> None:
        if namespace not in self._denied_until:
            log.warning(
                "May not list the Events of namespace %s, so nobody is told why a Pod does not get "
                "its volumes or its network: %s", namespace, error,
            )  # fmt: skip
        self._denied_until[namespace] = now + DENIED_SECONDS


def _told(newest: pod_events.Event | None, now: str, masked: masks.Masks) -> snapshot.PodWarning:
    if newest is None:
        return snapshot.PodWarning(now)
    message = masked.text(logtail.clean(newest.message))
    return snapshot.PodWarning(now, newest.reason, message, newest.time)
