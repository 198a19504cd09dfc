"""The finished runs of one DAG, in order, so that thousands of them cost a decision nothing.

Whatever a decision asks of them (the oldest, the last, the one before a given run, the revisions that
they keep alive) is answered without a look at each. It changes only where a run ends or goes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

MESSAGE_CHARS_MAX: Final = 300
Order = tuple[str, str, str]
"""The time that a run stands for, that of its creation, and its name."""
Item = TypeVar("Item", Order, tuple[str, Order])


OF_SCHEDULE: Final = frozenset({"Scheduled", "Catchup"})
"""The types of the runs that a schedule creates."""
_RERUN_ID_OF_BACKFILL: Final = re.compile(
    r"backfill-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def is_of_backfill(rerun_id: str) -> bool:
    """Is it the id of a wish to run again that a Backfill has? It names its UID; no person's does."""
    return _RERUN_ID_OF_BACKFILL.fullmatch(rerun_id) is not None


ENDED_FROM_OUTSIDE: Final = frozenset({"Replaced", "Stopped", "Terminated"})
"""What a newer run or a person ended says nothing about the DAG."""


class RunSummary(NamedTuple):
    """What a DAG's decision needs to know of one of its runs."""

    name: str
    uid: str
    order: Order
    revision: str = ""
    state: str = ""
    started: bool = False
    finished: bool = False
    succeeded: bool = False
    completion_time: str | None = None
    deleting: bool = False
    suspended: bool = False
    run_type: str = "Manual"
    interval_start: str = ""
    interval_end: str = ""
    rerun_id: str = ""
    """Of the last wish to run again that was fulfilled."""
    reruns_done: tuple[str, ...] = ()
    """The ids of all that were, as far as they are remembered."""
    rerun_wanted: str = ""
    """Of the wish that is there now, fulfilled or not."""
    marks_wanted: bool = False
    """It has marks of tasks that are still to be set."""
    backfill_uid: str = ""
    message: str = ""
    """Of one that has failed: why, at most `MESSAGE_CHARS_MAX`."""
    held: str = ""
    """Of one that waits to start, or to run again: for what, at most `MESSAGE_CHARS_MAX`."""
    refused: bool = False
    """It cannot run again as is asked for, and will not until somebody asks for something else."""

    @property
    def is_to_rerun(self) -> bool:
        """Is it to run again, and has not begun to?"""
        return self.has_wish or self.marks_wanted

    @property
    def waits_to_rerun(self) -> bool:
        """Is it to run again, and may be in time? What is refused for good waits for nothing."""
        return self.is_to_rerun and not self.refused

    @property
    def has_wish(self) -> bool:
        """Has it a wish to run again that is not fulfilled?"""
        return bool(self.rerun_wanted) and not self.has_fulfilled(self.rerun_wanted)

    def has_fulfilled(self, wish: str) -> bool:
        """Has it run again for the wish with this id, as far as that is remembered?"""
        return wish in (self.rerun_id, *self.reruns_done)

    @property
    def of_schedule(self) -> bool:
        """Was it created by a schedule, for an interval?"""
        return self.run_type in OF_SCHEDULE and bool(self.interval_end)

    @property
    def made_for_interval(self) -> bool:
        """Was it created by a schedule or a Backfill, which give no interval two runs?"""
        return self.of_schedule or (self.run_type == "Backfill" and bool(self.interval_end))

    @property
    def of_backfill(self) -> bool:
        """Does it run for a Backfill?"""
        return self.run_type == "Backfill" or is_of_backfill(self.rerun_wanted)

    @property
    def counts(self) -> bool:
        """Does its end tell whether the DAG works? Those of a Backfill are another matter."""
        of_backfill = self.run_type == "Backfill" or is_of_backfill(self.rerun_id)
        return self.started and not of_backfill and self.state not in ENDED_FROM_OUTSIDE

    @property
    def ended(self) -> str:
        """When it ended; one that never started is as old as its creation."""
        return self.completion_time or self.order[1]


