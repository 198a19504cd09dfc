"""What to do about a Backfill: plan it once, store the plan, then create what there is room for.

Whatever it says of its intervals is computed from the DAG's runs each time. What is stored of it is
only the plan (which revision, and since when), and that it is over: then it does nothing ever again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.core import (
    actions,
    backfill_facts,
    backfill_plan,
    backfill_room,
    backfill_rows,
    backfill_status,
    backfill_words,
    instants,
    naming,
    notices_backfill,
    rows,
)
from kubedag.core import backfill_standing as standings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core.backfill_facts import BackfillSnapshot, Wish
    from kubedag.core.backfill_standing import Picture
    from kubedag.core.history import RunSummary

replace = msgspec.structs.replace

ACTIONS_MAX: Final = 100
"""At once; more would only queue in the operator instead of in the API server."""


class Pin(NamedTuple):
    """What the intervals follow from."""

    revision: str
    start_time: str
    plan: plans.Plan


def decide(snap: BackfillSnapshot, now: datetime) -> actions.BackfillDecision:
    """The whole decision about one Backfill."""
    return notices_backfill.told(_decided(snap, now), snap, now)


def _decided(snap: BackfillSnapshot, now: datetime) -> actions.BackfillDecision:
    wish, stored = snap.wish, snap.status
    if stored.finished:
        return actions.BackfillDecision(replace(stored, observed_generation=wish.generation))
    pin = _pin(snap, now)
    if isinstance(pin, backfill_words.Word):
        return _unplanned(snap, pin, now)
    sketch = _sketch(snap, pin)
    if refused := backfill_words.refused(wish, pin.plan, sketch.plan, pin.start_time):
        return actions.BackfillDecision(_ended(_fresh(snap), wish, refused, now))
    if sketch.plan is None:
        return _planning(snap, sketch, now)
    made = standings.picture(snap, sketch.plan)
    status = _described(snap, pin, made, now)
    if status.finished or (stored.revision, stored.start_time) != (pin.revision, pin.start_time):
        # The plan is stored before anything is done for it.
        return actions.BackfillDecision(status, sketch=None if status.finished else sketch)
    todo = _actions(snap, made, now)
    return actions.BackfillDecision(status, todo, _wake_at(snap, status, now), sketch)


def _wake_at(
    snap: BackfillSnapshot, status: backfill_rows.BackfillStatus, now: datetime
) -> datetime | None:
    """When it may ask again what was refused, or has to take back an estimate that has passed."""
    moments = []
    if snap.trouble is not None and snap.trouble.holds(now):
        moments.append(snap.trouble.retry_at)
    if status.estimated_completion_time is not None:
        moments.append(instants.parse(status.estimated_completion_time))
    return min(moments, default=None)


def _pin(snap: BackfillSnapshot, now: datetime) -> Pin | backfill_words.Word:
    """The plan that is stored; or a new one by the DAG as it is, or what that waits for."""
    stored, word = snap.status, backfill_words.unready(snap)
    was_dry = _was_dry(snap)
    acts = not (snap.wish.dry_run or snap.wish.cancel)
    kept = not was_dry or not (acts or word is None or snap.pinned is None)
    if stored.revision and stored.start_time and kept:
        if snap.pinned is None:
            return backfill_words.revision_lost(stored.revision)
        return Pin(stored.revision, stored.start_time, snap.pinned)
    if word is not None:
        return word
    assert snap.dag is not None
    assert snap.current is not None
    start, begun = instants.text(now), snap.sketch
    if was_dry and snap.wish.dry_run and stored.revision == snap.dag.revision:
        start = stored.start_time or start
    elif begun and begun.revision == snap.dag.revision and begun.start_time != stored.start_time:
        start = begun.start_time
    return Pin(snap.dag.revision, start, snap.current)


def _was_dry(snap: BackfillSnapshot) -> bool:
    """A dry run is planned anew when it becomes a real one, or the DAG another."""
    told = snap.status.condition(rows.SUCCEEDED_CONDITION)
    return told is not None and told.reason == backfill_words.DRY_RUN


def _sketch(snap: BackfillSnapshot, pin: Pin) -> backfill_plan.Sketch:
    """Those that had ended when it was planned; later ones are the schedule's own."""
    end = min(backfill_plan.canonical(snap.wish.end_time), pin.start_time)
    start = backfill_plan.canonical(snap.wish.start_time)
    revision, planned = pin.revision, pin.start_time
    if pin.plan.schedule is None or end <= start:
        return backfill_plan.Sketch(revision, planned, None, backfill_plan.Plan())
    span = backfill_plan.Span(pin.plan.schedule, start, end)
    known = snap.sketch
    plan = known.plan if known is not None and known.span == span else None
    return backfill_plan.Sketch(revision, planned, span, plan)


