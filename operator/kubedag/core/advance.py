"""One step of an active run: what its Pods say, what may start, what must end.

Every step looks at all tasks again. Ten thousand of them cost some ten milliseconds, and in return
no event can be lost, doubled or late in a way that matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import TriggerRule
from kubedag.core import (
    actions,
    attempts,
    instants,
    naming,
    outcomes,
    pods,
    rows,
    states,
    triggers,
)
from kubedag.core import plan as plans
from kubedag.core import snapshot as snapshots

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

replace = msgspec.structs.replace

CREATES_IN_FLIGHT_MAX: Final = 256
"""Per run; more would only queue in the operator instead of in the API server."""


@dataclass(slots=True)
class Step:
    """The working state of one step; it lives no longer than the step."""

    snap: snapshots.RunSnapshot
    plan: plans.Plan
    now: datetime
    stop_reason: str = ""
    tasks: list[rows.TaskRow] = field(default_factory=list)
    folded: list[int] = field(default_factory=list)
    """The tasks that have Pods and are not recorded as ended: all that can change by itself."""
    actions: list[actions.RunAction] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    active: int = 0
    stopped: bool = False
    """Something was left to stop; a run that has ended by itself is not stopped any more."""

    @property
    def stamp(self) -> str:
        """`now` as it is recorded."""
        return instants.text(self.now)


def advance(
    snap: snapshots.RunSnapshot, plan: plans.Plan, now: datetime, stop_reason: str = ""
) -> Step:
    """Fold in what is seen, then decide what starts and what ends."""
    step = Step(snap, plan, now, stop_reason)
    _observe(step)
    _expire(step)
    _propagate(step)
    if stop_reason:
        _stop(step)
    else:
        _start(step)
    _end_pods(step)
    return step


def fill_logs(step: Step) -> None:
    """What is left to do for a finished run: the logs that were not read in time."""
    _observe(step)
    _end_pods(step)


def _observe(step: Step) -> None:
    """The rows as the Pods say they are."""
    snap, stamp = step.snap, step.stamp
    recorded: Sequence[rows.TaskRow] = snap.status.tasks
    if len(recorded) != len(step.plan.tasks):
        recorded = [rows.TaskRow(task.name, states.WAITING) for task in step.plan.tasks]
    step.tasks = list(recorded)
    pods_of, refusals = snap.pods.get, snap.refusals
    for index, row in enumerate(recorded):
        if row.state in states.TERMINAL and not lacks_log(row):
            continue
        seen = pods_of(row.name, ())
        if row.state in states.TERMINAL:
            step.tasks[index] = attempts.complete(row, seen, snap.logs)
            step.folded.append(index)
        elif seen or row.attempts or row.name in refusals:
            task = step.plan.tasks[index]
            step.tasks[index] = attempts.fold(row, task, seen, snap, stamp)
            step.folded.append(index)


def lacks_log(row: rows.TaskRow) -> bool:
    """Is the log of a failed attempt still to be read? Also of one that a retry made good."""
    if len(row.attempts) < 2 and row.state != states.FAILED:
        return False
    return any(
        attempt.log is None and attempt.pod_name and attempt.state == states.FAILED
        for attempt in row.attempts
    )


# --- Time ------------------------------------------------------------------------------------


def _expire(step: Step) -> None:
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


def _stop(step: Step) -> None:
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


# --- Dependencies ----------------------------------------------------------------------------


def _propagate(step: Step) -> None:
    """In topological order, so that a whole cascade settles in one pass."""
    tasks = step.tasks
    for index in step.plan.order:
        row = tasks[index]
        if row.attempts or row.state in states.TERMINAL:
            continue
        task = step.plan.tasks[index]
        verdict, open_upstreams = _verdict(task, tasks)
        if verdict is triggers.Verdict.RUN:
            step.ready.append(index)
        elif verdict is triggers.Verdict.SKIP:
            tasks[index] = rows.TaskRow(
                row.name, states.SKIPPED, "TriggerRule", f"{task.rule} can no longer hold"
            )
        elif verdict is triggers.Verdict.UPSTREAM_FAILED:
            tasks[index] = rows.TaskRow(
                row.name, states.UPSTREAM_FAILED, "UpstreamFailed", _blockers(task, step)
            )
        else:
            tasks[index] = _waiting(row, open_upstreams)


def _verdict(task: plans.TaskPlan, tasks: Sequence[rows.TaskRow]) -> tuple[triggers.Verdict, int]:
    succeeded = failed = skipped = upstream_failed = 0
    for above in task.upstream:
        state = tasks[above].state
        if state == states.SUCCEEDED:
            succeeded += 1
        elif state == states.FAILED:
            failed += 1
        elif state == states.SKIPPED:
            skipped += 1
        elif state == states.UPSTREAM_FAILED:
            upstream_failed += 1
    total = len(task.upstream)
    done = succeeded + failed + skipped + upstream_failed
    if not done and total and task.rule != TriggerRule.ALWAYS:
        return triggers.Verdict.WAIT, total  # by every other rule, and the commonest case by far
    tally = triggers.Tally(succeeded, failed, skipped, upstream_failed, total)
    return triggers.evaluate(task.rule, tally), total - done


def _waiting(row: rows.TaskRow, open_upstreams: int) -> rows.TaskRow:
    message = _waits_for(open_upstreams)
    if row.state == states.WAITING and row.message == message:
        return row
    return rows.TaskRow(row.name, states.WAITING, "Upstream", message)


@lru_cache(maxsize=1024)
def _waits_for(open_upstreams: int) -> str:
    return f"waits for {open_upstreams} upstream" + ("s" if open_upstreams != 1 else "")


def _blockers(task: plans.TaskPlan, step: Step) -> str:
    failed = [
        step.tasks[above].name
        for above in task.upstream
        if step.tasks[above].state in (states.FAILED, states.UPSTREAM_FAILED)
    ]
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return rows.clip("upstream " + ", ".join(failed[:3]) + more + " did not succeed")


# --- Starting --------------------------------------------------------------------------------


def _start(step: Step) -> None:
    """Create the Pods that may exist now, highest priority first, within the limits."""
    _retry(step)
    step.active = _active(step)
    most = step.plan.max_active_tasks or len(step.tasks)
    in_flight = len(step.snap.creating)
    tasks = step.plan.tasks
    by_priority = sorted(step.ready, key=lambda i: (-tasks[i].priority, i))
    # What is under way has its place already, however urgent the others are.
    for index in [index for index in by_priority if not _under_way(step, index)]:
        row = step.tasks[index]
        if step.snap.run.suspend:
            step.tasks[index] = _queued(row, "Suspended", "the run is suspended")
        elif step.active >= most:
            message = f"waits for one of {most} active tasks of the run to end"
            step.tasks[index] = _queued(row, "MaxActiveTasks", message)
        elif in_flight >= CREATES_IN_FLIGHT_MAX:
            step.tasks[index] = _queued(row, "CreatingPod", "")
        else:
            in_flight += 1
            step.active += 1
            step.tasks[index] = _queued(row, "CreatingPod", "")
            step.actions.append(_create(step, index, row.attempt + 1))


def _active(step: Step) -> int:
    """How many tasks have a Pod that may be alive, or one on its way that `ready` does not have."""
    ready, position = set(step.ready), step.plan.index
    coming = [position[name] for name in step.snap.creating if name in position]
    return sum(step.tasks[index].state in states.ACTIVE for index in step.folded) + sum(
        index not in ready and step.tasks[index].state not in states.ACTIVE for index in coming
    )


def _under_way(step: Step, index: int) -> bool:
    """A Pod that is being created, or that the API could not take yet, counts as active."""
    row = step.tasks[index]
    number = row.attempt + 1
    refusal = _transient_refusal(step, row, number)
    if row.name in step.snap.creating:
        step.active += 1
        reason, message = (refusal.reason, refusal.message) if refusal else ("CreatingPod", "")
        step.tasks[index] = _queued(row, reason, message)
        return True
    if refusal is None or step.snap.run.suspend:
        return False
    step.active += 1
    step.tasks[index] = _queued(row, refusal.reason, refusal.message)
    due = instants.parse(refusal.retry_time)
    if step.now < due:
        step.wakes.append(due)
    else:
        step.actions.append(_create(step, index, number))
    return True


def _retry(step: Step) -> None:
    """The failed tasks whose wait is over are ready again, once their old Pods have ended."""
    for index in step.folded:
        row = step.tasks[index]
        if row.state != states.AWAITING_RETRY or row.next_attempt_time is None:
            continue
        due = instants.parse(row.next_attempt_time)
        if step.now < due:
            step.wakes.append(due)
        elif not _alive(step, row):
            step.ready.append(index)


def _alive(step: Step, row: rows.TaskRow) -> bool:
    return any(
        not pod.gone and pod.status.phase not in ("Succeeded", "Failed")
        for pod in step.snap.pods.get(row.name, ())
    )


def _transient_refusal(step: Step, row: rows.TaskRow, number: int) -> snapshots.Refusal | None:
    refusal = step.snap.refusals.get(row.name)
    if refusal is None or not refusal.transient or refusal.attempt != number:
        return None
    return refusal


def _queued(row: rows.TaskRow, reason: str, message: str) -> rows.TaskRow:
    if row.state == states.AWAITING_RETRY:
        return replace(row, reason=reason, message=message or row.message) if message else row
    if row.state == states.QUEUED and row.reason == reason and row.message == message:
        return row
    return rows.TaskRow(row.name, states.QUEUED, reason, rows.clip(message))


def _create(step: Step, index: int, number: int) -> actions.CreatePod:
    run = step.snap.run
    name = naming.pod_name(run.name, run.uid, step.plan.tasks[index].name, None, number)
    return actions.CreatePod(name, index, number)


# --- Ending ----------------------------------------------------------------------------------


def _end_pods(step: Step) -> None:
    """Delete what is stored as terminating; read the logs of what has failed."""
    stored = step.snap.status.tasks
    for index in step.folded:
        row = step.tasks[index]
        for pod in step.snap.pods.get(row.name, ()):
            if pod.gone:
                continue
            if stored and row.state == states.TERMINATING:
                _delete_if_stored(step, stored[index], pod)
            if pod.status.phase == "Failed":
                _capture(step, row, pod)


def _delete_if_stored(step: Step, stored: rows.TaskRow, pod: pods.Pod) -> None:
    if stored.state != states.TERMINATING or stored.reason not in outcomes.ASKS:
        return
    if not _lives(pod):
        return
    if stored.attempts and stored.attempts[-1].pod_name == pod.metadata.name:
        step.actions.append(_delete(pod))


def _delete(pod: pods.Pod) -> actions.DeletePod:
    meta = pod.metadata
    return actions.DeletePod(meta.name, meta.uid, meta.resource_version)


def strays(snap: snapshots.RunSnapshot) -> list[actions.DeletePod]:
    """Pods that live although their run is over: their creation was under way when it ended."""
    return [_delete(pod) for seen in snap.pods.values() for pod in seen if _lives(pod)]


def _lives(pod: pods.Pod) -> bool:
    """Is it still to be told to end? One that has ended by itself must be recorded first."""
    ended = pod.gone or pod.status.phase in ("Succeeded", "Failed")
    return not ended and not pod.metadata.deletion_timestamp


def _capture(step: Step, row: rows.TaskRow, pod: pods.Pod) -> None:
    if pod.metadata.uid in step.snap.logs:
        return
    for attempt in row.attempts:
        if attempt.pod_name == pod.metadata.name and attempt.log is None:
            container = outcomes.failed_container(pod)
            action = actions.CaptureLog(pod.metadata.name, pod.metadata.uid, container)
            step.actions.append(action)


def wake(step: Step) -> datetime | None:
    """The next moment at which time alone can change the decision."""
    return min(step.wakes) if step.wakes else None
