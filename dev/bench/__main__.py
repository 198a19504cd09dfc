"""`python -m dev.bench`: measure, and print a table."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dev.bench import bare, calls, decisions, oldruns, report, schedules, shapes
from dev.bench.subject import Subject, running
from dev.cluster.procs import ProcessCluster, Profile
from kubedag.shell import client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedag.shell.http_api import HttpApi

SECONDS_MAX = 600.0
NODES = 20


def main() -> int:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each shape is run")
    parser.add_argument("--large", action="store_true", help="2,000 and 10,000 tasks as well")
    parser.add_argument("--shape", help="only the shapes whose names begin with this")
    parser.add_argument(
        "--old-runs", type=int, metavar="N", help="measure what runs cost that ended long ago"
    )
    parser.add_argument(
        "--beside", type=Path, metavar="FOLDER", help="also another operator's package, in turn"
    )
    parser.add_argument(
        "--schedules", type=int, metavar="N", help="measure so many DAGs that are due at once"
    )
    chosen = parser.parse_args()
    wanted = shapes.DEFAULT + (shapes.LARGE if chosen.large else ())
    wanted = tuple(one for one in wanted if one.name.startswith(chosen.shape or ""))
    print(f"load average before: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    print(decisions.table(), flush=True)
    sources: dict[str, Path | None] = {"": None}
    if chosen.beside is not None:
        sources = {"beside": chosen.beside.resolve(), **sources}
    with ProcessCluster(Profile.SCALE, fake_nodes=NODES, on_progress=_progress) as cluster:
        if chosen.old_runs:
            asyncio.run(oldruns.measure(cluster, chosen.old_runs, sources))
        elif chosen.schedules:
            asyncio.run(schedules.measure(cluster, chosen.schedules, chosen.rounds))
        else:
            asyncio.run(_measure(cluster, wanted, chosen.rounds, sources))
    return 0


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def _measure(
    cluster: ProcessCluster,
    wanted: tuple[shapes.Shape, ...],
    rounds: int,
    sources: Mapping[str, Path | None],
) -> None:
    async with calls.connect(cluster.kubeconfig) as bench_api:
        print(report.HEAD)
        for shape in wanted:
            found: dict[str, list[report.Measured]] = {name: [] for name in sources}
            for number in range(rounds):
                for name, source in sources.items():
                    await calls.install(bench_api, source)
                    async with running(cluster, source) as subject:
                        one = await _once(bench_api, cluster, subject, shape, number)
                    found[name].append(one)
                    _progress(f"{report.row([one])} {name}")
            for name, measured in found.items():
                print(report.row(measured), name, flush=True)


async def _once(
    bench_api: HttpApi, cluster: ProcessCluster, subject: Subject, shape: shapes.Shape, number: int
) -> report.Measured:
    namespace = cluster.create_namespace(f"bare-{number}-")
    runs = [f"{shape.name}-{index}" for index in range(shape.runs)]
    gc.collect()
    async with calls.witness(bench_api, namespace) as witness:
        began = time.monotonic()
        await bare.run(bench_api, namespace, shape, runs)
        await witness.wait_for(shape.tasks, SECONDS_MAX)
        bare_seconds = max(witness.succeeded.values()) - began
        bare_latencies = witness.latencies(shape, runs)
    await calls.clear(bench_api, namespace)

    namespace = cluster.create_namespace(f"kubedag-{number}-")
    await calls.create(bench_api, client.DAGS.path(namespace), shape.manifest())
    await calls.until_ready(bench_api, namespace, shape.name)
    async with calls.witness(bench_api, namespace) as witness:
        before = await subject.figures()
        began = time.monotonic()
        await asyncio.gather(*(calls.start(bench_api, namespace, shape.name, run) for run in runs))
        await witness.wait_for(shape.tasks, SECONDS_MAX)
        seconds = max(witness.succeeded.values()) - began
        await calls.until_finished(bench_api, namespace, runs)
        after = await subject.figures()
        latencies = witness.latencies(shape, runs)
        if witness.doubled:
            raise AssertionError(f"{witness.doubled} Pods were made twice")
    await calls.clear(bench_api, namespace)
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
        by_resource=after.by_resource - before.by_resource,
    )


if __name__ == "__main__":
    sys.exit(main())
