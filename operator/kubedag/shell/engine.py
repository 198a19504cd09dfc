"""All that decides and acts, put together: everything but the process around it.

The same engine runs in the operator, over the network, and in the simulation, over a cluster in
memory. It acts only within a term as leader, and begins each term by asking the API for the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kubedag.api import group
from kubedag.core import limits, pods
from kubedag.shell import client, definitions
from kubedag.shell.act import RunActor
from kubedag.shell.act_backfill import BackfillActor
from kubedag.shell.act_dag import DAGActor
from kubedag.shell.addresses import Addresses
from kubedag.shell.backoff import Backoff
from kubedag.shell.errors import ClusterError
from kubedag.shell.informers import Informers
from kubedag.shell.notifier import Notifier
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.receivers import Receivers
from kubedag.shell.reconciler import Pace, Reconciler
from kubedag.shell.resync import resync
from kubedag.shell.revision_asker import RevisionAsker
from kubedag.shell.senders import Senders
from kubedag.shell.store import Key, Store
from kubedag.shell.tasks import Tasks
from kubedag.shell.writer import StatusWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubedag.core import actions
    from kubedag.shell.clock import Clock
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.recorder import Recorder

log: Final = logging.getLogger(__name__)

RESYNC_SECONDS: Final = 300.0
STOP_SECONDS_MAX: Final = 5.0


class Engine:
    """Observe, decide, act, for all runs and DAGs of the watched namespaces."""

    def __init__(  # noqa: PLR0913  # all but three have defaults
        self,
        api: client.Api,
        recorder: Recorder,
        clock: Clock,
        *,
        namespaces: Sequence[str] = (),
        window_seconds: float = 0.5,
        resync_seconds: float = RESYNC_SECONDS,
        chance: random.Random | None = None,
        bounds: limits.Bounds = limits.UNBOUNDED,
        cpu_seconds: Callable[[], float] = time.thread_time,
        receivers: Receivers | None = None,
    ) -> None:
        self._api = api
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, keeps no secret
        self._acting = False
        self._resync_seconds = resync_seconds
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self._pace = Pace(self.queue)
        self.store = Store(self._pace.wake, bounds)
        self.tasks = Tasks()
        self.pods, self.revisions = _informers(api, self.store, self._namespaces, self._chance)
        wake = self._pace.wake
        found = receivers or Receivers()
        self.notifier = Notifier(
            Addresses(api, found), Senders(), wake, clock, self.tasks, lambda: self._acting
        )
        self.writer = StatusWriter(
            api, self.store, self.queue, recorder, self.tasks, window_seconds=window_seconds
        )
        self.reconciler = Reconciler(
            self.store,
            self.queue,
            self._pace,
            self._run_actor(recorder, clock),
            DAGActor(api, self.revisions, wake, self.store, clock, self.tasks),
            BackfillActor(api, wake, self.store, clock, self.tasks, cpu_seconds),
            self.writer,
            clock=clock,
            may_act=lambda: self._acting,
            cpu_seconds=cpu_seconds,
            common=found.notices,
            notify=self.notifier.notify,
        )

    def _run_actor(self, recorder: Recorder, clock: Clock) -> RunActor:
        wake = self._pace.wake
        asker = RevisionAsker(self._api, self.revisions, self.store.revisions, wake, self.tasks)
        return RunActor(
            self._api,
            self.pods,
            wake,
            clock,
            self.tasks,
            partial(_tell, recorder),
            self.store.put_run,
            ask_for=asker.ask,
        )

    def feed(self, kind: str, event_type: str | None, raw: Mapping[str, Any]) -> None:
        """Take in a custom resource as a watch tells of it; `event_type` None is a first list."""
        meta = raw["metadata"]
        if event_type == "DELETED":
            self.store.takers[kind].drop(meta["namespace"], meta["name"], meta["uid"])
            # Its last version is that of its end: an answer that knows it alive is from before.
            self.store.departed.note(meta["uid"], meta["resourceVersion"])
        else:
            self.store.takers[kind].put(raw)

    async def run(self) -> None:
        """Watch, and decide whenever there is a term; ends only with a bug or when cancelled."""
        async with asyncio.TaskGroup() as group:
            for pod_informer in self.pods.all.values():
                group.create_task(pod_informer.run())
            for revision_informer in self.revisions.all.values():
                group.create_task(revision_informer.run())
            group.create_task(self.reconciler.run())
            group.create_task(self._resync_for_ever())

    async def begin_term(self) -> None:
        """Lead: ask for the truth first, then look at everything."""
        backoff = Backoff(self._chance)
        while True:
            try:
                await asyncio.gather(*(one.relist() for one in self.revisions.all.values()))
                await asyncio.gather(*(one.relist() for one in self.pods.all.values()))
                await resync(self._api, self.store, self._namespaces)
            except ClusterError as error:
                log.warning("Cannot begin to act yet: %s", error)
                await asyncio.sleep(backoff.next_seconds())
            else:
                break
        self._acting = True
        self.reconciler.begin_term()
        self.store.wake_all()
        log.info("Acting on %d DAGs and %d runs", len(self.store.dags), len(self.store.runs))

    def end_term(self) -> None:
        """Lead no more: decide nothing from now on."""
        self._acting = False

    async def stop(self) -> None:
        """Decide nothing more, and let the writes under way end."""
        self._acting = False
        self.queue.close()
        await self.tasks.stop(STOP_SECONDS_MAX)
        await self.notifier.close()

    async def _resync_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._resync_seconds * self._chance.uniform(0.8, 1.2))
            try:
                await resync(self._api, self.store, self._namespaces)
            except ClusterError as error:
                log.warning("Could not list the custom resources: %s", error)
            with contextlib.suppress(TimeoutError):  # one that may not list tries it for ever
                async with asyncio.timeout(self._resync_seconds):
                    await asyncio.gather(
                        *(one.relist() for one in self.pods.all.values()),
                        *(one.relist() for one in self.revisions.all.values()),
                    )


def _informers(
    api: client.Api, store: Store, namespaces: Sequence[str | None], chance: random.Random
) -> tuple[Informers[pods.Pod], Informers[definitions.Revision]]:
    return (
        Informers(api, client.PODS, pods.Pod, store.pod_changed, namespaces, chance),
        Informers(
            api,
            client.CONTROLLER_REVISIONS,
            definitions.Revision,
            store.revision_changed,
            namespaces,
            chance,
        ),
    )


def _tell(recorder: Recorder, entry: RunEntry, note: actions.Note) -> None:
    facts = entry.facts
    recorder.note(group.DAG_RUN.kind, facts.namespace, facts.name, facts.uid, note)
