"""Who is to be told of a run, as decisions know them, and what became of telling them.

Apart from what is told, so that plans and snapshots can say who it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedag.api.notification import Notification


class Notice(NamedTuple):
    """Who is told of what: one notification of a DAG, or one for all DAGs of a namespace."""

    name: str
    events: frozenset[str]
    target: Notification | None = None
    """Without one: the operator's own receiver of that name."""
    receiver: str = ""


class Delivery(NamedTuple):
    """What became of a try to deliver something."""

    try_number: int
    time: str
    delivered: bool = False
    reason: str = ""
    message: str = ""
    final: bool = False
    """It failed, and would again."""
    pause_seconds: int = 0
    """How long the receiver asked to be left alone."""


ID = tuple[str, str]
"""Of news: whom it is for, and what it is."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is to be told of a run, and what is known beside its status."""

    notices: tuple[Notice, ...] = ()
    failed_before: bool = False
    """Had the run before it, by the times that they stand for, failed?"""
    complete: bool = False
    """There are no others: the DAG that the run is of is known."""
    deliveries: Mapping[ID, Delivery] = field(default_factory=dict)
    """What became of tries that is not stored yet."""

    def elsewhere(self, notice: Notice) -> frozenset[str]:
        """What the receiver of a notification is told by others that name it."""
        others = (one for one in self.notices if one.receiver == notice.receiver != "")
        return frozenset[str]().union(*(one.events for one in others))


NOBODY: Final = Audience()


def compiled(given: Sequence[Notification]) -> tuple[Notice, ...]:
    """The notifications of a DAG."""
    return tuple(
        Notice(one.name, frozenset(map(str, one.events)), one, one.receiver or "") for one in given
    )


def told_once(own: Sequence[Notice], common: Sequence[Notice]) -> tuple[Notice, ...]:
    """Those of a DAG, and those for all: a receiver that several name is told of an event by one.

    That is the operator's own, which no DAG can take back, else the first of the DAG. Those that are
    left without an event stay, for what they were to tell before.
    """
    told = {one.receiver: one.events for one in common}
    found = []
    for one in own:
        before = told.get(one.receiver, frozenset()) if one.receiver else frozenset[str]()
        told[one.receiver] = before | one.events
        found.append(one._replace(events=one.events - before) if before else one)
    return (*found, *common)
