"""What truly happened, told from the cluster's own history and never from the operator's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kubedag.core import naming, slices
from kubedag.core import pods as labels
from simulation import control_facts, oracle, reruns
from simulation.cluster import ENDED, Change, Cluster, Object, stamp
from simulation.kubelet import CLASS_OF_END, CONFIG, INFRA, TOLD_TO_END, USER
from simulation.pod_facts import SUCCESS, PodFacts, adopt, disown

if TYPE_CHECKING:
    from simulation.world import World

ASKS = {
    "TaskTimedOut": USER, "PendingTimedOut": USER, "RunTimedOut": USER, "RunReplaced": USER,
    "RunStopped": USER, "RunTerminated": USER, "RunFailedFast": USER, "RunMarked": USER,
    "Marked": USER,
    "InvalidImageName": CONFIG, "ErrImageNeverPull": CONFIG, "ImagePullBackOff": CONFIG,
    "CreateContainerConfigError": CONFIG,
}  # fmt: skip
"""Why the operator may end a Pod, and whose failure that is."""


KNOWN_BY = (
    labels.LABEL_MANAGED_BY, labels.LABEL_RUN_UID, labels.LABEL_TASK, labels.LABEL_ATTEMPT,
)  # fmt: skip


@dataclass
class RunFacts:
    """One run, whether it still exists or not."""

    name: str
    uid: str
    dag: str
    spec: Object
    created: str
    status: Object = field(default_factory=dict)
    """With the rows that are stored in slices."""
    before: Object = field(default_factory=dict)
    """The status before the last write."""
    slices: dict[int, dict[int, list[Object]]] = field(default_factory=dict)
    """By how often the run had run again, and by their first task."""
    exists: bool = True
    deleted_at: float | None = None
    revision: str = ""
    """As its first Pod says, or its status, whichever came first."""
    tasks: dict[str, oracle.Node] = field(default_factory=dict)
    lost_revision: bool = False
    dag_spec: Object = field(default_factory=dict)
    pods: dict[str, list[PodFacts]] = field(default_factory=dict)
    strays: list[PodFacts] = field(default_factory=list)
    """Made by a request that nobody waited for any more, or by a leader that did not know that it
    was none, in an attempt's name that was free again, or after the end of its task."""
    denied: set[str] = field(default_factory=set)
    """Tasks that cannot have a Pod: by a policy, or because somebody else has taken its name."""
    tampered: bool = False
    """Somebody has edited its status: from then on it only has to end."""
    clocks_jump: bool = False
    controlled: bool = False
    """People may say what has become of it, and of its tasks."""
    stopped_at: float | None = None
    """When it was stored that it ends before its tasks have."""
    started_at: float | None = None
    """When it was stored that it has started, whatever the operator's clock said."""
    reruns: reruns.Reruns = field(default_factory=reruns.Reruns)
    control: control_facts.Control = field(default_factory=control_facts.Control)

    def condition(self, type_: str) -> Object:
        for condition in self.status.get("conditions", ()):
            if condition["type"] == type_:
                found: Object = condition
                return found
        return {}

    @property
    def order(self) -> tuple[str, str, str]:
        """Oldest first, by the time that a run stands for."""
        return (self.spec.get("logicalTime") or self.created, self.created, self.name)

    @property
    def finished(self) -> bool:
        return bool(self.condition("Finished").get("status") == "True")

    @property
    def started(self) -> bool:
        return bool(self.status.get("startTime") or self.pods)

    @property
    def remembered(self) -> bool:
        """Is there anything that an operator could know of its start?"""
        seen = (pod for pods in self.pods.values() for pod in pods)
        return bool(self.status.get("startTime")) or any(
            pod.exists and not pod.hidden for pod in seen
        )

    def live_pods(self, *, hidden: bool = True) -> int:
        """How many live, those included or not whose labels somebody has just broken."""
        return sum(
            pod.live and (hidden or not pod.hidden) for seen in self.pods.values() for pod in seen
        )

    def task_state(self, name: str) -> set[str] | None:
        """The states that a task which has had a Pod may be in; None for the others."""
        seen = self.pods.get(name)
        said = control_facts.said(self, name) if self.controlled else None
        if said is not None:
            return said
        if name in self.reruns.fixed:
            return {self.reruns.fixed[name]}
        if name in self.denied:
            return {"F"} | control_facts.follows(self.tasks[name])
        if not seen:
            return None
        if seen[-1].ended_at is None:
            return {"-"}
        return self._after(self.tasks[name], seen)

    def _unheard_of(self, name: str) -> set[str]:
        """What its rule may make of a task whose Pods others took before anything was stored."""
        seen = self.pods.get(name, ())
        rows = {row["name"]: row for row in self.status.get("tasks", ())}
        told = (rows.get(name) or {}).get("attempts") or any(
            pod.exists or pod.recorded or pod.deleted_by.startswith("operator") for pod in seen
        )
        return {"U", "K"} if seen and not told else set()

    @staticmethod
    def _after(node: oracle.Node, seen: list[PodFacts]) -> set[str]:
        """What may follow on the last of these Pods, which has ended."""
        ends = seen[-1].may_count_as
        found = {"S"} if SUCCESS in ends else set()
        if CONFIG in ends:
            found.add("F")
        if INFRA in ends and not node.idempotent:
            found.add("F")  # it may have begun
        for cls, limit in ((USER, node.limit), (INFRA, node.infra_limit)):
            if cls in ends and not (cls == INFRA and seen[-1].only_once):
                most = sum(cls in pod.may_count_as for pod in seen)
                least = sum(pod.may_count_as == {cls} and pod.recorded for pod in seen[:-1]) + 1
                found |= ({"F"} if most > limit else set()) | ({"-"} if least <= limit else set())
        if node.on_failure and ends - {SUCCESS}:
            found |= {"-", "F"} | control_facts.follows(node)
        return found

    def states(self) -> dict[str, set[str]]:
        if not self.controlled:
            return oracle.may_be(self.tasks, self.task_state, also=self._unheard_of)
        return oracle.may_be(
            self.tasks,
            self.task_state,
            lambda name: control_facts.begun(self, name),
            lambda name: control_facts.also(self, name),
        )

    def may_be_over(self, now: float) -> bool:
        """Could every task have ended for good by now?"""
        if self.finished or not self.exists or self.lost_revision:
            return True
        if self.live_pods():
            return False
        if control_facts.is_stopped(self) or self.dag_spec.get("concurrencyPolicy") == "Replace":
            return True
        limit = self.dag_spec.get("timeoutSeconds")
        created = [pod.created_at for seen in self.pods.values() for pod in seen]
        first = min(created, default=now)
        start = self.status.get("startTime") or stamp(first)
        if limit is not None and (start <= stamp(now - limit) or self.clocks_jump):
            return True
        return bool(self.tasks) and all(found != {"-"} for found in self.states().values())


