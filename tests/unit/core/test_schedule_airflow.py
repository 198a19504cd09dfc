"""Data intervals are those that Airflow makes, wherever Airflow knows for sure which these are.

The answers were recorded from Airflow 3.3.2, CronDataIntervalTimetable: for each expression, zone and
instant, the minutes to the next instant, from there to the one after it, and so on.
"""

import json
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from kubedag.core import zones
from support import ticks

ANSWERS = json.loads((Path(__file__).parent / "airflow_ticks.json").read_text())

# Morocco has given up its summer time, and with it the changes around Ramadan. Airflow was asked
# with the zone data from before, so readings of its clock there were an hour earlier.
MOROCCO = "Africa/Casablanca"
NO_MORE_CHANGES = datetime(2026, 9, 20, 2, tzinfo=UTC)
RAMADANS_AT_NEW_YEAR = {datetime(year, 1, 1, tzinfo=UTC) for year in range(2030, 2034)}


def with_the_zones_of_today(zone, instant):
    if zone != MOROCCO or instant < NO_MORE_CHANGES or instant in RAMADANS_AT_NEW_YEAR:
        return instant
    return instant + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "zone", "start", "gaps"),
    [pytest.param(*case, id=" ".join(case[:3])) for case in ANSWERS],
)
def test_the_instants_are_those_of_airflow(text, zone, start, gaps):
    start = datetime.fromisoformat(start)
    minutes = accumulate(map(int, gaps.split()))
    answer = [with_the_zones_of_today(zone, start + timedelta(minutes=one)) for one in minutes]
    of = ticks.schedule_of(text, zone=zone)
    assert ticks.forward(of.after, start, answer[-1] + ticks.INSTANT) == answer


def test_there_are_answers_for_many_zones():
    assert len(ANSWERS) == 240
    assert len({zone for _, zone, _, _ in ANSWERS}) == 16


@pytest.mark.parametrize(("text", "zone", "start", "gaps"), ANSWERS[::5])
def test_the_rule_that_stands_in_for_airflow_gives_its_answers(text, zone, start, gaps):
    start = datetime.fromisoformat(start)
    minutes = accumulate(map(int, gaps.split()))
    answer = [with_the_zones_of_today(zone, start + timedelta(minutes=one)) for one in minutes]
    rule = ticks.Airflow(text, zones.load(zone))
    assert ticks.forward(rule.after, start, answer[-1] + ticks.INSTANT) == answer


