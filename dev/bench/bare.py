"""The bare loop: creates each Pod as soon as its upstreams have succeeded, and nothing else.

No status, no retries, no events, no memory. What it reaches is what this machine can do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from kubedag.api import dag as api
from kubedag.api import parse
from kubedag.core import plan as plans
from kubedag.core import pods, podspec
from kubedag.shell import client

if TYPE_CHECKING:
    from dev.bench.shapes import Shape


class _Line(msgspec.Struct):
    type: str
    object: pods.Pod


async def run(bare_api: client.Api, namespace: str, shape: Shape, runs: list[str]) -> None:
    """Bring the shape to its end once for each name."""
    await _Loop(bare_api, namespace, shape, runs).run()


class _Loop:
    def __init__(
        self, bare_api: client.Api, namespace: str, shape: Shape, runs: list[str]
    ) -> None:
        self._api = bare_api
        self._namespace = namespace
        self._runs = runs
        self._below: dict[str, list[str]] = {name: [] for name in shape.upstream}
        for name, above in shape.upstream.items():
            for one in above:
                self._below[one].append(name)
        self._open = {
            (run, name): len(above) for run in runs for name, above in shape.upstream.items()
        }
        self._left = len(self._open)
        self._creates: set[asyncio.Task[bytes]] = set()
        spec = parse.parse(api.DAGSpec, shape.manifest()["spec"], "spec")
        assert not isinstance(spec, tuple), spec
        self._plan = plans.compile_plan(shape.name, spec)

    async def run(self) -> None:
        decode = msgspec.json.Decoder(_Line).decode
        done: set[tuple[str, str]] = set()
        params = {"resourceVersion": "0"}
        lines = self._api.watch(client.PODS.path(self._namespace), params)
        for task, count in list(self._open.items()):
            if not count:
                self._create(*task)
        async for line in lines:
            pod = decode(line).object
            task = (pod.label(pods.LABEL_RUN), pod.label(pods.LABEL_TASK))
            if pod.status.phase != "Succeeded" or task in done or task not in self._open:
                continue
            done.add(task)
            for below in self._below[task[1]]:
                self._open[task[0], below] -= 1
                if not self._open[task[0], below]:
                    self._create(task[0], below)
            if len(done) == self._left:
                break
        await asyncio.gather(*self._creates)

    def _create(self, run: str, name: str) -> None:
        body = orjson.dumps(self._manifest(run, name))
        path = client.PODS.path(self._namespace)
        task = asyncio.ensure_future(self._api.request("POST", path, body=body))
        self._creates.add(task)
        task.add_done_callback(self._creates.discard)

    def _manifest(self, run: str, name: str) -> dict[str, Any]:
        """The very Pod that kubedag would make, without an owner."""
        identity = podspec.RunIdentity(
            run, self._namespace, "bare", "bare", "Manual", "2026-01-01T00:00:00Z"
        )
        task = self._plan.tasks[self._plan.index[name]]
        manifest = podspec.build(self._plan, task, identity, 1)
        del manifest["metadata"]["ownerReferences"]
        manifest["metadata"]["labels"].pop(pods.LABEL_MANAGED_BY)
        return manifest
