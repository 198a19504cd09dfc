"""The operator under measurement: a process of its own, asked for its figures over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp

if TYPE_CHECKING:
    from pathlib import Path

WRITES = ("create", "update", "patch", "delete")
START_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What the process has used so far."""

    cpu_seconds: float
    memory_bytes: float
    writes: float
    events: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Read them from the Prometheus text format."""
        values: dict[str, float] = {}
        writes = events = 0.0
        for line in text.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
            if name.startswith("kubedag_api_requests_total") and any(
                f'verb="{verb}"' in name for verb in WRITES
            ):
                if 'resource="events"' in name:
                    events += float(value)
                else:
                    writes += float(value)
        return cls(
            values["process_cpu_seconds_total"],
            values["process_max_resident_memory_bytes"],
            writes,
            events,
        )


class Subject:
    """A running operator."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self._port = _free_port()
        environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "KUBEDAG_HEALTH_PORT": str(self._port),
            "KUBEDAG_LOG_LEVEL": "WARNING",
        }
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
