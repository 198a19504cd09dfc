"""Days of data in a file, by real Pods: loaded one by one, and computed again when the logic changes.

It is the story of two examples as their READMEs tell it, with the numbers read out of the file.
KUBEDAG_E2E_BACKFILL_DAYS (7 to 31) is how many days of December are told about.
"""

from __future__ import annotations

import ast
import datetime as dt
import importlib.util
import os
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from e2e import conftest, kube

DAG = "incremental-loading"
LOADING, BACKFILL = kube.EXAMPLES / DAG, kube.EXAMPLES / "backfill"
END = dt.date(2026, 1, 1)
CAUGHT_UP_DAYS = 7
DAYS = int(os.environ.get("KUBEDAG_E2E_BACKFILL_DAYS", "31"))
WORTH = {"EUR": 1000, "USD": 862, "GBP": 1150, "SEK": 90}
SECONDS_MAX = 600


def days(count):
    """The last days of the year, oldest first."""
    return [END - dt.timedelta(days=n) for n in range(count, 0, -1)]


def run_name(day):
    return f"{DAG}-{day:%Y%m%d}t0000-1d"


def orders(day):
    """What the shop says of a day, asked without a pipeline."""
    spec = importlib.util.spec_from_file_location("shop_source", LOADING / "steps" / "source.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.of_day(day)


def naive(day):
    """Kronor added to euros."""
    placed = orders(day)
    return (str(day), len(placed), sum(order.cents for order in placed))


def in_euros(day):
    placed = orders(day)
    worth = sum(order.cents * WORTH[order.currency] for order in placed)
    return (str(day), len(placed), worth // 1000)


@dataclass
class Story:
    """What was seen, chapter by chapter; numbers are what is in the file."""

    namespace: kube.Namespace
    caught_up: list[Any] = field(default_factory=list)
    filled: list[Any] = field(default_factory=list)
    mended: list[Any] = field(default_factory=list)
    runs_before: dict[str, Any] = field(default_factory=dict)
    runs_dry: dict[str, Any] = field(default_factory=dict)
    runs_after: dict[str, Any] = field(default_factory=dict)
    fill: dict[str, Any] = field(default_factory=dict)
    dry: dict[str, Any] = field(default_factory=dict)
    reprocess: dict[str, Any] = field(default_factory=dict)

    def numbers(self):
        """Read the file, by a Pod."""
        kubectl = self.namespace.kubectl
        pod = kubectl("create", "-f", str(LOADING / "report.yaml"), "-o", "name").strip()
        self.namespace.wait(pod, "jsonpath={.status.phase}=Succeeded")
        return [ast.literal_eval(line) for line in kubectl("logs", pod).splitlines()]

    def runs(self):
        found = self.namespace.kubectl.get("dagruns")["items"]
        return {run["metadata"]["name"]: run for run in found}

    def events(self, what):
        """The reasons of the Events about an object."""
        kind, name = what.split("/")
        found = self.namespace.kubectl.get("events")["items"]
        return {
            event["reason"]
            for event in found
            if event["involvedObject"]["name"] == name
            and event["involvedObject"]["kind"].lower() == kind
        }

    def backfill(self, name, until, **changes):
        """Apply one of the example's Backfills, about as many days as are told about."""
        manifest = yaml.safe_load((BACKFILL / f"{name}.yaml").read_text())
        manifest["spec"] |= {"startTime": f"{days(DAYS)[0]}T00:00:00Z", **changes}
        self.namespace.apply(manifest)
        what = f"backfill/{manifest['metadata']['name']}"
        self.namespace.wait(what, until, SECONDS_MAX)
        return self.namespace.kubectl.get(what)

    def load(self):
        self.namespace.kubectl("apply", "-k", str(LOADING))
        handled = f"jsonpath={{.status.lastInterval.endTime}}={END}T00:00:00Z"
        self.namespace.wait(f"dag/{DAG}", handled)
        for day in days(CAUGHT_UP_DAYS):
            self.namespace.finish(run_name(day), SECONDS_MAX)
        self.caught_up = self.numbers()

    def go_on(self):
        self.fill = self.backfill("fill", "Succeeded")
        self.filled, self.runs_before = self.numbers(), self.runs()

    def mend(self):
        self.namespace.kubectl("apply", "-k", str(BACKFILL))
        self.namespace.wait(f"dag/{DAG}", "Ready")
        planned = f"jsonpath={{.status.intervals.total}}={DAYS}"
        self.dry = self.backfill("reprocess", planned, dryRun=True)
        self.runs_dry = self.runs()
        self.reprocess = self.backfill("reprocess", "Succeeded")
        self.mended, self.runs_after = self.numbers(), self.runs()


@pytest.fixture(scope="module")
def story(kubectl):
    with conftest.a_namespace(kubectl, DAG) as namespace:
        told = Story(namespace)
        told.load()
        told.go_on()
        told.mend()
        yield told


def uids(runs):
    return {name: run["metadata"]["uid"] for name, run in runs.items()}


def attempts(run):
    return {row["name"]: len(row["attempts"]) for row in run["status"]["tasks"]}


def most_at_once(runs):
    """How many runs were active at once; instants are whole seconds, so ends go first."""
    changes = sorted(
        (run["status"][instant], step)
        for run in runs.values()
        for instant, step in (("startTime", 1), ("completionTime", -1))
    )
    active = most = 0
    for _, step in changes:
        active += step
        most = max(most, active)
    return most


def test_the_days_that_are_due_are_loaded_one_by_one(story):
    assert story.caught_up == [naive(day) for day in days(CAUGHT_UP_DAYS)]


def test_the_runs_of_a_schedule_are_named_after_their_days(story):
    kinds = {name: run["spec"]["runType"] for name, run in story.runs_before.items()}

    *older, newest = [run_name(day) for day in days(CAUGHT_UP_DAYS)]

    assert {name: kind for name, kind in kinds.items() if kind != "Backfill"} == {
        **dict.fromkeys(older, "Catchup"),
        newest: "Scheduled",
    }


def test_the_days_that_were_skipped_are_told(story):
    skipped = story.namespace.kubectl.get("dag", DAG)["status"]["lastSkipped"]

    assert (skipped["endTime"], skipped["intervals"]) == (f"{days(7)[0]}T00:00:00Z", 358)
    assert story.events(f"dag/{DAG}") >= {"DAGAccepted", "IntervalsSkipped", "Ended"}


def test_a_backfill_loads_the_days_that_were_not_loaded(story):
    assert story.filled == [naive(day) for day in days(DAYS)]
    assert sorted(story.runs_before) == [run_name(day) for day in days(DAYS)]


def test_a_backfill_leaves_alone_what_was_loaded(story):
    counts = story.fill["status"]["intervals"]

    assert (counts["succeeded"], counts["skipped"]) == (DAYS - CAUGHT_UP_DAYS, CAUGHT_UP_DAYS)
    assert story.fill["status"]["progress"] == f"{DAYS}/{DAYS}"


def test_a_dry_run_has_a_plan_and_runs_nothing(story):
    assert story.dry["status"]["intervals"]["planned"] == DAYS
    assert story.runs_dry == story.runs_before


def test_after_the_logic_has_changed_the_numbers_are_others_for_every_day(story):
    assert story.mended == [in_euros(day) for day in days(DAYS)]
    assert not set(story.mended) & set(story.filled)


def test_the_runs_that_ran_again_are_the_same_objects(story):
    assert uids(story.runs_after) == uids(story.runs_before)
    again = {name: run["status"]["rerun"]["number"] for name, run in story.runs_after.items()}
    assert again == dict.fromkeys(story.runs_before, 1)


def test_only_the_task_that_was_asked_for_ran_again(story):
    done = {name: attempts(run) for name, run in story.runs_after.items()}

    assert done == {name: {"load": 1, "revenue": 2} for name in story.runs_before}
    assert {run["status"]["retries"] for run in story.runs_after.values()} == {0}


def test_what_runs_again_goes_by_the_newest_revision(story):
    revision = story.namespace.kubectl.get("dag", DAG)["status"]["revision"]

    assert {run["status"]["revision"] for run in story.runs_after.values()} == {revision}
    assert revision not in {run["status"]["revision"] for run in story.runs_before.values()}


@pytest.mark.parametrize("chapter", ["runs_before", "runs_after"])
def test_no_more_runs_are_active_than_the_dag_allows(story, chapter):
    limit = yaml.safe_load((LOADING / "dag.yaml").read_text())["spec"]["maxActiveRuns"]

    assert 1 < most_at_once(getattr(story, chapter)) <= limit


def test_a_backfill_that_is_over_does_nothing_when_it_is_applied_again(story):
    name = story.reprocess["metadata"]["name"]
    story.namespace.kubectl("annotate", "backfill", name, "looked-at=again")
    story.backfill("reprocess", "Finished")
    # The operator has seen the annotation once it has seen a run that came later.
    later = story.namespace.create(
        kube.run(
            DAG, dataInterval={"startTime": f"{END}T00:00:00Z", "endTime": "2026-01-02T00:00:00Z"}
        )
    )
    story.namespace.finish(later)

    now = story.runs()
    del now[later]
    assert now == story.runs_after
    assert story.namespace.kubectl.get("backfill", name)["status"] == story.reprocess["status"]