# Where we do otherwise. In all of these Airflow goes elsewhere on the way back than on the way there,
# so what it answers depends on where it starts, and some data is in no interval or in two of them.
SEVERAL_SKIPPED = "several readings skipped: Airflow knows one of them, or goes round in circles"
HALF_AN_HOUR = "a clock moved by half an hour: Airflow counts hours from the instant before"
SOME_DAYS = "every hour of some days: Airflow counts hours across the change between them"
DEVIATIONS = [
    pytest.param(
        "*/20 2 * * *",
        "America/New_York",
        ("2026-03-08T00:00-05:00", "2026-03-08T06:00-04:00"),
        "03:00-04:00 03:20-04:00 03:40-04:00",
        "03:00-04:00",
        "03:40-04:00",
        id=f"*/20 2 * * * America/New_York: {SEVERAL_SKIPPED}",
    ),
    pytest.param(
        "*/20 1 * * *",
        "Europe/Dublin",
        ("2026-03-29T00:00+00:00", "2026-03-29T06:00+01:00"),
        "02:00+01:00 02:20+01:00 02:40+01:00",
        "02:00+01:00",
        "02:40+01:00",
        id=f"*/20 1 * * * Europe/Dublin: {SEVERAL_SKIPPED}",
    ),
    pytest.param(
        "*/30 */2 * * *",
        "Europe/Zurich",
        ("2026-03-29T00:00+01:00", "2026-03-29T05:00+02:00"),
        "00:30+01:00 03:00+02:00 03:30+02:00 04:00+02:00 04:30+02:00",
        "00:30+01:00 03:00+02:00 04:00+02:00 04:30+02:00",
        "03:30+02:00 04:00+02:00 04:30+02:00",
        id=f"*/30 */2 * * * Europe/Zurich: {SEVERAL_SKIPPED}",
    ),
    pytest.param(
        "20,40 2 * * *",
        "Australia/Lord_Howe",
        ("2026-10-04T00:00+10:30", "2026-10-04T06:00+11:00"),
        "02:40+11:00 02:50+11:00",
        "02:50+11:00",
        "02:40+11:00 02:50+11:00",
        id=f"20,40 2 * * * Australia/Lord_Howe: {SEVERAL_SKIPPED}",
    ),
    pytest.param(
        "30 * * * *",
        "Australia/Lord_Howe",
        ("2026-04-05T00:00+11:00", "2026-04-05T03:00+10:30"),
        "00:30+11:00 01:30+11:00 01:30+10:30 02:30+10:30",
        "00:30+11:00 01:30+11:00 02:00+10:30 02:30+10:30",
        "00:30+11:00 01:00+11:00 01:30+10:30 02:30+10:30",
        id=f"30 * * * * Australia/Lord_Howe: {HALF_AN_HOUR}",
    ),
    pytest.param(
        "0 * * * *",
        "Australia/Lord_Howe",
        ("2026-04-05T00:30+11:00", "2026-04-05T03:30+10:30"),
        "01:00+11:00 02:00+10:30 03:00+10:30",
        "01:00+11:00 01:30+10:30 02:00+10:30 03:00+10:30",
        "01:00+11:00 01:30+11:00 02:00+10:30 03:00+10:30",
        id=f"0 * * * * Australia/Lord_Howe: {HALF_AN_HOUR}",
    ),
    pytest.param(
        "30 * * * *",
        "Australia/Lord_Howe",
        ("2026-10-04T00:00+10:30", "2026-10-04T04:00+11:00"),
        "00:30+10:30 01:30+10:30 02:30+11:00 03:30+11:00",
        "00:30+10:30 01:30+10:30 03:00+11:00 03:30+11:00",
        "00:30+10:30 01:00+10:30 02:30+11:00 03:30+11:00",
        id=f"30 * * * * Australia/Lord_Howe: {HALF_AN_HOUR}",
    ),
    pytest.param(
        "0 * * * *",
        "Australia/Lord_Howe",
        ("2026-10-04T00:30+10:30", "2026-10-04T04:30+11:00"),
        "01:00+10:30 03:00+11:00 04:00+11:00",
        "01:00+10:30 02:30+11:00 03:00+11:00 04:00+11:00",
        "01:00+10:30 01:30+10:30 03:00+11:00 04:00+11:00",
        id=f"0 * * * * Australia/Lord_Howe: {HALF_AN_HOUR}",
    ),
    pytest.param(
        "0 * * * 1-5",
        "America/New_York",
        ("2026-03-06T22:30-05:00", "2026-03-09T01:30-04:00"),
        "06T23:00-05:00 09T00:00-04:00 09T01:00-04:00",
        "06T23:00-05:00 09T01:00-04:00",
        "09T00:00-04:00 09T01:00-04:00",
        id=f"0 * * * 1-5 America/New_York: {SOME_DAYS}",
    ),
    pytest.param(
        "0 * * * 1-5",
        "America/New_York",
        ("2026-10-30T22:30-04:00", "2026-11-02T01:30-05:00"),
        "30T23:00-04:00 02T00:00-05:00 02T01:00-05:00",
        "30T23:00-04:00 01T23:00-05:00 02T00:00-05:00 02T01:00-05:00",
        "30T23:00-04:00 31T00:00-04:00 02T00:00-05:00 02T01:00-05:00",
        id=f"0 * * * 1-5 America/New_York: {SOME_DAYS}",
    ),
]
STEPS_MAX = 20


def shown(zone, instants, *, days):
    """What the clock of a zone shows at some instants, with its offset."""
    local = (instant.astimezone(zones.load(zone)) for instant in instants)
    from_column = len("2026-01-") if days else len("2026-01-01T")
    return " ".join(one.isoformat(timespec="minutes")[from_column:] for one in local)


def at_most(steps, step):
    """The walk of somebody who gives up: Airflow's may go round in circles."""
    left = iter(range(steps))
    return lambda here: step(here) if next(left, None) is not None else None


@pytest.mark.parametrize(("text", "zone", "bounds", "ours", "there", "back"), DEVIATIONS)
def test_we_differ_where_airflow_differs_from_itself(text, zone, bounds, ours, there, back):
    start, end = (datetime.fromisoformat(one).astimezone(UTC) for one in bounds)
    days = "T" in ours
    of, rule = ticks.schedule_of(text, zone=zone), ticks.Airflow(text, zones.load(zone))
    on_its_way_there = ticks.forward(rule.after, start, end)
    on_its_way_back = sorted(set(ticks.backward(at_most(STEPS_MAX, rule.before), start, end)))
    assert shown(zone, ticks.forward(of.after, start, end), days=days) == ours
    assert shown(zone, on_its_way_there, days=days) == there
    assert shown(zone, on_its_way_back, days=days) == back
    assert there != back
