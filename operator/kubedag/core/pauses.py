"""Why a DAG schedules no runs: a table in order, and the condition `Scheduled` that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.core import creations

UNSTARTED_MAX: Final = 100
"""How many runs of its schedule may wait for their turn before a DAG gets no further ones."""


class Facts(NamedTuple):
    """What the condition follows from."""

    ready: str
    """The status of the condition Ready to be."""
    suspend: bool
    failures: int
    failures_max: int | None
    ended: bool = False
    """There is no further interval."""
    empty: bool = False
    """And there never was one: startTime and endTime leave no room for it."""
    full: bool = False
    """A run is due, and as many wait for their turn as may."""
    trouble: creations.Trouble | None = None


class Pause(NamedTuple):
    """Why, for programs and for people."""

    reason: str
    message: str


def _not_ready(facts: Facts) -> Pause | None:
    if facts.ready == rows.TRUE:
        return None
    return Pause("NotReady", "no runs are scheduled until the DAG is ready")


def _suspended(facts: Facts) -> Pause | None:
    return Pause("Suspended", "spec.suspend of the DAG is true") if facts.suspend else None


def _too_many_failures(facts: Facts) -> Pause | None:
    if facts.failures_max is None or facts.failures < facts.failures_max:
        return None
    runs = "run" if facts.failures_max == 1 else f"{facts.failures_max} runs"
    return Pause(
        "TooManyFailures",
        f"the last {runs} failed; no more are scheduled until one succeeds, such as one that is "
        "run again or started by hand, or the DAG is changed",
    )


def _ended(facts: Facts) -> Pause | None:
    if not facts.ended:
        return None
    if facts.empty:
        return Pause("Ended", "no whole interval lies between startTime and endTime")
    return Pause("Ended", "no interval follows the last one")


def _refused(facts: Facts) -> Pause | None:
    if facts.trouble is None or not facts.trouble.told:
        return None
    return Pause("RunRefused", facts.trouble.message)


def _full(facts: Facts) -> Pause | None:
    if not facts.full:
        return None
    return Pause("TooManyQueued", f"{UNSTARTED_MAX} scheduled runs wait for their turn already")


FOR_GOOD: Final[tuple[Callable[[Facts], Pause | None], ...]] = (
    _not_ready,
    _suspended,
    _too_many_failures,
)
"""With these, it is not even asked what is due."""
FOR_NOW: Final[tuple[Callable[[Facts], Pause | None], ...]] = (_ended, _refused, _full)


def paused(facts: Facts) -> Pause | None:
    """The first reason not to look at what is due, if there is one."""
    return next((found for rule in FOR_GOOD if (found := rule(facts))), None)


def pause(facts: Facts) -> Pause | None:
    """The first reason of all."""
    return next((found for rule in (*FOR_GOOD, *FOR_NOW) if (found := rule(facts))), None)


def condition(facts: Facts, generation: int) -> rows.Condition:
    """The condition `Scheduled`. Its words stay the same from run to run: each change is a write."""
    why = pause(facts)
    if why is not None:
        return rows.Condition(
            rows.SCHEDULED, rows.FALSE, why.reason, why.message, observed_generation=generation
        )
    return rows.Condition(
        rows.SCHEDULED,
        rows.TRUE,
        "Scheduled",
        "each interval gets its run when it has ended",
        observed_generation=generation,
    )
