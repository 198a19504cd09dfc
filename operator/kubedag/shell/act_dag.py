"""Does what was decided about a DAG: asks about its Pods, creates its runs, deletes what is over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, assert_never

import orjson

from kubedag.core import actions, answers, places, pods, refusals
from kubedag.shell import client, definitions, replies
from kubedag.shell.create_run import RunCreator
from kubedag.shell.errors import ApiError, ClusterError, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from typing import Any

    from kubedag.shell.clock import Clock
    from kubedag.shell.entries import DAGEntry, RunEntry
    from kubedag.shell.informers import Informers
    from kubedag.shell.store import Key
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

CREATIONS_AT_ONCE: Final = 64
"""So many runs are on their way to the API at most before decisions wait for it; more than there are
connections, so that none of these is idle."""
CREATION_SECONDS_USUAL: Final = 1.0
"""A creation that takes longer is in some trouble of its own, and nobody waits for it."""
PAUSE_SECONDS: Final = 1.0
"""After the cluster failed us, and for a deletion to be told, before the decision is made again."""


class KnownRuns(Protocol):
    """What is known of the runs, which our own requests change."""

    @property
    def runs(self) -> Mapping[tuple[str, str], RunEntry]:
        """All of them, by namespace and name."""
        ...

    def put_run(self, raw: Mapping[str, Any]) -> None:
        """A run as the API has it."""
        ...

    def drop_run(self, namespace: str, name: str, uid: str) -> None:
        """A run that is gone."""
        ...

    def creation_over(self, namespace: str, dag: str, made: actions.CreateRun) -> None:
        """A run is not being created any more, whatever came of it."""
        ...


class DAGActor:
    """Executes the actions of DAGs beside the decisions."""

    def __init__(
        self,
        api: client.Api,
        revisions: Informers[definitions.Revision],
        wake: Callable[[Key], None],
        store: KnownRuns,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._api = api
        self._revisions = revisions
        self._wake = wake
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._runs = RunCreator(api, store.put_run, clock)
        self._creating: dict[object, float] = {}
        """When each creation has begun; two of one name may be under way, for namesakes."""
        self._created = asyncio.Event()
        self._revision = replies.record(definitions.Revision)

    def start(self, entry: DAGEntry, wanted: Iterable[actions.DAGAction]) -> None:
        """Start what a decision asks for, unless it is under way already."""
        for action in wanted:
            match action:
                case actions.TryPod():
                    self._once(entry, action.key, self._try_pod, action)
                case actions.CreateRevision():
                    # The spec as it was decided about: the name follows from it.
                    spec = entry.spec_json
                    self._once(entry, action.name, self._create_revision, action, spec)
                case actions.DeleteRevision():
                    self._once(entry, action.uid, self._delete_revision, action)
                case actions.DeleteRun():
                    self._once(entry, action.uid, self._delete_run, action)
                case actions.CreateRun():
                    if not entry.is_moving_on:
                        entry.creating.setdefault(action.name, action)
                        self._once(entry, action.name, self._create_run, action)
                case _:
                    assert_never(action)

    async def have_room(self) -> None:
        """Wait while many runs are being created, so that no decision takes time from them.

        When a thousand schedules are due at once, what follows from the first runs would delay the
        last ones, and each run counts the seconds since it was due.
        """
        loop = asyncio.get_running_loop()
        while len(self._creating) >= CREATIONS_AT_ONCE:
            first = next(iter(self._creating.values()))
            left = first + CREATION_SECONDS_USUAL - loop.time()
            if left <= 0:
                return
            self._created.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._created.wait()

    def _once(
        self,
        entry: DAGEntry,
        what: str,
        work: Callable[..., Coroutine[Any, Any, object]],
        *arguments: object,
    ) -> None:
        if what not in entry.busy:
            entry.busy.add(what)
            self._tasks.start(
                self._guarded(entry, work, *arguments), partial(self._over, entry, what)
            )

    async def _guarded(
        self,
        entry: DAGEntry,
        work: Callable[..., Coroutine[Any, Any, object]],
        *arguments: object,
    ) -> None:
        try:
            await work(entry, *arguments)
        except ClusterError as error:
            log.info("DAG %s/%s: %s", entry.namespace, entry.name, error)
            await asyncio.sleep(PAUSE_SECONDS)

    def _over(self, entry: DAGEntry, what: str) -> None:
        entry.busy.discard(what)
        made = entry.creating.pop(what, None)
        if made is not None:
            self._store.creation_over(entry.namespace, entry.name, made)
        self._wake(entry.key)

    async def _try_pod(self, entry: DAGEntry, action: actions.TryPod) -> None:
        definition = entry.definition
        params = {"dryRun": "All", "fieldValidation": "Strict"}
        body = orjson.dumps(action.manifest)
        answer: refusals.Answer | None = None
        causes: tuple[places.Cause, ...] = ()
        try:
            path = client.PODS.path(entry.namespace)
            await replies.ask(self._api, replies.anything, "POST", path, params=params, body=body)
        except ClusterError as error:
            answer = answer_of(error)
            if isinstance(error, ApiError):
                causes = tuple(places.Cause(one.field, one.message) for one in error.causes)
        if entry.definition is definition:
            result = answers.Result(self._clock.now(), answer, causes)
            before = entry.trial_results.get(action.key)
            entry.trial_results[action.key] = answers.after(before, result)

    async def _create_revision(
        self, entry: DAGEntry, action: actions.CreateRevision, spec: bytes
    ) -> None:
        path = client.CONTROLLER_REVISIONS.path(entry.namespace)
        labels = {pods.LABEL_MANAGED_BY: pods.MANAGED_BY, pods.LABEL_DAG: entry.name}
        body = orjson.dumps(
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {"name": action.name, "namespace": entry.namespace, "labels": labels},
                "revision": action.generation,
                "data": orjson.Fragment(spec),
            }
        )
        try:
            made = await replies.ask(self._api, self._revision, "POST", path, body=body)
        except ApiError as error:
            if not error.already_exists:
                raise
            # The name follows from the content, so what is there is what was to be stored.
            path = client.CONTROLLER_REVISIONS.path(entry.namespace, action.name)
            self._revisions.assume(await replies.ask(self._api, self._revision, "GET", path))
            await asyncio.sleep(PAUSE_SECONDS)  # if that does not make it known, not at once again
        else:
            self._revisions.assume(made)

    async def _create_run(self, entry: DAGEntry, action: actions.CreateRun) -> None:
        creation = object()
        self._creating[creation] = asyncio.get_running_loop().time()
        try:
            await self._runs.create(entry.namespace, entry.name, action, entry.creations)
        finally:
            del self._creating[creation]
            self._created.set()

    async def _delete_run(self, entry: DAGEntry, action: actions.DeleteRun) -> None:
        """As it is known, and no other: somebody may just be asking that it runs again."""
        known = self._store.runs.get((entry.namespace, action.name))
        if known is None or known.facts.uid != action.uid or known.is_to_rerun:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        path = client.DAG_RUNS.path(entry.namespace, action.name)
        try:
            await self._delete(path, action.uid, known.resource_version)
        except ApiError as error:
            if error.not_found:
                self._store.drop_run(entry.namespace, action.name, action.uid)
            elif error.conflict:
                self._store.put_run(await replies.ask(self._api, replies.custom, "GET", path))
            else:
                raise
        await asyncio.sleep(PAUSE_SECONDS)

    async def _delete_revision(self, entry: DAGEntry, action: actions.DeleteRevision) -> None:
        path = client.CONTROLLER_REVISIONS.path(entry.namespace, action.name)
        try:
            await self._delete(path, action.uid)
        except ApiError as error:  # there is none, which the watch has yet to tell
            if not error.not_found and not error.conflict:
                raise
        await asyncio.sleep(PAUSE_SECONDS)

    async def _delete(self, path: str, uid: str, version: str = "") -> None:
        same = {"uid": uid, "resourceVersion": version} if version else {"uid": uid}
        body = orjson.dumps({"preconditions": same, "propagationPolicy": "Background"})
        await replies.ask(self._api, replies.anything, "DELETE", path, body=body)
