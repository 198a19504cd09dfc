"""How soon after a failure the end of its log is in the run's status, where kubectl shows it.

The container says itself when it ends, by the clock of its kernel, which the test reads through the
node. What lies in between: the kubelet notices the end and tells the API server, the operator reads
the log and writes the status, and kubectl is told.
"""

from __future__ import annotations

import re
import statistics
import time

from dev.demo.kubectl import path
from e2e import kube, node

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


def logs_read(kubectl):
    """How often the API server has been asked for a log."""
    return sum(float(n) for n in LOG_REQUESTS.findall(kubectl("get", "--raw", "/metrics")))


def tails(events):
    """When each task's log tail was first seen in the status, and the tail."""
    seen: dict[str, tuple[float, str]] = {}
    while len(seen) < FAILURES:
        event = events.get(timeout=kube.SECONDS_MAX)
        for row in event.object.get("status", {}).get("tasks", ()):
            for attempt in row.get("attempts", ()):
                if "log" in attempt:
                    seen.setdefault(row["name"], (event.at, attempt["log"]["tail"]))
    return seen


def test_the_end_of_a_log_is_taken_once_and_soon_after_the_failure(cluster, kubectl, namespace):
    where = node.control_plane(cluster, kubectl)
    say_when = "echo 'no such table'; cut -d ' ' -f 1 /proc/uptime; exit 5"
    tasks = [
        kube.task(f"fails-{number}", f"sleep {3 + 2 * number}; {say_when}")
        for number in range(FAILURES)
    ]
    offset, before = uptime_offset(where), logs_read(kubectl)
    with kubectl.watch(path(namespace.kubectl.namespace, "dagruns")) as events:
        run = namespace.start(kube.dag("failing", *tasks))
        seen = tails(events)
    ended = namespace.finish(run)

    took = sorted(at - offset - float(tail.split()[-1]) for at, tail in seen.values())
    shown = ", ".join(f"{seconds:.2f}" for seconds in took)
    print(f"\nfrom the program's end to its log in the status: {shown} s")  # noqa: T201
    assert all(tail.startswith("no such table\n") for _, tail in seen.values())
    assert {row["reason"] for row in ended["status"]["tasks"]} == {"ExitCode"}
    assert logs_read(kubectl) - before == FAILURES
    assert statistics.median(took) <= SECONDS_MAX
