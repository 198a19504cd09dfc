"""One step of an active run: what its Pods say, what may start, what must end.

Every step looks at all tasks again. Ten thousand of them cost some ten milliseconds, and in return
no event can be lost, doubled or late in a way that matters.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kubedag.core import (
    approvals,
    attempts,
    ending,
    expiry,
    logs,
    marks,
    pod_events,
    propagation,
    rows,
    shutdown,
    starting,
    states,
)
from kubedag.core.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import snapshot as snapshots


NONE_FAILED: Final[Mapping[int, rows.TaskRow]] = MappingProxyType({})


def advance(
    snap: snapshots.RunSnapshot,
    plan: plans.Plan,
    now: datetime,
    stop_reason: str = "",
    failed: Mapping[int, rows.TaskRow] = NONE_FAILED,
) -> Step:
    """Fold in what is seen, then decide what starts and what ends.

    `failed` has what a look that did not know of the stop found to have failed.
    """
    step = Step(snap, plan, now, stop_reason)
    _observe(step)
    marks.apply(step)
    for index, row in failed.items():
        step.tasks[index] = row
    expiry.expire(step)
    propagation.propagate(step)
    if stop_reason:
        expiry.stop(step)
    propagation.propagate_to_the_end(step)
    starting.start(step)
    if stop_reason:
        shutdown.hold_back(step)
    marks.hold_back(step)
    approvals.expire(step)
    ending.end_pods(step)
    pod_events.ask(step)
    return step


def fill_logs(step: Step) -> None:
    """What is left to do for a finished run: the logs that were not read in time."""
    _observe(step)
    ending.end_pods(step)


def _observe(step: Step) -> None:
    """The rows as the Pods say they are."""
    snap, stamp = step.snap, step.stamp
    recorded: Sequence[rows.TaskRow] = snap.status.tasks
    if len(recorded) != len(step.plan.tasks):
        recorded = [rows.TaskRow(task.name, states.WAITING) for task in step.plan.tasks]
    step.tasks = list(recorded)
    pods_of, refusals = snap.pods.get, snap.refusals
    for index, row in enumerate(recorded):
        if row.state in states.TERMINAL and not logs.lacks_log(row):
            continue
        seen = pods_of(row.name, ())
        if row.state in states.TERMINAL:
            step.tasks[index] = attempts.complete(row, seen, snap)
            step.folded.append(index)
        elif seen or row.attempts or row.name in refusals:
            task = step.plan.tasks[index]
            step.tasks[index] = attempts.fold(row, task, seen, snap, stamp)
            step.folded.append(index)


def wake(step: Step) -> datetime | None:
    """The next moment at which time alone can change the decision."""
    return min(step.wakes) if step.wakes else None
