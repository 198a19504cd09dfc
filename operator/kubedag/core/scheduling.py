"""What the schedule of a DAG asks for now: which runs to create, and what its status says of it.

The memory is `status.lastInterval`: until its end everything has its run or was skipped. It is moved
only over intervals whose run is known to exist, so whatever a crash cuts off is decided again, and
the names of the runs keep that from doing anything twice.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import actions, due, instants, naming, pauses, reasons_elsewhere, rows
from kubedag.core import schedule as schedules

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import decide_dag, history
    from kubedag.core import plan as plans

CREATES_AT_ONCE_MAX: Final = 20
"""Of one DAG, so that one that catches up on a year leaves room for the others."""
WAKE_SECONDS_MAX: Final = 60
"""Timers do not follow the clock when somebody sets it."""


class Word(NamedTuple):
    """What the status of the DAG says about its schedule."""

    condition: rows.Condition | None = None
    schedule: str = ""
    next_run: rows.NextRun | None = None
    last_interval: rows.Interval | None = None
    last_skipped: rows.SkippedIntervals | None = None
    consecutive_failures: int | None = None
    failures_start_time: str | None = None


class Scheduling(NamedTuple):
    """The part of a DAG's decision that its schedule makes."""

    word: Word
    creates: tuple[actions.CreateRun, ...] = ()
    wake_at: datetime | None = None


def decide(
    snap: decide_dag.DAGSnapshot, dag: decide_dag.Definition, ready: str, now: datetime
) -> Scheduling:
    """What to create, what to say, and when to look again; `ready` is the condition to be."""
    since = failures_since(snap, dag, now)
    failures = max(snap.history.failures(since or ""), _kept_failures(snap, dag))
    old = snap.status
    if not dag.scheduled:
        word = Word(
            last_interval=old.last_interval,
            last_skipped=old.last_skipped,
            consecutive_failures=failures if dag.failures_max else None,
            failures_start_time=since,
        )
        return Scheduling(word)
    facts = pauses.Facts(ready, dag.suspend, failures, dag.failures_max)
    kept = Word(
        schedule=old.schedule,
        last_interval=old.last_interval,
        last_skipped=old.last_skipped,
        consecutive_failures=failures,
        failures_start_time=since,
    )
    told = old.condition(rows.SCHEDULED)
    if ready == rows.UNKNOWN and told is not None and since == old.failures_start_time:
        return Scheduling(kept._replace(condition=told, next_run=old.next_run))
    if dag.plan is None or dag.plan.schedule is None or dag.policy is None:
        return Scheduling(kept._replace(condition=pauses.condition(facts, dag.generation)))
    kept = kept._replace(schedule=schedules.describe(dag.plan.schedule))
    return _decide(_Look(snap, dag, dag.plan.schedule, dag.policy, now), kept, facts)


def failures_since(
    snap: decide_dag.DAGSnapshot, dag: decide_dag.Definition, now: datetime
) -> str | None:
    """From when on failures count: from when the DAG was changed after too many of them."""
    told = snap.status.condition(rows.SCHEDULED)
    if (
        told is not None
        and told.reason == reasons_elsewhere.TOO_MANY_FAILURES.name
        and told.observed_generation != dag.generation
    ):
        return instants.text(now)
    return snap.status.failures_start_time


def _kept_failures(snap: decide_dag.DAGSnapshot, dag: decide_dag.Definition) -> int:
    """As many as were too many, until a run succeeds: one may be deleted, or run again."""
    told = snap.status.condition(rows.SCHEDULED)
    too_many = reasons_elsewhere.TOO_MANY_FAILURES.name
    if told is None or told.reason != too_many or dag.failures_max is None:
        return 0
    if told.observed_generation != dag.generation:
        return 0
    return 0 if snap.history.succeeded_since(told.last_transition_time) else dag.failures_max


def needs(
    snap: decide_dag.DAGSnapshot, dag: decide_dag.Definition, run: history.RunSummary
) -> bool:
    """Must this run stay for now: as what tells that its interval was run, or how it ended?"""
    handled = snap.status.last_interval.end_time if snap.status.last_interval else ""
    if dag.scheduled and run.of_schedule and run.interval_end > handled:
        return True
    if dag.failures_max is None:
        return False
    return snap.history.in_streak(run, snap.status.failures_start_time or "", dag.failures_max)


@dataclass(slots=True)
class _Look:
    """One look at what is due."""

    snap: decide_dag.DAGSnapshot
    dag: decide_dag.Definition
    schedule: schedules.Schedule
    policy: due.Policy
    now: datetime


