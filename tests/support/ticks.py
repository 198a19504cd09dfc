"""Instants of schedules for tests, and two other ways to find them.

`by_definition` looks at every reading of some days, so it is slow and plain. Airflow's rule
(`CronDataIntervalTimetable`) goes from one instant to another, and may go elsewhere on the way back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from croniter import croniter

from kubedag.core import cron, schedule, zones

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
FURTHEST = timedelta(hours=40)
"""More than a reading is ever away from UTC, with all that a clock was ever moved by."""


def schedule_of(*texts: str, zone: str = zones.UTC, **bounds: datetime) -> schedule.Schedule:
    return schedule.Schedule(tuple(map(cron.parse, texts)), zone, **bounds)


def forward(step, start: datetime, end: datetime) -> list[datetime]:
    """What a walk from one instant until another meets."""
    met, here = [], step(start)
    while here is not None and here < end:
        met.append(here)
        here = step(here)
    return met


def backward(step, start: datetime, end: datetime) -> list[datetime]:
    """The same the other way round, oldest first."""
    met, here = [], step(end)
    while here is not None and here > start:
        met.append(here)
        here = step(here)
    return met[::-1]


def between(of: schedule.Schedule, start: datetime, end: datetime) -> list[datetime]:
    """All instants from one until another; the end is not part of it."""
    return forward(of.after, start - INSTANT, end)


def strictly_increasing(times: list[datetime]) -> bool:
    return all(one < other for one, other in pairwise(times))


# --- By definition ----------------------------------------------------------------------------


def by_definition(
    one: cron.Cron, zone: ZoneInfo, start: datetime, end: datetime
) -> list[datetime]:
    """The instants of an expression, from whether the clock of the zone ever shows each reading."""
    reading = one.after(start.replace(tzinfo=None) - FURTHEST)
    found: set[datetime] = set()
    while reading is not None and reading < end.replace(tzinfo=None) + FURTHEST:
        found |= instants_of(reading, zone, every_hour=one.every_hour)
        reading = one.after(reading)
    return sorted(instant for instant in found if start <= instant < end)


def instants_of(reading: datetime, zone: ZoneInfo, *, every_hour: bool) -> set[datetime]:
    first, second = (reading.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    shown = {
        instant
        for instant in (first.astimezone(UTC), second.astimezone(UTC))
        if instant.astimezone(zone).replace(tzinfo=None, fold=0) == reading
    }
    if every_hour:
        return shown
    if shown:
        return {max(shown)}
    skipped = second.utcoffset() - first.utcoffset()
    return {(reading + skipped).replace(tzinfo=zone, fold=1).astimezone(UTC)}


# --- By Airflow's rule ------------------------------------------------------------------------


class Airflow:
    """`airflow.timetables._cron.CronMixin` of Airflow 3.3.2, in other words."""

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        self._cron = croniter(text, datetime(2026, 1, 1), ret_type=datetime)  # noqa: DTZ001
        self._zone = zone
        self._every_hour = self._cron.expanded[1] == ["*"]

    def after(self, instant: datetime) -> datetime:
        reading = self._reading(instant)
        named = self._cron.get_next(start_time=reading)
        return instant + (named - reading) if self._every_hour else self._instant(named)

    def before(self, instant: datetime) -> datetime:
        reading = self._reading(instant)
        named = self._cron.get_prev(start_time=reading)
        return instant - (reading - named) if self._every_hour else self._instant(named)

    def _reading(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _instant(self, reading: datetime) -> datetime:
        (instant,) = instants_of(reading, self._zone, every_hour=False)
        return instant
