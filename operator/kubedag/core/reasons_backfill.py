"""The part of the closed list of reasons that only Backfills and their intervals say."""

from __future__ import annotations

from typing import Final

from kubedag.core.reasons import BACKFILL, EVENT, INTERVAL, Reason


def _backfill(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(BACKFILL,))


def _interval(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(INTERVAL,))


def _event(name: str, means: str) -> Reason:
    return Reason(name, means, said_of=(EVENT,))


OF_BACKFILLS: Final = (
    _backfill(
        "DryRun", "dryRun is true: it is planned, and nothing is run", "set dryRun to false"
    ),
    _backfill("Planning", "its intervals are being counted"),
    _backfill("InProgress", "its runs are created as there is room for them"),
    _backfill("WaitingForRuns", "other runs have all places that the DAG's maxActiveRuns gives"),
    _backfill("Cancelling", "it is cancelled, and those of its runs that had started go on"),
    _backfill(
        "NoSchedule", "the DAG has no schedule", "give it one: the intervals follow from it"
    ),
    _backfill("Cancelled", "it was cancelled before all its intervals had been run"),
    _backfill(
        "IntervalsFailed", "it is over, and some of its runs failed", "failures names the first"
    ),
    _backfill(
        "TooManyIntervals",
        "the range has more intervals than one Backfill may have",
        "create several Backfills, one for each part of the range",
    ),
    _backfill(
        "NoIntervals",
        "no interval of the schedule that had ended lies wholly within the range",
        "look at the schedule, its startTime and its endTime",
    ),
    _backfill(
        "OrderNotPossible",
        "order is NewestFirst, and the DAG says dependsOnPast",
        "create another Backfill with order OldestFirst",
    ),
    _interval("RunsAgain", "its run is to run again"),
    _interval("Existing", "a run that is not of this Backfill goes on or waits; it is left alone"),
    _interval("RunExists", "a run exists, and reprocess asks for nothing"),
    _interval("AlreadySucceeded", "a run has succeeded, and reprocess is Failed"),
    _interval("RunDeleted", "its run is being deleted"),
    _interval(
        "RerunRefused", "its run cannot run again, and is asked no more: `failures` say why"
    ),
    _event("BackfillPlanned", "a Backfill was planned; the message says what it will do"),
    _event("BackfillSucceeded", "a Backfill is over, and none of its runs failed"),
    _event("BackfillCancelled", "a Backfill is over because it was cancelled"),
    _event("BackfillFailed", "a Backfill is over, and some runs failed, or it was refused"),
    _event("IntervalFailed", "a run of a Backfill failed; told of the first few"),
)
