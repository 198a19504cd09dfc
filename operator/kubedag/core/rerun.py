"""What it takes for a run that has ended to run again, or a part of it (ADR 18).

Nothing else leaves an end, but a mark (ADR 19). The wish stands in the spec and has an id; what was fulfilled stands in
the status, so no wish is fulfilled twice. Until it may start, the run stays as it ended. Then, in
one write that does nothing else, the rows of what runs again begin anew: only what is stored is
acted upon, so a crash at any moment leaves either the old end or the new beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.api.enums import RerunRevision
from kubedag.core import (
    actions,
    admission,
    attempts,
    describe,
    instants,
    marks,
    pods,
    reasons,
    reasons_elsewhere,
    rerun_choice,
    rerun_memory,
    restrict,
    rows,
    snapshot,
    states,
    vanished,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kubedag.core import plan as plans

replace = msgspec.structs.replace

NAMED_MAX: Final = 20
"""Of the tasks that would run again; a message has an end."""
GIVEN_UP_MESSAGE: Final = "its run was given up before it had ended"


class Wait(NamedTuple):
    """What a wish to run again waits for."""

    reason: str
    message: str


def is_wanted(run: snapshot.RunFacts, status: rows.RunStatus) -> bool:
    """Is it to run again as soon as it may? A dry run asks only what that would be."""
    wish = pending(run, status)
    return wish is not None and not wish.dry_run


def wanted_id(run: snapshot.RunFacts) -> str:
    """The id of the wish that is there, fulfilled or not, unless it asks for a dry run."""
    return run.rerun.id if run.rerun is not None and not run.rerun.dry_run else ""


def pending(run: snapshot.RunFacts, status: rows.RunStatus) -> snapshot.RerunRequest | None:
    """The wish that is still to be fulfilled, if there is one."""
    wish = run.rerun
    if wish is None or rerun_memory.found(status, wish.id) is not None:
        return None
    return wish


# --- What it waits for -----------------------------------------------------------------------


def source(snap: snapshot.RunSnapshot, wish: snapshot.RerunRequest) -> snapshot.Source | None:
    """What the run would go by; None as long as there is none."""
    if wish.revision == RerunRevision.NEWEST:
        return snap.newest
    if snap.plan is None:
        return None
    return snapshot.Source(snap.plan, snap.plan_revision, snap.plan_generation)


def hindrance(
    snap: snapshot.RunSnapshot, wish: snapshot.RerunRequest, goes_by: snapshot.Source | None
) -> Wait | None:
    """What keeps the run from running again now; None if nothing does."""
    if goes_by is None:
        return _no_source(snap, wish)
    for field, names in (("spec.tasks", snap.run.tasks), ("spec.rerun.tasks", wish.tasks)):
        if missing := restrict.unknown(goes_by.plan, names):
            return Wait(reasons_elsewhere.TASK_NOT_FOUND.name, words.no_such_tasks(field, missing))
    if not _changes(chosen(goes_by.plan, snap.status, wish), goes_by.plan, snap.status):
        return None  # nothing starts, so nothing holds it back
    return None if wish.dry_run else not_yet(snap, goes_by.plan)


def rehearsed(
    snap: snapshot.RunSnapshot, goes_by: snapshot.Source, wish: snapshot.RerunRequest
) -> Wait | None:
    """What a run says that is asked what would run again; nothing new without its rows."""
    if snap.status.start_time and not snap.status.tasks:
        return None
    again = sorted(chosen(goes_by.plan, snap.status, wish))
    names = ", ".join(goes_by.plan.tasks[index].name for index in again[:NAMED_MAX])
    more = " …" if len(again) > NAMED_MAX else ""
    tasks = "1 task" if len(again) == 1 else f"{len(again)} tasks"
    said = f"would run {tasks} again: {names}{more}" if again else "would run no task again"
    return Wait(reasons_elsewhere.DRY_RUN.name, said)


def not_yet(snap: snapshot.RunSnapshot, plan: plans.Plan) -> Wait | None:
    """What keeps a run that is to go on, and may, from doing so now; None if nothing does."""
    if snap.run.shutdown:
        message = f"spec.shutdown is {snap.run.shutdown}: take it out to let the run go on"
        return Wait(reasons_elsewhere.SHUTDOWN_ASKED.name, message)
    if snap.run.suspend:
        return Wait(reasons_elsewhere.SUSPENDED.name, "spec.suspend of the run is true")
    living = [pod for seen in snap.pods.values() for pod in seen if not pods.has_ended(pod)]
    if living or snap.creating or unconfirmed(snap):
        message = "waits for Pods of the run that are still to end"
        return Wait(reasons_elsewhere.PODS_ENDING.name, message)
    if snap.beginning:
        return None
    verdict = admission.admit_again(snap.run, snap.peers, plan)
    return None if verdict.admitted else Wait(verdict.reason, verdict.message)


def unconfirmed(snap: snapshot.RunSnapshot) -> tuple[actions.ConfirmGone, ...]:
    """What to ask of a run that was given up: whether Pods are gone that nobody sees."""
    index = plan.index if (plan := snap.known_plan) is not None else {}
    return tuple(
        actions.ConfirmGone(row.attempts[-1].pod_name, "", index[row.name], row.attempt)
        for row in snap.status.tasks
        if row.attempts
        and row.name in index
        and row.attempts[-1].pod_name not in snap.gone
        and vanished.is_missing(row.attempts[-1], snap.pods.get(row.name, ()))
    )


def _no_source(snap: snapshot.RunSnapshot, wish: snapshot.RerunRequest) -> Wait:
    if snap.plan_revision and wish.revision != RerunRevision.NEWEST:
        message = (
            f"the ControllerRevision {snap.plan_revision!r} that it started with is gone:"
            " ask for revision Newest"
        )
        return Wait(reasons_elsewhere.REVISION_NOT_FOUND.name, message)
    if snap.dag is None:
        message = f"waits for DAG {snap.run.dag_name!r}, which is not there"
        return Wait(reasons_elsewhere.DAG_NOT_FOUND.name, message)
    message = snap.dag.message or f"DAG {snap.run.dag_name!r} has not been checked yet"
    return Wait(reasons_elsewhere.DAG_NOT_READY.name, message)


def no_revision(snap: snapshot.RunSnapshot) -> Wait:
    """What keeps a run from being judged anew by the revision that it had."""
    message = (
        f"the ControllerRevision {snap.plan_revision!r} that it started with is gone:"
        " mark the run itself"
    )
    return Wait(reasons_elsewhere.REVISION_NOT_FOUND.name, message)


def is_refused(run: snapshot.RunFacts, status: rows.RunStatus) -> bool:
    """Is it known that the wish, as it is now, cannot be fulfilled? Then it waits for nothing."""
    told = status.condition(rows.RERUN_PENDING)
    return (
        told is not None and told.reason in _REFUSED and told.observed_generation == run.generation
    )


def is_stuck(status: rows.RunStatus) -> bool:
    """Does a wish wait for something else than its turn? Then it is in nobody's way."""
    told = status.condition(rows.RERUN_PENDING)
    return told is not None and told.reason in _STUCK


