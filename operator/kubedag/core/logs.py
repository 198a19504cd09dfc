"""The log tail of a failed attempt: taken once, from the best source that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import logtail, pods, rows, snapshot, states

if TYPE_CHECKING:
    from collections.abc import Mapping

replace = msgspec.structs.replace


def with_log(
    attempt: rows.Attempt, pod: pods.Pod | None, logs: Mapping[str, snapshot.CapturedLog]
) -> rows.Attempt:
    """Add the log tail once: from the log if it was read, else from the termination message."""
    if attempt.log is not None or attempt.state != states.FAILED or not attempt.pod_name:
        return attempt
    if pod is None:
        return replace(attempt, log=NOTHING_LEFT)
    captured = logs.get(pod.metadata.uid)
    if captured is None and not pod.gone:
        return attempt
    if captured is not None and captured.text:
        tail = logtail.trim(captured.text, logtail.POD_LOG, already_cut=captured.cut)
    else:
        tail = logtail.trim(_termination_message(pod), logtail.TERMINATION_MESSAGE)
    return replace(attempt, log=tail)


def _termination_message(pod: pods.Pod) -> str:
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        ended = status.state.terminated if status.state else None
        if ended is not None and ended.exit_code != 0 and ended.message:
            return ended.message
    return pod.status.message


NOTHING_LEFT: Final = rows.LogTail(logtail.TERMINATION_MESSAGE)
"""The log of a Pod that went before it could be read."""


def lacks_log(row: rows.TaskRow) -> bool:
    """Is the log of a failed attempt still to be read? Also of one that a retry made good."""
    if len(row.attempts) < 2 and row.state != states.FAILED:
        return False
    return any(
        attempt.log is None and attempt.pod_name and attempt.state == states.FAILED
        for attempt in row.attempts
    )
