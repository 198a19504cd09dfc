"""What the measurements ask of the API, as users would."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
import yaml

from dev.bench.witness import Witness
from kubedag.shell import client, credentials
from kubedag.shell.errors import ApiError
from kubedag.shell.http_api import HttpApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CRDS = client.Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@asynccontextmanager
async def connect(kubeconfig: Path) -> AsyncIterator[HttpApi]:
    """The API of a cluster."""
    source = credentials.find({}, kubeconfig_path=str(kubeconfig))
    made = HttpApi(credentials.Credentials(source), connections_max=128)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def witness(bench_api: HttpApi, namespace: str) -> AsyncIterator[Witness]:
    """Somebody who watches the Pods of a namespace."""
    made = Witness(bench_api, namespace)
    task = asyncio.create_task(made.watch())
    await asyncio.sleep(0.2)  # until its watch stands
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def install(bench_api: HttpApi, source: Path | None = None) -> None:
    """Have the kinds served as an operator knows them."""
    environment = os.environ | ({"PYTHONPATH": str(source)} if source else {})
    command = (sys.executable, "-m", "kubedag.cli.main", "crds")
    printer = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    text, _ = await printer.communicate()
    for manifest in yaml.safe_load_all(text):
        path = CRDS.path(name=manifest["metadata"]["name"])
        try:
            known = orjson.loads(await bench_api.request("GET", path))
        except ApiError:
            await create(bench_api, CRDS.path(), manifest)
        else:
            version = known["metadata"]["resourceVersion"]
            manifest["metadata"]["resourceVersion"] = version
            await bench_api.request("PUT", path, body=orjson.dumps(manifest))
    await asyncio.sleep(2.0)  # until they are served


async def create(bench_api: HttpApi, path: str, manifest: object) -> None:
    """Create an object."""
    await bench_api.request("POST", path, body=orjson.dumps(manifest))


async def start(bench_api: HttpApi, namespace: str, dag: str, run: str) -> None:
    """Create a run."""
    manifest = {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "DAGRun",
        "metadata": {"name": run},
        "spec": {"dagName": dag},
    }
    await create(bench_api, client.DAG_RUNS.path(namespace), manifest)


async def condition(bench_api: HttpApi, path: str, kind: str) -> str:
    """The value of a condition of an object."""
    raw = orjson.loads(await bench_api.request("GET", path))
    for one in raw.get("status", {}).get("conditions", ()):
        if one["type"] == kind:
            return str(one["status"])
    return "Unknown"


async def until_ready(bench_api: HttpApi, namespace: str, dag: str) -> None:
    """Wait for a DAG to be accepted. Raises `TimeoutError`."""
    async with asyncio.timeout(60):
        while await condition(bench_api, client.DAGS.path(namespace, dag), "Ready") != "True":
            await asyncio.sleep(0.2)


async def until_finished(bench_api: HttpApi, namespace: str, runs: list[str]) -> None:
    """Wait for runs to end. Raises `TimeoutError`."""
    async with asyncio.timeout(120):
        for run in runs:
            path = client.DAG_RUNS.path(namespace, run)
            while await condition(bench_api, path, "Finished") != "True":
                await asyncio.sleep(0.1)


async def clear(bench_api: HttpApi, namespace: str) -> None:
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
