"""Turns what the parts have counted into metrics and checks.

The parts keep plain numbers, so that nothing on the hot path knows Prometheus.
"""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING, Any

from kubedag.shell.health import Metric, counter, gauge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedag.shell.http_api import Stats
    from kubedag.shell.informer import Informer
    from kubedag.shell.lease import Election
    from kubedag.shell.queue import KeyedQueue
    from kubedag.shell.recorder import Recorder


def of_api(stats: Stats) -> list[Metric]:
    """Requests to the API server, and how often it asked for patience."""
    samples = tuple(
        ({"verb": verb, "resource": resource, "code": str(code or "none")}, float(times))
        for (verb, resource, code), times in sorted(stats.requests.items())
    )
    return [
        Metric("kubedag_api_requests_total", "counter", "Requests to the API server.", samples),
        counter("kubedag_api_throttled_total", "Answers 429.", stats.throttled),
        counter(
            "kubedag_api_throttled_seconds_total", "Waited after 429.", stats.throttled_seconds
        ),
        counter("kubedag_api_unauthorized_total", "Answers 401.", stats.unauthorized),
        counter("kubedag_api_gated_total", "Writes stopped by the gate.", stats.gated),
    ]


def of_queue(queue: KeyedQueue[Any]) -> list[Metric]:
    """What waits to be decided, and for how long."""
    return [
        gauge("kubedag_queue_depth", "Keys that wait for a worker.", queue.depth),
        gauge("kubedag_queue_delayed", "Keys that wait for their time.", queue.delayed),
        gauge("kubedag_queue_failing", "Keys whose last pass failed.", queue.failing),
        counter("kubedag_queue_adds_total", "Keys added.", queue.adds),
        counter("kubedag_queue_gets_total", "Keys taken.", queue.gets),
        counter("kubedag_queue_retries_total", "Keys tried again.", queue.retries),
        gauge(
            "kubedag_queue_latency_seconds", "Wait of the last key.", queue.latency_seconds_last
        ),
        gauge("kubedag_queue_latency_seconds_max", "Longest wait.", queue.latency_seconds_max),
    ]


def of_informers(informers: Mapping[str, Informer[Any]]) -> list[Metric]:
    """The caches, by the name of their stream."""

    def family(name: str, kind: Any, help_text: str, values: list[float]) -> Metric:
        streams = ({"stream": stream} for stream in informers)
        return Metric(name, kind, help_text, tuple(zip(streams, values, strict=True)))

    all_of = list(informers.values())
    all_stats = [informer.stats for informer in all_of]
    prefix = "kubedag_informer_"
    return [
        family(f"{prefix}objects", "gauge", "Objects known.", [len(i.records) for i in all_of]),
        family(
            f"{prefix}silent_seconds",
            "gauge",
            "Since the API server last said anything.",
            [informer.silent_seconds() for informer in all_of],
        ),
        *(
            family(
                f"{prefix}{field}_total",
                "counter",
                help_text,
                [getattr(stats, field) for stats in all_stats],
            )
            for field, help_text in (
                ("events", "Watch events."),
                ("lists", "Lists completed."),
                ("watches", "Watches begun."),
                ("failures", "Lists and watches that failed."),
                ("stale_events", "Events older than what was known."),
                ("undecodable", "Objects that could not be read."),
                ("missed_deletes", "Deletions found by a list."),
            )
        ),
    ]


def of_election(election: Election) -> list[Metric]:
    """Whether this replica leads."""
    return [
        gauge("kubedag_leader", "1 if this replica leads.", float(election.is_leader())),
        counter("kubedag_leader_terms_total", "Terms begun.", election.terms),
        counter("kubedag_leader_failures_total", "Failed lease requests.", election.failures),
    ]


def of_recorder(recorder: Recorder) -> list[Metric]:
    """Kubernetes Events told, and not told."""
    samples = tuple(
        ({"outcome": outcome}, float(getattr(recorder, outcome)))
        for outcome in ("sent", "repeated", "dropped", "failed")
    )
    return [
        Metric("kubedag_events_total", "counter", "Kubernetes Events by outcome.", samples),
        gauge("kubedag_events_waiting", "Kubernetes Events to be sent.", recorder.depth),
    ]


def of_process() -> list[Metric]:
    """CPU and memory, under the names that every Prometheus client uses."""
    metrics = [counter("process_cpu_seconds_total", "User and system CPU.", time.process_time())]
    resident = _resident_bytes()
    if resident:
        metrics.append(gauge("process_resident_memory_bytes", "Resident memory.", resident))
    return metrics


def _resident_bytes() -> int:
    """Linux only; 0 elsewhere."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  # asked often, and never on disk
            pages = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize()


def stream_check(informer: Informer[Any], seconds_max: float = 180.0) -> str:
    """A readiness check: the cache has been filled, and is being told of changes."""
    if not informer.synced.is_set():
        return "not yet listed"
    silent_seconds = informer.silent_seconds()
    if silent_seconds > seconds_max:
        return f"nothing heard for {silent_seconds:.0f} s"
    return ""
