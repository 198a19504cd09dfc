"""One world, drawn from a seed: a DAG and its edits, its runs, how every Pod goes, and what goes wrong."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from kubedag.api import group
from kubedag.core import limits
from kubedag.core import pods as labels
from simulation import backfills, bounds, control, oracle, pools, schedules
from simulation import faults as knobs
from simulation.cluster import Object, stamp
from simulation.kubelet import CLASS_OF_END, TROUBLE, Life

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "ns"
DAG = "pipe"
SIDE = "side"
"""A second DAG, in some worlds that are controlled."""
DAGS = (DAG, SIDE)
GATED_SECONDS = (0.0, 0.5, 20.0, 100.0)
TROUBLE_AT_FIRST = (
    "ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "CreateContainerError",
)  # fmt: skip
BACKFILLED = 0.15
"""How many of the worlds have Backfills."""
SCHEDULED = 0.15
"""How many of the others have a schedule."""
POLICIES = ("Queue", "Queue", "Queue", "Allow", "Forbid", "Replace")


class Act(NamedTuple):
    """Something that a person does at a time."""

    at: float
    what: str
    name: str = ""
    value: Any = None


@dataclass
class World:
    """Everything that is fixed before the world begins."""

    seed: str
    faults: knobs.Faults
    acts: list[Act] = field(default_factory=list)
    denied: frozenset[str] = frozenset()
    """Tasks whose Pods an admission policy refuses for ever."""
    undisturbed: bool = True
    """Nobody ends a Pod but the operator and the script, and the operator sees how far they are."""
    held: set[str] = field(default_factory=set)
    """Runs that are suspended for ever, before they can start."""
    tendencies: dict[str, float] = field(default_factory=dict)
    may_hang: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    """Tasks whose Pods are created with a scheduling gate."""
    may_miss_images: set[str] = field(default_factory=set)
    attempts_max: int = 1
    controlled: bool = False
    """People meddle with the runs, and pools and other limits hold them back."""
    bounds: limits.Bounds = limits.UNBOUNDED
    """Of whoever installs the operator."""
    bounded: bool = False
    nodes: int = 3
    may_run_out: set[str] = field(default_factory=set)
    """Tasks that often run out of memory."""
    may_starve: set[str] = field(default_factory=set)
    """Tasks for which there may be no node left."""
    replaced: bool = False
    """People delete objects and make them anew at once."""
    busy_seconds: float = 0.0
    """A bound on how long all attempts of all runs could take in a row."""

    def life(self, run: str, task: str, attempt: int) -> Life:
        """How that attempt goes, if nobody ends it."""
        chance = random.Random(f"{self.seed}/life/{run}/{task}/{attempt}")
        end = "ok"
        if chance.random() >= self.tendencies.get(task, 0.7):
            ends = ["exit", "exit", "exit", "oom", "drain", "shutdown", "evicted", "unexplained"]
            ends += ["forever"] * (task in self.may_hang)
            ends += [*TROUBLE] * (task in self.may_miss_images)
            ends += ["oom"] * 12 * (task in self.may_run_out)
            end = chance.choice(ends)
        late = task in self.may_miss_images and end not in TROUBLE and chance.random() < 0.3
        trouble = chance.choice(TROUBLE_AT_FIRST) if late else ""
        log = b"".join(b"line %d of %s\n" % (n, task.encode()) for n in range(3))
        return Life(
            end=end,
            exit_code=chance.choice([1, 2, 127, 255]) if end == "exit" else 0,
            schedule_seconds=chance.choice([0.005, 0.1, 1.0]),
            start_seconds=chance.choice([0.01, 0.5, 3.0]),
            run_seconds=chance.choice([0.0, 0.02, 0.7, 5.0, 20.0]),
            log=None if chance.random() < 0.1 else log,
            gate_seconds=chance.choice(GATED_SECONDS) if task in self.gated else 0.0,
            trouble=trouble,
            trouble_seconds=3.0 if trouble else 0.0,
        )

    def life_of(self, pod: Object) -> Life:
        told = pod["metadata"]["labels"]
        return self.life(
            told[labels.LABEL_RUN], told[labels.LABEL_TASK], int(told[labels.LABEL_ATTEMPT])
        )

    def result_of(self, run: str, node: oracle.Node, before: int = 0) -> str:
        """S or F: how a task ends that nobody disturbs, after the attempts of before."""
        if node.name in self.denied:
            return "F"
        return oracle.last_result(node, self._ends(run, node.name, before))

    def results_of(self, run: str, node: oracle.Node, before: int) -> set[str]:
        """How it may end: with rules about its failures, or people to answer, in many ways."""
        if node.asks is not None or node.on_failure:
            return {"S", "F", "K"}
        if node.name in self.may_starve:
            return {"S", "F"}
        return {self.result_of(run, node, before)}

    def _ends(self, run: str, task: str, before: int) -> Iterator[str]:
        attempt = before
        while True:
            attempt += 1
            yield CLASS_OF_END.get(self.life(run, task, attempt).end, "S")

    def dag(self, spec: Object, name: str = DAG) -> Object:
        return {
            "apiVersion": group.API_VERSION,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": spec,
        }

    def run(self, name: str, spec: Object) -> Object:
        return {
            "apiVersion": group.API_VERSION,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"dagName": DAG, "runType": "Manual"} | spec,
        }


def draw(
    seed: str,
    faults: knobs.Faults | None = None,
    *,
    backfilled: bool = False,
    scheduled: bool = False,
    controlled: bool = False,
    bounded: bool = False,
    replaced: bool = False,
) -> World:
    """The world of a seed; the faults may be given instead of drawn."""
    chance = random.Random(f"{seed}/world")
    drawn = knobs.draw(random.Random(f"{seed}/faults")) if faults is None else faults
    world = World(seed, drawn, replaced=replaced)
    world.undisturbed = not any(getattr(drawn, knob) for knob in knobs.DISTURBING)
    spec = _spec(world, chance)
    world.acts.append(Act(0.0 if chance.random() < 0.8 else 3.0, "apply", DAG, spec))
    for number in range(chance.choice([1, 1, 2, 2, 3])):
        _add_run(world, chance, number, spec)
    _add_edits(world, chance, spec)
    if replaced:
        kind = random.Random(f"{seed}/replaced").choice(["", "backfilled", "scheduled"])
        backfilled, scheduled = kind == "backfilled", kind == "scheduled"
    chance = random.Random(f"{seed}/backfills")
    if controlled or bounded:
        pools.add(world, random.Random(f"{seed}/pools"))
        control.add(world, random.Random(f"{seed}/control"))
        if bounded:
            bounds.add(world, random.Random(f"{seed}/bounds"))
    elif backfilled or (faults is None and not scheduled and chance.random() < BACKFILLED):
        backfills.add(world, chance)
    elif scheduled or (faults is None and chance.random() < SCHEDULED):
        schedules.add(world, random.Random(f"{seed}/schedules"))
    world.acts.sort(key=lambda act: act.at)
    ends_at = max(world.faults.ends_at, world.acts[-1].at + 1)
    world.faults = dataclasses.replace(world.faults, ends_at=ends_at)
    return world


def _spec(world: World, chance: random.Random) -> Object:
    tasks = [_task(world, chance, number) for number in range(chance.randint(1, 8))]
    spec: Object = {
        "tasks": tasks,
        "concurrencyPolicy": chance.choice(POLICIES),
        "maxActiveRuns": chance.choice([1, 1, 2]),
        "taskDefaults": {"image": "busybox", "retry": _retry(chance)},
        "retention": {
            "keepPods": chance.choice(["None", "Failed", "All"]),
            "podTtlSecondsAfterFinished": chance.choice([0, 5, 60]),
        },
    }
    if chance.random() < 0.4:
        spec["maxActiveTasks"] = chance.choice([1, 1, 2, 3])
    if chance.random() < 0.15:
        spec["dependsOnPast"] = True
    if chance.random() < 0.15:
        spec["timeoutSeconds"] = chance.choice([1, 10, 40, 120])
    if chance.random() < 0.1:
        spec["retention"][chance.choice(["successfulRuns", "failedRuns"])] = chance.choice([0, 1])
    if chance.random() < 0.1:
        world.denied |= {chance.choice(tasks)["name"]}
    world.busy_seconds += busy_seconds(world, spec)
    return spec


def busy_seconds(world: World, spec: Object) -> float:
    """No run of this can take longer, were its attempts one after the other."""
    total = 0.0
    common = spec["taskDefaults"]["retry"]
    for task in (*spec["tasks"], *spec.get("finally", ())):
        if "approval" in task:
            total += control.ANSWER_SECONDS_MAX + task["approval"].get("deadlineSeconds", 0)
            continue
        retry = common | task.get("retry", {})
        attempts = 1 + retry.get("limit", 0) + retry.get("infraLimit", 3)
        world.attempts_max += attempts
        pause = 1.1 * retry["backoffSeconds"] * 10
        limits = task["timeoutSeconds"] + task["pendingTimeoutSeconds"] + max(GATED_SECONDS)
        total += attempts * (30 + pause + limits)
    return total


def _retry(chance: random.Random) -> Object:
    retry: Object = {
        "limit": chance.randint(0, 3),
        "backoffSeconds": chance.choice([1, 3, 10]),
        "backoffFactor": chance.choice([1, 2]),
    }
    if chance.random() < 0.4:
        retry["infraLimit"] = chance.randint(0, 3)
    if chance.random() < 0.03:
        retry |= {"limit": 13, "backoffSeconds": 1, "backoffFactor": 1}
    return retry


def _task(world: World, chance: random.Random, number: int) -> Object:
    name = f"t{number}"
    upstream = [f"t{above}" for above in range(number) if chance.random() < 1.5 / number]
    task: Object = {"name": name, "command": ["true"], "dependsOn": upstream}
    if chance.random() < 0.5:
        task["triggerRule"] = chance.choice(oracle.ALL_RULES)
    if chance.random() < 0.4:
        task["retry"] = _retry(chance)
    if chance.random() < 0.3:
        task["priority"] = chance.randint(-5, 5)
    task["timeoutSeconds"] = chance.choice([25, 60])
    given = world.faults
    blind = given.outages or given.hanging or given.unsent or given.watch_late or given.lists_late
    task["pendingTimeoutSeconds"] = 200 if blind else chance.choice([15, 30])
    if chance.random() < 0.15:
        world.gated.add(name)
    if chance.random() < 0.2:
        task["idempotent"] = False
    if chance.random() < 0.3:
        world.may_hang.add(name)
    if chance.random() < 0.2:
        world.may_miss_images.add(name)
    world.tendencies[name] = chance.choice([1.0, 1.0, 0.9, 0.5, 0.1])
    return task


def _add_run(world: World, chance: random.Random, number: int, spec: Object) -> None:
    at = chance.choice([0.0, 0.0, 1.0, chance.uniform(0, 60)])
    name = f"run-{number}"
    given: Object = {}
    if chance.random() < 0.4:
        start = stamp(86_400 * chance.randint(0, 5))
        given = {
            "runType": chance.choice(["Scheduled", "Backfill", "Catchup"]),
            "logicalTime": start,
            "dataInterval": {"startTime": start, "endTime": stamp(86_400 * 10)},
        }
    world.busy_seconds += busy_seconds(world, spec)
    if chance.random() < 0.15:
        given["suspend"] = True
        world.acts.append(Act(at + chance.uniform(1, 100), "suspend-run", name, value=False))
    elif chance.random() < 0.05:
        given["suspend"] = True
        world.held.add(name)
    elif chance.random() < 0.15:
        held = at + chance.uniform(0, 40)
        world.acts.append(Act(held, "suspend-run", name, value=True))
        world.acts.append(Act(held + chance.uniform(0, 60), "suspend-run", name, value=False))
    if chance.random() < 0.08:
        gone = at + chance.uniform(0, 60)
        world.acts.append(Act(gone, "delete-run", name))
        if chance.random() < 0.5:
            again = {key: value for key, value in given.items() if key != "suspend"}
            world.acts.append(Act(gone + chance.uniform(0.01, 20), "run", name, again))
    world.acts.append(Act(at, "run", name, given))


def _add_edits(world: World, chance: random.Random, spec: Object) -> None:
    if chance.random() < 0.15:
        at = chance.uniform(0, 60)
        world.acts.append(Act(at, "suspend-dag", DAG, value=True))
        if chance.random() < 0.7:
            world.acts.append(Act(at + chance.uniform(0, 100), "suspend-dag", DAG, value=False))
    if chance.random() < 0.25:
        at = chance.uniform(0, 60)
        world.acts.append(Act(at, "apply", DAG, _spec(world, chance)))
        if chance.random() < 0.4:
            world.acts.append(Act(at + chance.uniform(0, 100), "apply", DAG, spec))
    if chance.random() < 0.06:
        gone = chance.uniform(5, 60)
        world.acts.append(Act(gone, "delete-dag", DAG))
        if chance.random() < 0.5:
            world.acts.append(Act(gone + chance.uniform(0.01, 60), "apply", DAG, spec))
