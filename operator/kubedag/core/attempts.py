"""From the Pods of one task to its row.

Laws: an attempt that is recorded as ended stays as it is; an attempt exists because its Pod was
seen, never because it was intended; a Pod that should exist and does not has been deleted.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.common import AMOUNT_MAX
from kubedag.core import (
    aftermath,
    memory,
    outcomes,
    pod_events,
    pods,
    reasons,
    rows,
    snapshot,
    states,
    vanished,
    waits,
    words,
)
from kubedag.core import logs as logs_of
from kubedag.core import plan as plans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

replace = msgspec.structs.replace


def fold(
    row: rows.TaskRow,
    task: plans.TaskPlan,
    seen: Sequence[pods.Pod],
    snap: snapshot.RunSnapshot,
    now: str,
) -> rows.TaskRow:
    """The row of a task that has had Pods, as its Pods say it is now."""
    recorded = {attempt.number: attempt for attempt in row.attempts}
    fresh = dict(recorded)
    # Those before the oldest one that is kept have been counted, and their Pods may still be there.
    oldest = row.attempts[0].number if row.attempts else 1
    present = set()
    for last_seen in seen:
        pod = last_seen
        if pod.gone:
            if pod.metadata.name == snap.creating.get(row.name):
                continue  # it went unseen, and its attempt is being made anew
            pod = vanished.as_believed(pod, snap)
        known = snap.observed.get(pod.metadata.uid) if pod is last_seen else None
        now_seen = known or observe(pod)
        present.add(now_seen.number)
        of_before = now_seen.number <= row.earlier_attempts and now_seen.number not in recorded
        if now_seen.number >= oldest and not of_before:
            old = recorded.get(now_seen.number)
            fresh[now_seen.number] = _observe(old, now_seen, pod, snap, now)
    _miss_the_missing(fresh, present, snap.gone, now)
    _keep_when_found(fresh, recorded, task, snap, now)
    _refuse(fresh, row, task, snap.refusals.get(row.name))
    if not fresh:
        return row
    ordered = tuple(fresh[number] for number in sorted(fresh))
    if len(ordered) == len(row.attempts) and all(map(operator.is_, ordered, row.attempts)):
        return row  # nothing has changed, which is so for most tasks at most times
    return _summarise(row, recorded, ordered, task, seen, snap)


def complete(
    row: rows.TaskRow, seen: Sequence[pods.Pod], snap: snapshot.RunSnapshot
) -> rows.TaskRow:
    """The row of a task at its end, where nothing changes any more but a log that was missing."""
    by_name = {pod.metadata.name: pod for pod in seen}
    ended = tuple(
        logs_of.with_log(attempt, by_name.get(attempt.pod_name), snap) for attempt in row.attempts
    )
    return replace(row, attempts=ended)


def _observe(
    old: rows.Attempt | None,
    fresh: rows.Attempt,
    pod: pods.Pod,
    snap: snapshot.RunSnapshot,
    now: str,
) -> rows.Attempt:
    if old is not None:
        if old.state in states.ATTEMPT_ENDS:
            return logs_of.with_log(old, pod, snap)
        if old.state == states.TERMINATING and old.reason in outcomes.ASKS and _stands(old, pod):
            fresh = observe(pod, old)
        fresh = pod_events.explained(fresh, old, pod, snap)
        if _says_the_same(old, fresh):
            return logs_of.with_log(old, pod, snap)
        fresh = _remembering(old, fresh, now)
        if fresh == old:
            return old
    else:
        fresh = pod_events.explained(fresh, None, pod, snap)
    if fresh.state in states.ATTEMPT_ENDS and fresh.finish_time is None:
        fresh = replace(fresh, finish_time=min(pod.metadata.deletion_timestamp or now, now))
    return logs_of.with_log(fresh, pod, snap)


def _says_the_same(old: rows.Attempt, fresh: rows.Attempt) -> bool:
    """Is nothing new in what a Pod says? So it is for most Pods at most times."""
    return (
        old.state == fresh.state
        and old.reason == fresh.reason
        and old.message == fresh.message
        and old.start_time == fresh.start_time
        and old.schedule_time == fresh.schedule_time
        and old.node_name == fresh.node_name
        and old.create_time == fresh.create_time
        and fresh.state not in states.ATTEMPT_ENDS
    )


def _remembering(old: rows.Attempt, fresh: rows.Attempt, now: str) -> rows.Attempt:
    """What was recorded and the Pod no longer tells: a status can be lost with its node."""
    if old.create_time is not None and old.create_time != fresh.create_time:
        return _of_another(old, fresh)
    ungated = old.ungate_time
    if ungated is None and old.reason == _GATED and fresh.reason != _GATED:
        ungated = min(now, fresh.schedule_time or now)
    return replace(
        fresh,
        deps_met_time=old.deps_met_time,
        ungate_time=ungated,
        schedule_time=fresh.schedule_time or old.schedule_time,
        start_time=fresh.start_time or old.start_time,
        node_name=fresh.node_name or old.node_name,
    )


def _of_another(old: rows.Attempt, fresh: rows.Attempt) -> rows.Attempt:
    """A second Pod of the name, whose creation had been given up: all times are of one of the two.

    They are of the first as long as it alone has started: that a program has must not be forgotten.
    """
    fresh = replace(fresh, deps_met_time=old.deps_met_time)
    if fresh.start_time is not None or old.start_time is None:
        return fresh
    return replace(
        fresh,
        create_time=old.create_time,
        ungate_time=old.ungate_time,
        schedule_time=old.schedule_time,
        start_time=old.start_time,
        node_name=old.node_name,
    )


_GATED: Final = reasons.SCHEDULING_GATED.name


def _stands(old: rows.Attempt, pod: pods.Pod) -> bool:
    """Is it still to end? A look that was late may have asked a Pod to that had moved on."""
    if pod.metadata.deletion_timestamp:
        return True
    if pod.status.phase == "Running":
        return old.reason not in outcomes.ASKED_BEFORE_THE_START
    return pod.status.phase not in ("Succeeded", "Failed")


def observe(pod: pods.Pod, old: rows.Attempt | None = None) -> rows.Attempt:
    """What a Pod says of its attempt; `old` is given for one that we asked to end.

    An attempt that has ended lacks a finish time where no container tells of one.
    """
    ask = old.reason if old is not None else ""
    outcome = outcomes.classify(pod, ask)
    message = outcome.message
    if old is not None and ask in outcomes.ASKS and outcome.reason == ask:
        message = old.message  # what was said when it was asked to end
    return rows.Attempt(
        number=pods.attempt_number(pod),
        state=outcome.state,
        reason=rows.clip(outcome.reason, rows.REASON_CHARS_MAX),
        message=message,
        failure_class=outcome.failure_class if outcome.state == states.FAILED else "",
        exit_code=outcome.exit_code,
        node_name=pod.spec.node_name,
        pod_name=pod.metadata.name,
        create_time=pod.metadata.creation_timestamp,
        schedule_time=_scheduled(pod),
        start_time=_started(pod),
        finish_time=_finished(pod) if outcome.state in states.ATTEMPT_ENDS else None,
    )


def _miss_the_missing(
    fresh: dict[int, rows.Attempt], present: AbstractSet[int], gone: AbstractSet[str], now: str
) -> None:
    """End the attempts whose Pods are recorded and confirmed to be gone."""
    for number, attempt in fresh.items():
        if number in present:
            continue
        if attempt.state in states.ATTEMPT_ENDS:
            fresh[number] = logs_of.without_pod(attempt)
            continue
        if attempt.pod_name not in gone:
            continue
        fresh[number] = replace(
            attempt,
            state=states.FAILED,
            finish_time=now,
            log=logs_of.NOTHING_LEFT,
            **_why(attempt),
        )


def _keep_when_found(
    fresh: dict[int, rows.Attempt],
    recorded: Mapping[int, rows.Attempt],
    task: plans.TaskPlan,
    snap: snapshot.RunSnapshot,
    now: str,
) -> None:
    """An end that no container tells of stays at when it was found until that is stored.

    A write that nobody answered may have stored it already, and must not be contradicted.
    """
    for number, attempt in fresh.items():
        if attempt.finish_time != now or attempt is recorded.get(number):
            continue
        known = _decided(snap, task, number)
        if known is not None and known.finish_time and _ended_alike(known, attempt):
            fresh[number] = replace(attempt, finish_time=min(known.finish_time, now))


def _decided(snap: snapshot.RunSnapshot, task: plans.TaskPlan, number: int) -> rows.Attempt | None:
    """An attempt as it was decided last, stored or not."""
    said = snap.decided.tasks if snap.decided is not None else ()
    if task.index >= len(said) or said[task.index].name != task.name:
        return None  # it runs again, by another revision
    return next((one for one in said[task.index].attempts if one.number == number), None)


def _ended_alike(one: rows.Attempt, other: rows.Attempt) -> bool:
    return (one.state, one.reason, one.pod_name) == (other.state, other.reason, other.pod_name)


def _why(attempt: rows.Attempt) -> dict[str, str]:
    """Why a Pod is gone that had not ended when it was last seen."""
    ask, terminating = outcomes.ASKS.get(attempt.reason), attempt.state == states.TERMINATING
    if ask is not None and terminating:
        return {"failure_class": ask.failure_class}
    reason = attempt.reason if terminating else reasons.POD_DELETED.name
    message = "the Pod was deleted before it had ended"
    if reason != reasons.POD_DELETED.name:
        message = words.disrupted(reason, "")
    return {"reason": reason, "message": message, "failure_class": outcomes.INFRA}


def _refuse(
    fresh: dict[int, rows.Attempt],
    row: rows.TaskRow,
    task: plans.TaskPlan,
    refusal: snapshot.Refusal | None,
) -> None:
    """An attempt whose Pod the API will never take has failed without having had a Pod."""
    if refusal is None or refusal.attempt <= max(row.earlier_attempts, *fresh, 0):
        return  # there is none, or later attempts have been made in spite of it
    reason, message = refusal.reason, rows.clip(refusal.message)
    if refusal.transient:
        ended = waits.ended_as(row, refusal, task)
        if ended is None:
            return
        reason, message = ended[0].name, ended[1]
    fresh[refusal.attempt] = rows.Attempt(
        number=refusal.attempt,
        state=states.FAILED,
        reason=reason,
        message=message,
        failure_class=outcomes.CONFIG,
        finish_time=refusal.time,
    )


def _summarise(
    row: rows.TaskRow,
    recorded: Mapping[int, rows.Attempt],
    ordered: tuple[rows.Attempt, ...],
    task: plans.TaskPlan,
    seen: Sequence[pods.Pod],
    snap: snapshot.RunSnapshot,
) -> rows.TaskRow:
    last, kept = ordered[-1], ordered[-rows.ATTEMPTS_KEPT_MAX :]
    before = recorded.get(last.number)
    decided = before is not None and before.state == states.FAILED and not aftermath.is_open(row)
    if decided or last.number <= row.earlier_attempts:
        return replace(row, attempts=kept)  # what follows from it has been decided
    user, infra, out_of_memory = row.user_failures, row.infra_failures, row.out_of_memory
    for attempt in ordered:
        before = recorded.get(attempt.number)
        if attempt.state == states.FAILED and (before is None or before.state != states.FAILED):
            user += attempt.failure_class != outcomes.INFRA
            infra += attempt.failure_class == outcomes.INFRA
            out_of_memory += memory.ran_out(attempt, task.retry)
    fresh = rows.TaskRow(
        name=row.name,
        state=last.state,
        reason=last.reason,
        message=last.message,
        attempt=last.number,
        # Who writes a status by hand may have filled it up: more would never be stored.
        user_failures=min(user, AMOUNT_MAX),
        infra_failures=min(infra, AMOUNT_MAX),
        out_of_memory=min(out_of_memory, AMOUNT_MAX),
        earlier_attempts=row.earlier_attempts,
        mark=row.mark,
        attempts=kept,
    )
    if last.state != states.FAILED:
        return fresh
    return aftermath.follow(fresh, last, task, seen, snap)


def _scheduled(pod: pods.Pod) -> str | None:
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == rows.TRUE:
            return condition.last_transition_time
    return None


def _started(pod: pods.Pod) -> str | None:
    for status in pod.status.container_statuses:
        if status.name == pods.MAIN_CONTAINER and status.state is not None:
            if status.state.running is not None:
                return status.state.running.started_at
            if status.state.terminated is not None:
                began = status.state.terminated.started_at
                return began if began != _NEVER else None
    return None


_NEVER: Final = "1970-01-01T00:00:00Z"
"""What the kubelet says of a program that could not be started."""


def _finished(pod: pods.Pod) -> str | None:
    """When the task's container ended; or the last one, where that one has no end."""
    ends = {
        status.name: status.state.terminated.finished_at
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
        if status.state is not None
        and status.state.terminated is not None
        and status.state.terminated.finished_at
    }
    return ends.get(pods.MAIN_CONTAINER) or max(ends.values(), default=None)
