"""Looks after single Pods by name: whether they are really gone, that they can be found, that they may go.

All of this is rare: a Pod that vanished before it had ended, one whose labels somebody has edited,
one whose task may not run twice. Each question is asked once at a time, and ever less often as long
as it has no answer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from kubedag.api import group
from kubedag.core import actions, ending, pods, podspec, refusals
from kubedag.shell import client, replies
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from kubedag.core import plan as plans
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.informers import Informers
    from kubedag.shell.store import Key, Name
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 16
TRIES_KEPT_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a Pod is found again, as it was created with it; and what else its labels tell people."""

    labels: Mapping[str, str]
    owner: Mapping[str, Any]
    telling: Mapping[str, str]


def mark_of(
    plan: plans.Plan, task: plans.TaskPlan, run: podspec.RunIdentity, attempt: int
) -> Mark:
    """The marks of the Pod of that attempt."""
    labels = podspec.labels_of(plan, task, run, attempt)
    return Mark(labels, podspec.owner(run), podspec.telling_labels(run))


class PodKeeper:
    """One request after the other about one Pod, beside the decisions."""

    def __init__(
        self,
        api: client.Api,
        pod_informer: Informers[pods.Pod],
        wake: Callable[[Key], None],
        tasks: Tasks,
        tell: Callable[[RunEntry, actions.Note], None],
    ) -> None:
        self._api = api
        self._pods = pod_informer
        self._wake = wake
        self._tasks = tasks
        self._tell = tell
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._busy: dict[Name, set[Key]] = {}
        """The Pods about which something is under way, and who looks again after it."""
        self._tries: dict[Name, int] = {}
        self._pod = replies.record(pods.Pod)
        self._kept_pod = replies.kept(pods.Pod)

    # --- What is asked for -------------------------------------------------------------------

    def confirm(self, entry: RunEntry, action: actions.ConfirmGone, mark: Mark) -> None:
        """Find out whether a Pod that is no longer seen is gone; if not, have it seen again."""
        name = (entry.facts.namespace, action.name)
        self._once(entry.key, name, partial(self._confirm, entry, action, mark))

    def release(self, key: Key, namespace: str, action: actions.ReleasePod) -> None:
        """Take our finalizer off a Pod."""
        self._once(key, (namespace, action.name), partial(self._release, namespace, action))

    def release_if_alone(
        self, key: Key, pod: pods.Pod, take_run: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """Take our finalizer off a Pod whose run is not known, if the API says that it is gone."""
        meta = pod.metadata
        work = partial(self._release_if_alone, pod, take_run)
        self._once(key, (meta.namespace, meta.name), work)

    def _once(self, key: Key, name: Name, work: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        waiting = self._busy.get(name)
        if waiting is not None:
            waiting.add(key)
            return
        self._busy[name] = {key}
        self._tasks.start(self._with_pause(name, work), partial(self._over, name))

    def _over(self, name: Name) -> None:
        for key in self._busy.pop(name):
            self._wake(key)

    async def _with_pause(self, name: Name, work: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Do it, and rest if that did not settle the matter: 1, 2, 4, … at most 60 seconds."""
        settled = False
        try:
            async with self._at_once:
                settled = await work()
        except ClusterError as error:
            changed = isinstance(error, ApiError) and error.conflict
            log.log(logging.DEBUG if changed else logging.WARNING, "Pod %s/%s: %s", *name, error)
        if settled:
            self._tries.pop(name, None)
            return
        if len(self._tries) >= TRIES_KEPT_MAX:
            self._tries.pop(next(iter(self._tries)))
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        await asyncio.sleep(refusals.wait_seconds(tries))

    # --- Gone, or not ------------------------------------------------------------------------

    async def _confirm(self, entry: RunEntry, action: actions.ConfirmGone, mark: Mark) -> bool:
        if not client.is_name(action.name):  # by a status that somebody has written
            entry.gone |= {action.name, action.uid or action.name}
            return True
        path = client.PODS.path(entry.facts.namespace, action.name)
        try:
            found = await replies.ask(self._api, self._kept_pod, "GET", path)
        except ApiError as error:
            if not error.not_found:
                raise
            entry.gone |= {action.name, action.uid or action.name}
            return True
        meta, ours = found.record.metadata, pods.is_of(found.record, entry.facts.uid)
        if action.uid and meta.uid != action.uid:
            entry.gone.add(action.uid)
        if not ours and meta.uid != action.uid:
            entry.gone.add(action.name)
            return True  # somebody else's Pod of the same name
        await self.put_right(entry, found, mark)
        return False

    async def put_right(self, entry: RunEntry, found: replies.Kept, mark: Mark) -> None:
        """Know a Pod of ours from its API object, with its labels and its owner as they were made."""
        meta = found.raw["metadata"]
        labels, owners = meta.get("labels") or {}, meta.get("ownerReferences") or []
        changes: dict[str, Any] = {}
        made_with = dict(mark.labels)
        if labels.get(pods.LABEL_REVISION) and not entry.status.revision:
            # Another leader may have made it of a newer one; the run goes by what its Pods say.
            made_with[pods.LABEL_REVISION] = labels[pods.LABEL_REVISION]
        if not made_with.items() <= labels.items():
            changes["labels"] = {**mark.telling, **made_with}
        if not any(owner.get("uid") == mark.owner["uid"] for owner in owners):
            changes["ownerReferences"] = [*owners, mark.owner]
        if not changes:
            self._pods.assume(found.record)
            return
        same = {key: meta[key] for key in ("uid", "resourceVersion")}
        await self._patch(meta["namespace"], meta["name"], same | changes)
        what = " and ".join("labels" if key == "labels" else "owner" for key in changes)
        message = f"Pod {meta['name']}: its {what} had been changed, and are as they were again"
        self._tell(entry, actions.Note("Warning", "PodLabelsRestored", message))

    async def _patch(self, namespace: str, name: str, metadata: Mapping[str, Any]) -> None:
        pod = await replies.ask(
            self._api,
            self._pod,
            "PATCH",
            client.PODS.path(namespace, name),
            body=orjson.dumps({"metadata": metadata}),
            content_type=client.MERGE_PATCH,
        )
        self._pods.assume(pod)

    # --- Letting go --------------------------------------------------------------------------

    async def _release(self, namespace: str, action: actions.ReleasePod) -> bool:
        metadata = {
            "uid": action.uid,
            "resourceVersion": action.resource_version,
            "finalizers": action.finalizers_left,
        }
        try:
            await self._patch(namespace, action.name, metadata)
        except ApiError as error:
            if not error.not_found:
                raise
            return False  # it is gone, and a watch that stands still may not tell for long
        return True

    async def _release_if_alone(
        self, pod: pods.Pod, take_run: Callable[[Mapping[str, Any]], None]
    ) -> bool:
        name, uid = _run_named_by(pod)
        namespace = pod.metadata.namespace
        if client.is_name(name):  # anybody may have written it; of another name there is no run
            try:
                path = client.DAG_RUNS.path(namespace, name)
                raw = await replies.ask(self._api, replies.custom, "GET", path)
            except ApiError as error:
                if not error.not_found:
                    raise
            else:
                if raw["metadata"]["uid"] == uid:
                    take_run(raw)
                    return False
        return await self._release(namespace, ending.release(pod))


def _run_named_by(pod: pods.Pod) -> tuple[str, str]:
    """The name and UID of a Pod's run, by its owner, or by its labels if it has lost that."""
    for owner in pod.metadata.owner_references:
        if owner.kind == group.DAG_RUN.kind:
            return owner.name, owner.uid
    return pod.label(pods.LABEL_RUN), pod.label(pods.LABEL_RUN_UID)
