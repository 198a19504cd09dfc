"""People who delete an object and make it anew at once, under the same name.

That is what `kubectl replace --force` does, and a GitOps tool whose commits come in quick succession.
What is on its way for the first must not touch the second.
"""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING

from simulation import world as worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.cluster import Change, Cluster, Object
    from simulation.world import World

HUMAN = "human"
REPLACED_MAX = 4
"""In one world."""
RATE = 0.15
PLURALS = ("dags", "dagruns", "backfills")


class Replacers:
    """They act when the operator has written, so that more of it is on its way."""

    def __init__(
        self,
        cluster: Cluster,
        world: World,
        tell: Callable[[str], None],
        later: Callable[..., None],
    ) -> None:
        self._cluster = cluster
        self._tell = tell
        self._later = later
        self._chance = random.Random(f"{world.seed}/namesakes")
        self._left = REPLACED_MAX if world.replaced else 0
        self._made_by: dict[str, str] = {}

    def changed(self, change: Change) -> None:
        """Whatever was written."""
        uid = change.obj["metadata"]["uid"]
        if change.type == "ADDED":
            self._made_by[uid] = change.actor
        ours = change.plural in PLURALS and self._made_by.get(uid) == HUMAN
        if self._left <= 0 or not ours or change.type == "DELETED" or change.actor == HUMAN:
            return
        if self._chance.random() < RATE:
            self._left -= 1
            pause = self._chance.choice([0.0, 0.0005, 0.002, 0.01, 0.05])
            self._later(pause, self._replace, change.plural, change.obj["metadata"]["name"], uid)

    def stop(self) -> None:
        """From now on all stays as it is."""
        self._left = 0

    def _replace(self, plural: str, name: str, uid: str) -> None:
        there = self._cluster.objects[plural].get((worlds.NAMESPACE, name))
        if there is None or there["metadata"]["uid"] != uid:
            return
        made = copy.deepcopy({key: there[key] for key in ("apiVersion", "kind") if key in there})
        made["spec"] = copy.deepcopy(there["spec"])
        if plural == "dagruns":
            for wish in ("rerun", "mark", "marks", "shutdown", "approvals"):
                made["spec"].pop(wish, None)
        made["metadata"] = {"name": name, "namespace": worlds.NAMESPACE}
        self._tell(f"human: {plural} {name} is replaced")
        self._cluster.delete(plural, worlds.NAMESPACE, name, HUMAN)
        pause = self._chance.choice([0.0, 0.0, 0.001, 0.01, 0.05, 3.0])
        self._later(pause, self._make, plural, made)

    def _make(self, plural: str, made: Object) -> None:
        if (worlds.NAMESPACE, made["metadata"]["name"]) not in self._cluster.objects[plural]:
            self._cluster.create(plural, made, HUMAN)
