"""What only the Warning Events of a Pod tell: why its node does not get as far as its containers.

A Pod whose Secret, disk or network is missing says nothing but `ContainerCreating`, for as long as
it is left alone. Its Events name the cause. The API server looks through all Events of a namespace
to find those of one Pod, so they are not watched, and are read only where a start takes unusually
long: of few Pods at a time, and seldom.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import actions, instants, pods, reasons, rows, states, words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from kubedag.core import snapshot
    from kubedag.core.step import Step

replace = msgspec.structs.replace

PATIENCE_SECONDS: Final = 10
"""How long a start may take before anybody asks why."""
AGAIN_SECONDS: Final = 60
ASKS_MAX: Final = 20
"""So many Pods of one run are asked about within AGAIN_SECONDS; the longest unasked come first."""
RETRIED_WITHIN_SECONDS: Final = 180
"""The kubelet tries a volume again after 2m2s at the latest, and says so again if it fails."""

_OF_VOLUMES: Final = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})
_OF_SANDBOXES: Final = "FailedCreatePodSandBox"
_OF_SCHEDULING: Final = "FailedScheduling"
_STARTS: Final = frozenset({
    reasons.STARTING.name, reasons.VOLUME_NOT_MOUNTED.name, reasons.SANDBOX_NOT_CREATED.name,
})  # fmt: skip


class Series(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """How often an Event has happened, in the newer form."""

    last_observed_time: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of an Event; which of the times is filled in depends on who wrote it."""

    type: str = ""
    reason: str = ""
    message: str = ""
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: Series | None = None

    @property
    def time(self) -> str:
        """When it happened last, to the second."""
        observed = self.series.last_observed_time if self.series is not None else None
        times = (observed, self.last_timestamp, self.event_time, self.first_timestamp)
        return max((f"{time[:19]}Z" for time in times if time), default="")


def newest(found: Iterable[Event]) -> Event | None:
    """The Warning that says best what is wrong now; that is not "timed out" if another says why."""
    warnings = [
        event for event in found
        if event.type == "Warning" and event.time and event.reason not in ("", _OF_SCHEDULING)
    ]  # fmt: skip
    if not warnings:
        return None
    last = max(event.time for event in warnings)
    causes = [
        event for event in warnings
        if not words.only_counts_volumes(event.message)
        and instants.seconds_between(event.time, last) <= RETRIED_WITHIN_SECONDS
    ]  # fmt: skip
    return max(causes or warnings, key=lambda event: (event.time, event.message))


# --- What follows from it --------------------------------------------------------------------


def explained(
    fresh: rows.Attempt, old: rows.Attempt | None, pod: pods.Pod, snap: snapshot.RunSnapshot
) -> rows.Attempt:
    """An attempt that starts, with what its Events say of it; or what they said, if none is known."""
    if fresh.reason != reasons.STARTING.name or fresh.state != states.PENDING:
        return fresh
    known = snap.warnings.get(pod.metadata.uid)
    if known is None:
        return _as_before(fresh, old, pod)
    if not known.reason or known.time < (fresh.schedule_time or ""):
        return fresh
    reason, message = _told(known, fresh, pod)
    return replace(fresh, reason=reason.name, message=words.one_line(message))


def _as_before(fresh: rows.Attempt, old: rows.Attempt | None, pod: pods.Pod) -> rows.Attempt:
    """After a restart, what is stored stands until the Events have been read again."""
    if old is None or old.reason not in _STARTS or not _waits_for_node(pod):
        return fresh
    if old.reason == fresh.reason and not old.message.startswith(fresh.message):
        return fresh
    return replace(fresh, reason=old.reason, message=old.message)


def _told(
    known: snapshot.PodWarning, fresh: rows.Attempt, pod: pods.Pod
) -> tuple[reasons.Reason, str]:
    about = (known.message, fresh.number, fresh.schedule_time)
    of_volume, of_sandbox = known.reason in _OF_VOLUMES, known.reason.startswith(_OF_SANDBOXES)
    if not (of_volume or of_sandbox):
        return reasons.STARTING, words.warned(fresh.message, known.reason, known.message)
    if not _waits_for_node(pod):
        return reasons.STARTING, fresh.message  # it has its volumes and its sandbox by now
    if of_volume:
        return reasons.VOLUME_NOT_MOUNTED, words.not_mounted(*about)
    return reasons.SANDBOX_NOT_CREATED, words.no_sandbox(*about)


def lacks_settings(pod: pods.Pod | None, step: Step) -> bool:
    """Does a volume of this Pod need a Secret, a ConfigMap or a key of one that is not there?

    Only what this operator has read lately counts, not what is stored or was read in an earlier
    term; and only as long as the kubelet itself says that it has not got past the volumes.
    """
    known = step.snap.warnings.get(pod.metadata.uid) if pod is not None else None
    return (
        known is not None
        and known.reason in _OF_VOLUMES
        and words.lacks_settings(known.message)
        and step.now <= instants.after(known.read_time, 2 * AGAIN_SECONDS)
        and pod is not None
        and _waits_for_node(pod)
    )


def _waits_for_node(pod: pods.Pod) -> bool:
    """Is it without its volumes or its sandbox, by its own condition (KEP-3085)?"""
    return any(
        condition.type == "PodReadyToStartContainers" and condition.status == rows.FALSE
        for condition in pod.status.conditions
    )


# --- Asking ----------------------------------------------------------------------------------


def ask(step: Step) -> None:
    """Have the Events read of the attempts that take long to start."""
    known, due = step.snap.warnings, []
    for index in step.folded:
        row = step.tasks[index]
        if row.state != states.PENDING or row.reason not in _STARTS:
            continue
        last, pod = row.attempts[-1], step.pod_of(row)
        began = last.schedule_time or last.create_time
        if pod is None or pod.gone or began is None:
            continue
        read = known[pod.metadata.uid].read_time if pod.metadata.uid in known else ""
        when = _when(began, read)
        if step.now < when:
            step.wakes.append(when)
        else:
            due.append((read, index, actions.ReadEvents(pod.metadata.name, pod.metadata.uid)))
    if due:
        due.sort(key=lambda one: one[:2])
        step.actions += [action for _, _, action in due[: _room(step, len(due))]]


def _when(began: str, read: str) -> datetime:
    if read:
        return instants.after(read, AGAIN_SECONDS)
    return instants.after(began, PATIENCE_SECONDS)


def _room(step: Step, wanted: int) -> int:
    """For how many questions there is room now; if that is too few, look again when there is more.

    Those that are under way are due until they are answered, so they are among these.
    """
    span = timedelta(seconds=AGAIN_SECONDS)
    reads = (instants.parse(read.read_time) for read in step.snap.warnings.values())
    recent = sorted(read for read in reads if read > step.now - span)
    room = max(0, ASKS_MAX - len(recent))
    if wanted > room and recent:
        step.wakes.append(recent[0] + span)
    return room
