"""What a cron expression must look like, and what to tell people whose expression does not.

Stricter than croniter: seconds, hashes and random values are not for schedules that have to be the
same whenever they are computed, and what every cron reads differently is better written otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from croniter import CroniterError, croniter  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALIASES: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_SHOWN_CHARS_MAX: Final = 40


class _Field(NamedTuple):
    name: str
    values: str
    size: int
    names: tuple[str, ...] = ()


_MONTHS: Final = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    _Field("minute", "0 to 59", 60),
    _Field("hour", "0 to 23", 24),
    _Field("day of month", "1 to 31, L (the last day) or 15W (the weekday nearest to it)", 31),
    _Field(
        "month",
        "1 to 12 or jan to dec",
        12,
        ("", *_MONTHS),
    ),
    _Field(
        "day of week",
        "0 to 7 (0 and 7 are Sunday), sun to sat, 1#2 (the second Monday) or L5 (the last Friday)",
        7,
        _WEEKDAYS,
    ),
)
_DAY_OF_MONTH: Final = 2
_DAY_OF_WEEK: Final = 4

_SHAPE: Final = re.compile(r"[0-9a-z*/,#?-]+")
_HASHED: Final = re.compile(r"[hr](\(.*)?(/.*)?")
_RANGE: Final = re.compile(r"(\w+)-(\w+)(/\d+)?", re.ASCII)
_STEP: Final = re.compile(r"/(\d+)$")
_LAST_WEEKDAY: Final = re.compile(
    r"([0-7]|sun|mon|tue|wed|thu|fri|sat)l|l(sun|mon|tue|wed|thu|fri|sat)"
)


def normal(text: str) -> str:
    """The expression with single spaces."""
    return " ".join(text.split())


def five_fields(text: str) -> str:
    """The expression in five fields and small letters."""
    words = normal(text).lower()
    return ALIASES.get(words, words)


def nearest_weekday(text: str) -> int | None:
    """Of `15W`, 15."""
    day = five_fields(text).split(" ")[_DAY_OF_MONTH]
    return int(day.strip("w")) if "w" in day else None


def mistake(text: str) -> str | None:
    """What an expression must be instead ("must …"); None if it can be read."""
    if not text.isascii():
        return f"must be written in ASCII; {_shown(text)} is not"
    fields = five_fields(text).split(" ")
    if fields[0].startswith("@"):
        known = ", ".join(ALIASES)
        return f"must be five fields, or one of {known}; {_shown(text)} is neither"
    if len(fields) != len(_FIELDS):
        return _not_five(text, len(fields))
    return next(_mistakes(fields), None)


def _not_five(text: str, count: int) -> str:
    must = f"must have five fields ({', '.join(field.name for field in _FIELDS)})"
    if not text.strip():
        return must
    hint = ": there are no seconds and no years" if count in {6, 7} else ""
    if "tz=" in text.lower():
        hint = ": the time zone has its own place, timeZone"
    return f"{must}{hint}; {_shown(text)} has {count}"


def _mistakes(fields: list[str]) -> Iterator[str]:
    named = tuple(zip(_FIELDS, fields, strict=True))
    for field, written in named:
        why = _wrong(field, written)
        if why is not None:
            yield _in_field(field, written, why)
    together = _wrong_together(fields[_DAY_OF_MONTH], fields[_DAY_OF_WEEK])
    if together is not None:
        yield together
    if not _croniter_takes(fields):
        for index, (field, written) in enumerate(named):
            if not _croniter_takes(["*"] * index + [written] + ["*"] * (len(fields) - index - 1)):
                yield _in_field(field, written, _in_general(field))
        yield f"must be a cron expression; {_shown(' '.join(fields))} is none"


def _in_field(field: _Field, written: str, must: str) -> str:
    return f"must have in its {field.name} field {must}; {_shown(written)} is none of that"


def _wrong(field: _Field, written: str) -> str | None:
    """What a field must have instead, as far as croniter does not tell."""
    if _HASHED.fullmatch(written):
        return "a value that is written out (H and R are chosen by a program)"
    items = written.split(",")
    for item in items:
        why = _wrong_item(field, item)
        if why is not None:
            return why
    if field.names != _WEEKDAYS:
        return None
    if any(map(_LAST_WEEKDAY.fullmatch, items)):
        return "L before the day (L5 is the last Friday of the month) and the day as a number"
    if 0 < sum(map(_is_nth, items)) < len(items):
        return "either days of the week, or those of one week of the month (1#2, L5), not both"
    return None


def _in_general(field: _Field) -> str:
    return f"*, {field.values}, a range such as 1-5, a step such as */2, or a list of these"


def _wrong_item(field: _Field, item: str) -> str | None:
    if not _SHAPE.fullmatch(item):
        return _in_general(field)
    step = _STEP.search(item)
    if step and int(step[1]) > field.size:
        return f"a step of at most {field.size} (each {_WHOLE[field.name]} begins anew)"
    between = _RANGE.fullmatch(item)
    low, high = (_number(field, side) for side in between.group(1, 2)) if between else (None, None)
    return None if low is None or high is None else _wrong_range(field, low, high, step)


def _wrong_range(field: _Field, low: int, high: int, step: object) -> str | None:
    """For croniter 5-5 is all values there are, and it loses count of 21-4/2 past midnight."""
    if field.names == _WEEKDAYS and (low, high) == (0, 7):
        return None
    if low == high or (field.names == _WEEKDAYS and low % 7 == high % 7):
        return "a range between two different values, or the one value alone"
    if low > high and step:
        return "a list of the values instead of a range that goes past the end in steps"
    return None


_WHOLE: Final[Mapping[str, str]] = {
    "minute": "hour",
    "hour": "day",
    "day of month": "month",
    "month": "year",
    "day of week": "week",
}


def _number(field: _Field, side: str) -> int | None:
    if side.isdigit():
        return int(side)
    return field.names.index(side) if side in field.names else None


def _is_nth(item: str) -> bool:
    return "#" in item or item.startswith("l")


def _croniter_takes(fields: list[str]) -> bool:
    try:
        croniter.expand(" ".join(fields))
    except (CroniterError, ValueError, TypeError, KeyError):
        return False
    return True


def _wrong_together(of_month: str, of_week: str) -> str | None:
    """Two days are "or", but for croniter not with these; nobody could tell what was meant."""
    if {of_month, of_week} & {"*", "?"}:
        return None
    if "w" in of_month or any(map(_is_nth, of_week.split(","))):
        return (
            "must leave the day of month or the day of week open (*) beside W, # and L5;"
            f" {_shown(f'{of_month} … {of_week}')} has both"
        )
    return None


def _shown(text: str) -> str:
    if len(text) > _SHOWN_CHARS_MAX:
        text = f"{text[: _SHOWN_CHARS_MAX - 1]}…"
    return repr(text)
