"""What runs cost that ended long ago: the same work beside none of them, and beside thousands.

Half of them are of the DAG that works, the others of fifty DAGs that do not.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from dev.bench import calls, report, shapes
from dev.bench.subject import Subject, running
from kubedag.core import instants
from kubedag.shell import client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dev.cluster.procs import ProcessCluster
    from kubedag.shell.http_api import HttpApi

OTHER_DAGS = 50
ROWS = 12
BUSY = shapes.chain(20)
TOGETHER = 10
AT_ONCE = 32
SETTLE_SECONDS = 3.0
NAMESPACE = "old-runs"
STAMP = instants.text(datetime.now(UTC) - timedelta(days=1))
"""When they ended: not long enough ago to be deleted by their age."""
HEAD = (
    f"{'old runs':>9} {'start s':>8} {'CPU s':>6} {'MB':>5} {'end→Pod ms p50/p99':>19} "
    f"{'CPU ms/task':>11} {'writes/task':>11}"
)


async def measure(
    cluster: ProcessCluster, amount_max: int, sources: Mapping[str, Path | None]
) -> None:
    """Print a row for no old run, some, and all of them, and each operator."""
    async with calls.connect(cluster.kubeconfig) as bench_api:
        await calls.install(bench_api)
        namespace = cluster.create_namespace(NAMESPACE)
        print(HEAD)
        there = 0
        for amount in (0, amount_max // 4, amount_max // 2):
            await _age(bench_api, namespace, there, amount)
            there = amount
            for name, source in sources.items():
                await calls.install(bench_api, source)
                began = time.monotonic()
                async with running(cluster, source) as subject:
                    await subject.acting(2 * amount)
                    start_seconds = time.monotonic() - began
                    found = await _work(bench_api, namespace, subject)
                print(f"{2 * amount:>9} {start_seconds:>8.1f} {found} {name}", flush=True)


async def _work(bench_api: HttpApi, namespace: str, subject: Subject) -> str:
    await _ensure_dag(bench_api, namespace)
    await asyncio.sleep(SETTLE_SECONDS)
    started = await subject.figures()
    latencies = await _runs(bench_api, namespace, ["alone"])
    before = await subject.figures()
    await _runs(bench_api, namespace, [f"one-{n}" for n in range(TOGETHER)])
    after = await subject.figures()
    tasks = BUSY.tasks * TOGETHER
    cpu_ms = (after.cpu_seconds - before.cpu_seconds) / tasks * 1000
    half, most = median(latencies) * 1000, report.percentile(latencies, 0.99) * 1000
    return (
        f"{started.cpu_seconds:>6.1f} {after.memory_bytes / 1e6:>5.0f} "
        f"{f'{half:.0f}/{most:.0f}':>19} {cpu_ms:>11.2f} "
        f"{(after.writes - before.writes) / tasks:>11.2f}"
    )


async def _runs(bench_api: HttpApi, namespace: str, names: list[str]) -> list[float]:
    """Run the DAG so often at once, which leaves nothing behind: how long each task waited."""
    async with calls.witness(bench_api, namespace) as witness:
        await asyncio.gather(
            *(calls.start(bench_api, namespace, BUSY.name, name) for name in names)
        )
        await witness.wait_for(BUSY.tasks * len(names), 300)
        await calls.until_finished(bench_api, namespace, names)
        latencies = witness.latencies(BUSY, names)
    for name in names:
        await bench_api.request("DELETE", client.DAG_RUNS.path(namespace, name))
    params = {"gracePeriodSeconds": "0"}
    await bench_api.request("DELETE", client.PODS.path(namespace), params=params)
    return latencies


# --- What is old ------------------------------------------------------------------------------


async def _ensure_dag(bench_api: HttpApi, namespace: str) -> None:
    path = client.DAGS.path(namespace)
    known = orjson.loads(await bench_api.request("GET", path))["items"]
    if not known:
        manifests = [BUSY.manifest()]
        for index in range(OTHER_DAGS):
            other = shapes.chain(2).manifest()
            other["metadata"]["name"] = f"other-{index}"
            manifests.append(other)
        for manifest in manifests:
            await calls.create(bench_api, path, manifest)
    await calls.until_ready(bench_api, namespace, BUSY.name)


async def _age(bench_api: HttpApi, namespace: str, first: int, end: int) -> None:
    """Make runs that ended, as if they had been run."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, dag: str) -> None:
        async with gate:
            await calls.start(bench_api, namespace, dag, name)
            manifest = {
                "apiVersion": "kubedag.dev/v1alpha1",
                "kind": "DAGRun",
                "metadata": {"name": name},
                "status": _status(name),
            }
            path = client.DAG_RUNS.path(namespace, name, "status")
            await bench_api.request(
                "PATCH", path, body=orjson.dumps(manifest), content_type=client.MERGE_PATCH
            )

    async with asyncio.TaskGroup() as group:
        for index in range(first, end):
            group.create_task(one(f"old-{index}", BUSY.name))
            group.create_task(one(f"elsewhere-{index}", f"other-{index % OTHER_DAGS}"))
    print(f"{2 * end} old runs are there", file=sys.stderr, flush=True)


def _status(run: str) -> dict[str, Any]:
    condition = {
        "status": "True",
        "reason": "Succeeded",
        "message": f"all {ROWS} tasks succeeded",
        "lastTransitionTime": STAMP,
        "observedGeneration": 1,
    }
    return {
        "observedGeneration": 1,
        "conditions": [{"type": kind, **condition} for kind in ("Succeeded", "Finished")],
        "startTime": STAMP,
        "completionTime": STAMP,
        "duration": "5s",
        "progress": f"{ROWS}/{ROWS}",
        "tasks": [_row(run, f"task-{index}") for index in range(ROWS)],
    }


def _row(run: str, task: str) -> dict[str, Any]:
    times = ("depsMetTime", "createTime", "scheduleTime", "startTime", "finishTime")
    attempt = {
        "number": 1,
        "state": "Succeeded",
        "exitCode": 0,
        "nodeName": "node-1",
        "podName": f"{run}-{task}-1-abcdefgh",
        **dict.fromkeys(times, STAMP),
    }
    return {"name": task, "state": "Succeeded", "attempt": 1, "attempts": [attempt]}
