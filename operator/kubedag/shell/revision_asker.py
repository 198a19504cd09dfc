"""Asks for the revision of a run by name, before anybody concludes that it is gone.

A watch that stands still does not tell of a revision that another leader has just stored, and a run
that ends over that is lost.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from kubedag.shell import client, definitions, replies
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.shell.entries import RunEntry
    from kubedag.shell.informers import Informers
    from kubedag.shell.store import Key
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 8
PAUSE_SECONDS: Final = 5.0
"""After the cluster failed us, before it is asked for again."""


class RevisionAsker:
    """Finds a revision that is not seen, or knows that it is lost to a run."""

    def __init__(
        self,
        api: client.Api,
        revisions: Informers[definitions.Revision],
        known: definitions.Revisions,
        wake: Callable[[Key], None],
        tasks: Tasks,
    ) -> None:
        self._api = api
        self._revisions = revisions
        self._known = known
        self._wake = wake
        self._tasks = tasks
        self._busy: set[Key] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._revision = replies.record(definitions.Revision)

    def ask(self, entry: RunEntry, name: str) -> None:
        """Ask for it, unless that is under way; the run is woken with the answer."""
        if entry.key not in self._busy:
            self._busy.add(entry.key)
            self._tasks.start(self._ask(entry, name), partial(self._over, entry.key))

    def _over(self, key: Key) -> None:
        self._busy.discard(key)
        self._wake(key)

    async def _ask(self, entry: RunEntry, name: str) -> None:
        try:
            async with self._at_once:
                found = await self._find(entry, name)
        except ClusterError as error:
            log.warning("Revision %s/%s: %s", entry.facts.namespace, name, error)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            entry.lost_revision = "" if found else name

    async def _find(self, entry: RunEntry, name: str) -> bool:
        """Whether a run can go by it. Raises `ClusterError` where the API does not say."""
        namespace = entry.facts.namespace
        if not client.is_name(name):  # by a label, or a status, that somebody has written
            return False
        path = client.CONTROLLER_REVISIONS.path(namespace, name)
        try:
            found = await replies.ask(self._api, self._revision, "GET", path)
        except ApiError as error:
            if error.not_found:
                return False
            raise
        self._revisions.assume(found)
        return self._known.plan(namespace, entry.facts.dag_name, name) is not None
