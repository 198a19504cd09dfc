"""kubectl with a kubeconfig of its own, so that nobody's current context is ever touched.

A watch is read through ``kubectl get --raw``: one line of JSON for each event, in the order in
which the API server saw them.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shlex
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dev.cluster.run import environment, run, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWER_SECONDS_MAX = 120.0


class Event(NamedTuple):
    """What a watch told, and when it arrived here (monotonic seconds)."""

    at: float
    type: str
    object: dict[str, Any]


@dataclass(frozen=True)
class Kubectl:
    """One cluster and one namespace of it."""

    program: Path
    kubeconfig: Path
    namespace: str = "default"

    def __call__(self, *args: str, text: str | None = None) -> str:
        """Run kubectl and return what it wrote; raises `dev.cluster.run.Failed`."""
        return run(*self.words(*args), text=text, timeout=ANSWER_SECONDS_MAX)

    def words(self, *args: str) -> list[str]:
        """The command line, with the cluster and the namespace it is meant for."""
        where = ("--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace)
        return [str(self.program), *where, *args]

    def shown(self, *args: str) -> str:
        """The same command as a person types it, who has the cluster's kubeconfig exported."""
        return shlex.join(["kubectl", "-n", self.namespace, *args])

    def get(self, *args: str) -> dict[str, Any]:
        """Get an object, or a list of them."""
        answer: dict[str, Any] = json.loads(self("get", *args, "-o", "json"))
        return answer

    @contextlib.contextmanager
    def watch(self, *paths: str) -> Iterator[queue.SimpleQueue[Event]]:
        """Watch API paths; the first events tell what is there already."""
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        watches = [self._start(path, events) for path in paths]
        try:
            yield events
        finally:
            for child in watches:
                stop(child)

    def _start(self, path: str, events: queue.SimpleQueue[Event]) -> subprocess.Popen[str]:
        separator = "&" if "?" in path else "?"
        child = subprocess.Popen(
            self.words("get", "--raw", f"{path}{separator}watch=true"),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=_read, args=(child, events), daemon=True).start()
        return child


def _read(child: subprocess.Popen[str], events: queue.SimpleQueue[Event]) -> None:
    assert child.stdout is not None
    with child.stdout as lines:
        for line in lines:
            told = json.loads(line)
            events.put(Event(time.monotonic(), told["type"], told["object"]))


def path(namespace: str, plural: str, selector: str = "", field: str = "") -> str:
    """The API path of a list, for `Kubectl.watch`; selectors are ``key=value``."""
    group = "api/v1" if plural == "pods" else "apis/kubedag.dev/v1alpha1"
    query = [("labelSelector", selector), ("fieldSelector", field)]
    asked = "&".join(f"{name}={value.replace('=', '%3D')}" for name, value in query if value)
    return f"/{group}/namespaces/{namespace}/{plural}" + (f"?{asked}" if asked else "")