class History:
    """Finished runs, by how and when they ended."""

    __slots__ = (
        "_counted", "_ends", "_intervals", "_made", "_orders", "_revisions", "_runs", "_to_rerun",
    )  # fmt: skip

    def __init__(self) -> None:
        self._runs: dict[str, RunSummary] = {}
        self._ends: dict[bool, list[tuple[str, Order]]] = {True: [], False: []}
        self._counted: dict[bool, list[tuple[str, Order]]] = {True: [], False: []}
        self._intervals: list[tuple[str, str, str]] = []
        """Of the runs that the schedule created: end, start and name."""
        self._made: list[tuple[str, str, str]] = []
        """And of those for Backfills as well."""
        self._orders: list[Order] = []
        self._revisions: Counter[str] = Counter()
        self._to_rerun: set[str] = set()

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[RunSummary]:
        return iter(self._runs.values())

    @property
    def revisions(self) -> AbstractSet[str]:
        """Those that the runs were made from."""
        return self._revisions.keys()

    def put(self, run: RunSummary) -> None:
        """Take in a finished run, or what is new about it."""
        assert run.finished
        if self._runs.get(run.name) == run:
            return
        self.drop(run.name)
        self._runs[run.name] = run
        insort(self._orders, run.order)
        self._revisions[run.revision] += 1
        if run.waits_to_rerun and not run.deleting:
            self._to_rerun.add(run.name)
        for intervals in self._lists_of(run):
            insort(intervals, (run.interval_end, run.interval_start, run.name))
        if run.counts:
            insort(self._counted[run.succeeded], (run.ended, run.order))
        if not run.deleting:
            insort(self._ends[run.succeeded], (run.ended, run.order))

    def drop(self, name: str) -> None:
        """Forget a run."""
        run = self._runs.pop(name, None)
        if run is None:
            return
        _take(self._orders, run.order)
        self._to_rerun.discard(name)
        self._revisions[run.revision] -= 1
        if not self._revisions[run.revision]:
            del self._revisions[run.revision]
        for intervals in self._lists_of(run):
            _take(intervals, (run.interval_end, run.interval_start, run.name))
        if run.counts:
            _take(self._counted[run.succeeded], (run.ended, run.order))
        if not run.deleting:
            _take(self._ends[run.succeeded], (run.ended, run.order))

    @property
    def to_rerun(self) -> int:
        """How many wait to run again."""
        return len(self._to_rerun)

    def count(self, *, succeeded: bool) -> int:
        """How many have ended so, and are not being deleted."""
        return len(self._ends[succeeded])

    def oldest(self, *, succeeded: bool) -> Iterator[RunSummary]:
        """Those that have ended so and are not being deleted, the first to end first."""
        return (self._runs[order[2]] for _, order in self._ends[succeeded])

    def last(self) -> RunSummary | None:
        """The one that ended last, of those that are not being deleted."""
        ends = [of_kind[-1] for of_kind in self._ends.values() if of_kind]
        return self._runs[max(ends)[1][2]] if ends else None

    def before(self, order: Order) -> RunSummary | None:
        """The last of those that come before, in the order of the times they stand for."""
        index = bisect_left(self._orders, order)
        return self._runs[self._orders[index - 1][2]] if index else None

    def get(self, name: str) -> RunSummary | None:
        """The run of that name."""
        return self._runs.get(name)

    def latest_interval(self) -> tuple[str, str] | None:
        """Start and end of the interval that ends last, of the runs that the schedule created."""
        if not self._intervals:
            return None
        end, start, _ = self._intervals[-1]
        return start, end

    def covers(self, start: str, end: str) -> bool:
        """Did the schedule, or a Backfill, create a run for an interval that this one lies in?"""
        index = bisect_left(self._made, (end, "", ""))
        return any(start_ <= start for _, start_, _ in self._made[index:])

    def _lists_of(self, run: RunSummary) -> list[list[tuple[str, str, str]]]:
        if run.of_schedule:
            return [self._intervals, self._made]
        return [self._made] if run.made_for_interval else []

    def failures(self, since: str) -> int:
        """How many of the last runs in a row failed, of those that ended later than that."""
        return len(self._counted[False]) - self._streak_index(since)

    def succeeded_since(self, stamp: str) -> bool:
        """Has a run that counts ended well then or later?"""
        succeeded = self._counted[True]
        return bool(succeeded) and _ended(succeeded[-1]) >= stamp

    def in_streak(self, run: RunSummary, since: str, most: int) -> bool:
        """Is it one of the newest of these?"""
        failed = self._counted[False]
        begin = max(self._streak_index(since), len(failed) - most)
        if run.succeeded or not run.counts or begin == len(failed):
            return False
        return (run.ended, run.order) >= failed[begin]

    def _streak_index(self, since: str) -> int:
        failed, succeeded = self._counted[False], self._counted[True]
        after_success = bisect_left(failed, succeeded[-1]) if succeeded else 0
        return max(after_success, bisect_right(failed, since, key=_ended))


def _ended(counted: tuple[str, Order]) -> str:
    return counted[0]


def _take(ordered: list[Item], item: Item) -> None:
    """Remove an item from an ordered list."""
    del ordered[bisect_left(ordered, item)]
