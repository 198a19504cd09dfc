"""Runs of mixed DAGs, sent through one operator, and all that can be told of them afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from dev.cluster.procs.ports import Port
from simulation import oracle
from support import mixed_dags, operators, pod_laws
from support.objects import API_VERSION, a_run
from support.pod_witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from dev.cluster.procs import ProcessCluster
    from support.background import Background

SECONDS_MAX: Final = 400
SAID_OF_AN_ATTEMPT: Final = ("state", "reason", "class", "exitCode")

Json = dict[str, Any]


@dataclass
class Passed:
    """How the runs ended, what the witness saw, and how the operator did."""

    ends: dict[str, tuple[str, dict[str, Any]]]
    """Of each run its reason, and of each task its state, its reason and its attempts."""
    stories: dict[str, pod_laws.Story]
    seconds: float
    requests: float
    """What the operator says it has sent."""
    exits: list[int]
    log: str

    def wrong(self) -> list[str]:
        """What was wrong with the Pods, or with what is told of them."""
        found = []
        for name, story in self.stories.items():
            found += [f"{name}: {said}" for said in pod_laws.broken(story)]
            for task, (_, _, attempts) in self.ends[name][1].items():
                if len(attempts) != len(story.lives.get(task, ())):
                    found.append(f"{name}: {task} had other Pods than it says: {attempts}")
        return found


class Passage:
    """A namespace with runs in it, their operator and a witness."""

    def __init__(self, cluster: ProcessCluster, folder: Path, name: str) -> None:
        self._cluster = cluster
        self._client = cluster.client
        self._namespace = cluster.create_namespace(f"{name}-")
        self._log = folder / f"{name}.log"

    def go(self, behind: Background, kubeconfig: Path, runs: int) -> Passed:
        """Make so many runs and wait for their ends; the operator knows the API by `kubeconfig`."""
        port = Port.reserve()
        env = {
            "WATCH_NAMESPACES": self._namespace, "NAMESPACE": self._namespace, "POD_NAME": "one",
            "LEASE_SECONDS": "30", "RESYNC_SECONDS": "6", "HEALTH_PORT": str(port.number),
        }  # fmt: skip
        with contextlib.ExitStack() as stack:
            stack.callback(port.release)
            witness, finish = behind.run(self._witnessed())
            stack.callback(lambda: behind.run(finish()))
            exits = stack.enter_context(operators.kept_running(kubeconfig, self._log, **env))
            began = time.monotonic()
            self._make(runs, witness)
            self._wait(lambda: not self._open(), "not all have ended")
            seconds, requests = time.monotonic() - began, _requests(port.number)
            behind.run(witness.catch_up())
            found = self._all("dagruns")
            return Passed(
                ends={run["metadata"]["name"]: self._end(run) for run in found},
                stories=_stories(found, witness),
                seconds=seconds,
                requests=requests,
                exits=list(exits),
                log=self._log.read_text(),
            )

    async def _witnessed(self) -> tuple[Witness, Callable[[], Coroutine[Any, Any, None]]]:
        """A witness at work, and what ends it; it must not have ended before."""
        context = ssl.create_default_context(cafile=str(self._cluster.dir / "pki" / "ca.crt"))
        token = (self._cluster.dir / "tokens.csv").read_text().split(",")[0]
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=None),
        )
        witness = Witness(session, self._cluster.url, self._namespace)
        await witness.begin()
        watching = asyncio.create_task(witness.watch())

        async def finish() -> None:
            failed = watching.exception() if watching.done() else None
            watching.cancel()
            await asyncio.wait([watching])
            await session.close()
            await asyncio.sleep(0.25)  # what aiohttp's documentation asks for, for TLS
            assert failed is None, failed

        return witness, finish

    def _make(self, runs: int, witness: Witness) -> None:
        """All DAGs and runs; those that have only so much time begin before the crowd comes."""
        for shape in mixed_dags.SHAPES:
            self._client.create(self._path("dags"), shape.manifest())
        shapes = enumerate(itertools.islice(itertools.cycle(mixed_dags.SHAPES), runs))
        wanted = [(shape.hurries, a_run(f"{shape.name}-{n}", shape.name)) for n, shape in shapes]
        hurried = [run for hurries, run in wanted if hurries]
        for run in hurried:
            self._client.create(self._path("dagruns"), run)
        self._wait(lambda: len(witness.lives) >= len(hurried), "not all have begun")
        for hurries, run in wanted:
            if not hurries:
                self._client.create(self._path("dagruns"), run)

    def _wait(self, what: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not what():
            assert time.monotonic() < deadline, f"{otherwise}: {self._open()}"
            time.sleep(0.5)

    def _path(self, plural: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self._namespace}/{plural}"

    def _all(self, plural: str) -> list[Json]:
        found: list[Json] = self._client.get(self._path(plural))["items"]
        return found

    def _open(self) -> list[str]:
        runs = self._all("dagruns")
        finished = [_condition(run, "Finished").get("status") == "True" for run in runs]
        return [
            run["metadata"]["name"] for run, over in zip(runs, finished, strict=True) if not over
        ]

    def _end(self, run: Json) -> tuple[str, dict[str, Any]]:
        """What a user is told in the end, without its times."""
        said = {}
        for row in self._rows(run):
            attempts = row.get("attempts", ())
            told = [tuple(one.get(key) for key in SAID_OF_AN_ATTEMPT) for one in attempts]
            said[row["name"]] = (row["state"], row.get("reason"), told)
        return _condition(run, "Succeeded")["reason"], said

    def _rows(self, run: Json) -> list[Json]:
        """Of the run, or of its slices: a status that is refused as too large goes into these."""
        rows: list[Json] = run["status"].get("tasks", [])
        if not run["status"].get("slices"):
            return rows
        slices = [
            one for one in self._all("dagrunslices") if one["runName"] == run["metadata"]["name"]
        ]
        return [
            row for one in sorted(slices, key=lambda s: s["firstTask"]) for row in one["tasks"]
        ]


def _stories(runs: list[Json], witness: Witness) -> dict[str, pod_laws.Story]:
    """What the witness saw of each run."""
    specs = {shape.name: shape.manifest()["spec"] for shape in mixed_dags.SHAPES}
    lives, found = witness.by_run(), {}
    for run in runs:
        spec, uid = specs[run["spec"]["dagName"]], run["metadata"]["uid"]
        found[run["metadata"]["name"]] = pod_laws.Story(
            tasks=oracle.nodes(spec),
            lives=lives.pop(uid, {}),
            settled={task: at for (of, task), at in witness.settled.items() if of == uid},
            max_active_tasks=spec.get("maxActiveTasks"),
        )
    assert lives == {}, "there were Pods of runs that there never were"
    return found


def _condition(run: Json, type_: str) -> Json:
    found = run.get("status", {}).get("conditions", ())
    return next((one for one in found if one["type"] == type_), {})


def _requests(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("kubedag_api_requests_total{")
    )
