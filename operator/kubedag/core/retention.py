"""What may go of finished runs: those beyond the counts that a DAG keeps, or older than it keeps them.

Before that, their Pods. Of what has not ended, nothing may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import instants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from kubedag.api import dag as api
    from kubedag.core import pods
    from kubedag.core.history import History, RunSummary

AT_ONCE_MAX: Final = 50
LOOKED_AT_MAX: Final = 2000
"""Behind so many that are spared, such as by a Backfill, none is looked for."""


def _nothing(_run: RunSummary) -> bool:
    return False


def expired(
    history: History,
    retention: api.Retention,
    now: datetime,
    spared: Callable[[RunSummary], bool] = _nothing,
) -> tuple[tuple[RunSummary, ...], datetime | None]:
    """The runs to delete now, oldest first, and when the next one will be due by its age.

    Those that are still needed are `spared`, and so are those that are to run again.
    """
    doomed: list[RunSummary] = []
    dues = []
    for succeeded, most in ((True, retention.successful_runs), (False, retention.failed_runs)):
        excess = history.count(succeeded=succeeded) - most
        found: list[RunSummary] = []
        for position, run in enumerate(history.oldest(succeeded=succeeded)):
            due = instants.after(run.ended, retention.ttl_seconds_after_finished)
            if position >= excess and due > now:
                dues.append(due)
                break
            if len(found) == AT_ONCE_MAX or position == LOOKED_AT_MAX:
                break  # there is more to do once these are gone
            if not (run.is_to_rerun or spared(run)):
                found.append(run)
        doomed += found
    doomed.sort(key=lambda run: (run.ended, run.order))
    return tuple(doomed[:AT_ONCE_MAX]), min(dues, default=None)


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
