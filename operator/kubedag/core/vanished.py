"""Pods that are no longer seen: gone is only what the API itself, asked by name, says is gone.

A watch says `DELETED` also when a label was changed by hand so that the Pod is no longer selected,
and a Pod may be missing because it is found under another task. A second Pod beside a living one
would be a twin, so one look at the truth comes before any conclusion. It costs one request for
each Pod that vanished before it had ended, and nothing for all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kubedag.core import actions, pods, rows, states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedag.core import snapshot
    from kubedag.core.step import Step


def as_believed(pod: pods.Pod, snap: snapshot.RunSnapshot) -> pods.Pod:
    """The Pod as it was last, as long as nobody has confirmed that it is gone."""
    if not pod.gone or pod.status.phase in pods.TERMINAL_PHASES or pod.metadata.uid in snap.gone:
        return pod
    return msgspec.structs.replace(pod, gone=False)


def is_odd(row: rows.TaskRow, seen: Sequence[pods.Pod]) -> bool:
    """Is the newest Pod of a task gone, or not that of its last attempt, or one without its owner?

    Cheap: it seldom is.
    """
    newest = seen[-1]
    if newest.gone or not row.attempts or row.attempts[-1].pod_name != newest.metadata.name:
        return True
    return any(map(pods.lacks_owner, seen))


def ask(step: Step, index: int, seen: Sequence[pods.Pod]) -> None:
    """Have the API asked for the Pods of a task that are not seen and not confirmed to be gone.

    Those that have lost their owner are asked for, too: whoever finds one puts it right.
    """
    row = step.tasks[index]
    for pod in seen:
        vanished = pod.gone and not as_believed(pod, step.snap).gone
        vanished = vanished and pods.attempt_number(pod) > row.earlier_attempts
        if vanished or pods.lacks_owner(pod):
            _confirm(step, index, pod.metadata.name, pod.metadata.uid, pods.attempt_number(pod))
    last = row.attempts[-1] if row.attempts else None
    if last is not None and is_missing(last, seen) and last.pod_name not in step.snap.gone:
        _confirm(step, index, last.pod_name, "", last.number)


def is_missing(attempt: rows.Attempt, seen: Sequence[pods.Pod]) -> bool:
    """Is this attempt to have a Pod that is not seen?"""
    if attempt.state in states.ATTEMPT_ENDS or not attempt.pod_name:
        return False
    return all(pods.attempt_number(pod) != attempt.number for pod in seen)


def _confirm(step: Step, index: int, name: str, uid: str, attempt: int) -> None:
    if name != step.snap.creating.get(step.plan.tasks[index].name):
        step.actions.append(actions.ConfirmGone(name, uid, index, attempt))
