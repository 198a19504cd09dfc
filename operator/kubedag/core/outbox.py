"""What is to be told, as it is stored: what has become of it, and what is to be sent now.

News is put in here by the same write that stores what it is about, and sent only after that; what
became of it is stored, too. So nothing that is stored goes untold, whoever ends when, and news is told
twice only if the operator ends between sending it and storing that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.api.enums import NotificationEvent as Event
from kubedag.core import instants, retries, rows
from kubedag.core import plan as plans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from kubedag.core.audience import Audience, Notice

replace = msgspec.structs.replace

OUTBOX_MAX: Final = 50
MESSAGE_CHARS_MAX: Final = 600
URGENT_MAX: Final = 10
"""Whoever is told of more than that at once is told of them a little later, in fewer writes."""
TRIES_MAX: Final = 9
PAUSES: Final = plans.RetryPolicy(backoff_seconds=5, backoff_factor=2, backoff_seconds_max=300)
PENDING: Final = "Pending"
DELIVERED: Final = "Delivered"
FAILED: Final = "Failed"

Entries = tuple[rows.Notification, ...]


class Look(NamedTuple):
    """The outbox as it is to be stored, whom to tell of what, and when to look again."""

    entries: Entries
    due: tuple[tuple[Notice, rows.Notification], ...] = ()
    wake_at: datetime | None = None
    urgent: bool = False


def look(stored: Entries, fresh: Entries, audience: Audience, now: str) -> Look:
    """What there is to do about an outbox, with news that is not in it yet."""
    kept = tuple(_as_known(one, audience) for one in stored)
    entries = bounded(kept, fresh)
    later = [moment for one in entries if (moment := _later(one, now)) is not None]
    return Look(
        entries,
        tuple(_due(entries, stored, audience, now)),
        min(later, default=None),
        _is_urgent(stored, entries),
    )


def is_open(entries: Entries) -> bool:
    """Is anybody still to be told of something?"""
    return any(one.state == PENDING for one in entries)


def bounded(
    kept: tuple[rows.Notification, ...], fresh: tuple[rows.Notification, ...]
) -> tuple[rows.Notification, ...]:
    """The outbox within its bound: what is done goes first, then the oldest about one of many."""
    outbox = [*kept, *fresh]
    excess = len(outbox) - OUTBOX_MAX
    if excess <= 0:
        return kept + fresh
    order = sorted(range(len(outbox)), key=lambda index: (_worth(outbox[index]), index))
    doomed = set(order[:excess])
    lost = sum(outbox[index].state == PENDING for index in doomed)
    left = [one for index, one in enumerate(outbox) if index not in doomed]
    if lost and left[-1].state == PENDING:
        left[-1] = replace(left[-1], more=left[-1].more + lost)
    return tuple(left)


def _worth(one: rows.Notification) -> int:
    if one.state != PENDING:
        return 0
    return 1 if one.event == Event.TASK_FAILED else 2


def _as_known(one: rows.Notification, audience: Audience) -> rows.Notification:
    """What is stored of news, and what has become of it since."""
    if one.state != PENDING:
        return one
    if audience.complete and one.name not in {notice.name for notice in audience.notices}:
        reason, error = "NotificationNotFound", "the DAG has no notification of that name any more"
        return _in_brief(replace(one, state=FAILED, reason=reason, last_error=error))
    return _after_tries(one, audience)


def _after_tries(one: rows.Notification, audience: Audience) -> rows.Notification:
    delivery = audience.deliveries.get((one.name, one.key))
    if delivery is None or delivery.try_number <= one.attempts:
        return one
    tried = replace(one, attempts=delivery.try_number, next_attempt_time=None)
    if delivery.delivered:
        tried = replace(
            tried, state=DELIVERED, deliver_time=delivery.time, reason="", last_error=""
        )
        return _in_brief(tried)
    tried = replace(tried, reason=delivery.reason, last_error=rows.clip(delivery.message, 300))
    if delivery.final or delivery.try_number >= TRIES_MAX:
        return _in_brief(replace(tried, state=FAILED))
    pause = retries.delay_seconds(PAUSES, delivery.try_number, f"{one.name}/{one.key}")
    pause = max(pause, min(delivery.pause_seconds, PAUSES.backoff_seconds_max))
    later = instants.after(delivery.time, pause)
    return replace(tried, next_attempt_time=instants.text(later))


def _in_brief(one: rows.Notification) -> rows.Notification:
    return replace(one, message="", log_tail="")


def _due(
    entries: Sequence[rows.Notification],
    stored: Sequence[rows.Notification],
    audience: Audience,
    now: str,
) -> Iterator[tuple[Notice, rows.Notification]]:
    """What is stored, and is to be sent now."""
    known = {(one.name, one.key) for one in stored}
    notices = {notice.name: notice for notice in audience.notices}
    for one in entries:
        is_due = one.state == PENDING and (one.next_attempt_time or now) <= now
        notice = notices.get(one.name)
        if is_due and notice is not None and (one.name, one.key) in known:
            yield notice, one


def _later(one: rows.Notification, now: str) -> datetime | None:
    if one.state != PENDING or one.next_attempt_time is None or one.next_attempt_time <= now:
        return None
    return instants.parse(one.next_attempt_time)


def _is_urgent(old: Sequence[rows.Notification], new: Sequence[rows.Notification]) -> bool:
    """Is there any news, or an end of it? That it is tried again can wait, and so can much news."""
    if sum(one.state == PENDING for one in new) > URGENT_MAX:
        return False
    states_of_old = {(one.name, one.key): one.state for one in old}
    return any(states_of_old.get((one.name, one.key)) != one.state for one in new)
