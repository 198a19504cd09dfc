"""The whole decision about one Backfill."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from kubedag.core import actions, creations, decide_backfill, instants, rows
from kubedag.core import snapshot as snapshots
from kubedag.core.backfill_rows import BackfillStatus, IntervalCounts
from support.backfills import (
    ID,
    NOW,
    READY,
    UID,
    a_backfill,
    a_run_of,
    a_wish,
    daily,
    day,
    decide,
    drawn,
    ours,
    starts,
    states,
    word,
)
from support.builders import REVISION, a_plan

# --- Planning --------------------------------------------------------------------------------


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


def test_a_dry_run_that_becomes_a_real_one_counts_what_has_ended_since():
    dry = a_wish(dry_run=True, end_time="2027-01-01T00:00:00Z")
    first = decide(a_backfill(dry, planned=False))
    real = dataclasses.replace(dry, dry_run=False)
    later = NOW + timedelta(days=3)
    found = decide(a_backfill(real, status=first.status, sketch=first.sketch), later)
    assert found.status.ranges[-1].end_time == instants.text(later)


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


# --- What becomes of each interval -----------------------------------------------------------


WANTS = {"None": a_wish(1), "Failed": a_wish(1, reprocess="Failed")}
WANTS["Completed"] = a_wish(1, reprocess="Completed")


@pytest.mark.parametrize(
    ("runs", "reprocess", "state", "reason", "todo"),
    [
        ([], "None", "Planned", "", [("create", day(0))]),
        ([a_run_of(0)], "None", "Skipped", "RunExists", []),
        ([a_run_of(0, "Failed")], "None", "Skipped", "RunExists", []),
        ([a_run_of(0)], "Failed", "Skipped", "AlreadySucceeded", []),
        ([a_run_of(0, "Failed")], "Failed", "Planned", "RunsAgain", [("again", "run-0")]),
        ([a_run_of(0)], "Completed", "Planned", "RunsAgain", [("again", "run-0")]),
        ([a_run_of(0, "Running")], "Completed", "Active", "Existing", []),
        ([a_run_of(0, "Queued")], "None", "Queued", "Existing", []),
        ([a_run_of(0, rerun_wanted="by-hand")], "Completed", "Queued", "Existing", []),
        ([a_run_of(0, rerun_wanted=ID)], "Completed", "Queued", "", []),
        ([a_run_of(0, "Running", rerun_wanted=ID, rerun_id=ID)], "Completed", "Active", "", []),
        ([a_run_of(0, rerun_wanted=ID, rerun_id=ID)], "Completed", "Succeeded", "", []),
        ([a_run_of(0, "Failed", rerun_wanted=ID, rerun_id=ID)], "Failed", "Failed", "", []),
        ([a_run_of(0, rerun_id="by-hand", reruns_done=(ID, "by-hand"))], "Completed", "Succeeded", "", []),
        ([ours(0, "Queued")], "None", "Queued", "", []),
        ([ours(0, "Running")], "None", "Active", "", []),
        ([ours(0)], "Completed", "Succeeded", "", []),
        ([ours(0, "Failed")], "Failed", "Failed", "", []),
        ([a_run_of(0, deleting=True)], "None", "Planned", "RunDeleted", []),
        ([a_run_of(0, days=3)], "None", "Skipped", "RunExists", []),
        ([a_run_of(0, interval_end=day(0.5))], "None", "Planned", "", [("create", day(0))]),
        ([a_run_of(0, interval_start="", interval_end="")], "None", "Planned", "",
         [("create", day(0))]),
        ([a_run_of(0), ours(0, "Failed", name="x")], "None", "Failed", "", []),
        ([a_run_of(0), a_run_of(0, "Running", name="x")], "None", "Active", "Existing", []),
    ],
)  # fmt: skip
def test_an_interval_stands_as_its_run_does(runs, reprocess, state, reason, todo):
    found = decide(a_backfill(WANTS[reprocess], *runs))
    assert (states(found.status), starts(found.actions)) == ([(state, reason, 1)], todo)


def test_a_run_of_two_stands_for_the_interval_that_ended_last():
    late = a_run_of(0, "Failed", name="late", completion_time=instants.text(NOW))
    early = a_run_of(0, name="early", completion_time=day(9))
    for both in ((late, early), (early, late)):
        found = decide(a_backfill(WANTS["Failed"], *both))
        assert starts(found.actions) == [("again", "late")]


@pytest.mark.parametrize(
    ("wish", "run", "scope"),
    [
        (a_wish(1, reprocess="Failed"), a_run_of(0, "Failed"), "Failed"),
        (a_wish(1, reprocess="Completed"), a_run_of(0, "Failed"), "All"),
        (a_wish(1, reprocess="Completed", tasks=("a",)), a_run_of(0), "Tasks"),
    ],
    ids=["what failed", "all", "some tasks"],
)
def test_a_run_runs_again_as_far_as_is_asked_for(wish, run, scope):
    (action,) = decide(a_backfill(wish, run)).actions
    assert action == actions.RequestRerun("run-0", "uid-run-0", ID, scope, wish.tasks, "Newest")


def test_a_run_that_covers_several_intervals_runs_again_once():
    wish = a_wish(5, reprocess="Completed")
    found = decide(a_backfill(wish, a_run_of(0, days=5), a_run_of(2, "Running")))
    assert starts(found.actions) == [("again", "run-0")]
    assert states(found.status) == [
        ("Planned", "RunsAgain", 2), ("Active", "Existing", 1), ("Planned", "RunsAgain", 2),
    ]  # fmt: skip


def test_several_intervals_that_follow_each_other_become_one_run():
    wish = a_wish(10, intervals_per_run=3, tasks=("a",), params=(("x", "y"),))
    found = decide(a_backfill(wish, a_run_of(4)))
    made = [(one.start_time, one.end_time) for one in found.actions]
    assert made == [
        (day(0), day(3)), (day(3), day(4)), (day(5), day(8)), (day(8), day(10)),
    ]  # fmt: skip
    assert {(one.tasks, one.params) for one in found.actions} == {(("a",), (("x", "y"),))}
    assert found.actions[0].name == "pipeline-20260301t0000-3d"


def test_the_newest_come_first_where_that_is_asked_for():
    wish = a_wish(order="NewestFirst", reprocess="Completed", max_active_runs=3)
    found = decide(a_backfill(wish, a_run_of(3)))
    assert starts(found.actions) == [("create", day(4)), ("again", "run-3"), ("create", day(2))]


def test_a_name_that_belongs_to_something_else_skips_its_intervals():
    found = decide(a_backfill(taken={(day(1), day(2))}, wish=a_wish(3)))
    assert states(found.status) == [
        ("Planned", "", 1), ("Skipped", "NameTaken", 1), ("Planned", "", 1),
    ]  # fmt: skip
    assert starts(found.actions) == [("create", day(0)), ("create", day(2))]


# --- Limits ----------------------------------------------------------------------------------

HELD = a_run_of(90, "Queued")._replace(state="DAGSuspended")


@pytest.mark.parametrize(
    ("wish", "plan", "runs", "room"),
    [
        pytest.param({}, {"maxActiveRuns": 3}, [], 3, id="the DAG's limit"),
        pytest.param({"max_active_runs": 2}, {"maxActiveRuns": 3}, [], 2, id="its own"),
        pytest.param({"max_active_runs": 8}, {"maxActiveRuns": 3}, [], 3, id="the smaller one"),
        pytest.param({}, {"maxActiveRuns": 3}, [a_run_of(90, "Running")], 2, id="beside others"),
        pytest.param({}, {"maxActiveRuns": 3}, [a_run_of(90, "Queued")], 2, id="that wait"),
        pytest.param({}, {"maxActiveRuns": 3}, [a_run_of(90)], 3, id="not those that ended"),
        pytest.param(
            {}, {"maxActiveRuns": 3}, [a_run_of(90, rerun_wanted="by-hand")], 2,
            id="one that is to run again",
        ),
        pytest.param(
            {}, {"maxActiveRuns": 3}, [ours(0, rerun_wanted="by-hand")], 2,
            id="also one that it has run itself",
        ),
        pytest.param({}, {"maxActiveRuns": 1}, [a_run_of(90, "Running")], 0, id="no room"),
        pytest.param(
            {}, {"maxActiveRuns": 1}, [HELD], 1,
            id="one that is held takes no place",
        ),
        pytest.param(
            {}, {"maxActiveRuns": 1}, [a_run_of(90, "Queued", suspended=True)], 1,
            id="nor one that is suspended",
        ),
        pytest.param(
            {"max_active_runs": 2}, {}, [ours(0, "Queued", suspended=True)], 1,
            id="one of its own does",
        ),
        pytest.param(
            {}, {"maxActiveRuns": 2, "concurrencyPolicy": "Allow"},
            [a_run_of(90, "Running"), a_run_of(91, "Running")], 2, id="where all are allowed",
        ),
        pytest.param({"suspend": True}, {}, [], 0, id="suspended"),
    ],
)  # fmt: skip
def test_no_more_runs_are_begun_than_there_is_room_for(wish, plan, runs, room):
    found = decide(a_backfill(a_wish(**wish), *runs, plan=daily(**plan)))
    assert len(found.actions) == room


def coming(number, uid=UID):
    name = f"pipeline-2026030{number + 1}t0000-1d"
    return actions.CreateRun(name, "Backfill", day(number), day(number + 1), "bf", uid)


def test_what_is_under_way_has_its_place():
    wish = a_wish(max_active_runs=2)
    found = decide(a_backfill(wish, creating=[coming(0)]))
    assert starts(found.actions) == [("create", day(1))]
    assert states(found.status)[0] == ("Queued", "", 1)
    both = decide(a_backfill(wish, ours(0, "Queued", name=coming(0).name), creating=[coming(0)]))
    assert starts(both.actions) == [("create", day(1))]


def test_what_another_backfill_creates_is_left_to_it():
    found = decide(a_backfill(creating=[coming(0, uid="other")], plan=daily(maxActiveRuns=2)))
    assert starts(found.actions) == [("create", day(1))]
    assert states(found.status)[0] == ("Queued", "Existing", 1)


def test_a_run_is_asked_to_run_again_once():
    wish = a_wish(2, reprocess="Completed", max_active_runs=2)
    found = decide(a_backfill(wish, a_run_of(0), a_run_of(1), requesting={"run-0": ID}))
    assert starts(found.actions) == [("again", "run-1")]


def test_it_asks_again_when_it_was_refused_but_not_at_once():
    trouble = creations.Trouble("no", 3, NOW + timedelta(seconds=9), said_no=True)
    found = decide(a_backfill(trouble=trouble))
    assert (found.actions, found.wake_at) == ((), trouble.retry_at)
    assert word(found.status) == ("Unknown", "APIRefused", "no")
    later = decide(a_backfill(trouble=trouble), NOW + timedelta(seconds=10))
    assert len(later.actions) == 5


def test_nothing_is_begun_while_the_dag_is_not_there():
    found = decide(a_backfill(None, ours(0, "Running"), dag=None, current=None))
    assert (word(found.status)[1], found.actions) == ("DAGNotFound", ())


# --- What it says ----------------------------------------------------------------------------


HELD = "DependsOnPast: waits for the run 'x' to succeed"
LAST = "waits for its last runs to end: "


@pytest.mark.parametrize(
    ("wish", "runs", "limit", "expected"),
    [
        ({}, [ours(0, "Running")], 9, ("InProgress", "1 run under way")),
        ({"days": 1}, [ours(0, "Running")], 9,
         ("InProgress", f"{LAST}1 run under way")),
        ({"max_active_runs": 2}, [ours(0, "Queued"), ours(1, "Queued", held=HELD)], 9,
         ("InProgress", f"2 runs not started; 'run-1' is held back ({HELD})")),
        ({"days": 2}, [ours(0, "Running"), ours(1, "Queued", held=HELD)], 9,
         ("InProgress", f"{LAST}1 run under way; 1 run not started; 'run-1' is held back ({HELD})")),
        ({"days": 1, "reprocess": "Completed"}, [a_run_of(0, rerun_wanted=ID, held=HELD)], 9,
         ("InProgress", f"{LAST}1 run not started; 'run-0' is held back ({HELD})")),
        ({}, [], 9, ("InProgress", "its next runs are begun")),
        ({}, [a_run_of(90, "Running")], 1, ("WaitingForRuns", "waits for the DAG's 1 active run")),
        ({"days": 1}, [a_run_of(0, "Running")], 1,
         ("WaitingForRuns", "waits for runs to end that are not its own")),
        ({"suspend": True}, [], 9, ("Suspended", "suspended")),
        ({"suspend": True}, [ours(0, "Running"), ours(1, "Queued")], 9,
         ("Suspended", "suspended; 1 run under way; 1 run not started")),
        ({"cancel": True}, [ours(0, "Running")], 9,
         ("Cancelling", "waits for its active runs to end")),
    ],
)  # fmt: skip
def test_it_says_what_it_waits_for(wish, runs, limit, expected):
    found = decide(a_backfill(a_wish(**wish), *runs, plan=daily(maxActiveRuns=limit)))
    assert word(found.status) == ("Unknown", *expected)


def test_it_says_how_far_it_is():
    runs = [ours(0), ours(1, "Failed"), ours(2, "Running"), ours(3, "Queued"), a_run_of(4)]
    status = decide(a_backfill(a_wish(7), *runs)).status
    assert status.intervals == IntervalCounts(
        total=7, planned=2, queued=1, active=1, succeeded=1, failed=1, skipped=1
    )
    assert (status.progress, status.percent) == ("3/7", 42)
    (failure,) = status.failures
    assert (failure.run_name, failure.start_time, failure.message) == (
        "run-1",
        day(1),
        "it Failed",
    )
    assert [(one.state, one.run_name) for one in status.ranges] == [
        ("Succeeded", "run-0"), ("Failed", "run-1"), ("Active", "run-2"), ("Queued", "run-3"),
        ("Skipped", "run-4"), ("Planned", ""),
    ]  # fmt: skip


def test_a_range_of_several_runs_names_none():
    (one,) = decide(a_backfill(a_wish(2), ours(0), ours(1))).status.ranges
    assert (one.intervals, one.run_name) == (2, "")


def test_ranges_that_are_too_many_to_tell_apart_are_mixed():
    runs = [ours(n, "Failed" if n % 2 else "Succeeded", name=f"r{n}") for n in range(90)]
    plan = daily(schedule={"cron": "0 * * * *"})
    hours = [
        run._replace(
            interval_start=day(number / 24), interval_end=day((number + 1) / 24), name=f"h{number}"
        )
        for number, run in enumerate(runs * 8)
    ]
    status = decide(a_backfill(a_wish(31), *hours, plan=plan)).status
    assert status.intervals.total == 31 * 24
    assert len(status.ranges) <= 500
    assert sum(one.intervals for one in status.ranges) == 31 * 24
    assert status.ranges[0].state == "Mixed"
    assert len(status.failures) == 20


def at_minutes(number, minutes, **fields):
    end = instants.text(NOW + timedelta(minutes=minutes))
    return ours(number, completion_time=end, **fields)


def test_it_estimates_its_end_by_the_rate_so_far():
    wish = a_wish(10)
    status = decide(a_backfill(wish, at_minutes(0, 5), at_minutes(1, 10))).status
    later = NOW + timedelta(minutes=11)
    status = decide(a_backfill(wish, at_minutes(0, 5), at_minutes(1, 10)), later).status
    end = NOW + timedelta(minutes=50)
    assert status.estimated_completion_time == instants.text(end)
    found = decide(a_backfill(wish, at_minutes(0, 5), at_minutes(1, 10)), later)
    assert found.wake_at == end
    late = decide(a_backfill(wish, at_minutes(0, 5), at_minutes(1, 10)), end).status
    assert late.estimated_completion_time is None


def test_a_long_suspension_is_forgotten_after_a_few_runs():
    runs = [at_minutes(0, 1), *(at_minutes(n, 1000 + n) for n in range(1, 12))]
    later = NOW + timedelta(minutes=1011)
    status = decide(a_backfill(a_wish(15), *runs), later).status
    assert status.estimated_completion_time == instants.text(later + timedelta(minutes=3))


def test_time_before_its_first_run_was_created_does_not_count():
    created = instants.text(NOW + timedelta(days=7))
    order = (day(0), created, "run-0")
    late = 7 * 24 * 60
    status = decide(
        a_backfill(a_wish(3), at_minutes(0, late + 5, order=order)),
        NOW + timedelta(minutes=late + 6),
    ).status
    assert status.estimated_completion_time == instants.text(NOW + timedelta(minutes=late + 15))


@pytest.mark.parametrize("runs", range(1, 9))
def test_it_never_wakes_at_a_moment_that_has_passed(runs):
    wish, over = a_wish(9), [at_minutes(n, n + 1) for n in range(runs)]
    now = NOW + timedelta(minutes=runs)
    end = (timedelta(minutes=runs) * 9 / runs).total_seconds()
    for seconds in (0, end - runs * 60 - 0.4, end - runs * 60 + 0.4):
        found = decide(a_backfill(wish, *over), now + timedelta(seconds=seconds))
        assert found.wake_at is None or found.wake_at > now + timedelta(seconds=seconds)


def test_an_estimate_that_is_not_far_off_stays_as_it_is():
    wish = a_wish(10)
    told = instants.text(NOW + timedelta(minutes=48))
    stored = BackfillStatus(
        revision=REVISION, start_time=instants.text(NOW), estimated_completion_time=told
    )
    runs = [at_minutes(0, 5), at_minutes(1, 10)]
    later = NOW + timedelta(minutes=11)
    status = decide(a_backfill(wish, *runs, status=stored), later).status
    assert status.estimated_completion_time == told


# --- A dry run -------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_done_and_does_nothing():
    wish = a_wish(9, reprocess="Failed", intervals_per_run=2, dry_run=True)
    runs = [a_run_of(3), a_run_of(4, "Failed"), a_run_of(5, "Running")]
    found = decide(a_backfill(wish, *runs))
    assert word(found.status) == (
        "Unknown", "DryRun", "dry run: 4 runs would be created, 1 run again, 2 left alone",
    )  # fmt: skip
    assert (found.actions, found.status.finished) == ((), False)
    assert found.status.intervals.planned == 7


def test_a_dry_run_is_planned_anew_when_it_becomes_a_real_one():
    stored = decide(a_backfill(a_wish(dry_run=True))).status
    later = NOW + timedelta(days=1)
    dag = snapshots.DAGFacts(generation=2, ready=True, revision="newer")
    same = decide(a_backfill(a_wish(dry_run=True), status=stored, dag=READY), later).status
    assert same == stored
    edited = decide(a_backfill(a_wish(dry_run=True), status=stored, dag=dag), later).status
    assert edited.revision == "newer"
    real = decide(a_backfill(a_wish(), status=stored, dag=dag), later)
    assert (real.actions, real.status.revision) == ((), "newer")
    assert real.status.start_time == instants.text(later)


GONE = {"dag": None, "current": None}


def test_runs_that_depend_on_the_past_are_created_one_by_one():
    strict = daily(dependsOnPast=True, maxActiveRuns=3)
    planned = decide(a_backfill(a_wish(), current=strict, pinned=strict)).status
    first = decide(a_backfill(a_wish(), status=planned, current=strict, pinned=strict)).actions
    assert [action.start_time for action in first] == ["2026-03-01T00:00:00Z"]
    on_its_way = a_backfill(
        a_wish(), status=planned, current=strict, pinned=strict, creating=first
    )
    assert decide(on_its_way).actions == ()


def test_a_dry_run_that_cannot_become_a_real_one_forgets_its_plan():
    stored = decide(a_backfill(a_wish(dry_run=True))).status
    strict = daily(dependsOnPast=True)
    wish = a_wish(order="NewestFirst")
    over = decide(a_backfill(wish, status=stored, current=strict)).status
    assert (word(over)[1], over.intervals, over.ranges) == ("OrderNotPossible", None, ())


def test_a_dry_run_stays_as_it_is_while_its_dag_is_away():
    stored = decide(a_backfill(a_wish(dry_run=True))).status
    away = decide(a_backfill(a_wish(dry_run=True), status=stored, **GONE))
    assert away.status == stored


def test_a_dry_run_can_be_cancelled_while_its_dag_is_away():
    stored = decide(a_backfill(a_wish(dry_run=True))).status
    over = decide(a_backfill(a_wish(dry_run=True, cancel=True), status=stored, **GONE)).status
    assert (word(over)[1], over.intervals.cancelled) == ("Cancelled", 5)
    lost = decide(a_backfill(a_wish(cancel=True), status=stored, pinned=None, **GONE)).status
    assert (word(lost)[1], lost.intervals) == ("Cancelled", None)


def test_a_dry_run_that_becomes_a_real_one_waits_for_its_dag_and_is_then_planned_anew():
    stored = decide(a_backfill(a_wish(dry_run=True))).status
    away = decide(a_backfill(a_wish(), status=stored, **GONE)).status
    assert (word(away)[1], away.revision, away.intervals) == ("DAGNotFound", "", None)
    assert decide(a_backfill(a_wish(), status=away, pinned=None, **GONE)).status == away
    later = NOW + timedelta(hours=1)
    back = decide(a_backfill(a_wish(), status=away, pinned=None), later).status
    assert (back.start_time, back.intervals.planned) == (instants.text(later), 5)


# --- Ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([ours(0), a_run_of(1)],
         ("True", "Succeeded", "of 2 intervals 1 succeeded, 1 skipped")),
        ([ours(0), ours(1, "Failed")],
         ("False", "IntervalsFailed", "of 2 intervals 1 succeeded, 1 failed")),
        ([a_run_of(0, "Failed"), a_run_of(1)],
         ("True", "Succeeded", "of 2 intervals 2 skipped")),
    ],
    ids=["none failed", "one failed", "what is left alone does not count"],
)  # fmt: skip
def test_it_is_over_when_nothing_is_left(runs, expected):
    status = decide(a_backfill(a_wish(2), *runs)).status
    assert (word(status), status.finished, status.percent) == (expected, True, 100)
    assert status.completion_time == instants.text(NOW)


def test_one_that_is_over_does_nothing_ever_again():
    over = decide(a_backfill(a_wish(2), ours(0), ours(1))).status
    for facts in ({}, {"wish": a_wish(2, cancel=True)}, {"dag": None, "current": None}):
        found = decide(a_backfill(status=over, **facts), NOW + timedelta(days=9))
        assert found == actions.BackfillDecision(over)


def test_one_that_is_over_says_that_it_has_seen_an_edit():
    over = decide(a_backfill(a_wish(1), ours(0))).status
    found = decide(a_backfill(a_wish(1, generation=2), status=over))
    assert found.status.observed_generation == 2


# --- Cancel ----------------------------------------------------------------------------------


def test_a_cancelled_one_leaves_none_of_its_runs_waiting():
    wish = a_wish(9, reprocess="Completed", cancel=True)
    runs = [
        ours(0), ours(1, "Running"), ours(2, "Queued"), ours(3, "Queued", deleting=True),
        a_run_of(4, rerun_wanted=ID), a_run_of(5), a_run_of(6, "Queued"),
        a_run_of(7, rerun_wanted="by-hand"),
    ]  # fmt: skip
    found = decide(a_backfill(wish, *runs))
    assert found.actions == (
        actions.DeleteRun("run-2", "uid-run-2", unstarted=True),
        actions.WithdrawRerun("run-4", "uid-run-4", ID),
    )
    assert states(found.status) == [
        ("Succeeded", "", 1), ("Active", "", 1), ("Queued", "", 3), ("Cancelled", "", 1),
        ("Skipped", "RunExists", 2), ("Cancelled", "", 1),
    ]  # fmt: skip
    assert not found.status.finished


def test_a_cancelled_one_is_over_once_nothing_of_it_is_active():
    found = decide(a_backfill(a_wish(3, cancel=True), ours(0), ours(1, "Failed")))
    assert word(found.status) == (
        "False", "Cancelled", "of 3 intervals 1 succeeded, 1 failed, 1 cancelled",
    )  # fmt: skip
    assert found.status.finished


def test_what_is_being_created_when_it_is_cancelled_is_waited_for():
    found = decide(a_backfill(a_wish(3, cancel=True), creating=[coming(0)]))
    assert (found.actions, found.status.finished) == ((), False)


@pytest.mark.parametrize("runs", [[], [ours(0, "Queued")]], ids=["nothing", "a run that waits"])
def test_one_can_be_cancelled_without_its_dag(runs):
    found = decide(a_backfill(a_wish(cancel=True), *runs, planned=False, dag=None, current=None))
    assert found.status.finished == (not runs)
    assert starts(found.actions) == [("delete", "run-0") for _ in runs]
    assert word(found.status)[1] == ("Cancelling" if runs else "Cancelled")


def test_a_cancelled_one_that_was_done_is_not_called_cancelled():
    found = decide(a_backfill(a_wish(1, cancel=True), ours(0)))
    assert word(found.status)[:2] == (rows.TRUE, "Succeeded")
