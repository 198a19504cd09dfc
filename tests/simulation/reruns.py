"""Reruns: the people who ask for them, what truly runs again, and what must hold of that.

What runs again is worked out here from the rows of before and the spec of the DAG, and from nothing
that the operator says of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation import control, control_facts, oracle
from simulation import world as worlds
from simulation.kubelet import INFRA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.cluster import Change, Cluster, Object
    from simulation.facts import Facts, RunFacts
    from simulation.network import Network
    from simulation.pod_facts import PodFacts

HUMAN = "human"
ASKED_MAX = 3
"""Of one run; each may take as long as the run itself."""
PENDING = "RerunPending"
STORING_SECONDS_MAX = 3.0
"""A slow answer to the write with which a run begins."""
TERMINAL = tuple(oracle.WORDS)


class Askers:
    """Whoever asks that a run runs again, sees better, asks for something else, or asks twice."""

    def __init__(self, net: Network, facts: Facts, tell: Callable[[str], None]) -> None:
        self._net = net
        self._facts = facts
        self._tell = tell
        self._cluster: Cluster = net.cluster
        self._chance = random.Random(f"{facts.world.seed}/reruns")
        self._odd = random.Random(f"{facts.world.seed}/inclusions")
        self._asked: dict[str, int] = {}

    def run_changed(self, change: Change, later: Callable[..., None]) -> None:
        """A run was created, or its status was written: somebody may look at it."""
        meta, chance = change.obj["metadata"], self._chance
        if change.actor == HUMAN or not self._net.happens("reruns"):
            return
        asked = self._asked[meta["uid"]] = self._asked.get(meta["uid"], 0) + 1
        if asked > ASKED_MAX:
            return
        soon = chance.choice([0.001, 0.05, 1.0, chance.uniform(0, 60)])
        wish = self._wish(asked, change.obj["spec"]["dagName"])
        later(soon, self._ask, meta, wish)
        if chance.random() < 0.25:
            later(soon + chance.choice([0.001, 0.1, 2.0, 30.0]), self._ask, meta, None)

    def _wish(self, asked: int, dag: str) -> Object:
        chance = self._chance
        number = asked - 1 if chance.random() < 0.1 else asked
        wish: Object = self._included() | {
            "id": f"wish-{number}",
            "scope": chance.choice(["All", "Failed", "Failed", "Tasks"]),
            "revision": chance.choice(["Same", "Same", "Newest"]),
        }
        if wish["scope"] == "Tasks":
            names = [f"t{n}" for n in range(8)] if chance.random() < 0.1 else self._names(dag)
            wish["tasks"] = chance.sample(names, min(len(names), chance.choice([1, 1, 2])))
        return wish

    def _included(self) -> Object:
        """What else runs again, and whether that is only asked; not in worlds of long ago."""
        chance, wish = self._odd, {}
        if "include" in control.FEATURES and self._facts.world.controlled:
            if chance.random() < 0.6:
                wish["include"] = chance.choice(["Downstream", "Upstream", "Both", "None", "None"])
            if chance.random() < 0.2:
                wish["dryRun"] = True
        return wish

    def _names(self, name: str) -> list[str]:
        dag = self._facts.dag_spec(name)
        return [task["name"] for task in dag["tasks"]] if dag else ["t0"]

    def _ask(self, meta: Object, wish: Object | None) -> None:
        run = self._cluster.objects["dagruns"].get((worlds.NAMESPACE, meta["name"]))
        if run is None or run["metadata"]["uid"] != meta["uid"]:
            return
        self._tell(f"human: {meta['name']} is to run again: {wish}")

        def edit(run: Object) -> None:
            run["spec"].pop("rerun", None)
            if wish is not None:
                run["spec"]["rerun"] = wish

        self._cluster.edit("dagruns", worlds.NAMESPACE, meta["name"], edit, HUMAN)


@dataclass
class Reruns:
    """What is known of how a run has run again."""

    past: dict[str, list[PodFacts]] = field(default_factory=dict)
    """The Pods of before, by task."""
    fixed: dict[str, str] = field(default_factory=dict)
    """How the tasks ended that do not run again."""
    again: set[str] = field(default_factory=set)
    """The tasks that do."""
    denied: set[str] = field(default_factory=set)
    """The tasks that could not have a Pod before."""
    forgotten: set[str] = field(default_factory=set)
    """Tasks that the run had no more in between: of their attempts tell only Pods that are there."""
    disturbed: bool = False
    """What did not run again may not be as the rules would have it now."""
    broken: list[str] = field(default_factory=list)
    """What was wrong with how it began."""
    done: set[str] = field(default_factory=set)
    """The ids of the wishes that were fulfilled."""
    began_at: float = 0.0
    """When it was stored that it runs again; its first Pod comes later."""


# --- What is true ----------------------------------------------------------------------------


def number(status: Object) -> int:
    """How often the run has run again, by its status."""
    return int((status.get("rerun") or {}).get("number", 0))


def wished(run: RunFacts) -> Object | None:
    """The wish that is still to be fulfilled."""
    wish: Object | None = run.spec.get("rerun")
    if wish is not None and wish.get("dryRun"):
        return None
    return wish if wish is not None and wish["id"] not in run.reruns.done else None


def runs_again(tasks: dict[str, oracle.Node], status: Object, wish: Object) -> set[str]:
    """The tasks that run again, worked out naively."""
    rows = {row["name"]: row for row in status.get("tasks", ())}
    ended = {c["type"]: c["reason"] for c in status.get("conditions", ())}.get("Succeeded")
    meant = {name for name in tasks if _is_meant(name, rows.get(name), wish, ended or "")}
    found = meant | {
        name for name in tasks if name not in rows or rows[name]["state"] not in TERMINAL
    }
    include = wish.get("include", "Downstream")
    if include in ("Upstream", "Both"):
        meant = set(meant)
        for name in reversed(tasks):
            meant |= set(tasks[name].upstream) if name in meant else set()
    for name, node in tasks.items():
        below = any(above in found for above in node.upstream)
        if below and include in ("Downstream", "Both"):
            found.add(name)
    found |= meant if include in ("Upstream", "Both") else set()
    for name, node in tasks.items():
        below = any(above in found for above in node.upstream)
        if below and name in rows and control_facts.could_not_run(rows[name], ended or ""):
            found.add(name)
    return _with_ends(tasks, found)


def _is_meant(name: str, row: Object | None, wish: Object, ended: str) -> bool:
    if wish["scope"] == "Tasks":
        return name in wish["tasks"]
    if wish["scope"] == "All":
        return True
    failed = row is not None and row["state"] == "Failed"
    return failed or (row is not None and control_facts.could_not_run(row, ended))


def _with_ends(tasks: dict[str, oracle.Node], found: set[str]) -> set[str]:
    """With the setups and teardowns around any of these, and with what comes last."""
    below: dict[str, set[str]] = {name: set() for name in tasks}
    for name in reversed(tasks):
        for up in tasks[name].upstream:
            below[up] |= {name} | below[name]
    grown = True
    while grown:
        before = len(found)
        for name, node in tasks.items():
            for setup in node.setups:
                inner = {one for one in below[setup] if name in below[one]}
                if found & inner:
                    found |= {setup, name}
        grown = len(found) > before
    return found | {name for name, node in tasks.items() if node.last and found}


def _follows_marks(run: RunFacts, old: Object, new: Object, marked: set[str]) -> Iterator[str]:
    """A run that had ended goes on, because of what people have said of its tasks."""
    run.reruns.again = {row["name"] for row in new["tasks"] if row["state"] not in TERMINAL}
    if not is_finished(old):
        yield "goes on for a mark before it has ended"
    ended = {c["type"]: c["reason"] for c in old.get("conditions", ())}.get("Succeeded", "")
    before = {row["name"]: row for row in old.get("tasks", ())}
    below = set(marked)
    for name, node in run.tasks.items():
        below |= {name} if below.intersection(node.upstream) else set()
    for row in new.get("tasks", ()):
        was = before.get(row["name"], row)
        by_rule = was.get("reason") == "TriggerRule"
        open_to_it = row["name"] in below and (by_rule or control_facts.could_not_run(was, ended))
        if row["state"] != was["state"] and row["name"] not in marked and not open_to_it:
            last = run.tasks[row["name"]].last
            if not last or not run.reruns.again:
                yield f"{row['name']} was {was['state']}, and follows no mark"


def begin_again(run: RunFacts, now: float, *, unaware: bool) -> None:
    """A rerun is stored: what there was is history, and what does not run again is as it is."""
    told, old, new = run.reruns, run.before, run.status
    told.began_at = now
    marked = control_facts.newly_marked(old, new) if run.controlled else set()
    wish, said = run.spec.get("rerun") or {}, new["rerun"]["id"]
    if marked and (wish.get("id") != said or (old.get("rerun") or {}).get("id") == said):
        told.broken = list(_follows_marks(run, old, new, marked))
    else:
        told.broken = list(_judge(run, old, new, unaware=unaware))
        told.done.add(said)
    rows = {row["name"]: row for row in old.get("tasks", ())}
    if not told.again and rows.keys() <= run.tasks.keys():
        return
    # Of a mark follows what others are that do not run again either.
    rows |= {row["name"]: row for row in new.get("tasks", ()) if row["state"] in TERMINAL}
    told.fixed = {
        name: oracle.WORDS[rows[name]["state"]] for name in run.tasks if name not in told.again
    }
    for task, pods in run.pods.items():
        for pod in pods:
            if not pod.recorded:  # nobody may have seen how it ended, or ever will
                pod.may_count_as.add(INFRA)
        told.past.setdefault(task, []).extend(pods)
    told.forgotten |= told.past.keys() - run.tasks.keys()
    told.denied |= run.denied
    told.disturbed |= new.get("revision") != old.get("revision") or any(
        one.get("reason") in ("RunTimedOut", "RunReplaced", "TimedOut", "Replaced")
        for one in (*old.get("tasks", ()), *old.get("conditions", ()))
    )
    run.pods, run.denied, run.stopped_at = {}, set(), None


def began_after(other: RunFacts, run: RunFacts, now: float) -> bool:
    """May it have begun after the run, by a limit of its own, although the run's Pod is newer?"""
    created = [pod.created_at for pods in other.pods.values() for pod in pods]
    began = other.reruns.began_at or min(created, default=0.0)
    if 0.0 < run.reruns.began_at < began:
        return True
    limits = [(one.dag_spec.get("concurrencyPolicy"), one.dag_spec.get("maxActiveRuns"))
              for one in (run, other)]  # fmt: skip
    since = (run.reruns.began_at or now) - STORING_SECONDS_MAX
    # A run that runs again takes its place when that is decided, which is before it is stored.
    again = bool(other.reruns.began_at or run.reruns.began_at)
    return again and began > since and limits[0] != limits[1]


