"""One run, and one DAG, as the operator knows them: what is stored, what is decided, what is under way.

Everything here can be lost without harm: it is read again from the API, or it is decided again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubedag.core import (
    answers,
    attempts,
    decide_dag,
    masks,
    plan,
    pods,
    retention,
    rows,
    slices,
    snapshot,
    states,
)
from kubedag.shell import slices as stored_slices

PodsByTask = dict[str, tuple[pods.Pod, ...]]


@dataclass(slots=True)
class RunEntry:
    """A DAGRun."""

    facts: snapshot.RunFacts
    resource_version: str
    status: rows.RunStatus
    """As it is stored."""
    decided: rows.RunStatus | None = None
    """As it will be stored next."""
    creating: set[str] = field(default_factory=set)
    creating_pods: set[str] = field(default_factory=set)
    capturing: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    logs: dict[str, snapshot.CapturedLog] = field(default_factory=dict)
    refusals: dict[str, snapshot.Refusal] = field(default_factory=dict)
    refusal_tries: dict[str, int] = field(default_factory=dict)
    delete_tries: int = 0
    slices: stored_slices.KnownSlices = field(default_factory=stored_slices.KnownSlices)
    sending: rows.RunStatus | None = None
    """The status that is being stored; its slices are stored already."""
    writing: bool = False
    written_at: float | None = None
    write_failures: int = 0
    write_after: float = 0.0
    first_decided_at: float | None = None

    def take(self, status: rows.RunStatus) -> None:
        """The status as a list or a watch has it, which is without rows that are in slices."""
        self.slices.unread = self.slices.unread and bool(status.slices)
        if status.slices and not status.tasks:
            for whole in (self.status, self.sending):
                if whole is not None and whole.tasks and slices.main(whole) == status:
                    self.status = whole
                    return
            self.slices.unread = True
        self.status = status

    @property
    def lacks_rows(self) -> bool:
        """Nothing can be decided until the rows are read; of a finished run nobody needs them."""
        return self.slices.unread and not (self.status.finished or self.facts.deleting)

    @property
    def newest(self) -> rows.RunStatus:
        """The newest word on this run, stored or not."""
        return self.decided or self.status

    @property
    def key(self) -> tuple[str, str, str]:
        """The work queue's name for this run."""
        return ("run", self.facts.namespace, self.facts.name)

    def peer(self, pods_seen: bool, *, dag_suspended: bool = False) -> snapshot.Peer:
        """This run as the others see it."""
        newest = self.newest
        started = bool(newest.start_time or self.creating or pods_seen)
        held = dag_suspended and not started and self.facts.run_type != "Manual"
        return snapshot.Peer(
            name=self.facts.name,
            order=self.facts.order,
            started=started,
            finished=newest.finished or self.facts.deleting,
            succeeded=newest.succeeded,
            suspended=self.facts.suspend or held,
        )

    def summary(self, revision_of_pods: str) -> retention.RunSummary:
        """This run as its DAG sees it."""
        newest = self.newest
        condition = newest.condition(rows.SUCCEEDED_CONDITION)
        return retention.RunSummary(
            name=self.facts.name,
            uid=self.facts.uid,
            order=self.facts.order,
            revision=newest.revision or revision_of_pods,
            state=condition.reason if condition else "",
            started=bool(newest.start_time),
            finished=self.status.finished,
            succeeded=newest.succeeded,
            completion_time=newest.completion_time,
            deleting=self.facts.deleting,
        )


