"""What the status of a TaskPool says: who has its slots, and who waits for them.

It is told for people. Nothing is ever decided by it: whoever wants slots looks at the Pods.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from kubedag.core import actions, instants, limits, pool_rows, reasons_limits, rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

LISTED_MAX: Final = 100
AVAILABLE: Final = "Available"


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """A TaskPool, what takes slots of it, and who waits for any."""

    namespace: str
    name: str
    generation: int
    slots: int
    holders: Collection[pool_rows.SlotHolder] = ()
    lines: Sequence[Sequence[limits.Waiter]] = ()
    """Those who want slots of it, by what else they want; each line in order."""
    conditions: tuple[rows.Condition, ...] = ()
    """As they are stored."""


def decide(snap: PoolSnapshot, now: datetime) -> actions.PoolDecision:
    """The whole status of the pool."""
    key = (limits.POOL, snap.namespace, snap.name)
    used = sum(holder.slots for holder in snap.holders)
    waiters = islice(heapq.merge(*snap.lines), LISTED_MAX)
    condition = _condition(snap, used)
    return actions.PoolDecision(
        pool_rows.PoolStatus(
            observed_generation=snap.generation,
            conditions=rows.set_condition(snap.conditions, condition, instants.text(now)),
            used=used,
            free=max(0, snap.slots - used),
            waiting=sum(map(len, snap.lines)),
            holders=tuple(heapq.nsmallest(LISTED_MAX, snap.holders)),
            waiters=tuple(_waiter(one, key) for one in waiters),
        )
    )


def _condition(snap: PoolSnapshot, used: int) -> rows.Condition:
    """Without figures: those are beside it, and it should not change with each Pod."""
    if not snap.slots:
        status, reason, said = rows.FALSE, reasons_limits.NO_SLOTS, "spec.slots is 0"
    elif used < snap.slots:
        status, reason, said = rows.TRUE, reasons_limits.SLOTS_FREE, "slots are free"
    else:
        status, reason, said = rows.FALSE, reasons_limits.ALL_SLOTS_TAKEN, "all slots are taken"
    return rows.Condition(
        AVAILABLE, status, reason.name, said, observed_generation=snap.generation
    )


def _waiter(one: limits.Waiter, key: limits.LimitKey) -> pool_rows.SlotWaiter:
    slots = sum(want.slots for want in one.wants if want.key == key)
    return pool_rows.SlotWaiter(one.namespace, one.run, one.task, slots, one.since)
