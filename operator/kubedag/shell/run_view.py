"""What a decision about a run is made from beside the run itself: its DAG as it is, and its siblings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.core import snapshot

if TYPE_CHECKING:
    from kubedag.core import actions, plan
    from kubedag.shell.entries import DAGEntry, RunEntry
    from kubedag.shell.store import Store


def source(store: Store, entry: RunEntry, dag: DAGEntry | None) -> tuple[plan.Plan | None, str]:
    """The plan that a run goes by, if it is known, and the revision that this is of."""
    facts = entry.facts
    revision = entry.status.revision or _unstored(store, entry)
    if revision:
        found = store.revisions.plan(facts.namespace, facts.dag_name, revision)
        if found is None and dag is not None:
            found = dag.plan_of(revision)
        return found, revision
    current = dag.plan() if dag is not None else None
    if current is None or dag is None or dag.definition is None:
        return None, ""
    return current, dag.definition.revision


def _unstored(store: Store, entry: RunEntry) -> str:
    """What a crash has left of a start, which counts more than what has been decided since."""
    facts = entry.facts
    left = store.pods.revision(facts.uid)
    if left and store.revisions.plan(facts.namespace, facts.dag_name, left) is not None:
        return left
    return entry.newest.revision or left


def newest(store: Store, entry: RunEntry, dag: DAGEntry | None) -> snapshot.Source | None:
    """What a run would go by that is to run again by the DAG as it is."""
    facts, current = entry.facts, dag.plan() if dag is not None else None
    wish = entry.wish
    if wish is None or wish.revision != "Newest" or dag is None or current is None:
        return None
    assert dag.definition is not None
    revision = dag.definition.revision
    generation = store.revisions.generation(facts.namespace, facts.dag_name, revision)
    return snapshot.Source(store.restrictions.of(facts, revision, current), revision, generation)


def peers(store: Store, entry: RunEntry, known: plan.Plan | None) -> tuple[snapshot.Peer, ...]:
    """Only a run that has not started, or that can be replaced, asks for them."""
    reruns = entry.is_to_rerun
    if known is None or (entry.status.finished and not reruns):
        return ()
    if entry.newest.start_time and not reruns and str(known.concurrency_policy) != "Replace":
        return ()
    facts = entry.facts
    dag = store.dags.get((facts.namespace, facts.dag_name))
    suspended = dag is not None and dag.definition is not None and dag.definition.suspend
    siblings = store.siblings(facts.namespace, facts.dag_name)
    return (
        *siblings.peers(entry, known, dag_suspended=suspended),
        *(
            snapshot.coming(create, dag_suspended=suspended)
            for create in coming(store, facts.namespace, facts.dag_name)
            if (facts.namespace, create.name) not in store.runs
        ),
    )


def coming(store: Store, namespace: str, dag_name: str) -> tuple[actions.CreateRun, ...]:
    """The runs of a DAG that are being created, for its schedule and for Backfills."""
    dag = store.dags.get((namespace, dag_name))
    of_schedule = dag.creating.values() if dag is not None else ()
    return (*store.backfills.creating(namespace, dag_name), *of_schedule)


def has_come(store: Store, namespace: str, dag_name: str, made: actions.CreateRun) -> bool:
    """Is a run there as it was to be? Then those that come after it wait for it as they did."""
    run = store.runs.get((namespace, made.name))
    if run is None or run.newest.finished:
        return False
    facts = run.facts
    found = (facts.dag_name, facts.run_type, facts.logical_time)
    as_wanted = found == (dag_name, made.run_type, made.start_time)
    return as_wanted and not (facts.suspend or facts.deleting)


def recall(store: Store) -> None:
    """What the statuses of runs tell of is taken, until it is seen or known to be gone."""
    for entry in store.runs.values():
        revision = entry.status.revision
        if not entry.status.finished and revision:
            facts = entry.facts
            plan = store.revisions.plan(facts.namespace, facts.dag_name, revision)
            store.limits.recall(entry, plan)
