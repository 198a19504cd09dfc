"""Runs one world: the real engine over a cluster in memory, in virtual time, until all that can end has.

First come the faults, then a calm in which everything must come to its end. The world is then held
against what an oracle says should have become of it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kubedag.core import slices
from simulation import (
    backfills,
    bounds,
    control,
    control_laws,
    ends,
    oracle,
    pools,
    reruns,
    schedules,
)
from simulation.cluster import Change, Cluster
from simulation.facts import Facts
from simulation.invariants import Invariants
from simulation.kubelet import Kubelet
from simulation.leaders import JUMPS_SECONDS, Leaders
from simulation.network import Network
from simulation.people import People
from simulation.process import make_tasks
from support import virtual_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.world import World

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
        self.cluster = Cluster(self.loop.time)
        self.net = Network(
            self.cluster, world.faults, random.Random(f"{world.seed}/net"), START_SECONDS
        )
        self.facts = Facts(self.cluster, world)
        self.invariants = Invariants(self.facts)
        self.backfills = backfills.Laws(self.facts, self.invariants)
        self.schedules = schedules.Laws(self.facts, self.invariants)
        self.control = control_laws.Laws(self.facts, self.invariants)
        self.pools = pools.Laws(self.facts, self.invariants)
        self.bounds = bounds.Laws(self.facts, self.invariants, self.pools)
        self.kubelet = Kubelet(
            self.cluster, world.life_of, random.Random(f"{world.seed}/kubelet"), world.nodes
        )
        self.verdict = Verdict(world.seed)
        self.log = _Log(self._tell)
        self._telling = tell
        self.calm_at = START_SECONDS + world.faults.ends_at
        self.people = People(self.net, self.facts, self._tell)
        self.leaders = Leaders(
            self.net, world.seed, self._tell, self.invariants.broken, world.bounds
        )
        self.invariants.may_be_two = self.leaders.may_be_two
        self._looks = 0
        self._looked_at = (0, 0, 0)
        self._judged_requests = 0
        self.cluster.observers.append(self._happened)
        self.loop.set_exception_handler(self._raised)

    # --- What is told ------------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        if self._telling:
            self.verdict.story.append(f"{self.loop.time() - START_SECONDS:9.3f}  {text}")

    def _raised(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug, of the operator or in here."""
        error = context.get("exception")
        trace = "".join(traceback.format_exception(error)) if error is not None else ""
        self.invariants.broken.append(f"raised: {context['message']}\n{trace}")

    def _happened(self, change: Change) -> None:
        if self._telling and change.plural != "events":
            self._tell(_told(change))

    # --- The course of the world ----------------------------------------------------------------------

    async def run(self) -> Verdict:
        with self.log:
            await asyncio.sleep(START_SECONDS)
            for act in self.world.acts:
                self.loop.call_later(act.at, self.people.act, act)
            self.leaders.begin()
            await self._until(self.calm_at)
            self._calm()
            times = 1 + reruns.ASKED_MAX * bool(self.world.faults.reruns)
            times += control.MARKED_MAX * self.world.controlled
            bound = self.world.busy_seconds * times + SLACK_SECONDS
            bound += self.leaders.skew_seconds * self.world.attempts_max
            bound += max(map(abs, JUMPS_SECONDS)) * self.world.faults.clock_jumps
            await self._until(self.loop.time() + bound, self._all_ended)
            if not self.invariants.broken:
                await self._end(bound)
        return self._judged()

    async def _until(self, end: float, done: Callable[[], bool] = lambda: False) -> None:
        while self.loop.time() < end and not self.invariants.broken:
            patient = self.loop.time() > self.calm_at + QUIET_SECONDS
            await asyncio.sleep(QUIET_STEP_SECONDS if patient else STEP_SECONDS)
            self._look()
            if done():
                return

    async def _rest(self) -> None:
        """Long enough for whatever comes by itself, such as the next full list."""
        end = self.loop.time() + QUIET_SECONDS
        end += 2 * max(JUMPS_SECONDS) * bool(self.world.faults.clock_jumps)
        while self.loop.time() < end and not self.invariants.broken:
            await asyncio.sleep(QUIET_STEP_SECONDS)
            self._look()

    def _look(self) -> None:
        broken, leaders = self.invariants.broken, self.leaders
        broken += self.log.errors
        for life in leaders.lives:
            broken += life.faults_found()
        at = (leaders.started, self.cluster.version, len(self.net.requests))
        self._looks += 1
        stirred = at != self._looked_at or self._looks % LOOKS_AT_REST == 0
        if stirred and leaders.leader is not None and not broken:
            self._looked_at = at
            broken += ends.restless(leaders.leader)
        broken += ends.storms(self.net.requests, self._judged_requests)
        self._judged_requests = len(self.net.requests)

    def _calm(self) -> None:
        self._tell("the faults end")
        self.net.calm()
        self.leaders.calm()
        self.people.release()

    def _all_ended(self) -> bool:
        told = (self.backfills.unended(), self.schedules.unended(), self.control.unended())
        return ends.all_ended(self.facts) and not any(map(any, told))

    async def _end(self, bound: float) -> None:
        """Everything that can end has ended: nothing may move any more."""
        self.invariants.broken += ends.unended(self.facts)
        self.invariants.broken += self.backfills.unended()
        self.invariants.broken += self.schedules.unended()
        self.invariants.broken += self.control.unended()
        goes_on = self.backfills.may_go_on()
        known = len(self.facts.runs)
        await self._rest()
        while self.schedules.may_go_on() and not self.invariants.broken:
            await self._rest()
        # The last of them has its time, too, and what goes on for a mark that came late.
        if len(self.facts.runs) > known or not self._all_ended():
            await self._until(self.loop.time() + bound, self._all_ended)
            await self._rest()
        self.invariants.broken += self.backfills.left()
        before = self.cluster.version
        self.leaders.replace()
        await self._rest()
        # Pods of a run that has ended are not looked after while its revision is lost.
        lost = any(run.lost_revision for run in self.facts.runs.values())
        # Nor does anybody see that rows are lost of a run that waits for a person.
        rewritten = bool(self.world.faults.slices_deleted)
        lost |= any(
            run.tampered and (rewritten or not run.finished) for run in self.facts.runs.values()
        )
        stirred = [
            change for change in self.cluster.history
            if change.version > before
            and not backfills.takes_back_an_estimate(change)
            and change.obj.get("reason") != "RowsLost"  # whoever reads them tells of it
        ]  # fmt: skip
        if not self.invariants.broken and not (lost or goes_on) and stirred:
            self.invariants.broken.append(f"no rest: {_told(stirred[-1])}")
        if not self.invariants.broken:
            self.invariants.broken += ends.judged(self.facts)
            self.invariants.broken += ends.left(self.facts)
            self.invariants.broken += self.pools.left()

    def _judged(self) -> Verdict:
        verdict = self.verdict
        verdict.broken = self.invariants.broken
        verdict.seconds = self.loop.time()
        verdict.pods, verdict.runs = len(self.facts.pods), len(self.facts.runs)
        verdict.holes = self.invariants.holes
        verdict.kills = self.leaders.kills
        verdict.requests = len(self.net.requests)
        verdict.met = {**self.net.met, **self.bounds.met}
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
    if not isinstance(status.get("tasks", []), list):
        return f"{said} {status}"
    if obj["kind"] == "Pod":
        said += f" {status['phase']}" + (" deleting" if meta.get("deletionTimestamp") else "")
    elif obj["kind"] == "DAGRun":
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        rows = " ".join(
            f"{row['name']}={row['state']}{row.get('attempt', '')}"
            for row in status.get("tasks", ())
        )
        said += f" [{conditions.get('Succeeded', {}).get('reason', '')}] {rows}"
    elif obj["kind"] in ("DAG", "Backfill"):
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        word = conditions.get("Ready") or conditions.get("Succeeded") or {}
        said += f" g{meta['generation']} [{word.get('reason', '')}] {status.get('progress', '')}"
    return said


def simulate(world: World, *, tell: bool = False) -> Verdict:
    """Run a world to its end, in virtual time."""

    async def main() -> Verdict:
        return await Simulation(world, tell=tell).run()

    gc.disable()  # a world is small, and looking for garbage in it costs a seventh of it
    rows_per_slice = slices.ROWS_PER_SLICE
    try:
        if world.faults.too_large:
            slices.ROWS_PER_SLICE = 2  # type: ignore[misc]
        return virtual_loop.run(main(), seconds_max=10_000_000.0)
    finally:
        slices.ROWS_PER_SLICE = rows_per_slice  # type: ignore[misc]
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
