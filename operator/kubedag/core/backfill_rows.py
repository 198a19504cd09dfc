"""The status of a Backfill, as it is stored; `api.backfill` has the same as types for readers."""

from __future__ import annotations

from kubedag.core import rows


class IntervalCounts(rows.Record, frozen=True, omit_defaults=False):
    """How many intervals are in which state."""

    total: int = 0
    planned: int = 0
    queued: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0


class IntervalRange(rows.Record, frozen=True):
    """Intervals that follow each other and are in the same state."""

    start_time: str
    end_time: str
    intervals: int
    state: str
    reason: str = ""
    run_name: str = ""


class BackfillFailure(rows.Record, frozen=True):
    """An interval whose run failed."""

    run_name: str
    start_time: str
    message: str = ""


class BackfillStatus(rows.Record, frozen=True):
    """The whole status of a Backfill."""

    observed_generation: int = 0
    conditions: tuple[rows.Condition, ...] = ()
    revision: str = ""
    start_time: str | None = None
    completion_time: str | None = None
    estimated_completion_time: str | None = None
    progress: str = ""
    percent: int | None = None
    intervals: IntervalCounts | None = None
    ranges: tuple[IntervalRange, ...] = ()
    failures: tuple[BackfillFailure, ...] = ()
    notifications: tuple[rows.Notification, ...] = ()

    def condition(self, type_: str) -> rows.Condition | None:
        """The condition of that type, or None."""
        for condition in self.conditions:
            if condition.type == type_:
                return condition
        return None

    @property
    def finished(self) -> bool:
        """True once it is over, for good."""
        condition = self.condition(rows.FINISHED)
        return condition is not None and condition.status == rows.TRUE
