"""An API server of which a test says, request by request, what it answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from kubedag.core import pods
from support.builders import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubedag.shell.entries import RunEntry


DONE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
"""What an API server says to a deletion, and to much else that a test does not look at."""


@dataclass
class Call:
    """A request as it was sent."""

    method: str
    path: str
    body: Any = None
    params: dict[str, str] = field(default_factory=dict)
    at: float = 0.0


class AnsweringApi:
    """Answers each request with the next of `answers`, and with the last one from then on.

    An answer is an object, bytes, an exception, or a function that makes one of these of the call.
    """

    def __init__(self, *answers: Any, seconds: float = 0.0) -> None:
        self.answers = list(answers) or [DONE]
        self.seconds = seconds
        self.calls: list[Call] = []

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
        del content_type, timeout_seconds
        at = asyncio.get_running_loop().time()
        call = Call(method, path, body and orjson.loads(body), dict(params or {}), at)
        self.calls.append(call)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(self.seconds)
        if callable(answer):
            answer = answer(call)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else orjson.dumps(answer)

    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        del path, params
        await asyncio.Event().wait()
        yield b""

    @property
    def asked(self) -> list[str]:
        """The requests, in short."""
        return [f"{call.method} {call.path}" for call in self.calls]


class LoopClock:
    """`START`, and the seconds of the loop since."""

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())


class Known:
    """What was taken in from the answers to creations; a deaf one takes nothing in."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.names: list[str] = []
        self._deaf = deaf

    def assume(self, record: Any) -> None:
        if not self._deaf:
            self.names.append(record.metadata.name)

    def get(self, _namespace: str, name: str) -> str | None:
        return name if name in self.names else None


class Telling(Known):
    """Tells a run of its Pods, as the store does."""

    def __init__(self, entry: RunEntry, *, deaf: bool = False) -> None:
        super().__init__(deaf=deaf)
        self._entry = entry

    def assume(self, record: Any) -> None:
        super().assume(record)
        if self.names:
            self._entry.refusals.pop(record.label(pods.LABEL_TASK), None)


class NoRuns:
    """What is known of runs, which are none."""

    put_run = drop_run = None
