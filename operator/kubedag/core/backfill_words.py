"""What a Backfill says of itself: the reasons and sentences of its conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import backfill_facts, backfill_plan, backfill_room, restrict
from kubedag.core import backfill_standing as standings

if TYPE_CHECKING:
    from kubedag.core import backfill_rows
    from kubedag.core import plan as plans
    from kubedag.core.backfill_facts import BackfillSnapshot, Wish
    from kubedag.core.backfill_standing import Picture


class Word(NamedTuple):
    """A reason and its sentence; `final` ends the Backfill."""

    reason: str
    message: str = ""
    final: bool = False


DRY_RUN: Final = "DryRun"
SUCCEEDED: Final = "Succeeded"
ACTIVE: Final = Word("Active")
PLANNING: Final = Word("Planning", "its intervals are being counted")
CANCELLING: Final = Word("Cancelling", "waits for its active runs to end")
CANCELLED: Final = Word("Cancelled", "was cancelled before it was planned")
NEXT: Final = "its next runs are begun"
NAMES_TOLD_MAX: Final = 5


def unready(snap: BackfillSnapshot) -> Word | None:
    """What it waits for before it can be planned."""
    name = snap.wish.dag_name
    if snap.dag is None:
        return Word("DAGNotFound", f"waits for the DAG {name!r} to exist")
    if snap.current is None:
        return Word("DAGNotReady", snap.dag.message or f"waits for the DAG {name!r} to be ready")
    if snap.current.schedule is None:
        message = f"the DAG {name!r} has no schedule, from which the intervals would follow"
        return Word("NoSchedule", message)
    return None


def revision_lost(revision: str) -> Word:
    """Nobody can tell the intervals any more."""
    message = f"the ControllerRevision {revision!r} is gone, by whose schedule it was planned"
    return Word("RevisionNotFound", message, final=True)


def refused(
    wish: Wish, dag: plans.Plan, plan: backfill_plan.Plan | None, planned: str
) -> Word | None:
    """Why it can never be done as it is; nothing of it can be mended but by another one."""
    if wish.order != backfill_facts.OLDEST_FIRST and dag.depends_on_past:
        message = "must have order OldestFirst: the DAG says dependsOnPast, so no run could start"
        return Word("OrderNotPossible", message, final=True)
    if unknown := restrict.unknown(dag, wish.tasks):
        names = ", ".join(repr(name) for name in unknown[:NAMES_TOLD_MAX])
        message = (
            f"spec.tasks must name tasks of the DAG; it has no {names}: "
            "create another Backfill, this one is over"
        )
        return Word("TaskNotFound", message, final=True)
    if plan is None:
        return None
    if plan.too_many:
        message = (
            f"must have at most {backfill_plan.INTERVALS_MAX} intervals: create several Backfills, "
            "one for each part of the range"
        )
        return Word("TooManyIntervals", message, final=True)
    if not plan.total:
        message = (
            f"no interval of the DAG's schedule lies between {wish.start_time} and {wish.end_time} "
            f"and had ended by {planned}; startTime and endTime of the schedule count, too"
        )
        return Word("NoIntervals", message, final=True)
    return None


def dry_run(wish: Wish, made: Picture) -> Word:
    """What would be done."""
    created = len(made.chunks(wish.intervals_per_run))
    again = len(made.again)
    alone = len({run.name for run in made.covers if run is not None} - made.again.keys())
    message = f"dry run: {_runs(created)} would be created, {again} run again, {alone} left alone"
    return Word(DRY_RUN, message)


def goes_on(snap: BackfillSnapshot, made: Picture, found: backfill_rows.IntervalCounts) -> Word:
    """What it does or waits for."""
    if snap.wish.cancel:
        return CANCELLING
    if found.planned:
        return _obstacle(snap, made) or Word("InProgress", _own(snap.wish, made) or NEXT)
    if made.own:
        return Word("InProgress", f"waits for its last runs to end: {_own(snap.wish, made)}")
    return Word("WaitingForRuns", "waits for runs to end that are not its own")


def _own(wish: Wish, made: Picture) -> str:
    """Its runs that go on, and those that are held back: of one of them which, and by what."""
    waiting = standings.left_waiting(wish, made.own)
    told = []
    if started := len(made.own) - len(waiting):
        told.append(f"{_runs(started)} under way")
    if waiting:
        run = min(waiting, key=lambda one: (not one.held, one.order))
        told.append(f"{_runs(len(waiting))} not started")
        if run.held:
            told.append(f"{run.name!r} is held back ({run.held})")
    return "; ".join(told)


def _obstacle(snap: BackfillSnapshot, made: Picture) -> Word | None:
    """Why no further run is begun although there are intervals left."""
    own = _own(snap.wish, made)
    if snap.wish.suspend:
        return Word("Suspended", "; ".join(filter(None, ("suspended", own))))
    if snap.current is None:
        return unready(snap)
    if snap.trouble is not None and snap.trouble.told:
        return Word("APIRefused", snap.trouble.message)
    if not own and backfill_room.of_the_dag(snap.current, made) <= 0:
        return Word("WaitingForRuns", f"waits for the DAG's {_runs(len(made.others), 'active ')}")
    return None


def over(wish: Wish, found: backfill_rows.IntervalCounts) -> Word:
    """How it ended."""
    told = [
        f"{number} {state}"
        for state, number in (
            ("succeeded", found.succeeded),
            ("failed", found.failed),
            ("skipped", found.skipped),
            ("cancelled", found.cancelled),
        )
        if number
    ]
    message = f"of {found.total} interval{'s' * (found.total != 1)} {', '.join(told)}"
    if wish.cancel and found.cancelled:
        return Word("Cancelled", message)
    return Word("IntervalsFailed" if found.failed else SUCCEEDED, message)


def _runs(number: int, kind: str = "") -> str:
    return f"{number} {kind}run{'s' * (number != 1)}"