def _judge(run: RunFacts, old: Object, new: Object, *, unaware: bool) -> Iterator[str]:
    """The write with which a run begins to run again."""
    wish, said, told = run.spec.get("rerun"), new["rerun"], run.reruns
    told.again = set()
    if wish is None or wish["id"] != said["id"]:
        yield f"runs again for {said['id']}, and the wish is {wish}"
        return
    if said["id"] in told.done:
        yield f"the wish {said['id']} is fulfilled for a second time"
    if said["number"] != number(old) + 1:
        yield f"rerun {said['number']} after {number(old)}"
    if not is_finished(old):
        yield "runs again before it has ended"
    told.again = runs_again(run.tasks, old, wish)
    if len(told.again) != said["tasks"]:
        yield f"{said['tasks']} tasks run again, not {sorted(told.again)}"
    live = [pod.name for pods in run.pods.values() for pod in pods if pod.live and not pod.hidden]
    if live and not unaware:
        yield f"runs again beside {live}"
    yield from _rows(run, old, new)
    left = {row["name"] for row in old.get("tasks", ())} - run.tasks.keys()
    if not told.again and not left:
        for key in ("startTime", "completionTime", "counts", "progress", "revision", "duration"):
            if old.get(key) != new.get(key):
                yield f"nothing runs again, yet {key} became {new.get(key)!r}"


