"""Who is told of a run or a Backfill: by its DAG as it is now, and by the receivers of the operator.

A notification that was mended holds at once, also for the runs that go by an older spec; those of a
run whose DAG is gone are the ones that it started with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from kubedag.core.audience import Audience, Notice, told_once

if TYPE_CHECKING:
    from kubedag.core import plan as plans
    from kubedag.core import snapshot
    from kubedag.core.backfill_facts import BackfillSnapshot
    from kubedag.shell.backfills import BackfillEntry
    from kubedag.shell.entries import DAGEntry, RunEntry
    from kubedag.shell.store import Store


Common = Callable[[str], tuple[Notice, ...]]
"""Those for all DAGs of a namespace."""


def with_audience(
    store: Store, entry: RunEntry, snap: snapshot.RunSnapshot, common: Common
) -> snapshot.RunSnapshot:
    """The snapshot of a run with whoever is told of it."""
    facts = entry.facts
    dag = store.dags.get((facts.namespace, facts.dag_name))
    found = _audience(dag, snap.known_plan, common(facts.namespace))
    if not found.notices and not entry.status.notifications:
        return snap
    before = store.siblings(facts.namespace, facts.dag_name).history.before(facts.order)
    failed = before is not None and before.counts and not before.succeeded
    return replace(
        snap, audience=replace(found, failed_before=failed, deliveries=entry.deliveries)
    )


def of_backfill(
    store: Store, entry: BackfillEntry, snap: BackfillSnapshot, common: Common
) -> BackfillSnapshot:
    """The snapshot of a Backfill with whoever is told of it."""
    dag = store.dags.get((entry.namespace, entry.wish.dag_name))
    found = _audience(dag, snap.pinned, common(entry.namespace))
    if not found.notices and not entry.status.notifications:
        return snap
    return replace(snap, audience=replace(found, deliveries=entry.deliveries))


def _audience(
    dag: DAGEntry | None, pinned: plans.Plan | None, common: tuple[Notice, ...]
) -> Audience:
    current = dag.plan() if dag is not None else None
    is_gone = dag is None or dag.definition is None
    plan = current or pinned
    return Audience(
        notices=told_once(plan.notices if plan is not None else (), common),
        # A DAG that is being checked, or has mistakes, may have others when it is ready.
        complete=current is not None or (is_gone and plan is not None),
    )
