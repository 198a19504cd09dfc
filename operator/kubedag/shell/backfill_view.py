"""What a decision about a Backfill is made from: its DAG, and the runs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.core import backfill_facts
from kubedag.shell import run_view

if TYPE_CHECKING:
    from kubedag.core.history import RunSummary
    from kubedag.shell.backfills import BackfillEntry
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.store import Store


def of(store: Store, entry: BackfillEntry) -> backfill_facts.BackfillSnapshot:
    """The snapshot of a Backfill."""
    wish, revision = entry.wish, entry.status.revision
    namespace, dag_name = wish.namespace, wish.dag_name
    dag = store.dags.get((namespace, dag_name))
    pinned = store.revisions.plan(namespace, dag_name, revision) if revision else None
    if pinned is None and revision and dag is not None:
        pinned = dag.plan_of(revision)
    siblings = store.siblings(namespace, dag_name)
    return backfill_facts.BackfillSnapshot(
        wish=wish,
        status=entry.status,
        dag=dag.facts() if dag is not None else None,
        current=dag.plan() if dag is not None else None,
        pinned=pinned,
        sketch=entry.sketch,
        runs=[summary(store, run) for run in siblings.active.values()],
        ended=siblings.history,
        creating=run_view.coming(store, namespace, dag_name),
        requesting=store.backfills.requesting(namespace, dag_name),
        taken=frozenset(
            span for run, span in entry.taken.items() if (namespace, run) in store.runs
        ),
        trouble=entry.creations.trouble,
    )


def summary(store: Store, run: RunEntry) -> RunSummary:
    """A run as a Backfill sees it: one that has Pods has started, stored or not."""
    made = run.summary(store.pods.revision(run.facts.uid))
    if made.started or not (run.creating or store.pods.of(run.facts.uid)):
        return made
    return made._replace(started=True)
