"""What the status of a started run says: counts, progress, and the two conditions in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import (
    approvals,
    instants,
    logs,
    marks,
    outcomes,
    reasons,
    reasons_limits,
    refusals,
    rerun_choice,
    result,
    rows,
    states,
    stops,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import snapshot as snapshots

replace = msgspec.structs.replace

_NAMED_MAX: Final = 3

_LASTING: Final = refusals.WAITS | reasons_limits.MISTAKES
STUCK: Final = _LASTING | {
    reason.name
    for reason in (
        reasons_limits.POOL_PAUSED,
        reasons.UNSCHEDULABLE,
        reasons.SCHEDULING_GATED,
        reasons.IMAGE_PULL_BACK_OFF,
        reasons.CREATE_CONTAINER_CONFIG_ERROR,
        reasons.CONTAINER_NOT_CREATED,
        reasons.CONTAINER_CRASHING,
        reasons.VOLUME_NOT_MOUNTED,
        reasons.SANDBOX_NOT_CREATED,
        reasons.NODE_UNREACHABLE,
    )
}
"""What a task may wait for as long as nobody does anything about it."""


def described(
    snap: snapshots.RunSnapshot,
    base: rows.RunStatus,
    plan: plans.Plan,
    tasks: tuple[rows.TaskRow, ...],
    now: datetime,
    stop: str,
) -> rows.RunStatus:
    counts = count(tasks)
    total = counts.total
    done = counts.succeeded + counts.failed + counts.skipped + counts.upstream_failed
    base = replace(
        base,
        counts=counts,
        progress=f"{counts.succeeded}/{total}",
        retries=sum(max(0, row.attempt - row.earlier_attempts - 1) for row in tasks),
        tasks=tasks,
    )
    if done == total and not any(logs.lacks_log(row) for row in tasks):
        return _finished(snap, base, plan, now, stop)
    running = counts.running + counts.pending + counts.terminating
    if stop:
        reason = stops.reason(stop, base.mark)
        message = _stopped(plan, tasks, stop, running)
    elif snap.run.suspend:
        reason, message = "Suspended", f"spec.suspend is true; {_going_on(running)}"
    else:
        reason = approvals.run_reason(counts)
        message = f"{running} active, {done} of {total} done" + _failed(tasks) + _stuck(tasks)
        message += approvals.open_questions(counts, tasks)
    return conclude(snap, base, rows.UNKNOWN, reason, message, now)


def _going_on(running: int) -> str:
    return "1 task goes on to its end" if running == 1 else f"{running} tasks go on to their end"


def _stopped(plan: plans.Plan, tasks: Sequence[rows.TaskRow], stop: str, running: int) -> str:
    """What a run waits for that has been stopped: Pods, and then what it does at its end."""
    told = outcomes.ASKS[stop].message
    tidying = [tasks[index].state for index in plan.spared]
    left = sum(state not in states.TERMINAL for state in tidying)
    ending = running - sum(state in states.ACTIVE for state in tidying)
    if stop in stops.SPARES_NOTHING or not left or ending:
        pods = "1 Pod is" if running == 1 else f"{running} Pods are"
        return f"{told}; {pods} still to end"
    done = len(tidying) - left
    return f"{told}; it tidies up: {done} of {len(tidying)} tasks are done" + _stuck(tasks)


def _failed(tasks: Sequence[rows.TaskRow]) -> str:
    """That a run will fail is what a person wants to know first."""
    names = [row.name for row in tasks if row.state == states.FAILED]
    if not names:
        return ""
    more = " …" if len(names) > _NAMED_MAX else ""
    return f", {len(names)} failed ({', '.join(names[:_NAMED_MAX])}{more})"


def _stuck(tasks: Sequence[rows.TaskRow]) -> str:
    """What keeps tasks from going on that a person might not find among thousands of rows."""
    found = [row for row in tasks if row.reason in STUCK and row.state not in states.TERMINAL]
    if not found:
        return ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return rows.clip("; " + words.waits(found[0].name, found[0].message), 300) + more


def _finished(
    snap: snapshots.RunSnapshot,
    base: rows.RunStatus,
    plan: plans.Plan,
    now: datetime,
    stop: str,
) -> rows.RunStatus:
    ended = instants.text(now)
    base = replace(
        base,
        completion_time=ended,
        duration=instants.duration(instants.seconds_between(base.start_time or ended, ended)),
    )
    if stop == stops.RUN_MARKED and base.mark is not None:
        return _marked(snap, base, base.mark, now)
    if stop and stop != stops.RUN_FAILED_FAST:
        message = outcomes.ASKS[stop].message
        return conclude(snap, base, rows.FALSE, stops.reason(stop, None), message, now)
    return _judged(snap, base, plan, now, failed_fast=bool(stop))


def _judged(
    snap: snapshots.RunSnapshot,
    base: rows.RunStatus,
    plan: plans.Plan,
    now: datetime,
    *,
    failed_fast: bool = False,
) -> rows.RunStatus:
    """What follows from how the tasks have ended."""
    if failed_fast or result.unhandled(plan, base.tasks):
        message = result.message(plan, base.tasks)
        return conclude(snap, base, rows.FALSE, "Failed", message, now)
    message = f"{base.progress} tasks succeeded"
    if base.counts is not None and base.counts.skipped:
        message += f", {base.counts.skipped} skipped"
    return conclude(snap, base, rows.TRUE, "Succeeded", message, now)


def conclude(
    snap: snapshots.RunSnapshot,
    base: rows.RunStatus,
    status: str,
    reason: str,
    message: str,
    now: datetime,
) -> rows.RunStatus:
    """Set both conditions: `Succeeded` is Unknown while the run is active."""
    generation, stamp = snap.run.generation, instants.text(now)
    succeeded = rows.Condition(
        rows.SUCCEEDED_CONDITION, status, reason, message, observed_generation=generation
    )
    ended = status != rows.UNKNOWN
    finished = rows.Condition(
        rows.FINISHED,
        rows.TRUE if ended else rows.FALSE,
        reason if ended else "Active",
        message if ended else "",
        observed_generation=generation,
    )
    conditions = rows.set_condition(base.conditions, succeeded, stamp)
    conditions = rows.set_condition(conditions, finished, stamp)
    return replace(
        base, observed_generation=generation, conditions=conditions, wait_time=None
    )  # what waits for its DAG adds since when


def judged_anew(
    snap: snapshots.RunSnapshot,
    plan: plans.Plan,
    tasks: tuple[rows.TaskRow, ...],
    now: datetime,
) -> rows.RunStatus:
    """The status of a run that has ended, by other ends of its tasks; one that was ended stays so.

    One that failed fast has not succeeded just because its failure was marked: others never ran.
    """
    counts = count(tasks)
    base = replace(
        snap.status,
        observed_generation=snap.run.generation,
        tasks=tasks,
        counts=counts,
        progress=f"{counts.succeeded}/{counts.total}",
    )
    if not rerun_choice.ended_by_itself(base):
        return base
    cut_off = bool(result.cut_off(tasks)) and not snap.status.succeeded
    return _judged(snap, base, plan, now, failed_fast=cut_off)


def marked(
    snap: snapshots.RunSnapshot, base: rows.RunStatus, mark: snapshots.MarkRequest, now: datetime
) -> rows.RunStatus:
    """The status of a run that has ended, as a person says."""
    record = marks.recorded(mark, instants.text(now))
    return _marked(snap, replace(base, mark=record), record, now)


def _marked(
    snap: snapshots.RunSnapshot, base: rows.RunStatus, mark: rows.Mark, now: datetime
) -> rows.RunStatus:
    truth = rows.TRUE if mark.state == states.SUCCEEDED else rows.FALSE
    return conclude(snap, base, truth, stops.reason(stops.RUN_MARKED, mark), marks.said(mark), now)


def count(tasks: Sequence[rows.TaskRow]) -> rows.Counts:
    """How many tasks are in each state."""
    tally = Counter(row.state for row in tasks)
    return rows.Counts(
        total=len(tasks),
        waiting=tally[states.WAITING],
        queued=tally[states.QUEUED],
        pending=tally[states.PENDING],
        running=tally[states.RUNNING],
        terminating=tally[states.TERMINATING],
        awaiting_retry=tally[states.AWAITING_RETRY],
        awaiting_approval=tally[states.AWAITING_APPROVAL],
        succeeded=tally[states.SUCCEEDED],
        failed=tally[states.FAILED],
        skipped=tally[states.SKIPPED],
        upstream_failed=tally[states.UPSTREAM_FAILED],
    )


def given_up(row: rows.TaskRow, reason: str) -> rows.TaskRow:
    if row.state in states.TERMINAL:
        return row
    state = states.FAILED if row.begun else states.SKIPPED
    return replace(
        row, state=state, reason=reason, message="", next_attempt_time=None, wait_time=None
    )
