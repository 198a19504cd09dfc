"""The operator under measurement: a process of its own, asked for its figures over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp

from kubedag.shell import kubeconfig as contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dev.cluster.procs import ProcessCluster

WRITES = ("create", "update", "patch", "delete")
START_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What the process has used so far."""

    cpu_seconds: float
    memory_bytes: float
    writes: float
    events: float
    by_resource: Counter[str]
    runs: float
    leads: bool

    @classmethod
    def of(cls, text: str) -> Self:
        """Read them from the Prometheus text format."""
        values: dict[str, float] = {}
        written: Counter[str] = Counter()
        for line in text.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
            if name.startswith("kubedag_api_requests_total") and any(
                f'verb="{verb}"' in name for verb in WRITES
            ):
                written[name.split('resource="')[1].split('"')[0]] += int(float(value))
        events = written.pop("events", 0)
        return cls(
            values["process_cpu_seconds_total"],
            values["process_max_resident_memory_bytes"],
            written.total(),
            events,
            written,
            values.get("kubedag_runs", 0.0),
            values.get("kubedag_leader") == 1.0,
        )


class Subject:
    """A running operator; `source` is the folder of its package, if it is another one than ours."""

    def __init__(self, kubeconfig: Path, log: Path, source: Path | None = None) -> None:
        self._port = _free_port()
        environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "KUBEDAG_CONTEXT": contexts.choose((kubeconfig,)).context,
            "KUBEDAG_HEALTH_PORT": str(self._port),
            "KUBEDAG_LOG_LEVEL": "WARNING",
        }
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kubedag.cli.main", "operator"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    async def ready(self) -> None:
        """Until its caches are filled. Raises `TimeoutError`."""
        async with asyncio.timeout(START_SECONDS_MAX), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(self._url("readyz")) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)

    async def acting(self, runs: int) -> Figures:
        """Until it leads and knows so many runs. Raises `TimeoutError`."""
        async with asyncio.timeout(START_SECONDS_MAX):
            while True:
                found = await self.figures()
                if found.leads and found.runs >= runs:
                    return found
                await asyncio.sleep(0.1)

    async def figures(self) -> Figures:
        """What it has used so far."""
        async with aiohttp.ClientSession() as session, session.get(self._url("metrics")) as answer:
            return Figures.of(await answer.text())

    def stop(self) -> None:
        """End the process that was started here."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}/{path}"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@asynccontextmanager
async def running(cluster: ProcessCluster, source: Path | None = None) -> AsyncIterator[Subject]:
    """An operator that is ready."""
    subject = Subject(cluster.kubeconfig, cluster.dir / "operator.log", source)
    try:
        await subject.ready()
        yield subject
    finally:
        subject.stop()
