"""When a DAG runs by itself: instants, and between each two of them an interval of data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final

from pydantic import Field, StringConstraints

from kubedag.api.common import Seconds, Spec, Time
from kubedag.api.enums import Catchup
from kubedag.api.lists import set_list
from kubedag.api.rules import Rule, Ruled

CRONS_MAX: Final = 10
CATCHUP_LIMIT_MAX: Final = 1000

Cron = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def starts_before_it_ends(start: str | None, end: str | None) -> bool:
    """Are both instants there, and in this order? One that is missing is in order."""
    if start is None or end is None:
        return True
    return datetime.fromisoformat(start) < datetime.fromisoformat(end)


class Schedule(Ruled, Spec):
    """The instants between which the intervals lie, and what becomes of those that were missed.

    A run covers the time from one instant to the next, and starts when that time is over.
    """

    cron: Cron | None = None
    """cron says when: five fields (minute, hour, day of month, month, day of week), or @hourly,
    @daily, @midnight, @weekly, @monthly, @yearly or @annually. A day of the month may be L (the last
    one) or 15W (the weekday nearest to it), a day of the week 1#2 (the second Monday) or L5 (the last
    Friday). There are neither seconds nor hashes."""
    crons: Annotated[tuple[Cron, ...], *set_list(most=CRONS_MAX)] = ()
    """crons are several of these at once, instead of cron; all their instants count."""
    time_zone: TimeZone = "Etc/UTC"
    """timeZone is the IANA time zone of the clock that the cron expressions are about, such as
    Europe/Amsterdam."""
    start_time: Time | None = None
    """startTime is when the first interval may start. Without one, the first interval is the one in
    which the DAG was created."""
    end_time: Time | None = None
    """endTime is when the last interval must have ended."""
    catchup: Catchup = Catchup.LATEST
    """catchup says what becomes of intervals that ended while no run could be created for them,
    because startTime is in the past, the DAG was suspended, or the operator was down: None runs
    none of them, Latest the newest one, and All all of them, oldest first, up to catchupLimit."""
    catchup_limit: Annotated[int, Field(strict=True, ge=1, le=CATCHUP_LIMIT_MAX)] = 100
    """catchupLimit is how many missed intervals All runs at most: the newest ones."""
    starting_deadline_seconds: Seconds | None = None
    """startingDeadlineSeconds is how long after the end of its interval a run may still be created.
    Without one there is no limit, but for catchup None, with which it is 300."""

    rules: ClassVar = (
        Rule(
            "be set, or crons, but not both",
            cel="has(self.cron) != (has(self.crons) && size(self.crons) > 0)",
            holds=lambda schedule: (schedule.cron is not None) != bool(schedule.crons),
            field="cron",
        ),
        Rule(
            "be later than startTime",
            cel="!has(self.startTime) || !has(self.endTime) || self.startTime < self.endTime",
            holds=lambda schedule: starts_before_it_ends(schedule.start_time, schedule.end_time),
            field="endTime",
        ),
    )
