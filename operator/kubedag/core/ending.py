"""Which Pods are told to end, and which logs are read before they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.core import actions, outcomes, pods, rows, states

if TYPE_CHECKING:
    from kubedag.core import snapshot as snapshots
    from kubedag.core.step import Step


def end_pods(step: Step) -> None:
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
