"""What a schedule asks for, beside what the page on time says of it (tests/contract/test_docs_time*)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kubedag.api import problems
from kubedag.core import actions, creations, decide_dag, instants, refusals, rows, scheduling
from support import builders
from support.scheduled_dag import ScheduledDAG

MONDAY = instants.parse("2026-01-05T00:00:00Z")
DAILY = {"cron": "@daily", "catchup": "All"}


def day(number, hours=0):
    return MONDAY + timedelta(days=number, hours=hours)


def stamp(number, hours=0):
    return instants.text(day(number, hours))


def a_dag(schedule=None, **spec):
    return ScheduledDAG(stamp(0, 9), schedule or DAILY, **spec)


def worked(until=3, schedule=None, **spec):
    """A DAG that has had a run each day, the last of them at the beginning of that day."""
    dag = a_dag(schedule, **spec)
    dag.up(day(0, 9), day(until, 10))
    return dag


def starts(dag):
    """Where the intervals of its runs begin, in hours of the week."""
    return [
        (instants.parse(run.interval_start) - MONDAY) / timedelta(hours=1)
        for run in dag.runs.values()
    ]


def creates(decision):
    return [one.name for one in decision.actions if isinstance(one, actions.CreateRun)]


def interval(start, end):
    return rows.Interval(stamp(*start), stamp(*end))


# --- Memory -----------------------------------------------------------------------------------


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


def test_a_clock_that_is_set_back_makes_no_run_twice():
    dag = worked()
    before = dag.status
    dag.up(day(1), day(3, 10))
    assert (starts(dag), dag.status) == ([0, 24, 48], before)


# --- What is in the way -----------------------------------------------------------------------


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


# --- When -------------------------------------------------------------------------------------


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


# --- Failures ---------------------------------------------------------------------------------


def failing(**spec):
    dag = a_dag(suspendAfterConsecutiveFailures=2, **spec)
    dag.run_state = "Failed"
    dag.up(day(0, 9), day(6))
    assert dag.scheduled.reason == "TooManyFailures"
    return dag


def test_after_too_many_failures_it_does_not_help_that_a_failed_run_is_deleted():
    dag = failing()
    del dag.runs[max(dag.runs)]
    dag.look(day(9))
    assert dag.scheduled.reason == "TooManyFailures"


def test_after_too_many_failures_the_schedule_goes_on_when_a_run_succeeds():
    dag = failing()
    name = max(dag.runs)
    dag.runs[name] = dag.runs[name]._replace(
        state="Succeeded", succeeded=True, completion_time=stamp(7)
    )
    dag.run_state = "Succeeded"
    dag.look(day(9))
    assert dag.scheduled.status == "True"


def test_failures_before_a_change_are_forgiven_and_those_after_it_are_not():
    dag = failing()
    dag.edit(DAILY, suspendAfterConsecutiveFailures=2)
    dag.status = dag.decide(day(6, 1)).status
    assert dag.scheduled.status == "True"
    dag.look(day(6, 2))
    assert len(dag.runs) == 6
    assert dag.scheduled.reason == "TooManyFailures"
    assert dag.status.failures_start_time == stamp(6, 1)


def test_they_stay_forgiven_while_the_change_is_judged():
    dag = failing()
    dag.edit(DAILY, suspendAfterConsecutiveFailures=2)
    plan, dag.status = dag.plan, dag.decide(day(6, 1)).status
    wrong = problems.Problem("spec", "Cycle", "must be no circle")
    bad = builders.a_definition(plan, generation=3, scheduled=True, problems=[wrong])
    snap = decide_dag.DAGSnapshot(
        builders.DAG, builders.NAMESPACE, replace(bad, plan=None), dag.status
    )
    found = decide_dag.decide(snap, day(6, 2)).status
    assert found.condition("Scheduled").reason == "NotReady"
    assert found.failures_start_time == stamp(6, 1)


def test_a_run_that_is_replaced_or_never_started_has_not_failed():
    dag = worked(suspendAfterConsecutiveFailures=2)
    for number, fields in enumerate([{"state": "Replaced"}, {"started": False}] * 2):
        dag.runs[f"x{number}"] = builders.a_summary(
            f"x{number}", 9_999_999, succeeded=False, **{"state": "Failed"} | fields
        )
    assert dag.decide(day(3, 12)).status.consecutive_failures == 0


# --- What stays -------------------------------------------------------------------------------


def gone(dag, now):
    return [one.name for one in dag.decide(now).actions if isinstance(one, actions.DeleteRun)]


def test_a_run_stays_as_long_as_nothing_else_tells_that_its_interval_was_run():
    dag = worked(retention={"successfulRuns": 0})
    handled = dag.status.last_interval
    assert gone(dag, day(3, 11)) == list(dag.runs)
    dag.status = rows.DAGStatus(last_interval=interval((1,), (2,)))
    assert gone(dag, day(3, 11)) == list(dag.runs)[:2]
    assert handled == interval((2,), (3,))


def test_the_failures_that_count_stay():
    dag = failing(retention={"failedRuns": 0})
    assert (len(dag.runs), gone(dag, day(6, 1))) == (2, [])
    dag.edit(DAILY, retention={"failedRuns": 0})
    dag.look(day(6, 1))
    assert len(gone(dag, day(6, 1))) == len(dag.runs) == 6
