"""Who is told of a run, as its decision looks at it: by its DAG as it is now, and by the operator's own.

A notification that was mended holds at once, also for the runs that go by an older spec; those of a
run whose DAG is gone are the ones that it started with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kubedag.core.audience import Audience

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.core import snapshot
    from kubedag.core.audience import Notice
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.store import Store


def with_audience(
    store: Store,
    entry: RunEntry,
    snap: snapshot.RunSnapshot,
    common: Callable[[str], tuple[Notice, ...]],
) -> snapshot.RunSnapshot:
    """The snapshot with whoever is told; `common` has those for all DAGs of a namespace."""
    facts = entry.facts
    dag = store.dags.get((facts.namespace, facts.dag_name))
    current = dag.plan() if dag is not None else None
    is_gone = dag is None or dag.definition is None
    plan = current or snap.known_plan
    notices = (*(plan.notices if plan is not None else ()), *common(facts.namespace))
    if not notices and not entry.status.notifications:
        return snap
    before = store.siblings(facts.namespace, facts.dag_name).history.before(facts.order)
    return replace(
        snap,
        audience=Audience(
            notices=notices,
            failed_before=before is not None and before.counts and not before.succeeded,
            # A DAG that is being checked, or has mistakes, may have others when it is ready.
            complete=current is not None or (is_gone and plan is not None),
            deliveries=entry.deliveries,
        ),
    )
