"""Watches Pods from outside, and says when each was seen to be created and to succeed.

kubedag and the bare loop are measured by the same witness: neither is asked about itself.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from kubedag.core import pods
from kubedag.shell import client
from kubedag.shell.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dev.bench.shapes import Shape


class _Line(msgspec.Struct):
    type: str
    object: pods.Pod


Task = tuple[str, str]
"""A run's name and a task's name."""


@dataclass(slots=True)
class Witness:
    """Moments in seconds of the monotonic clock, by run and task."""

    api: client.Api
    namespace: str
    created: dict[Task, float] = field(default_factory=dict)
    succeeded: dict[Task, float] = field(default_factory=dict)
    doubled: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Follow the Pods of the namespace, for ever."""
        decode = msgspec.json.Decoder(_Line).decode
        path, version = client.PODS.path(self.namespace), "0"
        while True:
            try:
                async for line in self.api.watch(path, {"resourceVersion": version}):
                    event = decode(line)
                    version = event.object.metadata.resource_version or version
                    self._see(event.type, event.object)
            except (ClusterError, msgspec.DecodeError):
                version = "0"
            await asyncio.sleep(0.01)

    def _see(self, kind: str, pod: pods.Pod) -> None:
        task = (pod.label(pods.LABEL_RUN), pod.label(pods.LABEL_TASK))
        now = time.monotonic()
        if kind == "ADDED" and task in self.created:
            self.doubled += 1
        self.created.setdefault(task, now)
        if pod.status.phase == "Succeeded" and task not in self.succeeded:
            self.succeeded[task] = now
            self.changed.set()

    async def wait_for(self, count: int, seconds_max: float) -> None:
        """Until so many tasks have succeeded. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds_max):
            while len(self.succeeded) < count:
                self.changed.clear()
                await self.changed.wait()

    def latencies(self, shape: Shape, runs: Iterable[str]) -> list[float]:
        """Seconds from the end of a task's last upstream to its Pod, for all that have one."""
        found = []
        for run in runs:
            for name, above in shape.upstream.items():
                if above:
                    ready = max(self.succeeded[run, one] for one in above)
                    found.append(max(0.0, self.created[run, name] - ready))
        return sorted(found)
