"""Which Pods are told to end, and which logs are read before they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.core import actions, outcomes, pods, rows, states, vanished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedag.core import snapshot as snapshots
    from kubedag.core.step import Step


def end_pods(step: Step) -> None:
    """Delete what is stored as terminating; read the logs of what has failed."""
    stored = step.snap.status.tasks
    for index in step.folded:
        row = step.tasks[index]
        seen = step.snap.pods.get(row.name, ())
        if not seen or vanished.is_odd(row, seen):
            vanished.ask(step, index, seen)
        for pod in seen:
            if pod.gone:
                continue
            if stored and row.state == states.TERMINATING:
                _delete_if_stored(step, stored[index], pod)
            if pod.status.phase in pods.TERMINAL_PHASES:
                _capture(step, row, pod)
    step.actions += _overtaken(step)
    step.actions += _lost(step)


def _overtaken(step: Step) -> list[actions.DeletePod]:
    """Pods that live although it is stored how their attempts ended.

    They were made by requests that were long on their way, or by a leader that did not know.
    """
    stored = step.snap.status.tasks
    if not stored:
        return []
    index_of = step.plan.index
    return [
        _delete(pod)
        for name, seen in step.snap.pods.items()
        for pod in seen
        if _lives(pod) and _is_over(stored, index_of.get(name), pods.attempt_number(pod))
    ]


def _lost(step: Step) -> list[actions.ConfirmGone]:
    """Overtaken Pods that are no longer seen; until the API says so, their places are not free."""
    stored: Sequence[rows.TaskRow] = step.snap.status.tasks
    found: list[actions.ConfirmGone] = []
    if step.snap.status.finished or not stored:
        return found
    for name, seen in step.snap.pods.items():
        index = step.plan.index.get(name)
        if index is None or stored[index].state not in states.TERMINAL:
            continue
        for pod in seen:
            if pod.gone and not vanished.as_believed(pod, step.snap).gone:
                meta, number = pod.metadata, pods.attempt_number(pod)
                found.append(actions.ConfirmGone(meta.name, meta.uid, index, number))
    return found


def _is_over(stored: Sequence[rows.TaskRow], index: int | None, number: int) -> bool:
    """Also of a task that the run had before it ran again by another revision."""
    if index is None or number <= stored[index].earlier_attempts:
        return True
    if stored[index].state in states.TERMINAL:
        return True  # it came when its task had been stopped
    if not stored[index].attempts:
        return False
    last = stored[index].attempts[-1]
    return number < last.number or (number == last.number and last.state in states.ATTEMPT_ENDS)


def _delete_if_stored(step: Step, stored: rows.TaskRow, pod: pods.Pod) -> None:
    if stored.state != states.TERMINATING or stored.reason not in outcomes.ASKS:
        return
    if not _lives(pod):
        return
    if stored.attempts and stored.attempts[-1].pod_name == pod.metadata.name:
        step.actions.append(_delete(pod))


def _delete(pod: pods.Pod, *, sure: bool = True) -> actions.DeletePod:
    meta = pod.metadata
    return actions.DeletePod(meta.name, meta.uid, meta.resource_version, sure)


def strays(snap: snapshots.RunSnapshot) -> list[actions.DeletePod]:
    """Pods that live although their run is over: their creation was under way when it ended."""
    return [
        _delete(pod, sure=not _is_later(pod, snap.status))
        for seen in snap.pods.values()
        for pod in seen
        if _lives(pod)
    ]


def _is_later(pod: pods.Pod, status: rows.RunStatus) -> bool:
    """Was it made after a rerun that the status does not tell of? Another leader may have told."""
    return pods.rerun_number(pod) > (status.rerun.number if status.rerun is not None else 0)


def _lives(pod: pods.Pod) -> bool:
    """Is it still to be told to end? One that has ended by itself must be recorded first."""
    ended = pod.gone or pod.status.phase in ("Succeeded", "Failed")
    return not ended and not pod.metadata.deletion_timestamp


def releases(snap: snapshots.RunSnapshot) -> list[actions.ReleasePod]:
    """The Pods that need not be kept any more: how they ended is stored, or nobody asks."""
    if not snap.held:
        return []
    over = snap.status.finished or snap.run.deleting
    stored = {} if over else {row.name: row for row in snap.status.tasks}
    return [
        release(pod, sure=snap.run.deleting or not _is_later(pod, snap.status))
        for pod in snap.held
        if over or _is_stored(stored.get(pod.label(pods.LABEL_TASK)), pod, snap.status)
    ]


def release(pod: pods.Pod, *, sure: bool = True) -> actions.ReleasePod:
    """Ask for our finalizer to be taken off."""
    meta = pod.metadata
    left = tuple(name for name in meta.finalizers if name != pods.FINALIZER)
    return actions.ReleasePod(meta.name, meta.uid, meta.resource_version, left, sure)


def may_go(status: rows.RunStatus, pod: pods.Pod) -> bool:
    """Is it stored how this Pod ended, whatever its labels say?"""
    if status.finished:
        return True
    return any(
        _is_told(attempt)
        for row in status.tasks
        for attempt in row.attempts
        if attempt.pod_name == pod.metadata.name
    )


def _is_stored(row: rows.TaskRow | None, pod: pods.Pod, status: rows.RunStatus) -> bool:
    if row is None:  # a task that it has no more, if it runs again, or none that is stored yet
        return status.rerun is not None
    for attempt in row.attempts:
        if attempt.pod_name == pod.metadata.name:
            return _is_told(attempt)
    # An attempt that is no longer kept, or a Pod that came after its task had to end.
    number = pods.attempt_number(pod)
    forgotten = bool(row.attempts) and number < row.attempts[0].number
    return forgotten or number <= row.earlier_attempts or row.state in states.TERMINAL


def _is_told(attempt: rows.Attempt) -> bool:
    """How it ended, and the end of its log if it failed."""
    if attempt.state == states.FAILED:
        return attempt.log is not None
    return attempt.state == states.SUCCEEDED


def _capture(step: Step, row: rows.TaskRow, pod: pods.Pod) -> None:
    if pod.metadata.uid in step.snap.logs:
        return
    for attempt in row.attempts:
        if attempt.state != states.FAILED or attempt.log is not None:
            continue
        if attempt.pod_name == pod.metadata.name:
            container = outcomes.failed_container(pod)
            action = actions.CaptureLog(pod.metadata.name, pod.metadata.uid, container)
            step.actions.append(action)
