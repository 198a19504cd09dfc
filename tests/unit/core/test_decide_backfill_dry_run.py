"""A dry run of a Backfill does nothing, and is planned anew once it is a real one."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from kubedag.core import instants
from kubedag.core import snapshot as snapshots
from support.backfills import NOW, READY, a_backfill, a_run_of, a_wish, daily, decide, word

GONE = {"dag": None, "current": None}


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


def test_a_dry_run_that_becomes_a_real_one_counts_what_has_ended_since():
    dry = a_wish(dry_run=True, end_time="2027-01-01T00:00:00Z")
    first = decide(a_backfill(dry, planned=False))
    real = dataclasses.replace(dry, dry_run=False)
    later = NOW + timedelta(days=3)
    found = decide(a_backfill(real, status=first.status, sketch=first.sketch), later)
    assert found.status.ranges[-1].end_time == instants.text(later)


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