def _rows(run: RunFacts, old: Object, new: Object) -> Iterator[str]:
    told, order = run.reruns, [*run.dag_spec.get("tasks", ()), *run.dag_spec.get("finally", ())]
    before = {row["name"]: row for row in old.get("tasks", ())}
    marked = control_facts.newly_marked(old, new) if run.controlled else set()
    if told.again and [row["name"] for row in new["tasks"]] != [task["name"] for task in order]:
        yield "the rows are not those of the revision"
    for row in new.get("tasks", ()):
        was = before.get(row["name"], {})
        if row["name"] in marked:
            continue
        if row["name"] not in told.again:
            if was != row:
                yield f"{row['name']} does not run again, and is not as it was"
            continue
        if row.get("attempt", 0) < was.get("attempt", 0):
            yield f"{row['name']}: attempts begin at {row.get('attempt', 0)} again"
        # For a question nothing has to be created, and its answer may be there.
        asks = "approval" in row and row["approval"].get("attempt") == row.get("attempt")
        if row.get("earlierAttempts", 0) != row.get("attempt", 0) - asks:
            yield f"{row['name']} has begun before that was stored"
        if row.get("userFailures") or row.get("infraFailures"):
            yield f"{row['name']}: the budgets go on"
        kept = [one["number"] for one in row.get("attempts", ())]
        if kept != [one["number"] for one in was.get("attempts", ())]:
            yield f"{row['name']}: of its attempts {kept} are kept"