@dataclass(slots=True)
class DAGEntry:
    """A DAG, or what is left of one that is gone while its runs are not."""

    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    spec_json: bytes = b""
    definition: decide_dag.Definition | None = None
    status: rows.DAGStatus = field(default_factory=rows.DAGStatus)
    decided: rows.DAGStatus | None = None
    trial_results: dict[str, answers.Result] = field(default_factory=dict)
    trying: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    writing: bool = False
    written_at: float | None = None
    write_failures: int = 0
    write_after: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """The work queue's name for this DAG."""
        return ("dag", self.namespace, self.name)

    def facts(self) -> snapshot.DAGFacts | None:
        """What the runs need to know of it."""
        definition = self.definition
        if definition is None:
            return None
        condition = self.status.condition(rows.READY)
        return snapshot.DAGFacts(
            generation=definition.generation,
            ready=decide_dag.ready(self.status, definition.generation),
            checked=decide_dag.checked(self.status, definition.generation),
            message=f"DAG {self.name!r} is not ready: {condition.message}" if condition else "",
            revision=definition.revision,
            suspend=definition.suspend,
        )

    def plan_of(self, revision: str) -> plan.Plan | None:
        """The plan of a revision, if this generation is it: its name follows from its content."""
        definition = self.definition
        if definition is None or definition.revision != revision:
            return None
        return definition.plan

    def plan(self) -> plan.Plan | None:
        """The plan of this generation, once it is known to be good."""
        definition = self.definition
        if definition is None or not decide_dag.ready(self.status, definition.generation):
            return None
        return definition.plan


class PodIndex:
    """The Pods of all runs, by run and task. Those that are gone stay until they are recorded."""

    def __init__(self) -> None:
        self._by_run: dict[str, PodsByTask] = {}
        self._gone: dict[str, int] = {}
        self._observed: dict[str, dict[str, rows.Attempt]] = {}
        self._unmasked: dict[str, dict[str, pods.Pod]] = {}

    def of(self, run_uid: str) -> PodsByTask:
        """The Pods of a run, by task, in order of attempt."""
        return self._by_run.get(run_uid, _NONE)

    def observed(self, run_uid: str) -> dict[str, rows.Attempt]:
        """What the Pods of a run say of their attempts, by the Pod's UID."""
        return self._observed.get(run_uid, {})

    def put(self, run_uid: str, pod: pods.Pod) -> None:
        """Remember a Pod as it is now, or as it was last."""
        self._observed.setdefault(run_uid, {})[pod.metadata.uid] = attempts.observe(pod)
        tasks = self._by_run.setdefault(run_uid, {})
        task = pod.label(pods.LABEL_TASK)
        others = [old for old in tasks.get(task, ()) if old.metadata.uid != pod.metadata.uid]
        others.append(pod)
        others.sort(key=lambda one: (attempts.attempt_number(one), not one.gone))
        tasks[task] = tuple(others)
        if masks.has_words(pod):
            self._unmasked.setdefault(run_uid, {})[pod.metadata.uid] = pod
        if pod.gone:
            self._gone[run_uid] = self._gone.get(run_uid, 0) + 1

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
        """A Pod that is gone and of which nothing is left to record."""
        tasks = self._by_run.get(run_uid, {})
        self._observed.get(run_uid, {}).pop(pod.metadata.uid, None)
        task = pod.label(pods.LABEL_TASK)
        left = tuple(one for one in tasks.get(task, ()) if one.metadata.uid != pod.metadata.uid)
        if left:
            tasks[task] = left
        else:
            tasks.pop(task, None)
        if not tasks:
            self._by_run.pop(run_uid, None)

    def forget_run(self, run_uid: str) -> None:
        """The run is gone, and its Pods matter to nobody."""
        self._by_run.pop(run_uid, None)
        self._observed.pop(run_uid, None)
        self._unmasked.pop(run_uid, None)
        self._gone.pop(run_uid, None)

    def forget_recorded(self, run_uid: str, status: rows.RunStatus) -> None:
        """Drop the Pods that are gone and whose end is stored."""
        if not self._gone.get(run_uid):
            return
        tasks = self._by_run.get(run_uid, {})
        for row in status.tasks:
            seen = tasks.get(row.name)
            if seen is None or not any(pod.gone for pod in seen):
                continue
            ended = {a.number for a in row.attempts if a.state in states.ATTEMPT_ENDS}
            over = row.state in states.TERMINAL or status.finished
            kept = tuple(
                pod for pod in seen
                if not pod.gone or not (over or attempts.attempt_number(pod) in ended)
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


_NONE: PodsByTask = {}