_REFUSED: Final = reasons.names(
    reasons_elsewhere.TASK_NOT_FOUND, reasons_elsewhere.REVISION_NOT_FOUND
)
_STUCK: Final = _REFUSED | reasons.names(
    reasons_elsewhere.DAG_NOT_FOUND,
    reasons_elsewhere.DAG_NOT_READY,
    reasons_elsewhere.PODS_ENDING,
    reasons_elsewhere.SHUTDOWN_ASKED,
)


def waiting(
    status: rows.RunStatus,
    run: snapshot.RunFacts,
    wait: Wait,
    now: datetime,
    pends: str = rows.TRUE,
) -> rows.RunStatus:
    """The status that says so, and is otherwise as it was."""
    told = rows.Condition(
        rows.RERUN_PENDING,
        pends,
        wait.reason,
        rows.clip(wait.message),
        observed_generation=run.generation,
    )
    conditions = rows.set_condition(status.conditions, told, instants.text(now))
    return replace(status, conditions=conditions)


def announced(status: rows.RunStatus, run: snapshot.RunFacts, now: datetime) -> rows.RunStatus:
    """The status of a run with a word on its wish, if it has one, and else without."""
    if run.deleting or marks.awaits(run, status):
        return status
    done = rerun_memory.mistaken(status, run.rerun)
    if done is not None:
        return waiting(status, run, _already_done(done), now, rows.FALSE)
    if pending(run, status) is None:
        if status.condition(rows.RERUN_PENDING) is None:
            return status
        return without_word(status)
    if status.finished:
        return status
    wait = Wait(reasons_elsewhere.RUN_ACTIVE.name, "waits for the run to end first")
    return waiting(status, run, wait, now)


def _already_done(done: rows.FulfilledRerun) -> Wait:
    message = (
        f"rerun {done.id!r} was done at {done.start_time}, and asked for something else then: what"
        " is to run again needs an id of its own"
    )
    return Wait(reasons_elsewhere.ALREADY_DONE.name, words.one_line(message))


