"""Which finished runs may go: beyond the counts that a DAG keeps, or older than it keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubedag.core import instants

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubedag.api import dag as api


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
