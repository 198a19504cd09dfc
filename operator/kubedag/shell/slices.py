"""Stores and reads the rows that a run keeps outside of its own object (ADR 0013).

Slices are written before the status that counts on them, each guarded by its own resourceVersion,
and only those whose rows have changed. They are read once, when a run is first met or after somebody
else wrote, and never watched: between that, what was stored last is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from kubedag.api import group
from kubedag.core import actions, naming, pods, reasons_elsewhere, slices
from kubedag.core.pods import Metadata  # noqa: TC001  # msgspec reads it at run time
from kubedag.core.slices import Tasks  # noqa: TC001  # the same
from kubedag.shell import client, replies, wire
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kubedag.core import rows
    from kubedag.core.snapshot import RunFacts
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.queue import KeyedQueue
    from kubedag.shell.store import Key, Store
    from kubedag.shell.tasks import Tasks as BackgroundTasks

log: Final = logging.getLogger(__name__)

WRITES_AT_ONCE_MAX: Final = 8
PAGE_SLICES: Final = 20
PAGES_MAX: Final = 100
TIMEOUT_SECONDS: Final = 60.0
PAUSE_SECONDS_MIN: Final = 0.2
PAUSE_SECONDS_MAX: Final = 30.0
_DOUBLINGS_MAX: Final = 16


class Stored(NamedTuple):
    """A slice as it was stored last."""

    resource_version: str
    tasks: Tasks


class Place(NamedTuple):
    """Which slice of a run: those of a rerun are others, and count for nothing until it is stored."""

    rerun: int
    nth: int


@dataclass(slots=True)
class KnownSlices:
    """What is known of the slices of one run."""

    stored: dict[Place, Stored] = field(default_factory=dict)
    unread: bool = False
    """The rows are in slices, and either never were read, or somebody else has written some."""
    bytes_max: int | None = None
    """How large a slice may be, once the API has refused the status as too large."""
    loading: bool = False
    failures: int = 0
    load_after: float = 0.0

    def changed(self, status: rows.RunStatus) -> Iterator[tuple[Place, Tasks]]:
        """The slices of a status that are not stored as they are."""
        rerun = slices.generation(status)
        for index, part in enumerate(slices.split(status)[1]):
            place = Place(rerun, index)
            known = self.stored.get(place)
            if known is None or known.tasks != part:
                yield place, part

    def put_into(self, status: rows.RunStatus) -> rows.RunStatus:
        """The status with the rows that are stored."""
        found = dict(enumerate(slices.parts(status.tasks)))
        rerun = slices.generation(status)
        for index in found:
            if (one := self.stored.get(Place(rerun, index))) is not None:
                found[index] = one.tasks
        return slices.join(slices.main(status), found)

    def shrink(self) -> None:
        """The API has refused a slice as too large: make them smaller from now on."""
        self.bytes_max = max((self.bytes_max or slices.BYTES_MAX) // 2, slices.BYTES_MIN)


class _SliceObject(msgspec.Struct, frozen=True, rename="camel"):
    """A DAGRunSlice as the API has it."""

    metadata: Metadata
    first_task: int
    tasks: Tasks = ()
    gone: bool = False


class Slices:
    """Brings slices to the API and back."""

    def __init__(
        self,
        api: client.Api,
        store: Store,
        queue: KeyedQueue[Key],
        tasks: BackgroundTasks,
        tell: Callable[[RunEntry, actions.Note], None],
    ) -> None:
        self._api = api
        self._tell = tell
        self._store = store
        self._queue = queue
        self._tasks = tasks
        self._object = replies.record(_SliceObject)
        self._decoders: wire.Decoders[_SliceObject] = wire.Decoders(_SliceObject)
        self.writes = 0
        self.bytes_written = 0
        self.loads = 0
        self.load_failures = 0
        self.lost = 0

    # --- Writing -----------------------------------------------------------------------------

    async def store(
        self, entry: RunEntry, status: rows.RunStatus, seen: str
    ) -> ClusterError | None:
        """Write what has changed; without an error, every row is stored.

        `seen` is the resourceVersion of the run that was decided about.
        """
        todo = deque(entry.slices.changed(status))
        failed: list[ClusterError] = []

        async def work() -> None:
            while todo and not failed:
                try:
                    await self._write(entry, seen, *todo.popleft())
                except ClusterError as error:
                    failed.append(error)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(WRITES_AT_ONCE_MAX, len(todo))):
                workers.create_task(work())
        return failed[0] if failed else None

    async def _write(self, entry: RunEntry, seen: str, place: Place, tasks: Tasks) -> None:
        known = entry.slices.stored.get(place)
        version = known.resource_version if known is not None else ""
        try:
            version = await self._send(entry, place, tasks, version)
        except ApiError as error:
            if error.not_found and version:  # somebody has deleted it, and its rows are here
                entry.slices.stored.pop(place, None)
                version = await self._send(entry, place, tasks, "")
            elif error.already_exists:
                version = await self._adopt(entry, seen, place, error)
                version = await self._send(entry, place, tasks, version)
            else:
                raise
        entry.slices.stored[place] = Stored(version, tasks)

    async def _send(self, entry: RunEntry, place: Place, tasks: Tasks, version: str) -> str:
        """Create it, or change the one of that version; returns its new one."""
        facts, name = entry.facts, _name(entry.facts, place)
        body = msgspec.json.encode(_manifest(entry, name, place.nth, tasks, version))
        method, known_as = ("PUT", name) if version else ("POST", None)
        path = client.DAG_RUN_SLICES.path(facts.namespace, known_as)
        stored = await replies.ask(self._api, replies.version, method, path, body=body)
        self.writes += 1
        self.bytes_written += len(body)
        return stored

    async def _adopt(self, entry: RunEntry, seen: str, place: Place, error: ApiError) -> str:
        """The version of a slice that is there although the stored status knows of none."""
        facts = entry.facts
        if entry.status.slices and place.rerun == slices.generation(entry.status):
            # Then another leader has made it, and what it says is newer.
            raise ApiError(409, "Conflict", error.message)
        path = client.DAG_RUN_SLICES.path(facts.namespace, _name(facts, place))
        found = await replies.ask(self._api, self._object, "GET", path)
        if not _is_owned(found, facts.uid):
            raise error
        if await self._newest_version(entry) != seen:
            raise ApiError(409, "Conflict", error.message)  # another leader may go by it already
        return found.metadata.resource_version

    def retire(self, entry: RunEntry, old: rows.RunStatus, new: rows.RunStatus) -> None:
        """Delete the slices of a status that was overcome by a rerun; nobody depends on that."""
        facts, rerun = entry.facts, slices.generation(old)
        if old.slices and rerun != slices.generation(new):
            names = [_name(facts, Place(rerun, index)) for index in range(old.slices)]
            for index in range(old.slices):
                entry.slices.stored.pop(Place(rerun, index), None)
            self._tasks.start(self._delete(facts.namespace, names))

    async def _delete(self, namespace: str, names: Sequence[str]) -> None:
        for name in names:
            path = client.DAG_RUN_SLICES.path(namespace, name)
            try:
                await replies.ask(self._api, replies.anything, "DELETE", path)
            except ClusterError as error:  # whoever reads them next deletes them
                log.debug("Slice %s/%s is left: %s", namespace, name, error)

    # --- Reading -----------------------------------------------------------------------------

    def load(self, entry: RunEntry) -> None:
        """Have the rows read, unless that is under way; the run is woken when they are there."""
        known = entry.slices
        rest = known.load_after - asyncio.get_running_loop().time()
        if rest > 0:
            self._queue.add_after(entry.key, rest)
        elif not known.loading:
            known.loading = True
            self._tasks.start(self._load(entry), lambda: self._loaded(entry))

    def _loaded(self, entry: RunEntry) -> None:
        entry.slices.loading = False
        self._queue.add(entry.key)

    async def _load(self, entry: RunEntry) -> None:
        known, before = entry.slices, entry.resource_version
        try:
            found = await self._list(entry)
            newest = await self._newest_version(entry)
        except ClusterError as error:
            seconds = min(
                PAUSE_SECONDS_MIN * 2.0 ** min(known.failures, _DOUBLINGS_MAX), PAUSE_SECONDS_MAX
            )
            known.failures += 1
            known.load_after = asyncio.get_running_loop().time() + seconds
            self.load_failures += 1
            where = "/".join(entry.key[1:])
            log.warning("Slices of %s not read, next try in %.1f s: %s", where, seconds, error)
            return
        known.failures = 0
        if before == newest == entry.resource_version:  # the slices are not older than the run
            self.loads += 1
            self._take(entry, found)

    async def _newest_version(self, entry: RunEntry) -> str:
        """Of the run, which may be gone, and therefore its slices; then it is empty."""
        facts = entry.facts
        path = client.DAG_RUNS.path(facts.namespace, facts.name)
        try:
            raw = await replies.ask(self._api, replies.custom, "GET", path)
        except ApiError as error:
            if not error.not_found:
                raise
            self._store.drop_run(facts.namespace, facts.name, facts.uid)
            return ""
        self._store.put_run(raw)
        version: str = raw["metadata"]["resourceVersion"]
        return version

    async def _list(self, entry: RunEntry) -> dict[Place, Stored]:
        facts, rerun = entry.facts, slices.generation(entry.status)
        path = client.DAG_RUN_SLICES.path(facts.namespace)
        left: list[str] = []
        read = self._decoders.page
        params = {
            "labelSelector": f"{pods.LABEL_RUN_UID}={facts.uid}",
            "limit": str(PAGE_SLICES),
        }
        found: dict[Place, Stored] = {}
        for _ in range(PAGES_MAX):
            page = await replies.ask(
                self._api, read, "GET", path, params=params, timeout_seconds=TIMEOUT_SECONDS
            )
            for one in page.items:
                index = one.first_task // slices.ROWS_PER_SLICE
                names = [_name(facts, Place(number, index)) for number in range(rerun + 1)]
                if one.metadata.name == names[-1]:
                    found[Place(rerun, index)] = Stored(one.metadata.resource_version, one.tasks)
                elif one.metadata.name in names:
                    left.append(one.metadata.name)
            if not page.continue_token:
                break
            params["continue"] = page.continue_token
        if left:
            self._tasks.start(self._delete(facts.namespace, left))
        return found

    def _take(self, entry: RunEntry, found: dict[Place, Stored]) -> None:
        main = slices.main(entry.status)
        read = {place.nth for place in found}
        lost = sum(index not in read for index in range(main.slices))
        if lost:
            self.lost += lost
            said = f"{lost} of {main.slices} slices are lost; their tasks are judged by their Pods"
            log.warning("%s: %s", "/".join(entry.key[1:]), said)
            reason = reasons_elsewhere.ROWS_LOST.name
            self._tell(entry, actions.Note("Warning", reason, said))
        may_go_on = entry.is_to_rerun
        entry.slices.stored = found
        entry.slices.unread = False
        entry.status = slices.join(main, {place.nth: one.tasks for place, one in found.items()})
        self._store.pods.forget_recorded(entry.facts.uid, entry.status)
        if may_go_on != entry.is_to_rerun:
            self._store.wake_around(entry)  # without its rows nobody could know


def _name(facts: RunFacts, place: Place) -> str:
    return naming.slice_name(facts.name, facts.uid, place.nth, place.rerun)


def _manifest(
    entry: RunEntry, name: str, index: int, tasks: Tasks, version: str
) -> dict[str, Any]:
    facts = entry.facts
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": facts.namespace,
        "labels": {
            pods.LABEL_MANAGED_BY: pods.MANAGED_BY,
            pods.LABEL_DAG: facts.dag_name,
            pods.LABEL_RUN: facts.name,
            pods.LABEL_RUN_UID: facts.uid,
        },
        "ownerReferences": [
            {
                "apiVersion": group.API_VERSION,
                "kind": group.DAG_RUN.kind,
                "name": facts.name,
                "uid": facts.uid,
                "controller": True,
            }
        ],
    }
    if version:
        metadata["resourceVersion"] = version
    said = slices.of(facts.name, index, tasks)
    return {
        "apiVersion": group.API_VERSION,
        "kind": group.DAG_RUN_SLICE.kind,
        "metadata": metadata,
        "runName": said.run_name,
        "firstTask": said.first_task,
        "counts": said.counts,
        "tasks": said.tasks,
    }


def _is_owned(found: _SliceObject, uid: str) -> bool:
    return any(owner.uid == uid and owner.controller for owner in found.metadata.owner_references)
