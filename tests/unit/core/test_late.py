"""When a run is late, and that this stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubedag.core import decide_run, notes, rows
from support.builders import (
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

PLAN = a_plan(a_task("a"), lateAfterSeconds=600)
END = 1000
"""When the interval ends; the run is late from 1600 on."""


def a_run(*seen, of=PLAN, **fields):
    plain = {"interval_start": stamp(0), "interval_end": stamp(END), "run_type": "Scheduled"}
    status = fields.pop("status", None)
    suspend = fields.pop("suspend", False)
    run = run_facts(suspend=suspend, **(plain | fields))
    return a_snapshot(of, *seen, run=run, status=status)


def late(snap, now):
    return decide_run.decide(snap, at(now)).status.condition(rows.LATE)


RUNS = a_pod(phase="Running")


@pytest.mark.parametrize(
    ("now", "said"), [(1599, False), (1600, True), (99999, True)], ids=["before", "then", "after"]
)
def test_a_run_is_late_that_has_not_finished_by_then(now, said):
    assert (late(a_run(RUNS), now) is not None) == said


def test_it_says_so_in_words():
    told = late(a_run(RUNS), 1600)
    assert (told.status, told.reason) == ("True", "Late")
    assert told.message == (f"had not finished 10m after the end of its interval, {stamp(END)}")


def test_it_is_looked_at_when_it_may_be_late():
    assert decide_run.decide(a_run(RUNS), at(20)).wake_at == at(1600)


def test_one_that_has_not_started_is_late_too():
    snap = a_run(suspend=True)
    assert (late(snap, 1599), late(snap, 1600).reason) == (None, "Late")


def test_one_that_finishes_later_was_late():
    assert late(a_run(a_pod(phase="Succeeded")), 1600).reason == "Late"
    assert late(a_run(a_pod(phase="Succeeded")), 1599) is None


@pytest.mark.parametrize(
    "snap",
    [
        pytest.param(a_run(RUNS, of=a_plan(a_task("a"))), id="nobody asks"),
        pytest.param(a_run(RUNS, interval_end=None), id="a run without an interval"),
        pytest.param(a_run(RUNS, run_type="Backfill"), id="a backfill is about the past"),
        pytest.param(a_run(RUNS, deleting=True), id="on its way out"),
        pytest.param(
            a_run(status=a_finished_status(a_row("a", "Succeeded"))), id="it finished in time"
        ),
        pytest.param(
            a_run(RUNS, status=a_status(a_row(), rerun=rows.Rerun("1", 1, stamp(5), 1))),
            id="one that runs again",
        ),
    ],
)
def test_others_are_never_late(snap):
    assert late(snap, 10_000) is None


def test_what_is_late_stays_so():
    first = decide_run.decide(a_run(RUNS), at(1600))
    told = first.status.condition(rows.LATE)
    again = replace(a_run(RUNS), status=first.status)
    assert decide_run.decide(again, at(1700)).status == first.status
    over = replace(a_run(a_pod(phase="Succeeded")), status=first.status)
    ended = decide_run.decide(over, at(1800)).status
    assert (ended.succeeded, ended.condition(rows.LATE)) == (True, told)
    tidied = decide_run.decide(replace(over, status=ended), at(9999)).status
    assert tidied.condition(rows.LATE) == told


def test_it_is_an_event_once():
    before = a_status(a_row("a", "Running"))
    snap = a_run(RUNS, status=before)
    after = decide_run.decide(snap, at(1600)).status
    told = [note.reason for note in notes.of_run(before, after)]
    assert told == ["RunLate"]
    assert notes.of_run(after, after) == ()
