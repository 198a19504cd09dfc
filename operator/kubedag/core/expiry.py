"""What time alone ends: attempts that take too long, and all of a run that must stop.

Only marks are made here. A Pod is deleted once the mark is stored, so that nobody who looks later
takes its end for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kubedag.core import instants, outcomes, rows, states

if TYPE_CHECKING:
    from kubedag.core.step import Step

replace = msgspec.structs.replace


def expire(step: Step) -> None:
    """Mark the attempts that have taken too long; their Pods are deleted once that is stored."""
    for index in step.folded:
        row = step.tasks[index]
        if row.state not in states.ACTIVE or row.state == states.TERMINATING:
            continue
        task = step.plan.tasks[index]
        last = row.attempts[-1]
        if row.state == states.RUNNING:
            since, limit, reason = last.start_time, task.timeout_seconds, outcomes.TASK_TIMED_OUT
        else:
            since, limit = last.create_time, task.pending_timeout_seconds
            reason = outcomes.PENDING_TIMED_OUT
        if since is None or limit is None:
            continue
        deadline = instants.after(since, limit)
        if step.now >= deadline:
            step.tasks[index] = _terminating(row, reason)
        else:
            step.wakes.append(deadline)


def _terminating(row: rows.TaskRow, reason: str) -> rows.TaskRow:
    message = outcomes.ASKS[reason].message
    if reason == outcomes.PENDING_TIMED_OUT:
        # What it waited for is known now, and nobody can tell once the Pod is gone.
        last = row.attempts[-1]
        message = rows.clip(": ".join(filter(None, (message, last.reason, last.message))))
    last = replace(row.attempts[-1], state=states.TERMINATING, reason=reason, message=message)
    return replace(
        row,
        state=states.TERMINATING,
        reason=reason,
        message=message,
        attempts=(*row.attempts[:-1], last),
    )


def stop(step: Step) -> None:
    """End what runs, and let nothing else start; what is being created is ended once it is there."""
    message = outcomes.ASKS[step.stop_reason].message
    for index, row in enumerate(step.tasks):
        if row.state in (states.PENDING, states.RUNNING):
            step.tasks[index] = _terminating(row, step.stop_reason)
        elif row.name in step.snap.creating:
            pass
        elif row.state == states.AWAITING_RETRY:
            step.tasks[index] = replace(row, state=states.FAILED, next_attempt_time=None)
        elif row.state in (states.WAITING, states.QUEUED):
            step.tasks[index] = replace(
                row, state=states.SKIPPED, reason=step.stop_reason, message=message
            )
        step.stopped |= row.state not in states.TERMINAL
