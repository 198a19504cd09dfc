"""Runs one world: the real engine over a cluster in memory, in virtual time, until all that can end has.

First come the faults, then a calm in which everything must come to its end. The world is then held
against what an oracle says should have become of it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedag.core import pods as labels
from kubedag.shell.errors import ApiError
from simulation import ends, oracle
from simulation import world as worlds
from simulation.cluster import Change, Cluster
from simulation.facts import Facts
from simulation.invariants import Invariants
from simulation.kubelet import Kubelet
from simulation.network import KILL_PHASES, Network
from simulation.process import LoopClock, Operator, make_tasks
from support import virtual_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.cluster import Object
    from simulation.world import Act, World

STEP_SECONDS = 5.0
START_SECONDS = 10.0
"""Virtual time at which the world begins, so that no stamp is the epoch itself."""
QUIET_SECONDS = 400.0
LOOKS_AT_REST = 12
"""While nothing happens, every so many steps is enough to look at the operator itself."""
QUIET_STEP_SECONDS = 40.0
SLACK_SECONDS = 1500.0
"""Lost events wait for a full list (300 s ± 20 %), and back-offs may be long after an outage."""


@dataclass
class Verdict:
    """What a world came to."""

    seed: str
    broken: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    seconds: float = 0.0
    pods: int = 0
    runs: int = 0
    kills: int = 0
    holes: int = 0
    requests: int = 0
    met: dict[str, int] = field(default_factory=dict)


class Simulation:
    """One world on its way."""

    def __init__(self, world: World, *, tell: bool = False) -> None:
        self.world = world
        self.loop = asyncio.get_running_loop()
        self.loop.set_task_factory(make_tasks)  # type: ignore[arg-type]
        self.chance = random.Random(f"{world.seed}/chance")
        self.cluster = Cluster(self.loop.time)
        self.cluster.admit = self._admit
        self.net = Network(
            self.cluster, world.faults, random.Random(f"{world.seed}/net"), START_SECONDS
        )
        self.clock = LoopClock(self.loop.time)
        self.facts = Facts(self.cluster, world)
        self.invariants = Invariants(self.facts)
        self.kubelet = Kubelet(self.cluster, world.life_of, random.Random(f"{world.seed}/kubelet"))
        self.verdict = Verdict(world.seed)
        self.operators: list[Operator] = []
        self.log = _Log(self._tell)
        self._telling = tell
        self._looks = 0
        self._looked_at = (0, 0, 0)
        self._judged_requests = 0
        self.cluster.observers.append(self._happened)

    # --- What is told ------------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        if self._telling:
            self.verdict.story.append(f"{self.loop.time() - START_SECONDS:9.3f}  {text}")

    def _happened(self, change: Change) -> None:
        if self._telling and change.plural != "events":
            self._tell(_told(change))
        if change.plural == "pods" and change.type == "ADDED":
            self._maybe_delete(change.obj)

    # --- Chance ------------------------------------------------------------------------------------

    def _admit(self, pod: Object, dry: bool) -> None:
        if dry:
            return
        told = pod["metadata"]["labels"]
        if told[labels.LABEL_TASK] in self.world.denied:
            run = self.facts.runs.get(told[labels.LABEL_RUN_UID])
            if run is not None:
                run.denied.add(told[labels.LABEL_TASK])
            raise ApiError(403, "Forbidden", "admission webhook denied the request: policy")
        if self.net.happens("quota"):
            raise ApiError(403, "Forbidden", "exceeded quota: q, requested: pods=1, used: pods=9")

    def _maybe_delete(self, pod: Object) -> None:
        if self.net.happens("pods_deleted"):
            meta = pod["metadata"]
            after = self.chance.choice([0.001, 0.05, 1.0, self.chance.uniform(0, 30)])
            self.loop.call_later(after, self._delete_pod, meta["name"], meta["uid"])

    def _delete_pod(self, name: str, uid: str) -> None:
        pod = self.cluster.objects["pods"].get((worlds.NAMESPACE, name))
        if pod is not None and pod["metadata"]["uid"] == uid:
            self.cluster.delete("pods", worlds.NAMESPACE, name, "human")

    # --- People ------------------------------------------------------------------------------------

    def _act(self, act: Act) -> None:
        self._tell(f"human: {act.what} {act.name} {act.value if act.what != 'apply' else ''}")
        space, cluster = worlds.NAMESPACE, self.cluster
        plural = "dags" if act.name == worlds.DAG else "dagruns"
        match act.what:
            case "apply":
                manifest = self.world.dag(act.value)
                if not cluster.edit(
                    "dags", space, act.name, lambda dag: dag.update(spec=act.value), "human"
                ):
                    cluster.create("dags", manifest, "human")
            case "run":
                if (space, act.name) not in cluster.objects[plural]:
                    cluster.create("dagruns", self.world.run(act.name, act.value), "human")
            case "suspend-run" | "suspend-dag":
                cluster.edit(
                    plural, space, act.name,
                    lambda obj: obj["spec"].update(suspend=act.value), "human",
                )  # fmt: skip
            case "delete-run" | "delete-dag":
                if (space, act.name) in cluster.objects[plural]:
                    cluster.delete(plural, space, act.name, "human")
            case _:
                raise AssertionError(act.what)

    # --- Operators -----------------------------------------------------------------------------------

    def _start_operator(self) -> None:
        number = len(self.operators) + 1
        operator = Operator(self.net, self.clock, number, self.world.seed)
        self.operators.append(operator)
        operator.on_death = self._died
        if number <= self.world.faults.kills and self.net.faults.kills:
            if self.chance.random() < 0.8:
                operator.connection.kill_at = (
                    self.chance.choice([1, 2, 3, 4, 5, 8, 13, 21, 34]),
                    self.chance.choice(KILL_PHASES),
                )
            else:
                self.loop.call_later(self.chance.uniform(0, 60), operator.kill)
        self._tell(f"operator {number} starts; dies at {operator.connection.kill_at}")
        operator.start()

    def _died(self) -> None:
        operator = self.operators[-1]
        self._tell(f"operator {operator.number} is killed")
        self.verdict.kills += 1
        self.invariants.broken += operator.faults_found()
        self.loop.call_later(
            self.chance.choice([2.0, 5.0, 20.0, self.chance.uniform(2, 60)]), self._start_operator
        )

    # --- The course of the world ----------------------------------------------------------------------

    async def run(self) -> Verdict:
        with self.log:
            await asyncio.sleep(START_SECONDS)
            for act in self.world.acts:
                self.loop.call_later(act.at, self._act, act)
            self._start_operator()
            await self._until(START_SECONDS + self.world.faults.ends_at)
            self._calm()
            bound = self.world.busy_seconds + SLACK_SECONDS
            await self._until(self.loop.time() + bound, lambda: ends.all_ended(self.facts))
            if not self.invariants.broken:
                await self._end()
        return self._judged()

    async def _until(self, end: float, done: Callable[[], bool] = lambda: False) -> None:
        while self.loop.time() < end and not self.invariants.broken:
            await asyncio.sleep(STEP_SECONDS)
            self._look()
            if done():
                return

    async def _rest(self) -> None:
        """Long enough for whatever comes by itself, such as the next full list."""
        end = self.loop.time() + QUIET_SECONDS
        while self.loop.time() < end and not self.invariants.broken:
            await asyncio.sleep(QUIET_STEP_SECONDS)
            self._look()

    def _look(self) -> None:
        operator = self.operators[-1]
        self.invariants.broken += self.log.errors
        self.invariants.broken += operator.faults_found()
        at = (len(self.operators), self.cluster.version, len(self.net.requests))
        self._looks += 1
        stirred = at != self._looked_at or self._looks % LOOKS_AT_REST == 0
        if stirred and operator.alive and not self.invariants.broken:
            self._looked_at = at
            self.invariants.broken += ends.restless(operator, self.clock.now())
        self.invariants.broken += ends.storms(self.net.requests, self._judged_requests)
        self._judged_requests = len(self.net.requests)

    def _calm(self) -> None:
        self._tell("the faults end")
        self.net.calm()
        for operator in self.operators:
            operator.connection.kill_at = None
        for (_, name), run in list(self.cluster.objects["dagruns"].items()):
            if run["spec"].get("suspend") and name not in self.world.held:
                self._act(worlds.Act(0, "suspend-run", name, value=False))

    async def _end(self) -> None:
        """Everything that can end has ended: nothing may move any more."""
        self.invariants.broken += ends.unended(self.facts)
        await self._rest()
        before = self.cluster.version
        await self._rest()
        if not self.invariants.broken and self.cluster.version != before:
            last = self.cluster.history[-1]
            self.invariants.broken.append(f"no rest: {_told(last)}")
        if not self.invariants.broken:
            self.invariants.broken += ends.judged(self.facts)

    def _judged(self) -> Verdict:
        verdict = self.verdict
        verdict.broken = self.invariants.broken
        verdict.seconds = self.loop.time()
        verdict.pods, verdict.runs = len(self.facts.pods), len(self.facts.runs)
        verdict.holes = self.invariants.holes
        verdict.requests = len(self.net.requests)
        verdict.met = dict(self.net.met)
        return verdict


class _Log(logging.Handler):
    """The engine's log: an error in it is a bug, and all of it is part of the story."""

    def __init__(self, tell: object) -> None:
        super().__init__()
        self._tell = tell
        self.errors: list[str] = []
        self._logger = logging.getLogger("kubedag")

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            if record.exc_info:
                text += "\n" + logging.Formatter().formatException(record.exc_info)
            self.errors.append(f"logged: {text}")
        assert callable(self._tell)
        self._tell(f"log: {text}")

    def __enter__(self) -> None:
        self._logger.addHandler(self)
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]


