"""Backfills as the core sees them, and a DAG whose runs do what they are told to.

The days are those of `DAYS` from `FIRST` on; the schedule is daily unless a test says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubedag.core import (
    actions,
    backfill_facts,
    backfill_plan,
    decide_backfill,
    history,
    instants,
    rows,
)
from kubedag.core import snapshot as snapshots
from kubedag.core.backfill_rows import BackfillStatus
from support.builders import DAG, NAMESPACE, REVISION, a_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedag.core import plan as plans

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
UID = "3f2a91c0-0000-4000-8000-00000000aaaa"
ID = f"backfill-{UID}"
READY = snapshots.DAGFacts(generation=1, ready=True, revision=REVISION)


def day(number: float) -> str:
    """The start of a day of the range, the first being 0."""
    return instants.text(FIRST + timedelta(days=number))


def daily(**fields: Any) -> plans.Plan:
    return a_plan(**({"schedule": {"cron": "@daily"}, "maxActiveRuns": 1000} | fields))


def a_wish(days: int = 5, **fields: Any) -> backfill_facts.Wish:
    plain: dict[str, Any] = {
        "name": "bf",
        "namespace": NAMESPACE,
        "uid": UID,
        "dag_name": DAG,
        "start_time": day(0),
        "end_time": day(days),
    }
    return backfill_facts.Wish(**(plain | fields))


def a_run_of(number: int, state: str = "Succeeded", days: int = 1, **fields: Any) -> Any:
    """The summary of a run of a day; state is Queued, Running, Succeeded or Failed."""
    over = state in ("Succeeded", "Failed")
    name = fields.pop("name", f"run-{number}")
    plain: dict[str, Any] = {
        "uid": f"uid-{name}",
        "order": (day(number), day(number), name),
        "revision": REVISION,
        "state": state,
        "started": state != "Queued",
        "finished": over,
        "succeeded": state == "Succeeded",
        "completion_time": instants.text(NOW) if over else None,
        "run_type": "Scheduled",
        "interval_start": day(number),
        "interval_end": day(number + days),
        "message": f"it {state}" if state == "Failed" else "",
    }
    return history.RunSummary(name=name, **(plain | fields))


def ours(number: int, state: str = "Succeeded", **fields: Any) -> Any:
    """One that the Backfill has created."""
    return a_run_of(number, state, **({"backfill_uid": UID, "run_type": "Backfill"} | fields))


def a_backfill(
    wish: backfill_facts.Wish | None = None,
    *runs: history.RunSummary,
    plan: plans.Plan | None = None,
    planned: bool = True,
    **facts: Any,
) -> backfill_facts.BackfillSnapshot:
    """The snapshot of one that has been planned, unless it is said not to be."""
    plan = plan or daily()
    plain: dict[str, Any] = {
        "wish": wish or a_wish(),
        "status": BackfillStatus(revision=REVISION, start_time=instants.text(NOW))
        if planned
        else BackfillStatus(),
        "dag": READY,
        "current": plan,
        "pinned": plan if planned else None,
        "runs": [run for run in runs if not run.finished],
        "ended": [run for run in runs if run.finished],
    }
    return backfill_facts.BackfillSnapshot(**(plain | facts))


def decide(snap: backfill_facts.BackfillSnapshot, now: datetime = NOW) -> actions.BackfillDecision:
    """What is decided once the plan is made that it asks for."""
    found = decide_backfill.decide(snap, now)
    sketch = found.sketch
    if sketch is None or sketch.plan is not None:
        return found
    return decide_backfill.decide(replace(snap, sketch=drawn(sketch)), now)


def drawn(sketch: backfill_plan.Sketch) -> backfill_plan.Sketch:
    """A sketch with its plan."""
    assert sketch.span is not None
    *_, plan = backfill_plan.draw(sketch.span)
    return replace(sketch, plan=plan)


def word(status: BackfillStatus) -> tuple[str, str, str]:
    """Of the condition Succeeded."""
    condition = status.condition(rows.SUCCEEDED_CONDITION)
    assert condition is not None
    return (condition.status, condition.reason, condition.message)


def states(status: BackfillStatus) -> list[tuple[str, str, int]]:
    return [(one.state, one.reason, one.intervals) for one in status.ranges]


def starts(found: Iterable[object]) -> list[tuple[str, str]]:
    """What is created, and what runs again, in order."""
    told = []
    for action in found:
        match action:
            case actions.CreateRun():
                told.append(("create", action.start_time))
            case actions.RequestRerun():
                told.append(("again", action.name))
            case actions.DeleteRun():
                told.append(("delete", action.name))
            case actions.WithdrawRerun():
                told.append(("withdraw", action.name))
    return told
