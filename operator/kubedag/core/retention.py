"""What may go of finished runs: those beyond the counts that a DAG keeps, or older than it keeps them.

Before that, their Pods. Of what has not ended, nothing may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import instants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kubedag.api import dag as api
    from kubedag.core import pods


class RunSummary(NamedTuple):
    """What a DAG's decision needs to know of one of its runs."""

    name: str
    uid: str
    order: tuple[str, str, str]
    revision: str = ""
    state: str = ""
    started: bool = False
    finished: bool = False
    succeeded: bool = False
    completion_time: str | None = None
    deleting: bool = False


def expired(
    runs: Sequence[RunSummary], retention: api.Retention, now: datetime
) -> tuple[tuple[RunSummary, ...], datetime | None]:
    """The runs to delete now, oldest first, and when the next one will be due by its age."""
    finished = [run for run in runs if run.finished and not run.deleting]
    finished.sort(key=lambda run: (run.completion_time or "", run.name), reverse=True)
    doomed: list[RunSummary] = []
    next_due: datetime | None = None
    kept = {True: 0, False: 0}
    most = {True: retention.successful_runs, False: retention.failed_runs}
    for run in finished:
        due = instants.after(
            run.completion_time or run.order[1], retention.ttl_seconds_after_finished
        )
        if kept[run.succeeded] >= most[run.succeeded] or due <= now:
            doomed.append(run)
            continue
        kept[run.succeeded] += 1
        next_due = due if next_due is None else min(next_due, due)
    return tuple(reversed(doomed)), next_due


def pods_due(
    seen: Mapping[str, Sequence[pods.Pod]], retention: api.Retention, ended: str
) -> dict[str, datetime]:
    """When the ended Pods of a run that ended then are to be deleted, by their phase."""
    phases = {
        pod.status.phase
        for of_task in seen.values()
        for pod in of_task
        if not pod.gone and not pod.metadata.deletion_timestamp
    }
    kept = KEPT[retention.keep_pods.value]
    return {
        phase: instants.after(
            ended,
            retention.kept_pod_ttl_seconds_after_finished
            if phase in kept
            else retention.pod_ttl_seconds_after_finished,
        )
        for phase in ("Succeeded", "Failed")
        if phase in phases
    }


KEPT: Final = {"None": (), "Failed": ("Failed",), "All": ("Succeeded", "Failed")}