def _told(change: Change) -> str:
    """One line of the story."""
    obj, meta = change.obj, change.obj["metadata"]
    said = f"{change.actor}: {change.type} {obj['kind']} {meta['name']} v{change.version}"
    status = obj.get("status") or {}
    if obj["kind"] == "Pod":
        said += f" {status['phase']}" + (" deleting" if meta.get("deletionTimestamp") else "")
    elif obj["kind"] == "DAGRun":
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        rows = " ".join(
            f"{row['name']}={row['state']}{row.get('attempt', '')}"
            for row in status.get("tasks", ())
        )
        said += f" [{conditions.get('Succeeded', {}).get('reason', '')}] {rows}"
    elif obj["kind"] == "DAG":
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        said += f" g{meta['generation']} [{conditions.get('Ready', {}).get('reason', '')}]"
    return said


def simulate(world: World, *, tell: bool = False) -> Verdict:
    """Run a world to its end, in virtual time."""

    async def main() -> Verdict:
        return await Simulation(world, tell=tell).run()

    gc.disable()  # a world is small, and looking for garbage in it costs a seventh of it
    try:
        return virtual_loop.run(main(), seconds_max=10_000_000.0)
    finally:
        gc.enable()


def described(world: World) -> list[str]:
    """The world itself, before anything happens."""
    said = [f"seed {world.seed}; faults: {world.faults.told()}, until {world.faults.ends_at} s"]
    for act in world.acts:
        if act.what != "apply":
            said.append(f"at {act.at:.2f} s: {act.what} {act.name} {act.value}")
            continue
        spec = {key: value for key, value in act.value.items() if key != "tasks"}
        said.append(f"at {act.at:.2f} s: apply {spec}")
        for name, node in oracle.nodes(act.value).items():
            lives = [world.life("run-0", name, n).end for n in range(1, 4)]
            said.append(f"    {name}: {tuple(node[1:])} {lives}")
    if world.denied:
        said.append(f"denied: {sorted(world.denied)}")
    return said
