"""What a person is told about the schedule of a DAG."""

from __future__ import annotations

import pytest

from kubedag.core import rows, schedule_notes
from support.builders import stamp

NEXT = rows.NextRun(stamp(0), stamp(60), stamp(60))


def condition(status, reason, message="m"):
    return rows.Condition(rows.SCHEDULED, status, reason, message)


def status(*conditions, **fields):
    return rows.DAGStatus(conditions=conditions, **fields)


def skipped(start=0, end=60, intervals=1, reason="CatchupLatest"):
    return rows.SkippedIntervals(stamp(start), stamp(end), intervals, reason, stamp(99))


GOES_ON = condition("True", "Scheduled")


def told(old, new):
    return [(note.type, note.reason) for note in schedule_notes.of_dag(old, new)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param((), (GOES_ON,), [], id="it begins"),
        pytest.param((), (condition("False", "NotReady"),), [], id="not ready yet"),
        pytest.param((condition("False", "NotReady"),), (GOES_ON,), [], id="ready"),
        pytest.param((GOES_ON,), (GOES_ON,), [], id="nothing new"),
        pytest.param(
            (GOES_ON,), (condition("False", "Suspended"),), [("Normal", "Suspended")],
            id="suspended",
        ),
        pytest.param(
            (condition("False", "Suspended"),), (GOES_ON,), [("Normal", "ScheduleResumed")],
            id="no longer",
        ),
        pytest.param((GOES_ON,), (condition("False", "Ended"),), [("Normal", "Ended")], id="over"),
        pytest.param(
            (GOES_ON,), (condition("False", "TooManyFailures"),), [("Warning", "TooManyFailures")],
            id="failures",
        ),
        pytest.param(
            (condition("False", "TooManyQueued"),), (condition("False", "RunRefused"),),
            [("Warning", "RunRefused")], id="for another reason",
        ),
        pytest.param(
            (condition("False", "RunRefused", "a"),), (condition("False", "RunRefused", "b"),), [],
            id="in other words",
        ),
        pytest.param((GOES_ON,), (), [], id="the schedule is gone"),
    ],
)  # fmt: skip
def test_it_is_told_when_runs_are_no_longer_scheduled_and_when_they_are_again(
    before, after, expected
):
    assert told(status(*before), status(*after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(None, skipped(), [("Normal", "IntervalsSkipped")], id="as configured"),
        pytest.param(
            None, skipped(reason="NameTaken"), [("Warning", "IntervalsSkipped")], id="a mistake",
        ),
        pytest.param(skipped(), skipped(), [], id="told already"),
        pytest.param(skipped(), skipped(end=120, intervals=2), [], id="and it goes on"),
        pytest.param(
            skipped(), skipped(120, 180), [("Normal", "IntervalsSkipped")], id="others",
        ),
        pytest.param(
            skipped(), skipped(reason="StartingDeadline"), [("Warning", "IntervalsSkipped")],
            id="another reason",
        ),
    ],
)  # fmt: skip
def test_skipped_intervals_are_told_once(before, after, expected):
    assert told(status(last_skipped=before), status(last_skipped=after)) == expected


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        (1, ("1 interval gets no run, 2026-01-01T00:00:00Z to 2026-01-01T00:01:00Z: missed, and "
            "catchup is Latest, which runs the newest one")),
        (3, "3 intervals get no run, "), (1000, "1000 or more intervals get no run, "),
    ],
)  # fmt: skip
def test_it_is_said_which_intervals_get_no_run_and_why(intervals, said):
    (note,) = schedule_notes.of_dag(status(), status(last_skipped=skipped(intervals=intervals)))
    assert note.message.startswith(said)


@pytest.mark.parametrize(
    ("next_run", "said"),
    [
        (NEXT, ("from @daily Etc/UTC to @hourly Etc/UTC; the next run is for "
               "2026-01-01T00:00:00Z to 2026-01-01T00:01:00Z")),
        (None, "from @daily Etc/UTC to @hourly Etc/UTC"),
    ],
)  # fmt: skip
def test_a_changed_schedule_is_told_with_the_interval_that_comes_next(next_run, said):
    old, new = (
        status(schedule="@daily Etc/UTC"),
        status(schedule="@hourly Etc/UTC", next_run=next_run),
    )
    (note,) = schedule_notes.of_dag(old, new)
    assert (note.reason, note.message) == ("ScheduleChanged", said)


@pytest.mark.parametrize("schedules", [("", "@daily"), ("@daily", ""), ("@daily", "@daily")])
def test_a_first_schedule_and_the_end_of_one_are_not_told(schedules):
    old, new = (status(schedule=said) for said in schedules)
    assert told(old, new) == []
