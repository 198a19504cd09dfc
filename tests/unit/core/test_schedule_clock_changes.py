"""When a DAG is due around the changes of the clock, in all the ways in which clocks were changed."""

from datetime import timedelta
from itertools import pairwise

import pytest

from kubedag.core import schedule
from support import ticks
from support.clocks import AMSTERDAM, APIA, LORD_HOWE, NEW_YORK, SYDNEY, ZURICH, at, local

# (expression, zone, from, until, all instants between them, as the clock shows them)
AROUND_CHANGES = [
    pytest.param(
        "30 2 * * *",
        NEW_YORK,
        ("2026-03-07", "2026-03-10"),
        "2026-03-07T02:30-05:00 2026-03-08T03:30-04:00 2026-03-09T02:30-04:00",
        id="a reading that is skipped comes an hour later",
    ),
    pytest.param(
        "*/20 2 * * *",
        NEW_YORK,
        ("2026-03-08", "2026-03-09"),
        "2026-03-08T03:00-04:00 2026-03-08T03:20-04:00 2026-03-08T03:40-04:00",
        id="several that are skipped all do",
    ),
    pytest.param(
        "0 2,3 * * *",
        NEW_YORK,
        ("2026-03-08", "2026-03-09"),
        "2026-03-08T03:00-04:00",
        id="one that is skipped and the one in its place are one",
    ),
    pytest.param(
        "30 * * * *",
        NEW_YORK,
        ("2026-03-08", "2026-03-08T05:00"),
        "2026-03-08T00:30-05:00 2026-03-08T01:30-05:00 2026-03-08T03:30-04:00 "
        "2026-03-08T04:30-04:00",
        id="every hour that passes, when one is skipped",
    ),
    pytest.param(
        "30 1 * * *",
        NEW_YORK,
        ("2026-10-31", "2026-11-03"),
        "2026-10-31T01:30-04:00 2026-11-01T01:30-05:00 2026-11-02T01:30-05:00",
        id="a reading that comes twice counts the second time",
    ),
    pytest.param(
        "*/20 1 * * *",
        NEW_YORK,
        ("2026-11-01", "2026-11-02"),
        "2026-11-01T01:00-05:00 2026-11-01T01:20-05:00 2026-11-01T01:40-05:00",
        id="several that come twice all do",
    ),
    pytest.param(
        "30 * * * *",
        NEW_YORK,
        ("2026-11-01", "2026-11-01T03:00"),
        "2026-11-01T00:30-04:00 2026-11-01T01:30-04:00 2026-11-01T01:30-05:00 "
        "2026-11-01T02:30-05:00",
        id="every hour that passes, when one is repeated",
    ),
    pytest.param(
        "0 * * * 1-5",
        NEW_YORK,
        ("2026-03-06T22:00", "2026-03-09T02:00"),
        "2026-03-06T22:00-05:00 2026-03-06T23:00-05:00 2026-03-09T00:00-04:00 "
        "2026-03-09T01:00-04:00",
        id="every hour of some days, with a change between them",
    ),
    pytest.param(
        "0 0 * * *",
        AMSTERDAM,
        ("2026-03-29", "2026-03-31"),
        "2026-03-29T00:00+01:00 2026-03-30T00:00+02:00",
        id="a day of 23 hours",
    ),
    pytest.param(
        "0 0 * * *",
        AMSTERDAM,
        ("2026-10-25", "2026-10-27"),
        "2026-10-25T00:00+02:00 2026-10-26T00:00+01:00",
        id="a day of 25 hours",
    ),
    pytest.param(
        "0 */2 * * *",
        ZURICH,
        ("2026-03-29", "2026-03-29T07:00"),
        "2026-03-29T00:00+01:00 2026-03-29T03:00+02:00 2026-03-29T04:00+02:00 "
        "2026-03-29T06:00+02:00",
        id="every other hour of the clock, in spring",
    ),
    pytest.param(
        "0 */2 * * *",
        ZURICH,
        ("2026-10-25", "2026-10-25T05:00"),
        "2026-10-25T00:00+02:00 2026-10-25T02:00+01:00 2026-10-25T04:00+01:00",
        id="every other hour of the clock, in autumn",
    ),
    pytest.param(
        "30 2 * * *",
        SYDNEY,
        ("2026-04-04", "2026-04-07"),
        "2026-04-04T02:30+11:00 2026-04-05T02:30+10:00 2026-04-06T02:30+10:00",
        id="autumn in the south",
    ),
    pytest.param(
        "30 2 * * *",
        SYDNEY,
        ("2026-10-03", "2026-10-06"),
        "2026-10-03T02:30+10:00 2026-10-04T03:30+11:00 2026-10-05T02:30+11:00",
        id="spring in the south",
    ),
    pytest.param(
        "45 1 * * *",
        LORD_HOWE,
        ("2026-04-04", "2026-04-07"),
        "2026-04-04T01:45+11:00 2026-04-05T01:45+10:30 2026-04-06T01:45+10:30",
        id="half an hour that is repeated",
    ),
    pytest.param(
        "15 2 * * *",
        LORD_HOWE,
        ("2026-10-03", "2026-10-06"),
        "2026-10-03T02:15+10:30 2026-10-04T02:45+11:00 2026-10-05T02:15+11:00",
        id="half an hour that is skipped",
    ),
    pytest.param(
        "20,40 2 * * *",
        LORD_HOWE,
        ("2026-10-04", "2026-10-05"),
        "2026-10-04T02:40+11:00 2026-10-04T02:50+11:00",
        id="a reading that is skipped comes after a later one",
    ),
    pytest.param(
        "30 * * * *",
        LORD_HOWE,
        ("2026-04-05", "2026-04-05T03:00"),
        "2026-04-05T00:30+11:00 2026-04-05T01:30+11:00 2026-04-05T01:30+10:30 "
        "2026-04-05T02:30+10:30",
        id="every half past, when half an hour is repeated",
    ),
    pytest.param(
        "0 * * * *",
        LORD_HOWE,
        ("2026-10-04", "2026-10-04T05:00"),
        "2026-10-04T00:00+10:30 2026-10-04T01:00+10:30 2026-10-04T03:00+11:00 "
        "2026-10-04T04:00+11:00",
        id="every full hour, when half an hour is skipped",
    ),
    pytest.param(
        "0 6 * * *",
        APIA,
        ("2011-12-28", "2012-01-02"),
        "2011-12-28T06:00-10:00 2011-12-29T06:00-10:00 2011-12-31T06:00+14:00 "
        "2012-01-01T06:00+14:00",
        id="a day that was left out",
    ),
    pytest.param(
        "0 6 30 12 *",
        APIA,
        ("2010-12-01", "2013-01-01"),
        "2010-12-30T06:00-10:00 2011-12-31T06:00+14:00 2012-12-30T06:00+14:00",
        id="that very day",
    ),
    pytest.param(
        "0 */12 30 12 *",
        APIA,
        ("2011-01-01", "2012-12-31"),
        "2011-12-31T00:00+14:00 2011-12-31T12:00+14:00 2012-12-30T00:00+14:00 "
        "2012-12-30T12:00+14:00",
        id="twice on that very day",
    ),
    pytest.param(
        "0 * 30 12 *",
        APIA,
        ("2010-12-30T23:00", "2012-12-30T02:00"),
        "2010-12-30T23:00-10:00 2012-12-30T00:00+14:00 2012-12-30T01:00+14:00",
        id="every hour of that very day, of which none passed",
    ),
    pytest.param(
        "30 2 * * *",
        "Africa/Casablanca",
        ("2026-02-14", "2026-02-17"),
        "2026-02-14T02:30+01:00 2026-02-15T02:30+00:00 2026-02-16T02:30+00:00",
        id="the beginning of Ramadan",
    ),
    pytest.param(
        "30 1 * * *",
        "Europe/Dublin",
        ("2026-10-24", "2026-10-27"),
        "2026-10-24T01:30+01:00 2026-10-25T01:30+00:00 2026-10-26T01:30+00:00",
        id="winter as the exception",
    ),
    pytest.param(
        "0 3 * * *",
        "Pacific/Chatham",
        ("2026-09-26", "2026-09-29"),
        "2026-09-26T03:00+12:45 2026-09-27T04:00+13:45 2026-09-28T03:00+13:45",
        id="a change at a quarter to",
    ),
    pytest.param(
        "30 1 * * *",
        "Antarctica/Troll",
        ("2026-03-28", "2026-03-31"),
        "2026-03-28T01:30+00:00 2026-03-29T03:30+02:00 2026-03-30T01:30+02:00",
        id="two hours that are skipped",
    ),
    pytest.param(
        "30 2 * * *",
        "Antarctica/Troll",
        ("2026-10-24", "2026-10-27"),
        "2026-10-24T02:30+02:00 2026-10-25T02:30+00:00 2026-10-26T02:30+00:00",
        id="two hours that are repeated",
    ),
    pytest.param(
        "30 0 * * *",
        "Africa/Monrovia",
        ("1972-01-06", "1972-01-09"),
        "1972-01-06T00:30-00:44:30 1972-01-07T01:14:30+00:00 1972-01-08T00:30+00:00",
        id="a clock that was off by seconds",
    ),
    pytest.param(
        "0 0 * * *",
        "Africa/Cairo",
        ("2026-04-23", "2026-04-26"),
        "2026-04-23T00:00+02:00 2026-04-24T01:00+03:00 2026-04-25T00:00+03:00",
        id="a midnight that is skipped",
    ),
    pytest.param(
        "45 23 * * *",
        "Africa/Cairo",
        ("2026-10-28", "2026-10-31"),
        "2026-10-28T23:45+03:00 2026-10-29T23:45+02:00 2026-10-30T23:45+02:00",
        id="the hour before midnight, repeated",
    ),
]


