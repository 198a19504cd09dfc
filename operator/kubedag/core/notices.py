"""What of a run people are to be told: what has happened between two of its statuses.

It goes into the outbox by the same write that stores the second of them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import NotificationEvent as Event
from kubedag.core import actions, instants, letters, logs, outbox, reasons, rows, states, stops

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from kubedag.core import snapshot as snapshots
    from kubedag.core.audience import Audience, Notice

replace = msgspec.structs.replace

TOLD_ONE_BY_ONE_MAX: Final = 5
"""More tasks that fail at once are told together."""
TAIL_BYTES_MAX: Final = 1024
ASKED_FOR: Final = frozenset(
    {"Replaced", "Forbidden", "Stopped", "Terminated", *stops.MARKED.values()}
)
"""Ends that a person, or the DAG's own concurrencyPolicy, asked for."""
_FAILED: Final = "Failed"
"""The reason of a run that says no more than that."""
NOT_BY_ITSELF: Final = frozenset({reasons.MARKED.name, *stops.STOPS.values()})
"""Why tasks fail that a person has marked, or that were ended with their run, which tells it."""


def told(
    decision: actions.RunDecision, snap: snapshots.RunSnapshot, now: datetime
) -> actions.RunDecision:
    """The decision with the outbox as it is to be stored, and what is to be sent now."""
    old = snap.status
    if snap.run.deleting or not (snap.audience.notices or old.notifications):
        return decision
    stamp = instants.text(now)
    fresh = tuple(news(old, decision.status, snap.audience, stamp))
    found = outbox.look(old.notifications, fresh, snap.audience, stamp)
    wakes = [moment for moment in (decision.wake_at, found.wake_at) if moment is not None]
    return dataclasses.replace(
        decision,
        status=replace(decision.status, notifications=found.entries),
        wake_at=min(wakes, default=None),
        urgent=decision.urgent or found.urgent,
        notify=tuple(
            actions.Notify(notice, one.key, one.attempts + 1, letters.of(one, snap.run))
            for notice, one in found.due
        ),
    )


# --- What has happened -----------------------------------------------------------------------


def news(
    old: rows.RunStatus, new: rows.RunStatus, audience: Audience, now: str
) -> Iterator[rows.Notification]:
    """What has happened from one status to the next, for whoever is to be told of it."""
    known = {(one.name, one.key) for one in old.notifications}
    wanted = frozenset[str]().union(*(notice.events for notice in audience.notices))
    happened = _happened(old, new, wanted, audience, now)
    for notice in audience.notices:
        heard = notice.events | audience.elsewhere(notice)
        mine = [one for one in happened if _concerns(one, notice, heard, happened)]
        for one in _together([one for one in mine if (notice.name, one.key) not in known]):
            yield replace(one, name=notice.name)


def _concerns(
    one: rows.Notification,
    notice: Notice,
    heard: frozenset[str],
    happened: Sequence[rows.Notification],
) -> bool:
    if one.event not in notice.events:
        return False
    recovered = Event.RUN_RECOVERED in heard and any(
        other.event == Event.RUN_RECOVERED for other in happened
    )
    return not (one.event == Event.RUN_SUCCEEDED and recovered)  # which says it already


def _happened(
    old: rows.RunStatus,
    new: rows.RunStatus,
    wanted: frozenset[str],
    audience: Audience,
    now: str,
) -> list[rows.Notification]:
    found: list[rows.Notification] = []
    if wanted & {Event.TASK_FAILED, Event.APPROVAL_WANTED}:
        found += _of_tasks(old, new, now)
    if _has(new, rows.LATE) and not _has(old, rows.LATE):
        late = new.condition(rows.LATE)
        assert late is not None
        found.append(_of_run(Event.RUN_LATE, new, late, now))
    found += _of_end(old, new, audience, now)
    return found


def _has(status: rows.RunStatus, type_: str) -> bool:
    condition = status.condition(type_)
    return condition is not None and condition.status == rows.TRUE


def _of_end(
    old: rows.RunStatus, new: rows.RunStatus, audience: Audience, now: str
) -> Iterator[rows.Notification]:
    ended = new.condition(rows.SUCCEEDED_CONDITION)
    if not new.finished or ended is None or ended.reason in ASKED_FOR:
        return
    if old.finished and old.completion_time == new.completion_time:
        return
    if ended.status == rows.TRUE:
        yield _of_run(Event.RUN_SUCCEEDED, new, ended, now)
        if _had_failed(new, audience):
            yield _of_run(Event.RUN_RECOVERED, new, ended, now)
    else:
        yield replace(_of_run(Event.RUN_FAILED, new, ended, now), **_why(new, ended.reason))


def _had_failed(new: rows.RunStatus, audience: Audience) -> bool:
    if new.rerun is not None and new.rerun.after:
        return new.rerun.after not in {"Succeeded", *ASKED_FOR}
    return audience.failed_before


