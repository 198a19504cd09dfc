"""Keeps the status of a run within what objects may hold, whatever its tasks have to say.

Log tails have a bound of their own, and the newest win. Rows that are too many for the run's own
object go into slices. If those of a slice are still too large for it, what is told elsewhere goes:
log tails first. What a decision needs, the states and the counters, is never dropped; a condition
says where the rows are, and what is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import pods, rows, slices, states

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.core import snapshot as snapshots

replace = msgspec.structs.replace

ROWS_MEASURED_FROM: Final = 12
"""Fewer rows cannot be too large: ten attempts with a message and a log tail each, all of them in
characters that JSON writes as six bytes, make 75 KiB."""

BRIEF_CHARS_MAX: Final = 100
LOG_TAILS_KIB_MAX: Final = rows.LOG_TAILS_OF_RUN_BYTES_MAX // 1024

ROWS_IN_SLICES: Final = "RowsInSlices"
DETAILS_LEFT_OUT: Final = "DetailsLeftOut"

Tasks = tuple[rows.TaskRow, ...]


def fit(status: rows.RunStatus, snap: snapshots.RunSnapshot, now: str) -> rows.RunStatus:
    """The status within its bounds; once its rows are in slices, they stay there."""
    tasks = bound_logs(status.tasks)
    if not tasks or not (
        status.slices or snap.slice_bytes_max is not None or _is_too_large_for_one(tasks)
    ):
        return _alone(replace(status, tasks=tasks) if tasks is not status.tasks else status, now)
    fitted = _each_slice(tasks, snap)
    trimmed = any(after is not before for after, before in zip(fitted, tasks, strict=True))
    trimmed = trimmed or any(map(_lacks_logs, fitted))
    found = replace(status, tasks=fitted, slices=slices.needed(len(tasks)))
    return _in_slices(found, snap, now, trimmed=trimmed)


def _is_too_large_for_one(tasks: Tasks) -> bool:
    return len(tasks) >= ROWS_MEASURED_FROM and _bytes(tasks) > slices.BYTES_MAX


def _bytes(tasks: Tasks) -> int:
    return len(msgspec.json.encode(tasks))


def _each_slice(tasks: Tasks, snap: snapshots.RunSnapshot) -> Tasks:
    """Every slice within its bounds; those that are stored as they are have been taken so."""
    bytes_max = snap.slice_bytes_max or slices.BYTES_MAX
    stored = slices.parts(snap.status.tasks) if snap.status.slices else ()
    fitted: list[rows.TaskRow] = []
    for index, part in enumerate(slices.parts(tasks)):
        known = index < len(stored) and part == stored[index]
        fitted += part if known else _trimmed(part, bytes_max)
    return tuple(fitted)


def _trimmed(part: Tasks, bytes_max: int) -> Tasks:
    for trim in TRIMS:
        if _bytes(part) <= bytes_max:
            break
        part = tuple(map(trim, part))
    return part


def _in_slices(
    status: rows.RunStatus, snap: snapshots.RunSnapshot, now: str, *, trimmed: bool
) -> rows.RunStatus:
    """The status of a run whose rows are in slices; it says where, and if details were left out."""
    old = status.condition(rows.STATUS_TRUNCATED)
    trimmed = trimmed or (old is not None and old.reason == DETAILS_LEFT_OUT)
    lacking = ", some without log tails and other details, for which there was no room"
    message = (
        f"the rows of {len(status.tasks)} tasks are in {status.slices} further objects"
        f"{lacking if trimmed else ''}: "
        f"kubectl -n {snap.run.namespace} get dagrunslices -l {pods.LABEL_RUN}={snap.run.name}"
    )
    return _told(status, DETAILS_LEFT_OUT if trimmed else ROWS_IN_SLICES, message, now)


def _told(status: rows.RunStatus, reason: str, message: str, now: str) -> rows.RunStatus:
    generation = status.observed_generation
    condition = rows.Condition(
        rows.STATUS_TRUNCATED, rows.TRUE, reason, message, observed_generation=generation
    )
    return replace(status, conditions=rows.set_condition(status.conditions, condition, now))


# --- Log tails -------------------------------------------------------------------------------


def _alone(status: rows.RunStatus, now: str) -> rows.RunStatus:
    """The status of a run whose rows are its own; it says if log tails were left out."""
    if not any(map(_lacks_logs, status.tasks)):
        return status
    message = f"the oldest log tails are left out: a run has {LOG_TAILS_KIB_MAX} KiB of them"
    return _told(status, DETAILS_LEFT_OUT, message, now)


def _lacks_logs(row: rows.TaskRow) -> bool:
    """Was a log tail left out that had been read?"""
    return _may_have_logs(row) and any(
        attempt.log is not None and attempt.log.truncated and not attempt.log.tail
        for attempt in row.attempts
    )


def _may_have_logs(row: rows.TaskRow) -> bool:
    return bool(row.user_failures or row.infra_failures or row.earlier_attempts)


def bound_logs(tasks: Tasks, bytes_max: int = rows.LOG_TAILS_OF_RUN_BYTES_MAX) -> Tasks:
    """Empty the oldest log tails until the others fit."""
    found = [
        (attempt.finish_time or "", index, attempt.number, len(attempt.log.tail.encode()))
        for index, row in enumerate(tasks)
        if _may_have_logs(row)
        for attempt in row.attempts
        if attempt.log is not None and attempt.log.tail
    ]
    excess = sum(size for *_, size in found) - bytes_max
    if excess <= 0:
        return tasks
    kept = list(tasks)
    for _, index, number, size in sorted(found):
        if excess <= 0:
            break
        excess -= size
        kept[index] = _without_log(kept[index], number)
    return tuple(kept)


def _without_log(row: rows.TaskRow, number: int) -> rows.TaskRow:
    return replace(
        row,
        attempts=tuple(
            _emptied(attempt) if attempt.number == number else attempt for attempt in row.attempts
        ),
    )


def _emptied(attempt: rows.Attempt) -> rows.Attempt:
    if attempt.log is None or not attempt.log.tail:
        return attempt
    return replace(attempt, log=rows.LogTail(attempt.log.source, "", truncated=True))


# --- Rows ------------------------------------------------------------------------------------


def _without_logs(row: rows.TaskRow) -> rows.TaskRow:
    if not any(attempt.log is not None and attempt.log.tail for attempt in row.attempts):
        return row
    return replace(row, attempts=tuple(map(_emptied, row.attempts)))


def _messages_in_brief(row: rows.TaskRow) -> rows.TaskRow:
    if all(len(attempt.message) <= BRIEF_CHARS_MAX for attempt in row.attempts):
        return row
    brief = (
        replace(attempt, message=rows.clip(attempt.message, BRIEF_CHARS_MAX))
        for attempt in row.attempts
    )
    return replace(row, attempts=tuple(brief))


def _approval_in_brief(row: rows.TaskRow) -> rows.TaskRow:
    if row.approval is None:
        return row
    asked, why = row.approval.message, row.approval.comment
    brief = replace(
        row.approval,
        message=rows.clip(asked, BRIEF_CHARS_MAX),
        comment=rows.clip(why, BRIEF_CHARS_MAX),
    )
    return replace(row, message=rows.clip(row.message, BRIEF_CHARS_MAX), approval=brief)


def _mark_in_brief(row: rows.TaskRow) -> rows.TaskRow:
    if row.mark is None:
        return row
    mark = replace(row.mark, comment=rows.clip(row.mark.comment, BRIEF_CHARS_MAX))
    return replace(row, message=rows.clip(row.message, BRIEF_CHARS_MAX), mark=mark)


def _success_in_brief(row: rows.TaskRow) -> rows.TaskRow:
    return replace(row, attempts=()) if row.state == states.SUCCEEDED and row.attempts else row


def _without_reason(row: rows.TaskRow) -> rows.TaskRow:
    """What waits for something since a recorded time is known by its reason, which stays."""
    reason = row.reason if row.wait_time is not None else ""
    if row.attempts or (row.message, row.reason) == ("", reason):
        return row
    return replace(row, message="", reason=reason)


def _last_attempt_only(row: rows.TaskRow) -> rows.TaskRow:
    if not row.attempts:
        return row
    last = replace(row.attempts[-1], message="")
    return replace(row, message=rows.clip(row.message, BRIEF_CHARS_MAX), attempts=(last,))


TRIMS: Final[tuple[Callable[[rows.TaskRow], rows.TaskRow], ...]] = (
    _without_logs,
    _messages_in_brief,
    _approval_in_brief,
    _mark_in_brief,
    _success_in_brief,
    _without_reason,
    _last_attempt_only,
)
"""Tried in this order, each on top of the ones before, until the rows of a slice fit."""
