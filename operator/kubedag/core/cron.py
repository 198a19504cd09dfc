"""Cron expressions: which readings of a clock they name, before any time zone has a say.

croniter reads the grammar; stepping through the calendar is done here, because it has to cost
microseconds (a thousand DAGs are due in the same second) and has to be the same in both directions.
What croniter takes but reads in a way that would surprise its author is refused (`crontext`).
"""

from __future__ import annotations

import calendar
import functools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from croniter import croniter  # type: ignore[import-untyped]

from kubedag.core import crontext

YEARS_BETWEEN_MAX: Final = 8
"""29 February is eight years from the next one around 2100; whatever is rarer is a mistake."""
SEARCH_MONTHS_MAX: Final = 12 * (YEARS_BETWEEN_MAX + 1)
"""From January of one year to December of another eight years later."""
YEAR_MIN: Final = 1
YEAR_MAX: Final = 9999
_CALENDAR_YEARS: Final = range(2000, 2401)
"""After 400 years the calendar repeats itself, weekdays included."""
_DAYS_CACHED_MAX: Final = 8192
_CRONS_CACHED_MAX: Final = 4096
_LAST: Final = -1


@dataclass(frozen=True, slots=True)
class Days:
    """Which days an expression names; None says that a field does not matter."""

    months: frozenset[int]
    of_month: frozenset[int] | None
    """_LAST stands for the last one."""
    of_week: frozenset[int] | None
    """0 is Sunday."""
    nth_of_week: frozenset[tuple[int, int]]
    """(day of week, first to fifth or _LAST) of the month; takes the place of of_week."""
    nearest_weekday: int | None
    """The weekday nearest to this day of the month; takes the place of of_month."""


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that `mistake` has nothing against."""

    text: str
    days: Days
    minutes: tuple[int, ...]
    """Of the day, ascending."""
    every_hour: bool
    """Is the hour left open? Then it follows the time that passes, not the hands of the clock."""

    def after(self, reading: datetime) -> datetime | None:
        """The first reading later than this one; both without a zone, None at the end of time."""
        year, month = reading.year, reading.month
        days = _days(self.days, year, month)
        position = bisect_left(days, reading.day)
        if position < len(days) and days[position] == reading.day:
            later = bisect_right(self.minutes, _minute(reading))
            if later < len(self.minutes):
                return _at(year, month, reading.day, self.minutes[later])
            position += 1
        if position < len(days):
            return _at(year, month, days[position], self.minutes[0])
        for _ in range(SEARCH_MONTHS_MAX):
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            if year > YEAR_MAX:
                return None
            days = _days(self.days, year, month) if month in self.days.months else ()
            if days:
                return _at(year, month, days[0], self.minutes[0])
        return None

    def before(self, reading: datetime) -> datetime | None:
        """The last reading earlier than this one; both without a zone."""
        year, month = reading.year, reading.month
        days = _days(self.days, year, month)
        position = bisect_right(days, reading.day) - 1
        if position >= 0 and days[position] == reading.day:
            whole = not (reading.second or reading.microsecond)
            earlier = (bisect_left if whole else bisect_right)(self.minutes, _minute(reading)) - 1
            if earlier >= 0:
                return _at(year, month, reading.day, self.minutes[earlier])
            position -= 1
        if position >= 0:
            return _at(year, month, days[position], self.minutes[-1])
        for _ in range(SEARCH_MONTHS_MAX):
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
            if year < YEAR_MIN:
                return None
            days = _days(self.days, year, month) if month in self.days.months else ()
            if days:
                return _at(year, month, days[-1], self.minutes[-1])
        return None


def _minute(reading: datetime) -> int:
    return reading.hour * 60 + reading.minute


def _at(year: int, month: int, day: int, minute: int) -> datetime:
    # Without a zone on purpose: it is what a clock shows.
    return datetime(year, month, day, minute // 60, minute % 60)  # noqa: DTZ001


@functools.lru_cache(maxsize=_DAYS_CACHED_MAX)
def _days(days: Days, year: int, month: int) -> tuple[int, ...]:
    """The days of one month that are named, ascending."""
    if month not in days.months:
        return ()
    first, length = calendar.monthrange(year, month)
    first = (first + 1) % 7
    return tuple(day for day in range(1, length + 1) if _named(days, day, first, length))


def _named(days: Days, day: int, first: int, length: int) -> bool:
    """Is a day of a month of this length, with this first day of the week, named?"""
    of_month = of_week = None
    if days.nearest_weekday is not None:
        of_month = day == _nearest_weekday(min(days.nearest_weekday, length), first, length)
    elif days.of_month is not None:
        of_month = day in days.of_month or (day == length and _LAST in days.of_month)
    weekday = (first + day - 1) % 7
    if days.nth_of_week:
        is_last = day + 7 > length
        nth = {(weekday, (day + 6) // 7)} | ({(weekday, _LAST)} if is_last else set())
        of_week = not days.nth_of_week.isdisjoint(nth)
    elif days.of_week is not None:
        of_week = weekday in days.of_week
    if of_month is None:
        return of_week is not False
    return of_month or bool(of_week)


def _nearest_weekday(day: int, first: int, length: int) -> int:
    """The day from Monday to Friday that is nearest, within the month."""
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


# --- Reading ----------------------------------------------------------------------------------


def mistake(text: str) -> str | None:
    """What an expression must be instead ("must …"); None if there is nothing against it."""
    said = crontext.mistake(text)
    if said is not None:
        return said
    return None if _often_enough(parse(text).days) else _too_rare(text)


@functools.lru_cache(maxsize=_CRONS_CACHED_MAX)
def parse(text: str) -> Cron:
    """An expression that `mistake` has nothing against."""
    fields, nth = croniter.expand(crontext.five_fields(text))
    minutes, hours, of_month, months, of_week = map(_values, fields)
    return Cron(
        text=crontext.normal(text),
        days=Days(
            months=months or frozenset(range(1, 13)),
            of_month=of_month,
            of_week=of_week,
            nth_of_week=frozenset(
                (weekday, _LAST if n == "l" else n)
                for weekday, every in nth.items()
                for n in every
            ),
            nearest_weekday=crontext.nearest_weekday(text),
        ),
        minutes=tuple(
            60 * hour + minute
            for hour in sorted(hours or range(24))
            for minute in sorted(minutes or range(60))
        ),
        every_hour=hours is None,
    )


def _values(field: list[int | str]) -> frozenset[int] | None:
    """The values of a field as croniter has them; None if any will do."""
    if "*" in field:
        return None
    return frozenset(value if isinstance(value, int) else _LAST for value in field)


def _often_enough(days: Days) -> bool:
    """Is a day named at least every YEARS_BETWEEN_MAX years, for ever?"""
    last = _CALENDAR_YEARS[0]
    for year in _CALENDAR_YEARS:
        if _in_year(days, calendar.weekday(year, 1, 1), calendar.isleap(year)):
            last = year
        elif year - last >= YEARS_BETWEEN_MAX:
            return False
    return True


@functools.lru_cache(maxsize=_DAYS_CACHED_MAX)
def _in_year(days: Days, first: int, leap: bool) -> bool:
    """Is a day named in years that begin on that day of the week (0 is Monday)?"""
    like = next(
        year
        for year in _CALENDAR_YEARS
        if calendar.weekday(year, 1, 1) == first and calendar.isleap(year) == leap
    )
    return any(_days(days, like, month) for month in sorted(days.months))


def _too_rare(text: str) -> str:
    return (
        f"must name a day that comes at least every {YEARS_BETWEEN_MAX} years;"
        f" the days of {text.strip()!r} do not"
    )
