"""An API server that says exactly what a test has written down, when the test has it say it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

FOR_EVER_SECONDS = 1_000_000.0

# Say it, fail with it, wait for so many seconds, or do something in between.
Step = "bytes | Exception | float | Callable[[], Any]"


class ScriptedApi:
    """Answers each list with the next of `lists` and each watch with the next of `watches`.

    After the last watch, a further one is silent for ever; lists must suffice.
    """

    def __init__(self, *, lists: list[Any], watches: list[list[Any]] | None = None) -> None:
        self.lists = deque(lists)
        self.watches = deque(watches or [])
        self.calls: list[tuple[float, str, dict[str, str]]] = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_seconds: float = 30,
    ) -> bytes:
        del path, body, content_type, timeout_seconds
        assert method == "GET"
        self._called("list", params or {})
        answer = self.lists.popleft()
        while not isinstance(answer, bytes):
            await self._step(answer)
            answer = self.lists.popleft()
        return answer

    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        del path
        self._called("watch", params)
        steps = self.watches.popleft() if self.watches else [FOR_EVER_SECONDS]
        for step in steps:
            if isinstance(step, bytes):
                yield step
            else:
                await self._step(step)

    def times(self, verb: str) -> list[float]:
        return [at for at, called, _ in self.calls if called == verb]

    def params(self, verb: str) -> list[dict[str, str]]:
        return [params for _, called, params in self.calls if called == verb]

    def _called(self, verb: str, params: Mapping[str, str]) -> None:
        self.calls.append((asyncio.get_running_loop().time(), verb, dict(params)))

    @staticmethod
    async def _step(step: Any) -> None:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float | int):
            await asyncio.sleep(step)
        else:
            step()


def pod(name: str, version: int | str, phase: str = "Pending", uid: str = "") -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
        },
        "status": {"phase": phase},
    }


def page(version: int | str, *items: dict[str, Any], then: str = "") -> bytes:
    metadata = {"resourceVersion": str(version)} | ({"continue": then} if then else {})
    return orjson.dumps({"kind": "PodList", "metadata": metadata, "items": list(items)})


def event(kind: str, item: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": item})


def bookmark(version: int | str) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


def error_event(code: int, reason: str) -> bytes:
    return event(
        "ERROR", {"kind": "Status", "metadata": {}, "code": code, "reason": reason, "message": "m"}
    )
