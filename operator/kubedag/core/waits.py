"""Since when a task waits for the API to take its Pod, and for how long it may.

The beginning is stored with the row, so that a restart of the operator neither shortens nor
lengthens the wait. What may take for ever, such as a quota that is used up, says since when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import instants, reasons, rows, words

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import snapshot


class Grace(NamedTuple):
    """How long something is waited for, and as what the attempt has failed if it does not come."""

    seconds: int
    ends_as: reasons.Reason


GRACES: Final = {"WaitingForServiceAccount": Grace(120, reasons.SERVICE_ACCOUNT_NOT_FOUND)}
"""What the same sync may create a moment later, and what nothing but a person creates after that."""

SAYS_NOTHING: Final = frozenset({"APIUnreachable", "APIOverloaded", "APIRefused", "Conflict"})
"""The API did not come to look at the Pod, so what was wrong with it may still be."""


def told(row: rows.TaskRow, refusal: snapshot.Refusal) -> tuple[str, str, str]:
    """The reason, the message and the time since which a refused task waits for the API."""
    if row.wait_time is not None and row.reason in GRACES and refusal.reason in SAYS_NOTHING:
        return row.reason, row.message, row.wait_time
    known = row.wait_time if row.reason == refusal.reason else None
    since = known or refusal.time
    return refusal.reason, _message(refusal, since), since


def ended_as(
    row: rows.TaskRow, refusal: snapshot.Refusal, task: plans.TaskPlan
) -> tuple[reasons.Reason, str] | None:
    """As what the attempt has failed: the API has said again, after the grace, what is missing."""
    grace, limit = GRACES.get(refusal.reason), deadline(row, task)
    if grace is None or limit is None or row.reason != refusal.reason:
        return None
    if instants.parse(refusal.time) < limit:
        return None
    return grace.ends_as, _message(refusal, row.wait_time or refusal.time)


def deadline(row: rows.TaskRow, task: plans.TaskPlan) -> datetime | None:
    """When the task has waited long enough, if what it waits for has a limit."""
    grace = GRACES.get(row.reason)
    if grace is None or row.wait_time is None:
        return None
    return instants.deadline(row.wait_time, min(grace.seconds, task.pending_timeout_seconds))


def next_try(row: rows.TaskRow, refusal: snapshot.Refusal, task: plans.TaskPlan) -> datetime:
    """When the API is asked again: after a pause, and once when the wait is over."""
    due, limit = instants.parse(refusal.retry_time), deadline(row, task)
    if limit is not None and instants.parse(refusal.time) < limit:
        return min(due, limit)
    return due


def _message(refusal: snapshot.Refusal, since: str) -> str:
    said = words.one_line(refusal.message, rows.MESSAGE_CHARS_MAX - 32)
    return f"{said} (since {words.clock_time(since)})"
