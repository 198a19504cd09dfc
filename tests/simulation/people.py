"""What people and other programs do to the cluster, apart from what their DAGs do.

Most of it is foolish: labels are edited, Pods are deleted with force, a Pod is given the name that an
attempt will have, a revision is deleted, a status is edited by hand.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from kubedag.core import naming
from kubedag.core import pods as labels
from kubedag.shell.errors import ApiError
from simulation import backfills, control, namesakes, pools, reruns
from simulation import world as worlds
from simulation.kubelet import GATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.cluster import Change, Cluster, Object
    from simulation.facts import Facts
    from simulation.network import Network
    from simulation.world import Act, World

HUMAN = "human"
FOREIGN = {"app": "somebody's"}
OWNER = "ownerReferences"
DAMAGES = ("wiped", "rowless", "unfinished", "succeeded", "misfit", "forgetful")
"""How a status is edited by hand."""


class People:
    """Acts as the world's script says, and as chance has it."""

    def __init__(self, net: Network, facts: Facts, tell: Callable[[str], None]) -> None:
        self._net = net
        self._facts = facts
        self._tell = tell
        self._world: World = facts.world
        self._cluster: Cluster = net.cluster
        self._chance = random.Random(f"{self._world.seed}/people")
        self._released = False
        self._askers = reruns.Askers(net, facts, tell)
        self._meddlers = control.Meddlers(net, facts, tell)
        self._replacers = namesakes.Replacers(net.cluster, self._world, tell, self._later)
        self._cluster.admit = self._admit
        self._cluster.taken = self._taken
        self._cluster.observers.append(self._observe)
        self._reactions: dict[tuple[str, str], Callable[[Change], None]] = {
            ("pods", "ADDED"): self._pod_added,
            ("dagruns", "ADDED"): self._run_added,
            ("dagruns", "MODIFIED"): self._run_changed,
            ("controllerrevisions", "ADDED"): self._revision_added,
            ("dagrunslices", "ADDED"): self._slice_added,
        }

    # --- The script ----------------------------------------------------------------------------

    def act(self, act: Act) -> None:
        """One act of the script."""
        self._tell(f"human: {act.what} {act.name} {act.value if act.what != 'apply' else ''}")
        space, cluster = worlds.NAMESPACE, self._cluster
        plural = "dags" if act.name in worlds.DAGS else "dagruns"
        match act.what:
            case "apply":
                manifest = self._world.dag(act.value, act.name)
                if not cluster.edit(
                    "dags", space, act.name, lambda dag: dag.update(spec=act.value), HUMAN
                ):
                    cluster.create("dags", manifest, HUMAN)
            case "run":
                if (space, act.name) not in cluster.objects[plural]:
                    cluster.create("dagruns", self._world.run(act.name, act.value), HUMAN)
            case "suspend-run" | "suspend-dag":
                cluster.edit(
                    plural, space, act.name,
                    lambda obj: obj["spec"].update(suspend=act.value), HUMAN,
                )  # fmt: skip
            case "delete-run" | "delete-dag":
                if (space, act.name) in cluster.objects[plural]:
                    cluster.delete(plural, space, act.name, HUMAN)
            case _:
                if not (control.act(cluster, act) or pools.act(cluster, act)):
                    backfills.act(cluster, act)

    def release(self) -> None:
        """No run stays suspended but those that are to stay so."""
        self._released = True
        self._replacers.stop()
        pools.release(self._cluster, self._world)
        for (_, name), run in list(self._cluster.objects["dagruns"].items()):
            uid = run["metadata"]["uid"]
            if not self._facts.runs[uid].started and backfills.is_called_off(self._cluster, run):
                continue  # it is to be gone
            if run["spec"].get("suspend") and name not in self._world.held:
                self.act(worlds.Act(0, "suspend-run", name, value=False))

    # --- Admission -----------------------------------------------------------------------------

    def _admit(self, pod: Object, dry: bool) -> None:
        if dry or labels.LABEL_TASK not in (pod["metadata"].get("labels") or {}):
            return
        told = pod["metadata"]["labels"]
        if told[labels.LABEL_TASK] in self._world.denied:
            run = self._facts.runs.get(told[labels.LABEL_RUN_UID])
            if run is not None:
                run.denied.add(told[labels.LABEL_TASK])
            raise ApiError(403, "Forbidden", "admission webhook denied the request: policy")
        if self._world.life_of(pod).gate_seconds:
            pod["spec"]["schedulingGates"] = [GATE]
        if self._net.happens("quota"):
            raise ApiError(403, "Forbidden", "exceeded quota: q, requested: pods=1, used: pods=9")

    def _taken(self, given: Object, there: Object) -> None:
        told = given["metadata"].get("labels") or {}
        run = self._facts.runs.get(told.get(labels.LABEL_RUN_UID, ""))
        if run is not None and there["metadata"]["labels"] == FOREIGN:
            run.denied.add(told[labels.LABEL_TASK])

    # --- Chance --------------------------------------------------------------------------------

    def _observe(self, change: Change) -> None:
        reaction = self._reactions.get((change.plural, change.type))
        if reaction is not None:
            reaction(change)
        self._replacers.changed(change)

    def _soon(self) -> float:
        return self._chance.choice([0.001, 0.05, 1.0, self._chance.uniform(0, 30)])

    def _later(self, seconds: float, what: Callable[..., None], *args: object) -> None:
        asyncio.get_running_loop().call_later(seconds, what, *args)

    def _pod_added(self, change: Change) -> None:
        name, uid = change.obj["metadata"]["name"], change.obj["metadata"]["uid"]
        if labels.LABEL_RUN_UID not in (change.obj["metadata"].get("labels") or {}):
            return
        if self._net.happens("pods_deleted"):
            self._later(self._soon(), self._delete_pod, name, uid)
        if self._net.happens("pods_forced"):
            self._later(self._soon(), self._force_pod, name, uid)
        if self._net.happens("labels_broken"):
            self._later(self._soon(), self._break_labels, name, uid)

    def _run_added(self, change: Change) -> None:
        if labels.LABEL_BACKFILL in (change.obj["metadata"].get("labels") or {}):
            self._hold(change.obj)
        if self._net.happens("pods_foreign"):
            self._occupy(change.obj)
        if self._net.happens("statuses_broken"):
            self._later(self._chance.uniform(0, 60), self._break_status, change.obj["metadata"])

    def _run_changed(self, change: Change) -> None:
        self._askers.run_changed(change, self._later)
        self._meddlers.run_changed(change, self._later)
        if change.actor != HUMAN and self._net.happens("runs_deleted"):
            self._later(self._soon(), self._delete_run, change.obj["metadata"])

    def _revision_added(self, change: Change) -> None:
        if self._net.happens("revisions_deleted"):
            name, uid = change.obj["metadata"]["name"], change.obj["metadata"]["uid"]
            self._later(self._chance.uniform(0, 60), self._delete_revision, name, uid)

    def _slice_added(self, change: Change) -> None:
        if self._net.happens("slices_deleted"):
            name, uid = change.obj["metadata"]["name"], change.obj["metadata"]["uid"]
            self._later(self._soon(), self._delete_slice, name, uid)

    def _there(self, plural: str, name: str, uid: str) -> Object | None:
        found = self._cluster.objects[plural].get((worlds.NAMESPACE, name))
        return found if found is not None and found["metadata"]["uid"] == uid else None

    def _delete_pod(self, name: str, uid: str) -> None:
        if self._there("pods", name, uid) is not None:
            self._cluster.delete("pods", worlds.NAMESPACE, name, HUMAN)

    def _force_pod(self, name: str, uid: str) -> None:
        """`--grace-period=0 --force`: the object goes at once, whatever its containers do."""
        pod = self._there("pods", name, uid)
        if pod is not None:
            self._cluster.delete("pods", worlds.NAMESPACE, name, HUMAN, grace_seconds=0)

    def _delete_run(self, meta: Object) -> None:
        if self._there("dagruns", meta["name"], meta["uid"]) is not None:
            self._cluster.delete("dagruns", worlds.NAMESPACE, meta["name"], HUMAN)

    def _delete_revision(self, name: str, uid: str) -> None:
        if self._there("controllerrevisions", name, uid) is not None:
            self._cluster.delete("controllerrevisions", worlds.NAMESPACE, name, HUMAN)

    def _delete_slice(self, name: str, uid: str) -> None:
        if self._there("dagrunslices", name, uid) is not None:
            self._cluster.delete("dagrunslices", worlds.NAMESPACE, name, HUMAN)

    def _hold(self, run: Object) -> None:
        """Somebody suspends a run of a Backfill, as a rule before it can start."""
        if not self._released and self._chance.random() < 0.3:
            held = worlds.Act(0, "suspend-run", run["metadata"]["name"], value=True)
            self._later(self._chance.choice([0.0, 0.001, 0.02]), self.act, held)

    def _occupy(self, run: Object) -> None:
        """Somebody else's Pod has the name that an attempt will have."""
        chance, meta = self._chance, run["metadata"]
        tasks = [task["name"] for act in self._world.acts if act.what == "apply"
                 for task in act.value["tasks"]]  # fmt: skip
        task, attempt = chance.choice(tasks), chance.choice([1, 1, 2])
        name = naming.pod_name(meta["name"], meta["uid"], task, None, attempt)
        self._tell(f"human: the name of {task}, attempt {attempt}, of {meta['name']} is taken")
        foreign = {
            "metadata": {"name": name, "namespace": worlds.NAMESPACE, "labels": FOREIGN},
            "spec": {},
        }
        if (worlds.NAMESPACE, name) not in self._cluster.objects["pods"]:
            self._cluster.create("pods", foreign, HUMAN)

    def _break_labels(self, name: str, uid: str) -> None:
        key, value = self._chance.choice(
            [
                (labels.LABEL_MANAGED_BY, None),
                (labels.LABEL_MANAGED_BY, "somebody"),
                (labels.LABEL_TASK, "t0"),
                (labels.LABEL_TASK, None),
                (labels.LABEL_ATTEMPT, "77"),
                (labels.LABEL_ATTEMPT, "x"),
                (labels.LABEL_RUN_UID, None),
                (OWNER, None),
            ]
        )
        if self._there("pods", name, uid) is None:
            return
        self._tell(f"human: label {key} of {name} becomes {value}")

        def edit(pod: Object) -> None:
            if key == OWNER:
                pod["metadata"].pop("ownerReferences", None)
            pod["metadata"]["labels"].pop(key, None)
            if value is not None:
                pod["metadata"]["labels"][key] = value

        self._cluster.edit("pods", worlds.NAMESPACE, name, edit, HUMAN)

    def _break_status(self, meta: Object) -> None:
        run = self._there("dagruns", meta["name"], meta["uid"])
        if run is None:
            return
        damage = self._chance.choice(DAMAGES)
        self._facts.runs[meta["uid"]].tampered = True
        self._tell(f"human: the status of {meta['name']} is {damage}")
        self._cluster.edit("dagruns", worlds.NAMESPACE, meta["name"], DAMAGE[damage], HUMAN)


def _wiped(run: Object) -> None:
    run.pop("status", None)


def _rowless(run: Object) -> None:
    run.get("status", {}).pop("tasks", None)


def _unfinished(run: Object) -> None:
    for condition in run.get("status", {}).get("conditions", ()):
        condition["status"] = "Unknown" if condition["type"] == "Succeeded" else "False"


def _succeeded(run: Object) -> None:
    for row in run.get("status", {}).get("tasks", ()):
        row["state"] = "Succeeded"


def _misfit(run: Object) -> None:
    run["status"] = {"tasks": "none", "conditions": 7}


def _forgetful(run: Object) -> None:
    for row in run.get("status", {}).get("tasks", ()):
        row.pop("attempts", None)


DAMAGE: dict[str, Callable[[Object], None]] = {
    "wiped": _wiped,
    "rowless": _rowless,
    "unfinished": _unfinished,
    "succeeded": _succeeded,
    "misfit": _misfit,
    "forgetful": _forgetful,
}
