"""What a schedule asks for, beside what the page on time says of it (tests/contract/test_docs_time*)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubedag.core import actions, decide_dag, rows
from support import builders
from support.scheduled_week import DAILY, a_dag, creates, day, interval, stamp, starts, worked

# --- Memory ----------------------------------------------------------------------------------


def test_a_new_dag_remembers_where_it_begins_before_anything_is_due():
    dag = a_dag()
    dag.look(day(0, 10))
    assert dag.status.last_interval == interval((-1,), (0,))
    assert dag.status.next_run == rows.NextRun(stamp(0), stamp(1), stamp(1))
    assert dag.status.schedule == "@daily Etc/UTC"


def test_a_dag_that_was_there_before_its_schedule_begins_when_it_gets_one():
    dag = a_dag()
    dag.status = builders.a_ready_status()
    dag.look(day(5, 1))
    assert (starts(dag), dag.status.next_run.end_time) == ([], stamp(6))


def test_a_dag_that_is_made_anew_goes_on_after_the_runs_that_are_there():
    dag = worked()
    dag.status, dag.created = rows.DAGStatus(), stamp(3, 12)
    dag.look(day(5, 1))
    assert starts(dag) == [0, 24, 48, 72, 96]


def test_until_its_memory_is_stored_a_dag_gets_one_run_at_a_time():
    dag = a_dag(DAILY | {"startTime": stamp(-9)})
    first = dag.decide(day(0, 9))
    assert (len(creates(first)), first.status.last_interval) == (1, None)
    dag.look(day(0, 9))
    assert starts(dag) == [-216 + 24 * number for number in range(9)]


def test_a_schedule_that_is_removed_and_comes_back_is_caught_up_on():
    dag = worked()
    dag.status = without_schedule(dag.status)
    dag.look(day(5, 1))
    assert starts(dag) == [0, 24, 48, 72, 96]


def without_schedule(status):
    """As a decision about a DAG without one leaves it."""
    dag = builders.a_definition(builders.a_plan(), created=stamp(0))
    snap = decide_dag.DAGSnapshot(builders.DAG, builders.NAMESPACE, dag, status)
    without = decide_dag.decide(snap, day(4)).status
    assert (without.schedule, without.next_run, without.condition("Scheduled")) == ("", None, None)
    assert without.last_interval == status.last_interval
    return without


@pytest.mark.parametrize(
    ("before", "after", "now", "expected"),
    [
        pytest.param(
            "@daily", "@hourly", (3, 13), [72 + n for n in range(13)], id="days to hours"
        ),
        pytest.param("@hourly", "@daily", (4, 1), [72], id="hours to days, from their beginning"),
        pytest.param("0 * * * *", "30 * * * *", (3, 12), [81.5, 82.5], id="shifted by minutes"),
        pytest.param("@daily", "@daily", (4, 1), [72], id="the same"),
    ],
)
def test_a_changed_schedule_leaves_out_no_data(before, after, now, expected):
    dag = worked(schedule=DAILY | {"cron": before})
    old = set(dag.runs)
    dag.edit(DAILY | {"cron": after})
    dag.look(day(*now))
    assert [
        start for name, start in zip(dag.runs, starts(dag), strict=True) if name not in old
    ] == expected


def test_what_a_longer_run_has_done_is_not_done_in_parts():
    """The operator was gone between the run and its word on it, and then the schedule changed."""
    dag = worked(2)
    dag.add("x", "Scheduled", stamp(2), stamp(3), day(3))
    dag.edit(DAILY | {"cron": "@hourly"})
    dag.look(day(3, 1))
    assert starts(dag) == [0, 24, 48, 72]


def test_what_a_backfill_does_in_one_run_with_several_intervals_is_not_done_in_parts():
    dag = worked(2)
    dag.add("x", "Backfill", stamp(2), stamp(5), day(6))
    dag.look(day(6))
    assert starts(dag) == [0, 24, 48, 120]


def test_while_such_a_run_is_being_created_its_intervals_are_left_as_they_are():
    dag = worked(2)
    coming = actions.CreateRun("x", "Backfill", stamp(3), stamp(5), "bf", "uid-bf")
    dag.coming = (coming,)
    dag.look(day(6))
    assert starts(dag) == [0, 24, 48]
    assert dag.status.last_interval == interval((2,), (3,))
    dag.coming = ()
    dag.look(day(6))
    assert starts(dag) == [0, 24, 48, 72, 96, 120]


def test_a_run_with_the_name_of_an_interval_may_be_created_by_both():
    dag = worked(2)
    dag.coming = (actions.CreateRun("x", "Backfill", stamp(2), stamp(3), "bf", "uid-bf"),)
    dag.look(day(3))
    assert starts(dag) == [0, 24, 48]


def test_a_clock_that_is_set_back_makes_no_run_twice():
    dag = worked()
    before = dag.status
    dag.up(day(1), day(3, 10))
    assert (starts(dag), dag.status) == ([0, 24, 48], before)


# --- Bounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "now", "expected", "reason"),
    [
        pytest.param({"endTime": stamp(4)}, 6, [0, 24, 48, 72], "Ended", id="its end is over"),
        pytest.param({"endTime": stamp(3)}, 6, [0, 24, 48], "Ended", id="its end was over"),
        pytest.param({"startTime": stamp(5)}, 6, [0, 24, 48, 120], "Scheduled", id="a later start"),
        pytest.param({"startTime": stamp(-5)}, 3, [0, 24, 48], "Scheduled", id="an earlier start"),
        pytest.param({"startTime": stamp(9)}, 6, [0, 24, 48], "Scheduled", id="a start to come"),
    ],
)  # fmt: skip
def test_only_intervals_within_start_and_end_get_runs(fields, now, expected, reason):
    dag = worked()
    dag.edit(DAILY | fields)
    dag.up(day(3, 11), day(now))
    assert (starts(dag), dag.scheduled.reason) == (expected, reason)
    assert (dag.status.next_run is None) == (reason == "Ended")


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ((3, 12), "no whole interval lies between startTime and endTime"),
        ((4,), "no interval follows the last one"),
    ],
    ids=["too short for one", "long enough"],
)
def test_of_a_time_too_short_for_any_interval_it_is_said_that_there_is_none(end, said):
    dag = a_dag(DAILY | {"startTime": stamp(3), "endTime": stamp(*end)})
    dag.up(day(3), day(9))
    assert (dag.scheduled.reason, dag.scheduled.message) == ("Ended", said)


# --- When ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "wake"),
    [(day(3, 11), 60), (day(4) - timedelta(seconds=7), 7), (day(4) - timedelta(seconds=61), 60)],
    ids=["far away", "soon", "a moment later"],
)
def test_a_dag_is_looked_at_when_it_is_due_and_every_minute(now, wake):
    assert worked().decide(now).wake_at == now + timedelta(seconds=wake)


def test_words_stay_the_same_from_run_to_run():
    dag = worked()
    before = dag.scheduled
    dag.up(day(3, 11), day(6, 1))
    assert dag.scheduled == before
