"""How many runs a Backfill may have begun now: it gives way to all others for the DAG's limit.

It creates no run that could not start, so that a run of the schedule never queues behind it for
longer than one of its runs takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import reasons, reasons_elsewhere

if TYPE_CHECKING:
    from kubedag.core import plan as plans
    from kubedag.core.backfill_facts import Wish
    from kubedag.core.backfill_standing import Picture
    from kubedag.core.history import RunSummary

_HELD: Final = reasons.names(
    reasons_elsewhere.DAG_SUSPENDED,
    reasons_elsewhere.DEPENDS_ON_PAST,
    reasons_elsewhere.SUSPENDED,
)
"""A run that waits for this takes no place: it may wait for ever, or even for the Backfill."""


def room(wish: Wish, plan: plans.Plan, made: Picture) -> int:
    """How many runs may be created, or asked to run again; none if negative."""
    return min(_of_its_own(wish, plan, made), of_the_dag(plan, made))


def of_the_dag(plan: plans.Plan, made: Picture) -> int:
    """The places of the DAG that are free; with `Allow` it limits nothing."""
    if str(plan.concurrency_policy) == "Allow":
        return plan.max_active_runs
    return plan.max_active_runs - sum(map(_counts, made.own)) - sum(map(_counts, made.others))


def _of_its_own(wish: Wish, plan: plans.Plan, made: Picture) -> int:
    return (wish.max_active_runs or plan.max_active_runs) - len(made.own)


def _counts(run: RunSummary) -> bool:
    held = run.suspended or run.state in _HELD
    return run.started or run.finished or not held
