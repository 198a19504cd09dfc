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
