"""Schedules: DAGs that are due while everything goes wrong, and what must hold of their runs.

The instants are minutes, until an end that the world lives to see. What is due is worked out here from
the minutes alone, and what was created from the history of the cluster.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulation import world as worlds
from simulation.cluster import stamp
from simulation.leaders import JUMPS_SECONDS
from simulation.pools import KNOWN_LATE_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from simulation.cluster import Change, Object
    from simulation.facts import Facts
    from simulation.invariants import Invariants
    from simulation.world import World

MINUTE = 60
TYPES = ("Scheduled", "Catchup")
HELD = ("Suspended", "TooManyFailures", "NotReady")


def add(world: World, chance: random.Random) -> None:
    """A schedule for the DAG, and now and then another one for its next generation."""
    last = chance.choice([4, 6, 8])
    schedule: Object = {
        "cron": "* * * * *",
        "catchup": chance.choice(["All", "All", "Latest", "None"]),
        "endTime": stamp(last * MINUTE),
    }
    if chance.random() < 0.4:
        schedule["startTime"] = stamp(-chance.choice([2, 4, 10]) * MINUTE)
    specs = [act.value for act in world.acts if act.what == "apply"]
    for spec in specs:
        spec["schedule"] = dict(schedule)
        if chance.random() < 0.2:
            spec["suspendAfterConsecutiveFailures"] = chance.choice([1, 2])
    if len(specs) > 1 and chance.random() < 0.5:
        specs[-1]["schedule"]["cron"] = "*/2 * * * *"
    for act in world.acts:
        if act.what == "run" and "runType" in act.value:
            act.value["runType"] = "Manual"  # nobody but the operator makes any other
    for _ in range(last + 10):
        world.busy_seconds += max(worlds.busy_seconds(world, spec) for spec in specs)


class Laws:
    """Follows the runs that are scheduled, and says what is wrong with them."""

    def __init__(self, facts: Facts, invariants: Invariants) -> None:
        self.facts = facts
        self.created: Counter[tuple[str, str]] = Counter()
        self._invariants = invariants
        self._handled = ""
        self._contested_at: float | None = None
        """When it was stored until when all is handled, if another leader was there."""
        self._told: set[str] = set()
        """Who has written the status since, and so knows that."""
        facts.cluster.observers.insert(1, self._observe)

    def _observe(self, change: Change) -> None:
        if change.plural == "dags" and change.obj["metadata"]["name"] == worlds.DAG:
            self._moved(change)
        spec = change.obj["spec"] if change.plural == "dagruns" else {}
        if change.type != "ADDED" or spec.get("runType") not in TYPES:
            return
        if not change.actor.startswith("operator"):
            return
        between = (spec["dataInterval"]["startTime"], spec["dataInterval"]["endTime"])
        self.created[between] += 1
        name = change.obj["metadata"]["name"]
        actor = change.actor
        self._invariants.broken += [f"{name}: {wrong}" for wrong in self._wrong(*between, actor)]

    def _moved(self, change: Change) -> None:
        status = change.obj.get("status") or {}
        handled = status.get("lastInterval", {}).get("endTime", "")
        if handled != self._handled:
            two = self._invariants.may_be_two()
            self._contested_at = self.facts.cluster.time() if two else None
            self._handled, self._told = handled, set()
        self._told.add(change.actor)

    def _is_unheard(self, actor: str) -> bool:
        """Has another leader stored it, which only the next full list tells where news is lost?"""
        if self._contested_at is None or not self.facts.world.faults.feed_lost:
            return False
        since = self.facts.cluster.time() - self._contested_at
        return actor not in self._told and since < KNOWN_LATE_SECONDS

    def _wrong(self, start: str, end: str, actor: str) -> Iterator[str]:
        now = self.facts.cluster.time()
        if self.facts.world.faults.clock_jumps:
            now += max(JUMPS_SECONDS)
        if stamp(now) < end:
            yield f"created at {stamp(now)}, and its interval ends at {end}"
        handled = self._status().get("lastInterval", {}).get("endTime", "")
        unaware = self.facts.cluster.late or self._invariants.may_be_two()
        unaware |= self.facts.world.replaced  # by a DAG that knows not what its namesake began
        unaware |= self._is_unheard(actor)
        if end <= handled and not unaware:
            yield f"created although all until {handled} was handled"
        if self.created[(start, end)] > 1 and handled >= end and not unaware:
            yield "created twice"

    def _dag(self) -> Object | None:
        return self.facts.cluster.objects["dags"].get((worlds.NAMESPACE, worlds.DAG))

    def _status(self) -> Object:
        dag = self._dag()
        return (dag.get("status") or {}) if dag is not None else {}

    # --- In the end --------------------------------------------------------------------------------

    def unended(self) -> Iterator[str]:
        """Of a schedule whose end is over, all is handled; with All, each interval had its run."""
        dag = self._dag()
        schedule = dag["spec"].get("schedule") if dag is not None else None
        if dag is None or schedule is None or schedule["cron"] == "@yearly":
            return
        status = self._status()
        told = {one["type"]: one for one in status.get("conditions", ())}
        reason = told.get("Scheduled", {}).get("reason")
        if reason in HELD and self._is_held(reason, dag):
            return
        handled = status.get("lastInterval", {}).get("endTime")
        if reason != "Ended" or handled != schedule["endTime"]:
            yield f"the schedule has not come to its end: {reason}, {handled}"
            return
        yield from self._missing(dag, schedule)

    def may_go_on(self) -> bool:
        """Of a schedule that is held, or was until a moment ago: its end has not come."""
        dag = self._dag()
        schedule = (dag["spec"].get("schedule") or {}) if dag is not None else {}
        return stamp(self.facts.cluster.time() - MINUTE) <= schedule.get("endTime", "")

    @staticmethod
    def _is_held(reason: str, dag: Object) -> bool:
        return reason != "Suspended" or bool(dag["spec"].get("suspend"))

    def _missing(self, dag: Object, schedule: Object) -> Iterator[str]:
        acts = [act.what for act in self.facts.world.acts]
        crons = {
            act.value["schedule"]["cron"] for act in self.facts.world.acts if act.what == "apply"
        }
        same = len(crons) == 1 and "delete-dag" not in acts
        if (
            not same
            or schedule["catchup"] != "All"
            or dag["spec"]["concurrencyPolicy"] == "Forbid"
        ):
            return
        if any(
            act.what == "apply" and act.value["concurrencyPolicy"] == "Forbid"
            for act in self.facts.world.acts
        ):
            return
        begin = schedule.get("startTime") or dag["metadata"]["creationTimestamp"]
        for minute in range(-20, 20):
            start, end = stamp(minute * MINUTE), stamp((minute + 1) * MINUTE)
            within = start >= begin if "startTime" in schedule else end > begin
            if within and end <= schedule["endTime"] and not self.created[start, end]:
                yield f"the interval from {start} to {end} never had a run"
