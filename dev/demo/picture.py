"""One run as it is seen from outside: the status it shows, and the Pods that come and go.

Nothing is asked of the operator. What it does is taken from one watch of the Pods and one of the
run, in the order in which they told it, so that its promises can be checked against the facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kubectl import Event

TASK = "kubedag.dev/task"
ATTEMPT = "kubedag.dev/attempt"
CREATING = "CreatingPod"  # the Pod itself is about to tell


@dataclass
class Sighting:
    """A Pod: when it was first seen and when it was seen to have ended, in seconds."""

    name: str
    task: str
    attempt: int
    appeared: float
    created: str
    phase: str = "Pending"
    succeeded: float | None = None


@dataclass
class Picture:
    """The DAG's tasks with those they depend on, and everything seen of one run of it."""

    upstreams: dict[str, tuple[str, ...]]
    began: float
    pods: dict[str, Sighting] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    next_attempts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, dag: dict[str, Any], began: float) -> Picture:
        """An empty picture of a DAG's next run."""
        tasks = dag["spec"]["tasks"]
        return cls({task["name"]: tuple(task.get("dependsOn", ())) for task in tasks}, began)

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of the run's status, by task."""
        return {row["name"]: row for row in self.run.get("status", {}).get("tasks", ())}

    @property
    def finished(self) -> bool:
        """Whether the run says that it has ended."""
        return self.condition("Finished").get("status") == "True"

    def condition(self, type_: str) -> dict[str, Any]:
        """A condition of the run; empty if it has none of that type."""
        conditions = self.run.get("status", {}).get("conditions", ())
        found: dict[str, Any] = next((c for c in conditions if c["type"] == type_), {})
        return found

    def pod_of(self, task: str) -> Sighting | None:
        """The newest Pod of a task."""
        pods = [pod for pod in self.pods.values() if pod.task == task]
        return max(pods, key=lambda pod: pod.attempt, default=None)

    def take(self, event: Event) -> list[str]:
        """Take one event in, and return what it changed, in words."""
        if event.object.get("kind") == "Pod":
            return self._take_pod(event)
        if event.object.get("kind") != "DAGRun" or event.type == "DELETED":
            return []
        before, self.run = self.rows, event.object
        for name, row in self.rows.items():
            if row.get("nextAttemptTime"):
                self.next_attempts[name] = row["nextAttemptTime"]
        return [
            f"{name:<14} {describe(row)}"
            for name, row in self.rows.items()
            if row["state"] not in ("Waiting", "Pending")
            and row.get("reason") != CREATING
            and describe(row) != describe(before.get(name, {"state": "Waiting"}))
        ]

    def _take_pod(self, event: Event) -> list[str]:
        meta, at = event.object["metadata"], event.at - self.began
        told = []
        pod = self.pods.get(meta["name"])
        if pod is None:
            labels = meta["labels"]
            pod = Sighting(
                meta["name"], labels[TASK], int(labels[ATTEMPT]), at, meta["creationTimestamp"]
            )
            self.pods[pod.name] = pod
            told.append(f"{pod.task:<14} Pod {pod.name} created{self._gap(pod)}")
        pod.phase = event.object.get("status", {}).get("phase", pod.phase)
        if pod.phase == "Succeeded" and pod.succeeded is None:
            pod.succeeded = at
        return told

    def gap_seconds(self, pod: Sighting) -> float | None:
        """From the last upstream's success to the Pod; None without upstreams, or on a retry."""
        ends = [self.succeeded_at(name) for name in self.upstreams[pod.task]]
        known = [end for end in ends if end is not None]
        if pod.attempt > 1 or not known or len(known) < len(ends):
            return None
        return pod.appeared - max(known)

    def succeeded_at(self, task: str) -> float | None:
        """When a Pod of the task was seen to have succeeded."""
        pods = (pod for pod in self.pods.values() if pod.task == task)
        return next((pod.succeeded for pod in pods if pod.succeeded is not None), None)

    def _gap(self, pod: Sighting) -> str:
        gap = self.gap_seconds(pod)
        if gap is None:
            return ""
        upstreams = " and ".join(self.upstreams[pod.task])
        return f", {milliseconds(gap)} after {upstreams} succeeded"


def milliseconds(gap: float) -> str:
    """Write the time between two events; a watch may deliver them together."""
    return f"{gap * 1000:.0f} ms" if gap >= 0.001 else "<1 ms"


def describe(row: dict[str, Any]) -> str:
    """A task's state in words: what happened, and what is waited for."""
    return f"{row['state']} {note(row)}".rstrip()


def note(row: dict[str, Any]) -> str:
    """What there is to say about a state."""
    words = []
    if row.get("attempt", 0) > 1:
        words.append(f"at attempt {row['attempt']}")
    if why := row.get("message") or row.get("reason"):
        words.append(f"({why.strip().splitlines()[0]})")
    if row["state"] == "AwaitingRetry":
        words.append(f"next attempt at {row.get('nextAttemptTime', '?')}")
    return " ".join(words)
