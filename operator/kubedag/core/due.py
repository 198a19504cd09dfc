"""Which intervals of a schedule are to get a run now, and which never will.

An interval is due once it has ended, and missed once a newer one is due as well: whether the operator
was down, the DAG suspended or startTime in the past makes no difference. What becomes of missed ones
is what `spec.schedule.catchup` says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import schedule as schedules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedag.api import schedule as api

DEADLINE_SECONDS_OF_NONE: Final = 300
SKIPPED_COUNTED_MAX: Final = 1000
"""Of the intervals of ten years of minutes nobody needs the exact number."""


class Policy(NamedTuple):
    """What a schedule says about missed intervals."""

    catchup: str
    limit: int
    deadline_seconds: int | None

    @property
    def most(self) -> int:
        """How many intervals may get a run at once: the newest one, and what is caught up on."""
        return 1 + (self.limit if self.catchup == "All" else 0)

    @property
    def lateness_max(self) -> timedelta | None:
        """How long after the end of its interval a run may be created."""
        seconds = self.deadline_seconds
        if seconds is None and self.catchup == "None":
            seconds = DEADLINE_SECONDS_OF_NONE
        return None if seconds is None else timedelta(seconds=seconds)


class Skipped(NamedTuple):
    """Intervals that follow each other and get no run."""

    start: datetime
    end: datetime
    intervals: int
    reason: str

    def joined(self, start: datetime, end: datetime, reason: str) -> Skipped | None:
        """With one more that follows for the same reason; None if that is another matter."""
        if (self.end, self.reason) != (start, reason):
            return None
        return Skipped(self.start, end, min(self.intervals + 1, SKIPPED_COUNTED_MAX), reason)


class Due(NamedTuple):
    """What is due, oldest first: what is too old for a run, and then what is to get one."""

    missed: tuple[schedules.Interval, ...] = ()
    """At most SKIPPED_COUNTED_MAX, the newest ones."""
    reason: str = ""
    """Why these get no run."""
    older: Skipped | None = None
    """And what there is before them, of which only the number is known."""
    wanted: tuple[schedules.Interval, ...] = ()


MISSED: Final[Mapping[str, str]] = {
    "None": "CatchupNone",
    "Latest": "CatchupLatest",
    "All": "CatchupLimit",
}
"""Why an interval that was missed gets no run."""


def policy(said: api.Schedule) -> Policy:
    """What the DAG says."""
    return Policy(said.catchup.value, said.catchup_limit, said.starting_deadline_seconds)


def due(schedule: schedules.Schedule, policy_: Policy, handled: datetime, now: datetime) -> Due:
    """What has ended since `handled`, until which everything has its run or was skipped."""
    first = schedules.next_interval(schedule, handled)
    if first is None or first.end > now:
        return Due()
    if policy_.most == 1:
        found = schedules.newest_due(schedule, handled, now, 1)
        if found == (first,) and not _late(found, policy_, now):
            return Due(wanted=found)  # as a rule, so a thousand DAGs of one moment cost little
    most = policy_.most + SKIPPED_COUNTED_MAX
    found = schedules.newest_due(schedule, handled, now, most)
    candidates = found[-policy_.most :]
    late = _late(candidates, policy_, now)
    wanted = candidates[late:]
    missed = found[: len(found) - len(wanted)][-SKIPPED_COUNTED_MAX:]
    if not missed:
        return Due(wanted=wanted)
    told = late and not (policy_.catchup == "None" and policy_.deadline_seconds is None)
    reason = "StartingDeadline" if told else MISSED[policy_.catchup]
    older, begin = None, missed[0].start
    if begin > first.start:
        count = schedules.count_due(schedule, handled, begin, SKIPPED_COUNTED_MAX)
        older = Skipped(first.start, begin, count, reason)
    return Due(missed, reason, older, wanted)


def _late(found: Sequence[schedules.Interval], policy_: Policy, now: datetime) -> int:
    """How many of them, the oldest first, ended too long ago."""
    most = policy_.lateness_max
    if most is None:
        return 0
    return sum(now - interval.end > most for interval in found)
