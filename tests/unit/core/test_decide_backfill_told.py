"""What a Backfill says of itself: what it waits for, how far it is, and when it will be over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubedag.core import instants
from kubedag.core.backfill_rows import BackfillStatus, IntervalCounts
from support.backfills import ID, NOW, a_backfill, a_run_of, a_wish, daily, day, decide, ours, word
from support.builders import REVISION

# --- How it stands ---------------------------------------------------------------------------

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


# --- When it will be over --------------------------------------------------------------------


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


NINE = NOW + timedelta(minutes=9)
SHORT = timedelta(seconds=0.4)


@pytest.mark.parametrize("runs", range(1, 9))
@pytest.mark.parametrize(
    ("moment", "expected"),
    [(None, NINE), (NINE - SHORT, NINE), (NINE, None), (NINE + SHORT, None)],
    ids=["once the last has ended", "just before the end", "at the end", "just after it"],
)
def test_it_never_wakes_at_a_moment_that_has_passed(runs, moment, expected):
    """Nine intervals, of which one ends a minute: by that rate they take nine."""
    over = [at_minutes(n, n + 1) for n in range(runs)]
    moment = moment or NOW + timedelta(minutes=runs)
    assert decide(a_backfill(a_wish(9), *over), moment).wake_at == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(11, 48), (47, 48), (48, 50)],
    ids=["long before", "just before it", "when it has come"],
)
def test_an_estimate_that_is_not_far_off_stays_as_it_is(minutes, expected):
    wish = a_wish(10)
    told = instants.text(NOW + timedelta(minutes=48))
    stored = BackfillStatus(
        revision=REVISION, start_time=instants.text(NOW), estimated_completion_time=told
    )
    runs = [at_minutes(0, 5), at_minutes(1, 10)]
    later = NOW + timedelta(minutes=minutes)
    found = decide(a_backfill(wish, *runs, status=stored), later)
    end = NOW + timedelta(minutes=expected)
    assert found.status.estimated_completion_time == instants.text(end)
    assert found.wake_at == end
