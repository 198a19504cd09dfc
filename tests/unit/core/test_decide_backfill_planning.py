"""What a Backfill is planned by: which DAG, which intervals as of when, and what is refused at once."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from kubedag.core import actions, decide_backfill, instants
from kubedag.core import snapshot as snapshots
from support.backfills import (
    NOW,
    UID,
    a_backfill,
    a_wish,
    daily,
    day,
    decide,
    drawn,
    ours,
    starts,
    word,
)
from support.builders import REVISION, a_plan


def test_the_plan_is_stored_before_anything_is_done_for_it():
    first = decide(a_backfill(planned=False))
    assert (first.actions, first.status.revision, first.status.start_time) == (
        (), REVISION, instants.text(NOW),
    )  # fmt: skip
    second = decide(a_backfill(status=first.status, plan=daily(maxActiveRuns=2)))
    assert starts(second.actions) == [("create", day(0)), ("create", day(1))]
    assert second.actions[0] == actions.CreateRun(
        "pipeline-20260301t0000-1d", "Backfill", day(0), day(1), "bf", UID
    )


def test_nothing_changes_where_nothing_has_happened():
    first = decide(a_backfill(planned=False)).status
    for seconds in (1, 3600):
        again = decide(a_backfill(status=first), NOW + timedelta(seconds=seconds))
        assert again.status == first


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param({"dag": None, "current": None}, "DAGNotFound", id="no DAG"),
        pytest.param(
            {"dag": snapshots.DAGFacts(1, ready=False), "current": None},
            "DAGNotReady", id="a bad DAG",
        ),
        pytest.param({"current": a_plan()}, "NoSchedule", id="no schedule"),
    ],
)  # fmt: skip
def test_it_waits_for_a_dag_that_can_be_planned_by(facts, reason):
    found = decide(a_backfill(planned=False, **facts))
    assert (word(found.status)[:2], found.actions) == (("Unknown", reason), ())
    assert not found.status.finished
    assert found.status.intervals is None


MINUTELY = daily(schedule={"cron": "* * * * *"})


@pytest.mark.parametrize(
    ("wish", "plan", "reason", "said"),
    [
        pytest.param(
            a_wish(order="NewestFirst"), daily(dependsOnPast=True),
            "OrderNotPossible", "OldestFirst", id="newest first, each after the one before",
        ),
        pytest.param(a_wish(15), MINUTELY, "TooManyIntervals", "10000", id="too many"),
        pytest.param(a_wish(1, end_time=day(0.5)), daily(), "NoIntervals", "schedule", id="none"),
        pytest.param(
            a_wish(start_time=day(200), end_time=day(300)), daily(),
            "NoIntervals", "had ended by", id="all in the future",
        ),
        pytest.param(a_wish(tasks=("a", "x")), daily(), "TaskNotFound", "'x'", id="no such task"),
    ],
)  # fmt: skip
def test_what_can_never_be_done_is_refused_at_once(wish, plan, reason, said):
    found = decide(a_backfill(wish, plan=plan, planned=False))
    assert (word(found.status)[:2], found.actions) == (("False", reason), ())
    assert said in word(found.status)[2]
    assert found.status.finished
    assert found.status.completion_time == instants.text(NOW)


def test_it_says_that_its_intervals_are_being_counted_and_as_of_when():
    ever = a_wish(end_time="2027-01-01T00:00:00Z")
    first = decide_backfill.decide(a_backfill(ever, planned=False), NOW)
    assert word(first.status) == ("Unknown", "Planning", "its intervals are being counted")
    later = NOW + timedelta(days=3)
    snap = a_backfill(ever, planned=False, sketch=first.sketch, status=first.status)
    assert decide_backfill.decide(snap, later).sketch == first.sketch
    drawn_ = dataclasses.replace(snap, sketch=drawn(first.sketch))
    found = decide_backfill.decide(drawn_, later).status
    assert (found.revision, found.start_time) == (REVISION, instants.text(NOW))
    assert found.ranges[-1].end_time == instants.text(NOW)


def test_one_that_was_planned_stays_as_it_is_while_a_new_operator_counts_its_intervals():
    stored = decide(a_backfill(a_wish(), ours(0))).status
    found = decide_backfill.decide(a_backfill(a_wish(), ours(0), status=stored), NOW)
    assert (found.status, found.actions, found.sketch.plan) == (stored, (), None)


def test_one_that_is_cancelled_is_not_planned_first():
    found = decide_backfill.decide(a_backfill(a_wish(cancel=True), planned=False), NOW)
    assert word(found.status)[:2] == ("False", "Cancelled")
    assert (found.status.finished, found.sketch) == (True, None)


def test_one_whose_revision_is_gone_is_over():
    found = decide(a_backfill(pinned=None))
    assert word(found.status)[:2] == ("False", "RevisionNotFound")
    assert found.status.finished


def test_intervals_that_had_not_ended_when_it_was_planned_are_the_schedules():
    found = decide(a_backfill(a_wish(end_time="2027-01-01T00:00:00Z")), NOW + timedelta(days=3))
    assert found.status.ranges[-1].end_time == instants.text(NOW)


def test_the_range_is_an_instant_in_any_zone():
    wish = a_wish(start_time="2026-03-01T05:00:00+05:00", end_time="2026-03-02T23:00:00-01:00")
    found = decide(a_backfill(wish)).status.ranges[0]
    assert (found.start_time, found.end_time, found.intervals) == (day(0), day(2), 2)


def test_it_keeps_to_the_schedule_that_it_was_planned_by():
    found = decide(a_backfill(current=daily(schedule={"cron": "@hourly"})))
    assert found.status.intervals.total == 5
