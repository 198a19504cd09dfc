"""What to do about a run: the ordered story.

`decide` is pure and total. It may be called at any moment, any number of times, with facts that are
late or doubled; the names of what it asks for make a repetition harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as replace_
from datetime import datetime
from typing import Final

import msgspec

from kubedag.core import (
    actions,
    admission,
    afterwards,
    approvals,
    describe,
    ending,
    finals,
    fit,
    instants,
    late,
    logs,
    marks,
    notices,
    reasons,
    restrict,
    rows,
    shutdown,
    stops,
    words,
)
from kubedag.core import advance as advances
from kubedag.core import plan as plans
from kubedag.core import rerun as reruns
from kubedag.core import snapshot as snapshots
from kubedag.core import step as step_

replace = msgspec.structs.replace

DAG_WAIT_SECONDS: Final = 600
"""How long a run waits for a DAG that is missing or not ready; the same sync may still bring it."""

Rule = Callable[[snapshots.RunSnapshot, datetime], actions.RunDecision | None]


def decide(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision:
    """The whole decision about one run; the first rule that answers wins."""
    for rule in RULES:
        decision = rule(snap, now)
        if decision is not None:
            decision = late.told(decision, snap, now)
            status = marks.announced(reruns.announced(decision.status, snap.run, now), snap, now)
            releases = tuple(ending.releases(snap))
            if releases or status is not decision.status:
                done = decision.actions + releases
                decision = replace_(decision, status=status, actions=done)
            return notices.told(decision, snap, now)
    raise AssertionError("the last rule answers always")


# --- Rules -----------------------------------------------------------------------------------


def _is_being_deleted(snap: snapshots.RunSnapshot, _now: datetime) -> actions.RunDecision | None:
    """Its Pods are garbage-collected with it; nothing may start any more."""
    return actions.RunDecision(snap.status) if snap.run.deleting else None


def _is_to_run_again(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """It has ended and stays so until it may run again; that is stored before anything is done."""
    wish = reruns.pending(snap.run, snap.status)
    if wish is None or not snap.status.finished:
        return None
    source = reruns.source(snap, wish)
    wait = reruns.hindrance(snap, wish, source)
    if wait is None and wish.dry_run:
        assert source is not None
        return afterwards.stays(snap, reruns.rehearsed(snap, source, wish), now)
    if wait is not None:
        return afterwards.stays(snap, wait, now, reruns.unconfirmed(snap))
    assert source is not None
    status = reruns.fulfilled(snap, source, wish, now)
    if status.finished:
        tidied = afterwards.look(replace_(snap, status=status), now)
        return actions.RunDecision(tidied.status, urgent=True)
    return _begins(snap, status, source, now)


def _is_marked(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """Somebody says what became of it, or of its tasks; what is under way is ended first."""
    if snap.status.finished:
        return _is_marked_at_its_end(snap, now)
    mark = marks.of_run(snap.run, snap.status)
    if mark is None or (has_started(snap) and snap.plan is not None):
        return None
    given_up = _ended_early(snap, reasons.RUN_MARKED.name, "", now).status
    return actions.RunDecision(describe.marked(snap, given_up, mark, now), urgent=True)


def _is_marked_at_its_end(
    snap: snapshots.RunSnapshot, now: datetime
) -> actions.RunDecision | None:
    mark = marks.of_run(snap.run, snap.status)
    status, plan = snap.status, snap.plan
    if plan is not None:
        found = marks.effect(snap, plan, now, alone=mark is not None)
        if found is None and mark is None:
            return None
        if found is not None and found.opened:
            return _goes_on(snap, plan, found, now)
        if found is not None:
            status = describe.judged_anew(snap, plan, found.tasks, now)
    elif mark is None:
        lacks = marks.awaits(snap.run, status)
        return afterwards.stays(snap, reruns.no_revision(snap), now) if lacks else None
    if mark is not None:
        status = describe.marked(snap, status, mark, now)
    status = fit.fit(status, snap, instants.text(now))
    tidied = afterwards.look(replace_(snap, status=status), now)
    return actions.RunDecision(tidied.status, urgent=True)


def _goes_on(
    snap: snapshots.RunSnapshot, plan: plans.Plan, found: marks.Effect, now: datetime
) -> actions.RunDecision:
    """Tasks are to run because of marks that could not before: as good as a rerun."""
    wait = reruns.not_yet(snap, plan)
    if wait is not None:
        return afterwards.stays(snap, wait, now, reruns.unconfirmed(snap))
    status = reruns.last_ones_again(snap, plan, marks.begun_again(snap.status, found, now), now)
    status = describe.conclude(snap, status, rows.UNKNOWN, "Running", "goes on", now)
    source = snapshots.Source(plan, snap.plan_revision, snap.plan_generation)
    return _begins(snap, reruns.without_word(status), source, now)


def _begins(
    snap: snapshots.RunSnapshot, status: rows.RunStatus, source: snapshots.Source, now: datetime
) -> actions.RunDecision:
    """What the next decision will say of it, so that it has nothing to write but what it does."""
    plan, revision, generation = source
    begun = _runs(
        replace_(
            snap, status=status, plan=plan, plan_revision=revision, plan_generation=generation
        ),
        now,
    )
    status = fit.fit(begun.status, snap, instants.text(now))
    return actions.RunDecision(status, wake_at=begun.wake_at, urgent=True)


def _has_finished(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """Absorbing, but for a wish to run again. What is left is to tidy up its Pods."""
    return afterwards.look(snap, now) if snap.status.finished else None


def _is_shut_down(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """Somebody ends it before it has started: then nothing starts at all."""
    if has_started(snap) or not snap.run.shutdown:
        return None
    reason = shutdown.UNSTARTED[snap.run.shutdown]
    message = f"spec.shutdown is {snap.run.shutdown}; it had not started"
    return _ended_early(snap, reason, message, now)


def _has_no_plan(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """Without a definition nothing can be decided: wait for it a while, then say so for good."""
    if snap.plan is not None:
        return None
    if snap.plan_revision:
        if snap.lost_revision != snap.plan_revision:
            ask = actions.ConfirmRevision(snap.plan_revision)
            return actions.RunDecision(snap.status, actions=(ask,))
        message = f"the ControllerRevision {snap.plan_revision!r} that it started with is gone"
        return _ended_early(snap, "RevisionNotFound", message, now)
    if snap.dag is None:
        reason = "DAGNotFound"
        where = f"namespace {snap.run.namespace!r}"
        message = f"spec.dagName: must name a DAG of {where}; {snap.run.dag_name!r} is none"
    else:
        reason = "DAGNotReady"
        message = snap.dag.message or f"DAG {snap.run.dag_name!r} has not been checked yet"
        if not snap.dag.checked:  # which is our own business, and no fault of the run
            return _held(snap, reason, message, now)
    since = _waits_since(snap, now)
    deadline = instants.after(since, DAG_WAIT_SECONDS)
    if now >= deadline:
        return _ended_early(snap, reason, message, now)
    held = _held(snap, reason, message, now, deadline)
    return replace_(held, status=replace(held.status, wait_time=since))


def _waits_since(snap: snapshots.RunSnapshot, now: datetime) -> str:
    """Since when it waits for its DAG, which may have been good for as long as others ran."""
    is_new = snap.status.condition(rows.SUCCEEDED_CONDITION) is None
    return snap.status.wait_time or (snap.run.created if is_new else instants.text(now))


def _lacks_tasks(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """It is limited to tasks that there are not; what it starts with, it is pinned to."""
    assert snap.plan is not None
    missing = restrict.unknown(snap.plan, snap.run.tasks)
    if has_started(snap) or not missing:
        return None
    return _ended_early(snap, "TaskNotFound", words.no_such_tasks("spec.tasks", missing), now)


def _may_not_start(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision | None:
    """Not started: held by hand, by its DAG, or by the limits between runs."""
    if has_started(snap):
        return None
    if snap.run.suspend:
        return _held(snap, "Suspended", "spec.suspend of the run is true", now)
    if snap.dag is not None and snap.dag.suspend and snap.run.held_by_dag:
        return _held(snap, "DAGSuspended", "spec.suspend of the DAG is true", now)
    assert snap.plan is not None
    verdict = admission.admit(snap.run, snap.peers, snap.plan)
    if verdict.admitted:
        return None
    if verdict.final:
        return _ended_early(snap, verdict.reason, verdict.message, now)
    return _held(snap, verdict.reason, verdict.message, now)


def _runs(snap: snapshots.RunSnapshot, now: datetime) -> actions.RunDecision:
    """Started, and not at its end: one step."""
    assert snap.plan is not None
    started = snap.status.start_time or _earliest_sign(snap) or instants.text(now)
    stop, deadline = shutdown.why(snap, snap.plan, started, now)
    step = advances.advance(snap, snap.plan, now, stop)
    if shutdown.fails_fast(step):
        stop = stops.RUN_FAILED_FAST
        step = advances.advance(snap, snap.plan, now, stop, shutdown.failures(step))
    recorded = stops.recorded(snap.status)
    if not step.stopped:
        stop = recorded or _unstored(stop, snap, step)
    base = replace(
        snap.status,
        revision=snap.status.revision or snap.plan_revision,
        dag_generation=snap.status.dag_generation or snap.plan_generation,
        start_time=started,
        mark=marks.of_stop(snap, stop, now),
    )
    tasks = tuple(_with_deps_met(step, started))
    described = describe.described(snap, base, step.plan, tasks, now, stop)
    status = fit.fit(described, snap, instants.text(now))
    wakes = [moment for moment in (advances.wake(step), deadline) if moment is not None]
    return actions.RunDecision(
        status=status,
        actions=tuple(step.actions),
        wake_at=min(wakes) if wakes and not status.finished else None,
        urgent=_urgent(snap.status, status)
        or stop != recorded
        or step.marked
        or _tells_why(step, status),
        waiters=tuple(step.waiters),
    )


RULES: Final[tuple[Rule, ...]] = (
    _is_being_deleted,
    _is_marked,
    _is_to_run_again,
    _has_finished,
    _is_shut_down,
    _has_no_plan,
    _lacks_tasks,
    _may_not_start,
    _runs,
)


# --- Facts -----------------------------------------------------------------------------------


def has_started(snap: snapshots.RunSnapshot) -> bool:
    """A run has started once it says so, or once any Pod of it exists."""
    return bool(snap.status.start_time or snap.pods or snap.creating)


def _unstored(stop: str, snap: snapshots.RunSnapshot, step: step_.Step) -> str:
    """A stop that has done its work in slices, which are stored before the run says why."""
    said = snap.decided
    if said is None or stops.recorded(said) != stop:
        return ""
    same = [row.state for row in said.tasks] == [row.state for row in step.tasks]
    return stop if same else ""


def _earliest_sign(snap: snapshots.RunSnapshot) -> str | None:
    """When the run had started at the latest, by its Pods and by what the API said about them."""
    stamps = [
        pod.metadata.creation_timestamp
        for seen in snap.pods.values()
        for pod in seen
        if pod.metadata.creation_timestamp
    ]
    stamps += [refusal.time for refusal in snap.refusals.values()]
    return min(stamps) if stamps else None


def _with_deps_met(step: step_.Step, started: str) -> list[rows.TaskRow]:
    """Record when each attempt could have started, had there been no limits."""
    filled = list(step.tasks)
    for index in step.folded:
        row = filled[index]
        if not row.begun or row.attempts[-1].deps_met_time is not None:
            continue
        last, is_first = row.attempts[-1], row.attempts[-1].number == row.earlier_attempts + 1
        met = _upstreams_ended(step, index, started) if is_first else started
        if not is_first and len(row.attempts) > 1:
            stored = step.snap.status.tasks[index] if step.snap.status.tasks else row
            met = stored.next_attempt_time or row.attempts[-2].finish_time or met
        # Some rules do not wait for all: what ended after the Pod was there was not waited for.
        met = min(met, last.create_time or last.finish_time or met)
        filled[index] = replace(
            row, attempts=(*row.attempts[:-1], replace(last, deps_met_time=met))
        )
    return filled


def _upstreams_ended(step: step_.Step, index: int, started: str) -> str:
    """When the last of them ended; one without a Pod ended with what decided about it."""
    if step.plan.tasks[index].final:
        started = finals.when_ended(step, started)
    met, seen, open_ = started, {index}, list(step.plan.tasks[index].upstream)
    while open_:
        above = open_.pop()
        if above in seen:
            continue
        seen.add(above)
        row = step.tasks[above]
        if row.begun:
            met = max(met, row.attempts[-1].finish_time or met)
        elif answered := approvals.ended(row):
            met = max(met, answered)
        else:
            open_ += step.plan.tasks[above].upstream
    return met


# --- Words -----------------------------------------------------------------------------------


def _held(
    snap: snapshots.RunSnapshot,
    reason: str,
    message: str,
    now: datetime,
    wake_at: datetime | None = None,
) -> actions.RunDecision:
    status = describe.conclude(snap, snap.status, rows.UNKNOWN, reason, message, now)
    return actions.RunDecision(status, wake_at=wake_at)


def _ended_early(
    snap: snapshots.RunSnapshot, reason: str, message: str, now: datetime
) -> actions.RunDecision:
    """At its end without a plan to go by; whatever had started is ended, and said to be."""
    ended = instants.text(now)
    tasks = tuple(describe.given_up(row, reason) for row in snap.status.tasks)
    status = replace(snap.status, completion_time=ended, tasks=tasks)
    if tasks and status.start_time:
        seconds = instants.seconds_between(status.start_time, ended)
        status = replace(status, counts=describe.count(tasks), duration=instants.duration(seconds))
    status = describe.conclude(snap, status, rows.FALSE, reason, message, now)
    return actions.RunDecision(status, urgent=True)


def _urgent(old: rows.RunStatus, new: rows.RunStatus) -> bool:
    """A person, a pending deletion, or a status that is too large waits for this."""
    if new.finished or new.slices != old.slices:
        return True
    before, after = old.counts or rows.Counts(), new.counts or rows.Counts()
    asks = after.awaiting_approval != before.awaiting_approval
    return asks or after.terminating > before.terminating


FAILURES_TOLD_AT_ONCE_MAX: Final = 5
"""A person who watches wants to know of the first at once; a thousand can share their writes."""


def _tells_why(step: step_.Step, new: rows.RunStatus) -> bool:
    """Has the end of a log come in, where few attempts have failed?"""
    counts = new.counts
    if counts is None or counts.failed + counts.awaiting_retry > FAILURES_TOLD_AT_ONCE_MAX:
        return False
    stored = step.snap.status.tasks
    return any(
        logs.last_log(step.tasks[index]) is not None
        and not (stored and logs.last_log(stored[index]) == logs.last_log(step.tasks[index]))
        for index in step.folded
    )