# --- In the end ------------------------------------------------------------------------------


def is_finished(status: Object) -> bool:
    return any(
        condition["type"] == "Finished" and condition["status"] == "True"
        for condition in status.get("conditions", ())
    )


def may_never(facts: Facts, run: RunFacts, wish: Object, past_is_good: bool) -> bool:
    """Is there something that keeps a run from running again for ever?"""
    dag = facts.dag_spec(run.dag)
    # Its Pods tell of a revision that was never stored, too.
    pinned = run.status.get("revision") or run.lost_revision
    by_dag = wish["revision"] == "Newest" or not pinned
    held = run.spec.get("suspend") or run.spec.get("shutdown")
    if held or run.tampered or (by_dag and dag is None):
        return True
    if has_lost_its_revision(run, wish):
        return True
    spec = dag if by_dag else run.dag_spec
    assert spec is not None
    names = {task["name"] for task in spec["tasks"]}
    if not names.issuperset(wish.get("tasks", ())):
        return True
    return bool(spec.get("dependsOnPast")) and not past_is_good


def has_lost_its_revision(run: RunFacts, wish: Object) -> bool:
    """Is it to run again by what somebody has deleted?"""
    return run.lost_revision and bool(wish["revision"] != "Newest")


def is_in_vain(run: RunFacts) -> bool:
    """Does it say that its wish is refused, and is that so?"""
    wish = wished(run) if run.finished else None
    return wish is not None and not is_due(run) and has_lost_its_revision(run, wish)


def is_due(run: RunFacts) -> bool:
    """Is there a wish that its run waits with? One that is refused waits for nothing."""
    refused = any(told.startswith(("TaskNotFound:", "RevisionNotFound:")) for told in waits(run))
    return wished(run) is not None and not refused


def waits(run: RunFacts) -> Iterator[str]:
    """What a run that has not run again says it waits for."""
    for condition in run.status.get("conditions", ()):
        if condition["type"] == PENDING:
            yield f"{condition['reason']}: {condition['message']}"
