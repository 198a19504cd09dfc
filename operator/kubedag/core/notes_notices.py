"""What became of telling people, as Events: that somebody was told, or could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.api.enums import NotificationState as State
from kubedag.core import actions, letters, rows
from kubedag.core.backfill_rows import BackfillStatus

if TYPE_CHECKING:
    from collections.abc import Iterator


Told = rows.RunStatus | BackfillStatus


def of(old: Told, new: Told) -> Iterator[actions.Note]:
    """The notifications that have come to their end between two stored statuses."""
    if old.notifications is new.notifications:
        return
    before = {(one.name, one.key): one.state for one in old.notifications}
    for one in new.notifications:
        if before.get((one.name, one.key)) == one.state:
            continue
        if one.state == State.DELIVERED:
            said = f"{one.name} has been told of {one.event}: {letters.happened(one)}"
            yield actions.Note("Normal", "NotificationSent", said)
        elif one.state == State.FAILED:
            what = f"{one.event}, that {letters.happened(one)}"
            said = f"{one.name} could not be told of {what}: {one.last_error}"
            yield actions.Note("Warning", "NotificationFailed", said)
