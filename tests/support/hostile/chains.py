"""Good DAGs that run all the time, and how long each of their hops takes.

In a process of its own, so that the storm does not slow down the measurement itself:
`python -m support.hostile.chains KUBECONFIG NAMESPACE` until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from dev.bench.shapes import chain
from dev.bench.witness import Witness
from kubedag.shell import client, credentials
from kubedag.shell.http_api import HttpApi
from support.objects import a_run

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[3]
SHAPE = chain(5)
DAGS = 3
SECONDS_MAX = 60.0

Hop = tuple[float, float]
"""When it began, by the monotonic clock of the machine, and how long it took."""


class Chains:
    """The process, from outside."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._argv = [
            sys.executable, "-m", "support.hostile.chains", str(kubeconfig), namespace,
        ]  # fmt: skip
        self.hops: list[Hop] = []
        self.runs = 0

    def __enter__(self) -> Self:
        paths = {"PYTHONPATH": ":".join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            self._argv,
            cwd=ROOT,
            env=os.environ | paths,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        try:
            said, _ = self._process.communicate("", timeout=2 * SECONDS_MAX)
        finally:
            self._process.kill()
        assert self._process.returncode == 0, "a chain did not end"
        found = json.loads(said)
        self.hops, self.runs = [(began, took) for began, took in found["hops"]], found["runs"]

    def between(self, begin: float, end: float) -> list[float]:
        """Seconds of the hops that began in that time."""
        return sorted(took for began, took in self.hops if begin <= began < end)


def summary(hops: list[float]) -> str:
    """What there is to say of hops in one line."""
    at = [1000 * hops[min(int(len(hops) * part), len(hops) - 1)] for part in (0.5, 0.9, 0.99)]
    mean = 1000 * statistics.fmean(hops)
    return (
        f"{len(hops):5} hops, mean {mean:6.1f} ms, p50 {at[0]:6.1f} ms, p90 {at[1]:6.1f} ms,"
        f" p99 {at[2]:6.1f} ms"
    )


async def _main(kubeconfig: str, namespace: str) -> None:
    source = credentials.Credentials(credentials.Kubeconfig((Path(kubeconfig),)))
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with HttpApi(source) as api:
        witness = Witness(api, namespace)
        watch = asyncio.create_task(witness.watch())
        for number in range(DAGS):
            manifest: dict[str, Any] = SHAPE.manifest()
            manifest["metadata"]["name"] = f"chain-{number}"
            body = orjson.dumps(manifest)
            await api.request("POST", client.DAGS.path(namespace), body=body)
        chains = (_over_and_over(api, witness, namespace, number, stop) for number in range(DAGS))
        runs = [name for names in await asyncio.gather(*chains) for name in names]
        watch.cancel()
    json.dump({"hops": list(_hops(witness, runs)), "runs": len(runs)}, sys.stdout)


async def _over_and_over(
    api: HttpApi, witness: Witness, namespace: str, number: int, stop: asyncio.Task[str]
) -> list[str]:
    names: list[str] = []
    while not stop.done():
        name = f"chain-{number}-{len(names)}"
        names.append(name)
        body = orjson.dumps(a_run(name, f"chain-{number}"))
        await api.request("POST", client.DAG_RUNS.path(namespace), body=body)
        last = (name, list(SHAPE.upstream)[-1])
        async with asyncio.timeout(SECONDS_MAX):
            while last not in witness.succeeded:
                witness.changed.clear()
                await witness.changed.wait()
    return names


def _hops(witness: Witness, runs: Iterable[str]) -> Iterable[Hop]:
    for run in runs:
        for name, above in SHAPE.upstream.items():
            for before in above:
                began = witness.succeeded[run, before]
                yield began, max(0.0, witness.created[run, name] - began)


if __name__ == "__main__":
    assert time.get_clock_info("monotonic").monotonic
    asyncio.run(_main(*sys.argv[1:]))
