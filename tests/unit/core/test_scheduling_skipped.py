"""What is told of the intervals that get no run: each stretch once, and nothing that has its run."""

from __future__ import annotations

import re
from datetime import timedelta

from kubedag.core import instants, rows
from support import builders
from support.scheduled_dag import ScheduledDAG

MONDAY = instants.parse("2026-01-05T00:00:00Z")
LATEST = {"cron": "@daily", "catchup": "Latest"}


def day(number, hours=0):
    return MONDAY + timedelta(days=number, hours=hours)


def stamp(number, hours=0):
    return instants.text(day(number, hours))


def worked(**spec):
    """A DAG that has had a run for each of three days."""
    dag = ScheduledDAG(stamp(0, 9), LATEST, **spec)
    dag.up(day(0, 9), day(3, 10))
    return dag


def stretches(dag):
    """What was told to be skipped."""
    told = [note.message for note in dag.events if note.reason == "IntervalsSkipped"]
    return [tuple(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", message)) for message in told]


def test_what_has_its_run_is_not_skipped():
    """A Backfill has made it, or a leader that stored nothing of it."""
    dag = worked()
    for number, kind in ((3, "Catchup"), (5, "Backfill"), (6, "Manual")):
        name = f"pipeline-202601{5 + number:02}t0000-1d"
        dag.add(name, kind, stamp(number), stamp(number + 1), day(9))
    dag.look(day(10))
    assert stretches(dag) == [(stamp(4), stamp(5)), (stamp(7), stamp(9))]
    skipped = dag.status.last_skipped
    assert (skipped.start_time, skipped.end_time, skipped.intervals) == (stamp(7), stamp(9), 2)
    assert dag.status.last_interval == rows.Interval(stamp(9), stamp(10))
    assert len(dag.runs) == 3 + 3 + 1


def test_when_all_that_was_missed_has_its_run_nothing_is_skipped():
    dag = worked()
    dag.add("x", "Backfill", stamp(3), stamp(6), day(6, 1))
    dag.look(day(7, 1))
    assert (list(dag.runs)[-1], dag.status.last_skipped) == ("pipeline-20260111t0000-1d", None)
    assert stretches(dag) == []


def test_stretches_that_are_skipped_for_other_reasons_are_told_each():
    dag = worked(concurrencyPolicy="Forbid")
    dag.runs["x"] = builders.a_summary("x")
    dag.look(day(6, 1))
    assert stretches(dag) == [(stamp(3), stamp(5)), (stamp(5), stamp(6))]
    skipped = dag.status.last_skipped
    assert (skipped.intervals, skipped.reason) == (1, "Forbidden")


def test_of_very_many_that_are_skipped_the_number_is_told_up_to_a_thousand():
    dag = worked()
    dag.edit(LATEST | {"cron": "* * * * *"})
    dag.look(day(9))
    skipped = dag.status.last_skipped
    assert (skipped.start_time, skipped.intervals) == (stamp(3), 1000)
    assert dag.status.last_interval.end_time == stamp(9)


def test_what_has_a_run_among_very_many_does_not_hide_those_before_it():
    dag = worked()
    dag.edit(LATEST | {"cron": "0 * * * *"})
    dag.add("x", "Backfill", stamp(44), stamp(45), day(45))
    dag.look(day(46))
    assert stretches(dag) == [(stamp(3), stamp(44)), (stamp(45), stamp(45, 23))]
    assert dag.status.last_skipped.intervals == 23
