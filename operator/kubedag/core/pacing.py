"""How often the API is asked for Pods while it takes none, so that waiting is no storm.

Each Pod that is refused is asked for again after a pause of its own, which is right for one and too
much for three thousand: a namespace whose quota is used up says no to all of them. So refusals that
are hardly about the one Pod have a pace for the whole run. It costs nothing once there is room
again: what is counted are refusals, and a Pod that is taken is none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from kubedag.core import instants, reasons, reasons_elsewhere, states, waits

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import snapshot
    from kubedag.core.step import Step

ASKS_PER_SECOND_MAX: Final = 10
"""Of one run, of which the API has refused others."""
PACED: Final = reasons.names(
    reasons_elsewhere.WAITING_FOR_QUOTA,
    reasons_elsewhere.WAITING_FOR_SERVICE_ACCOUNT,
    reasons_elsewhere.WEBHOOK_UNAVAILABLE,
    reasons_elsewhere.OPERATOR_NOT_ALLOWED,
    reasons_elsewhere.API_UNREACHABLE,
    reasons_elsewhere.API_OVERLOADED,
    reasons_elsewhere.API_REFUSED,
)
"""What the API says of any Pod of a namespace alike, more often than not."""
MESSAGE: Final = "waits for its turn: the API server does not take other Pods of the run"


class Pace:
    """What may be asked for in one step of a run of which Pods are refused."""

    __slots__ = ("_again", "_asks", "_paced", "next_look", "reason")

    def __init__(self, step: Step, refused: dict[int, snapshot.Refusal]) -> None:
        recent = sum(one.time == step.stamp for one in refused.values())
        asks = max(0, ASKS_PER_SECOND_MAX - recent - len(step.snap.creating))
        due = [index for index, one in refused.items() if _is_due(step, index, one)]
        due.sort(key=lambda index: (-step.plan.tasks[index].priority, refused[index].time, index))
        # What has never been asked for may be smaller than what is refused, and so has its share.
        known = refused.keys() | {step.plan.index.get(name) for name in step.snap.creating}
        others = any(index not in known for index in step.ready)
        again = due[: (asks + 1) // 2 if others else asks]
        self._paced = refused.keys()
        self._again = frozenset(again)
        self._asks = asks - len(again)
        self.reason = refused[min(refused)].reason
        self.next_look: datetime = instants.parse(step.stamp) + timedelta(seconds=1)

    def may_ask(self, index: int) -> bool:
        """May the Pod of a task be asked for now, for the first time or again?"""
        return index in self._again if index in self._paced else self._asks > 0

    def asked(self, index: int) -> None:
        """It is: what has never been asked for uses up one of the asks of this second."""
        self._asks -= index not in self._paced


def _is_due(step: Step, index: int, refusal: snapshot.Refusal) -> bool:
    return waits.next_try(step.tasks[index], refusal, step.plan.tasks[index]) <= step.now


def of(step: Step) -> Pace | None:
    """None as long as the API refuses nothing that is told of many Pods alike."""
    position, refused = step.plan.index, {}
    for name, refusal in step.snap.refusals.items():
        index = position.get(name)
        if index is None or not refusal.transient or refusal.reason not in PACED:
            continue
        row = step.tasks[index]
        if row.state not in states.TERMINAL and refusal.attempt == row.attempt + 1:
            refused[index] = refusal
    return Pace(step, refused) if refused else None
