"""One Lease object behind a network that delays, loses and reorders."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from kubedag.shell.errors import ApiError, Unreachable

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping


class LeaseServer:
    """Holds the object; compares resourceVersions as the API server does."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.writes: list[tuple[float, str]] = []

    def handle(self, method: str, body: bytes | None) -> bytes:
        if method == "GET":
            return orjson.dumps(self._existing())
        assert body is not None
        wanted = orjson.loads(body)
        if method == "POST":
            if self.lease is not None:
                raise ApiError(409, "AlreadyExists", "lease exists")
            wanted["metadata"] |= {"uid": "uid-lease", "creationTimestamp": "2026-01-01T00:00:00Z"}
        elif (
            self._existing()["metadata"]["resourceVersion"]
            != (wanted["metadata"]["resourceVersion"])
        ):
            raise ApiError(409, "Conflict", "lease was changed")
        self.version += 1
        wanted["metadata"]["resourceVersion"] = str(self.version)
        self.lease = wanted
        now = asyncio.get_running_loop().time()
        self.writes.append((now, wanted["spec"]["holderIdentity"]))
        return orjson.dumps(wanted)

    def _existing(self) -> dict[str, Any]:
        if self.lease is None:
            raise ApiError(404, "NotFound", "no lease")
        return self.lease


class Wire:
    """One candidate's `Api`: `weather` says how long each way takes, and whether it arrives.

    A request under way goes on when its sender has given up, as on a real network.
    """

    def __init__(self, server: LeaseServer, weather: Callable[[], tuple[float, float, bool]]):
        self._server = server
        self._weather = weather

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
        del path, params, content_type
        there_seconds, back_seconds, lost = self._weather()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()

        def arrive() -> None:
            try:
                said, fault = self._server.handle(method, body), None
            except ApiError as error:
                said, fault = b"", error
            loop.call_later(back_seconds, deliver, said, fault)

        def deliver(said: bytes, fault: ApiError | None) -> None:
            if answer.done() or lost:
                return
            if fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(said)

        loop.call_later(there_seconds, arrive)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await answer
        except TimeoutError as error:
            raise Unreachable("no answer", maybe_applied=True) from error

    def watch(self, path: str, params: Mapping[str, str]) -> Any:
        raise NotImplementedError


def clear() -> tuple[float, float, bool]:
    return 0.01, 0.01, False


def storm(chance: random.Random) -> Callable[[], tuple[float, float, bool]]:
    """Mostly quick, sometimes slower than any time-out, sometimes lost on the way back."""

    def weather() -> tuple[float, float, bool]:
        def way() -> float:
            return chance.choice([0.01, 0.1, 0.5, chance.uniform(0, 3), chance.uniform(0, 40)])

        return way(), way(), chance.random() < 0.2

    return weather
