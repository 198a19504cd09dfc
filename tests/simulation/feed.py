"""Brings the custom resources to the operator as kopf does: mostly in order, mostly once, mostly soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from kubedag.api import group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulation.cluster import Change
    from simulation.network import Connection

Feed = "Callable[[str, str | None, Mapping[str, Any]], None]"
PLURALS = {
    kind.plural: kind.kind for kind in (group.DAG, group.DAG_RUN, group.BACKFILL, group.TASK_POOL)
}


class CustomResourceFeed:
    """For one life of the operator."""

    def __init__(
        self,
        connection: Connection,
        feed: Callable[[str, str | None, Mapping[str, Any]], None],
    ) -> None:
        self._connection = connection
        self._net = connection.net
        self._feed = feed
        self._due: dict[str, float] = {}
        self._closed = False

    def open(self) -> None:
        """A first list, and then a watch."""
        for plural in PLURALS:
            for obj in self._net.cluster.objects[plural].values():
                self._tell(plural, None, orjson.dumps(obj), obj["metadata"]["uid"])
        self._net.cluster.observers.append(self._happened)

    def close(self) -> None:
        self._closed = True
        if self._happened in self._net.cluster.observers:
            self._net.cluster.observers.remove(self._happened)

    def _happened(self, change: Change) -> None:
        if change.plural not in PLURALS:
            return
        net, uid = self._net, change.obj["metadata"]["uid"]
        if net.happens("feed_lost"):
            return
        self._tell(change.plural, change.type, change.body, uid)
        if net.happens("feed_doubled"):
            self._tell(change.plural, change.type, change.body, uid)
        if change.type != "DELETED" and net.happens("feed_stale"):
            asyncio.get_running_loop().call_later(
                net.chance.uniform(1, 30), self._deliver, change.plural, "MODIFIED", change.body
            )

    def _tell(self, plural: str, event_type: str | None, body: bytes, uid: str) -> None:
        net, loop = self._net, asyncio.get_running_loop()
        late = net.chance.uniform(0.5, 8) if net.happens("feed_late") else 0.0
        due = max(
            self._due.get(uid, 0.0) + 1e-6, net.now() + net.chance.uniform(0.001, 0.02) + late
        )
        due = max(due, self._connection.blind_until)
        self._due[uid] = due
        loop.call_at(due, self._deliver, plural, event_type, body)

    def _deliver(self, plural: str, event_type: str | None, body: bytes) -> None:
        if not self._closed:
            self._feed(PLURALS[plural], event_type, orjson.loads(body))