def _planning(
    snap: BackfillSnapshot, sketch: backfill_plan.Sketch, now: datetime
) -> actions.BackfillDecision:
    """One that was planned before the operator started stays as it is meanwhile."""
    stored = snap.status
    if (stored.revision, stored.start_time) == (sketch.revision, sketch.start_time):
        return actions.BackfillDecision(stored, sketch=sketch)
    found = _unplanned(snap, backfill_words.PLANNING, now)
    return dataclasses.replace(found, sketch=None if found.status.finished else sketch)


def _unplanned(
    snap: BackfillSnapshot, word: backfill_words.Word, now: datetime
) -> actions.BackfillDecision:
    """Nothing is known of its intervals; whatever waits of it is called back if it is cancelled."""
    wish, fresh = snap.wish, _fresh(snap)
    if word.final:
        return actions.BackfillDecision(_ended(_told(snap), wish, word, now))
    if not wish.cancel:
        return actions.BackfillDecision(_goes_on(fresh, wish, word, now))
    runs = [*snap.unfinished(), *snap.finished()]
    back = call_back(wish, runs)
    if back or any(wish.owns(run) and not run.finished for run in runs):
        return actions.BackfillDecision(
            _goes_on(fresh, wish, backfill_words.CANCELLING, now), back
        )
    return actions.BackfillDecision(_ended(fresh, wish, backfill_words.CANCELLED, now))


def _fresh(snap: BackfillSnapshot) -> backfill_rows.BackfillStatus:
    """Without a plan; one of a dry run says nothing any more."""
    return backfill_rows.BackfillStatus(
        observed_generation=snap.wish.generation, conditions=snap.status.conditions
    )


def _told(snap: BackfillSnapshot) -> backfill_rows.BackfillStatus:
    return replace(snap.status, observed_generation=snap.wish.generation)


def _described(
    snap: BackfillSnapshot, pin: Pin, made: Picture, now: datetime
) -> backfill_rows.BackfillStatus:
    """Everything but the conditions is a function of the runs, so it is built from nothing."""
    wish, old = snap.wish, snap.status
    found = backfill_status.counts(made)
    status = backfill_rows.BackfillStatus(
        observed_generation=wish.generation,
        conditions=old.conditions,
        revision=pin.revision,
        start_time=pin.start_time,
        progress=f"{backfill_status.done(found)}/{found.total}",
        percent=backfill_status.percent(found),
        intervals=found,
        ranges=backfill_status.ranges(made),
        failures=backfill_status.failures(made),
        estimated_completion_time=old.estimated_completion_time,
    )
    if wish.dry_run and not wish.cancel:
        status = replace(status, estimated_completion_time=None)
        return _goes_on(status, wish, backfill_words.dry_run(wish, made), now)
    left = found.planned + found.queued + found.active
    if left or (wish.cancel and made.own):
        when = None
        if not (wish.suspend or wish.cancel):
            when = backfill_status.estimate(made, found, status, now)
        status = replace(status, estimated_completion_time=when)
        return _goes_on(status, wish, backfill_words.goes_on(snap, made, found), now)
    status = replace(status, estimated_completion_time=None)
    return _ended(status, wish, backfill_words.over(wish, found), now)


