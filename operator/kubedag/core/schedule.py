"""When a DAG is due: the instants of its schedule, and the intervals of data between them.

The instants are a set that follows from the cron expressions and the zone alone: no start, no
state, so whoever computes them at whatever moment gets the same ones, and a run's name is a lock.

Daylight saving is decided here, and so that no interval is empty and no data is left out:

* An expression that leaves the hour open (`30 * * * *`) follows the time that passes: its instants
  are all those at which the clock shows such a reading. A reading that comes twice is two instants.
* Any other one names readings of a clock, and each is one instant. A reading that comes twice counts
  when it comes for the second time: the hour that is repeated belongs to the interval before it.
  A reading that the clock skips is moved by what it skips (02:30 becomes 03:30).
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.api.problems import Problem
from kubedag.core import cron, instants, zones

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from kubedag.api import schedule as api

EARLIEST: Final = datetime(2, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9990, 1, 1, tzinfo=UTC)
"""Between these, nothing that is computed here leaves the years that there are."""

_NEAR: Final = timedelta(hours=25)
"""A little more than any clock was ever moved by: Samoa left out 30 December 2011. No clock was ever
moved twice within 60 hours, so none can have been moved there and back within twice this time."""
_READINGS_MAX: Final = 4 * 25 * 60
"""In one search: four times as many minutes as a clock may have been moved by."""
_INSTANT: Final = timedelta(microseconds=1)
_DESCRIPTION_CHARS_MAX: Final = 512


class Interval(NamedTuple):
    """From one instant of a schedule to the next one, in UTC; the end is not part of it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule in which `problems` finds nothing."""

    crons: tuple[cron.Cron, ...]
    zone: str
    start: datetime | None = None
    """No interval starts earlier. The instants do not depend on it."""
    end: datetime | None = None
    """No interval ends later."""

    def after(self, instant: datetime) -> datetime | None:
        """The first instant of the schedule later than this one, in UTC; None after LATEST."""
        if instant >= LATEST:
            return None
        instant = max(instant.astimezone(UTC), EARLIEST)
        zone = zones.load(self.zone)
        found = [_first(one, zone, instant) for one in self.crons]
        return min((one for one in found if one is not None), default=None)

    def before(self, instant: datetime) -> datetime | None:
        """The last instant of the schedule earlier than this one, in UTC; None before EARLIEST."""
        if instant <= EARLIEST:
            return None
        instant = min(instant, LATEST).astimezone(UTC)
        zone = zones.load(self.zone)
        found = [_last(one, zone, instant) for one in self.crons]
        return max((one for one in found if one is not None), default=None)


def compile(said: api.Schedule) -> Schedule:  # noqa: A001
    """What a DAG's `spec.schedule` says, if `problems` has nothing against it."""
    texts = said.crons or (said.cron,)
    return Schedule(
        crons=tuple(cron.parse(text) for text in texts if text is not None),
        zone=said.time_zone,
        start=instants.parse(said.start_time) if said.start_time else None,
        end=instants.parse(said.end_time) if said.end_time else None,
    )


def problems(said: api.Schedule) -> Iterator[Problem]:
    """What is wrong with a DAG's `spec.schedule`."""
    written = [("cron", said.cron)] if said.cron is not None else []
    written += [(f"crons[{index}]", text) for index, text in enumerate(said.crons)]
    for field, text in written:
        why = cron.mistake(text or "")
        if why is not None:
            yield Problem(f"spec.schedule.{field}", "InvalidCron", why)
    why = zones.mistake(said.time_zone)
    if why is not None:
        yield Problem("spec.schedule.timeZone", "UnknownTimeZone", why)


def describe(schedule: Schedule) -> str:
    """For people: `0 6 * * *, 0 18 * * * Europe/Amsterdam`."""
    text = f"{', '.join(one.text for one in schedule.crons)} {schedule.zone}"
    if len(text) <= _DESCRIPTION_CHARS_MAX:
        return text
    end = f"… {schedule.zone}"
    return text[: _DESCRIPTION_CHARS_MAX - len(end)] + end


# --- Intervals --------------------------------------------------------------------------------


def intervals(
    schedule: Schedule, start: datetime, end: datetime, most: int
) -> tuple[Interval, ...]:
    """The intervals that lie wholly between two instants, oldest first, at most so many."""
    start, end = _within(schedule, start, end)
    found: list[Interval] = []
    pairs = itertools.pairwise(_onward(schedule, start - _INSTANT))
    for here, there in itertools.islice(pairs, most):
        if there > end:
            break
        found.append(Interval(here, there))
    return tuple(found)


def newest_due(
    schedule: Schedule, after: datetime, now: datetime, most: int
) -> tuple[Interval, ...]:
    """The newest intervals that have ended after one instant and until another, oldest first."""
    begin, end = _within(schedule, EARLIEST, now)
    found: list[Interval] = []
    pairs = itertools.pairwise(_backward(schedule, end + _INSTANT))
    for there, here in itertools.islice(pairs, most):
        if there <= after or here < begin:
            break
        found.append(Interval(here, there))
    return tuple(reversed(found))


def count_due(schedule: Schedule, after: datetime, now: datetime, most: int) -> int:
    """How many intervals have ended after one instant and until another, counted up to `most`."""
    return len(newest_due(schedule, after, now, most))


