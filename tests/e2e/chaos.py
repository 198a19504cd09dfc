"""Does everything to a run that a bad day in a cluster can do to it, and counts what it did.

What is done, and how far the run has come when it is done, is drawn from a seed; the moment within
that is chance, as it is in life. Each of the three hands works in a thread of its own, so that a
Pod may be deleted while there is neither an operator nor an API server.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dev.cluster.problem import Problem
from e2e import laws

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.kube import Namespace
    from e2e.node import Node
    from e2e.witness import Witness

WHOLE = os.environ.get("DAY") == "whole"
"""A whole day takes six minutes; each run of all tests has a third of one."""
KILLS = 20 if WHOLE else 4
API_SERVER_RESTARTS = 3 if WHOLE else 1
DELETIONS = 30 if WHOLE else 10
# Of the tasks: nothing new falls due when so many are done. Kills are the slowest work, since each
# waits for the next operator, and what has fallen due must be over before the run is.
LAST_PART, LAST_PART_OF_KILLS = 0.8, 0.5
GRACE_SECONDS = (0, 0, 1, 2, None)  # None: what the Pod says itself
LEADERS_PART = 0.6  # of the kills wait until the operator leads
LIFE_SECONDS_MAX = 2.0  # of an operator from then on
SECONDS_MAX = 900  # for anything to happen that is waited for
RETRY_SECONDS = 0.3


@dataclass
class Score:
    """What was done."""

    kills: int = 0
    kills_of_a_leader: int = 0
    api_server_restarts: int = 0
    containerd_restarts: int = 0
    deletions: dict[str, int] = field(default_factory=dict)
    story: list[str] = field(default_factory=list, repr=False)
    began: float = field(default_factory=time.monotonic, repr=False)

    def tell(self, what: str) -> None:
        """For whoever has to find out what went wrong."""
        self.story.append(f"{time.monotonic() - self.began:6.1f} s  {what}")

    def deleted(self) -> int:
        return sum(self.deletions.values())


@dataclass
class Chaos:
    """The three hands, what they know, and the run they work on."""

    seed: int
    tasks: int
    namespace: Namespace
    system: Namespace
    node: Node
    pods: Witness
    operators: Witness
    leases: Witness
    score: Score = field(default_factory=Score)
    troubles: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def at_work(self):
        """Let all hands work until the block ends."""
        hands = [
            threading.Thread(target=self._hand, args=(work,), daemon=True)
            for work in (self.kill_operators, self.restart_things, self.delete_pods)
        ]
        for hand in hands:
            hand.start()
        try:
            yield self
        finally:
            self.over.set()
            for hand in hands:
                hand.join(timeout=60)

    def _hand(self, work: Callable[[random.Random], None]) -> None:
        try:
            work(random.Random(f"{self.seed}/{work.__name__}"))
        except Exception as trouble:  # noqa: BLE001 - it is told where the test can see it
            if not self.over.is_set():
                self.troubles.append(f"{work.__name__}: {trouble!r}")

    def done(self) -> int:
        """How many tasks have a Pod that succeeded, as far as is known."""
        return self._done.count(self.pods)

    def __post_init__(self) -> None:
        self._done = _Progress()

    def _moments(
        self, chance: random.Random, count: int, last_part: float = LAST_PART
    ) -> list[int]:
        """At how many finished tasks something is done, in order."""
        return sorted(chance.randint(3, int(self.tasks * last_part)) for _ in range(count))

    def _reach(self, moment: int) -> None:
        """Wait until so many tasks are done. Raises `_OverError` when the run has ended."""
        self._until(self.pods, lambda: self.done() >= moment, f"{moment} tasks that succeeded")

    def _until(self, witness: Witness, found: Callable[[], Any], what: str) -> Any:
        answer = witness.until(lambda: self.over.is_set() or found(), SECONDS_MAX, what)
        if self.over.is_set():
            raise _OverError
        return answer

    def _pause(self, seconds: float) -> None:
        if self.over.wait(seconds):
            raise _OverError

    def _insist(self, what: Callable[[], Any]) -> None:
        """Do something through the API server, which may be away."""
        while True:
            try:
                what()
            except Problem:
                self._pause(RETRY_SECONDS)
            else:
                return

    # --- the operator -----------------------------------------------------------------------

    def kill_operators(self, chance: random.Random) -> None:
        """SIGKILL, most often to one that leads, now and then to one that has just started."""
        killed: set[str] = set()
        for moment in self._moments(chance, KILLS, LAST_PART_OF_KILLS):
            self._reach(moment)
            while not self._kill_operator(chance, killed):
                pass  # it had ended by itself

    def _kill_operator(self, chance: random.Random, killed: set[str]) -> bool:
        pod, container = self._live_operator(killed)
        name = pod["metadata"]["name"]
        self.score.tell(f"{name} runs")
        if chance.random() < LEADERS_PART:
            self._until(self.leases, lambda: self._leads(pod), "an operator that leads")
            self.score.tell(f"{name} leads")
        self._pause(chance.uniform(0, LIFE_SECONDS_MAX))
        led = self._leads(pod)
        killed.add(container)
        alive = bool(self.node.kill(container))
        if alive:
            self.score.kills += 1
            self.score.kills_of_a_leader += led
            who = "the leader" if led else "no leader yet"
            self.score.tell(f"killed {name}, {who}; {self.done()} done")
        # Its container would be started again after ever longer pauses; a new Pod comes at once.
        words = ("delete", "pod", name, "--ignore-not-found", "--force", "--grace-period=0")
        self._insist(lambda: self.system.kubectl(*words))
        return alive

    def _live_operator(self, killed: set[str]) -> tuple[dict[str, Any], str]:
        def found():
            for pod in self.operators.objects():
                for status in pod["status"].get("containerStatuses", ()):
                    container = status.get("containerID", "").rpartition("/")[2]
                    if "running" in status["state"] and container not in killed:
                        return pod, container
            return None

        return self._until(self.operators, found, "an operator that runs")

    def _leads(self, pod: dict[str, Any]) -> bool:
        return any(
            lease["spec"].get("holderIdentity") == pod["metadata"]["name"]
            for lease in self.leases.objects()
        )

    # --- the API server and the container runtime -------------------------------------------

    def restart_things(self, chance: random.Random) -> None:
        """The API server, and somewhere in between the container runtime."""
        work = [self._upgrade_api_server, self._kill_api_server, self._upgrade_api_server]
        work = work[:API_SERVER_RESTARTS]
        work.insert(chance.randint(0, len(work)), self._restart_containerd)
        for what, moment in zip(work, self._moments(chance, len(work)), strict=True):
            self._reach(moment)
            self._pause(chance.uniform(0, 1))
            what()

    def _upgrade_api_server(self) -> None:
        self._restarted_api_server(self.node.upgrade_api_server)

    def _kill_api_server(self) -> None:
        self._restarted_api_server(self.node.kill_api_server)

    def _restarted_api_server(self, restart: Callable[[], None]) -> None:
        self.score.tell(f"{restart.__name__}; {self.done()} done")
        restart()
        self.score.api_server_restarts += 1
        self._insist(lambda: self.namespace.kubectl("get", "--raw", "/readyz"))
        self.score.tell("the API server is back")

    def _restart_containerd(self) -> None:
        self.score.tell("restart containerd")
        self.node.restart_containerd()
        self.score.containerd_restarts += 1

    # --- Pods -------------------------------------------------------------------------------

    def delete_pods(self, chance: random.Random) -> None:
        """Delete Pods that live, wherever in their lives they are."""
        for moment in self._moments(chance, DELETIONS):
            self._reach(moment)
            self._pause(chance.uniform(0, 1))
            while not self._delete_one(chance):
                self._pause(RETRY_SECONDS)

    def _delete_one(self, chance: random.Random) -> bool:
        live = [
            pod
            for pod in self.pods.objects()
            if laws.phase(pod) not in laws.ENDED and "deletionTimestamp" not in pod["metadata"]
        ]
        if not live:
            return False
        pod = chance.choice(sorted(live, key=lambda p: p["metadata"]["name"]))
        meta, grace = pod["metadata"], chance.choice(GRACE_SECONDS)
        asked: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
        }
        if grace is not None:
            asked["gracePeriodSeconds"] = grace
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        try:
            self.namespace.kubectl("delete", "--raw", path, "-f", "-", text=json.dumps(asked))
        except Problem:
            return False  # it has changed, or the API server is away
        self.score.tell(f"deleted {meta['name']}, {laws.phase(pod)}, grace {grace}")
        kind = "forced" if grace == 0 else "graceful"
        self.score.deletions[kind] = self.score.deletions.get(kind, 0) + 1
        return True


class _OverError(Exception):
    """The run has ended, and with it the work."""


class _Progress:
    """Counts the tasks that succeeded, looking at each sight once."""

    def __init__(self) -> None:
        self._looked_at = 0
        self._tasks: set[str] = set()
        self._lock = threading.Lock()

    def count(self, pods: Witness) -> int:
        with self._lock:
            for sight in pods.sights[self._looked_at :]:
                self._looked_at += 1
                if laws.phase(sight.object) == "Succeeded":
                    self._tasks.add(laws.label(sight.object, "task"))
            return len(self._tasks)
