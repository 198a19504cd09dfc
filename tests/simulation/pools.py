"""Pools and other limits that runs share: who makes and changes them, and what must hold of them.

How much may live at once is counted here from the Pods that there truly are, and what they take from
the spec of their DAG; never from what a Pod or a pool says of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubedag.api import group
from simulation import world as worlds
from simulation.pod_facts import IN_FLIGHT_SECONDS_MAX

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from simulation.cluster import Change, Cluster, Object
    from simulation.facts import Facts, RunFacts
    from simulation.invariants import Invariants
    from simulation.pod_facts import PodFacts
    from simulation.world import World

HUMAN = "human"
ELSEWHERE = "other"
"""A namespace whose pools are shared with that of the runs."""
POOLS = ("small", "large", "common")
KNOWN_SECONDS = 5.0
"""An operator that hears everything knows the size of a pool by then."""
KNOWN_LATE_SECONDS = 700.0
"""With the next full list, an operator that does not knows it, too."""
DEAF = (
    "kills", "overlaps", "feed_late", "feed_lost", "feed_stale", "watch_late", "watch_lost",
    "watch_cut", "watch_closed", "watch_expired", "lists_late", "hanging", "outages", "refused",
    "unanswered", "unsent",
)  # fmt: skip
"""With these, the change of a pool may be heard of late."""


class Use(NamedTuple):
    """What a task takes of which pool."""

    namespace: str
    name: str
    slots: int


# --- What a world has ------------------------------------------------------------------------------


def add(world: World, chance: random.Random) -> None:
    """Pools, what takes of them, and a second DAG that does so, too."""
    if chance.random() < 0.5:
        _add_side(world, chance)
    specs = {id(act.value): act.value for act in world.acts if act.what == "apply"}
    for spec in specs.values():
        _limit(chance, spec)
    for name in POOLS:
        _add_pool(world, chance, name)


def _add_side(world: World, chance: random.Random) -> None:
    tasks = []
    for number in range(chance.randint(1, 3)):
        name = f"t{number}"
        world.tendencies.setdefault(name, chance.choice([1.0, 0.9, 0.5]))
        task = {"name": name, "command": ["true"], "timeoutSeconds": 25}
        task |= {"pendingTimeoutSeconds": 200, "priority": chance.randint(-5, 5)}
        tasks.append(task)
    retry = {"limit": 1, "backoffSeconds": 1, "backoffFactor": 1}
    spec = {
        "tasks": tasks,
        "concurrencyPolicy": "Queue",
        "maxActiveRuns": 2,
        "taskDefaults": {"image": "busybox", "retry": retry},
        "retention": {"keepPods": "None", "podTtlSecondsAfterFinished": 5},
    }
    world.acts.append(worlds.Act(0.0, "apply", worlds.SIDE, spec))
    for number in range(chance.choice([1, 2, 3])):
        at = chance.choice([0.0, 0.0, 1.0, chance.uniform(0, 30)])
        name = f"side-{number}"
        world.acts.append(worlds.Act(at, "run", name, {"dagName": worlds.SIDE}))
        world.busy_seconds += worlds.busy_seconds(world, spec)


def _limit(chance: random.Random, spec: Object) -> None:
    if chance.random() < 0.3:
        spec["maxActiveTasksAcrossRuns"] = chance.choice([1, 2])
    if chance.random() < 0.2:
        spec["taskDefaults"]["pool"] = _use(chance)
    for task in spec["tasks"]:
        if chance.random() < 0.5:
            task["pool"] = _use(chance)
        if chance.random() < 0.15:
            task["maxActiveAcrossRuns"] = 1


def _use(chance: random.Random) -> Object:
    name = chance.choice(["small", "small", "large", "common"])
    use: Object = {"name": name}
    if name == "common":
        use["namespace"] = ELSEWHERE
    if chance.random() < 0.3:
        use["slots"] = chance.choice([1, 2])
    return use


def _add_pool(world: World, chance: random.Random, name: str) -> None:
    spec: Object = {"slots": chance.choice([1, 1, 2, 3])}
    if name == "common":
        spec["shareWith"] = chance.choice(
            [{"scope": "All"}, {"scope": "Listed", "namespaces": [worlds.NAMESPACE]}]
        )
    at = chance.choice([0.0, 0.0, 0.0, 1.0, chance.uniform(0, 40)])
    world.acts.append(worlds.Act(at, "pool", name, spec))
    if chance.random() < 0.25:
        at += chance.uniform(0, 60)
        resized = spec | {"slots": chance.choice([0, 1, 2, 4])}
        world.acts.append(worlds.Act(at, "pool", name, resized))
    if chance.random() < 0.15:
        at += chance.uniform(0, 60)
        world.acts.append(worlds.Act(at, "delete-pool", name))
        if chance.random() < 0.6:
            at += chance.choice([0.001, 1.0, chance.uniform(0, 60)])
            world.acts.append(worlds.Act(at, "pool", name, spec))


# --- What people do --------------------------------------------------------------------------------


def _space(name: str) -> str:
    return ELSEWHERE if name == "common" else worlds.NAMESPACE


def act(cluster: Cluster, act: worlds.Act) -> bool:
    """One act of the script, if it is of these."""
    space = _space(act.name)
    there = (space, act.name) in cluster.objects["taskpools"]
    if act.what == "delete-pool":
        if there:
            cluster.delete("taskpools", space, act.name, HUMAN)
    elif act.what == "pool":
        metadata = {"name": act.name, "namespace": space}
        made = {"apiVersion": group.API_VERSION, "metadata": metadata, "spec": dict(act.value)}
        if there:
            cluster.edit(
                "taskpools", space, act.name, lambda pool: pool.update(spec=made["spec"]), HUMAN
            )
        else:
            cluster.create("taskpools", made, HUMAN)
    else:
        return False
    return True


def release(cluster: Cluster, world: World) -> None:
    """In the end each pool is there, and has room for the task that takes most."""
    for one in {one.name: one for one in world.acts if one.what == "pool"}.values():
        there = cluster.objects["taskpools"].get((_space(one.name), one.name))
        slots = there["spec"]["slots"] if there is not None else 0
        if slots < 2:  # what the most demanding task takes
            act(cluster, worlds.Act(0, "pool", one.name, one.value | {"slots": 2}))


# --- What is true ----------------------------------------------------------------------------------


def use_of(run: RunFacts, task: str) -> Use | None:
    """What a task of a run takes, by the spec that the run goes by."""
    spec = run.dag_spec
    for one in (*spec.get("tasks", ()), *spec.get("finally", ())):
        if one["name"] == task:
            used = one.get("pool") or (spec.get("taskDefaults") or {}).get("pool")
            if used is None:
                return None
            space = used.get("namespace", worlds.NAMESPACE)
            return Use(space, used["name"], used.get("slots", 1))
    return None


class Laws:
    """Follows the pools, and says what is wrong with what lives in them."""

    def __init__(self, facts: Facts, invariants: Invariants) -> None:
        self.facts = facts
        self.sizes: dict[tuple[str, str], list[tuple[float, int]]] = {}
        """When each pool got which size; 0 if it went."""
        self._invariants = invariants
        self._deaf = any(getattr(facts.world.faults, knob) for knob in DEAF)
        invariants.follow(self._observe)

    def _observe(self, change: Change) -> None:
        if change.plural == "taskpools":
            meta = change.obj["metadata"]
            slots = 0 if change.type == "DELETED" else change.obj["spec"]["slots"]
            sizes = self.sizes.setdefault((meta["namespace"], meta["name"]), [])
            sizes.append((self.facts.cluster.time(), slots))
        elif change.plural == "pods" and change.type == "ADDED":
            if not change.actor.startswith("operator"):
                return
            run, task, pod = self.facts.pods[change.obj["metadata"]["uid"]]
            if self.is_judged(run, pod):
                name = change.obj["metadata"]["name"]
                self._invariants.broken += [
                    f"{name}: {wrong}"
                    for wrong in (*self._pool(run, task), *self._across(run, task))
                ]

    def is_judged(self, run: RunFacts, pod: PodFacts) -> bool:
        """While two lead, or a write comes late, each counts what it sees.

        A run may have tried to start, nobody knows with what success, and begin by another spec.
        """
        unaware = self.facts.cluster.late or self._invariants.may_be_two()
        begins = run.started_at is None or pod.created_at - run.started_at < IN_FLIGHT_SECONDS_MAX
        unaware |= begins and self._has_edits(run.dag)
        return not (unaware or pod in run.strays or run.tampered)

    def _has_edits(self, dag: str) -> bool:
        acts = self.facts.world.acts
        return sum(act.what == "apply" and act.name == dag for act in acts) > 1

    def living(self) -> Iterator[tuple[RunFacts, str]]:
        for run, task, pod in self.facts.pods.values():
            if pod.live and not pod.hidden and pod not in run.strays:
                yield run, task

    def size(self, pool: tuple[str, str]) -> int:
        """The largest that it may be thought to have."""
        sizes, span = self.sizes.get(pool, []), KNOWN_LATE_SECONDS if self._deaf else KNOWN_SECONDS
        since = self.facts.cluster.time() - span
        later = [slots for at, slots in sizes if at >= since]
        before = [slots for at, slots in sizes if at < since]
        return max([*before[-1:], *later], default=0)

    def _pool(self, run: RunFacts, task: str) -> Iterator[str]:
        use = use_of(run, task)
        if use is None:
            return
        taken = 0
        for other, name in self.living():
            its = use_of(other, name)
            if its is not None and its[:2] == use[:2]:
                taken += its.slots
        if taken > self.size(use[:2]):
            yield f"{taken} slots of {use.name} are taken, of {self.size(use[:2])}"

    def _across(self, run: RunFacts, task: str) -> Iterator[str]:
        """Of all runs of the DAG; while it has several revisions, each may see it differently."""
        living = [(other, name) for other, name in self.living() if other.dag == run.dag]
        if any(other.dag_spec != run.dag_spec for other, _ in living):
            return
        now = self.facts.dag_spec(run.dag)
        if now is not None and any(now.get(key) != said for key, said in run.dag_spec.items()):
            return  # what the DAG says now holds, once that is known
        most = run.dag_spec.get("maxActiveTasksAcrossRuns")
        if most is not None and len(living) > most:
            yield f"{len(living)} Pods live in all runs of {run.dag}, of {most}"
        told = {one["name"]: one for one in run.dag_spec.get("tasks", ())}.get(task, {})
        of_task = {other.uid for other, name in living if name == task}
        if len(of_task) > told.get("maxActiveAcrossRuns", len(of_task)):
            yield f"{task} lives in {len(of_task)} runs, of {told['maxActiveAcrossRuns']}"

    # --- In the end --------------------------------------------------------------------------------

    def left(self) -> Iterator[str]:
        """Once nothing moves any more, each pool says what there is: no slot has leaked."""
        for key, pool in self.facts.cluster.objects["taskpools"].items():
            taken = 0
            for other, name in self.living():
                its = use_of(other, name)
                taken += its.slots if its is not None and its[:2] == key else 0
            status = pool.get("status") or {}
            if status.get("used", 0) != taken:
                yield f"pool {key[1]} says that {status.get('used')} are used, and it is {taken}"
            if len(status.get("holders", ())) != bool(taken) and not taken:
                yield f"pool {key[1]} is free, and has holders {status['holders']}"
            if status.get("waiters") and not taken:
                yield f"pool {key[1]} is free, and {status['waiters']} wait for it"
            if status.get("free", pool["spec"]["slots"]) != pool["spec"]["slots"] - taken:
                yield f"pool {key[1]} says that {status.get('free')} are free"
