"""What the operator tells about itself: is it ready, what has it decided, what has it asked for.

Readiness means that the caches hold what the API has, on a standby as well as on the leader. An API
server that is away makes an operator unready, never dead: starting it anew would not bring the API
server back.
"""

from __future__ import annotations

import functools
import resource
from typing import TYPE_CHECKING, Any

from kubedag.shell import metrics
from kubedag.shell.health import Metric, counter, gauge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubedag.shell.engine import Engine
    from kubedag.shell.health import Health
    from kubedag.shell.http_api import HttpApi
    from kubedag.shell.informer import Informer
    from kubedag.shell.lease import Election
    from kubedag.shell.recorder import Recorder


def register(
    health: Health, engine: Engine, api: HttpApi, recorder: Recorder, election: Election
) -> None:
    """Have all of it served."""
    streams = _streams(engine)
    for name, informer in streams.items():
        health.readiness[name] = functools.partial(metrics.stream_check, informer)
    health.sources += [
        lambda: of_engine(engine),
        lambda: metrics.of_queue(engine.queue),
        lambda: metrics.of_informers(streams),
        lambda: metrics.of_api(api.stats),
        lambda: metrics.of_recorder(recorder),
        lambda: metrics.of_election(election),
        metrics.of_process,
        _peak,
    ]


def _streams(engine: Engine) -> Mapping[str, Informer[Any]]:
    """The caches, by kind and namespace."""
    named: dict[str, Informer[Any]] = {}
    for namespace, pods in engine.pods.all.items():
        named["pods" if namespace is None else f"pods/{namespace}"] = pods
    for namespace, revisions in engine.revisions.all.items():
        named["revisions" if namespace is None else f"revisions/{namespace}"] = revisions
    return named


def of_engine(engine: Engine) -> Iterable[Metric]:
    """What there is to decide, and what has been decided."""
    reconciler, writer, notifier = engine.reconciler, engine.writer, engine.notifier
    active = sum(not run.newest.finished for run in engine.store.runs.values())
    bugs = reconciler.bugs + engine.tasks.bugs
    return [
        gauge("kubedag_dags", "DAGs known.", len(engine.store.dags)),
        gauge("kubedag_runs", "Runs known.", len(engine.store.runs)),
        gauge("kubedag_runs_active", "Runs that have not ended.", active),
        counter("kubedag_decisions_total", "Decisions made.", reconciler.decisions),
        gauge("kubedag_decide_seconds_max", "Longest decision.", reconciler.decide_seconds_max),
        counter("kubedag_bugs_total", "Decisions or tasks that raised.", bugs),
        counter("kubedag_status_writes_total", "Statuses stored.", writer.writes),
        counter("kubedag_status_conflicts_total", "Status writes that lost.", writer.conflicts),
        counter("kubedag_status_bytes_total", "Bytes of statuses stored.", writer.bytes_written),
        counter("kubedag_status_too_large_total", "Refused as too large.", writer.too_large),
        counter("kubedag_slice_writes_total", "Slices stored.", writer.slices.writes),
        counter("kubedag_slice_bytes_total", "Bytes of them.", writer.slices.bytes_written),
        counter("kubedag_slice_loads_total", "Runs whose slices were read.", writer.slices.loads),
        counter("kubedag_slice_failures_total", "Times that failed.", writer.slices.load_failures),
        counter("kubedag_slices_lost_total", "Slices that were not there.", writer.slices.lost),
        counter("kubedag_notifications_sent_total", "Notifications delivered.", notifier.sent),
        counter("kubedag_notifications_failed_total", "Tries that failed.", notifier.failed),
        counter("kubedag_notifications_put_off_total", "Too many at once.", notifier.put_off),
        gauge("kubedag_notifications_under_way", "Being delivered.", notifier.under_way),
        gauge("kubedag_calls_in_flight", "API calls under way.", len(engine.tasks)),
    ]


def _peak() -> list[Metric]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [gauge("process_max_resident_memory_bytes", "Peak of resident memory.", peak)]
