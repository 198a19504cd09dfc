"""The intervals of a Backfill, and which of the DAG's runs covers each of them.

All are kept as the instants between them, in the one form in which their texts order as they do: of
20,000 intervals that is a megabyte, and whatever is asked about them costs no arithmetic on dates.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kubedag.core import instants, schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubedag.core.history import RunSummary

INTERVALS_MAX: Final = 20_000
PLANS_KEPT_MAX: Final = 16
_CANONICAL_CHARS: Final = len("2026-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Intervals that follow each other: number i lies between bounds i and i + 1."""

    bounds: tuple[str, ...] = ()
    too_many: bool = False
    """There are more than `INTERVALS_MAX`, and none is here."""
    place: dict[str, int] = field(default_factory=dict)
    """The number of each interval, by its start."""

    @property
    def total(self) -> int:
        """How many intervals there are."""
        return max(0, len(self.bounds) - 1)

    def within(self, start: str, end: str) -> range:
        """The numbers of the intervals that lie wholly between two instants."""
        first = self.place.get(start)
        if first is not None and self.bounds[first + 1] == end:
            return range(first, first + 1)
        last = bisect_right(self.bounds, end) - 1
        return range(bisect_left(self.bounds, start), min(last, self.total))


@lru_cache(maxsize=PLANS_KEPT_MAX)
def plan(of: schedule.Schedule, start: str, end: str) -> Plan:
    """The intervals of a schedule that lie wholly between two instants."""
    found = schedule.intervals(of, instants.parse(start), instants.parse(end), INTERVALS_MAX + 1)
    if len(found) > INTERVALS_MAX:
        return Plan(too_many=True)
    bounds = [instants.text(one.start) for one in found]
    if found:
        bounds.append(instants.text(found[-1].end))
    return Plan(tuple(bounds), place={bound: index for index, bound in enumerate(bounds[:-1])})


def canonical(stamp: str) -> str:
    """An instant as this operator writes it, whoever wrote it and in which zone."""
    if len(stamp) == _CANONICAL_CHARS and stamp[-1] == "Z":
        return stamp
    return instants.text(instants.parse(stamp))


def cover(of: Plan, groups: Iterable[Iterable[RunSummary]]) -> list[RunSummary | None]:
    """For each interval the run that covers it; runs of earlier groups count before later ones.

    Within a group the first counts. Each interval is given away once, however many runs there are.
    """
    covers: list[RunSummary | None] = [None] * of.total
    free = list(range(of.total + 1))
    """Where to look for the next interval that has no run; shortened as it is followed."""
    for runs in groups:
        for run in runs:
            if not run.interval_start or not run.interval_end:
                continue
            numbers = of.within(canonical(run.interval_start), canonical(run.interval_end))
            if numbers:
                _paint(covers, free, numbers, run)
    return covers


def _paint(
    covers: list[RunSummary | None], free: list[int], numbers: range, run: RunSummary
) -> None:
    index = _next_free(free, numbers.start)
    while index < numbers.stop:
        covers[index] = run
        free[index] = index + 1
        index = _next_free(free, index + 1)


def _next_free(free: list[int], index: int) -> int:
    while free[index] != index:
        free[index] = free[free[index]]
        index = free[index]
    return index


def chunks(covered: Sequence[object], per_run: int) -> list[range]:
    """The intervals without a run, in stretches of at most so many that follow each other."""
    found: list[range] = []
    start: int | None = None
    for index, run in enumerate(covered):
        if run is None and start is None:
            start = index
        if start is not None and (run is not None or index - start == per_run):
            found.append(range(start, index))
            start = index if run is None else None
    if start is not None:
        found.append(range(start, len(covered)))
    return found
