"""Which Pods are created now: highest priority first, within the limits, and again when it is time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import (
    actions,
    finals,
    instants,
    naming,
    pacing,
    podretry,
    pods,
    rows,
    sharing,
    states,
    vanished,
    waits,
)
from kubedag.core import snapshot as snapshots

if TYPE_CHECKING:
    from kubedag.core.step import Step

replace = msgspec.structs.replace

CREATES_IN_FLIGHT_MAX: Final = 256
"""Per run; more would only queue in the operator instead of in the API server."""


def start(step: Step) -> None:
    """Create the Pods that may exist now, highest priority first, within the limits."""
    _retry(step)
    step.active = _active(step)
    most = step.plan.max_active_tasks or len(step.tasks)
    in_flight = len(step.snap.creating)
    shared, pace = sharing.of(step), pacing.of(step)
    # What is under way has its place already, however urgent the others are.
    order = _in_order(step, shared)
    asked = [index for index in order if not _under_way(step, index, shared, pace)]
    for index in asked:
        row = step.tasks[index]
        if step.held:
            step.tasks[index] = _queued(row, "Suspended", "the run is suspended")
        elif step.active >= most:
            step.tasks[index] = _run_is_full(row, most, index, shared)
        elif (held := _held(step, index, in_flight, pace)) is not None:
            step.tasks[index] = held
        elif shared is not None and (told := shared.hindrance(index)) is not None:
            step.tasks[index] = _queued(row, *told)
        else:
            in_flight += 1
            step.active += 1
            if pace is not None:
                pace.asked(index)
            step.tasks[index] = _queued(sharing.let_go(row), "CreatingPod", "")
            if row.state != states.AWAITING_RETRY or _is_known(step, index, row):
                step.actions.append(_create(step, index, row.attempt + 1))
            elif shared is not None:
                shared.promise(index)
    for index in shared.withdrawn() if shared is not None and step.active >= most else ():
        step.tasks[index] = _run_is_full(step.tasks[index], most, index, shared)


def _in_order(step: Step, shared: sharing.Sharing | None) -> list[int]:
    if shared is not None:
        return shared.in_order()
    tasks = step.plan.tasks
    return sorted(step.ready, key=lambda index: (-tasks[index].priority, index))


def _run_is_full(
    row: rows.TaskRow, most: int, index: int, shared: sharing.Sharing | None
) -> rows.TaskRow:
    message = f"waits for one of {most} active tasks of the run to end"
    since = shared.since(index) if shared is not None else None
    return _queued(row, "MaxActiveTasks", message, since)


def _active(step: Step) -> int:
    """How many tasks have a Pod that may be alive, or one on its way that `ready` does not have."""
    ready, position = set(step.ready), step.plan.index
    coming = [position[name] for name in step.snap.creating if name in position]
    active = sum(step.tasks[index].state in states.ACTIVE for index in step.folded)
    active += sum(
        index not in ready and step.tasks[index].state not in states.ACTIVE for index in coming
    )
    return active + _overtaken(step) if step.plan.max_active_tasks else active


def _overtaken(step: Step) -> int:
    """How many Pods live that came when their tasks were over: they have places until they go."""
    tasks, index_of, creating = step.tasks, step.plan.index, step.snap.creating
    return sum(
        not pods.has_ended(vanished.as_believed(pod, step.snap))
        for name, seen in step.snap.pods.items()
        if (index := index_of.get(name)) is not None
        and tasks[index].state in states.TERMINAL
        and name not in creating
        for pod in seen
    )


def _held(step: Step, index: int, in_flight: int, pace: pacing.Pace | None) -> rows.TaskRow | None:
    """The row of a task that does not start now, whatever room there is."""
    row = step.tasks[index]
    if row.earlier_attempts and not row.begun and _alive(step, row):
        return _queued(row, "PodsEnding", "waits for a Pod of an earlier attempt to end")
    if in_flight >= CREATES_IN_FLIGHT_MAX:
        return _queued(row, "CreatingPod", "")
    if pace is not None and not pace.may_ask(index):
        return _paced(step, index, pace)
    return None


def _paced(step: Step, index: int, pace: pacing.Pace) -> rows.TaskRow:
    """A task that is asked for later; one that was refused before still says why."""
    step.wakes.append(pace.next_look)
    row = step.tasks[index]
    return row if row.reason in pacing.PACED else _queued(row, pace.reason, pacing.MESSAGE)


def _under_way(
    step: Step, index: int, shared: sharing.Sharing | None, pace: pacing.Pace | None
) -> bool:
    """A Pod that is being created, or that the API could not take yet, counts as active.

    One that the API has certainly not taken has no place in limits that other runs share.
    """
    row = step.tasks[index]
    number = row.attempt + 1
    refusal = _transient_refusal(step, row, number)
    if row.name in step.snap.creating:
        step.active += 1
        told = waits.told(row, refusal) if refusal else ("CreatingPod", "")
        step.tasks[index] = _queued(row, *told)
        return True
    if refusal is None or step.held:
        return False
    row = step.tasks[index] = _queued(row, *waits.told(row, refusal))
    due = waits.next_try(row, refusal, step.plan.tasks[index])
    bound = shared is not None and shared.is_bound(index)
    if bound and step.now >= due and refusal.reason not in waits.SAYS_NOTHING:
        return False
    step.active += 1
    if step.now < due:
        step.wakes.append(due)
    elif pace is not None and not pace.may_ask(index):
        step.wakes.append(pace.next_look)
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


def _is_known(step: Step, index: int, row: rows.TaskRow) -> bool:
    """Would an operator that comes after know of the failure? Of a Pod that is gone, by the status."""
    last = row.attempts[-1].pod_name if row.attempts else ""
    seen = step.snap.pods.get(row.name, ())
    if any(pod.metadata.name == last and not pod.gone for pod in seen):
        return True
    if not step.snap.status.tasks:
        return False
    stored = step.snap.status.tasks[index]
    return stored.state == row.state and stored.attempt == row.attempt


def _alive(step: Step, row: rows.TaskRow) -> bool:
    return any(
        not pods.has_ended(vanished.as_believed(pod, step.snap))
        for pod in step.snap.pods.get(row.name, ())
    )


def _transient_refusal(step: Step, row: rows.TaskRow, number: int) -> snapshots.Refusal | None:
    refusal = step.snap.refusals.get(row.name)
    if refusal is None or not refusal.transient or refusal.attempt != number:
        return None
    return refusal


def _queued(
    row: rows.TaskRow, reason: str, message: str, since: str | None = None
) -> rows.TaskRow:
    if not message and row.wait_time is not None:
        return row  # the API is asked again, and has not answered yet
    if row.state == states.AWAITING_RETRY:
        if not message:
            return row
        return replace(row, reason=reason, message=message, wait_time=since)
    if row.state == states.QUEUED and row.reason == reason and row.message == message:
        return row
    return rows.unbegun(row, states.QUEUED, reason, rows.clip(message), since)


def _create(step: Step, index: int, number: int) -> actions.CreatePod:
    run, task = step.snap.run, step.plan.tasks[index]
    name = naming.pod_name(run.name, run.uid, task.name, None, number)
    amendment = podretry.of(task.retry, step.tasks[index])
    said = finals.run_state(step) if task.final else ""
    return actions.CreatePod(name, index, number, amendment, said)
