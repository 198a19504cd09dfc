"""What time alone ends: attempts that take too long, and all of a run that must stop.

Every deadline follows from times that are recorded in the Pod or in the row, so it is the same
before and after a restart. Only marks are made here. A Pod is deleted once the mark is stored, so
that nobody who looks later takes its end for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.core import (
    instants,
    outcomes,
    pod_events,
    reasons,
    rows,
    shutdown,
    states,
    stops,
    words,
)

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core.step import Step

replace = msgspec.structs.replace

GRACE_SECONDS: Final = {
    reasons.IMAGE_PULL_BACK_OFF.name: 300,
    reasons.CREATE_CONTAINER_CONFIG_ERROR.name: 120,
    reasons.VOLUME_NOT_MOUNTED.name: 120,
}
"""How long is waited for what as a rule does not heal, but may: a registry that is down, a Secret
that the same sync creates a moment later."""


class _Limit(NamedTuple):
    """When an attempt has taken too long, and what for."""

    deadline: datetime
    reason: str
    message: str


def expire(step: Step) -> None:
    """Mark the attempts that have taken too long; their Pods are deleted once that is stored."""
    for index in step.folded:
        row = step.tasks[index]
        if row.state == states.RUNNING:
            limit = _while_running(step, row.attempts[-1], step.plan.tasks[index])
        elif row.state == states.PENDING:
            limit = _while_pending(step, row, step.plan.tasks[index])
        else:
            continue
        if limit is None:
            continue
        if step.now < limit.deadline:
            step.wakes.append(limit.deadline)
        elif _is_seen(step, row):
            step.tasks[index] = _terminating(row, limit.reason, limit.message)


def _is_seen(step: Step, row: rows.TaskRow) -> bool:
    """One that is not may have ended before its time, of which the API is being asked."""
    pod = step.pod_of(row)
    return pod is not None and not pod.gone


def _while_running(step: Step, last: rows.Attempt, task: plans.TaskPlan) -> _Limit | None:
    # A program that could not even be started has no start; its Pod may go on for others.
    began, seconds = last.start_time or last.create_time, task.timeout_seconds
    if seconds is None and step.stop_reason and task.index in step.plan.spared:
        seconds = shutdown.TIDYING_SECONDS_MAX
    if began is None or seconds is None:
        return None
    # The clock of a node may be slow, but nothing runs before it was created.
    began = max(began, last.create_time or began)
    waits = last.message if last.reason == reasons.SIDECAR_RUNNING.name else ""
    return _Limit(
        instants.deadline(began, seconds),
        outcomes.TASK_TIMED_OUT,
        words.ran_too_long(seconds, waits),
    )


def _while_pending(step: Step, row: rows.TaskRow, task: plans.TaskPlan) -> _Limit | None:
    last = row.attempts[-1]
    since = last.ungate_time or last.create_time
    if since is None or last.reason == reasons.SCHEDULING_GATED.name:
        return None
    longest = instants.deadline(since, task.pending_timeout_seconds)
    pod = step.pod_of(row)
    grace = GRACE_SECONDS.get(last.reason)
    if last.reason == reasons.VOLUME_NOT_MOUNTED.name:
        # Disks and networks come back by themselves; a Secret does not.
        grace = grace if pod_events.lacks_settings(pod, step) else None
    if grace is None:
        # What it waited for is known now, and nobody can tell once the Pod is gone.
        waited = last.message or last.reason
        message = words.pended_too_long(task.pending_timeout_seconds, waited)
        return _Limit(longest, outcomes.PENDING_TIMED_OUT, message)
    began = (outcomes.classify(pod).since if pod is not None else None) or last.schedule_time
    graced = instants.deadline(max(since, began or since), grace)
    message = last.message or outcomes.ASKS[last.reason].message
    return _Limit(min(graced, longest), last.reason, message)


def _terminating(row: rows.TaskRow, reason: str, message: str) -> rows.TaskRow:
    last = replace(row.attempts[-1], state=states.TERMINATING, reason=reason, message=message)
    return replace(
        row,
        state=states.TERMINATING,
        reason=reason,
        message=message,
        attempts=(*row.attempts[:-1], last),
    )


def stop(step: Step) -> None:
    """End what runs, and let nothing else start; what is being created is ended once it is there.

    What is to run at the end of any run is spared, unless the run is terminated or marked.
    """
    message = outcomes.ASKS[step.stop_reason].message
    spared = () if step.stop_reason in stops.SPARES_NOTHING else step.plan.spared
    for index, row in enumerate(step.tasks):
        step.stopped |= row.state not in states.TERMINAL
        if index in spared:
            continue
        if row.state in (states.PENDING, states.RUNNING):
            step.tasks[index] = _terminating(row, step.stop_reason, message)
        elif row.name in step.snap.creating:
            pass
        elif row.state == states.AWAITING_RETRY:
            step.tasks[index] = _not_tried_again(row)
        elif row.state == states.AWAITING_APPROVAL:  # it has asked: its number is taken
            step.tasks[index] = replace(
                row, state=states.SKIPPED, reason=step.stop_reason, message=message
            )
        elif row.state in (states.WAITING, states.QUEUED):
            step.tasks[index] = rows.unbegun(row, states.SKIPPED, step.stop_reason, message)


def _not_tried_again(row: rows.TaskRow) -> rows.TaskRow:
    """It has failed for what ended its last attempt, whatever it waits for by now."""
    last = row.attempts[-1]
    known = row.message if row.reason == last.reason else ""
    return replace(
        row,
        state=states.FAILED,
        reason=last.reason,
        message=last.message or known,
        next_attempt_time=None,
        wait_time=None,
    )