def without_word(status: rows.RunStatus) -> rows.RunStatus:
    """The status of a run that waits for nothing."""
    kept = tuple(one for one in status.conditions if one.type != rows.RERUN_PENDING)
    return replace(status, conditions=kept)


# --- What runs again -------------------------------------------------------------------------

chosen: Final = rerun_choice.chosen


def _end(status: rows.RunStatus) -> str:
    ended = status.condition(rows.SUCCEEDED_CONDITION)
    return ended.reason if ended is not None else ""


def _changes(again: frozenset[int], plan: plans.Plan, status: rows.RunStatus) -> bool:
    """Does anything run again, or leave with a task that there is no more?"""
    return bool(again) or any(row.name not in plan.index for row in status.tasks)


def fulfilled(
    snap: snapshot.RunSnapshot,
    goes_by: snapshot.Source,
    wish: snapshot.RerunRequest,
    now: datetime,
) -> rows.RunStatus:
    """The status of a run that begins anew with what runs again; as it was, if nothing does."""
    again = chosen(goes_by.plan, snap.status, wish)
    before, stamp = snap.status.rerun, instants.text(now)
    number = before.number + 1 if before is not None else 1
    status = replace(
        without_word(snap.status),
        observed_generation=snap.run.generation,
        rerun=rows.Rerun(
            wish.id,
            number,
            stamp,
            len(again),
            _end(snap.status),
            rerun_memory.with_one_more(before, wish, stamp),
        ),
    )
    if not _changes(again, goes_by.plan, snap.status):
        return status
    known = {row.name: row for row in status.tasks}
    tasks = tuple(
        reset(_known(snap, known, task, stamp), task.name, snap.pods.get(task.name, ()), stamp)
        if task.index in again
        else known[task.name]
        for task in goes_by.plan.tasks
    )
    status = replace(
        status,
        tasks=tasks,
        start_time=stamp,
        completion_time=None,
        duration="",
        revision=goes_by.revision,
        dag_generation=goes_by.generation,
    )
    return describe.conclude(
        snap, status, rows.UNKNOWN, reasons_elsewhere.RUNNING.name, "runs again", now
    )


def last_ones_again(
    snap: snapshot.RunSnapshot, plan: plans.Plan, status: rows.RunStatus, now: datetime
) -> rows.RunStatus:
    """The status of a run that goes on by marks: with the others run again those that come last."""
    stamp, tasks = instants.text(now), list(status.tasks)
    for index in range(plan.body, len(tasks)):
        row = snap.status.tasks[index]
        if tasks[index].mark == row.mark:  # else it has just been said what became of it
            tasks[index] = reset(row, row.name, snap.pods.get(row.name, ()), stamp)
    again = sum(row.state not in states.TERMINAL for row in tasks)
    assert status.rerun is not None
    return replace(status, tasks=tuple(tasks), rerun=replace(status.rerun, tasks=again))


def _known(
    snap: snapshot.RunSnapshot,
    known: Mapping[str, rows.TaskRow],
    task: plans.TaskPlan,
    stamp: str,
) -> rows.TaskRow | None:
    """The row of a task; of a run that was given up, with what its Pods still tell."""
    row = known.get(task.name)
    if row is None or all(one.state in states.ATTEMPT_ENDS for one in row.attempts):
        return row
    return attempts.fold(row, task, snap.pods.get(task.name, ()), snap, stamp)


def reset(
    row: rows.TaskRow | None, name: str, seen: Sequence[pods.Pod], stamp: str
) -> rows.TaskRow:
    """The row of a task that runs again: its attempts are history, and their numbers are taken."""
    made = row.attempts if row is not None else ()
    latest = max(
        row.attempt if row is not None else 0,
        max((attempt.number for attempt in made), default=0),
        max(map(pods.attempt_number, seen), default=0),
    )
    return rows.TaskRow(
        name,
        states.WAITING,
        attempt=latest,
        earlier_attempts=latest,
        mark=row.mark if row is not None else None,
        attempts=tuple(_closed(attempt, stamp) for attempt in made),
    )


def _closed(attempt: rows.Attempt, stamp: str) -> rows.Attempt:
    """An attempt as history: one that nobody has seen the end of has none but this."""
    if attempt.state in states.ATTEMPT_ENDS:
        return attempt
    return replace(
        attempt,
        state=states.FAILED,
        reason=reasons.POD_DELETED.name,
        message=GIVEN_UP_MESSAGE,
        failure_class=reasons.INFRA,
        finish_time=attempt.finish_time or stamp,
    )
