"""Pods with a history, as an API server has it, behind everything that can go wrong on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from kubedag.shell.errors import ApiError, Unreachable
from support.scripted_api import bookmark, error_event, event, page

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Mapping

Pods = dict[str, dict[str, Any]]


class MoodyServer:
    """An `Api` for the Pods of one namespace; `calm` ends its moods."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calm = False
        self.version = 10
        self.forgotten = 0
        self.pods: Pods = {}
        self.history: list[tuple[int, str, dict[str, Any]]] = []
        self.snapshots: dict[str, tuple[int, list[dict[str, Any]]]] = {}
        self.wake = asyncio.Event()

    # What happens to the Pods

    def write(self, name: str, phase: str) -> dict[str, Any]:
        """Create or change a Pod."""
        self.version += 1
        known = self.pods.get(name)
        uid = known["metadata"]["uid"] if known else f"uid-{self.version}"
        metadata = {
            "name": name,
            "namespace": "ns",
            "uid": uid,
            "resourceVersion": str(self.version),
        }
        pod = {"metadata": metadata, "status": {"phase": phase}}
        self.pods[name] = pod
        self._happened("MODIFIED" if known else "ADDED", pod)
        return pod

    def delete(self, name: str) -> None:
        pod = self.pods.pop(name)
        self.version += 1
        metadata = pod["metadata"] | {"resourceVersion": str(self.version)}
        self._happened("DELETED", pod | {"metadata": metadata})

    def forget(self) -> None:
        """Compact: watches from before now are over."""
        self.forgotten = self.version
        self.snapshots.clear()

    def _happened(self, kind: str, pod: dict[str, Any]) -> None:
        self.history.append((self.version, kind, pod))
        self.wake.set()
        self.wake = asyncio.Event()

    # What a client sees of it

    async def request(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, **_: Any
    ) -> bytes:
        assert method == "GET", path
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        if not self.calm and self.chance.random() < 0.15:
            raise self._fault()
        token = (params or {}).get("continue")
        if token is None:
            version, rest = self.version, list(self.pods.values())
        elif token in self.snapshots:
            version, rest = self.snapshots.pop(token)
        else:
            raise ApiError(410, "Expired")
        more = f"{version}-{len(rest)}" if len(rest) > 3 else ""
        if more:
            self.snapshots[more] = version, rest[3:]
        return page(version, *rest[:3], then=more)

    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        del path
        seen = int(params["resourceVersion"])
        ends_at = self._now() + (30 if self.calm else self.chance.choice([0, 0, 1, 5, 300]))
        while self._now() < ends_at:
            if seen < self.forgotten:
                yield error_event(410, "Expired")
                return
            for version, kind, pod in [entry for entry in self.history if entry[0] > seen]:
                await asyncio.sleep(self.chance.choice([0, 0, 0.1]))
                for line in self._distorted(kind, pod):
                    yield line
                seen = version
            yield bookmark(max(seen, 0))
            await self._anything_new(seen, ends_at)

    async def _anything_new(self, seen: int, ends_at: float) -> None:
        if self.version > seen:
            return
        try:
            async with asyncio.timeout(min(10, max(0, ends_at - self._now()))):
                await self.wake.wait()
        except TimeoutError:
            pass

    def _distorted(self, kind: str, pod: dict[str, Any]) -> list[bytes]:
        line = event(kind, pod)
        mood = 1.0 if self.calm else self.chance.random()
        if mood < 0.03:
            raise self._fault()
        if mood < 0.05:
            return [orjson.dumps({"type": kind, "object": {"metadata": 7}})]
        if mood < 0.07:
            return [error_event(500, "InternalError")]
        if mood < 0.2:
            _, old_kind, old_pod = self.chance.choice(self.history)
            return [line, event(old_kind, old_pod)] if old_pod is not pod else [line, line]
        return [line]

    def _fault(self) -> Exception:
        return self.chance.choice(
            [
                Unreachable("cut", maybe_applied=False),
                ApiError(410, "Expired"),
                ApiError(429, "TooManyRequests"),
                ApiError(500, "InternalError"),
                ApiError(401, "Unauthorized"),
            ]
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
