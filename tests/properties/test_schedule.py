"""What holds of every schedule in every zone, for ten years, and above all near changes of the clock."""

from __future__ import annotations

import dataclasses
import functools
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from croniter import croniter
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from kubedag.core import cron, crontext, schedule, zones
from support import ticks

BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)
WINDOW = timedelta(hours=30)
INTERVALS_MAX = 5000


@functools.cache
def changes(zone: str) -> tuple[datetime, ...]:
    """When the clock of a zone is moved in these ten years, to the day; the first, if it never is."""
    weeks = [BEGIN + timedelta(weeks=week) for week in range((END - BEGIN).days // 7)]
    return tuple(_change(zone, week) for week in weeks if _moved(zone, week, 7)) or (BEGIN,)


def _change(zone: str, week: datetime) -> datetime:
    days = (week + timedelta(days=day) for day in range(7))
    return next(day for day in days if _moved(zone, day, 1))


def _moved(zone: str, since: datetime, days: int) -> bool:
    until = since + timedelta(days=days)
    clock = zones.load(zone)
    return since.astimezone(clock).utcoffset() != until.astimezone(clock).utcoffset()


# --- Expressions ------------------------------------------------------------------------------

TYPICAL = (
    "* 2 * * *", "*/15 * * * *", "30 * * * *", "0 * * * 1-5", "30 */2 * * *", "*/20 1-3 * * *",
    "15,45 0,2 * * *", "0 0 * * *", "59 23 * * *", "30 2 * * *", "0 3 * * sun", "0 0 L * *",
    "0 1 15W * *", "0 2 * * 0#2", "0 2 * * L0", "0 0 1 1 *", "0 0 29 2 *",
)  # fmt: skip


def items(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    ranges = st.tuples(one, one).filter(lambda pair: pair[0] < pair[1])
    steps = st.integers(1, high)
    return st.one_of(
        one.map(str),
        ranges.map("{0[0]}-{0[1]}".format),
        steps.map("*/{}".format),
        st.tuples(ranges, steps).map("{0[0][0]}-{0[0][1]}/{0[1]}".format),
    )


def lists(low: int, high: int) -> st.SearchStrategy[str]:
    return st.lists(items(low, high), min_size=1, max_size=3).map(",".join)


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    return st.just("*") | lists(low, high)


days_of_month = fields(1, 31) | st.sampled_from(["L", "15W", "1W", "31W", "?", "L,10"])
days_of_week = fields(0, 6) | st.sampled_from(["1#1", "0#2,3#4", "L5", "sat-mon", "7", "?"])
written = st.tuples(lists(0, 59), fields(0, 23), days_of_month, fields(1, 12), days_of_week).map(
    " ".join
)
expressions = st.sampled_from(TYPICAL) | written.filter(lambda text: cron.mistake(text) is None)


@st.composite
def cases(draw):
    """An expression, a zone, and an instant that is probably near a change of its clock."""
    zone = draw(st.sampled_from(sorted(zones.names())))
    near = st.builds(
        lambda change, minutes: change + timedelta(minutes=minutes),
        st.sampled_from(changes(zone)),
        st.integers(-2880, 1440),
    )
    return (
        draw(expressions),
        zone,
        draw(
            near
            | st.datetimes(
                BEGIN.replace(tzinfo=None), END.replace(tzinfo=None), timezones=st.just(UTC)
            )
        ),
    )


def named(text, zone, day):
    return example((text, zone, datetime.fromisoformat(f"{day}T00:00+00:00")))


# The changes of four zones, one of them by half an hour.
def with_named_zones(test):
    for zone, spring, autumn in (
        ("Australia/Lord_Howe", "2026-10-03", "2026-04-04"),
        ("America/New_York", "2026-03-08", "2026-11-01"),
        ("Europe/Zurich", "2026-03-29", "2026-10-25"),
        ("Australia/Sydney", "2026-10-03", "2026-04-04"),
    ):
        for text in ("*/20 1-3 * * *", "15,45 * * * *", "30 2 * * *"):
            test = named(text, zone, spring)(named(text, zone, autumn)(test))
    return test


# --- Instants ---------------------------------------------------------------------------------


@given(cases())
@with_named_zones
def test_the_instants_are_what_the_definition_says_from_whatever_side_they_are_met(case):
    text, zone, middle = case
    of, start, end = ticks.schedule_of(text, zone=zone), middle - WINDOW, middle + WINDOW
    expected = ticks.by_definition(of.crons[0], zones.load(zone), start, end)
    assert ticks.between(of, start, end) == expected
    assert ticks.backward(of.before, start - ticks.INSTANT, end) == expected
    assert ticks.strictly_increasing(expected)


@given(cases(), st.timedeltas(timedelta(0), WINDOW))
def test_they_are_the_same_from_wherever_one_starts(case, later):
    text, zone, start = case
    of, end = ticks.schedule_of(text, zone=zone), start + WINDOW
    whole = ticks.between(of, start, end)
    assert ticks.between(of, start + later, end) == [one for one in whole if one >= start + later]


@given(cases())
@with_named_zones
def test_after_and_before_undo_each_other(case):
    text, zone, instant = case
    of = ticks.schedule_of(text, zone=zone)
    after, before = of.after(instant), of.before(instant)
    assert before < instant < after
    assert of.before(of.after(after)) == after
    assert of.after(of.before(before)) == before
    assert of.after(before) in {instant, after}
    assert of.before(after) in {instant, before}


@given(cases())
@with_named_zones
def test_the_clock_shows_what_the_expression_names_but_for_what_is_skipped(case):
    text, zone, instant = case
    of = ticks.schedule_of(text, zone=zone)
    (one,), clock = of.crons, zones.load(zone)
    after = of.after(instant)
    shown = after.astimezone(clock).replace(tzinfo=None, fold=0)
    if one.after(shown - timedelta(microseconds=1)) == shown:
        return
    assert not one.every_hour
    skipped = [
        shown - moved
        for moved in (timedelta(minutes=minutes) for minutes in range(1, 24 * 60 + 1))
        if one.after(shown - moved - timedelta(microseconds=1)) == shown - moved
        and ticks.instants_of(shown - moved, clock, every_hour=True) == set()
    ]
    assert skipped


@settings(max_examples=40)
@given(st.lists(expressions, min_size=1, max_size=3), cases())
def test_several_expressions_have_the_instants_of_each(texts, case):
    _, zone, start = case
    end = start + WINDOW
    together = ticks.between(ticks.schedule_of(*texts, zone=zone), start, end)
    each = [ticks.between(ticks.schedule_of(text, zone=zone), start, end) for text in texts]
    assert together == sorted(set().union(*each))


@settings(max_examples=40)
@given(cases())
def test_the_same_is_said_twice(case):
    text, zone, instant = case
    first, second = (ticks.schedule_of(text, zone=zone) for _ in range(2))
    assert first == second
    assert first.after(instant) == second.after(instant) == first.after(instant)
    assert first.before(instant) == second.before(instant) == first.before(instant)


@settings(max_examples=30)
@given(cases())
def test_it_is_airflows_answer_wherever_airflow_has_only_one(case):
    text, zone, middle = case
    start, end = middle - WINDOW, middle + WINDOW
    rule = ticks.Airflow(crontext.five_fields(text), zones.load(zone))
    answer = bounded_walk(rule.after, start, end)
    assume(answer == bounded_walk(rule.before, end, start)[::-1])
    assume(all(start_anew(rule, one) for one in answer))
    assert ticks.forward(ticks.schedule_of(text, zone=zone).after, start, end) == answer


def bounded_walk(step, start, end):
    """Airflow's steps may lead back; then there are some too many."""
    met, here = [], step(start)
    while len(met) < INTERVALS_MAX and min(start, end) < here < max(start, end):
        met.append(here)
        here = step(here)
    return met


def start_anew(rule, one):
    """Does Airflow say the same if it is asked somewhere on its way?"""
    return rule.after(one - ticks.INSTANT) == one


# --- Intervals --------------------------------------------------------------------------------


@given(cases())
@with_named_zones
def test_intervals_are_contiguous_and_never_empty(case):
    text, zone, start = case
    of = ticks.schedule_of(text, zone=zone)
    found = schedule.intervals(of, start, start + WINDOW, INTERVALS_MAX)
    assert all(one.start < one.end for one in found)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(start <= one.start and one.end <= start + WINDOW for one in found)


@given(cases(), st.integers(1, 50))
def test_what_is_due_is_the_end_of_all_that_is_there(case, most):
    text, zone, start = case
    of, now = ticks.schedule_of(text, zone=zone), start + WINDOW
    due = schedule.newest_due(of, start, now, INTERVALS_MAX)
    assert schedule.newest_due(of, start, now, most) == due[-most:]
    assert schedule.count_due(of, start, now, most) == min(most, len(due))
    assert due[1:] == schedule.intervals(of, due[0].end if due else start, now, INTERVALS_MAX)
    following = schedule.next_interval(of, now)
    assert following.start <= now < following.end
    assert not due or due[-1].end == following.start


@settings(max_examples=60)
@given(st.lists(expressions, min_size=1, max_size=4), cases(), st.integers(1, 40), st.data())
def test_intervals_lie_between_each_instant_and_the_next_of_all(texts, case, most, data):
    _, zone, middle = case
    limits = {
        field: data.draw(st.none() | st.timedeltas(-WINDOW, WINDOW).map(lambda by: middle + by))
        for field in ("start", "end")
    }
    of = dataclasses.replace(ticks.schedule_of(*texts, zone=zone), **limits)
    start, end = middle - WINDOW, middle + WINDOW
    assert schedule.intervals(of, start, end, most) == one_after_another(of, start, end, most)
    assert schedule.newest_due(of, start, end, most) == one_before_another(of, start, end, most)


def one_after_another(of, start, end, most):
    start, end = max(start, of.start or start), min(end, of.end or end)
    found, here = [], of.after(start - ticks.INSTANT)
    while len(found) < most and (there := of.after(here)) <= end:
        found.append(schedule.Interval(here, there))
        here = there
    return tuple(found)


def one_before_another(of, after, now, most):
    found, there = [], of.before(min(now, of.end or now) + ticks.INSTANT)
    while len(found) < most and there > after:
        here = of.before(there)
        if of.start and here < of.start:
            break
        found.append(schedule.Interval(here, there))
        there = here
    return tuple(reversed(found))


# --- Expressions ------------------------------------------------------------------------------


@given(
    written.filter(lambda text: cron.mistake(text) is None),
    st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001
)
def test_readings_are_those_of_croniter(text, reading):
    reading = reading.replace(microsecond=0)
    one, other = cron.parse(text), croniter(text, reading, ret_type=datetime)
    assert one.after(reading) == other.get_next(start_time=reading)
    assert one.before(reading) == other.get_prev(start_time=reading)


@pytest.mark.parametrize("text", TYPICAL)
def test_typical_expressions_are_in_order(text):
    assert cron.mistake(text) is None


@given(st.text(max_size=128) | written | st.text("0123456789*/,-#?LWHRajn@( )", max_size=128))
def test_whatever_is_written_is_read_or_told_about(text):
    told = cron.mistake(text)
    if told is None:
        assert cron.parse(text).after(BEGIN.replace(tzinfo=None)) is not None
    else:
        assert told.startswith("must ")
        assert len(told) < 400


@given(st.text(max_size=64) | st.sampled_from(sorted(zones.names())))
def test_whatever_is_named_is_a_zone_or_told_about(name):
    assert (zones.mistake(name) is None) == (name in zones.names())
