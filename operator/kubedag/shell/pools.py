"""The TaskPools, as they were last seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubedag.core import limits, pool_rows
from kubedag.shell import definitions, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedag.shell.departed import Departed

Name = tuple[str, str]
Key = tuple[str, str, str]


@dataclass(slots=True)
class PoolEntry:
    """A TaskPool."""

    namespace: str
    name: str
    uid: str
    generation: int
    pool: limits.Pool
    resource_version: str
    status: pool_rows.PoolStatus
    """As it is stored."""
    decided: pool_rows.PoolStatus | None = None
    """As it will be stored next."""
    writing: bool = False
    written_at: float | None = None
    write_failures: int = 0
    write_after: float = 0.0
    write_due: float = 0.0

    @property
    def key(self) -> Key:
        """The work queue's name for this pool."""
        return ("pool", self.namespace, self.name)


class Pools:
    """All of them, by namespace and name; `changed` is called when one has room, or has not, anew."""

    def __init__(
        self, wake: Callable[[Key], None], changed: Callable[[], None], departed: Departed
    ) -> None:
        self._wake = wake
        self._changed = changed
        self._departed = departed
        self.entries: dict[Name, PoolEntry] = {}
        self.known: dict[Name, limits.Pool] = {}
        """What decisions look at."""

    def put(self, raw: Mapping[str, Any]) -> None:
        """A TaskPool as the API has it."""
        meta = raw["metadata"]
        name = (meta["namespace"], meta["name"])
        known, version = self.entries.get(name), meta["resourceVersion"]
        if self._departed.outlived(meta["uid"], version):
            return
        if known is not None and (
            known.resource_version == version or wire.older(version, known.resource_version)
        ):
            return
        if meta.get("deletionTimestamp"):
            self.drop(*name)
            self._departed.note(meta["uid"], version)
            return
        pool = _pool(raw)
        status = definitions.status_of(raw, pool_rows.PoolStatus)
        if known is None or known.uid != meta["uid"]:
            generation = meta.get("generation", 1)
            known = PoolEntry(*name, meta["uid"], generation, pool, version, status)
            self.entries[name] = known
        known.generation, known.pool = meta.get("generation", 1), pool
        known.resource_version, known.status = version, status
        if self.known.get(name) != pool:
            self.known[name] = pool
            self._changed()
        self._wake(known.key)

    def drop(self, namespace: str, name: str, uid: str | None = None) -> None:
        """A TaskPool that is gone: nobody gets slots of it any more."""
        known = self.entries.get((namespace, name))
        if known is None or (uid is not None and known.uid != uid):
            return
        del self.entries[(namespace, name)], self.known[(namespace, name)]
        self._departed.note(known.uid, known.resource_version)
        self._wake(known.key)
        self._changed()

    def wake(self, namespace: str, name: str) -> None:
        """One whose status has something else to tell."""
        if (namespace, name) in self.entries:
            self._wake(("pool", namespace, name))

    def wake_all(self) -> None:
        """Everything: what was decided in an earlier term and never stored is void."""
        for entry in self.entries.values():
            entry.decided = None
            self._wake(entry.key)


def _pool(raw: Mapping[str, Any]) -> limits.Pool:
    """One that got past the CRD with anything else is for nobody but its own namespace, and empty."""
    spec = raw.get("spec") or {}
    slots, share = spec.get("slots"), spec.get("shareWith") or {}
    size = slots if isinstance(slots, int) else 0
    if share.get("scope") == "All":
        return limits.Pool(size, None)
    return limits.Pool(size, frozenset(share.get("namespaces") or ()))
