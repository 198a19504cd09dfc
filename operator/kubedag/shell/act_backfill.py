"""Does what was decided about a Backfill: creates runs, has them run again, and calls both back.

Whatever changes a run that exists is guarded by its resourceVersion as it was when that was decided:
a wish of a person, or a start, that came first is never overwritten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, assert_never

import orjson

from kubedag.core import actions, creations
from kubedag.shell import client, replies
from kubedag.shell.backfill_planner import Planner
from kubedag.shell.create_run import RunCreator
from kubedag.shell.errors import ApiError, ClusterError, NotLeader, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from kubedag.core import backfill_plan
    from kubedag.shell.backfills import BackfillEntry
    from kubedag.shell.clock import Clock
    from kubedag.shell.store import Key, Store
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
"""After the cluster failed us, and for a deletion to be told, before the decision is made again."""


class BackfillActor:
    """Executes the actions of Backfills beside the decisions."""

    def __init__(
        self,
        api: client.Api,
        wake: Callable[[Key], None],
        store: Store,
        clock: Clock,
        tasks: Tasks,
        cpu_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        self._api = api
        self._wake = wake
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._creator = RunCreator(api, store.put_run, clock)
        self._calling_back: set[str] = set()
        self._planner = Planner(wake, tasks, cpu_seconds)

    def plan(self, entry: BackfillEntry, sketch: backfill_plan.Sketch | None) -> None:
        """Have the plan made that a decision asks for, and keep no other."""
        self._planner.want(entry, sketch)

    def start(self, entry: BackfillEntry, wanted: Iterable[actions.BackfillAction]) -> None:
        """Start what a decision asks for, unless it is under way already."""
        for action in wanted:
            match action:
                case actions.CreateRun():
                    if action.name not in entry.creating:
                        entry.creating[action.name] = action
                        over = partial(self._created, entry, action.name)
                        self._tasks.start(self._create(entry, action), over)
                case actions.RequestRerun():
                    if action.name not in entry.requesting:
                        version = self._version(entry.namespace, action)
                        entry.requesting[action.name] = action.id
                        over = partial(self._requested, entry, action.name)
                        self._tasks.start(self._request(entry, action, version), over)
                case actions.WithdrawRerun() | actions.DeleteRun():
                    self.call_back(entry.key, action)
                case _:
                    assert_never(action)

    def call_back(self, key: Key, action: actions.DeleteRun | actions.WithdrawRerun) -> None:
        """Have a run that waits go, or its wish to run again."""
        if action.uid not in self._calling_back:
            self._calling_back.add(action.uid)
            version = self._version(key[1], action)
            work = self._guarded(key[1], action, version)
            self._tasks.start(work, partial(self._called_back, key, action))

    def _version(
        self,
        namespace: str,
        action: actions.DeleteRun | actions.RequestRerun | actions.WithdrawRerun,
    ) -> str:
        """Of the run as it was decided about; nothing is done to one that is not there any more."""
        run = self._store.runs.get((namespace, action.name))
        return run.resource_version if run is not None and run.facts.uid == action.uid else ""

    # --- Creating ------------------------------------------------------------------------------

    async def _create(self, entry: BackfillEntry, action: actions.CreateRun) -> None:
        try:
            await self._creator.create(
                entry.namespace, entry.wish.dag_name, action, entry.creations
            )
        except NotLeader as error:
            log.info("%s: %s", "/".join(entry.key), error)
            await asyncio.sleep(PAUSE_SECONDS)
            return
        entry.taken.pop(action.name, None)
        if action.name in entry.creations.taken:
            entry.taken[action.name] = (action.start_time, action.end_time)

    def _created(self, entry: BackfillEntry, run: str) -> None:
        made = entry.creating.pop(run)
        self._store.creation_over(entry.namespace, entry.wish.dag_name, made)
        self._look_again(entry)

    def _look_again(self, entry: BackfillEntry) -> None:
        """Also the DAG and its others: they count what is under way, too."""
        self._wake(entry.key)
        self._wake(("dag", entry.namespace, entry.wish.dag_name))
        self._store.backfills.wake_of(entry.namespace, entry.wish.dag_name)

    # --- Running again -------------------------------------------------------------------------

    async def _request(
        self, entry: BackfillEntry, action: actions.RequestRerun, version: str
    ) -> None:
        # In a merge patch, null is what takes away the tasks of an earlier wish.
        wish = {
            "id": action.id,
            "scope": action.scope,
            "tasks": list(action.tasks) or None,
            "revision": action.revision,
            "include": None,
            "dryRun": None,
        }
        try:
            await self._patch(entry.namespace, action, version, wish)
        except NotLeader as error:
            log.info("%s: %s", "/".join(entry.key), error)
            await asyncio.sleep(PAUSE_SECONDS)
        except ClusterError as error:
            self._refused(entry, action.name, error)
        else:
            entry.creations.trouble = None

    def _refused(self, entry: BackfillEntry, run: str, error: ClusterError) -> None:
        entry.creations.trouble = creations.after(
            entry.creations.trouble,
            run,
            answer_of(error),
            self._clock.now(),
            deed="let the run {!r} run again",
        )

    def _requested(self, entry: BackfillEntry, run: str) -> None:
        entry.requesting.pop(run, None)
        self._look_again(entry)

    async def _patch(
        self,
        namespace: str,
        action: actions.RequestRerun | actions.WithdrawRerun,
        version: str,
        wish: dict[str, Any] | None,
    ) -> None:
        if not version:
            return
        path = client.DAG_RUNS.path(namespace, action.name)
        patch = {"metadata": {"resourceVersion": version}, "spec": {"rerun": wish}}
        try:
            body, kind = orjson.dumps(patch), client.MERGE_PATCH
            raw = await replies.ask(
                self._api, replies.custom, "PATCH", path, body=body, content_type=kind
            )
        except ApiError as error:
            if not (error.conflict or error.not_found):
                raise
            await self._learn(namespace, action.name, action.uid)
        else:
            self._store.put_run(raw)

    async def _learn(self, namespace: str, name: str, uid: str) -> None:
        """It is not as it was: take in what is there now."""
        try:
            path = client.DAG_RUNS.path(namespace, name)
            raw = await replies.ask(self._api, replies.custom, "GET", path)
        except ApiError as error:
            if not error.not_found:
                raise
            self._store.drop_run(namespace, name, uid)
        else:
            self._store.put_run(raw)

    # --- Calling back --------------------------------------------------------------------------

    async def _guarded(
        self, namespace: str, action: actions.DeleteRun | actions.WithdrawRerun, version: str
    ) -> None:
        work: Coroutine[Any, Any, None]
        if isinstance(action, actions.DeleteRun):
            work = self._delete(namespace, action, version)
        else:
            work = self._patch(namespace, action, version, None)
        try:
            await work
        except ClusterError as error:
            log.info("%s/%s is not called back yet: %s", namespace, action.name, error)
            await asyncio.sleep(PAUSE_SECONDS)

    def _called_back(self, key: Key, action: actions.DeleteRun | actions.WithdrawRerun) -> None:
        """Who asked for it may be gone by now, and the run wait for it still."""
        self._calling_back.discard(action.uid)
        self._wake(key)
        self._wake(("abandoned", key[1], action.name))

    async def _delete(self, namespace: str, action: actions.DeleteRun, version: str) -> None:
        if not version:
            return
        path = client.DAG_RUNS.path(namespace, action.name)
        same = {"uid": action.uid, "resourceVersion": version}
        body = orjson.dumps({"preconditions": same, "propagationPolicy": "Background"})
        try:
            await replies.ask(self._api, replies.anything, "DELETE", path, body=body)
        except ApiError as error:
            if not (error.conflict or error.not_found):
                raise
            await self._learn(namespace, action.name, action.uid)
        else:
            await asyncio.sleep(PAUSE_SECONDS)