@pytest.mark.parametrize(("text", "zone", "bounds", "expected"), AROUND_CHANGES)
def test_the_instants_around_a_change_of_the_clock(text, zone, bounds, expected):
    of = ticks.schedule_of(text, zone=zone)
    start, end = (local(zone, bound) for bound in bounds)
    expected = [at(one) for one in expected.split()]
    assert ticks.between(of, start, end) == expected
    assert ticks.backward(of.before, start - ticks.INSTANT, end) == expected
    for one, other in pairwise(expected):
        asked = [one + (other - one) * part / 8 for part in range(1, 8)]
        assert {of.after(instant) for instant in asked} == {other}
        assert {of.before(instant) for instant in asked} == {one}
    inside = tuple(schedule.Interval(*both) for both in pairwise(expected))
    assert schedule.intervals(of, start, end - ticks.INSTANT, 100) == inside


def test_a_reading_that_is_far_away_counts_the_first_time_too():
    """In Havana the hour after midnight was repeated, with the offset that January has."""
    of = ticks.schedule_of("30 * 3 11 *", zone="America/Havana")
    first, second = local("America/Havana", "2024-11-03T00:30"), at("2024-11-03T00:30-05:00")
    assert second - first == timedelta(hours=1)
    assert of.after(local("America/Havana", "2024-01-01")) == first
    assert of.after(first) == second