def _of_run(
    event: Event, new: rows.RunStatus, condition: rows.Condition, now: str
) -> rows.Notification:
    times = new.rerun.number if new.rerun is not None else 0
    return rows.Notification(
        name="",
        event=str(event),
        key=f"{event}/{times}",
        state=outbox.PENDING,
        create_time=now,
        cause=condition.reason,
        message=rows.clip(condition.message, outbox.MESSAGE_CHARS_MAX),
    )


def _why(new: rows.RunStatus, reason: str) -> dict[str, str | int]:
    """Of the tasks that failed, what the one that failed first says, unless the run says more."""
    failed = [row for row in new.tasks if row.state == states.FAILED and row.attempts]
    if not failed:
        return {}
    first = min(failed, key=lambda row: row.attempts[-1].finish_time or "")
    last = first.attempts[-1]
    return {
        "task": first.name,
        "attempt": last.number,
        "failure_class": last.failure_class,
        "cause": (first.reason or last.reason or reason) if reason == _FAILED else reason,
        "log_tail": _tail(first),
    }


def _of_tasks(old: rows.RunStatus, new: rows.RunStatus, now: str) -> Iterator[rows.Notification]:
    before: Sequence[rows.TaskRow | None] = old.tasks
    if len(old.tasks) != len(new.tasks) or old.revision != new.revision:
        known = {row.name: row for row in old.tasks}
        before = [known.get(row.name) for row in new.tasks]
    missed = _missed(old)
    for was, row in zip(before, new.tasks, strict=True):
        if was is row and row.name not in missed:
            continue
        failed = _has_failed(row)
        told_before = was is not None and _has_failed(was)
        if failed and (not told_before or row.name in missed):
            yield _task_failed(row, now)
        asked = row.state == states.AWAITING_APPROVAL
        if asked and not (was and was.state == row.state and was.attempt == row.attempt):
            yield _approval_wanted(row, now)


def _has_failed(row: rows.TaskRow) -> bool:
    """By itself, and is the end of its log known?"""
    by_itself = row.reason not in NOT_BY_ITSELF
    return row.state == states.FAILED and by_itself and not logs.lacks_log(row)


def _missed(old: rows.RunStatus) -> frozenset[str]:
    """Failed tasks that slices tell of, but not the run itself: it was to be written after them."""
    counted = old.counts.failed if old.counts is not None else 0
    if not old.slices or not old.tasks:
        return frozenset()
    failed = [row for row in old.tasks if row.state == states.FAILED]
    failed.sort(key=lambda row: row.attempts[-1].finish_time or "" if row.attempts else "")
    return frozenset(row.name for row in failed[counted:])


def _task_failed(row: rows.TaskRow, now: str) -> rows.Notification:
    last = row.attempts[-1] if row.attempts else None
    return rows.Notification(
        name="",
        event=str(Event.TASK_FAILED),
        key=f"{Event.TASK_FAILED}/{row.name}/{row.attempt}",
        state=outbox.PENDING,
        create_time=now,
        task=row.name,
        attempt=row.attempt,
        failure_class=last.failure_class if last else "",
        cause=row.reason or (last.reason if last else ""),
        message=rows.clip(row.message or (last.message if last else ""), outbox.MESSAGE_CHARS_MAX),
        log_tail=_tail(row),
    )


def _approval_wanted(row: rows.TaskRow, now: str) -> rows.Notification:
    question = row.approval.message if row.approval is not None else row.message
    return rows.Notification(
        name="",
        event=str(Event.APPROVAL_WANTED),
        key=f"{Event.APPROVAL_WANTED}/{row.name}/{row.attempt}",
        state=outbox.PENDING,
        create_time=now,
        task=row.name,
        attempt=row.attempt,
        cause=row.reason,
        message=rows.clip(question, outbox.MESSAGE_CHARS_MAX),
    )


def _tail(row: rows.TaskRow) -> str:
    """The end of the log, from the beginning of a line if there is one."""
    log = logs.last_log(row)
    data = log.tail.rstrip().encode() if log is not None else b""
    if len(data) <= TAIL_BYTES_MAX:
        return data.decode()
    end = data[-TAIL_BYTES_MAX:]
    line = end.find(b"\n")
    return end[line + 1 :].decode(errors="ignore")


def _together(found: Sequence[rows.Notification]) -> Iterator[rows.Notification]:
    failed = [one for one in found if one.event == Event.TASK_FAILED]
    if len(failed) > TOLD_ONE_BY_ONE_MAX:
        told_alone = failed[: TOLD_ONE_BY_ONE_MAX - 1]
        first = failed[TOLD_ONE_BY_ONE_MAX - 1]
        failed = [*told_alone, replace(first, more=len(failed) - TOLD_ONE_BY_ONE_MAX)]
    yield from failed
    yield from (one for one in found if one.event != Event.TASK_FAILED)
