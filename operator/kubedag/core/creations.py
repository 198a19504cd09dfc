"""What became of the runs that were to be created: whose name is taken, and what is in the way.

Both only until the operator restarts: then it asks again, and is told the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import refusals, words

if TYPE_CHECKING:
    from collections.abc import Callable

TOLD_TRIES_MIN: Final = 3
"""A server that fails for a moment is nobody's concern."""
MESSAGE_CHARS_MAX: Final = 512


class Trouble(NamedTuple):
    """Why the API does not create runs, and when it is asked again."""

    message: str
    tries: int
    retry_at: datetime
    said_no: bool
    """It refused; else it was not to be asked, or had trouble of its own."""

    @property
    def told(self) -> bool:
        """Is it worth a person's attention?"""
        return self.said_no or self.tries >= TOLD_TRIES_MIN

    def holds(self, now: datetime) -> bool:
        """Is it too early to ask again? A clock that was set back makes no wait longer."""
        return timedelta() < self.retry_at - now <= timedelta(seconds=_longest())


@dataclass(slots=True)
class Creations:
    """Of one DAG, or of one Backfill."""

    trouble: Trouble | None = None
    taken: dict[str, str] = field(default_factory=dict)
    """The names that something else had when we asked, and what."""

    def as_it_is(self, has_name: Callable[[str], bool]) -> Creations:
        """Without the names that nothing has any more."""
        left = {name: what for name, what in self.taken.items() if has_name(name)}
        return Creations(self.trouble, left)


def after(
    before: Trouble | None,
    run_name: str,
    answer: refusals.Answer,
    now: datetime,
    *,
    deed: str = "create the run {!r}",
) -> Trouble:
    """What is in the way now that this was answered; many answers of one moment count once."""
    tries = 1 if before is None else before.tries + (not before.holds(now))
    said = words.one_line(answer.message, MESSAGE_CHARS_MAX)
    return Trouble(
        f"the API server does not {deed.format(run_name)}: {said}",
        tries,
        now + timedelta(seconds=refusals.wait_seconds(tries)),
        said_no=400 <= answer.status < 500 and answer.status != 429,
    )


def _longest() -> int:
    return refusals.wait_seconds(1000)