class Facts:
    """Follows the cluster; whoever checks is called after each change has been taken in."""

    def __init__(self, cluster: Cluster, world: World) -> None:
        self.cluster = cluster
        self.world = world
        self.runs: dict[str, RunFacts] = {}
        """By UID."""
        self.pods: dict[str, tuple[RunFacts, str, PodFacts]] = {}
        self.revisions: dict[str, Object] = {}
        """All that there ever were, by name."""
        cluster.observers.insert(0, self._observe)

    def _observe(self, change: Change) -> None:
        if change.plural == "dagruns":
            self._run(change)
        elif change.plural == "pods":
            self._pod(change)
        elif change.plural == "dagrunslices":
            self._slice(change)
        elif change.plural == "controllerrevisions":
            self._revision(change)

    def _revision(self, change: Change) -> None:
        name = change.obj["metadata"]["name"]
        self.revisions[name] = change.obj["data"]
        for run in self.runs.values():
            run.lost_revision |= change.type == "DELETED" and run.revision == name

    def _run(self, change: Change) -> None:
        meta = change.obj["metadata"]
        run = self.runs.get(meta["uid"])
        if run is None:
            spec = change.obj["spec"]
            run = self.runs[meta["uid"]] = RunFacts(
                meta["name"], meta["uid"], spec["dagName"], spec, meta["creationTimestamp"],
                clocks_jump=bool(self.world.faults.clock_jumps),
                controlled=self.world.controlled,
            )  # fmt: skip
        run.spec = change.obj["spec"]
        if run.controlled:
            run.control.told(run.spec, self.cluster.time())
        said = change.obj.get("status") or {}
        if not isinstance(said.get("tasks", []), list):
            said = {}  # somebody wrote nonsense into it
        self._take(run, said)
        if change.type == "DELETED":
            run.exists, run.deleted_at = False, self.cluster.time()
        if (
            run.stopped_at is None
            and run.condition("Succeeded").get("reason") in control_facts.STOPS
        ):
            run.stopped_at = self.cluster.time()
        if run.status.get("revision") and (not run.revision or self._begins_anew(run)):
            self.pin(run, run.status["revision"])

    @staticmethod
    def _begins_anew(run: RunFacts) -> bool:
        """Nothing is left of what somebody else has deleted before it was stored that it began."""
        there = any(pod.exists for seen in run.pods.values() for pod in seen)
        return not (run.before.get("revision") or there)

    def _take(self, run: RunFacts, status: Object) -> None:
        run.before, run.status = run.status, status
        if status.get("slices"):
            stored = run.slices.get(reruns.number(status), {})
            rows = [row for first in sorted(stored)[: status["slices"]] for row in stored[first]]
            run.status = status | {"tasks": rows}
        if run.status.get("startTime") != run.before.get("startTime"):
            run.started_at = self.cluster.time()
        if reruns.number(run.status) > reruns.number(run.before) and not run.tampered:
            if run.status.get("revision"):
                self.pin(run, run.status["revision"])
            reruns.begin_again(run, self.cluster.time(), unaware=self.cluster.late)
        for row in run.status.get("tasks", ()):
            self._recorded(run, row)

    def run_of(self, change: Change) -> RunFacts:
        """The run that an object is, or belongs to."""
        meta = change.obj["metadata"]
        owners = meta.get("ownerReferences") or [meta]
        return self.runs[owners[0]["uid"]]

    def _slice(self, change: Change) -> None:
        run, meta = self.run_of(change), change.obj["metadata"]
        first, current = change.obj["firstTask"], reruns.number(run.status)
        index = first // slices.ROWS_PER_SLICE
        number = next(
            one for one in range(current + 2)
            if naming.slice_name(run.name, run.uid, index, one) == meta["name"]
        )  # fmt: skip
        if change.type != "DELETED":
            run.slices.setdefault(number, {})[first] = change.obj["tasks"]
            if run.status.get("slices") and number == current:
                self._take(run, run.status)
        elif run.exists and (number >= current or not change.actor.startswith("operator")):
            run.tampered = True

    def pin(self, run: RunFacts, revision: str) -> None:
        run.revision = revision
        stored = self.revisions.get(revision)
        if stored is not None:
            run.dag_spec = stored
            run.tasks = oracle.nodes(stored)

    def _recorded(self, run: RunFacts, row: Object) -> None:
        """What is stored of an attempt bears on how the rest of its Pod's life counts."""
        past, known = run.reruns.past.get(row["name"], ()), run.pods.get(row["name"], ())
        seen = (*past, *run.strays, *known)  # a name has its task in it
        by_name = {pod.name: pod for pod in seen if not pod.recorded}
        for attempt in row.get("attempts", ()):
            adopt(run, row["name"], attempt)
            disown(run, row["name"], attempt)
            pod = by_name.get(attempt.get("podName", ""))
            if pod is None:
                continue
            if attempt["state"] in ENDED:
                pod.recorded = True
            elif attempt["state"] == "Terminating" and attempt.get("reason") in ASKS:
                pod.asked = ASKS[attempt["reason"]]
                success_to_be_seen = SUCCESS in pod.may_count_as and pod.exists
                if pod.ended_at is not None and not success_to_be_seen:
                    pod.may_count_as.add(pod.asked)

    def _pod(self, change: Change) -> None:
        meta, told = change.obj["metadata"], change.obj["metadata"]["labels"]
        if change.type == "ADDED":
            if not change.actor.startswith("operator"):
                return
            run = self.runs[told[labels.LABEL_RUN_UID]]
            revision = told[labels.LABEL_REVISION]
            if not run.revision:
                self.pin(run, revision)
            pod = PodFacts(
                meta["name"], meta["uid"], int(told[labels.LABEL_ATTEMPT]),
                self.cluster.time(), revision, self.world.life_of(change.obj).end,
            )  # fmt: skip
            pod.late = self.cluster.late
            pod.labels = {key: told[key] for key in KNOWN_BY}
            node = run.tasks.get(told[labels.LABEL_TASK])
            pod.held = node is not None and not node.idempotent
            run.pods.setdefault(told[labels.LABEL_TASK], []).append(pod)
            self.pods[meta["uid"]] = (run, told[labels.LABEL_TASK], pod)
            return
        if meta["uid"] not in self.pods:
            return
        run, _, pod = self.pods[meta["uid"]]
        if meta.get("deletionTimestamp") and not pod.deleted_by:
            pod.deleted_by, pod.deleted_at = change.actor, self.cluster.time()
            self._deleted_after_its_end(pod)
        pod.hidden = any((told or {}).get(key) != value for key, value in pod.labels.items())
        pod.alone = not meta.get("ownerReferences")
        revision = (told or {}).get(labels.LABEL_REVISION, pod.revision)
        if revision != pod.revision and not run.status.get("revision"):
            pod.revision = revision  # nothing told of the run's start, and it has begun anew
            self.pin(run, revision)
        if pod.deleted_by and not change.obj["spec"].get("nodeName"):
            pod.unplaced = True  # and nobody places it any more
            self._went(pod, self.cluster.time())
        was_live = pod.live
        pod.phase = change.obj["status"]["phase"]
        pod.began |= pod.phase == "Running"
        if was_live and not pod.live:
            self._ended(pod, change.obj)
        if change.type == "DELETED":
            self._removed(pod, change.actor)

    def _ended(self, pod: PodFacts, obj: Object) -> None:
        pod.ended_at = self.cluster.time()
        statuses = obj["status"].get("containerStatuses") or [{"state": {}}]
        ended = statuses[0]["state"].get("terminated")
        code = ended["exitCode"] if ended else None
        if obj["status"].get("message") == TOLD_TO_END or (pod.deleted_by and code == 0):
            pod.may_count_as = {INFRA}
        elif obj["status"]["phase"] == "Succeeded":
            pod.may_count_as = {SUCCESS}
        else:
            pod.may_count_as = {CLASS_OF_END[pod.way]}
            if pod.deleted_by:
                pod.may_count_as.add(INFRA)  # it may have been told to end
        meta = obj["metadata"]
        at_once = meta.get("deletionGracePeriodSeconds") == 0
        if at_once and ended and ended["finishedAt"] == meta["deletionTimestamp"]:
            # Nothing in a Pod tells which came first within this second.
            pod.may_count_as.add(USER if code else SUCCESS)
        if pod.asked and SUCCESS not in pod.may_count_as:
            pod.may_count_as.add(pod.asked)

    @staticmethod
    def _deleted_after_its_end(pod: PodFacts) -> None:
        """Killed, and then deleted: after a kubelet's own last deletion it looks the same."""
        if pod.ended_at is not None and not pod.recorded and pod.way not in ("exit", "ok"):
            pod.may_count_as.add(INFRA)

    def _removed(self, pod: PodFacts, actor: str) -> None:
        pod.exists = False
        pod.deleted_by = pod.deleted_by or actor
        self._went(pod, self.cluster.time())

    @staticmethod
    def _went(pod: PodFacts, now: float) -> None:
        if pod.ended_at is None:
            pod.ended_at = now
            pod.may_count_as = {pod.asked} if pod.asked else {INFRA}
        if not pod.recorded:  # nobody may have seen how it ended
            by_operator = pod.deleted_by.startswith("operator")
            pod.may_count_as |= {pod.asked} if pod.asked else set()
            pod.may_count_as |= set() if by_operator and pod.asked else {INFRA}

    def dag_spec(self, name: str = "pipe") -> Object | None:
        """The DAG as it is now."""
        dag = self.cluster.objects["dags"].get(("ns", name))
        spec: Object | None = dag["spec"] if dag is not None else None
        return spec


def same(one: Any, other: Any) -> bool:
    return bool(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    ))  # fmt: skip
