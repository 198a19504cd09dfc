"""Backfills on a real API server, with nodes that run Pods as their annotations say.

What is claimed of every instant is checked from a watch stream outside of the operator.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from support import operators
from support.kinds import install, until
from support.objects import API_VERSION, a_dag, a_run, a_task
from support.run_watch import condition, has_started, is_over, watching

pytestmark = pytest.mark.integration

INTERVALS = int(os.environ.get("INTERVALS", "40"))
LIMIT, KILLS = 8, 5
SECONDS_MAX = 120 + INTERVALS * 3
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DIAMOND = (
    a_task("a"),
    *(a_task(name, dependsOn=["a"]) for name in "bcd"),
    a_task("e", dependsOn=["b", "c", "d"]),
)


def day(number):
    return (FIRST + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def a_backfill(name, first, stop, **spec):
    return {
        "apiVersion": API_VERSION,
        "kind": "Backfill",
        "metadata": {"name": name},
        "spec": {
            "dagName": "pipeline",
            "startTime": day(first),
            "endTime": day(stop),
            **spec,
        },
    }


def daily(*tasks, run_seconds=None, **spec):
    """A DAG that has been suspended since before its first tick, so that only Backfills run it."""
    defaults = {"image": "busybox"}
    if run_seconds is not None:
        annotations = {"kwok.kubedag.dev/run-seconds": str(run_seconds)}
        defaults["podTemplate"] = {"metadata": {"annotations": annotations}}
    return a_dag(
        *(tasks or [a_task("a")]),
        taskDefaults=defaults,
        suspend=True,
        schedule={"cron": "@daily"},
        retention={"successfulRuns": 1000, "keepPods": "None", "podTTLSecondsAfterFinished": 1},
        **({"maxActiveRuns": 100} | spec),
    )


class Place:
    """A namespace of the cluster, and its operator."""

    def __init__(self, cluster, name, log):
        self.cluster, self.client, self.name, self.log = cluster, cluster.client, name, log

    def path(self, kind, name=""):
        return f"/apis/{API_VERSION}/namespaces/{self.name}/{kind}/{name}".rstrip("/")

    def create(self, document):
        kinds = {"DAG": "dags", "DAGRun": "dagruns", "Backfill": "backfills"}
        return self.client.create(self.path(kinds[document["kind"]]), document)

    def get(self, kind, name):
        return self.client.get(self.path(kind, name))

    def runs(self):
        return self.client.get(self.path("dagruns"))["items"]

    def counts(self, name):
        return self.get("backfills", name).get("status", {}).get("intervals", {})

    def until_over(self, kind, name, seconds=SECONDS_MAX):
        until(lambda: is_over(self.get(kind, name)), seconds, pause=0.3)
        return self.get(kind, name)

    def edit(self, name, **spec):
        self.client.patch(self.path("backfills", name), {"spec": spec})

    @contextlib.contextmanager
    def operator(self):
        env = {"LEASE_NAME": self.name, "NAMESPACE": self.name, "WATCH_NAMESPACES": self.name}
        with operators.process(self.cluster.kubeconfig, self.log, **env) as running:
            yield running
        assert "Traceback" not in self.log.read_text()

    def lively(self):
        """An operator that has done this has had its chance to do anything else."""
        name = f"proof-{time.monotonic_ns()}"
        self.create(a_run(name))
        self.until_over("dagruns", name)
        self.client.delete(self.path("dagruns", name))


@pytest.fixture
def place(scale_cluster, scale_namespace, tmp_path):
    install(scale_cluster.client)
    return Place(scale_cluster, scale_namespace, tmp_path / "log")


def interval(run):
    between = run["spec"]["dataInterval"]
    return between["startTime"], between["endTime"]


def days(first, stop):
    return [(day(number), day(number + 1)) for number in range(first, stop)]


# --- Many intervals, an operator that is killed ----------------------------------------------


def killed_while(place, name, kills):
    """Operators, each of which is killed after its part of the work, and then one that is not."""
    for number in range(1, kills + 1):
        with place.operator() as running:
            until(lambda part=number: done(place, name) * (kills + 1) >= part * INTERVALS,
                  SECONDS_MAX, pause=0.1)  # fmt: skip
            running.kill()
            running.wait()
    with place.operator():
        return place.until_over("backfills", name)


def done(place, name):
    found = place.counts(name)
    return found.get("succeeded", 0) + found.get("failed", 0)


def most(moments, counted):
    return max(sum(map(counted, there.values())) for there in moments)


def test_every_interval_gets_one_run_and_never_more_than_allowed_at_once_however_often_the_operator_is_killed(
    place, tmp_path, record_property
):
    place.create(daily(*DIAMOND))
    with watching(place.cluster.kubeconfig, place.name, tmp_path / "watch") as watch:
        before = place.create(a_backfill("year", 0, INTERVALS, maxActiveRuns=LIMIT))
        began = time.monotonic()
        year = killed_while(place, "year", KILLS)
        seconds = time.monotonic() - began
        first = {run["metadata"]["name"]: run for run in place.runs()}

        part = INTERVALS // 4
        place.create(a_backfill("again", 0, part, reprocess="Completed", maxActiveRuns=LIMIT))
        again_began = time.monotonic()
        with place.operator():
            again = place.until_over("backfills", "again")
            again_seconds = time.monotonic() - again_began
            second = {run["metadata"]["name"]: run for run in place.runs()}
            applied_again_does_nothing(place, "year")
        watch.catch_up(place.client, place.path("dagruns"))
        unfinished = most(watch.moments(), lambda run: not is_over(run))
        started = most(watch.moments(), has_started)
        uids = {run["metadata"]["uid"]: interval(run) for _, run in watch.events()}

    assert unfinished <= LIMIT
    assert condition(year, "Succeeded") == ("True", "Succeeded")
    assert year["status"]["intervals"]["succeeded"] == INTERVALS
    assert (year["status"]["progress"], year["status"]["percent"]) == (
        f"{INTERVALS}/{INTERVALS}", 100,
    )  # fmt: skip
    assert (year["spec"], year["metadata"]["generation"]) == (before["spec"], 1)
    backfilled = [between for between in uids.values() if between[0] < day(INTERVALS)]
    assert sorted(backfilled) == days(0, INTERVALS)

    assert again["status"]["intervals"]["succeeded"] == part
    assert second.keys() == first.keys()
    for name, run in first.items():
        now = second[name]
        number = int(interval(run)[0] < day(part))
        assert now["metadata"]["uid"] == run["metadata"]["uid"]
        assert now["status"].get("rerun", {}).get("number", 0) == number
        attempts = {len(row["attempts"]) for row in now["status"]["tasks"]}
        assert attempts == {1 + number}
    record_property(
        "measured",
        f"{INTERVALS} intervals of {len(DIAMOND)} tasks, at most {LIMIT} at once, operator killed "
        f"{KILLS} times: {seconds:.0f} s; {part} run again: {again_seconds:.0f} s; at most "
        f"{unfinished} unfinished and {started} started at any instant; load "
        f"{os.getloadavg()[0]:.1f}",
    )


def applied_again_does_nothing(place, name):
    """Also where a run of it has been deleted."""
    over = place.get("backfills", name)
    (gone,) = [run for run in place.runs() if interval(run)[0] == day(INTERVALS - 1)]
    place.client.delete(place.path("dagruns", gone["metadata"]["name"]))
    applied = {"metadata": {"annotations": {"applied": "again"}}, "spec": over["spec"]}
    place.client.patch(place.path("backfills", name), applied)
    place.create(a_backfill("later", INTERVALS, INTERVALS + 1))
    place.until_over("backfills", "later")
    assert gone["metadata"]["name"] not in {run["metadata"]["name"] for run in place.runs()}
    assert place.get("backfills", name)["status"] == over["status"]


# --- What people do to one -------------------------------------------------------------------


def test_one_can_be_paused_resumed_and_cancelled(place):
    place.create(daily(run_seconds=0.5))
    with place.operator():
        place.create(a_backfill("bf", 0, 60, maxActiveRuns=3))
        until(lambda: done(place, "bf") >= 3, pause=0.1)
        place.edit("bf", suspend=True)
        until(lambda: place.counts("bf")["active"] + place.counts("bf")["queued"] == 0)
        paused = place.get("backfills", "bf")
        place.lively()
        assert condition(paused, "Succeeded") == ("Unknown", "Suspended")
        assert len(place.runs()) == paused["status"]["intervals"]["succeeded"] < 60

        place.edit("bf", suspend=False)
        until(lambda: done(place, "bf") >= 9, pause=0.1)
        place.edit("bf", cancel=True)
        over = place.until_over("backfills", "bf")
        place.lively()
    counts = over["status"]["intervals"]
    assert condition(over, "Succeeded") == ("False", "Cancelled")
    assert counts["succeeded"] + counts["cancelled"] == counts["total"] == 60
    assert [is_over(run) for run in place.runs()] == [True] * counts["succeeded"]
    events = place.client.get(f"/api/v1/namespaces/{place.name}/events")["items"]
    told = {one["reason"] for one in events if one["involvedObject"]["kind"] == "Backfill"}
    assert told == {"BackfillPlanned", "BackfillCancelled"}


def test_a_dry_run_says_what_then_happens(place):
    place.create(daily())
    with place.operator():
        place.create(a_backfill("one", 2, 3))
        place.until_over("backfills", "one")
        place.create(a_backfill("bf", 0, 9, dryRun=True, intervalsPerRun=4))
        until(lambda: place.counts("bf"))
        place.lively()
        dry = place.get("backfills", "bf")
        assert len(place.runs()) == 1
        place.edit("bf", dryRun=False)
        over = place.until_over("backfills", "bf")
    (said,) = [one for one in dry["status"]["conditions"] if one["type"] == "Succeeded"]
    assert said["message"] == "dry run: 3 runs would be created, 0 run again, 1 left alone"
    assert len(place.runs()) == 4
    assert over["status"]["intervals"]["succeeded"] == 8
    assert [one["state"] for one in over["status"]["ranges"]] == [
        "Succeeded", "Skipped", "Succeeded",
    ]  # fmt: skip


@pytest.mark.parametrize("away", [False, True], ids=["beside an operator", "while none was there"])
def test_of_one_that_is_deleted_no_run_is_left_waiting(place, away):
    place.create(daily(run_seconds=1))
    waits = a_run("waits", runType="Backfill", suspend=True, logicalTime=day(50))
    waits["spec"]["dataInterval"] = {"startTime": day(50), "endTime": day(51)}
    with place.operator():
        made = place.create(a_backfill("bf", 0, 30, maxActiveRuns=2))
        labels = {
            "kubedag.dev/backfill": "bf",
            "kubedag.dev/backfill-uid": made["metadata"]["uid"],
        }
        waits["metadata"]["labels"] = labels
        place.create(waits)
        until(lambda: done(place, "bf"), pause=0.1)
        assert condition(place.get("dagruns", "waits"), "Finished") in [
            ("", ""),
            ("False", "Active"),
        ]
        if not away:
            place.client.delete(place.path("backfills", "bf"))
            gone(place)
    if away:
        place.client.delete(place.path("backfills", "bf"))
        with place.operator():
            gone(place)


def gone(place):
    until(lambda: "waits" not in {run["metadata"]["name"] for run in place.runs()})
    until(lambda: all(map(is_over, place.runs())))
    place.lively()
    assert len(place.runs()) < 30


def test_a_person_who_asks_that_a_run_runs_again_is_not_overruled(place):
    place.create(daily())
    with place.operator():
        place.create(a_backfill("one", 0, 2))
        place.until_over("backfills", "one")
        run = min(place.runs(), key=interval)
        name = run["metadata"]["name"]
        wish = {"suspend": True, "rerun": {"id": "by-hand", "scope": "All"}}
        place.client.patch(place.path("dagruns", name), {"spec": wish})
        place.create(a_backfill("bf", 0, 2, reprocess="Completed"))
        until(lambda: place.counts("bf").get("succeeded") == 1)
        place.lively()
        assert place.get("dagruns", name)["spec"]["rerun"]["id"] == "by-hand"
        place.client.patch(place.path("dagruns", name), {"spec": {"suspend": False}})
        place.until_over("backfills", "bf")
    after = place.get("dagruns", name)["status"]["rerun"]
    assert (after["number"], after["id"][:9]) == (2, "backfill-")