class _Round(NamedTuple):
    """What became of the intervals that are due."""

    handled: rows.Interval | None
    skipped: due.Skipped | None
    missing: tuple[actions.CreateRun, ...]
    """The runs that there should be, and are not."""


def _decide(look: _Look, kept: Word, facts: pauses.Facts) -> Scheduling:
    anchor = handled_until(look)
    if pauses.paused(facts) is not None:
        word = kept._replace(
            condition=pauses.condition(facts, look.dag.generation), last_interval=anchor
        )
        return Scheduling(word)
    round_ = _round(look, anchor)
    trouble = look.snap.creations.trouble
    if trouble is not None and not round_.missing:
        trouble = None
    room = _room(look)
    creates = round_.missing[: max(0, min(room, CREATES_AT_ONCE_MAX))]
    wakes = [look.now + timedelta(seconds=WAKE_SECONDS_MAX)]
    past = look.dag.plan is not None and look.dag.plan.depends_on_past
    if past or look.snap.status.last_interval is None:
        # The second of two could be there before the first, and start; or nothing would tell
        # that those between two of them are missing.
        creates = creates[:1]
    if trouble is not None and trouble.holds(look.now):
        wakes.append(trouble.retry_at)
        creates = ()
    if look.snap.status.last_interval is None and round_.skipped is not None:
        creates = ()  # once a run is there, it tells where to go on, and nothing of what was skipped
    following = _following(look, round_)
    if following is not None and (moment := instants.parse(following.create_time)) > look.now:
        wakes.append(moment)
    facts = facts._replace(
        ended=following is None,
        empty=following is None and _is_empty(look.schedule),
        full=bool(round_.missing) and room <= 0,
        trouble=trouble,
    )
    word = kept._replace(
        condition=pauses.condition(facts, look.dag.generation),
        next_run=following,
        last_interval=round_.handled,
        last_skipped=_said(kept.last_skipped, round_.skipped, look.now),
    )
    return Scheduling(word, creates, min(wakes))


# --- Memory -----------------------------------------------------------------------------------


def handled_until(look: _Look) -> rows.Interval | None:
    """The last interval that needs no more care; None if all from `startTime` on do."""
    stored = look.snap.status.last_interval
    if stored is not None:
        return stored
    latest = _latest(look.snap)
    if latest is not None:
        return latest
    if look.schedule.start is not None:
        return None
    end = look.schedule.before(_beginning(look) + timedelta(seconds=1))
    start = look.schedule.before(end) if end is not None else None
    if start is None or end is None:
        return None
    return rows.Interval(instants.text(start), instants.text(end))


def _latest(snap: decide_dag.DAGSnapshot) -> rows.Interval | None:
    """Of all runs that this DAG, or the one of its name before it, has scheduled."""
    found = [(run.interval_end, run.interval_start) for run in snap.runs if run.of_schedule]
    if (of_history := snap.history.latest_interval()) is not None:
        found.append((of_history[1], of_history[0]))
    return rows.Interval(*reversed(max(found))) if found else None


def _beginning(look: _Look) -> datetime:
    """The DAG's creation, but for one that was there before it had a schedule."""
    status = look.snap.status
    had_none = status.observed_generation > 0 and status.condition(rows.SCHEDULED) is None
    return look.now if had_none else instants.parse(look.dag.created)


# --- What is due ------------------------------------------------------------------------------


def _round(look: _Look, anchor: rows.Interval | None) -> _Round:
    """What there is, what is to be created, and what gets no run: one stretch of that at a time.

    So each stretch is in the status once, and is told; the next one is when that is stored.
    """
    found = due.due(look.schedule, look.policy, _end(look, anchor), look.now)
    handled, skipped = anchor, found.older
    missing: list[actions.CreateRun] = []
    existing, places = _Existing(look.snap), _places(look)
    asked = [(interval, found.reason) for interval in found.missed]
    for interval, missed in (*asked, *((interval, "") for interval in found.wanted)):
        create = _create(look, interval, newest=interval in found.wanted[-1:])
        exists = create in existing
        if not exists and existing.may_come(create):
            break
        reason = "" if exists else missed or _why_not(look, create, existing, places)
        if (reason and missing) or len(missing) == CREATES_AT_ONCE_MAX:
            break  # what is skipped must not be known before what comes first is there
        if reason:
            longer = _joined(skipped, interval, reason)
            if longer is None:
                break
            skipped = longer
        elif not exists:
            missing.append(create)
            places -= 1
        if not missing:
            handled = rows.Interval(create.start_time, create.end_time)
    return _Round(handled, skipped if handled != anchor else None, tuple(missing))


