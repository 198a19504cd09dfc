"""The wall clock as a value that can be handed in, so that a test or a simulation can hold it.

Only schedules and time stamps may ask it. Delays and leases use the loop's monotonic time, which no
correction of the machine's clock can turn back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """Tells what time it is."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


SYSTEM: Final[Clock] = SystemClock()


def micro_time(instant: datetime) -> str:
    """Write an instant as Kubernetes' `MicroTime` (RFC 3339, six digits, UTC)."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def second_time(instant: datetime) -> str:
    """Write an instant as Kubernetes' `Time` (RFC 3339, whole seconds, UTC)."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
