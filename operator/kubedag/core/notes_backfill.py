"""The Events of a Backfill: that it was planned, the first runs that failed, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import actions, notes_notices, rows, words
from kubedag.core.notes import NORMAL, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedag.core.backfill_rows import BackfillStatus

FAILURES_TOLD_MAX: Final = 5


def of_backfill(old: BackfillStatus, new: BackfillStatus) -> tuple[actions.Note, ...]:
    """What became of it between two of its stored statuses."""
    told = (
        *_planned(old, new),
        *_failures(old, new),
        *notes_notices.of(old, new),
        *_end(old, new),
    )
    return tuple(
        actions.Note(note.type, note.reason, words.one_line(note.message)) for note in told
    )


def _planned(old: BackfillStatus, new: BackfillStatus) -> Iterator[actions.Note]:
    found = new.intervals
    if found is None or (old.start_time == new.start_time and old.intervals is not None):
        return
    condition = new.condition(rows.SUCCEEDED_CONDITION)
    said = f"{found.total} interval{'s' * (found.total != 1)} by revision {new.revision}"
    if condition is not None and condition.reason == "DryRun":
        said = f"{said}; {condition.message}"
    elif found.skipped:
        said = f"{said}, of which {found.skipped} are left alone"
    yield actions.Note(NORMAL, "BackfillPlanned", said)


def _failures(old: BackfillStatus, new: BackfillStatus) -> Iterator[actions.Note]:
    known = {one.run_name for one in old.failures}
    room = FAILURES_TOLD_MAX - len(known)
    fresh = [one for one in new.failures if one.run_name not in known]
    for one in fresh[: max(0, room)]:
        said = f"run {one.run_name} for {one.start_time} failed"
        yield actions.Note(
            WARNING, "IntervalFailed", f"{said}: {one.message}" if one.message else said
        )


def _end(old: BackfillStatus, new: BackfillStatus) -> Iterator[actions.Note]:
    if not new.finished or old.finished:
        return
    ended = new.condition(rows.SUCCEEDED_CONDITION)
    assert ended is not None
    kind = NORMAL if ended.status == rows.TRUE else WARNING
    yield actions.Note(kind, _ENDS.get(ended.reason, "BackfillFailed"), ended.message)


_ENDS: Final = {"Succeeded": "BackfillSucceeded", "Cancelled": "BackfillCancelled"}
