"""The log tail of a failed attempt: taken once, from the best source that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import evidence, logtail, outcomes, pods, rows, states

if TYPE_CHECKING:
    from kubedag.core import snapshot

replace = msgspec.structs.replace

NOTHING_LEFT: Final = rows.LogTail(logtail.NONE)
"""The log of an attempt of which nothing can be read, or is to be."""


def with_log(
    attempt: rows.Attempt, pod: pods.Pod | None, snap: snapshot.RunSnapshot
) -> rows.Attempt:
    """Add the log tail once: from the log if it was read, else from the termination message."""
    if not lacks(attempt):
        return attempt
    if pod is None or (snap.plan is not None and not snap.plan.captures_logs):
        return without_pod(attempt)
    captured = snap.logs.get(pod.metadata.uid)
    if captured is None and _is_to_come(pod, snap):
        return attempt
    return replace(attempt, log=_tail(pod, captured))


def _is_to_come(pod: pods.Pod, snap: snapshot.RunSnapshot) -> bool:
    """Is the log being read, or still to be? A Pod that never had a node has none."""
    if pod.metadata.uid in snap.capturing:
        return True
    return not pod.gone and pod.status.phase in pods.TERMINAL_PHASES


def without_pod(attempt: rows.Attempt) -> rows.Attempt:
    """Of a Pod that is gone, nothing more can be read."""
    return replace(attempt, log=NOTHING_LEFT) if lacks(attempt) else attempt


def lacks(attempt: rows.Attempt) -> bool:
    """Has it failed, and is the end of its log still to be recorded?"""
    failed = attempt.state == states.FAILED
    return failed and attempt.log is None and attempt.pod_name != ""


def last_log(row: rows.TaskRow) -> rows.LogTail | None:
    """That of the last attempt, if it is known."""
    return row.attempts[-1].log if row.attempts else None


def _tail(pod: pods.Pod, captured: snapshot.CapturedLog | None) -> rows.LogTail:
    if captured is not None and captured.text and captured.text.strip():
        return logtail.trim(captured.text, logtail.POD_LOG, already_cut=captured.cut)
    said = logtail.trim(_termination_message(pod), logtail.TERMINATION_MESSAGE)
    if said.tail:
        return said
    read = captured is not None and captured.text is not None
    return rows.LogTail(logtail.POD_LOG) if read else NOTHING_LEFT


def _termination_message(pod: pods.Pod) -> str:
    """What the failed container said at its end, and not what others say of it."""
    name = outcomes.failed_container(pod)
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        ended = status.state.terminated if status.state else None
        if status.name == name and ended is not None and ended.exit_code != 0:
            return "" if ended.reason in _SAID_BY_OTHERS else ended.message
    return ""


_SAID_BY_OTHERS: Final = (evidence.NOT_FOUND, *evidence.NOT_STARTABLE)
"""The kubelet's filler for a container that is not there, and the runtime's own words."""


def lacks_log(row: rows.TaskRow) -> bool:
    """Is the log of a failed attempt still to be read? Also of one that something made good."""
    if len(row.attempts) < 2 and row.state not in states.TERMINAL:
        return False
    return any(map(lacks, row.attempts))
