"""The operator against a real API server: as a process, and as an engine with kopf in this one.

A process shows what users get; an engine in this process can be held between two of its requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubedag.shell import credentials, handlers
from kubedag.shell import kubeconfig as kubeconfig_of
from kubedag.shell.engine import Engine
from kubedag.shell.http_api import HttpApi
from kubedag.shell.kopf_login import KopfLogin
from kubedag.shell.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


class ShiftedClock:
    """The time, and how far it is ahead of the true one."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Meddling(HttpApi):
    """A client between whose requests a test may do something."""

    before: Callable[[str, str], None] = staticmethod(lambda _method, _path: None)
    after: Callable[[str, str], None] = staticmethod(lambda _method, _path: None)

    async def request(self, method: str, path: str, **rest: Any) -> bytes:
        self.before(method, path)
        answer = await super().request(method, path, **rest)
        self.after(method, path)
        return answer


@dataclass
class Acting:
    engine: Engine
    api: Meddling
    clock: ShiftedClock
    parts: list[asyncio.Task[Any]]

    def kill(self) -> None:
        """End it in the middle of whatever it does, as a process that is killed."""
        self.engine.end_term()
        for part in (*self.parts, *self.engine.tasks._running):
            part.cancel()


@contextlib.asynccontextmanager
async def acting(kubeconfig: Path, namespace: str) -> AsyncIterator[Acting]:
    """An engine that acts in one namespace, with custom resources from kopf."""
    source = credentials.Credentials(credentials.Kubeconfig((kubeconfig,)))
    clock, ready, stop = ShiftedClock(), asyncio.Event(), asyncio.Event()
    async with Meddling(source) as api:
        recorder = Recorder(api)
        engine = Engine(api, recorder, clock, namespaces=[namespace], window_seconds=0.05)
        parts = [asyncio.create_task(engine.run()), asyncio.create_task(recorder.run())]
        served = handlers.serve(
            handlers.registry(engine.feed, KopfLogin(source)), (namespace,), ready, stop
        )
        kopf = asyncio.create_task(served)
        try:
            await ready.wait()
            await engine.begin_term()
            yield Acting(engine, api, clock, parts)
        finally:
            stop.set()
            await engine.stop()
            for part in parts:
                part.cancel()
            await asyncio.gather(kopf, *parts, return_exceptions=True)


def where(config: Path) -> dict[str, str]:
    """What has a process act on a cluster from outside: it wants the context by its name."""
    return {"KUBECONFIG": str(config), "KUBEDAG_CONTEXT": kubeconfig_of.choose((config,)).context}


@contextlib.contextmanager
def process(kubeconfig: Path, log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """`kubedag operator`, as its image runs it."""
    said = {f"KUBEDAG_{name}": value for name, value in env.items()}
    plain = {"KUBEDAG_LEASE_SECONDS": "3", "KUBEDAG_HEALTH_PORT": "0"}
    with log.open("ab") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "kubedag.cli.main", "operator"],
            env={**os.environ, **where(kubeconfig), **plain, **said},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(20)
            finally:
                running.kill()
                running.wait()


@contextlib.contextmanager
def kept_running(kubeconfig: Path, log: Path, **env: str) -> Iterator[list[int]]:
    """The same, with what a kubelet does: when it ends, it is started again. Yields how it ended."""
    codes: list[int] = []
    over = threading.Event()
    log.touch()  # who reads it need not wait for the first process

    def keep() -> None:
        while not over.is_set():
            with process(kubeconfig, log, **env) as running:
                while running.poll() is None and not over.wait(0.1):
                    pass
            if not over.is_set():
                codes.append(running.returncode)

    thread = threading.Thread(target=keep, name="kubelet")
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        thread.join()
