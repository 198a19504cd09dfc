"""What is in the way of a run that a schedule asks for: its name, the API, other runs, and a bound."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubedag.core import creations, refusals, scheduling
from support import builders
from support.scheduled_week import DAILY, a_dag, creates, day, interval, stamp, starts, worked


def test_a_name_that_is_taken_is_skipped_and_the_others_are_not():
    dag = worked(1)
    dag.creations.taken["pipeline-20260107t0000-1d"] = "of DAG 'other'"
    dag.look(day(4, 1))
    assert starts(dag) == [0, 24, 72]
    skipped = dag.status.last_skipped
    assert (skipped.start_time, skipped.intervals, skipped.reason) == (stamp(2), 1, "NameTaken")


def test_while_the_api_refuses_it_is_not_asked_again_and_that_is_said():
    dag = worked()
    answer = refusals.Answer(403, "Forbidden", "exceeded quota: runs")
    dag.creations.trouble = creations.after(None, "r", answer, day(4))
    found = dag.decide(day(4))
    assert (creates(found), found.wake_at) == ([], day(4) + timedelta(seconds=1))
    condition = found.status.condition("Scheduled")
    assert (condition.status, condition.reason) == ("False", "RunRefused")
    assert "exceeded quota: runs" in condition.message
    assert found.status.last_interval == interval((2,), (3,))
    later = dag.decide(found.wake_at)
    assert creates(later) == ["pipeline-20260108t0000-1d"]


def test_trouble_with_a_run_that_is_no_longer_wanted_is_forgotten():
    dag = worked()
    answer = refusals.Answer(403, "Forbidden", "exceeded quota: runs")
    dag.creations.trouble = creations.after(None, "r", answer, day(3, 10))
    assert dag.decide(day(3, 10)).status.condition("Scheduled").status == "True"


def test_what_is_made_by_hand_with_the_name_of_an_interval_is_its_run():
    dag = worked()
    dag.add("pipeline-20260108t0000-1d", "Manual", stamp(3), stamp(4), day(3, 12))
    dag.look(day(4, 1))
    assert (len(dag.runs), dag.status.last_interval) == (4, interval((3,), (4,)))


@pytest.mark.parametrize("state", ["Running", "Succeeded"])
@pytest.mark.parametrize("made_for", [("", ""), (stamp(1), stamp(2))], ids=["none", "another"])
def test_what_is_made_by_hand_with_the_name_of_an_interval_and_not_for_it_takes_the_name(
    made_for, state
):
    dag = worked()
    dag.add("pipeline-20260108t0000-1d", "Manual", *made_for, day(3, 12), state)
    dag.look(day(4, 1))
    skipped = dag.status.last_skipped
    assert (skipped.start_time, skipped.intervals, skipped.reason) == (stamp(3), 1, "NameTaken")
    assert dag.status.last_interval == interval((3,), (4,))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param({"run_type": "Scheduled", "started": True}, 0, id="one is active"),
        pytest.param({"run_type": "Manual", "started": True}, 0, id="one by hand is active"),
        pytest.param({"run_type": "Manual", "started": False}, 0, id="one is about to start"),
        pytest.param({"run_type": "Backfill", "started": True}, 1, id="one of a Backfill"),
        pytest.param({"run_type": "Manual", "started": False, "suspended": True}, 1, id="one is held"),
        pytest.param({"run_type": "Manual", "started": True, "deleting": True}, 1, id="one goes"),
    ],
)  # fmt: skip
def test_with_forbid_an_interval_is_skipped_while_others_are_active(run, expected):
    dag = worked(concurrencyPolicy="Forbid")
    dag.runs["x"] = builders.a_summary("x", **run)
    found = dag.decide(day(4))
    skipped = found.status.last_skipped
    assert len(creates(found)) == expected
    assert (skipped.reason if skipped else "", expected) in (("Forbidden", 0), ("", 1))


def test_intervals_that_are_skipped_one_after_another_are_one_stretch():
    dag = worked(concurrencyPolicy="Forbid")
    dag.runs["x"] = builders.a_summary("x")
    told = len(dag.events)
    dag.up(day(3, 11), day(6, 1))
    skipped = dag.status.last_skipped
    assert (skipped.start_time, skipped.end_time, skipped.intervals) == (stamp(3), stamp(6), 3)
    assert [note.reason for note in dag.events[told:]] == ["IntervalsSkipped"]


def test_what_is_skipped_before_the_first_run_is_stored_before_that_is_asked_for():
    dag = a_dag({**DAILY, "startTime": stamp(0), "catchup": "All", "catchupLimit": 1})
    first = dag.decide(day(9))
    assert (creates(first), first.status.last_skipped is None) == ([], False)
    dag.status = first.status
    assert len(creates(dag.decide(day(9)))) == 2


def test_only_so_many_runs_are_asked_for_at_once():
    dag = worked()
    assert len(creates(dag.decide(day(60)))) == scheduling.CREATES_AT_ONCE_MAX


def test_runs_that_depend_on_the_past_are_asked_for_one_by_one():
    dag = worked(dependsOnPast=True)
    assert len(creates(dag.decide(day(60)))) == 1
