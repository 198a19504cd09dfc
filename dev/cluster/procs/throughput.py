"""How many Pods a second the cluster itself can bring from creation to Succeeded.

This is the ceiling a controller is measured against: if the scheduler or KWOK were the narrow
place, a benchmark on this cluster would say nothing about the controller. So it also tells what
each component spends on a Pod.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.cluster.procs import ProcessCluster, Profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POD = {
    "spec": {
        "restartPolicy": "Never",
        "containers": [
            {"name": "main", "image": "none", "resources": {"requests": {"cpu": "1m"}}}
        ],
    }
}


@dataclass(frozen=True)
class Server:
    """What is needed to talk to the API server."""

    port: int
    token: str
    context: ssl.SSLContext

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, limit=1 << 24
        )

    def head(self, method: str, path: str, size: int = 0) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        ).encode()


async def watch(server: Server, path: str) -> AsyncIterator[Any]:
    """Yield objects from watch events, for ever.

    The API server ends the watch of a client that falls behind in a burst, without an error.
    """
    version = "0"
    while True:
        async for event in _watch_once(server, f"{path}&resourceVersion={version}"):
            version = event["object"]["metadata"]["resourceVersion"]
            yield event["object"]


async def _watch_once(server: Server, path: str) -> AsyncIterator[Any]:
    """Yield events until the server ends it; each is one line, whatever the chunks."""
    reader, writer = await server.connect()
    try:
        writer.write(server.head("GET", path))
        await reader.readuntil(b"\r\n\r\n")
        rest = b""
        while size := int(await reader.readline(), 16):
            *lines, rest = (rest + await reader.readexactly(size)).split(b"\n")
            await reader.readexactly(2)
            for line in lines:
                yield json.loads(line)
    finally:
        writer.close()


async def create(server: Server, path: str, names: asyncio.Queue[str]) -> None:
    """Create Pods over one connection until there are no more names."""
    reader, writer = await server.connect()
    try:
        while not names.empty():
            body = json.dumps(POD | {"metadata": {"name": names.get_nowait()}}).encode()
            writer.write(server.head("POST", path, len(body)) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 201 " not in head.split(b"\r\n")[0]:
                raise RuntimeError(head.decode())
            await _skip_body(reader, head)
    finally:
        writer.close()


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    if length := int(fields.get(b"content-length", 0)):
        await reader.readexactly(length)
        return
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
    await reader.readline()


async def measure(
    server: Server, namespace: str, pods: int, in_flight: int
) -> tuple[float, float]:
    """Return the seconds until all were created, and until all had succeeded."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    names: asyncio.Queue[str] = asyncio.Queue()
    for number in range(pods):
        names.put_nowait(f"p{number}")
    begun = time.monotonic()

    async def create_all() -> float:
        await asyncio.gather(*(create(server, path, names) for _ in range(in_flight)))
        return time.monotonic() - begun

    creation = asyncio.create_task(create_all())
    done: set[str] = set()
    async for pod in watch(server, path + "?watch=1&fieldSelector=status.phase%3DSucceeded"):
        done.add(pod["metadata"]["name"])
        if len(done) == pods:
            break
    return await creation, time.monotonic() - begun


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    tick = os.sysconf("SC_CLK_TCK")
    pids = {**pids, "this script": os.getpid()}
    stats = {
        n: Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for n, p in pids.items()
    }
    return {name: (int(fields[11]) + int(fields[12])) / tick for name, fields in stats.items()}


def report(cluster: ProcessCluster, pods: int, in_flight: int) -> None:
    """Measure once and print it."""
    port = int(cluster.url.rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(cluster.dir / "pki" / "ca.crt"))
    token = (cluster.dir / "tokens.csv").read_text().split(",")[0]
    namespace = cluster.create_namespace("throughput-")
    before = cpu_seconds(cluster.pids)
    created, finished = asyncio.run(
        measure(Server(port, token, context), namespace, pods, in_flight)
    )
    spent = {n: (s - before[n]) * 1000 / pods for n, s in cpu_seconds(cluster.pids).items()}
    print(
        f"{pods} Pods: created in {created:.2f} s ({pods / created:.0f}/s), "
        f"Succeeded in {finished:.2f} s ({pods / finished:.0f}/s); CPU ms per Pod: "
        + ", ".join(f"{name} {ms:.1f}" for name, ms in spent.items()),
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=500)
    parser.add_argument("--in-flight", type=int, default=32, help="creations at the same time")
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with ProcessCluster(Profile.SCALE, fake_nodes=arguments.nodes, on_progress=print) as cluster:
        for _ in range(arguments.runs):
            report(cluster, arguments.pods, arguments.in_flight)
    return 0


if __name__ == "__main__":
    sys.exit(main())