def next_interval(schedule: Schedule, after: datetime) -> Interval | None:
    """The first interval that ends later than an instant; it may have begun before it."""
    end = schedule.after(after)
    start = schedule.before(end) if end else None
    if schedule.start and (start is None or start < schedule.start):
        start = schedule.after(schedule.start - _INSTANT)
        end = schedule.after(start) if start else None
    if start is None or end is None or (schedule.end and end > schedule.end):
        return None
    return Interval(start, end)


def _onward(schedule: Schedule, instant: datetime) -> Iterator[datetime]:
    """The instants later than this one, in order.

    An expression steps on only once its last instant was the next one of all: ten cost what one does.
    """
    zone = zones.load(schedule.zone)
    instant = max(instant.astimezone(UTC), EARLIEST)
    each = (_all_after(one, zone, instant) for one in dict.fromkeys(schedule.crons))
    return (at for at, _ in itertools.groupby(heapq.merge(*each)))


def _all_after(one: cron.Cron, zone: ZoneInfo, instant: datetime) -> Iterator[datetime]:
    found: datetime | None = instant
    while found is not None and found < LATEST:
        found = _first(one, zone, found)
        if found is not None:
            yield found


def _backward(schedule: Schedule, instant: datetime) -> Iterator[datetime]:
    """The instants earlier than this one, from the last one on; the mirror image of `_onward`."""
    zone = zones.load(schedule.zone)
    instant = min(instant, LATEST).astimezone(UTC)
    each = (_all_before(one, zone, instant) for one in dict.fromkeys(schedule.crons))
    return (at for at, _ in itertools.groupby(heapq.merge(*each, reverse=True)))


def _all_before(one: cron.Cron, zone: ZoneInfo, instant: datetime) -> Iterator[datetime]:
    found: datetime | None = instant
    while found is not None and found > EARLIEST:
        found = _last(one, zone, found)
        if found is not None:
            yield found


def _within(schedule: Schedule, start: datetime, end: datetime) -> Interval:
    """Both instants moved to where the schedule lies, and to where time can be computed."""
    start = max(start, EARLIEST, schedule.start or EARLIEST)
    return Interval(start, min(end, LATEST, schedule.end or LATEST))


# --- From readings to instants ----------------------------------------------------------------


def _instants(one: cron.Cron, zone: ZoneInfo, reading: datetime) -> tuple[datetime, ...]:
    """When the clock of a zone is taken to show a reading that an expression names."""
    first, second = _offset(zone, reading), _offset(zone, reading.replace(fold=1))
    if not one.every_hour or first == second:
        # Of a reading that comes twice the second; of one that is skipped, as if it were not.
        return (_utc(reading, min(first, second)),)
    if first < second:
        return ()
    return (_utc(reading, first), _utc(reading, second))


def _first(one: cron.Cron, zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The first instant of one expression after this one.

    Readings and instants have the same order, but for those within a change of the clock. So readings
    are looked at from one change before, and until one change after the first that will do.
    """
    reading = _reading(zone, instant)
    if one.every_hour and (at := _steady(zone, instant, reading, one.after(reading))):
        return at
    named = one.after(reading - _change(zone, instant))
    found = until = None
    for _ in range(_READINGS_MAX):
        if named is None or (until is not None and named > until):
            break
        later = [at for at in _instants(one, zone, named) if at > instant]
        if later and (found is None or later[0] < found):
            found = later[0]
            until = until or named + _change(zone, found)
        named = one.after(named)
    return found


def _last(one: cron.Cron, zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The last instant of one expression before this one; the mirror image of `_first`."""
    reading = _reading(zone, instant)
    if one.every_hour and (at := _steady(zone, instant, reading, one.before(reading))):
        return at
    named = one.before(reading + _change(zone, instant))
    found = until = None
    for _ in range(_READINGS_MAX):
        if named is None or (until is not None and named < until):
            break
        earlier = [at for at in _instants(one, zone, named) if at < instant]
        if earlier and (found is None or earlier[-1] > found):
            found = earlier[-1]
            until = until or named - _change(zone, found)
        named = one.before(named)
    return found


def _steady(
    zone: ZoneInfo, instant: datetime, reading: datetime, named: datetime | None
) -> datetime | None:
    """When the clock shows the next reading, if it is not moved until then: the cheap way."""
    if named is None or abs(named - reading) > _NEAR:
        return None
    at = instant + (named - reading)
    return at if _offset_at(zone, at) == _offset_at(zone, instant) else None


def _change(zone: ZoneInfo, instant: datetime) -> timedelta:
    """By how much the clock is moved so near that readings and instants may be out of order.

    Nothing, but for an hour or so before and after each change: one by an hour only concerns those.
    """
    change = _difference(zone, instant, _NEAR)
    return _difference(zone, instant, change) if change else change


def _difference(zone: ZoneInfo, instant: datetime, near: timedelta) -> timedelta:
    offsets = [_offset_at(zone, at) for at in (instant - near, instant, instant + near)]
    return max(offsets) - min(offsets)


def _reading(zone: ZoneInfo, instant: datetime) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _utc(reading: datetime, offset: timedelta) -> datetime:
    return (reading - offset).replace(tzinfo=UTC, fold=0)


def _offset(zone: ZoneInfo, reading: datetime) -> timedelta:
    return reading.replace(tzinfo=zone).utcoffset() or timedelta()


def _offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
