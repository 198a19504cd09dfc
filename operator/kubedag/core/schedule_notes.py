"""The Events about a DAG's schedule that follow from a change of its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import actions, due, reasons_elsewhere, rows, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NORMAL: Final = "Normal"
WARNING: Final = "Warning"

_TOLD_ELSEWHERE: Final = frozenset({reasons_elsewhere.NOT_READY.name})
"""Why it is not, is an Event of its own."""
_AS_ASKED_FOR: Final = frozenset({reasons_elsewhere.SUSPENDED.name, reasons_elsewhere.ENDED.name})

SKIPPED_BECAUSE: Final[Mapping[str, str]] = {
    "CatchupNone": "missed, and catchup is None",
    "CatchupLatest": "missed, and catchup is Latest, which runs the newest one",
    "CatchupLimit": "more were missed than catchupLimit",
    "StartingDeadline": "they ended longer ago than startingDeadlineSeconds",
    "Forbidden": "other runs were active, and concurrencyPolicy is Forbid",
    "NameTaken": "another DAGRun has its name",
}
_AS_CONFIGURED: Final = frozenset({"CatchupNone", "CatchupLatest", "Forbidden"})


def of_dag(old: rows.DAGStatus, new: rows.DAGStatus) -> Iterator[actions.Note]:
    """What became of its schedule."""
    if old.schedule and new.schedule and old.schedule != new.schedule:
        yield actions.Note(NORMAL, "ScheduleChanged", _changed(old, new))
    skipped, before = new.last_skipped, old.last_skipped
    if skipped is not None and not (before and _goes_on(before, skipped)):
        kind = NORMAL if skipped.reason in _AS_CONFIGURED else WARNING
        yield actions.Note(kind, "IntervalsSkipped", _skipped(skipped))
    yield from _condition(old.condition(rows.SCHEDULED), new.condition(rows.SCHEDULED))


def _changed(old: rows.DAGStatus, new: rows.DAGStatus) -> str:
    said = f"from {old.schedule} to {new.schedule}"
    if new.next_run is None:
        return said
    return f"{said}; the next run is for {new.next_run.start_time} to {new.next_run.end_time}"


def _goes_on(before: rows.SkippedIntervals, skipped: rows.SkippedIntervals) -> bool:
    """Is it the same stretch, which may have got longer? That is told only once."""
    return (before.start_time, before.reason) == (skipped.start_time, skipped.reason)


def _skipped(skipped: rows.SkippedIntervals) -> str:
    count = skipped.intervals
    more = "or more " if count == due.SKIPPED_COUNTED_MAX else ""
    what = "1 interval gets" if count == 1 else f"{count} {more}intervals get"
    why = SKIPPED_BECAUSE.get(skipped.reason, skipped.reason)
    return f"{what} no run, {skipped.start_time} to {skipped.end_time}: {why}"


def _condition(
    before: rows.Condition | None, after: rows.Condition | None
) -> Iterator[actions.Note]:
    if after is None or (
        before and (before.status, before.reason) == (after.status, after.reason)
    ):
        return
    if after.status == rows.TRUE:
        if before is not None and before.reason not in _TOLD_ELSEWHERE:
            yield actions.Note(NORMAL, "ScheduleResumed", f"{after.message} again")
    elif after.reason not in _TOLD_ELSEWHERE:
        kind = NORMAL if after.reason in _AS_ASKED_FOR else WARNING
        yield actions.Note(kind, after.reason, words.one_line(after.message))
