"""Does what was decided about a run: one API call per action, and back comes a fact, no judgement.

Nothing here knows what a workflow is. An answer is taken into the store, and the key is woken, so
that the next decision is made from what really happened.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

import orjson

from kubedag.core import actions, ending, instants, masks, pods, podspec, refusals, snapshot
from kubedag.shell import client, event_reader, log_reader, pod_keeper, replies
from kubedag.shell.errors import ApiError, ClusterError, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from typing import Any

    from kubedag.core import plan as plans
    from kubedag.shell.clock import Clock
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.informers import Informers
    from kubedag.shell.store import Key
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

CREATES_AT_ONCE_MAX: Final = 64
PAUSE_SECONDS: Final = 1.0


def _keep_quiet(_entry: RunEntry, _note: actions.Note) -> None:
    """Tell nobody."""


def _take_nothing(_raw: Mapping[str, Any]) -> None:
    """Keep what is known."""


def _ask_nobody(_entry: RunEntry, _revision: str) -> None:
    """Leave open whether there is such a revision."""


class RunActor:
    """Executes the actions of runs beside the decisions."""

    def __init__(  # noqa: PLR0913  # three have defaults
        self,
        api: client.Api,
        pod_informer: Informers[pods.Pod],
        wake: Callable[[Key], None],
        clock: Clock,
        tasks: Tasks,
        tell: Callable[[RunEntry, actions.Note], None] = _keep_quiet,
        take_run: Callable[[Mapping[str, Any]], None] = _take_nothing,
        *,
        ask_for: Callable[[RunEntry, str], None] = _ask_nobody,
    ) -> None:
        self._api = api
        self._pods = pod_informer
        self._wake = wake
        self._clock = clock
        self._tasks = tasks
        self._take_run = take_run
        self._ask_for = ask_for
        self._creates = asyncio.Semaphore(CREATES_AT_ONCE_MAX)
        self._keeper = pod_keeper.PodKeeper(api, pod_informer, wake, tasks, tell)
        self._logs = log_reader.LogReader(api)
        self._events = event_reader.EventReader(api, wake, clock, tasks)
        self._pod = replies.record(pods.Pod)
        self._kept_pod = replies.kept(pods.Pod)

    def start(
        self, entry: RunEntry, snap: snapshot.RunSnapshot, wanted: Iterable[actions.RunAction]
    ) -> None:
        """Start what a decision about a run asks for, unless it is under way already."""
        for action in wanted:
            match action:
                case actions.CreatePod():
                    assert snap.plan is not None
                    task = snap.plan.tasks[action.task_index]
                    if task.name not in entry.creating and not entry.is_being_ended:
                        entry.creating[task.name] = action.name
                        identity = _identity(snap, action.run_state)
                        self._tasks.start(
                            self._create_pod(entry, snap.plan, task, identity, action),
                            partial(self._creation_over, entry, task.name),
                        )
                case actions.DeletePod():
                    self._delete_once(entry, action.uid, partial(self._delete_pod, entry, action))
                case actions.DeletePods():
                    work = partial(self._delete_pods, entry, action)
                    self._delete_once(entry, action.phase, work)
                case actions.CaptureLog():
                    self._capture_once(entry, snap.plan, action)
                case actions.ConfirmGone() | actions.ConfirmRevision() | actions.ReadEvents():
                    self._ask(entry, snap, action)
                case actions.ReleasePod():
                    self._release(entry, action)
                case _:
                    assert_never(action)

    def _ask(
        self,
        entry: RunEntry,
        snap: snapshot.RunSnapshot,
        action: actions.ConfirmGone | actions.ConfirmRevision | actions.ReadEvents,
    ) -> None:
        match action:
            case actions.ConfirmGone():
                plan = snap.known_plan
                assert plan is not None
                task, identity = plan.tasks[action.task_index], _identity(snap)
                mark = pod_keeper.mark_of(plan, task, identity, action.attempt)
                self._keeper.confirm(entry, action, mark)
            case actions.ConfirmRevision():
                self._ask_for(entry, action.name)
            case actions.ReadEvents():
                self._events.read(entry, action, _masks(snap.plan))

    def let_go(
        self,
        key: Key,
        pod: pods.Pod,
        entry: RunEntry | None,
        take_run: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """Take our finalizer off a Pod whose run is gone, or no longer needs it."""
        if entry is None:
            self._keeper.release_if_alone(key, pod, take_run)
        elif entry.facts.deleting or ending.may_go(entry.status, pod):
            self._keeper.release(key, pod.metadata.namespace, ending.release(pod))

    def _delete_once(
        self, entry: RunEntry, what: str, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        if what not in entry.deleting:
            entry.deleting.add(what)
            over = partial(entry.deleting.discard, what)
            self._tasks.start(work(), over, after_bug=partial(self._wake, entry.key))

    async def _create_pod(
        self,
        entry: RunEntry,
        plan: plans.Plan,
        task: plans.TaskPlan,
        identity: podspec.RunIdentity,
        action: actions.CreatePod,
    ) -> None:
        path = client.PODS.path(identity.namespace)
        manifest = podspec.build(plan, task, identity, action.attempt, amendment=action.amendment)
        body = orjson.dumps(manifest)
        try:
            async with self._creates:
                pod = await replies.ask(self._api, self._pod, "POST", path, body=body)
            self._pods.assume(pod)
            entry.refusal_tries.pop(task.name, None)
        except ApiError as error:
            if error.already_exists:
                mark = pod_keeper.mark_of(plan, task, identity, action.attempt)
                await self._adopt(entry, task.name, action, mark)
            else:
                self._refuse(entry, task.name, action, error)
        except ClusterError as error:
            self._refuse(entry, task.name, action, error)

    def _creation_over(self, entry: RunEntry, task: str) -> None:
        entry.creating.pop(task, None)
        self._wake(entry.key)

    async def _adopt(
        self, entry: RunEntry, task: str, action: actions.CreatePod, mark: pod_keeper.Mark
    ) -> None:
        """The name is taken: by our own earlier request, or by somebody else's Pod."""
        path = client.PODS.path(entry.facts.namespace, action.name)
        try:
            found = await replies.ask(self._api, self._kept_pod, "GET", path)
            if pods.is_of(found.record, entry.facts.uid):
                # Whoever tells the run of the Pod takes this back; if nobody does, not at once again.
                message = f"the Pod {action.name!r} exists, and is not seen yet"
                self._refuse(entry, task, action, ApiError(409, "Conflict", message))
                await self._keeper.put_right(entry, found, mark)
                return
        except ApiError as error:
            # Most likely it went between the two requests, which says nothing against the task.
            again = ApiError(409, "Conflict", error.message)
            self._refuse(entry, task, action, again)
            return
        except ClusterError as error:
            self._refuse(entry, task, action, error)
            return
        message = f"a Pod named {action.name!r} exists and does not belong to this run"
        now = instants.text(self._clock.now())
        entry.refusals[task] = snapshot.Refusal(
            action.attempt, refusals.NAME_CONFLICT, message, now
        )

    def _refuse(
        self, entry: RunEntry, task: str, action: actions.CreatePod, error: ClusterError
    ) -> None:
        verdict = refusals.classify(answer_of(error))
        tries = entry.refusal_tries[task] = entry.refusal_tries.get(task, 0) + 1
        now = self._clock.now()
        wait = timedelta(seconds=refusals.wait_seconds(tries))
        entry.refusals[task] = snapshot.Refusal(
            attempt=action.attempt,
            reason=verdict.reason,
            message=verdict.message,
            time=instants.text(now),
            transient=verdict.transient,
            retry_time=instants.text(now + wait),
        )

    def _release(self, entry: RunEntry, action: actions.ReleasePod) -> None:
        if action.sure:
            self._keeper.release(entry.key, entry.facts.namespace, action)
        else:
            work = partial(self._release_if_known, entry, action)
            self._delete_once(entry, action.uid, work)

    async def _release_if_known(self, entry: RunEntry, action: actions.ReleasePod) -> None:
        if await self._is_as_known(entry):
            self._keeper.release(entry.key, entry.facts.namespace, action)

    async def _is_as_known(self, entry: RunEntry) -> bool:
        """Is this the newest word on the run? Otherwise it is taken in, and decided by."""
        path = client.DAG_RUNS.path(entry.facts.namespace, entry.facts.name)
        known = entry.resource_version
        try:
            raw = await replies.ask(self._api, replies.custom, "GET", path)
        except ClusterError as error:
            log.debug("Run %s could not be asked for: %s", path, error)
        else:
            self._take_run(raw)
            if raw["metadata"]["resourceVersion"] == known:
                return True
        # Whatever was decided in the meantime has found this under way.
        await asyncio.sleep(PAUSE_SECONDS)
        asyncio.get_running_loop().call_soon(self._wake, entry.key)
        return False

    async def _delete_pod(self, entry: RunEntry, action: actions.DeletePod) -> None:
        if not action.sure and not await self._is_as_known(entry):
            return
        path = client.PODS.path(entry.facts.namespace, action.name)
        # A Pod that has ended in the meantime is looked at again first.
        same = {"uid": action.uid, "resourceVersion": action.resource_version}
        body = orjson.dumps({"preconditions": same})
        await self._delete(entry, path, body, {})

    async def _delete_pods(self, entry: RunEntry, action: actions.DeletePods) -> None:
        path = client.PODS.path(entry.facts.namespace)
        selectors = {
            "labelSelector": f"{pods.LABEL_RUN_UID}={action.run_uid}"
            f",{pods.LABEL_RERUN}!={action.reruns + 1}",
            "fieldSelector": f"status.phase={action.phase}",
        }
        await self._delete(entry, path, None, selectors)

    async def _delete(
        self, entry: RunEntry, path: str, body: bytes | None, params: dict[str, str]
    ) -> None:
        pause = 0.0
        try:
            await replies.ask(
                self._api, replies.anything, "DELETE", path, params=params, body=body
            )
            entry.delete_tries = 0
        except ApiError as error:
            if error.conflict:
                pause = 1.0
                if body is not None:
                    await self._look_again(path)
            elif error.not_found:
                # The watch will tell; but should it not, somebody must look again.
                entry.delete_tries += 1
                pause = float(refusals.wait_seconds(entry.delete_tries))
            else:
                entry.delete_tries += 1
                pause = float(refusals.wait_seconds(entry.delete_tries))
                log.warning("Could not delete %s, next try in %d s: %s", path, pause, error)
        except ClusterError as error:
            pause = 1.0
            log.debug("Could not delete %s: %s", path, error)
        if pause:
            await asyncio.sleep(pause)
            # After this task has ended, so that the deletion can be asked for again.
            asyncio.get_running_loop().call_soon(self._wake, entry.key)

    async def _look_again(self, path: str) -> None:
        """Know a Pod as it is: it has changed, and a watch that stands still tells of nothing."""
        try:
            self._pods.assume(await replies.ask(self._api, self._pod, "GET", path))
        except ClusterError as error:
            log.debug("Could not look at %s: %s", path, error)

    def _capture_once(
        self, entry: RunEntry, plan: plans.Plan | None, action: actions.CaptureLog
    ) -> None:
        uid = action.pod_uid
        if uid not in entry.capturing:
            entry.capturing.add(uid)
            work = self._capture_log(entry, plan, action)
            self._tasks.start(work, partial(self._capture_over, entry, uid))

    async def _capture_log(
        self, entry: RunEntry, plan: plans.Plan | None, action: actions.CaptureLog
    ) -> None:
        captured = await self._logs.read(entry.facts.namespace, action, _masks(plan))
        entry.logs[action.pod_uid] = captured

    def _capture_over(self, entry: RunEntry, uid: str) -> None:
        entry.capturing.discard(uid)
        self._wake(entry.key)


def _masks(plan: plans.Plan | None) -> masks.Masks:
    return plan.masks if plan is not None else masks.NO_MASKS


def _identity(snap: snapshot.RunSnapshot, run_state: str = "") -> podspec.RunIdentity:
    run = snap.run
    return podspec.RunIdentity(
        name=run.name,
        namespace=run.namespace,
        uid=run.uid,
        revision=snap.plan_revision,
        run_type=run.run_type,
        logical_time=run.logical_time or run.created,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        params=run.params,
        rerun=snap.status.rerun.number if snap.status.rerun is not None else 0,
        state=run_state,
    )
