"""What is left to do for a run that has ended: to tidy up after it, and to say what it waits for.

Nothing here changes what has become of it.
"""

from __future__ import annotations

from dataclasses import replace as replace_
from typing import TYPE_CHECKING

import msgspec

from kubedag.core import actions, advance, ending, fit, instants, rerun, retention, step

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import rows, snapshot

replace = msgspec.structs.replace


def look(snap: snapshot.RunSnapshot, now: datetime) -> actions.RunDecision:
    """End what should not live any more, take late logs, and delete what was kept for long enough."""
    status = replace(snap.status, observed_generation=snap.run.generation)
    strays = tuple(ending.strays(snap))
    if strays or not snap.pods or snap.plan is None:
        return actions.RunDecision(status, strays)
    return _tidy(snap, snap.plan, status, now)


def stays(
    snap: snapshot.RunSnapshot,
    wait: rerun.Wait | None,
    now: datetime,
    asks: tuple[actions.RunAction, ...] = (),
) -> actions.RunDecision:
    """The run as it has ended, with a word on why it does not go on."""
    decision = look(snap, now)
    if wait is None:
        return decision
    return replace_(
        decision,
        status=rerun.waiting(decision.status, snap.run, wait, now),
        actions=decision.actions + asks,
    )


def _tidy(
    snap: snapshot.RunSnapshot, plan: plans.Plan, status: rows.RunStatus, now: datetime
) -> actions.RunDecision:
    """Take late logs, then delete the Pods that have been kept for long enough."""
    one = step.Step(snap, plan, now)
    if status.tasks:  # without, or in slices, they are complete
        advance.fill_logs(one)
        status = fit.fit(replace(status, tasks=tuple(one.tasks)), snap, instants.text(now))
    due = retention.pods_due(snap.pods, plan.retention, status.completion_time or snap.run.created)
    phases = [phase for phase, moment in due.items() if moment <= now]
    later = [moment for moment in due.values() if moment > now]
    doomed: tuple[actions.RunAction, ...] = ()
    if not one.actions:  # what has a log that is still to be read is not deleted
        times = status.rerun.number if status.rerun is not None else 0
        doomed = tuple(actions.DeletePods(snap.run.uid, phase, times) for phase in phases)
    return actions.RunDecision(
        status, (*one.actions, *doomed), wake_at=min(later) if later else None
    )
