"""May the container of an attempt have started? What a task may not do twice hangs on it.

Only what says for sure that nothing ran counts as "never started": everything else may have run
without anybody hearing of it. Init containers do not count, because Kubernetes itself may run them
again and asks that they can be.
"""

from __future__ import annotations

from typing import Final

from kubedag.core import evidence, pods, reasons, rows

_NOT_RETRIED: Final = "; not retried: it may have run, and the task says idempotent: false"

_NOT_BY_ITS_NODE: Final = frozenset({reasons.DELETION_BY_POD_GC.name, reasons.NODE_LOST.name})
"""Ends that others than the kubelet have written, who do not know what has run."""


def may_have_started(attempt: rows.Attempt, pod: pods.Pod | None) -> bool:
    """May the container of this ended attempt have started? `pod` is None if it was not seen."""
    if attempt.start_time is not None or pod is None:
        return True
    if _has_run(pod):
        return True
    if not pod.spec.node_name:
        # It never had a node, if that is how the Pod was when it ended.
        return not pod.metadata.deletion_timestamp and pod.status.phase != "Failed"
    # The kubelet reports the end of a Pod together with what became of its containers.
    by_its_node = pod.status.phase == "Failed" and attempt.reason not in _NOT_BY_ITS_NODE
    return not by_its_node


def not_retried(message: str) -> str:
    """The message of a failure, and why there is no other attempt."""
    return rows.clip(message, rows.MESSAGE_CHARS_MAX - len(_NOT_RETRIED)) + _NOT_RETRIED


def _has_run(pod: pods.Pod) -> bool:
    for status in pod.status.container_statuses:
        if status.name != pods.MAIN_CONTAINER:
            continue
        state = status.state or pods.ContainerState()
        if status.restart_count or state.running is not None:
            return True
        ended = state.terminated
        return ended is not None and ended.reason not in evidence.NOT_STARTABLE
    return False