class _Existing:
    """The runs that there are: with the name and the interval of one, or with longer intervals.

    These are of an earlier schedule, or of a Backfill with several intervals for each run.
    """

    __slots__ = ("_coming", "_history", "_intervals", "_names")

    def __init__(self, snap: decide_dag.DAGSnapshot) -> None:
        self._history = snap.history
        self._names = {run.name: run for run in snap.runs}
        self._intervals = sorted(
            (run.interval_end, run.interval_start) for run in snap.runs if run.made_for_interval
        )
        self._coming = [(one.start_time, one.end_time) for one in snap.coming]

    def __contains__(self, create: actions.CreateRun) -> bool:
        start, end = create.start_time, create.end_time
        named = self.named(create)
        if named is not None and (named.interval_start, named.interval_end) == (start, end):
            return True
        later = self._intervals[bisect_left(self._intervals, (end, "")) :]
        return any(start_ <= start for _, start_ in later) or self._history.covers(start, end)

    def named(self, create: actions.CreateRun) -> history.RunSummary | None:
        """What has its name: its run, or one that somebody has made for something else."""
        return self._names.get(create.name) or self._history.get(create.name)

    def may_come(self, create: actions.CreateRun) -> bool:
        """Is a run with a longer interval just being created? What has its very name may be, too."""
        start, end = create.start_time, create.end_time
        return any(
            begin <= start and end <= until and (begin, until) != (start, end)
            for begin, until in self._coming
        )


def _create(look: _Look, interval: schedules.Interval, *, newest: bool) -> actions.CreateRun:
    return actions.CreateRun(
        naming.run_name(look.snap.name, interval.start, interval.end),
        "Scheduled" if newest else "Catchup",
        instants.text(interval.start),
        instants.text(interval.end),
    )


def _why_not(look: _Look, create: actions.CreateRun, existing: _Existing, places: int) -> str:
    """Why an interval gets no run although it is due."""
    if create.name in look.snap.creations.taken or existing.named(create) is not None:
        return "NameTaken"
    return "Forbidden" if places <= 0 else ""


def _places(look: _Look) -> int:
    """How many more runs there may be under Forbid, which skips all others."""
    plan: plans.Plan | None = look.dag.plan
    if plan is None or plan.concurrency_policy != "Forbid":
        return 1_000_000
    return plan.max_active_runs - sum(
        not (run.deleting or run.suspended or run.of_backfill) for run in look.snap.runs
    )


def _room(look: _Look) -> int:
    """How many more runs may wait for their turn."""
    waiting = sum(run.of_schedule and not run.started for run in look.snap.runs)
    return pauses.UNSTARTED_MAX - waiting


def _following(look: _Look, round_: _Round) -> rows.NextRun | None:
    """The run that is created next, if any ever will be."""
    for create in round_.missing[:1]:
        return rows.NextRun(create.start_time, create.end_time, create.end_time)
    following = schedules.next_interval(look.schedule, _end(look, round_.handled))
    if following is None:
        return None
    start, end_text = instants.text(following.start), instants.text(following.end)
    return rows.NextRun(start, end_text, end_text)


def _is_empty(schedule: schedules.Schedule) -> bool:
    """Does no interval lie within its start and end?"""
    return not schedules.intervals(schedule, schedules.EARLIEST, schedules.LATEST, 1)


def _end(look: _Look, handled: rows.Interval | None) -> datetime:
    """Until when nothing is to be done."""
    if handled is not None:
        return instants.parse(handled.end_time)
    return look.schedule.start or look.now


# --- What was skipped -------------------------------------------------------------------------


def _joined(
    before: due.Skipped | None, interval: schedules.Interval, reason: str
) -> due.Skipped | None:
    """One more interval that gets no run; None if that is another stretch."""
    if before is None:
        return due.Skipped(interval.start, interval.end, 1, reason)
    return before.joined(interval.start, interval.end, reason)


def _said(
    before: rows.SkippedIntervals | None, skipped: due.Skipped | None, now: datetime
) -> rows.SkippedIntervals | None:
    """One stretch as long as it goes on for the same reason, so that it is told of once."""
    if skipped is None:
        return before
    start, end = instants.text(skipped.start), instants.text(skipped.end)
    count = skipped.intervals
    if before is not None and (before.end_time, before.reason) == (start, skipped.reason):
        start, count = before.start_time, before.intervals + count
    count = min(count, due.SKIPPED_COUNTED_MAX)
    return rows.SkippedIntervals(start, end, count, skipped.reason, instants.text(now))
