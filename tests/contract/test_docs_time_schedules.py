"""What the page on time claims of schedules, whatever their expressions and zones."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from kubedag.api import schedule as api
from kubedag.core import actions, instants, runspec, zones
from kubedag.core import schedule as schedules
from support import pages

YEAR = (instants.parse("2026-01-01T00:00:00Z"), instants.parse("2027-01-01T00:00:00Z"))
CRONS = ("*/20 1 * * *", "30 * * * *", "@daily", "30 2 * * 1-5", "0 0 13 * fri")
ZONES = ("America/New_York", "Australia/Lord_Howe", "Europe/Zurich", "Etc/UTC")

everywhere = pytest.mark.parametrize(
    ("cron", "zone"), list(itertools.product(CRONS, ZONES)), ids=lambda word: word
)


def a_schedule(*crons, zone="Etc/UTC", **fields):
    return schedules.compile(api.Schedule(crons=crons, time_zone=zone, **fields))


def ticks(schedule, start, end):
    found = schedule.after(start - timedelta(seconds=1))
    while found is not None and found < end:
        yield found
        found = schedule.after(found)


@pages.claim(
    "Intervals have no gaps between them and do not overlap: each ends at the instant at which the "
    "next one starts."
)
@everywhere
def test_each_interval_ends_where_the_next_one_starts(cron, zone):
    found = schedules.intervals(a_schedule(cron, zone=zone), *YEAR, 10_000)

    assert len(found) > 20
    assert all(one.start < one.end for one in found)
    assert all(one.end == another.start for one, another in itertools.pairwise(found))


@pages.claim(
    "The instants follow from the cron expressions and the time zone alone, so it does not matter "
    "from where one counts."
)
@everywhere
def test_from_wherever_one_counts_the_instants_are_the_same(cron, zone):
    schedule = a_schedule(cron, zone=zone)
    begin, end = YEAR
    expected = list(ticks(schedule, begin, end))

    for hours in range(7, 365 * 24, 613):
        start = begin + timedelta(hours=hours)
        following = next(tick for tick in expected if tick > start)
        assert schedule.after(start) == following
        assert schedule.before(following) == max(
            (tick for tick in expected if tick < following), default=schedule.before(following)
        )


@pages.claim(
    "Several expressions make one schedule: the instants of all of them count, and one that two of "
    "them name counts once."
)
@pytest.mark.parametrize("zone", ZONES)
def test_several_expressions_are_one_schedule(zone):
    one, other = "0 */6 * * *", "0 */4 * * *"
    apart = {tick for cron in (one, other) for tick in ticks(a_schedule(cron, zone=zone), *YEAR)}

    together = list(ticks(a_schedule(one, other, zone=zone), *YEAR))

    assert together == sorted(apart)


@pages.claim(
    "With `startTime` and `endTime`, only intervals that lie wholly between them have runs."
)
def test_an_interval_must_lie_wholly_between_start_and_end():
    schedule = a_schedule(
        "@daily", start_time="2026-03-01T12:00:00Z", end_time="2026-03-04T12:00:00Z"
    )

    found = schedules.intervals(schedule, *YEAR, 100)

    assert [one.start.day for one in found] == [2, 3]


@pages.claim("`spec.logicalTime` is the start of the interval.")
def test_the_logical_time_of_a_run_is_the_start_of_its_interval():
    create = actions.CreateRun(
        "sales-20260101t0600-1d", "Scheduled", "2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z"
    )

    spec = runspec.build(create, "shop", "sales")["spec"]

    assert spec["logicalTime"] == spec["dataInterval"]["startTime"] == "2026-01-01T06:00:00Z"


# The two rules of daylight saving, at every change of the clocks of these zones in this year.


def readings(schedule, zone):
    return [tick.astimezone(zone) for tick in ticks(schedule, *YEAR)]


@pages.claim(
    "An expression that leaves the hour open, such as `30 * * * *`, follows the time that passes: it "
    "runs in each hour that there is."
)
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Zurich", "Asia/Kolkata", "Etc/UTC"])
def test_an_open_hour_follows_the_time_that_passes(zone):
    found = list(ticks(a_schedule("30 * * * *", zone=zone), *YEAR))

    assert len(found) == 365 * 24
    assert {later - earlier for earlier, later in itertools.pairwise(found)} == {
        timedelta(hours=1)
    }


@pages.claim(
    "Any other names readings of the clock: one that the clock skips is moved by as much as the clock "
    "is, and one that the clock shows twice counts once, for the second time."
)
@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *", "15 2 * * *", "45 1 * * *"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_reading_of_the_clock_is_once_a_day(cron, zone):
    schedule = a_schedule(cron, zone=zone)
    clock = zones.load(zone)
    minute, hour = (int(word) for word in cron.split()[:2])
    for read in readings(schedule, clock):
        named = read.replace(hour=hour, minute=minute, fold=0)
        skipped = named.replace(fold=1).utcoffset() - named.utcoffset()
        if skipped > timedelta():
            assert read.replace(tzinfo=None) == named.replace(tzinfo=None) + skipped
        else:
            assert read == named.replace(fold=1)
    days = [read.date() for read in readings(schedule, clock)]
    assert len(days) == len(set(days)) >= 365
