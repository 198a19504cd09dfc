"""Writes statuses: whole, guarded by the resourceVersion, one at a time per object, no more than needed.

The rows of a run that is too large for one object go before it, into slices.

A status that only tells of progress waits for a while, so that a burst of changes costs one write;
one that a person or a deletion waits for goes out at once. Events follow a write that succeeded.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from kubedag.api import group
from kubedag.core import backfill_rows, notes, notes_backfill, pool_rows, rows, slices
from kubedag.shell import client, replies, wire
from kubedag.shell.backfills import BackfillEntry
from kubedag.shell.entries import DAGEntry, RunEntry, waits_by
from kubedag.shell.errors import ApiError, ClusterError, Unreachable
from kubedag.shell.pools import PoolEntry
from kubedag.shell.slices import Slices

if TYPE_CHECKING:
    from kubedag.core import actions
    from kubedag.shell.queue import KeyedQueue
    from kubedag.shell.recorder import Recorder
    from kubedag.shell.store import Key, Store
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

ROWS_PER_WINDOW: Final = 100
"""Where more rows are to be written, that is done less often, in proportion: a row costs the API
server a third of a millisecond each time."""
RUNS_PER_SECOND: Final = 25.0
"""Where more runs go on at once, the progress of each is written less often, in proportion."""
WINDOW_SECONDS_MAX: Final = 10.0
OVERVIEW_WINDOWS: Final = 2
"""What a DAG or a Backfill says of its runs is no more than a sum, so it may come so much later."""
PAUSE_SECONDS_MIN: Final = 0.2
PAUSE_SECONDS_MAX: Final = 30.0
_DOUBLINGS_MAX: Final = 16


Overview: TypeAlias = DAGEntry | BackfillEntry | PoolEntry
Entry: TypeAlias = RunEntry | Overview
_KINDS: Final = {
    "run": group.DAG_RUN.kind,
    "dag": group.DAG.kind,
    "backfill": group.BACKFILL.kind,
    "pool": group.TASK_POOL.kind,
}
_RESOURCES: Final = {
    "dag": client.DAGS,
    "backfill": client.BACKFILLS,
    "pool": client.TASK_POOLS,
}
"""By the first word of a key."""
_TURNS: Final = frozenset({rows.READY, rows.SUCCEEDED_CONDITION, rows.FINISHED})


class StatusWriter:
    """Stores what has been decided."""

    def __init__(
        self,
        api: client.Api,
        store: Store,
        queue: KeyedQueue[Key],
        recorder: Recorder,
        tasks: Tasks,
        *,
        window_seconds: float = 0.5,
    ) -> None:
        self._api = api
        self._store = store
        self._queue = queue
        self._recorder = recorder
        self._tasks = tasks
        self._window_seconds = window_seconds
        self.slices = Slices(api, store, queue, tasks, self._tell)
        self._waiting: set[Key] = set()
        """The runs and DAGs whose progress is still to be written."""
        self.writes = 0
        self.bytes_written = 0
        self.conflicts = 0
        self.too_large = 0

    def _tell(self, entry: RunEntry, note: actions.Note) -> None:
        facts = entry.facts
        self._recorder.note(group.DAG_RUN.kind, facts.namespace, facts.name, facts.uid, note)

    def run_decided(self, entry: RunEntry, *, urgent: bool) -> None:
        """A run has a newest status; write it now, or when its time comes."""
        if entry.writing or entry.archived or entry.decided in (None, entry.status):
            self._waiting.discard(entry.key)
            return
        now = asyncio.get_running_loop().time()
        if entry.first_decided_at is None:
            entry.first_decided_at = now
        last = entry.written_at if entry.written_at is not None else entry.first_decided_at
        # Once put off it stays so: others that have been written bring no more room.
        entry.write_due = max(entry.write_due, last + self._run_window_seconds(entry))
        due = max(now if urgent else entry.write_due, entry.write_after)
        if now >= due:
            self._waiting.discard(entry.key)
            entry.writing, entry.write_due = True, 0.0
            self._tasks.start(
                self._write_run(entry, entry.resource_version),
                after_bug=partial(self._queue.add, entry.key),
            )
        else:
            self._waiting.add(entry.key)
            self._queue.add_after(entry.key, due - now)

    def _run_window_seconds(self, entry: RunEntry) -> float:
        rows_seconds = self._window_seconds * _rows_to_write(entry) / ROWS_PER_WINDOW
        spread = 0.5 + zlib.crc32(entry.facts.uid.encode()) / 2**32  # so that they take turns
        runs_seconds = len(self._waiting) / RUNS_PER_SECOND * spread
        window = max(self._window_seconds, rows_seconds, runs_seconds)
        return min(window, WINDOW_SECONDS_MAX)

    def _overview_window_seconds(self, entry: Overview) -> float:
        spread = 0.5 + zlib.crc32(entry.uid.encode()) / 2**32
        others_seconds = len(self._waiting) / RUNS_PER_SECOND * spread
        return min(
            max(OVERVIEW_WINDOWS * self._window_seconds, others_seconds), WINDOW_SECONDS_MAX
        )

    def forget(self, key: Key) -> None:
        """What has this status is gone, and its status with it."""
        self._waiting.discard(key)

    def forget_all(self) -> None:
        """A term begins: what still waits to be written says so when it is decided."""
        self._waiting.clear()

    def overview_decided(self, entry: Overview) -> None:
        """A DAG or a Backfill has a newest status; what others wait for goes out at once.

        Of a write that nobody answered, only the next one tells what became of it: with nothing new,
        too, for the schedule waits for that.
        """
        unsure = isinstance(entry, DAGEntry) and entry.is_unsure
        nothing_new = entry.decided == entry.status and not unsure
        if entry.writing or entry.decided is None or nothing_new:
            self._waiting.discard(entry.key)
            return
        now = asyncio.get_running_loop().time()
        before, after = _turns(entry.status.conditions), _turns(entry.decided.conditions)
        if not entry.write_due:
            # From now on, not from the last write: where many runs begin at once, they come first.
            entry.write_due = now + self._overview_window_seconds(entry)
        due = max(now if unsure or before != after else entry.write_due, entry.write_after)
        if now >= due:
            self._waiting.discard(entry.key)
            entry.writing, entry.write_due = True, 0.0
            self._tasks.start(
                self._write_overview(entry, entry.resource_version),
                after_bug=partial(self._queue.add, entry.key),
            )
        else:
            self._waiting.add(entry.key)
            self._queue.add_after(entry.key, due - now)

    async def _write_run(self, entry: RunEntry, seen: str) -> None:
        facts, status, old = entry.facts, entry.decided, entry.untold or entry.status
        if status is None:  # a term has begun since, and it is decided again
            entry.writing = False
            return
        path = client.DAG_RUNS.path(facts.namespace, facts.name, "status")
        version = None
        try:
            if error := await self.slices.store(entry, status, seen):
                await self._slice_failed(path, entry, error)
                return
            entry.sending, said = status, slices.main(status)
            version = await self._put(path, group.DAG_RUN.kind, entry, facts.uid, said, seen)
            if version is None:
                return
            # As the others know it: its slices may have said so before the run itself did.
            waiting = self._store.siblings(facts.namespace, facts.dag_name).reruns
            waited = entry.is_to_rerun or facts.name in waiting
            if not wire.older(version, entry.resource_version):
                entry.resource_version, entry.status = version, status
            entry.untold = None
            entry.written_at = asyncio.get_running_loop().time()
            self._store.pods.forget_recorded(facts.uid, status)
            for note in notes.of_run(old, status):
                self._tell(entry, note)
            self.slices.retire(entry, old, status)
            ends = [(one.finished, one.succeeded, one.mark) for one in (old, status)]
            turned = ends[0] != ends[1]
            if turned or status.rerun != old.rerun or waited != entry.is_to_rerun:
                entry.logs.clear()
                entry.refusals.clear()
                entry.gone.clear()
                if status.finished and not entry.is_to_rerun:
                    entry.status = slices.main(entry.status)  # nobody asks for these rows again
                    entry.slices.stored.clear()
                self._store.wake_around(entry)
            elif entry.is_to_rerun and waits_by(old) != waits_by(status):
                self._store.wake_around(entry)  # whoever waits for it says what it waits for
                self._store.wake_if_abandoned(entry)  # it may be refused
            entry.archive()
            self._queue.add(entry.key)
        finally:
            if version is None:
                entry.take_slices()
            entry.writing, entry.sending = False, None

    async def _write_overview(self, entry: Overview, seen: str) -> None:
        status, old, uid = entry.decided, entry.status, entry.uid
        kind, namespace, name = entry.key
        if status is None:  # a term has begun since, and it is decided again
            entry.writing = False
            return
        path = _RESOURCES[kind].path(namespace, name, "status")
        if isinstance(entry, DAGEntry):
            assert isinstance(status, rows.DAGStatus)
            entry.sending = status
        try:
            version = await self._put(path, _KINDS[kind], entry, uid, status, seen)
            if version is None:
                return
            if isinstance(entry, DAGEntry):
                entry.unanswered = ""
            told = self._take_in(entry, version, old, status)
            entry.written_at = asyncio.get_running_loop().time()
            for note in told:
                self._recorder.note(_KINDS[kind], namespace, name, uid, note)
            self._queue.add(entry.key)
        finally:
            entry.writing = False
            if isinstance(entry, DAGEntry):
                entry.sending = None

    def _take_in(
        self, entry: Overview, version: str, old: rows.Record, status: rows.Record
    ) -> tuple[actions.Note, ...]:
        """It is stored: have those look again who wait for that, and say what is to be told.

        A watch may have brought it before the answer did, so `old` is from before the write.
        """
        is_newest = not wire.older(version, entry.resource_version)
        entry.resource_version = version if is_newest else entry.resource_version
        if isinstance(entry, PoolEntry):
            assert isinstance(status, pool_rows.PoolStatus)
            entry.status = status if is_newest else entry.status
            return ()
        if isinstance(entry, BackfillEntry):
            assert isinstance(old, backfill_rows.BackfillStatus)
            assert isinstance(status, backfill_rows.BackfillStatus)
            entry.status = status if is_newest else entry.status
            if status.finished and not old.finished:  # its runs are the DAG's to keep or not
                self._queue.add(("dag", entry.namespace, entry.wish.dag_name))
            return notes_backfill.of_backfill(old, status)
        assert isinstance(old, rows.DAGStatus)
        assert isinstance(status, rows.DAGStatus)
        entry.status = status if is_newest else entry.status
        if old.condition(rows.READY) != status.condition(rows.READY):
            self._store.wake_waiting(entry.namespace, entry.name)
        return notes.of_dag(old, status)

    async def _put(
        self,
        path: str,
        kind: str,
        entry: Entry,
        uid: str,
        status: rows.Record,
        seen: str,
    ) -> str | None:
        """The new resourceVersion, or None if the write did not happen and is tried again."""
        namespace, name = entry.key[1:]
        body = msgspec.json.encode(
            {
                "apiVersion": group.API_VERSION,
                "kind": kind,
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": uid,
                    "resourceVersion": seen,
                },
                "status": status,
            }
        )
        try:
            version = await replies.ask(self._api, replies.version, "PUT", path, body=body)
        except ApiError as error:
            await self._refused(path, entry, error)
            return None
        except ClusterError as error:
            if isinstance(error, Unreachable) and error.maybe_applied:
                _note_unanswered(entry, status, seen)
            delay = self._pause(entry)
            log.debug("Status of %s not stored, next try in %.1f s: %s", path, delay, error)
            return None
        self.writes += 1
        self.bytes_written += len(body)
        entry.write_failures, entry.write_after = 0, 0.0
        return version

    async def _refused(self, path: str, entry: Entry, error: ApiError) -> None:
        """Somebody else wrote, or deleted, the object: take in what is there now."""
        kind, namespace, name = entry.key
        taker = self._store.takers[_KINDS[kind]]
        if error.too_large and isinstance(entry, RunEntry) and entry.slices.bytes_max is None:
            self._move_rows(path, entry, error)
            return
        if not error.conflict and not error.not_found:
            delay = self._pause(entry)
            log.warning("Status of %s refused, next try in %.1f s: %s", path, delay, error)
            return
        self.conflicts += 1
        try:
            path = path.removesuffix("/status")
            raw = await replies.ask(self._api, replies.custom, "GET", path)
        except ApiError as again:
            if again.not_found:
                taker.drop(namespace, name, entry.uid)
                return
            self._pause(entry)
        except ClusterError:
            self._pause(entry)
        else:
            taker.put(raw)
            if entry.write_failures:
                self._pause(entry)
            else:
                entry.write_failures = 1
                self._queue.add(entry.key)

    async def _slice_failed(self, path: str, entry: RunEntry, error: ClusterError) -> None:
        """The status is not written either: it would tell of rows that are not stored."""
        if isinstance(error, ApiError) and (error.conflict or error.not_found):
            entry.slices.unread |= error.conflict
            log.warning("Slices for %s not stored: %s", path, error)
            await self._refused(path, entry, error)
            return
        if isinstance(error, ApiError) and error.too_large:
            self.too_large += 1
            entry.slices.shrink()
        delay = self._pause(entry)
        level = logging.WARNING if isinstance(error, ApiError) else logging.DEBUG
        log.log(level, "Slices for %s not stored, next try in %.1f s: %s", path, delay, error)

    def _move_rows(self, path: str, entry: RunEntry, error: ApiError) -> None:
        """The status is too large for the API: its rows go into slices, at once."""
        self.too_large += 1
        entry.slices.bytes_max = slices.BYTES_MAX
        log.warning("%s is too large, its rows go into slices: %s", path, error)
        self._queue.add(entry.key)

    def _pause(self, entry: Entry) -> float:
        """No write of this status for a while, however often and urgently it is decided."""
        doublings = min(entry.write_failures, _DOUBLINGS_MAX)
        seconds: float = min(PAUSE_SECONDS_MIN * 2.0**doublings, PAUSE_SECONDS_MAX)
        entry.write_failures += 1
        entry.write_after = asyncio.get_running_loop().time() + seconds
        self._queue.add_after(entry.key, seconds)
        return seconds


def _rows_to_write(entry: RunEntry) -> int:
    assert entry.decided is not None
    if not entry.decided.slices:
        return len(entry.decided.tasks)
    return sum(len(part) for _, part in entry.slices.changed(entry.decided))


def _note_unanswered(entry: Entry, status: rows.Record, seen: str) -> None:
    """Nobody knows whether this is stored: a schedule must not go on as if it were not."""
    if isinstance(entry, DAGEntry):
        assert isinstance(status, rows.DAGStatus)
        if status.last_interval != entry.status.last_interval:
            entry.unanswered = seen


def _turns(conditions: tuple[rows.Condition, ...]) -> list[tuple[str, str, str, int]]:
    """What somebody waits for, of conditions: not the figures in their messages."""
    return [
        (one.type, one.status, one.reason, one.observed_generation)
        for one in conditions
        if one.type in _TURNS
    ]
