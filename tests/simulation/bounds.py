"""What whoever installs the operator limits, and what another attempt has of its own: nodes, and memory.

How many Pods live is counted from the Pods that there truly are; which nodes and how much memory an
attempt may have follows from how those before it truly went.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from kubedag.core import limits
from kubedag.core import pods as labels

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from simulation.cluster import Change, Object
    from simulation.facts import Facts, RunFacts
    from simulation.invariants import Invariants
    from simulation.pod_facts import PodFacts
    from simulation.pools import Laws as PoolLaws
    from simulation.world import World

HOSTNAME = "kubernetes.io/hostname"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
LOOKED_AT = 5
"""So many failed attempts are looked back at."""
GROWS_TO_MAX = 8
SIGKILL_CODE = 137
UNEXPLAINED = "unexplained"
"""The life of a Pod that is killed without a word."""


# --- What a world has ------------------------------------------------------------------------------


def add(world: World, chance: random.Random) -> None:
    """Limits of the operator and of each namespace, and retries elsewhere and with more memory."""
    world.bounded = True
    world.bounds = limits.Bounds(chance.choice([None, 1, 2, 3]), chance.choice([None, 1, 1, 2, 3]))
    world.nodes = chance.choice([1, 2, 3, 3])
    specs = {id(act.value): act.value for act in world.acts if act.what == "apply"}
    for spec in specs.values():
        if chance.random() < 0.3:
            spec["taskDefaults"]["retry"]["avoidNodes"] = chance.choice(["Prefer", "Require"])
        for task in (*spec["tasks"], *spec.get("finally", ())):
            if "approval" not in task:
                _retry(world, chance, task)
        for task in (*spec["tasks"], *spec.get("finally", ())):
            common = spec["taskDefaults"]["retry"] | task.get("retry", {})
            if common.get("avoidNodes") == "Require":
                world.may_starve.add(task["name"])


def _retry(world: World, chance: random.Random, task: Object) -> None:
    policy: Object = {}
    if chance.random() < 0.5:
        policy["avoidNodes"] = chance.choice(["Never", "Prefer", "Require", "Require"])
    if chance.random() < 0.5:
        world.may_run_out.add(task["name"])
        base = chance.choice([64, 100, 333])
        task["resources"] = {"limits": {"memory": f"{base}Mi"}}
        if chance.random() < 0.7:
            task["resources"]["requests"] = {"memory": f"{chance.choice([base, base // 2])}Mi"}
        policy["memoryFactor"] = chance.choice(["1.5", "2", "1.1", "4"])
        if chance.random() < 0.5:
            policy["memoryMax"] = f"{chance.choice([base, base + 1, base * 3])}Mi"
    if policy:
        task["retry"] = task.get("retry", {}) | policy


def node_of(pod: Object, wanted: int, nodes: int) -> str | None:
    """Where the scheduler puts a Pod that would be on that node; None if it cannot."""
    there = [f"node-{number}" for number in range(1, nodes + 1)]
    kind, avoided = avoids(pod)
    good = [node for node in there if node not in avoided]
    if kind == REQUIRED or (kind == PREFERRED and good):
        there = good
    return there[wanted % len(there)] if there else None


def avoids(pod: Object) -> tuple[str, list[str]]:
    """Which kind of affinity a Pod has, and the nodes that it keeps away from."""
    said = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    for kind in (REQUIRED, PREFERRED):
        if kind not in said:
            continue
        terms = (
            said[kind]["nodeSelectorTerms"]
            if kind == REQUIRED
            else [one["preference"] for one in said[kind]]
        )
        rules = [rule for term in terms for rule in term["matchExpressions"]]
        assert all((rule["key"], rule["operator"]) == (HOSTNAME, "NotIn") for rule in rules)
        return kind, [node for rule in rules for node in rule["values"]]
    return "", []


# --- What must be ----------------------------------------------------------------------------------


@dataclass
class Way:
    """How a Pod truly went, as far as it bears on the next attempt."""

    node: str = ""
    by_itself: bool = False
    """It failed while nobody had told it to end."""
    out_of_memory: bool = False
    killed: bool = False
    """By SIGKILL: with nobody told to have done it, that counts as out of memory, too."""


class Laws:
    """Follows the Pods, and says which should not be, or not as they are."""

    def __init__(self, facts: Facts, invariants: Invariants, pools: PoolLaws) -> None:
        self.facts = facts
        self._pools = pools
        self._invariants = invariants
        self.met: Counter[str] = Counter()
        self._ways: dict[str, Way] = {}
        """By the Pod's UID."""
        if facts.world.bounded:
            invariants.follow(self._observe)

    def _observe(self, change: Change) -> None:
        if change.plural != "pods" or change.obj["metadata"]["uid"] not in self.facts.pods:
            return
        run, task, pod = self.facts.pods[change.obj["metadata"]["uid"]]
        self._went(change.obj)
        self.met["unschedulable"] += _is_unschedulable(change.obj)
        if change.type == "ADDED" and self._pools.is_judged(run, pod):
            wrong = (
                *self._exceeded(),
                *self._elsewhere(run, task, pod, change.obj),
                *self._larger(run, task, pod, change.obj),
            )
            self._invariants.broken += [f"{pod.name}: {one}" for one in wrong]

    def _went(self, obj: Object) -> None:
        way = self._ways.setdefault(obj["metadata"]["uid"], Way())
        way.node = obj["spec"].get("nodeName", "")
        if obj["status"]["phase"] != "Failed":
            return
        way.by_itself |= not obj["metadata"].get("deletionTimestamp")
        seen = obj["status"].get("containerStatuses") or [{"state": {}}]
        ended = seen[0]["state"].get("terminated") or {}
        way.out_of_memory = ended.get("reason") == "OOMKilled"
        way.killed = ended.get("exitCode") == SIGKILL_CODE

    def _exceeded(self) -> Iterator[str]:
        living, bounds = len([*self._pools.living()]), self.facts.world.bounds
        self.met["full"] += living in bounds
        for most, of in ((bounds.operator, "the operator"), (bounds.namespace, "the namespace")):
            if most is not None and living > most:
                yield f"{living} Pods live, and {of} may have {most}"

    def _before(self, run: RunFacts, task: str, pod: PodFacts) -> Iterator[tuple[Way, bool, bool]]:
        """How earlier Pods went, whether that must be known, and is looked back at for nodes."""
        for old in (*run.strays, *run.pods[task][:-1]):
            way = self._ways[old.uid]
            named = old in run.strays or old.attempt == pod.attempt
            known = way.by_itself and old.recorded and not (named or old.hidden or old.asked)
            known &= not old.deleted_by or old.deleted_by.startswith("operator")
            way.out_of_memory |= old.way == UNEXPLAINED and way.killed and way.by_itself
            yield way, known, named or old.attempt >= pod.attempt - LOOKED_AT

    # --- Nodes -----------------------------------------------------------------------------------

    def _elsewhere(self, run: RunFacts, task: str, pod: PodFacts, obj: Object) -> Iterator[str]:
        policy = _policy(run, task).get("avoidNodes", "Never")
        kind, avoided = avoids(obj)
        self.met[kind] += bool(avoided)
        if kind != {"Prefer": PREFERRED, "Require": REQUIRED}.get(policy) and avoided:
            yield f"keeps away by {kind}, and is to by {policy}"
        before = [*self._before(run, task, pod)]
        where = {way.node for way, _, near in before if near}
        if not where.issuperset(avoided):
            yield f"keeps away from {avoided}, and attempts before it were on {where}"
        must = {way.node for way, known, near in before if known and near}
        if policy != "Never" and not must.issubset(avoided):
            yield f"keeps away from {avoided}, and attempts before it failed on {must}"

    # --- Memory ----------------------------------------------------------------------------------

    def _larger(self, run: RunFacts, task: str, pod: PodFacts, obj: Object) -> Iterator[str]:
        told, policy = _task(run, task).get("resources", {}), _policy(run, task)
        given = next(
            one for one in obj["spec"]["containers"] if one["name"] == labels.MAIN_CONTAINER
        ).get("resources", {})
        before = [*self._before(run, task, pod)]
        times = [
            sum(way.out_of_memory and known for way, known, _ in before),
            sum(way.killed for way, *_ in before),
        ]
        for part in ("requests", "limits"):
            base = told.get(part, {}).get("memory")
            if base is None or "memoryFactor" not in policy:
                continue
            may = [grown(base, policy, number) for number in range(times[0], times[1] + 1)]
            has = given.get(part, {}).get("memory")
            self.met["grown"] += has != base
            if has is None or mebibytes(has) not in may:
                yield f"{part} {has} of memory after {times} times without, and may be {may} Mi"


def _is_unschedulable(pod: Object) -> bool:
    return any(one.get("reason") == "Unschedulable" for one in pod["status"].get("conditions", ()))


def grown(base: str, policy: Object, times: int) -> int:
    """So many MiB after so many times; the amounts of the worlds are whole ones."""
    start = mebibytes(base)
    most = mebibytes(policy["memoryMax"]) if "memoryMax" in policy else GROWS_TO_MAX * start
    return min(most, math.ceil(start * Fraction(policy["memoryFactor"]) ** times))


def mebibytes(amount: str) -> int:
    number, unit = amount[:-2], amount[-2:]
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def _task(run: RunFacts, task: str) -> Object:
    spec = run.dag_spec
    for one in (*spec.get("tasks", ()), *spec.get("finally", ())):
        if one["name"] == task:
            found: Object = one
            return found
    return {}


def _policy(run: RunFacts, task: str) -> Object:
    common: Object = (run.dag_spec.get("taskDefaults") or {}).get("retry", {})
    return common | _task(run, task).get("retry", {})
