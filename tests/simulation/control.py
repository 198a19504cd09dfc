"""What people ask of runs that go wrong: that they end, that a task counts as done, and what they answer.

A world that is controlled has all of it, with DAGs that have something to do at the end of a run, and
tasks that ask. Half of what people do is foolish: they ask twice, think better of it, contradict
themselves, answer before they are asked, or never.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from simulation import world as worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.cluster import Change, Cluster, Object
    from simulation.facts import Facts
    from simulation.network import Network
    from simulation.world import World

HUMAN = "human"
VERDICTS = ("Succeeded", "Succeeded", "Failed", "Skipped")
MARKED_MAX = 2
"""Marks of finished tasks, of one run; what depends on each of them may run again."""
ANSWER_SECONDS_MAX = 60.0
FEATURES = frozenset(
    {"approvals", "failFast", "finally", "include", "marks", "rules", "shutdown", "teardown"}
)
"""What the operator can do already."""


# --- What a world has ------------------------------------------------------------------------------


def add(world: World, chance: random.Random) -> None:
    """Tasks that ask, that tidy up, and that come last; and who meddles with the runs."""
    world.controlled = True
    specs = {id(act.value): act.value for act in world.acts if act.what == "apply"}
    for spec in specs.values():
        _shape(world, chance, spec)
        world.busy_seconds += worlds.busy_seconds(world, spec)
    runs = {act.name: act for act in world.acts if act.what == "run"}
    for name, act in runs.items():
        world.busy_seconds += max(worlds.busy_seconds(world, spec) for spec in specs.values())
        if "shutdown" in FEATURES and chance.random() < 0.35:
            _shut_down(world, chance, name, act.at)
        if "marks" in FEATURES and chance.random() < 0.4:
            _mark(world, chance, name, act.at)
        if "marks" in FEATURES and chance.random() < 0.08:
            mark = {"id": "r1", "state": chance.choice(["Succeeded", "Failed"]), "by": "eve"}
            _ask(world, act.at + _moment(chance), name, mark=mark)
        if "approvals" in FEATURES and chance.random() < 0.2:
            _answer_early(world, chance, name, act.at)


def _shape(world: World, chance: random.Random, spec: Object) -> None:
    if "failFast" in FEATURES and chance.random() < 0.25:
        spec["failFast"] = True
    if "approvals" in FEATURES and chance.random() < 0.4:
        _asks(chance, spec)
    if "teardown" in FEATURES and chance.random() < 0.4:
        spec["tasks"].append(_teardown(world, chance, spec))
    if "rules" in FEATURES and chance.random() < 0.5:
        policies = [task["retry"] for task in spec["tasks"] if "retry" in task]
        for policy in (spec["taskDefaults"]["retry"], *policies):
            if chance.random() < 0.6:
                policy["onFailure"] = [_rule(chance) for _ in range(chance.choice([1, 1, 2, 3]))]
    if "finally" in FEATURES and chance.random() < 0.5:
        last = _plain(world, chance, "f0")
        spec["finally"] = [last]
        if chance.random() < 0.4:
            spec["finally"].append(_plain(world, chance, "f1", dependsOn=["f0"]))
            if chance.random() < 0.5:
                spec["finally"][1]["triggerRule"] = "AllDone"


def _rule(chance: random.Random) -> Object:
    """What it matches happens, but for some."""
    told: Object = chance.choice(
        [
            {"exitCodes": [1, 2]},
            {"exitCodes": [127, 255, 3]},
            {"exitCodes": [137]},
            {"reasons": ["OOMKilled"]},
            {"reasons": ["EvictedByLimit", "NodeShutdown"]},
            {"classes": ["Infra"]},
            {"classes": ["User", "Config"], "exitCodes": [1]},
            {"classes": ["User"]},
            {"messagePattern": "last words"},
            {"messagePattern": "line 1 of t0"},
            {},
        ]
    )
    rule = {**told, "action": chance.choice(["Retry", "Fail", "Skip", "Succeed"])}
    if rule["action"] == "Retry" and chance.random() < 0.5:
        rule["delaySeconds"] = chance.choice([0, 2, 8])
    return rule


def _plain(world: World, chance: random.Random, name: str, **fields: Any) -> Object:
    """A task without oddities of its own, which may fail."""
    world.tendencies[name] = chance.choice([1.0, 0.9, 0.5])
    given = world.faults
    blind = given.outages or given.hanging or given.unsent or given.watch_late or given.lists_late
    limits = {"timeoutSeconds": 25, "pendingTimeoutSeconds": 200 if blind else 30}
    return {"name": name, "command": ["true"], **limits, **fields}


def _asks(chance: random.Random, spec: Object) -> None:
    """One or two tasks ask a person instead of having Pods."""
    for task in chance.sample(spec["tasks"], min(len(spec["tasks"]), chance.choice([1, 1, 2]))):
        question: Object = {"message": f"May {task['name']} be?"}
        if chance.random() < 0.6:
            question["deadlineSeconds"] = chance.choice([2, 10, 40])
            if chance.random() < 0.7:
                question["onDeadline"] = chance.choice(["Fail", "Skip"])
        kept = {key: task[key] for key in ("name", "dependsOn", "triggerRule") if key in task}
        task.clear()
        task.update(kept, approval=question)


def _teardown(world: World, chance: random.Random, spec: Object) -> Object:
    """It tidies up after one task, once some that depend on that are done."""
    tasks = {task["name"]: task for task in spec["tasks"]}
    setup = chance.choice([*tasks])
    after = {setup}
    for name, task in tasks.items():  # each comes after all that it depends on
        if after.intersection(task.get("dependsOn", ())) and chance.random() < 0.8:
            after.add(name)
    return _plain(world, chance, "down", dependsOn=sorted(after), teardownOf=[setup])


def _moment(chance: random.Random) -> float:
    return chance.choice([0.0, 0.05, 1.0, chance.uniform(0, 20), chance.uniform(0, 120)])


def _ask(world: World, at: float, name: str, **fields: Any) -> None:
    world.acts.append(worlds.Act(at, "ask", name, fields))


def _shut_down(world: World, chance: random.Random, name: str, begin: float) -> None:
    at = begin + _moment(chance)
    _ask(world, at, name, shutdown=chance.choice(["Stop", "Stop", "Terminate"]))
    if chance.random() < 0.3:
        at += _moment(chance)
        _ask(world, at, name, shutdown=chance.choice(["Stop", "Terminate"]))
    if chance.random() < 0.4:
        _ask(world, at + _moment(chance), name, shutdown=None)


def _mark(world: World, chance: random.Random, name: str, begin: float) -> None:
    at, task = begin + _moment(chance), f"t{chance.randint(0, 4)}"
    for number in range(chance.choice([1, 1, 2, 3])):
        mark = {
            "task": chance.choice([task, task, "f0", "down"]),
            "id": f"m{chance.choice([number, number, 0])}",
            "state": chance.choice(VERDICTS),
            "by": "eve",
            "comment": f"because of {number}",
        }
        world.acts.append(worlds.Act(at, "mark-task", name, mark))
        if chance.random() < 0.2:
            again = worlds.Act(at + _moment(chance), "mark-task", name, mark)
            world.acts.append(again)
        at += _moment(chance)


def _answer_early(world: World, chance: random.Random, name: str, begin: float) -> None:
    for task in sorted({f"t{chance.randint(0, 4)}", f"t{chance.randint(0, 4)}"}):
        answer = {"task": task, "decision": chance.choice(["Approved", "Rejected"]), "by": "abe"}
        world.acts.append(worlds.Act(begin + _moment(chance), "answer", name, answer))


# --- What people do --------------------------------------------------------------------------------


def act(cluster: Cluster, act: worlds.Act) -> bool:
    """One act of the script, if it is of these."""
    edits: dict[str, Callable[[Object, Any], None]] = {
        "ask": _asked, "mark-task": _marked, "answer": _answered,
    }  # fmt: skip
    if act.what not in edits:
        return False
    change = edits[act.what]
    cluster.edit(
        "dagruns", worlds.NAMESPACE, act.name, lambda run: change(run["spec"], act.value), HUMAN
    )
    return True


def _asked(spec: Object, fields: Object) -> None:
    for key, value in fields.items():
        spec.pop(key, None)
        if value is not None:
            spec[key] = value


def _marked(spec: Object, mark: Object) -> None:
    others = [one for one in spec.get("marks", ()) if one["task"] != mark["task"]]
    spec["marks"] = [*others, mark]


def _answered(spec: Object, answer: Object) -> None:
    """Answers are added, and none is ever changed or taken back: admission sees to that."""
    spec["approvals"] = [*spec.get("approvals", ()), answer]


class Meddlers:
    """Whoever looks at a status and does something about it."""

    def __init__(self, net: Network, facts: Facts, tell: Callable[[str], None]) -> None:
        self._facts = facts
        self._tell = tell
        self._cluster: Cluster = net.cluster
        self._chance = random.Random(f"{facts.world.seed}/meddlers")
        self._asked: set[tuple[str, str, int]] = set()
        self._marked: dict[str, int] = {}

    def run_changed(self, change: Change, later: Callable[..., None]) -> None:
        """A status was written."""
        status = change.obj.get("status") or {}
        rows = status.get("tasks", ())
        if not self._facts.world.controlled or not isinstance(rows, list):
            return
        for row in self._facts.runs[change.obj["metadata"]["uid"]].status.get("tasks", ()):
            if row["state"] == "AwaitingApproval":
                self._answer(change.obj["metadata"], row, later)
            elif row["state"] in ("Failed", "UpstreamFailed") and "marks" in FEATURES:
                self._put_right(change.obj["metadata"], row, later)

    def _answer(self, meta: Object, row: Object, later: Callable[..., None]) -> None:
        chance, attempt = self._chance, row.get("attempt", 1)
        if (meta["uid"], row["name"], attempt) in self._asked:
            return
        self._asked.add((meta["uid"], row["name"], attempt))
        at = 0.0
        for _ in range(chance.choice([0, 1, 1, 1, 2])):
            at += chance.choice([0.001, 0.05, 1.0, chance.uniform(0, ANSWER_SECONDS_MAX / 2)])
            answer = {
                "task": row["name"],
                "attempt": attempt,
                "decision": chance.choice(["Approved", "Approved", "Rejected"]),
                "by": chance.choice(["abe", "bea"]),
                "comment": f"{at:.2f} s later",
            }
            later(at, self._do, meta, worlds.Act(0, "answer", meta["name"], answer))

    def _put_right(self, meta: Object, row: Object, later: Callable[..., None]) -> None:
        """Somebody says that a task that failed has done its work."""
        chance, number = self._chance, self._marked.get(meta["uid"], 0)
        if number >= MARKED_MAX or chance.random() > 0.08:
            return
        self._marked[meta["uid"]] = number + 1
        mark = {"task": row["name"], "id": f"p{number}", "state": chance.choice(VERDICTS)}
        soon = chance.choice([0.001, 0.05, 1.0, chance.uniform(0, 60)])
        later(soon, self._do, meta, worlds.Act(0, "mark-task", meta["name"], mark))

    def _do(self, meta: Object, what: worlds.Act) -> None:
        run = self._cluster.objects["dagruns"].get((worlds.NAMESPACE, meta["name"]))
        if run is None or run["metadata"]["uid"] != meta["uid"]:
            return
        self._tell(f"human: {what.what} {what.name} {what.value}")
        act(self._cluster, what)
