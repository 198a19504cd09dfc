"""The Pods of all runs, as they were last seen, and whether their labels can be believed.

Anybody may edit a label. A Pod's name says which attempt it is and cannot be edited, so labels
count only as far as the name follows from them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kubedag.core import attempts, logs, masks, naming, pods, rows, states

PodsByTask = dict[str, tuple[pods.Pod, ...]]


def run_of(pod: pods.Pod) -> str:
    """The UID of the run that a Pod belongs to; empty if its labels do not fit its name and owner."""
    run_uid = pod.label(pods.LABEL_RUN_UID)
    if not run_uid or not pods.is_of(pod, run_uid):
        return ""
    run_name = pod.label(pods.LABEL_RUN)
    for owner in pod.metadata.owner_references:
        if owner.uid == run_uid:
            run_name = owner.name
    task, attempt = pod.label(pods.LABEL_TASK), pods.attempt_number(pod)
    name = naming.pod_name(run_name, run_uid, task, None, attempt)
    return run_uid if name == pod.metadata.name else ""


def same_labels(old: pods.Pod | None, new: pods.Pod) -> bool:
    """Is nothing changed of what `run_of` looks at?"""
    return (
        old is not None
        and old.metadata.labels == new.metadata.labels
        and old.metadata.owner_references == new.metadata.owner_references
    )


class PodIndex:
    """The Pods of all runs, by run and task. Those that are gone stay until they are recorded."""

    def __init__(self) -> None:
        self._by_run: dict[str, PodsByTask] = {}
        self._gone: dict[str, int] = {}
        self._observed: dict[str, dict[str, rows.Attempt]] = {}
        self._unmasked: dict[str, dict[str, pods.Pod]] = {}
        self._held: dict[str, dict[str, pods.Pod]] = {}

    def of(self, run_uid: str) -> PodsByTask:
        """The Pods of a run, by task, in order of attempt."""
        return self._by_run.get(run_uid, _NONE)

    def observed(self, run_uid: str) -> dict[str, rows.Attempt]:
        """What the Pods of a run say of their attempts, by the Pod's UID."""
        return self._observed.get(run_uid, {})

    def held(self, run_uid: str) -> tuple[pods.Pod, ...]:
        """The Pods of a run that carry our finalizer."""
        held = self._held.get(run_uid)
        return tuple(held.values()) if held else ()

    def has(self, run_uid: str, pod: pods.Pod) -> bool:
        """Is this very Pod known where its labels say, and not only believed as it was before?"""
        seen = self._by_run.get(run_uid, _NONE).get(pod.label(pods.LABEL_TASK), ())
        return any(one.metadata.uid == pod.metadata.uid and not one.gone for one in seen)

    def put(self, run_uid: str, pod: pods.Pod) -> None:
        """Remember a Pod as it is now, or as it was last."""
        tasks = self._by_run.setdefault(run_uid, {})
        task = pod.label(pods.LABEL_TASK)
        others: list[pods.Pod] = []
        for old in tasks.get(task, ()):
            if old.metadata.uid != pod.metadata.uid:
                others.append(old)
            else:
                pod = pods.with_first_request(old, pod)
        self._observed.setdefault(run_uid, {})[pod.metadata.uid] = attempts.observe(pod)
        others.append(pod)
        others.sort(key=lambda one: (pods.attempt_number(one), not one.gone))
        tasks[task] = tuple(others)
        if masks.has_words(pod):
            self._unmasked.setdefault(run_uid, {})[pod.metadata.uid] = pod
        self._hold(run_uid, pod)
        if pod.gone:
            self._gone[run_uid] = self._gone.get(run_uid, 0) + 1

    def _hold(self, run_uid: str, pod: pods.Pod) -> None:
        if pods.is_held(pod):
            self._held.setdefault(run_uid, {})[pod.metadata.uid] = pod
        else:
            _drop(self._held, run_uid, pod)

    def mask(self, run_uid: str, masked: masks.Masks) -> None:
        """Have nothing told of what a DAG's patterns match; only the DAG tells what those are."""
        unmasked = self._unmasked.pop(run_uid, {})
        if not masked:
            return
        tasks = self._by_run.get(run_uid, {})
        for uid, raw in unmasked.items():
            task = raw.label(pods.LABEL_TASK)
            seen = tasks.get(task, ())
            if any(one is raw for one in seen):  # and not a later state that says nothing
                pod = masked.pod(raw)
                tasks[task] = tuple(pod if one is raw else one for one in seen)
                self._observed[run_uid][uid] = attempts.observe(pod)

    def forget(self, run_uid: str, pod: pods.Pod) -> None:
        """A Pod that is gone with nothing left to record, or that is no longer one of this run."""
        self._hold(run_uid, msgspec.structs.replace(pod, gone=True))
        tasks = self._by_run.get(run_uid, {})
        _drop(self._observed, run_uid, pod)
        _drop(self._unmasked, run_uid, pod)
        task = pod.label(pods.LABEL_TASK)
        left = tuple(one for one in tasks.get(task, ()) if one.metadata.uid != pod.metadata.uid)
        if left:
            tasks[task] = left
        else:
            tasks.pop(task, None)
        if not tasks:
            self._by_run.pop(run_uid, None)

    def forget_run(self, run_uid: str) -> None:
        """The run is gone, and its Pods that are gone matter to nobody.

        The others stay until they go, too: should the run be there after all, it finds them again.
        """
        seen = [pod for pods_ in self._by_run.get(run_uid, {}).values() for pod in pods_]
        for pod in seen:
            if pod.gone:
                self.forget(run_uid, pod)
        self._gone.pop(run_uid, None)
        self._held.pop(run_uid, None)

    def forget_recorded(self, run_uid: str, status: rows.RunStatus) -> None:
        """Drop the Pods that are gone and whose end is stored, with that of its log."""
        if not self._gone.get(run_uid):
            return
        tasks = self._by_run.get(run_uid, {})
        for row in status.tasks:
            seen = tasks.get(row.name)
            if seen is None or not any(pod.gone for pod in seen):
                continue
            kept = tuple(
                pod for pod in seen
                if not pod.gone or not (status.finished or _is_recorded(row, pod))
            )  # fmt: skip
            for pod in seen:
                if pod not in kept:
                    self._observed[run_uid].pop(pod.metadata.uid, None)
            if kept:
                tasks[row.name] = kept
            else:
                del tasks[row.name]
        # Also those of tasks that the status does not tell of yet.
        if left := sum(pod.gone for seen in tasks.values() for pod in seen):
            self._gone[run_uid] = left
        else:
            del self._gone[run_uid]
        if not tasks:
            self._by_run.pop(run_uid, None)

    def revision(self, run_uid: str) -> str:
        """The revision that the Pods of a run were made from, or an empty string."""
        for seen in self.of(run_uid).values():
            for pod in seen:
                return pod.label(pods.LABEL_REVISION)
        return ""


def _drop(index: dict[str, dict[str, Any]], run_uid: str, pod: pods.Pod) -> None:
    """Forget a Pod, and with the last one that there was one of its run: that may be gone, too."""
    if (known := index.get(run_uid)) is not None:
        known.pop(pod.metadata.uid, None)
        if not known:
            del index[run_uid]


def _is_recorded(row: rows.TaskRow, pod: pods.Pod) -> bool:
    number = pods.attempt_number(pod)
    for attempt in row.attempts:
        if attempt.number == number:
            over = attempt.state in states.ATTEMPT_ENDS or row.state in states.TERMINAL
            return over and not logs.lacks(attempt)
    return row.state in states.TERMINAL or number <= row.earlier_attempts


_NONE: PodsByTask = {}
