"""The Events of a Backfill."""

from __future__ import annotations

import pytest

from kubedag.core import notes_backfill
from kubedag.core.backfill_rows import BackfillStatus
from support.backfills import a_backfill, a_run_of, a_wish, daily, decide, ours

NEW = BackfillStatus()


def status(wish=None, *runs, **facts):
    return decide(a_backfill(wish or a_wish(3), *runs, **facts)).status


PLANNED = status(a_wish(3), planned=False)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(
            NEW, PLANNED,
            [("Normal", "BackfillPlanned", "3 intervals by revision pipeline-rev")], id="planned",
        ),
        pytest.param(
            NEW, status(a_wish(3), a_run_of(1)),
            [("Normal", "BackfillPlanned",
              "3 intervals by revision pipeline-rev, of which 1 are left alone")],
            id="some are left alone",
        ),
        pytest.param(
            NEW, status(a_wish(1, dry_run=True)),
            [("Normal", "BackfillPlanned", ("1 interval by revision pipeline-rev; "
              "dry run: 1 run would be created, 0 run again, 0 left alone"))],
            id="a dry run",
        ),
        pytest.param(PLANNED, PLANNED, [], id="nothing twice"),
        pytest.param(
            PLANNED, status(a_wish(3), ours(1, "Failed")),
            [("Warning", "IntervalFailed",
              "run run-1 for 2026-03-02T00:00:00Z failed: it Failed")], id="a run failed",
        ),
        pytest.param(
            PLANNED, status(a_wish(2), ours(0), ours(1)),
            [("Normal", "BackfillSucceeded", "of 2 intervals 2 succeeded")], id="over",
        ),
        pytest.param(
            PLANNED, status(a_wish(2, cancel=True), ours(0)),
            [("Warning", "BackfillCancelled", "of 2 intervals 1 succeeded, 1 cancelled")],
            id="cancelled",
        ),
        pytest.param(
            NEW, status(a_wish(order="NewestFirst"), plan=daily(dependsOnPast=True)),
            [("Warning", "BackfillFailed",
              "must have order OldestFirst: the DAG says dependsOnPast, so no run could start")],
            id="refused",
        ),
    ],
)  # fmt: skip
def test_a_person_is_told_what_became_of_a_backfill(old, new, told):
    found = [
        (note.type, note.reason, note.message) for note in notes_backfill.of_backfill(old, new)
    ]
    assert found == told


def test_only_the_first_failures_are_told_one_by_one():
    few = status(a_wish(30), *(ours(n, "Failed") for n in range(4)))
    many = status(a_wish(30), *(ours(n, "Failed") for n in range(9)))
    assert len(notes_backfill.of_backfill(PLANNED, many)) == 5
    assert len(notes_backfill.of_backfill(few, many)) == 1
    assert notes_backfill.of_backfill(many, many) == ()
