"""How soon after a failure the end of its log is in the run's status, where kubectl shows it.

The container says itself when it ends, by the clock of its kernel, which the test reads through the
node. What lies in between: the kubelet notices the end and tells the API server, the operator reads
the log and writes the status, and kubectl is told.
"""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass, field

import pytest

from dev.demo.kubectl import path
from e2e import kube, node

pytestmark = pytest.mark.alone

FAILURES = 8
SECONDS_MAX = 2.0
CLOCK_TRIES = 5
LOG_REQUESTS = re.compile(
    r'^apiserver_request_total\{.*subresource="log".*\} (\S+)$', re.MULTILINE
)


def uptime_offset(where):
    """What to add to the uptime of the node's kernel to get this process's monotonic clock."""
    best = None
    for _ in range(CLOCK_TRIES):
        before = time.monotonic()
        uptime = float(where.shell("cut -d ' ' -f 1 /proc/uptime"))
        after = time.monotonic()
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) / 2 - uptime)
    return best[1]


def await_the_end_of_earlier_tests(kubectl):
    """While their namespaces go, their Pods fail, and the operator reads the logs of these, too."""
    going = [
        f"namespace/{each['metadata']['name']}"
        for each in kubectl.get("namespaces")["items"]
        if each["status"]["phase"] == "Terminating"
    ]
    if going:
        kubectl("wait", *going, "--for=delete", "--timeout=90s")


def logs_read(kubectl):
    """How often the API server has been asked for a log."""
    return sum(float(n) for n in LOG_REQUESTS.findall(kubectl("get", "--raw", "/metrics")))


@dataclass
class Sights:
    """When each failure was first seen, in the Pod and in the status, and the tail that was told."""

    failed: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    tails: dict[str, str] = field(default_factory=dict)

    def take(self, event):
        if event.object["kind"] == "Pod":
            if event.object["status"].get("phase") == "Failed":
                self.failed.setdefault(kube.task_of(event), event.at)
            return
        for row in event.object.get("status", {}).get("tasks", ()):
            for attempt in row.get("attempts", ()):
                if "log" in attempt and row["name"] not in self.told:
                    self.told[row["name"]] = event.at
                    self.tails[row["name"]] = attempt["log"]["tail"]


def seconds(figures):
    return ", ".join(f"{figure:.2f}" for figure in sorted(figures))


def test_the_end_of_a_log_is_taken_once_and_soon_after_the_failure(cluster, kubectl, namespace):
    """The limit is for the operator's part; how soon a kubelet tells of an end is its own affair."""
    where = node.control_plane(cluster, kubectl)
    await_the_end_of_earlier_tests(kubectl)
    say_when = "echo 'no such table'; cut -d ' ' -f 1 /proc/uptime; exit 5"
    tasks = [
        kube.task(f"fails-{number}", f"sleep {3 + 2 * number}; {say_when}")
        for number in range(FAILURES)
    ]
    offset, before = uptime_offset(where), logs_read(kubectl)
    paths = (path(namespace.kubectl.namespace, plural) for plural in ("pods", "dagruns"))
    seen = Sights()
    with kubectl.watch(*paths) as events:
        run = namespace.start(kube.dag("failing", *tasks))
        while len(seen.told) < FAILURES or len(seen.failed) < FAILURES:
            seen.take(events.get(timeout=kube.SECONDS_MAX))
    ended = namespace.finish(run)

    whole = [at - offset - float(seen.tails[name].split()[-1]) for name, at in seen.told.items()]
    ours = [at - seen.failed[name] for name, at in seen.told.items()]
    print("\nSeconds from the program's end to its log in the status:", seconds(whole))  # noqa: T201
    print("Seconds of that after the Pod's phase was Failed:", seconds(ours))  # noqa: T201
    assert all(tail.startswith("no such table\n") for tail in seen.tails.values())
    assert {row["reason"] for row in ended["status"]["tasks"]} == {"ExitCode"}
    assert logs_read(kubectl) - before == FAILURES
    assert statistics.median(ours) <= SECONDS_MAX
