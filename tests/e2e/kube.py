"""What the end-to-end tests say to the cluster: DAGs made of a few words, and waiting with an end.

Waiting is ``kubectl wait`` or a watch, always until something is so and never for a while. A test
that needs a task to be under way waits for its row in the run's status.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dev.cluster.problem import Problem

if TYPE_CHECKING:
    from dev.demo.kubectl import Event, Kubectl

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SECONDS_MAX = 90
BUSYBOX = "busybox:1.37"


def task(name, script="true", after=(), **fields):
    """A task that runs a line of shell, and ends at once when it is asked to."""
    return {
        "name": name,
        "dependsOn": list(after),
        "image": BUSYBOX,
        "command": ["sh", "-c", f"trap 'exit 143' TERM; {script}"],
        **fields,
    }


def sleep(seconds):
    """Sleep so that a signal is heeded."""
    return f"sleep {seconds} & wait"


BLOCKS_ONCE = f'test "$KUBEDAG_ATTEMPT" != 1 || {{ {sleep(300)}; }}'
"""The first attempt takes until somebody ends it, and the others no time."""


def dag(name, *tasks, **spec):
    return {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "DAG",
        "metadata": {"name": name},
        "spec": {"tasks": list(tasks), **spec},
    }


def run(dag_name, **spec):
    return {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "DAGRun",
        "metadata": {"generateName": f"{dag_name}-"},
        "spec": {"dagName": dag_name, **spec},
    }


@dataclass(frozen=True)
class Namespace:
    """One test's own namespace."""

    kubectl: Kubectl

    def apply(self, manifest):
        """Apply an object as it stands, or a file."""
        if isinstance(manifest, Path):
            return self.kubectl("apply", "-f", str(manifest))
        return self.kubectl("apply", "-f", "-", text=json.dumps(manifest))

    def refusal(self, manifest):
        """What the API server says when it does not take an object."""
        try:
            self.apply(manifest)
        except Problem as problem:
            return str(problem)
        raise AssertionError("it was taken")

    def create(self, manifest):
        """Create a run and return its name."""
        if isinstance(manifest, Path):
            said = self.kubectl("create", "-f", str(manifest), "-o", "name")
        else:
            said = self.kubectl("create", "-f", "-", "-o", "name", text=json.dumps(manifest))
        return said.strip().partition("/")[2]

    def start(self, definition, **spec):
        """Apply a DAG, and create a run of it."""
        self.apply(definition)
        return self.create(run(definition["metadata"]["name"], **spec))

    def wait(self, what, condition, seconds=SECONDS_MAX):
        """Wait for a condition such as ``Finished`` or ``jsonpath={.a}=b``."""
        asked = condition if "=" in condition else f"condition={condition}"
        try:
            self.kubectl("wait", what, f"--for={asked}", f"--timeout={seconds}s")
        except Problem as problem:
            seen = json.dumps(self.kubectl.get(what).get("status"), indent=1)
            pods = self.kubectl("get", "pods")
            pytest.fail(f"{problem.what}\n{what} says:\n{seen}\n{pods}", pytrace=False)

    def until(self, run_name, task_name, state):
        """Wait until a task of a run is in a state."""
        row = f'{{.status.tasks[?(@.name=="{task_name}")].state}}'
        self.wait(f"dagrun/{run_name}", f"jsonpath={row}={state}")

    def finish(self, run_name, seconds=SECONDS_MAX):
        """Wait until a run is over, and return it."""
        self.wait(f"dagrun/{run_name}", "Finished", seconds)
        return self.run(run_name)

    def run(self, name):
        return self.kubectl.get("dagrun", name)

    def patch(self, what, **spec):
        self.kubectl("patch", what, "--type", "merge", "-p", json.dumps({"spec": spec}))

    def pods(self, run_name):
        return self.kubectl.get("pods", "-l", f"kubedag.dev/run={run_name}")["items"]


def states(run_object):
    """The state of each task."""
    return {row["name"]: row["state"] for row in run_object["status"].get("tasks", ())}


def row(run_object, name):
    return next(r for r in run_object["status"]["tasks"] if r["name"] == name)


def condition(an_object, type_):
    found = an_object.get("status", {}).get("conditions", ())
    return next((c for c in found if c["type"] == type_), {})


@dataclass
class Recorder:
    """Every event of every Pod that kubedag makes, in the API server's order."""

    history: list[Event] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, event):
        with self.lock:
            self.history.append(event)

    def of_run(self, namespace, run_name):
        """The events of a run's Pods so far."""
        with self.lock:
            return [e for e in self.history if _belongs(e.object, namespace, run_name)]


def _belongs(pod: dict[str, Any], namespace: str, run_name: str) -> bool:
    meta = pod["metadata"]
    return meta["namespace"] == namespace and meta["labels"].get("kubedag.dev/run") == run_name


def task_of(event):
    return event.object["metadata"]["labels"]["kubedag.dev/task"]


def first_seen(events):
    """At which position of the events each task's first Pod appeared."""
    seen: dict[str, int] = {}
    for position, event in enumerate(events):
        seen.setdefault(task_of(event), position)
    return seen


def first_succeeded(events):
    """At which position of the events a Pod of each task had succeeded."""
    seen: dict[str, int] = {}
    for position, event in enumerate(events):
        if event.object["status"].get("phase") == "Succeeded":
            seen.setdefault(task_of(event), position)
    return seen


def pod_uids(events):
    """The Pods that each attempt of each task had: more than one would be a double."""
    uids: dict[tuple[str, str], set[str]] = {}
    for event in events:
        labels = event.object["metadata"]["labels"]
        key = (labels["kubedag.dev/task"], labels["kubedag.dev/attempt"])
        uids.setdefault(key, set()).add(event.object["metadata"]["uid"])
    return uids