def _goes_on(
    status: backfill_rows.BackfillStatus, wish: Wish, word: backfill_words.Word, now: datetime
) -> backfill_rows.BackfillStatus:
    return _with(status, wish, now, (rows.UNKNOWN, word), (rows.FALSE, backfill_words.ACTIVE))


def _ended(
    status: backfill_rows.BackfillStatus, wish: Wish, word: backfill_words.Word, now: datetime
) -> backfill_rows.BackfillStatus:
    truth = rows.TRUE if word.reason == backfill_words.SUCCEEDED else rows.FALSE
    status = replace(status, completion_time=instants.text(now), estimated_completion_time=None)
    return _with(status, wish, now, (truth, word), (rows.TRUE, word))


def _with(
    status: backfill_rows.BackfillStatus,
    wish: Wish,
    now: datetime,
    succeeded: tuple[str, backfill_words.Word],
    finished: tuple[str, backfill_words.Word],
) -> backfill_rows.BackfillStatus:
    conditions = status.conditions
    for kind, (truth, word) in (
        (rows.SUCCEEDED_CONDITION, succeeded),
        (rows.FINISHED, finished),
    ):
        condition = rows.Condition(
            kind, truth, word.reason, rows.clip(word.message), observed_generation=wish.generation
        )
        conditions = rows.set_condition(conditions, condition, instants.text(now))
    return replace(status, conditions=conditions)


# --- What is done ----------------------------------------------------------------------------


def _actions(
    snap: BackfillSnapshot, made: Picture, now: datetime
) -> tuple[actions.BackfillAction, ...]:
    wish = snap.wish
    if wish.cancel:
        return call_back(wish, made.own)
    if wish.dry_run or wish.suspend or snap.current is None:
        return ()
    if snap.trouble is not None and snap.trouble.holds(now):
        return ()
    most = ACTIONS_MAX
    if snap.current.depends_on_past:
        # The second of two that are created at once could be there, and start, before the first.
        most = 0 if snap.creating else 1
    room = min(backfill_room.room(wish, snap.current, made), most)
    if room <= 0:
        return ()
    wanted: list[tuple[int, range | str]] = [
        (chunk.start, chunk) for chunk in made.chunks(wish.intervals_per_run)
    ]
    wanted += [(index, name) for name, index in made.again.items()]
    wanted.sort(key=lambda one: one[0], reverse=wish.order != backfill_facts.OLDEST_FIRST)
    return tuple(
        _rerun(wish, made, index) if isinstance(what, str) else _create(wish, made, what)
        for index, what in wanted[:room]
    )


def _create(wish: Wish, made: Picture, chunk: range) -> actions.CreateRun:
    start, end = made.plan.bounds[chunk.start], made.plan.bounds[chunk.stop]
    return actions.CreateRun(
        name=naming.run_name(wish.dag_name, instants.parse(start), instants.parse(end)),
        run_type="Backfill",
        start_time=start,
        end_time=end,
        backfill=wish.name,
        backfill_uid=wish.uid,
        tasks=wish.tasks,
        params=wish.params,
    )


def _rerun(wish: Wish, made: Picture, index: int) -> actions.RequestRerun:
    run = made.covers[index]
    assert run is not None
    scope = "Failed" if wish.reprocess == backfill_facts.REPROCESS_FAILED else "All"
    return actions.RequestRerun(
        name=run.name,
        uid=run.uid,
        id=wish.rerun_id,
        scope="Tasks" if wish.tasks else scope,
        tasks=wish.tasks,
        revision=wish.revision,
    )


def call_back(wish: Wish, runs: Iterable[RunSummary]) -> tuple[actions.BackfillAction, ...]:
    """Nothing of it is left waiting: runs that have not started go, wishes are withdrawn."""
    waiting = [run for run in standings.left_waiting(wish, runs) if run.uid and not run.deleting]
    return tuple(
        actions.WithdrawRerun(run.name, run.uid, wish.rerun_id)
        if wish.awaits(run)
        else actions.DeleteRun(run.name, run.uid, unstarted=True)
        for run in waiting[:ACTIONS_MAX]
    )
