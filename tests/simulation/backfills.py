"""Backfills: the people who make, change and delete them, and what must hold of them at every moment.

All of it is about years that are long past, so that no schedule and no other script comes near them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedag.api import group
from kubedag.core import backfill_facts
from kubedag.core import pods as labels
from simulation import reruns
from simulation import world as worlds
from simulation.pod_facts import IN_FLIGHT_SECONDS_MAX

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from simulation.cluster import Change, Cluster, Object
    from simulation.facts import Facts, RunFacts
    from simulation.invariants import Invariants
    from simulation.world import World

FIRST_YEAR = 2010
HUMAN = "human"
GRACE_SECONDS = 700.0
"""An edit whose event was lost is known with the next full list."""
DONE = ("succeeded", "failed", "skipped", "cancelled")


# --- What people do --------------------------------------------------------------------------------


def add(world: World, chance: random.Random) -> None:
    """One or two Backfills, and what somebody does about them."""
    specs = [act.value for act in world.acts if act.what == "apply"]
    for spec in specs:
        spec["schedule"] = {"cron": "@yearly"}
    for number in range(chance.choice([1, 1, 2])):
        _add_one(world, chance, f"bf-{number}", specs)


def _add_one(world: World, chance: random.Random, name: str, specs: list[Object]) -> None:
    first, years = FIRST_YEAR + chance.randint(0, 4), chance.randint(2, 5)
    spec: Object = {
        "dagName": worlds.DAG,
        "startTime": f"{first}-01-01T00:00:00Z",
        "endTime": f"{first + years}-01-01T00:00:00Z",
        "reprocess": chance.choice(["None", "Failed", "Completed"]),
        "revision": chance.choice(["Newest", "Same"]),
        "order": chance.choice(["OldestFirst", "OldestFirst", "NewestFirst"]),
        "intervalsPerRun": chance.choice([1, 1, 1, 2]),
    }
    if chance.random() < 0.6:
        spec["maxActiveRuns"] = chance.choice([1, 2])
    at = chance.choice([0.0, 1.0, chance.uniform(0, 60)])
    if chance.random() < 0.15:
        spec["dryRun"] = True
        _edit(world, at + chance.uniform(0, 60), name, dryRun=False)
    world.acts.append(worlds.Act(at, "backfill", name, spec))
    if chance.random() < 0.25:
        held = at + chance.uniform(0, 40)
        _edit(world, held, name, suspend=True)
        _edit(world, held + chance.uniform(0, 60), name, suspend=False)
    if chance.random() < 0.2:
        _edit(world, at + chance.choice([0.01, 0.1, chance.uniform(0, 90)]), name, cancel=True)
    if chance.random() < 0.2:
        gone = at + chance.choice([0.01, 0.1, chance.uniform(0, 90)])
        world.acts.append(worlds.Act(gone, "delete-backfill", name))
        if chance.random() < 0.5:
            again = gone + chance.uniform(0.01, 60)
            world.acts.append(worlds.Act(again, "backfill", name, spec))
    elif chance.random() < 0.3:  # Git applies it again, when it is over, or is not
        world.acts.append(worlds.Act(at + chance.uniform(0, 200), "backfill", name, spec))
    for _ in range(2 * years):  # each may run again for the other one
        world.busy_seconds += max(worlds.busy_seconds(world, spec) for spec in specs)


def _edit(world: World, at: float, name: str, **fields: bool) -> None:
    world.acts.append(worlds.Act(at, "edit-backfill", name, fields))


def act(cluster: Cluster, act: worlds.Act) -> None:
    """One act of the script."""
    there = (worlds.NAMESPACE, act.name) in cluster.objects["backfills"]
    match act.what:
        case "backfill":
            if not there:
                metadata = {"name": act.name, "namespace": worlds.NAMESPACE}
                made = {"apiVersion": group.API_VERSION, "metadata": metadata, "spec": act.value}
                cluster.create("backfills", made, HUMAN)
        case "edit-backfill":
            cluster.edit(
                "backfills",
                worlds.NAMESPACE,
                act.name,
                lambda obj: obj["spec"].update(act.value),
                HUMAN,
            )
        case "delete-backfill":
            if there:
                cluster.delete("backfills", worlds.NAMESPACE, act.name, HUMAN)
        case _:
            raise AssertionError(act.what)


def takes_back_an_estimate(change: Change) -> bool:
    """Nothing has happened but that it has passed."""
    if change.plural != "backfills" or change.old is None:
        return False
    old, new = (dict(one.get("status") or {}) for one in (change.old, change.obj))
    return bool(old.pop("estimatedCompletionTime", None)) and old == new


def is_called_off(cluster: Cluster, run: Object) -> bool:
    """Is it of a Backfill that was cancelled or deleted?"""
    uid = (run["metadata"].get("labels") or {}).get(labels.LABEL_BACKFILL_UID)
    found = [one for one in cluster.objects["backfills"].values() if one["metadata"]["uid"] == uid]
    return uid is not None and not any(not one["spec"].get("cancel") for one in found)


# --- What is true ----------------------------------------------------------------------------------


@dataclass
class BackfillTruth:
    """One Backfill, whether it still exists or not."""

    name: str
    uid: str
    spec: Object
    status: Object = field(default_factory=dict)
    exists: bool = True
    called_off_at: float | None = None
    """When it was cancelled or deleted."""

    @property
    def wish(self) -> str:
        """The id by which its runs run again."""
        return backfill_facts.rerun_id(self.uid)

    @property
    def finished(self) -> bool:
        return reruns.is_finished(self.status)

    def covers(self, run: RunFacts) -> bool:
        """Does the run's interval touch the range?"""
        between = run.spec.get("dataInterval")
        if between is None:
            return False
        ends_later = bool(self.spec["startTime"] < between["endTime"])
        return ends_later and bool(between["startTime"] < self.spec["endTime"])


