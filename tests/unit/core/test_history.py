"""The finished runs of a DAG, however many."""

from __future__ import annotations

import pytest

from support.builders import a_history, a_summary, stamp


def names(runs):
    return [run.name for run in runs]


A, B = a_summary("a", 20), a_summary("b", 10)
FAILED = a_summary("f", 15, succeeded=False)


def test_runs_are_known_by_how_and_when_they_ended():
    past = a_history(A, B, FAILED)
    assert (names(past.oldest(succeeded=True)), names(past.oldest(succeeded=False))) == (
        ["b", "a"],
        ["f"],
    )
    assert (past.count(succeeded=True), past.count(succeeded=False), len(past)) == (2, 1, 3)
    assert past.last() == A


def test_a_run_that_is_being_deleted_is_not_counted_and_still_needs_its_revision():
    past = a_history(A, B)
    past.put(A._replace(deleting=True))
    assert (names(past.oldest(succeeded=True)), past.last(), len(past)) == (["b"], B, 2)
    assert past.revisions == {A.revision}


def test_a_run_that_is_gone_leaves_nothing():
    past = a_history(A, A._replace(name="z", order=(*A.order[:2], "z"), revision="other"))
    past.drop("z")
    past.drop("z")
    past.drop("a")
    assert (len(past), past.last(), past.revisions, past.before(("9", "9", "9"))) == (
        0, None, set(), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((stamp(0), stamp(0), "a"), None),
        ((stamp(0), stamp(0), "b"), "a"),
        ((stamp(9), stamp(0), ""), "f"),
    ],
    ids=["the first", "the second", "a later one"],
)
def test_the_run_before_another_is_found_by_the_times_they_stand_for(order, expected):
    found = a_history(A, B, FAILED).before(order)
    assert (found and found.name) == expected


# --- Intervals, and failures in a row ----------------------------------------------------------


def of_schedule(name, start, end, **fields):
    given = {"run_type": "Scheduled", "interval_start": stamp(start), "interval_end": stamp(end)}
    return a_summary(name, 500, **given | fields)


def test_the_interval_that_ends_last_is_known_and_whether_a_run_covers_another():
    past = a_history(
        of_schedule("a", 0, 100),
        of_schedule("b", 100, 200),
        of_schedule("c", 200, 300, run_type="Backfill"),
        of_schedule("d", 300, 400, run_type="Manual"),
    )
    assert past.latest_interval() == (stamp(100), stamp(200))
    inside = [(100, 200), (100, 150), (200, 300)]
    outside = [(50, 150), (150, 250), (300, 400)]
    assert [past.covers(stamp(start), stamp(end)) for start, end in inside] == [True] * 3
    assert [past.covers(stamp(start), stamp(end)) for start, end in outside] == [False] * 3
    past.drop("b")
    assert (past.latest_interval(), past.get("a").name, past.get("b")) == (
        (stamp(0), stamp(100)), "a", None,
    )  # fmt: skip


OF_BACKFILL = "backfill-01234567-89ab-cdef-0123-456789abcdef"


def failed(name, when, **fields):
    return a_summary(name, when, **{"succeeded": False, "state": "Failed"} | fields)


@pytest.mark.parametrize(
    ("runs", "since", "expected"),
    [
        pytest.param((), 0, 0, id="none"),
        pytest.param((failed("a", 1), failed("b", 2)), 0, 2, id="two"),
        pytest.param((failed("a", 1), a_summary("s", 2), failed("b", 3)), 0, 1, id="one since"),
        pytest.param((failed("a", 1), a_summary("s", 2)), 0, 0, id="the last one succeeded"),
        pytest.param((failed("a", 1), failed("b", 2)), 1, 1, id="one after that moment"),
        pytest.param((failed("a", 1), failed("b", 2, run_type="Backfill")), 0, 1, id="a Backfill's"),
        pytest.param(
            (failed("a", 1), a_summary("s", 2, run_type="Backfill")), 0, 1,
            id="nor does a Backfill's success count",
        ),
        pytest.param(
            (failed("a", 1), failed("b", 2, rerun_id=OF_BACKFILL)), 0, 1,
            id="nor does one that a Backfill has run again",
        ),
        pytest.param(
            (failed("a", 1), a_summary("s", 2, rerun_id=OF_BACKFILL)), 0, 1,
            id="nor its success",
        ),
        pytest.param(
            (failed("a", 1), failed("b", 2, rerun_id="1", rerun_wanted=OF_BACKFILL)), 0, 2,
            id="one that a Backfill wants to run again, and has not",
        ),
        pytest.param(
            (failed("a", 1), a_summary("s", 2, rerun_id="1")), 0, 0,
            id="one that has run again for a person",
        ),
        pytest.param((failed("a", 1, started=False),), 0, 0, id="one that never started"),
        pytest.param((failed("a", 1, state="Replaced"),), 0, 0, id="one that was replaced"),
    ],
)  # fmt: skip
def test_failures_in_a_row_are_counted(runs, since, expected):
    assert a_history(*runs).failures(stamp(since)) == expected


def test_a_run_that_succeeds_when_it_runs_again_ends_the_row():
    past = a_history(failed("a", 1), failed("b", 2))
    past.put(a_summary("a", 3))
    assert past.failures("") == 0


def test_a_failure_that_a_backfill_has_run_again_need_not_stay():
    past = a_history(failed("a", 1), again := failed("b", 2, rerun_id=OF_BACKFILL))
    assert past.in_streak(again, "", 9) is False


def test_the_newest_failures_in_a_row_are_known():
    runs = [failed("a", 1), a_summary("s", 2), failed("b", 3), failed("c", 4), failed("d", 5)]
    past = a_history(*runs)
    assert names(run for run in runs if past.in_streak(run, "", 2)) == ["c", "d"]
    assert names(run for run in runs if past.in_streak(run, "", 9)) == ["b", "c", "d"]
    assert names(run for run in runs if past.in_streak(run, stamp(9), 9)) == []
