"""`python -m dev.bench`: measure, and print a table."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson

from dev.bench import bare, decisions, report, shapes
from dev.bench.subject import Subject
from dev.bench.witness import Witness
from dev.cluster.procs import ProcessCluster, Profile
from kubedag.api import crds
from kubedag.shell import client, credentials
from kubedag.shell.errors import ApiError
from kubedag.shell.http_api import HttpApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECONDS_MAX = 600.0
NODES = 20


def main() -> int:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each shape is run")
    parser.add_argument("--large", action="store_true", help="2,000 and 10,000 tasks as well")
    parser.add_argument("--shape", help="only the shapes whose names begin with this")
    chosen = parser.parse_args()
    wanted = shapes.DEFAULT + (shapes.LARGE if chosen.large else ())
    wanted = tuple(one for one in wanted if one.name.startswith(chosen.shape or ""))
    print(f"load average before: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    print(decisions.table(), flush=True)
    with ProcessCluster(Profile.SCALE, fake_nodes=NODES, on_progress=_progress) as cluster:
        asyncio.run(_measure(cluster, wanted, chosen.rounds))
    return 0


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def _measure(cluster: ProcessCluster, wanted: tuple[shapes.Shape, ...], rounds: int) -> None:
    async with _api(cluster.kubeconfig) as bench_api:
        for manifest in crds.all_manifests().values():
            await _create(bench_api, _CRDS.path(), manifest)
        await asyncio.sleep(1.0)  # until the kinds are served
        subject = Subject(cluster.kubeconfig, cluster.dir / "operator.log")
        try:
            await subject.ready()
            print(report.HEAD)
            for shape in wanted:
                found = []
                for number in range(rounds):
                    found.append(await _once(bench_api, cluster, subject, shape, number))
                    _progress(report.row(found[-1:]))
                print(report.row(found), flush=True)
        finally:
            subject.stop()


async def _once(
    bench_api: HttpApi, cluster: ProcessCluster, subject: Subject, shape: shapes.Shape, number: int
) -> report.Measured:
    namespace = cluster.create_namespace(f"bare-{number}-")
    runs = [f"{shape.name}-{index}" for index in range(shape.runs)]
    gc.collect()
    async with _witness(bench_api, namespace) as witness:
        began = time.monotonic()
        await bare.run(bench_api, namespace, shape, runs)
        await witness.wait_for(shape.tasks, SECONDS_MAX)
        bare_seconds = max(witness.succeeded.values()) - began
        bare_latencies = witness.latencies(shape, runs)
    await _clear(bench_api, namespace)

    namespace = cluster.create_namespace(f"kubedag-{number}-")
    await _create(bench_api, client.DAGS.path(namespace), shape.manifest())
    await _until_ready(bench_api, namespace, shape.name)
    async with _witness(bench_api, namespace) as witness:
        before = await subject.figures()
        began = time.monotonic()
        await asyncio.gather(*(_start(bench_api, namespace, shape.name, run) for run in runs))
        await witness.wait_for(shape.tasks, SECONDS_MAX)
        seconds = max(witness.succeeded.values()) - began
        await _until_finished(bench_api, namespace, runs)
        after = await subject.figures()
        latencies = witness.latencies(shape, runs)
        if witness.doubled:
            raise AssertionError(f"{witness.doubled} Pods were made twice")
    await _clear(bench_api, namespace)
    return report.Measured(
        shape=shape.name,
        tasks=shape.tasks,
        wall_seconds=seconds,
        bare_seconds=bare_seconds,
        latencies=latencies,
        bare_latencies=bare_latencies,
        cpu_seconds=after.cpu_seconds - before.cpu_seconds,
        writes=after.writes - before.writes,
        events=after.events - before.events,
        memory_bytes=after.memory_bytes,
    )


# --- The API ---------------------------------------------------------------------------------

_CRDS = client.Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@asynccontextmanager
async def _api(kubeconfig: Path) -> AsyncIterator[HttpApi]:
    source = credentials.find({}, kubeconfig_path=str(kubeconfig))
    made = HttpApi(credentials.Credentials(source), connections_max=128)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def _witness(bench_api: HttpApi, namespace: str) -> AsyncIterator[Witness]:
    witness = Witness(bench_api, namespace)
    task = asyncio.create_task(witness.watch())
    await asyncio.sleep(0.2)  # until its watch stands
    try:
        yield witness
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _create(bench_api: HttpApi, path: str, manifest: object) -> None:
    await bench_api.request("POST", path, body=orjson.dumps(manifest))


async def _start(bench_api: HttpApi, namespace: str, dag: str, run: str) -> None:
    manifest = {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "DAGRun",
        "metadata": {"name": run},
        "spec": {"dagName": dag},
    }
    await _create(bench_api, client.DAG_RUNS.path(namespace), manifest)


async def _condition(bench_api: HttpApi, path: str, kind: str) -> str:
    raw = orjson.loads(await bench_api.request("GET", path))
    for condition in raw.get("status", {}).get("conditions", ()):
        if condition["type"] == kind:
            return str(condition["status"])
    return "Unknown"


async def _until_ready(bench_api: HttpApi, namespace: str, dag: str) -> None:
    async with asyncio.timeout(60):
        while await _condition(bench_api, client.DAGS.path(namespace, dag), "Ready") != "True":
            await asyncio.sleep(0.2)


async def _until_finished(bench_api: HttpApi, namespace: str, runs: list[str]) -> None:
    async with asyncio.timeout(120):
        for run in runs:
            path = client.DAG_RUNS.path(namespace, run)
            while await _condition(bench_api, path, "Finished") != "True":
                await asyncio.sleep(0.1)


async def _clear(bench_api: HttpApi, namespace: str) -> None:
    """Leave an empty cluster to the next measurement."""
    for resource in (client.DAG_RUNS, client.DAGS, client.PODS):
        try:
            params = {"gracePeriodSeconds": "0"}
            await bench_api.request(
                "DELETE", resource.path(namespace), params=params, timeout_seconds=120
            )
        except ApiError as error:
            if not error.not_found:
                raise
    async with asyncio.timeout(300):
        while orjson.loads(await bench_api.request("GET", client.PODS.path(namespace)))["items"]:
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
