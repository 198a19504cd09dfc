"""That a Backfill is over, for whoever is told of its DAG: by an outbox in its own status."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import NotificationEvent as Event
from kubedag.core import actions, instants, letters, outbox, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubedag.core.audience import Audience
    from kubedag.core.backfill_facts import BackfillSnapshot
    from kubedag.core.backfill_rows import BackfillStatus

replace = msgspec.structs.replace

CANCELLED: Final = "Cancelled"
"""A person asked for that end."""


def told(
    decision: actions.BackfillDecision, snap: BackfillSnapshot, now: datetime
) -> actions.BackfillDecision:
    """The decision with the outbox as it is to be stored, and what is to be sent now."""
    old = snap.status
    if not (snap.audience.notices or old.notifications):
        return decision
    stamp = instants.text(now)
    fresh = tuple(_news(old, decision.status, snap.audience, stamp))
    found = outbox.look(old.notifications, fresh, snap.audience, stamp)
    wakes = [moment for moment in (decision.wake_at, found.wake_at) if moment is not None]
    return dataclasses.replace(
        decision,
        status=replace(decision.status, notifications=found.entries),
        wake_at=min(wakes, default=None),
        notify=tuple(
            actions.Notify(notice, one.key, one.attempts + 1, letters.of_backfill(one, snap.wish))
            for notice, one in found.due
        ),
    )


def _news(
    old: BackfillStatus, new: BackfillStatus, audience: Audience, now: str
) -> Iterator[rows.Notification]:
    ended = new.condition(rows.SUCCEEDED_CONDITION)
    if old.finished or not new.finished or ended is None or ended.reason == CANCELLED:
        return
    for notice in audience.notices:
        if Event.BACKFILL_DONE in notice.events:
            yield rows.Notification(
                name=notice.name,
                event=str(Event.BACKFILL_DONE),
                key=str(Event.BACKFILL_DONE),
                state=outbox.PENDING,
                create_time=now,
                cause=ended.reason,
                message=rows.clip(ended.message, outbox.MESSAGE_CHARS_MAX),
            )
