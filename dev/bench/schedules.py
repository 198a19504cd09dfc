"""Many DAGs that are due at the same second: how long until each has its run, and its first Pod.

Seconds are counted from the instant at which the runs are due until a watch tells of them: the time
of creation in an object has whole seconds only. The clock is the machine's, for both. What a client
without any logic takes for as many creations, with as many connections, is measured beside it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from dev.bench import calls, report
from dev.bench.subject import Subject, running
from kubedag.core import actions, pods, runspec
from kubedag.shell import client, http_api
from kubedag.shell.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dev.cluster.procs import ProcessCluster
    from kubedag.shell.http_api import HttpApi

PERIOD_SECONDS = 120
CRON = "*/2 * * * *"
AT_ONCE = 32
REST_SECONDS = 30.0
BURST_SECONDS_MAX = 110.0
READY_SECONDS_MAX = 600.0
HEAD = f"{'':>28} {'p50 s':>7} {'p99 s':>7} {'max s':>7}  load"


class _Object(msgspec.Struct):
    metadata: pods.Metadata


class _Line(msgspec.Struct):
    type: str
    object: _Object


@dataclass(slots=True)
class Arrivals:
    """When each object was first told of, in seconds of the wall clock."""

    known: frozenset[str]
    """What was there before."""
    seen: dict[str, float] = field(default_factory=dict)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, api: HttpApi, path: str, version: str) -> None:
        """Follow a collection from a version on, for ever."""
        decode = msgspec.json.Decoder(_Line).decode
        while True:
            try:
                async for line in api.watch(path, {"resourceVersion": version}):
                    meta = decode(line).object.metadata
                    version = meta.resource_version or version
                    if meta.name not in self.known:
                        self.seen.setdefault(meta.name, time.time())
                        self.more.set()
            except (ClusterError, msgspec.DecodeError) as error:
                print(f"the watch has ended: {error}", file=sys.stderr)
            await asyncio.sleep(0.01)

    async def wait_for(self, count: int) -> None:
        """Until so many are there. Raises `TimeoutError`."""
        async with asyncio.timeout(BURST_SECONDS_MAX):
            while len(self.seen) < count:
                self.more.clear()
                await self.more.wait()

    def after(self, begin: float) -> list[float]:
        """How many seconds later than an instant each came; none may be early."""
        return sorted(moment - begin for moment in self.seen.values())


async def measure(cluster: ProcessCluster, amount: int, rounds: int) -> None:
    """Print how late the runs of so many DAGs are, and their Pods."""
    async with calls.connect(cluster.kubeconfig) as bench_api:
        await calls.install(bench_api)
        print(HEAD)
        for _ in range(rounds):
            await _bare(bench_api, cluster, amount)
        namespace = cluster.create_namespace("schedules-")
        async with running(cluster) as subject:
            await _dags(bench_api, namespace, amount)
            for _ in range(rounds):
                await _burst(bench_api, namespace, amount, subject)


async def _bare(bench_api: HttpApi, cluster: ProcessCluster, amount: int) -> None:
    """The same runs, created by a client that does nothing else, while no operator is there."""
    namespace = cluster.create_namespace("bare-")
    path = client.DAG_RUNS.path(namespace)
    gate = asyncio.Semaphore(http_api.CONNECTIONS_MAX)
    bodies = [orjson.dumps(_run(namespace, index)) for index in range(amount)]

    async def one(body: bytes) -> None:
        async with gate:
            await bench_api.request("POST", path, body=body)

    async with _arrivals(bench_api, path) as runs:
        begin = time.time()
        await asyncio.gather(*map(one, bodies))
        await runs.wait_for(amount)
        _tell("bare, run", runs.after(begin))
    await bench_api.request("DELETE", path)


def _run(namespace: str, index: int) -> dict[str, Any]:
    create = actions.CreateRun(
        f"{_name(index)}-20260101t0000-2m",
        "Scheduled",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:02:00Z",
    )
    return runspec.build(create, namespace, _name(index))


def _name(index: int) -> str:
    return f"due-{index:04}"


@asynccontextmanager
async def _arrivals(bench_api: HttpApi, path: str) -> AsyncIterator[Arrivals]:
    listed = orjson.loads(await bench_api.request("GET", path, timeout_seconds=60))
    made = Arrivals(frozenset(one["metadata"]["name"] for one in listed["items"]))
    version = listed["metadata"]["resourceVersion"]
    task = asyncio.create_task(made.watch(bench_api, path, version))
    await asyncio.sleep(0.5)  # until its watch stands
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _dags(bench_api: HttpApi, namespace: str, amount: int) -> None:
    """Create them, and wait until each is ready and knows when it is due."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(index: int) -> None:
        async with gate:
            await calls.create(bench_api, client.DAGS.path(namespace), _dag(index))

    await asyncio.gather(*map(one, range(amount)))
    async with asyncio.timeout(READY_SECONDS_MAX):
        while (waiting := amount - await _planned(bench_api, namespace)) > 0:
            print(f"{waiting} DAGs are not ready yet", file=sys.stderr, flush=True)
            await asyncio.sleep(2.0)


async def _planned(bench_api: HttpApi, namespace: str) -> int:
    answer = await bench_api.request("GET", client.DAGS.path(namespace), timeout_seconds=60)
    return sum("nextRun" in dag.get("status", {}) for dag in orjson.loads(answer)["items"])


def _dag(index: int) -> dict[str, Any]:
    return {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "DAG",
        "metadata": {"name": _name(index)},
        "spec": {
            "schedule": {"cron": CRON},
            "maxActiveRuns": 10,
            "taskDefaults": {"image": "busybox:1.36", "command": ["true"]},
            "tasks": [{"name": "only"}],
        },
    }


async def _burst(bench_api: HttpApi, namespace: str, amount: int, subject: Subject) -> None:
    """Wait until all are due, and see what comes."""
    runs_path, pods_path = client.DAG_RUNS.path(namespace), client.PODS.path(namespace)
    now = time.time()
    due = (now // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    if due - now < REST_SECONDS:
        due += PERIOD_SECONDS
    await asyncio.sleep(due - now - 5.0)
    async with _arrivals(bench_api, runs_path) as runs, _arrivals(bench_api, pods_path) as seen:
        before = await subject.figures()
        await asyncio.sleep(max(0.0, due - time.time()))
        await runs.wait_for(amount)
        created = await subject.figures()
        await seen.wait_for(amount)
        after = await subject.figures()
        _tell("due to run", runs.after(due))
        _tell("due to Pod", seen.after(due))
    runs_ms, pods_ms = (
        1000 * (one.cpu_seconds - before.cpu_seconds) / amount for one in (created, after)
    )
    print(
        f"{'the operator, CPU per run':>28} {runs_ms:.1f} ms until the last run,"
        f" {pods_ms:.1f} ms until the last Pod"
    )


def _tell(what: str, seconds: list[float]) -> None:
    half, most = median(seconds), report.percentile(seconds, 0.99)
    print(
        f"{f'{what} ({len(seconds)})':>28} {half:>7.2f} {most:>7.2f} {seconds[-1]:>7.2f}"
        f"  {os.getloadavg()[0]:.1f}",
        flush=True,
    )
