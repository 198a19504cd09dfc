"""Sees every Pod of a namespace from its creation to its end, straight from the API server.

Moments are resourceVersions: one store numbers all changes of all kinds in one order, so "before"
is certain between a Pod and a status too, which it is not between clocks.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

ENDED: Final = ("Succeeded", "Failed")
TERMINAL: Final = (*ENDED, "Skipped", "UpstreamFailed")
PATHS: Final = {
    "pods": "/api/v1/namespaces/{}/pods",
    "dagruns": "/apis/kubedag.dev/v1alpha1/namespaces/{}/dagruns",
    "dagrunslices": "/apis/kubedag.dev/v1alpha1/namespaces/{}/dagrunslices",
}

Task = tuple[str, str]
"""A run's UID and a task's name."""


@dataclass(slots=True)
class Life:
    """A Pod: when it was created, and when it had ended or was gone."""

    name: str
    task: Task
    attempt: int
    created: int
    ended: int | None = None
    phase: str = ""

    def lives_at(self, moment: int) -> bool:
        return self.created <= moment and (self.ended is None or self.ended > moment)


@dataclass
class Witness:
    """`watch` it from before the first Pod is there."""

    session: aiohttp.ClientSession
    url: str
    namespace: str
    lives: dict[str, Life] = field(default_factory=dict)
    settled: dict[Task, int] = field(default_factory=dict)
    """When a task was first stored as ended."""
    versions: dict[str, str] = field(default_factory=dict)
    """How far each kind has been seen."""

    async def begin(self) -> None:
        """Begin each watch now. Raises if there are Pods already."""
        for kind, path in PATHS.items():
            listed = await self._list(path)
            if listed is not None:
                assert kind != "pods" or not listed["items"], "the beginning was missed"
                self.versions[kind] = listed["metadata"]["resourceVersion"]

    async def watch(self) -> None:
        """See everything, for ever. Raises if something may have been missed."""
        async with asyncio.TaskGroup() as group:
            for kind in self.versions:
                group.create_task(self._follow(kind))

    async def catch_up(self) -> None:
        """Until everything has been seen that is there now."""
        for kind in self.versions:
            listed = await self._list(PATHS[kind])
            assert listed is not None
            newest = max(
                (int(one["metadata"]["resourceVersion"]) for one in listed["items"]), default=0
            )
            while int(self.versions[kind]) < newest:  # noqa: ASYNC110  # the other side is a server
                await asyncio.sleep(0.05)

    def by_run(self) -> dict[str, dict[str, list[Life]]]:
        """All Pods, by run and task, first created first."""
        found: dict[str, dict[str, list[Life]]] = {}
        for life in sorted(self.lives.values(), key=lambda one: one.created):
            run, task = life.task
            found.setdefault(run, {}).setdefault(task, []).append(life)
        return found

    async def _list(self, path: str) -> Any:
        async with self.session.get(self.url + path.format(self.namespace)) as answer:
            if answer.status == 404:  # a kind that there is not yet
                return None
            answer.raise_for_status()
            return await answer.json()

    async def _follow(self, kind: str) -> None:
        while True:
            async for event in self._events(kind):
                found = event["object"]
                assert event["type"] != "ERROR", f"the witness has missed something: {found}"
                self.see(kind, event["type"], found)
                self.versions[kind] = found["metadata"]["resourceVersion"]

    async def _events(self, kind: str) -> AsyncIterator[Any]:
        params = {
            "watch": "true",
            "resourceVersion": self.versions[kind],
            "allowWatchBookmarks": "true",
        }
        path = PATHS[kind].format(self.namespace)
        async with self.session.get(self.url + path, params=params) as answer:
            answer.raise_for_status()
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    def see(self, kind: str, type_: str, found: dict[str, Any]) -> None:
        """Take in one change."""
        if type_ == "BOOKMARK":
            return
        moment = int(found["metadata"]["resourceVersion"])
        if kind == "pods":
            self._see_pod(type_, found, moment)
            return
        rows, run = found.get("status", {}).get("tasks", ()), found["metadata"]["uid"]
        if kind == "dagrunslices":
            rows, run = found.get("tasks", ()), found["metadata"]["ownerReferences"][0]["uid"]
        for row in rows:
            if row["state"] in TERMINAL:
                self.settled.setdefault((run, row["name"]), moment)

    def _see_pod(self, type_: str, pod: dict[str, Any], moment: int) -> None:
        metadata, phase = pod["metadata"], pod["status"].get("phase", "")
        life = self.lives.get(metadata["uid"])
        if life is None:
            labels = metadata["labels"]
            task = (labels["kubedag.dev/run-uid"], labels["kubedag.dev/task"])
            attempt = int(labels["kubedag.dev/attempt"])
            life = self.lives[metadata["uid"]] = Life(metadata["name"], task, attempt, moment)
        if life.ended is None and (phase in ENDED or type_ == "DELETED"):
            life.ended, life.phase = moment, phase