class Laws:
    """Follows the Backfills, and says what is wrong with what is done for them."""

    def __init__(self, facts: Facts, invariants: Invariants) -> None:
        self.facts = facts
        self.known: dict[str, BackfillTruth] = {}
        """By UID."""
        self._invariants = invariants
        self._made: dict[str, str] = {}
        """The Backfill of each run, by the UIDs of both."""
        invariants.may_change_spec = self._may_change_spec
        invariants.may_delete = self._may_delete
        facts.cluster.observers.insert(1, self._observe)

    def _observe(self, change: Change) -> None:
        laws: dict[tuple[str, bool], Callable[[Change], Iterator[str]]] = {
            ("backfills", True): self._told,
            ("dagruns", True): self._created,
        }
        if change.plural == "backfills":
            self._take(change)
        elif change.plural == "dagruns" and change.type == "ADDED":
            told = change.obj["metadata"].get("labels") or {}
            self._made[change.obj["metadata"]["uid"]] = told.get(labels.LABEL_BACKFILL_UID, "")
        law = laws.get((change.plural, change.actor.startswith("operator")))
        if law is not None:
            name = change.obj["metadata"]["name"]
            wrong = [f"{change.type} {name}: {wrong}" for wrong in law(change)]
            self._invariants.broken += wrong

    def _take(self, change: Change) -> None:
        meta, spec = change.obj["metadata"], change.obj["spec"]
        found = self.known.get(meta["uid"])
        if found is None:
            found = self.known[meta["uid"]] = BackfillTruth(meta["name"], meta["uid"], spec)
        found.spec, found.exists = spec, change.type != "DELETED"
        found.status = change.obj.get("status") or {}
        if found.called_off_at is None and (spec.get("cancel") or not found.exists):
            found.called_off_at = self.facts.cluster.time()

    def _unaware(self) -> bool:
        return self.facts.cluster.late or self._invariants.may_be_two()

    def runs_of(self, truth: BackfillTruth) -> Iterator[RunFacts]:
        """Those that it has made and that are there."""
        for run in self.facts.runs.values():
            if run.exists and self._made.get(run.uid) == truth.uid:
                yield run

    def waiting(self, truth: BackfillTruth) -> Iterator[RunFacts]:
        """Those that have not started, or not begun to run again."""
        for run in self.runs_of(truth):
            if not run.finished and not run.started:
                yield run
        for run in self.facts.runs.values():
            wish = reruns.wished(run) if run.exists else None
            if wish is not None and wish["id"] == truth.wish:
                yield run

    # --- What it says ------------------------------------------------------------------------------

    def _told(self, change: Change) -> Iterator[str]:
        if change.type != "MODIFIED" or change.old is None:
            yield "the operator has made or deleted a Backfill"
            return
        old, new = change.old, change.obj
        mine = ("resourceVersion",)
        metas = [{k: v for k, v in one["metadata"].items() if k not in mine} for one in (old, new)]
        if old["spec"] != new["spec"] or metas[0] != metas[1]:
            yield "the operator has changed more than the status"
        before, after = old.get("status") or {}, new["status"]
        if reruns.is_finished(before):
            kept = [{k: v for k, v in one.items() if k != "observedGeneration"}
                    for one in (before, after)]  # fmt: skip
            if kept[0] != kept[1]:
                yield "changed after it was over"
        counts = after.get("intervals")
        if counts is not None:
            yield from self._counted(after, counts)
        if reruns.is_finished(after) and not reruns.is_finished(before):
            yield from self._over(self.known[new["metadata"]["uid"]], counts)

    @staticmethod
    def _counted(status: Object, counts: Object) -> Iterator[str]:
        total = counts["total"]
        if sum(number for state, number in counts.items() if state != "total") != total:
            yield f"the counts do not add up: {counts}"
        if sum(one["intervals"] for one in status["ranges"]) != total:
            yield f"the ranges are not all: {status['ranges']}"

    def _over(self, truth: BackfillTruth, counts: Object | None) -> Iterator[str]:
        if self._unaware() or any(run.tampered for run in self.facts.runs.values()):
            return
        if any(one.get("reason") == "RevisionNotFound" for one in truth.status["conditions"]):
            return  # of its intervals nothing can be told any more
        left = [run.name for run in self.waiting(truth) if not reruns.is_in_vain(run)]
        given = self.facts.world.faults  # of a run whose creation nobody answered, it knows later
        if left and not (given.reruns or given.applied_late):
            yield f"over, and {left} wait for it"
        if counts is not None and sum(counts[state] for state in DONE) != counts["total"]:
            yield f"over, and not all is done: {counts}"

    # --- What it makes -----------------------------------------------------------------------------

    def _created(self, change: Change) -> Iterator[str]:
        if change.type != "ADDED" or self._unaware():
            return
        truth = self.known.get(self._made[change.obj["metadata"]["uid"]])
        if truth is None:
            if change.obj["spec"]["runType"] == "Backfill":
                yield "a run that no Backfill has asked for"
            return
        now = self.facts.cluster.time()
        if truth.finished:
            yield f"a run for {truth.name}, which is over"
        if truth.called_off_at is not None and now - truth.called_off_at > GRACE_SECONDS:
            yield f"a run for {truth.name}, which was called off"
        yield from self._one_for_each(change.obj)
        yield from self._limited(truth)
        yield from self._gives_way(change.obj)

    def _one_for_each(self, made: Object) -> Iterator[str]:
        """Names see to it; but for Backfills with other chunks, whose runs the operator must know."""
        given = self.facts.world.faults
        uncertain = (
            given.feed_lost, given.feed_late, given.lists_late, given.unanswered, given.hanging,
            given.applied_late, given.not_found, given.kills, given.outages, given.feed_stale,
        )  # fmt: skip
        if any(uncertain) and any(
            one.spec.get("intervalsPerRun", 1) > 1 for one in self.known.values()
        ):
            return
        between = made["spec"]["dataInterval"]
        for (_, name), run in self.facts.cluster.objects["dagruns"].items():
            other = run["spec"].get("dataInterval")
            if name == made["metadata"]["name"] or other is None:
                continue
            overlaps = other["startTime"] < between["endTime"]
            if overlaps and between["startTime"] < other["endTime"]:
                yield f"a second run for what {name} is about"

    def _limited(self, truth: BackfillTruth) -> Iterator[str]:
        specs = [act.value for act in self.facts.world.acts if act.what == "apply"]
        most = truth.spec.get("maxActiveRuns") or max(spec["maxActiveRuns"] for spec in specs)
        others = [
            run.name for run in self.runs_of(truth)
            if not run.finished and not run.tampered
            and run.spec.get("rerun", {}).get("id", truth.wish) == truth.wish
        ]  # fmt: skip
        if len(others) > most:
            yield f"{len(others)} runs of {truth.name} at once, of at most {most}: {others}"

    def _gives_way(self, made: Object) -> Iterator[str]:
        """No run is made for which there is no room; the operator knows of all that it has begun."""
        specs = [act.value for act in self.facts.world.acts if act.what == "apply"]
        allowed = any(spec["concurrencyPolicy"] == "Allow" for spec in specs)
        given = self.facts.world.faults
        if allowed or given.lists_late or given.overlaps:  # the elder of two leaders may be blind
            return
        most = max(spec["maxActiveRuns"] for spec in specs)
        wishes = {None, *(one.wish for one in self.known.values())}
        # A person may let another run go on while the creation is on its way.
        since = self.facts.cluster.time() - (IN_FLIGHT_SECONDS_MAX if given.slow else 0.1)
        active = [
            run.name for run in self.facts.runs.values()
            if run.exists and run.status.get("startTime") and not run.finished
            and not run.tampered and run.uid != made["metadata"]["uid"]
            and (run.started_at is None or run.started_at < since)
            and (run.status.get("rerun") or {}).get("id") in wishes  # a person may be as quick
        ]  # fmt: skip
        if len(active) >= most:
            yield f"a run while {active} are active, of at most {most}"

    # --- What it does to runs ----------------------------------------------------------------------

    def _may_change_spec(self, change: Change) -> bool:
        """Only the wish that it runs again, of a Backfill; over that of a person if it is refused."""
        assert change.old is not None
        old, new = dict(change.old["spec"]), dict(change.obj["spec"])
        before, after = old.pop("rerun", None), new.pop("rerun", None)
        said = (change.old.get("status") or {}).get("rerun") or {}
        done = {said.get("id"), *(one["id"] for one in said.get("fulfilled", ()))}
        pending = before is not None and before["id"] not in done
        wishes = {one.wish: one for one in self.known.values()}
        if old != new:
            return False
        run = self.facts.runs[change.obj["metadata"]["uid"]]
        if after is not None:
            refused = before is not None and before["id"] not in wishes and not reruns.is_due(run)
            return after["id"] in wishes and (refused or not pending)
        truth = wishes.get(before["id"]) if before is not None else None
        if truth is None:
            return False
        in_vain = truth.finished and reruns.has_lost_its_revision(run, before)
        return in_vain or truth.called_off_at is not None

    def _may_delete(self, run: RunFacts) -> bool:
        """Of one that was called off, what has not started."""
        truth = self.known.get(self._made.get(run.uid, ""))
        if truth is None or truth.called_off_at is None:
            return False
        # Of a run whose creations nobody answered, nobody knows that it has begun.
        given = self.facts.world.faults
        unknown = given.applied_late or given.unanswered or given.overlaps
        return not run.remembered or bool(unknown and not run.status.get("startTime"))

    # --- In the end --------------------------------------------------------------------------------

    def unended(self) -> Iterator[str]:
        """Those that can be over, and are not; runs that wait for what was called off."""
        if any(run.tampered for run in self.facts.runs.values()):
            return
        for truth in self.known.values():
            if truth.called_off_at is not None:
                for run in self.waiting(truth):
                    yield f"{run.name} waits for {truth.name}, which was called off"
            if truth.exists and not truth.finished and self._can_end(truth):
                yield f"{truth.name} is not over: {truth.status.get('conditions')}"

    def left(self) -> Iterator[str]:
        """Wishes that were refused to those that are over: an edit of the DAG would fulfil them."""
        for truth in self.known.values():
            for run in self.waiting(truth) if truth.finished else ():
                if reruns.is_in_vain(run) and not run.tampered:
                    yield f"{run.name} may run again some day for {truth.name}, which is over"

    def may_go_on(self) -> bool:
        """Is one not over, of which nobody can say that it must be? Then it may move at any time."""
        return any(truth.exists and not truth.finished for truth in self.known.values())

    def _can_end(self, truth: BackfillTruth) -> bool:
        dag = self.facts.dag_spec()
        specs = [act.value for act in self.facts.world.acts if act.what == "apply"]
        if dag is None or truth.spec.get("dryRun"):
            return False
        if any(spec.get("dependsOnPast") for spec in specs):
            return False
        for run in self.facts.runs.values():
            wish = reruns.wished(run) if run.exists else None
            if wish and reruns.may_never(self.facts, run, wish, past_is_good=True):
                return False
        return True
