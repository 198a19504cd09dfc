"""Time as values: RFC 3339 strings with seconds in UTC, the resolution that Kubernetes itself uses.

Strings of this one form compare as the instants do, so rows need no parsing to be ordered.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache


def text(instant: datetime) -> str:
    """`2026-01-31T06:00:00Z`."""
    return _in_utc(instant.astimezone(UTC))


@lru_cache(maxsize=4096)
def _in_utc(instant: datetime) -> str:
    """One decision writes its own time a dozen times; in other zones, equal ones may differ."""
    return instant.isoformat(timespec="seconds")[: -len("+00:00")] + "Z"


def compact(instant: datetime) -> str:
    """`20260131T060000Z`, the basic form of ISO 8601: for names and labels, which take no colon."""
    return text(instant).replace("-", "").replace(":", "")


@lru_cache(maxsize=4096)
def parse(stamp: str) -> datetime:
    """The instant that an RFC 3339 string names.

    One without an offset is in UTC: what it means must not depend on the zone of the container.
    """
    found = datetime.fromisoformat(stamp)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def after(stamp: str, seconds: int) -> datetime:
    """The instant that many seconds after a recorded one."""
    return parse(stamp) + timedelta(seconds=seconds)


def deadline(stamp: str, seconds: int) -> datetime:
    """The instant at which that many seconds have surely passed since a recorded one.

    The fraction of a second that a stamp was cut by would make it early; late is no lie.
    """
    return parse(stamp) + timedelta(seconds=seconds + 1)


def seconds_between(start: str, end: str) -> int:
    """Whole seconds from one recorded instant to another, never negative."""
    return max(0, int((parse(end) - parse(start)).total_seconds()))


def duration(seconds: int) -> str:
    """`45s`, `3m7s`, `2h5m`, `3d4h`: the way kubectl writes ages."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour}h" if hour else f"{days}d"
    if hours:
        return f"{hours}h{minute}m" if minute else f"{hours}h"
    if minutes:
        return f"{minutes}m{second}s" if second else f"{minutes}m"
    return f"{second}s"
