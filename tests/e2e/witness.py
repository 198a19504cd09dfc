"""Writes down what the API server says of some objects, from outside and across its restarts.

While the only API server is down nobody can write, so nothing happens unseen. When it is back, the
witness lists before it watches again: what changed between the two connections is then known, but
not in which order it did. Such sights carry the number of their list (`seam`), and the laws go by
time stamps within one.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dev.cluster.problem import Problem
from dev.cluster.run import environment, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.demo.kubectl import Kubectl

GONE = "DELETED"
RETRY_SECONDS = 0.2


@dataclass(frozen=True)
class Sight:
    """One object, as it was at one moment."""

    at: float  # monotonic seconds
    type: str  # ADDED, MODIFIED or DELETED
    object: dict[str, Any]
    seam: int = 0  # which list told of it; 0 for the watch, whose order is the API server's

    @property
    def uid(self) -> str:
        return self.object["metadata"]["uid"]

    @property
    def name(self) -> str:
        return self.object["metadata"]["name"]


@dataclass
class Witness:
    """Everything seen at one API path, in order, and what is there now."""

    kubectl: Kubectl
    path: str
    sights: list[Sight] = field(default_factory=list)
    present: dict[str, dict[str, Any]] = field(default_factory=dict)
    seams: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    _over: threading.Event = field(default_factory=threading.Event)
    _child: subprocess.Popen[str] | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[Witness]:
        """Watch until the block ends; what is there already has been seen when it begins."""
        version = self._list()
        thread = threading.Thread(target=self._go_on, args=(version,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            if self._child:
                stop(self._child)
            thread.join(timeout=30)

    def until(self, found: Callable[[], Any], seconds: float, what: str) -> Any:
        """Wait until a question about what was seen has an answer, and return it."""
        end = time.monotonic() + seconds
        with self.changed:
            while not (answer := found()):
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{what}: not seen within {seconds:.0f} s")
                self.changed.wait(min(left, 1.0))
            return answer

    def objects(self) -> list[dict[str, Any]]:
        with self.changed:
            return list(self.present.values())

    def _go_on(self, version: str) -> None:
        while not self._over.is_set():
            self._watch(version)
            while not self._over.wait(RETRY_SECONDS):
                with contextlib.suppress(Problem, ValueError):
                    version = self._list()
                    break

    def _list(self) -> str:
        listed = json.loads(self.kubectl("get", "--raw", self.path))
        now, there = time.monotonic(), {i["metadata"]["uid"]: i for i in listed["items"]}
        with self.changed:
            self.seams += 1
            for uid in self.present.keys() - there.keys():
                self._see(Sight(now, GONE, self.present[uid], self.seams))
            for uid, item in there.items():
                if self.present.get(uid, {}).get("metadata") != item["metadata"]:
                    kind = "MODIFIED" if uid in self.present else "ADDED"
                    self._see(Sight(now, kind, item, self.seams))
            self.changed.notify_all()
        return str(listed["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> None:
        """Until the stream ends, for whatever reason."""
        separator = "&" if "?" in self.path else "?"
        asked = f"{self.path}{separator}watch=true&resourceVersion={version}"
        self._child = subprocess.Popen(
            self.kubectl.words("get", "--raw", asked),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        with self._child.stdout as lines:
            for line in lines:
                try:
                    told = json.loads(line)
                except ValueError:  # cut off in the middle
                    break
                if told["type"] not in ("ADDED", "MODIFIED", GONE):
                    break
                with self.changed:
                    self._see(Sight(time.monotonic(), told["type"], told["object"]))
                    self.changed.notify_all()
        stop(self._child)

    def _see(self, sight: Sight) -> None:
        self.sights.append(sight)
        if sight.type == GONE:
            self.present.pop(sight.uid, None)
        else:
            self.present[sight.uid] = sight.object
