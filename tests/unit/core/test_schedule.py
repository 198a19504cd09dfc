"""When a DAG is due, and which intervals lie between the instants at which it is."""

from datetime import UTC, datetime, timedelta

import pytest

from kubedag.core import schedule
from support import ticks
from support.clocks import AMSTERDAM, at, local

# --- Instants --------------------------------------------------------------------------------


def test_several_expressions_are_one_set():
    of = ticks.schedule_of("0 6 * * *", "0 18 * * *", "0 */6 * * *", zone=AMSTERDAM)
    day = local(AMSTERDAM, "2026-01-01")
    expected = [day + timedelta(hours=hours) for hours in (0, 6, 12, 18)]
    assert ticks.between(of, day, day + ticks.DAY) == expected


def test_instants_are_in_utc_whatever_was_asked_in():
    of = ticks.schedule_of("0 6 * * *", zone=AMSTERDAM)
    asked = datetime.fromisoformat("2026-01-01T09:00:00.000001+05:00")
    assert of.after(asked).isoformat() == "2026-01-01T05:00:00+00:00"
    assert of.before(asked).isoformat() == "2025-12-31T05:00:00+00:00"


FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "oldest", "newest"),
    [  # before there were zones, each place had the time of its own sun, to the second
        pytest.param(
            "Pacific/Kiritimati",
            ("0004-02-29T10:29:20+00:00", "0008-02-29T10:29:20+00:00"),
            ("9984-02-28T10:00:00+00:00", "9988-02-28T10:00:00+00:00"),
            id="east",
        ),
        pytest.param(
            "Pacific/Niue",
            ("0004-02-29T11:19:40+00:00", "0008-02-29T11:19:40+00:00"),
            ("9984-02-29T11:00:00+00:00", "9988-02-29T11:00:00+00:00"),
            id="west",
        ),
    ],
)
def test_nothing_overflows_at_the_ends_of_time(zone, oldest, newest):
    of = ticks.schedule_of("0 0 29 2 *", zone=zone)
    oldest, newest = (schedule.Interval(*map(at, both)) for both in (oldest, newest))
    assert (of.before(FIRST), of.after(FIRST)) == (None, oldest.start)
    assert (of.before(LAST), of.after(LAST)) == (newest.end, None)
    assert schedule.intervals(of, FIRST, LAST, 1) == (oldest,)
    assert schedule.newest_due(of, FIRST, LAST, 1) == (newest,)
    assert schedule.intervals(of, LAST, LAST, 1) == ()
    assert schedule.newest_due(of, FIRST, FIRST, 1) == ()


# --- Intervals -------------------------------------------------------------------------------

DAILY = ticks.schedule_of("0 6 * * *")


def days(*numbers):
    """The daily intervals that begin on these days of January."""
    first = at("2026-01-01T06:00+00:00")
    starts = [first + timedelta(days=number - 1) for number in numbers]
    return tuple(schedule.Interval(start, start + ticks.DAY) for start in starts)


def january(day, clock="06:00:00"):
    return at(f"2026-01-{day:02}T{clock}+00:00")


def bounded(start=None, end=None):
    return ticks.schedule_of("0 6 * * *", start=start, end=end)


@pytest.mark.parametrize(
    ("of", "start", "end", "most", "expected"),
    [
        pytest.param(DAILY, january(1), january(3), 9, days(1, 2), id="the ends belong to it"),
        pytest.param(
            DAILY, january(1, "06:00:01"), january(4, "05:59:59"), 9, days(2), id="only whole ones"
        ),
        pytest.param(DAILY, january(1), january(9), 2, days(1, 2), id="the oldest ones"),
        pytest.param(DAILY, january(1), january(9), 0, (), id="none are wanted"),
        pytest.param(DAILY, january(3), january(1), 9, (), id="the wrong way round"),
        pytest.param(
            bounded(january(2), january(4)), january(1), january(9), 9, days(2, 3), id="bounds"
        ),
        pytest.param(
            bounded(january(2, "00:00:00"), january(4, "05:00:00")),
            january(1),
            january(9),
            9,
            days(2),
            id="bounds between instants",
        ),
    ],
)
def test_the_intervals_between_two_instants(of, start, end, most, expected):
    assert schedule.intervals(of, start, end, most) == expected


@pytest.mark.parametrize(
    ("of", "after", "now", "most", "expected"),
    [
        pytest.param(DAILY, january(2), january(4), 9, days(2, 3), id="what ended since"),
        pytest.param(DAILY, january(2), january(4, "05:59:59"), 9, days(2), id="not yet over"),
        pytest.param(DAILY, january(2, "05:59:59"), january(3), 9, days(1, 2), id="not yet done"),
        pytest.param(DAILY, january(1), january(9), 2, days(7, 8), id="the newest ones"),
        pytest.param(DAILY, january(9), january(1), 9, (), id="a clock that was set back"),
        pytest.param(
            bounded(january(2), january(4)), january(1), january(9), 9, days(2, 3), id="bounds"
        ),
        pytest.param(
            bounded(january(2), january(4, "12:00:00")),
            january(1),
            january(9),
            1,
            days(3),
            id="an end between instants",
        ),
    ],
)
def test_the_newest_intervals_that_are_due(of, after, now, most, expected):
    assert schedule.newest_due(of, after, now, most) == expected
    assert schedule.count_due(of, after, now, most) == len(expected)


@pytest.mark.parametrize(
    ("of", "after", "expected"),
    [
        pytest.param(DAILY, january(2), days(2), id="the one that begins"),
        pytest.param(DAILY, january(2, "12:00:00"), days(2), id="the one that is under way"),
        pytest.param(bounded(start=january(4)), january(1), days(4), id="one that is far away"),
        pytest.param(
            bounded(start=january(4, "12:00:00")), january(4), days(5), id="the first whole one"
        ),
        pytest.param(bounded(end=january(4)), january(3), days(3), id="the last one"),
        pytest.param(bounded(end=january(4)), january(4), (), id="none after it"),
        pytest.param(
            bounded(january(2, "12:00:00"), january(4, "05:00:00")), january(1), (), id="no room"
        ),
    ],
)
def test_the_next_interval_to_end(of, after, expected):
    assert schedule.next_interval(of, after) == (expected[0] if expected else None)


def test_minutes_of_many_years_are_counted_no_further_than_wanted():
    of = ticks.schedule_of("* * * * *", start=at("0001-01-01T00:00+00:00"))
    assert schedule.count_due(of, schedule.EARLIEST, january(1), 1000) == 1000
