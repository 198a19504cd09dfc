"""What the operator last saw, and the snapshots that decisions are made from.

The store takes in objects from three sides: kopf's watch and our own resync bring custom resources,
informers bring Pods and revisions, and answers to our own writes are taken in at once, so that no
decision is made on what we know to be old. Whoever is affected by a change is woken.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kubedag.api import group
from kubedag.core import decide_dag, limits, pods, rows, slices, snapshot
from kubedag.shell import definitions, pod_index, run_view, shared_limits, wire
from kubedag.shell.backfills import Backfills
from kubedag.shell.departed import Departed
from kubedag.shell.entries import DAGEntry, RunEntry, Taker
from kubedag.shell.restrictions import Restrictions
from kubedag.shell.siblings import Siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedag.core import actions

log: Final = logging.getLogger(__name__)

Key = tuple[str, str, str]
Name = tuple[str, str]


class Store:
    """Everything known, by namespace and name; `wake` is called with the keys that are affected."""

    def __init__(
        self, wake: Callable[[Key], None], bounds: limits.Bounds = limits.UNBOUNDED
    ) -> None:
        self._wake = wake
        self.runs: dict[Name, RunEntry] = {}
        self.dags: dict[Name, DAGEntry] = {}
        self.pods = pod_index.PodIndex()
        self.unclaimed: dict[Name, pods.Pod] = {}
        """Pods that carry our finalizer and are not known to be of a run."""
        self.revisions = definitions.Revisions()
        self._siblings: dict[Name, Siblings] = {}
        self._run_of_uid: dict[str, Name] = {}
        self.departed = Departed()
        self.restrictions = Restrictions()
        self.backfills = Backfills(wake, self._backfill_gone, self.departed)
        self.limits = shared_limits.SharedLimits(wake, self.runs, self.departed, bounds)
        self.takers: Final[Mapping[str, Taker]] = {
            group.DAG_RUN.kind: Taker(self.put_run, self.drop_run),
            group.DAG.kind: Taker(self.put_dag, self.drop_dag),
            group.BACKFILL.kind: Taker(self.backfills.put, self.backfills.drop),
            group.TASK_POOL.kind: Taker(self.limits.pools.put, self.limits.pools.drop),
        }

    # --- Custom resources --------------------------------------------------------------------

    def put_run(self, raw: Mapping[str, Any]) -> None:
        """A DAGRun as the API has it."""
        meta = raw["metadata"]
        name = (meta["namespace"], meta["name"])
        known = self.runs.get(name)
        version = meta["resourceVersion"]
        last = known.resource_version if known is not None else ""
        outlived = self.departed.outlived(meta["uid"], version)
        if outlived or version == last or wire.older(version, last):
            return  # also if it is of a namesake that was there before
        if known is not None and known.facts.uid != meta["uid"]:
            self.drop_run(*name, known.facts.uid)
            known = None
        status = definitions.status_of(raw, rows.RunStatus)
        facts = definitions.run_facts(raw)
        reorders = known is None or known.facts.suspend != facts.suspend
        was_to_rerun = known is not None and known.is_to_rerun
        if is_new := known is None:
            known = RunEntry(facts, version, rows.RunStatus())
            self.runs[name] = known
            self._run_of_uid[facts.uid] = name
        known.facts, known.resource_version = facts, version
        known.take(status)
        self.pods.forget_recorded(facts.uid, known.status)
        self._file(known)
        if not known.archived or self.pods.of(facts.uid):
            self._wake(known.key)
        if is_new and status.finished:
            self._wake_dag(name[0], facts.dag_name)  # nobody has waited for it
        else:
            self.wake_around(known)
        self.wake_if_abandoned(known)
        if was_to_rerun != known.is_to_rerun or (reorders and self._others_wait_for(known)):
            self.wake_waiting(name[0], facts.dag_name)

    def _others_wait_for(self, run: RunEntry) -> bool:
        """Do those that wait say, or decide by, whether this run is before them?"""
        entry = self.dags.get((run.facts.namespace, run.facts.dag_name))
        plan_now = entry.definition.plan if entry and entry.definition else None
        return plan_now is not None and (plan_now.depends_on_past or run.facts.suspend)

    def drop_run(self, namespace: str, name: str, uid: str | None = None) -> None:
        """A DAGRun that is gone."""
        known = self.runs.get((namespace, name))
        if known is None or (uid is not None and known.facts.uid != uid):
            return
        del self.runs[(namespace, name)]
        self._run_of_uid.pop(known.facts.uid, None)
        self.departed.note(known.facts.uid, known.resource_version)
        self.limits.forget(known.facts)
        for pod in self.pods.held(known.facts.uid):
            self._claim(pod, None)
        self.pods.forget_run(known.facts.uid)
        siblings = self._siblings[(namespace, known.facts.dag_name)]
        siblings.drop(name)
        if not siblings:
            del self._siblings[(namespace, known.facts.dag_name)]
        self._wake(known.key)  # so that it is seen to be gone, long before its time-out
        self.wake_around(known)

    def _file(self, run: RunEntry) -> None:
        """A run is as it is stored now: where it has ended, it is kept among those that have."""
        name = (run.facts.namespace, run.facts.dag_name)
        siblings = self._siblings.get(name)
        if siblings is None:
            siblings = self._siblings[name] = Siblings(self.pods)
        siblings.put(run)
        run.archive()

    def put_dag(self, raw: Mapping[str, Any]) -> None:
        """A DAG as the API has it."""
        meta = raw["metadata"]
        name = (meta["namespace"], meta["name"])
        version = meta["resourceVersion"]
        if self.departed.outlived(meta["uid"], version):
            return
        entry = self._dag(*name)
        if entry.resource_version == version or wire.older(version, entry.resource_version):
            return
        if meta.get("deletionTimestamp"):
            self.drop_dag(*name)
            self.departed.note(meta["uid"], version)
            return
        if entry.uid != meta["uid"]:  # what is under way for its namesake is nothing to it
            self.backfills.leaving.note(name, entry.creating)
            entry = self.dags[name] = DAGEntry(*name, meta["uid"])
        old = entry.definition
        if old is None or old.generation != meta.get("generation", 1):
            entry.spec_json, entry.definition = definitions.of_dag(raw)
            entry.trial_results.clear()
        entry.resource_version = version
        entry.status = definitions.status_of(raw, rows.DAGStatus)
        self._wake(entry.key)
        self.wake_waiting(*name, started=entry.definition is not old)

    def drop_dag(self, namespace: str, name: str, uid: str | None = None) -> None:
        """A DAG that is gone. Its runs stay, and so does what they were started from."""
        entry = self.dags.get((namespace, name))
        if entry is None or (uid is not None and entry.uid != uid):
            return  # of two of one name, kopf may tell of the new one before the old one's end
        del self.dags[(namespace, name)]
        if entry.uid:
            self.departed.note(entry.uid, entry.resource_version)
        self.backfills.leaving.note((namespace, name), entry.creating)
        if (namespace, name) in self._siblings or self.revisions.of(namespace, name):
            self._dag(namespace, name)
            self._wake(("dag", namespace, name))
        self.wake_waiting(namespace, name)

    def _dag(self, namespace: str, name: str) -> DAGEntry:
        entry = self.dags.get((namespace, name))
        if entry is None:
            entry = self.dags[(namespace, name)] = DAGEntry(namespace, name)
        return entry

    # --- What informers bring ----------------------------------------------------------------

    def pod_changed(self, old: pods.Pod | None, new: pods.Pod) -> None:
        """A Pod was seen, changed or went."""
        run_uid = new.label(pods.LABEL_RUN_UID)
        if not (old and pod_index.same_labels(old, new) and self.pods.has(run_uid, old)):
            run_uid = pod_index.run_of(new)
            self._misplace(old, new, run_uid)
        name = self._run_of_uid.get(run_uid)
        entry = self.runs[name] if name is not None else None
        self.limits.pod_changed(new, entry)
        self._claim(new, entry)
        if not run_uid:
            return  # somebody copied our labels, or changed them; a run that misses it will ask
        if new.gone and (entry is None or entry.status.finished):
            self.pods.forget(run_uid, new)
            if entry is not None and self.pods.of(run_uid):
                self._wake(entry.key)  # the others may go, now that this one has
            return
        self.pods.put(run_uid, new)
        if entry is not None:
            entry.refusals.pop(new.label(pods.LABEL_TASK), None)
            if new.gone or new.status.phase != "Pending":
                entry.warnings.pop(new.metadata.uid, None)
            self._wake(entry.key)

    def _misplace(self, old: pods.Pod | None, new: pods.Pod, run_uid: str) -> None:
        """A Pod whose labels were changed is not found where it was any more, and there all the same."""
        before = pod_index.run_of(old) if old is not None else ""
        if old is None or not before or before == run_uid:
            return
        if pods.is_of(new, before):  # its run asks for it, as for any that it sees no more
            self.pod_changed(None, msgspec.structs.replace(old, gone=True))
            return
        self.pods.forget(before, old)
        if (name := self._run_of_uid.get(before)) is not None:
            self._wake(self.runs[name].key)

    def _claim(self, pod: pods.Pod, entry: RunEntry | None) -> None:
        """Note the Pods that nobody would let go: of no run, or no longer to be found as one's."""
        name = (pod.metadata.namespace, pod.metadata.name)
        if entry is None and pods.is_held(pod):
            self.unclaimed[name] = pod
            self._wake(("pod", *name))
        else:
            self.unclaimed.pop(name, None)

    def owner_of(self, pod: pods.Pod) -> RunEntry | None:
        """The run that a Pod belongs to by its owner; by its label only if it has lost that."""
        labelled = pod.label(pods.LABEL_RUN_UID)
        uids = [owner.uid for owner in pod.metadata.owner_references]
        for uid in (*uids, *([labelled] if pods.is_of(pod, labelled) else ())):
            if (name := self._run_of_uid.get(uid)) is not None:
                return self.runs[name]
        return None

    def revision_changed(
        self, old: definitions.Revision | None, new: definitions.Revision
    ) -> None:
        """A ControllerRevision was seen, changed or went."""
        if old is not None and old.dag_name != new.dag_name:  # somebody has edited its label
            self._take_revision(msgspec.structs.replace(old, gone=True))
        self._take_revision(new)

    def _take_revision(self, new: definitions.Revision) -> None:
        self.revisions.put(new)
        namespace, dag = new.metadata.namespace, new.dag_name
        self._dag(namespace, dag)
        self._wake(("dag", namespace, dag))
        for entry in self._waiting(namespace, dag):
            self._wake(entry.key)

    # --- Who must look again ------------------------------------------------------------------

    def wake_around(self, run: RunEntry) -> None:
        """The DAG of a run, and the runs that may have waited for it."""
        namespace, dag = run.facts.namespace, run.facts.dag_name
        is_there = self.runs.get((namespace, run.facts.name)) is run
        if is_there:  # and not gone with a namesake in its place, while an answer was on its way
            self._file(run)
        self._wake_dag(namespace, dag)
        if run.status.finished:
            for held in self.unclaimed:  # those of its Pods whose labels somebody took
                self._wake(("pod", *held))
        if run.newest.finished or not is_there:
            self.wake_waiting(namespace, dag)
        else:
            entry = self.dags.get((namespace, dag))
            definition = entry.definition if entry else None
            plan_now = definition.plan if definition else None
            if plan_now is not None and plan_now.concurrency_policy == "Replace":
                self.wake_waiting(namespace, dag, started=True)

    def _wake_dag(self, namespace: str, dag: str) -> None:
        if (namespace, dag) not in self.dags and (namespace, dag) in self._siblings:
            self._dag(namespace, dag)
        if (namespace, dag) in self.dags:
            self._wake(("dag", namespace, dag))
        self.backfills.wake_of(namespace, dag)

    def wake_waiting(self, namespace: str, dag: str, *, started: bool = False) -> None:
        """The runs of a DAG that have not started yet, or all that have not ended."""
        self.backfills.wake_of(namespace, dag)
        for entry in self._waiting(namespace, dag):
            newest = entry.newest
            not_over = not newest.finished and (started or not newest.start_time)
            if not_over or entry.is_to_rerun:
                self._wake(entry.key)

    def wake_all(self) -> None:
        """Everything that is not over: the first look after a start or a change of leader.

        What was decided in an earlier term and never stored is void: another may have led since.
        """
        for run in self.runs.values():
            run.decided = None
            if not run.archived or self.pods.of(run.facts.uid):
                self._wake(run.key)
        run_view.recall(self)
        for dag in self.dags.values():
            dag.decided = None
            self._wake(dag.key)
        for name in self.unclaimed:
            self._wake(("pod", *name))
        self.backfills.wake_all()
        self.limits.wake_all()
        for run in self.runs.values():
            self.wake_if_abandoned(run)

    def _backfill_gone(self, namespace: str, dag: str) -> None:
        self._wake_dag(namespace, dag)
        for run in self._waiting(namespace, dag):
            self.wake_if_abandoned(run)

    def wake_if_abandoned(self, run: RunEntry) -> None:
        """A run that waits is looked at once more: its Backfill may be gone, or over."""
        newest = run.newest
        waits = run.facts.backfill_uid and not (newest.start_time or newest.finished)
        if waits or run.is_to_rerun:
            self._wake(("abandoned", run.facts.namespace, run.facts.name))

    def creation_over(self, namespace: str, dag: str, made: actions.CreateRun) -> None:
        """Those that let a run go first which does not come, or not as it was to, do so no more."""
        if not run_view.has_come(self, namespace, dag, made):
            self.wake_waiting(namespace, dag)

    # --- Snapshots ----------------------------------------------------------------------------

    def _waiting(self, namespace: str, dag: str) -> tuple[RunEntry, ...]:
        """The runs of a DAG whose end is not stored, or that are to run again."""
        siblings = self._siblings.get((namespace, dag))
        return tuple(siblings.waiting) if siblings is not None else ()

    def run_snapshot(self, entry: RunEntry) -> snapshot.RunSnapshot:
        """A run and all that bears on it."""
        facts = entry.facts
        dag = self.dags.get((facts.namespace, facts.dag_name))
        pods_of_run = self.pods.of(facts.uid)
        current = dag.plan() if dag is not None else None
        plan_of_run, revision = run_view.source(self, entry, dag)
        if plan_of_run is not None:
            self.pods.mask(facts.uid, plan_of_run.masks)
            plan_of_run = self.restrictions.of(facts, revision, plan_of_run)
        newest = run_view.newest(self, entry, dag)
        return snapshot.RunSnapshot(
            run=facts,
            status=slices.aligned(entry.status, plan_of_run),
            decided=entry.decided,
            dag=dag.facts() if dag is not None else None,
            plan=plan_of_run,
            plan_revision=revision,
            plan_generation=self.revisions.generation(facts.namespace, facts.dag_name, revision),
            lost_revision=entry.lost_revision,
            newest=newest,
            beginning=entry.is_beginning,
            pods=pods_of_run,
            observed=self.pods.observed(facts.uid),
            gone=entry.gone,
            held=self.pods.held(facts.uid),
            creating=dict(entry.creating),
            logs=entry.logs,
            capturing=entry.capturing,
            warnings=entry.warnings,
            refusals=entry.refusals,
            slice_bytes_max=entry.slices.bytes_max,
            peers=run_view.peers(self, entry, newest.plan if newest is not None else plan_of_run),
            limits=self.limits.view(entry, plan_of_run, current),
        )

    def dag_snapshot(self, entry: DAGEntry) -> decide_dag.DAGSnapshot:
        """A DAG, its runs and its revisions."""
        name = (entry.namespace, entry.name)
        siblings = self.siblings(*name)
        return decide_dag.DAGSnapshot(
            name=entry.name,
            namespace=entry.namespace,
            dag=entry.definition,
            status=entry.status,
            revisions=self.revisions.of(entry.namespace, entry.name),
            runs=tuple(
                run.summary(self.pods.revision(run.facts.uid)) for run in siblings.active.values()
            ),
            history=siblings.history,
            claims=tuple(self.backfills.claims(*name)),
            coming=self.backfills.creating(*name),
            promised={run.newest.revision for run in siblings.reruns.values()},
            trial_results=entry.trial_results,
            creations=entry.creations.as_it_is(lambda run: (entry.namespace, run) in self.runs),
        )

    def siblings(self, namespace: str, dag: str) -> Siblings:
        """The runs of a DAG."""
        return self._siblings.get((namespace, dag)) or Siblings(self.pods)

    def forget_empty_dag(self, entry: DAGEntry) -> None:
        """Nothing is left of this DAG: no definition, no run, no revision."""
        name = (entry.namespace, entry.name)
        if (
            entry.definition is None
            and name not in self._siblings
            and not self.revisions.of(*name)
        ):
            self.dags.pop(name, None)
