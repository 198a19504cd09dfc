"""Whether a run is late: whether it had not finished a while after the end of its interval.

Once it is said, it stays, also when the run ends. Runs of a Backfill are about times long past, and
one that runs again was judged the first time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from kubedag.api.enums import RunType
from kubedag.core import instants, reasons_elsewhere, rows

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import actions
    from kubedag.core import snapshot as snapshots


def told(
    decision: actions.RunDecision, snap: snapshots.RunSnapshot, now: datetime
) -> actions.RunDecision:
    """The decision with a word on that if it is so, or with the moment at which it may be."""
    due = _due(snap)
    if due is None:
        return decision
    if now < due:
        wakes = [moment for moment in (decision.wake_at, due) if moment is not None]
        return decision if decision.status.finished else replace(decision, wake_at=min(wakes))
    assert snap.plan is not None
    allowed = instants.duration(snap.plan.late_after_seconds or 0)
    condition = rows.Condition(
        rows.LATE,
        rows.TRUE,
        reasons_elsewhere.LATE.name,
        f"had not finished {allowed} after the end of its interval, {snap.run.interval_end}",
        observed_generation=snap.run.generation,
    )
    conditions = rows.set_condition(decision.status.conditions, condition, instants.text(now))
    status = msgspec.structs.replace(decision.status, conditions=conditions)
    return replace(decision, status=status)


def _due(snap: snapshots.RunSnapshot) -> datetime | None:
    """When the run is late if it has not finished by then; None if it never is, or it is said."""
    plan, run, status = snap.plan, snap.run, snap.status
    if plan is None or plan.late_after_seconds is None or run.interval_end is None:
        return None
    if run.run_type == RunType.BACKFILL or run.deleting or status.finished:
        return None
    if status.rerun is not None or status.condition(rows.LATE) is not None:
        return None
    return instants.after(run.interval_end, plan.late_after_seconds)
