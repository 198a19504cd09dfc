"""A DAG with a daily schedule over the days that follow a Monday, and the runs that it gets."""

from __future__ import annotations

from datetime import timedelta

from kubedag.core import actions, instants, rows
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
