"""The intervals of a Backfill, and which of the DAG's runs covers each of them.

All are kept as the instants between them, in the one form in which their texts order as they do: of
10,000 intervals that is a megabyte, and whatever is asked about them costs no arithmetic on dates.
To find them costs a second if the schedule is an odd one, so it is done in pieces.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import instants, schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kubedag.core.history import RunSummary

INTERVALS_MAX: Final = 10_000
PIECE_INTERVALS: Final = 50
"""So many are found at once: in 10 milliseconds, if the schedule has ten expressions."""
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


class Span(NamedTuple):
    """What the intervals follow from: those of a schedule that lie wholly between two instants."""

    schedule: schedule.Schedule
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Sketch:
    """The plan that a Backfill asks for; `plan` is None as long as it is being made."""

    revision: str
    start_time: str
    """The instant by which its intervals have ended."""
    span: Span | None
    plan: Plan | None = None


def draw(of: Span) -> Iterator[Plan | None]:
    """The intervals, piece by piece: None after each but the last, and then the plan."""
    start, end = instants.parse(of.start), instants.parse(of.end)
    bounds: list[str] = []
    while len(bounds) <= INTERVALS_MAX + 1:
        found = schedule.intervals(of.schedule, start, end, PIECE_INTERVALS)
        if found and not bounds:
            bounds.append(instants.text(found[0].start))
        bounds += [instants.text(one.end) for one in found]
        if len(found) < PIECE_INTERVALS:
            break
        start = found[-1].end
        yield None
    if len(bounds) > INTERVALS_MAX + 1:
        yield Plan(too_many=True)
        return
    place = {bound: index for index, bound in enumerate(bounds[:-1])}
    yield Plan(tuple(bounds), place=place)


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
