"""What the operator tells about itself: is it ready, how fast is it, what has it asked of the API.

Readiness means that the caches hold what the API has. An API server that is away makes an operator
unready, never dead: starting it anew would not bring the API server back.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from kubedag.shell.health import Metric, counter, gauge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedag.shell.engine import Engine
    from kubedag.shell.health import Health
    from kubedag.shell.http_api import HttpApi
    from kubedag.shell.recorder import Recorder


def register(health: Health, engine: Engine, api: HttpApi, recorder: Recorder) -> None:
    """Have all of it served."""
    health.readiness["caches"] = lambda: _unsynced(engine)
    health.sources += [
        lambda: _engine(engine),
        lambda: _api(api),
        lambda: _recorder(recorder),
        _process,
    ]


def _unsynced(engine: Engine) -> str:
    flags = [one.synced for one in engine.pods.all.values()]
    flags += [one.synced for one in engine.revisions.all.values()]
    waiting = sum(not flag.is_set() for flag in flags)
    return f"{waiting} caches are not filled yet" if waiting else ""


def _engine(engine: Engine) -> Iterable[Metric]:
    queue, reconciler, writer = engine.queue, engine.reconciler, engine.writer
    active = sum(not run.newest.finished for run in engine.store.runs.values())
    yield gauge("kubedag_dags", "DAGs known.", len(engine.store.dags))
    yield gauge("kubedag_runs", "Runs known.", len(engine.store.runs))
    yield gauge("kubedag_runs_active", "Runs that have not ended.", active)
    yield gauge("kubedag_queue_depth", "Keys that wait for a decision.", queue.depth)
    yield gauge("kubedag_queue_latency_seconds", "Last wait in the queue.",
                queue.latency_seconds_last)  # fmt: skip
    yield counter(
        "kubedag_queue_retries_total", "Keys tried again after a failure.", queue.retries
    )
    yield counter("kubedag_decisions_total", "Decisions made.", reconciler.decisions)
    yield gauge("kubedag_decide_seconds_max", "Longest decision.", reconciler.decide_seconds_max)
    yield counter("kubedag_bugs_total", "Decisions or tasks that raised.",
                  reconciler.bugs + engine.tasks.bugs)  # fmt: skip
    yield counter("kubedag_status_writes_total", "Statuses stored.", writer.writes)
    yield counter("kubedag_status_conflicts_total", "Status writes that lost.", writer.conflicts)
    yield counter("kubedag_watch_events_total", "Watch events taken in.",
                  sum(one.stats.events for one in engine.pods.all.values()))  # fmt: skip
    yield gauge("kubedag_tasks_in_flight", "API calls under way.", len(engine.tasks))


def _api(api: HttpApi) -> Iterable[Metric]:
    samples = tuple(
        ({"verb": verb, "resource": what, "code": str(code)}, float(times))
        for (verb, what, code), times in sorted(api.stats.requests.items())
    )
    yield Metric("kubedag_api_requests_total", "counter", "Requests to the API server.", samples)
    yield counter("kubedag_api_throttled_seconds_total", "Time spent on Retry-After.",
                  api.stats.throttled_seconds)  # fmt: skip


def _recorder(recorder: Recorder) -> Iterable[Metric]:
    yield counter("kubedag_events_sent_total", "Events sent.", recorder.sent)
    yield counter("kubedag_events_dropped_total", "Events dropped.", recorder.dropped)


def _process() -> Iterable[Metric]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield counter("process_cpu_seconds_total", "CPU time.", usage.ru_utime + usage.ru_stime)
    yield gauge("process_max_resident_memory_bytes", "Peak memory.", usage.ru_maxrss * 1024)
