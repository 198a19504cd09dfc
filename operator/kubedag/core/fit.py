"""Keeps the status of a run within what one object may hold, whatever its tasks have to say.

Log tails have a bound of their own, and the newest win. If all of it is still too much, what is told
elsewhere goes first: how each success came about, then what tasks wait for, then the log tails. What
a decision needs, the states and the counters, is never dropped; a condition says what was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import rows, states

if TYPE_CHECKING:
    from collections.abc import Callable

replace = msgspec.structs.replace

STATUS_BYTES_MAX: Final = 900 * 1024
"""Of the rows; etcd refuses objects of more than 1.5 MiB, and metadata takes its part."""

ROWS_MEASURED_FROM: Final = 200
"""Fewer rows cannot be too large: each has two messages at most, and the log tails are bounded."""

Tasks = tuple[rows.TaskRow, ...]


def fit(status: rows.RunStatus, now: str) -> rows.RunStatus:
    """The status, within its bounds."""
    tasks = bound_logs(status.tasks)
    trimmed = False
    if len(tasks) >= ROWS_MEASURED_FROM:
        for trim in TRIMS:
            if len(msgspec.json.encode(tasks)) <= STATUS_BYTES_MAX:
                break
            tasks, trimmed = tuple(map(trim, tasks)), True
    if trimmed:
        status = replace(status, conditions=_told(status, now))
    return status if tasks is status.tasks else replace(status, tasks=tasks)


def _told(status: rows.RunStatus, now: str) -> tuple[rows.Condition, ...]:
    condition = rows.Condition(
        rows.STATUS_TRUNCATED,
        rows.TRUE,
        "TooLarge",
        "the rows do not fit into one object: details of tasks that have ended were left out",
        observed_generation=status.observed_generation,
    )
    return rows.set_condition(status.conditions, condition, now)


# --- Log tails -------------------------------------------------------------------------------


def bound_logs(tasks: Tasks, bytes_max: int = rows.LOG_TAILS_OF_RUN_BYTES_MAX) -> Tasks:
    """Empty the oldest log tails until the others fit."""
    found = [
        (attempt.finish_time or "", index, attempt.number, len(attempt.log.tail.encode()))
        for index, row in enumerate(tasks)
        if row.user_failures or row.infra_failures
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


def _success_in_brief(row: rows.TaskRow) -> rows.TaskRow:
    return replace(row, attempts=()) if row.state == states.SUCCEEDED else row


def _without_reason(row: rows.TaskRow) -> rows.TaskRow:
    if row.attempts or not (row.message or row.reason):
        return row
    return replace(row, message="", reason="")


def _without_logs(row: rows.TaskRow) -> rows.TaskRow:
    if not (row.user_failures or row.infra_failures):
        return row
    return replace(row, attempts=tuple(map(_emptied, row.attempts)))


def _last_attempt_only(row: rows.TaskRow) -> rows.TaskRow:
    if not row.attempts:
        return row
    last = replace(row.attempts[-1], message="")
    return replace(row, message=rows.clip(row.message, 80), attempts=(last,))


TRIMS: Final[tuple[Callable[[rows.TaskRow], rows.TaskRow], ...]] = (
    _success_in_brief,
    _without_reason,
    _without_logs,
    _last_attempt_only,
)
"""Tried in this order, each on top of the ones before, until the rows fit."""
