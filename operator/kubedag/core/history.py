"""The finished runs of one DAG, in order, so that thousands of them cost a decision nothing.

Whatever a decision asks of them (the oldest, the last, the one before a given run, the revisions that
they keep alive) is answered without a look at each. It changes only where a run ends or goes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

MESSAGE_CHARS_MAX: Final = 300
Order = tuple[str, str, str]
"""The time that a run stands for, that of its creation, and its name."""


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
    rerun_wanted: str = ""
    """Of the wish that is there now, fulfilled or not."""
    backfill_uid: str = ""
    message: str = ""
    """Of one that has failed: why, at most `MESSAGE_CHARS_MAX`."""

    @property
    def is_to_rerun(self) -> bool:
        """Is it to run again, and has not begun to?"""
        return bool(self.rerun_wanted) and self.rerun_wanted != self.rerun_id

    @property
    def ended(self) -> str:
        """When it ended; one that never started is as old as its creation."""
        return self.completion_time or self.order[1]


class History:
    """Finished runs, by how and when they ended."""

    __slots__ = ("_ends", "_orders", "_revisions", "_runs")

    def __init__(self) -> None:
        self._runs: dict[str, RunSummary] = {}
        self._ends: dict[bool, list[tuple[str, Order]]] = {True: [], False: []}
        self._orders: list[Order] = []
        self._revisions: Counter[str] = Counter()

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
        if not run.deleting:
            insort(self._ends[run.succeeded], (run.ended, run.order))

    def drop(self, name: str) -> None:
        """Forget a run."""
        run = self._runs.pop(name, None)
        if run is None:
            return
        del self._orders[bisect_left(self._orders, run.order)]
        self._revisions[run.revision] -= 1
        if not self._revisions[run.revision]:
            del self._revisions[run.revision]
        if not run.deleting:
            ends = self._ends[run.succeeded]
            del ends[bisect_left(ends, (run.ended, run.order))]

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
