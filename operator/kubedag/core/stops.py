"""Why a run must end before its tasks have, each as the run and as its tasks say it.

Once the status says one of these it stays, whatever becomes of what it followed from: a task that
has begun to tidy up must not find the others at work again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import reasons, reasons_elsewhere, rows, states

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_TIMED_OUT: Final = reasons.RUN_TIMED_OUT.name
RUN_REPLACED: Final = reasons.RUN_REPLACED.name
RUN_STOPPED: Final = reasons.RUN_STOPPED.name
RUN_TERMINATED: Final = reasons.RUN_TERMINATED.name
RUN_FAILED_FAST: Final = reasons.RUN_FAILED_FAST.name
RUN_MARKED: Final = reasons.RUN_MARKED.name

MARKED: Final[Mapping[str, str]] = {
    states.SUCCEEDED: reasons_elsewhere.MARKED_SUCCEEDED.name,
    states.FAILED: reasons_elsewhere.MARKED_FAILED.name,
}
"""What a run says that is marked, by the state that its mark has."""

STOPS: Final[Mapping[str, str]] = {
    "Terminated": RUN_TERMINATED,
    MARKED[states.SUCCEEDED]: RUN_MARKED,
    MARKED[states.FAILED]: RUN_MARKED,
    "Stopped": RUN_STOPPED,
    "TimedOut": RUN_TIMED_OUT,
    "Replaced": RUN_REPLACED,
    "FailedFast": RUN_FAILED_FAST,
}
"""By what the run says. The first is the last word; of the others the one that came first stays."""

SPARES_NOTHING: Final = frozenset({RUN_TERMINATED, RUN_MARKED})
"""After these nothing runs that is else to run at the end of any run."""

_REASONS: Final[Mapping[str, str]] = {stop: reason for reason, stop in STOPS.items()}


def reason(stop: str, mark: rows.Mark | None) -> str:
    """What a run says that is stopped so; one that is marked says as what."""
    if stop == RUN_MARKED and mark is not None:
        return MARKED.get(mark.state, _REASONS[stop])
    return _REASONS[stop]


_ASKED_FOR: Final = frozenset({"Terminated", *MARKED.values(), "Stopped"})


def is_asked_for(status: rows.RunStatus) -> bool:
    """Does the run end, or has it ended, because a person wants it to?"""
    told = status.condition(rows.SUCCEEDED_CONDITION)
    return told is not None and told.reason in _ASKED_FOR


def recorded(status: rows.RunStatus) -> str:
    """Which of them is stored, as the tasks say it; empty if none is."""
    told = status.condition(rows.SUCCEEDED_CONDITION)
    known = STOPS.get(told.reason, "") if told is not None else ""
    if known == RUN_TERMINATED or status.slices == 0:
        return known
    # Slices are stored before the condition is. What has ended so may be from before a rerun.
    said = {
        row.reason
        for row in status.tasks
        if status.rerun is None or row.state not in states.TERMINAL
    }
    if RUN_TERMINATED in said:
        return RUN_TERMINATED
    return known or next((stop for stop in STOPS.values() if stop in said), "")
