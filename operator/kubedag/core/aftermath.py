"""What follows on a failed attempt: another one, or the end of its task.

The rules of `retry.onFailure` come first, then the budgets of `retries`. What may not run twice is
not tried again, whatever a rule says. A failure whose rule hangs on the end of its log is not judged
before that is read: the task is neither to be tried again nor at its end for as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import RetryAction
from kubedag.core import (
    idempotence,
    instants,
    memory,
    outcomes,
    pods,
    reasons,
    reasons_retry,
    retries,
    retry_rules,
    rows,
    states,
    stops,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedag.core import plan as plans
    from kubedag.core import snapshot

replace = msgspec.structs.replace

_NEVER_RETRIED: Final = frozenset({reasons.MARKED.name, *stops.STOPS.values()})

_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    RetryAction.FAIL: (states.FAILED, "failed"),
    RetryAction.SKIP: (states.SKIPPED, "skipped"),
    RetryAction.SUCCEED: (states.SUCCEEDED, "taken as succeeded"),
}
"""What a rule makes of a task, and how that is called."""

_READS_LOG: Final = "; the end of its log is read, for retry.onFailure"


def is_open(row: rows.TaskRow) -> bool:
    """Is what follows on the last failure still to be decided?"""
    last = row.attempts[-1] if row.attempts else None
    return row.state == states.TERMINATING and last is not None and last.state == states.FAILED


def follow(
    row: rows.TaskRow,
    last: rows.Attempt,
    task: plans.TaskPlan,
    seen: Sequence[pods.Pod],
    snap: snapshot.RunSnapshot,
) -> rows.TaskRow:
    """The row of a task whose last attempt has failed."""
    if last.reason in _NEVER_RETRIED or last.number >= pods.ATTEMPT_MAX:
        return row
    ruling = retry_rules.ruling(task.retry.on_failure, last)
    if ruling is None:
        message = _with(row.message, _READS_LOG)
        reason = reasons_retry.READING_LOG.name
        return replace(row, state=states.TERMINATING, reason=reason, message=message)
    if ruling.action in _ENDS:
        return _ended(row, ruling)
    wait = _seconds(row, last, task, ruling)
    finished = last.finish_time or last.create_time
    if wait is None or finished is None:
        return row
    if last.failure_class == outcomes.INFRA and not task.idempotent:
        pod = next((pod for pod in seen if pod.metadata.name == last.pod_name), None)
        if idempotence.may_have_started(last, pod):
            return replace(row, message=idempotence.not_retried(row.message))
    return replace(
        row,
        state=states.AWAITING_RETRY,
        message=_with(row.message, _more_memory(row, last, task, snap)),
        next_attempt_time=instants.text(instants.after(finished, wait)),
    )


def _ended(row: rows.TaskRow, ruling: retry_rules.Ruling) -> rows.TaskRow:
    state, said = _ENDS[ruling.action]
    message = _with(row.message, f"; {said} by rule {ruling.number} of retry.onFailure")
    return replace(row, state=state, reason=reasons_retry.RETRY_RULE.name, message=message)


def _seconds(
    row: rows.TaskRow, last: rows.Attempt, task: plans.TaskPlan, ruling: retry_rules.Ruling
) -> int | None:
    """How long the task waits before it is tried again; None if it is not."""
    asked = ruling.action == RetryAction.RETRY
    failure_class = last.failure_class
    if asked and failure_class == outcomes.CONFIG:
        failure_class = outcomes.USER  # whose budget it has used
    wait = retries.next_delay_seconds(
        task.retry,
        failure_class=failure_class,
        user_failures=row.user_failures,
        infra_failures=row.infra_failures,
        key=last.pod_name or task.name,
    )
    if wait is None or ruling.delay_seconds is None:
        return wait
    return ruling.delay_seconds


def _more_memory(
    row: rows.TaskRow, last: rows.Attempt, task: plans.TaskPlan, snap: snapshot.RunSnapshot
) -> str:
    """What is told of an attempt that will have more memory than the one before it."""
    policy = task.retry
    if not policy.memory_factor or snap.plan is None or not memory.ran_out(last, policy):
        return ""
    before, after = (
        memory.of_attempt(snap.plan, task, times)
        for times in (row.out_of_memory - 1, row.out_of_memory)
    )
    if not after:
        return ""
    if before == after:
        return f"; the next attempt has {after} again, which is the most that retry allows"
    return f"; the next attempt has {after} of memory"


def _with(message: str, more: str) -> str:
    return rows.clip(message, rows.MESSAGE_CHARS_MAX - len(more)) + more if more else message
