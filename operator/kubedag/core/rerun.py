"""What it takes for a run that has ended to run again, or a part of it (ADR 18).

Nothing else leaves an end. The wish stands in the spec and has an id; what was fulfilled stands in
the status, so no wish is fulfilled twice. Until it may start, the run stays as it ended. Then, in
one write that does nothing else, the rows of what runs again begin anew: only what is stored is
acted upon, so a crash at any moment leaves either the old end or the new beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.api.enums import RerunRevision, RerunScope
from kubedag.core import (
    actions,
    admission,
    attempts,
    describe,
    graph,
    instants,
    pods,
    reasons,
    reasons_elsewhere,
    restrict,
    rows,
    snapshot,
    states,
    vanished,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from kubedag.core import plan as plans

replace = msgspec.structs.replace

GIVEN_UP_MESSAGE: Final = "its run was given up before it had ended"


class Wait(NamedTuple):
    """What a wish to run again waits for."""

    reason: str
    message: str


def pending(run: snapshot.RunFacts, status: rows.RunStatus) -> snapshot.RerunRequest | None:
    """The wish that is still to be fulfilled, if there is one."""
    wish = run.rerun
    if wish is None or (status.rerun is not None and status.rerun.id == wish.id):
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
    return _not_yet(snap, goes_by.plan)


def _not_yet(snap: snapshot.RunSnapshot, plan: plans.Plan) -> Wait | None:
    """What will pass."""
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


def is_stuck(status: rows.RunStatus) -> bool:
    """Does a wish wait for something else than its turn? Then it is in nobody's way."""
    told = status.condition(rows.RERUN_PENDING)
    return told is not None and told.reason in _STUCK


_STUCK: Final = frozenset(
    reason.name
    for reason in (
        reasons_elsewhere.TASK_NOT_FOUND,
        reasons_elsewhere.REVISION_NOT_FOUND,
        reasons_elsewhere.DAG_NOT_FOUND,
        reasons_elsewhere.DAG_NOT_READY,
        reasons_elsewhere.PODS_ENDING,
    )
)


def waiting(
    status: rows.RunStatus, run: snapshot.RunFacts, wait: Wait, now: datetime
) -> rows.RunStatus:
    """The status that says so, and is otherwise as it was."""
    told = rows.Condition(
        rows.RERUN_PENDING,
        rows.TRUE,
        wait.reason,
        rows.clip(wait.message),
        observed_generation=run.generation,
    )
    conditions = rows.set_condition(status.conditions, told, instants.text(now))
    return replace(status, conditions=conditions)


def announced(status: rows.RunStatus, run: snapshot.RunFacts, now: datetime) -> rows.RunStatus:
    """The status of a run with a word on its wish, if it has one, and else without."""
    if run.deleting:
        return status
    if pending(run, status) is None:
        if status.condition(rows.RERUN_PENDING) is None:
            return status
        return _without_word(status)
    if status.finished:
        return status
    wait = Wait(reasons_elsewhere.RUN_ACTIVE.name, "waits for the run to end first")
    return waiting(status, run, wait, now)


def _without_word(status: rows.RunStatus) -> rows.RunStatus:
    kept = tuple(one for one in status.conditions if one.type != rows.RERUN_PENDING)
    return replace(status, conditions=kept)


# --- What runs again -------------------------------------------------------------------------


def _all(_row: rows.TaskRow, _status: rows.RunStatus, _wish: snapshot.RerunRequest) -> bool:
    return True


def _failed(row: rows.TaskRow, status: rows.RunStatus, _wish: snapshot.RerunRequest) -> bool:
    """Failed, or without a chance to run: a rule that skipped a task has judged, an end has not."""
    if row.state in (states.FAILED, states.UPSTREAM_FAILED):
        return True
    if row.state != states.SKIPPED or row.reason in _JUDGED:
        return False
    if row.reason:
        return True
    # For want of room it does not say why; only a run that was ended skips without a rule.
    ended = status.condition(rows.SUCCEEDED_CONDITION)
    return ended is not None and ended.reason not in _ENDED_BY_ITSELF


_JUDGED: Final = frozenset(
    {reasons_elsewhere.TRIGGER_RULE.name, reasons_elsewhere.APPROVAL_TIMED_OUT.name}
)
"""Why a task was skipped as it should be."""
_ENDED_BY_ITSELF: Final = (reasons_elsewhere.SUCCEEDED.name, reasons_elsewhere.FAILED.name)


def _named(row: rows.TaskRow, _status: rows.RunStatus, wish: snapshot.RerunRequest) -> bool:
    return row.name in wish.tasks


SCOPES: Final[
    Mapping[str, Callable[[rows.TaskRow, rows.RunStatus, snapshot.RerunRequest], bool]]
] = {RerunScope.ALL: _all, RerunScope.FAILED: _failed, RerunScope.TASKS: _named}


def chosen(
    plan: plans.Plan, status: rows.RunStatus, wish: snapshot.RerunRequest
) -> frozenset[int]:
    """The tasks of the plan that run again: those of the scope, new ones, and all downstream."""
    known = {row.name: row for row in status.tasks}
    is_meant = SCOPES[wish.scope]
    begin = set()
    for task in plan.tasks:
        row = known.get(task.name)
        if row is None or row.state not in states.TERMINAL or is_meant(row, status, wish):
            begin.add(task.index)
    return graph.reachable(plan.downstream, begin) | begin


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
        _without_word(snap.status),
        observed_generation=snap.run.generation,
        rerun=rows.Rerun(wish.id, number, stamp, len(again)),
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
