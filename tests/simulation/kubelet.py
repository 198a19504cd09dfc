"""What becomes of Pods: a scheduler, a kubelet and a garbage collector that follow a script.

How each attempt of each task goes is fixed by the world before it begins (`Life`), so that what the
operator does cannot change what the Pods do, and an oracle can know the end in advance.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from kubedag.core import pods as labels
from simulation import bounds
from simulation.cluster import ENDED, Change, Cluster, Object, stamp

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

USER, INFRA, CONFIG = "User", "Infra", "Config"
TOLD_TO_END = "told to end"
TROUBLE = {
    "bad-image": "InvalidImageName",
    "no-image": "ImagePullBackOff",
    "no-secret": "CreateContainerConfigError",
}
"""What a container waits for that never comes."""
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
GATE = {"name": "example.com/quota"}
GARBAGE_SECONDS = 5.0
"""Until it is seen that the owner which a Pod gets back is no more."""


class Life(NamedTuple):
    """How the Pod of one attempt goes, if nobody ends it."""

    end: str
    """ok, exit, oom, drain, shutdown, evicted, unexplained; or never: forever, and those of TROUBLE."""
    exit_code: int = 0
    schedule_seconds: float = 0.1
    start_seconds: float = 0.5
    run_seconds: float = 5.0
    gate_seconds: float = 0.0
    """So long it must not be scheduled."""
    trouble: str = ""
    """What its container waits for, in vain at first."""
    trouble_seconds: float = 0.0
    log: bytes | None = b""
    """None if it can not be read."""


CLASS_OF_END = {
    "exit": USER, "oom": USER, "evicted": USER, "unexplained": USER, "forever": USER,
    "no-image": CONFIG, "no-secret": CONFIG, "bad-image": CONFIG,
    "drain": INFRA, "shutdown": INFRA,
}  # fmt: skip
"""Whose failure each end is, by the documentation of DAGs; `ok` is none."""


class Kubelet:
    """Watches the cluster and moves its Pods on."""

    def __init__(
        self,
        cluster: Cluster,
        life_of: Callable[[Object], Life],
        chance: random.Random,
        nodes: int = 3,
    ) -> None:
        self._nodes = nodes
        self._cluster = cluster
        self._life_of = life_of
        self._chance = chance
        self._lives: dict[str, Life] = {}
        self._foreign: set[str] = set()
        """Pods that somebody else has made."""
        cluster.observers.append(self._observe)

    def _observe(self, change: Change) -> None:
        if change.plural == "dagruns" and change.type == "DELETED":
            self._later(self._chance.uniform(0.1, 5), self._collect, change.obj)
        if change.plural == "dagrunslices" and change.type == "ADDED":
            self._later(
                self._chance.uniform(1, 5), self._collect_if_orphan, change.plural, change.obj
            )
        if change.plural != "pods" or change.obj["metadata"]["uid"] in self._foreign:
            return
        meta = change.obj["metadata"]
        key = (meta["namespace"], meta["name"], meta["uid"])
        if change.type == "ADDED":
            if not change.actor.startswith("operator"):
                self._foreign.add(meta["uid"])
                return
            life = self._lives[meta["uid"]] = self._life_of(change.obj)
            if change.obj["spec"].get("schedulingGates"):
                self._later(life.gate_seconds, self._open, key)
            else:
                self._later(life.schedule_seconds, self._schedule, key)
            self._later(
                self._chance.uniform(1, 5), self._collect_if_orphan, change.plural, change.obj
            )
        elif change.type == "MODIFIED" and change.old is not None:
            before = change.old["metadata"]
            if meta.get("deletionTimestamp") and not before.get("deletionTimestamp"):
                self._later(self._chance.uniform(0.05, 5), self._terminate, key)
            if meta.get("ownerReferences") and not before.get("ownerReferences"):
                self._later(GARBAGE_SECONDS, self._collect_if_orphan, change.plural, change.obj)

    def _later(self, seconds: float, what: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(seconds, what, *args)

    def _pod(self, key: tuple[str, str, str]) -> Object | None:
        pod = self._cluster.objects["pods"].get(key[:2])
        return pod if pod is not None and pod["metadata"]["uid"] == key[2] else None

    def _edit(self, key: tuple[str, str, str], change: Callable[[Object], None]) -> None:
        def seen(pod: Object) -> None:
            change(pod)
            pod["status"]["observedGeneration"] = pod["metadata"]["generation"]

        self._cluster.edit("pods", key[0], key[1], seen, "kubelet")

    # --- A life ----------------------------------------------------------------------------------

    def _open(self, key: tuple[str, str, str]) -> None:
        """Whoever holds the gate opens it."""
        pod = self._pod(key)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        self._edit(key, lambda pod: pod["spec"].pop("schedulingGates"))
        self._later(self._lives[key[2]].schedule_seconds, self._schedule, key)

    def _schedule(self, key: tuple[str, str, str]) -> None:
        pod = self._pod(key)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        life, now = self._lives[key[2]], stamp(self._cluster.time())
        node = bounds.node_of(pod, hash_of(key[1]), self._nodes)
        if node is None:
            self._edit(key, lambda pod: pod["status"].update(conditions=[UNSCHEDULABLE]))
            return

        def bind(pod: Object) -> None:
            pod["spec"]["nodeName"] = node
            pod["status"] |= {
                "startTime": now,
                "conditions": [
                    {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
                ],
            }
            waiting = {"reason": TROUBLE.get(life.end) or life.trouble or "ContainerCreating"}
            _set_main(pod, {"waiting": waiting})

        self._edit(key, bind)
        if life.end not in TROUBLE:
            self._later(life.trouble_seconds + life.start_seconds, self._start, key)

    def _start(self, key: tuple[str, str, str]) -> None:
        pod = self._pod(key)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        life, now = self._lives[key[2]], stamp(self._cluster.time())

        def run(pod: Object) -> None:
            pod["status"]["phase"] = "Running"
            _set_main(pod, {"running": {"startedAt": now}})

        self._edit(key, run)
        if life.log is not None:
            self._cluster.logs[key[2]] = life.log
        if life.end != "forever":
            self._later(life.run_seconds, self._end, key)

    def _end(self, key: tuple[str, str, str]) -> None:
        pod = self._pod(key)
        if pod is None or pod["status"]["phase"] in ENDED:
            return
        life = self._lives[key[2]]
        code = life.exit_code if life.end in ("exit", "ok") else 137
        reason = {"ok": "Completed", "oom": "OOMKilled"}.get(life.end, "Error")
        self._edit(key, lambda pod: self._ended(pod, code, reason, life))

    def _ended(self, pod: Object, code: int, reason: str, life: Life | None) -> None:
        now = stamp(self._cluster.time())
        main = (pod["status"].get("containerStatuses") or [{"state": {}}])[0]["state"]
        started = (main.get("running") or {}).get("startedAt")
        _set_main(
            pod,
            {"terminated": {"exitCode": code, "reason": reason, "startedAt": started,
                            "finishedAt": now, "message": "the last words" if code else ""}},
        )  # fmt: skip
        pod["status"]["phase"] = "Failed" if code else "Succeeded"
        if life is None:
            pod["status"]["message"] = TOLD_TO_END
        elif life.end == "drain":
            pod["status"]["conditions"].append(
                {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
            )
        elif life.end in ("shutdown", "evicted"):
            pod["status"]["reason"] = {"shutdown": "NodeShutdown", "evicted": "Evicted"}[life.end]

    def _terminate(self, key: tuple[str, str, str]) -> None:
        """The grace period is over, or the program took the hint."""
        pod = self._pod(key)
        if pod is None:
            return
        if pod["status"]["phase"] == "Running":
            code = self._chance.choice([137, 143, 0, 1])
            self._edit(key, lambda pod: self._ended(pod, code, "Error", None))
        elif pod["status"]["phase"] == "Pending" and pod["spec"].get("nodeName"):
            self._edit(key, _never_began)
        self._later(self._chance.uniform(0.01, 0.5), self._remove, key)

    def _remove(self, key: tuple[str, str, str]) -> None:
        if self._pod(key) is not None:
            self._cluster.let_go("pods", key[0], key[1], "kubelet")

    # --- Garbage -----------------------------------------------------------------------------------

    def _collect(self, owner: Object) -> None:
        uid = owner["metadata"]["uid"]
        for plural in ("pods", "dagrunslices"):
            for (namespace, name), child in list(self._cluster.objects[plural].items()):
                owners = child["metadata"].get("ownerReferences", ())
                if any(owner["uid"] == uid for owner in owners):
                    self._cluster.delete(plural, namespace, name, "gc")

    def _collect_if_orphan(self, plural: str, created: Object) -> None:
        meta = created["metadata"]
        child = self._cluster.objects[plural].get((meta["namespace"], meta["name"]))
        if child is None or child["metadata"]["uid"] != meta["uid"]:
            return
        owners = child["metadata"].get("ownerReferences")
        if not owners:
            return
        owner = owners[0]
        run = self._cluster.objects["dagruns"].get((meta["namespace"], owner["name"]))
        if run is None or run["metadata"]["uid"] != owner["uid"]:
            self._cluster.delete(plural, meta["namespace"], meta["name"], "gc")


def _never_began(pod: Object) -> None:
    """The kubelet gives it a phase that ends (KEP-3329), and its container says what it said."""
    pod["status"] |= {"phase": "Failed", "message": TOLD_TO_END}


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    return sum(text.encode())


def _set_main(pod: Object, state: Object) -> None:
    pod["status"]["containerStatuses"] = [
        {"name": labels.MAIN_CONTAINER, "restartCount": 0, "state": state}
    ]
