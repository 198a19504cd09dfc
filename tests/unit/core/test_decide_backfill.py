"""The whole decision about one Backfill: how much of it is begun, and how it comes to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubedag.core import actions, creations, instants, rows
from support.backfills import (
    ID,
    NOW,
    UID,
    a_backfill,
    a_run_of,
    a_wish,
    daily,
    day,
    decide,
    ours,
    starts,
    states,
    word,
)

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


def test_runs_that_depend_on_the_past_are_created_one_by_one():
    strict = daily(dependsOnPast=True, maxActiveRuns=3)
    planned = decide(a_backfill(a_wish(), current=strict, pinned=strict)).status
    first = decide(a_backfill(a_wish(), status=planned, current=strict, pinned=strict)).actions
    assert [action.start_time for action in first] == ["2026-03-01T00:00:00Z"]
    on_its_way = a_backfill(
        a_wish(), status=planned, current=strict, pinned=strict, creating=first
    )
    assert decide(on_its_way).actions == ()


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
