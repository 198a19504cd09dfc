"""Where each interval of a Backfill stands: computed anew from the runs there are, never remembered.

So nothing that a crash, a person or another Backfill does can make it count wrong; and an interval
whose run has gone is planned again, until the Backfill is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.api.enums import IntervalState, RunType
from kubedag.core import actions, backfill_facts, backfill_plan, history

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from kubedag.core.backfill_facts import BackfillSnapshot, Wish
    from kubedag.core.history import RunSummary


class Standing(NamedTuple):
    """The state of an interval, and why; `again` asks that its run runs again."""

    state: str
    reason: str = ""
    again: bool = False


PLANNED: Final = Standing(IntervalState.PLANNED.value)
AGAIN: Final = Standing(IntervalState.PLANNED.value, "RunsAgain", again=True)
GOING: Final = Standing(IntervalState.PLANNED.value, "RunDeleted")
QUEUED: Final = Standing(IntervalState.QUEUED.value)
ACTIVE: Final = Standing(IntervalState.ACTIVE.value)
OTHERS_QUEUED: Final = Standing(IntervalState.QUEUED.value, "Existing")
OTHERS_ACTIVE: Final = Standing(IntervalState.ACTIVE.value, "Existing")
SUCCEEDED: Final = Standing(IntervalState.SUCCEEDED.value)
FAILED: Final = Standing(IntervalState.FAILED.value)
REFUSED: Final = Standing(IntervalState.FAILED.value, "RerunRefused")
RUN_EXISTS: Final = Standing(IntervalState.SKIPPED.value, "RunExists")
ALREADY_SUCCEEDED: Final = Standing(IntervalState.SKIPPED.value, "AlreadySucceeded")
NAME_TAKEN: Final = Standing(IntervalState.SKIPPED.value, "NameTaken")
CANCELLED: Final = Standing(IntervalState.CANCELLED.value)


@dataclass(slots=True)
class Picture:
    """All intervals of a Backfill, and the runs that count towards the limits."""

    plan: backfill_plan.Plan
    standings: list[Standing] = field(default_factory=list)
    covers: list[RunSummary | None] = field(default_factory=list)
    """By interval; None where there is no run."""
    again: dict[str, int] = field(default_factory=dict)
    """The runs that are to run again: the first interval of each, by name."""
    own: list[RunSummary] = field(default_factory=list)
    """The runs of this Backfill that have not ended, or are to run again."""
    others: list[RunSummary] = field(default_factory=list)
    """Those of the DAG that are not."""
    ended: list[RunSummary] = field(default_factory=list)
    """Those of this Backfill that have, the last first."""

    def chunks(self, per_run: int) -> list[range]:
        """The intervals that are to get a run, as one stretch for each run."""
        free = [None if standing is PLANNED else standing for standing in self.standings]
        return backfill_plan.chunks(free, per_run)


def picture(snap: BackfillSnapshot, plan: backfill_plan.Plan) -> Picture:
    """Look at all runs once."""
    made = Picture(plan)
    made.covers = backfill_plan.cover(plan, map(_ranked, _sorted_out(snap, made)))
    made.standings = [CANCELLED if snap.wish.cancel else PLANNED] * plan.total
    _judge(snap.wish, made)
    for start, end in snap.taken:
        for index in plan.within(start, end):
            if made.covers[index] is None:
                made.standings[index] = NAME_TAKEN
    return made


def _sorted_out(snap: BackfillSnapshot, made: Picture) -> tuple[list[RunSummary], ...]:
    """Of several runs for an interval: ours that goes on, ours, another, and one that is going."""
    wish = snap.wish
    mine: list[RunSummary] = []
    theirs: list[RunSummary] = []
    going: list[RunSummary] = []
    for run in snap.unfinished():
        ours = wish.owns(run) or wish.awaits(run)
        (mine if ours else theirs).append(run)
        (made.own if ours else made.others).append(run)
    done: list[RunSummary] = []
    for run in snap.finished():
        if wish.awaits(run):
            mine.append(run)
            if wish.cancel or not run.refused:
                made.own.append(run)
        elif run.deleting:
            going.append(run)
        elif wish.owns(run):
            done.append(run)
        else:
            theirs.append(run)
        if run.waits_to_rerun and not (run.deleting or wish.awaits(run)):
            made.others.append(run)  # whosever it was, it waits for a place
    made.ended = sorted(done, key=_ended, reverse=True)
    return mine, done, theirs, going


def _ranked(runs: list[RunSummary]) -> list[RunSummary]:
    """One made by hand counts where there is no other, and of those that are left the newest.

    Whether they go on or how they ended is nothing to it, so that an interval stays with its run.
    """
    newest = sorted(runs, key=lambda run: (run.order[1], run.name), reverse=True)
    return sorted(newest, key=lambda run: run.run_type == RunType.MANUAL.value)


def _ended(run: RunSummary) -> tuple[str, str]:
    return (run.ended, run.name)


def _judge(wish: Wish, made: Picture) -> None:
    """One verdict for each run, whatever stretch of intervals it has."""
    standings, covers = made.standings, made.covers
    last: RunSummary | None = None
    verdict = PLANNED
    for index, run in enumerate(covers):
        if run is None:
            continue
        if run is not last:
            last, verdict = run, standing(run, wish)
            if verdict.again:
                made.again.setdefault(run.name, index)
        standings[index] = verdict


def standing(run: RunSummary, wish: Wish) -> Standing:
    """Where the intervals of a run stand."""
    if not run.finished:
        return _of_one_that_goes_on(run, wish)
    if wish.awaits(run):
        return REFUSED if run.refused and not wish.cancel else QUEUED
    if run.deleting:
        return CANCELLED if wish.cancel else GOING
    if wish.owns(run):
        return SUCCEEDED if run.succeeded else FAILED
    if run.waits_to_rerun:
        return RUN_EXISTS if wish.cancel else OTHERS_QUEUED
    return _of_one_that_exists(run, wish)


def _of_one_that_goes_on(run: RunSummary, wish: Wish) -> Standing:
    if wish.owns(run) or wish.awaits(run):
        return ACTIVE if run.started else QUEUED
    if wish.cancel:
        return RUN_EXISTS
    return OTHERS_ACTIVE if run.started else OTHERS_QUEUED


def _of_one_that_exists(run: RunSummary, wish: Wish) -> Standing:
    if wish.reprocess == backfill_facts.REPROCESS_NONE:
        return RUN_EXISTS
    if wish.reprocess == backfill_facts.REPROCESS_FAILED and run.succeeded:
        return ALREADY_SUCCEEDED
    return CANCELLED if wish.cancel else AGAIN


def left_waiting(wish: Wish, runs: Iterable[RunSummary]) -> tuple[RunSummary, ...]:
    """The runs of a Backfill that have not started, or not begun to run again."""
    return tuple(
        run
        for run in runs
        if wish.awaits(run) or (not run.finished and not run.started and wish.owns(run))
    )


def abandoned(
    run: RunSummary, uids: AbstractSet[str]
) -> actions.DeleteRun | actions.WithdrawRerun | None:
    """What calls a run back that waits for a Backfill which is gone; `uids` are of all there are."""
    if run.deleting:
        return None
    if run.has_wish and history.is_of_backfill(run.rerun_wanted):
        ids = {backfill_facts.rerun_id(uid) for uid in uids}
        if run.rerun_wanted in ids:
            return None
        return actions.WithdrawRerun(run.name, run.uid, run.rerun_wanted)
    waits = not run.finished and not run.started and run.run_type == RunType.BACKFILL.value
    if waits and run.backfill_uid and run.backfill_uid not in uids:
        return actions.DeleteRun(run.name, run.uid, unstarted=True)
    return None
