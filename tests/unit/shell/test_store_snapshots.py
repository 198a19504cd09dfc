"""What decisions are made from: the Pods, the plan and the peers of a run, and words masked in time."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import pods, rows
from support.builders import (
    a_finished_status,
    a_pod,
    a_ready_status,
    a_row,
    a_status,
    as_stored,
    labels,
)
from support.objects import a_dag, a_run, a_task
from support.woken_store import DAG, ENDED, RUN, a_revision, dag, run, snapshot_of

# --- Pods ------------------------------------------------------------------------------------


def test_a_pod_wakes_its_run_and_is_part_of_what_is_decided_on(woken):
    woken.store.put_run(run())
    assert woken.by(woken.store.pod_changed, None, a_pod()) == {RUN}
    entry = woken.store.runs["ns", "run"]
    assert woken.store.run_snapshot(entry).pods == {"a": (a_pod(),)}


def test_a_pod_that_is_seen_before_its_run_is_kept_for_it(woken):
    woken.store.pod_changed(None, a_pod())
    woken.store.put_run(run())
    assert woken.store.run_snapshot(woken.store.runs["ns", "run"]).pods == {"a": (a_pod(),)}


def test_a_pod_with_our_labels_that_belongs_to_somebody_else_is_none_of_ours(woken):
    woken.store.put_run(run())
    metadata = pods.Metadata("p", "ns", "u", "1", labels=labels("a", 1))
    assert woken.by(woken.store.pod_changed, None, pods.Pod(metadata)) == set()


def test_a_pod_that_was_created_after_all_ends_the_refusal(woken):
    woken.store.put_run(run())
    entry = woken.store.runs["ns", "run"]
    entry.refusals.update(a=object(), b=object())
    woken.store.pod_changed(None, a_pod())
    assert list(entry.refusals) == ["b"]


@pytest.mark.parametrize("status", [None, a_finished_status(a_row(state="Succeeded"))])
def test_a_pod_that_goes_when_nobody_asks_for_it_is_forgotten(woken, status):
    if status is not None:
        woken.store.put_run(run(status=status))
    woken.store.pod_changed(None, a_pod(phase="Succeeded"))
    woken.store.pod_changed(None, a_pod(phase="Succeeded", gone=True))
    assert woken.store.pods.of("uid-run") == {}


def test_a_pod_that_goes_after_its_run_has_those_looked_at_that_are_left(woken):
    woken.store.put_run(run(status=ENDED))
    woken.store.pod_changed(None, a_pod("a"))
    woken.store.pod_changed(None, a_pod("b", phase="Succeeded"))
    assert woken.by(woken.store.pod_changed, a_pod("a"), a_pod("a", gone=True)) == {RUN}
    last = a_pod("b", phase="Succeeded", gone=True)
    assert woken.by(woken.store.pod_changed, a_pod("b", phase="Succeeded"), last) == set()


# --- Revisions -------------------------------------------------------------------------------


def names(plan):
    return None if plan is None else [task.name for task in plan.tasks]


def started(revision):
    return msgspec.structs.replace(a_status(a_row()), revision=revision)


def test_a_revision_wakes_its_dag_and_the_runs_that_go_on(woken):
    woken.store.put_run(run())
    woken.store.put_run(run("ended", status=a_finished_status()))
    assert woken.by(woken.store.revision_changed, None, a_revision()) == {DAG, RUN}


def test_a_revision_whose_label_is_edited_is_that_of_another_dag(woken):
    old = a_revision()
    labels = {pods.LABEL_DAG: "other"}
    new = msgspec.structs.replace(
        old, metadata=msgspec.structs.replace(old.metadata, labels=labels)
    )
    woken.store.revision_changed(None, old)
    assert woken.by(woken.store.revision_changed, old, new) == {DAG, ("dag", "ns", "other")}
    known = woken.store.revisions
    assert [len(known.of("ns", of)) for of in ("pipeline", "other")] == [0, 1]
    woken.store.revision_changed(new, msgspec.structs.replace(new, gone=True))
    assert known._by_dag == {}


def test_a_revision_that_has_our_name_is_of_the_dag_in_that_whatever_its_label_says(woken):
    made = a_revision(name="pipeline-abcdefghij")
    metadata = msgspec.structs.replace(made.metadata, labels={pods.LABEL_DAG: "other"})
    assert woken.by(
        woken.store.revision_changed, made, msgspec.structs.replace(made, metadata=metadata)
    ) == {DAG}
    assert woken.store.revisions.of("ns", "other") == ()


def test_a_run_that_has_not_started_is_made_of_the_dag_as_it_is(woken):
    woken.store.put_dag(dag(status=a_ready_status()))
    woken.store.put_run(run())
    found = snapshot_of(woken.store)
    assert names(found.plan) == ["a"]
    assert found.plan_revision == woken.store.dags["ns", "pipeline"].definition.revision


def test_but_not_before_the_dag_is_known_to_be_good(woken):
    woken.store.put_dag(dag())
    woken.store.put_run(run())
    assert (snapshot_of(woken.store).plan, snapshot_of(woken.store).dag.ready) == (None, False)


def test_a_run_that_has_started_keeps_to_its_revision(woken):
    woken.store.put_dag(dag(status=a_ready_status()))
    woken.store.revision_changed(None, a_revision({"tasks": [{"name": "old", "image": "i"}]}))
    woken.store.put_run(run(status=started("p-1")))
    assert names(snapshot_of(woken.store).plan) == ["old"]


def test_a_run_of_which_only_a_pod_is_left_keeps_to_the_revision_of_that(woken):
    woken.store.put_dag(dag(status=a_ready_status()))
    woken.store.put_run(run())
    woken.store.pod_changed(None, a_pod())
    assert snapshot_of(woken.store).plan_revision == "pipeline-rev"


def test_a_pod_that_a_crash_has_left_counts_more_than_what_was_decided_before_it_was_seen(woken):
    """Found by the simulation: its run went on by another revision, and the Pod counted for it."""
    woken.store.put_dag(dag(status=a_ready_status()))
    woken.store.put_run(run())
    woken.store.runs["ns", "run"].decided = started("mine")
    woken.store.pod_changed(None, a_pod())
    assert snapshot_of(woken.store).plan_revision == "mine"  # nobody knows the other
    woken.store.revision_changed(None, a_revision(name="pipeline-rev"))
    assert snapshot_of(woken.store).plan_revision == "pipeline-rev"


def test_what_is_stored_counts_more_than_what_was_once_decided(woken):
    """Another replica may have started the run since, from another revision."""
    woken.store.put_run(run())
    woken.store.runs["ns", "run"].decided = started("mine")
    woken.store.put_run(run(version=2, status=started("theirs")))
    assert snapshot_of(woken.store).plan_revision == "theirs"


def test_a_new_term_begins_with_what_is_stored(woken):
    woken.store.put_dag(dag())
    woken.store.put_run(run())
    woken.store.runs["ns", "run"].decided = a_finished_status()
    woken.store.dags["ns", "pipeline"].decided = a_ready_status()
    assert woken.by(woken.store.wake_all) == {DAG, RUN}
    assert woken.store.runs["ns", "run"].newest == rows.RunStatus()
    assert woken.store.dags["ns", "pipeline"].decided is None


def test_a_run_whose_revision_is_gone_has_no_plan(woken):
    woken.store.put_dag(dag(status=a_ready_status()))
    woken.store.put_run(run(status=started("p-1")))
    found = snapshot_of(woken.store)
    assert (found.plan, found.plan_revision) == (None, "p-1")


# --- Peers -----------------------------------------------------------------------------------


def peers(store, name="run"):
    return sorted(peer.name for peer in snapshot_of(store, name).peers)


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        pytest.param({}, None, ["active"], id="a run that waits asks for those that go on"),
        pytest.param({}, a_status(), [], id="one that has started asks for none"),
        pytest.param(
            {"concurrencyPolicy": "Replace"}, started("p-1"), ["active"],
            id="unless it can be replaced",
        ),
        pytest.param(
            {"dependsOnPast": True}, None, ["active", "ended"], id="the past counts if asked for",
        ),
        pytest.param({}, a_finished_status(), [], id="one that has ended asks for none"),
    ],
)  # fmt: skip
def test_who_else_is_asked_for(woken, spec, status, expected):
    document = a_dag(a_task("a", image="i"), **spec)
    woken.store.put_dag(dag(status=a_ready_status(), document=document))
    woken.store.revision_changed(None, a_revision(document["spec"]))
    woken.store.put_run(run(status=status))
    woken.store.put_run(run("active", status=a_status()))
    woken.store.put_run(run("ended", status=a_finished_status()))
    assert peers(woken.store) == expected


@pytest.mark.parametrize(
    ("past", "policy", "expected"),
    [(True, "Queue", ["old-2", "active"]), (True, "Allow", ["old-2", "active"]),
     (False, "Queue", ["active"]), (False, "Allow", [])],
)  # fmt: skip
def test_a_run_is_decided_on_beside_those_that_it_may_wait_for(woken, past, policy, expected):
    document = a_dag(a_task("a", image="i"), dependsOnPast=past, concurrencyPolicy=policy)
    woken.store.put_dag(dag(status=a_ready_status(), document=document))
    for name in ("old-1", "old-2"):
        woken.store.put_run(run(name, status=ENDED))
    for name in ("active", "run"):
        woken.store.put_run(run(name))
    assert [peer.name for peer in snapshot_of(woken.store).peers] == expected


def test_runs_that_a_suspended_dag_holds_are_in_nobodys_way(woken):
    document = a_dag(a_task("a", image="i"), suspend=True)
    woken.store.put_dag(dag(status=a_ready_status(), document=document))
    woken.store.put_run(run())
    woken.store.put_run(run("held", spec={"runType": "Scheduled"}))
    (peer,) = snapshot_of(woken.store).peers
    assert (peer.name, peer.suspended) == ("held", True)


# --- DAG snapshots ---------------------------------------------------------------------------


def test_a_dag_is_decided_on_with_its_runs_and_revisions(woken):
    woken.store.put_dag(dag())
    woken.store.put_run(run())
    woken.store.put_run(as_stored(a_run("other", dag="elsewhere")))
    woken.store.revision_changed(None, a_revision())
    found = woken.store.dag_snapshot(woken.store.dags["ns", "pipeline"])
    assert [one.name for one in found.runs] == ["run"]
    assert [one.name for one in found.revisions] == ["p-1"]
    assert found.dag.generation == 1


# --- What must not be told -------------------------------------------------------------------

SECRET_DAG = a_dag(a_task("a", image="i"), failureLogs={"maskPatterns": ["sk-[a-z]+"]})


def a_talker(message="the key is sk-abc", **fields):
    return a_pod(phase="Failed", message=message, **fields)


@pytest.mark.parametrize("first", ["the Pod", "the DAG"])
def test_nothing_is_decided_on_words_that_must_not_be_told(woken, first):
    news = {
        "the Pod": lambda: woken.store.pod_changed(None, a_talker()),
        "the DAG": lambda: woken.store.put_dag(dag(status=a_ready_status(), document=SECRET_DAG)),
    }
    woken.store.put_run(run())
    for act in sorted(news, key=lambda name: name != first):
        news[act]()
    woken.store.revision_changed(
        None, a_revision(SECRET_DAG["spec"], a_talker().label(pods.LABEL_REVISION))
    )
    snap = snapshot_of(woken.store)
    (pod,) = snap.pods["a"]
    assert pod.status.message == "the key is ***"
    assert "sk-" not in snap.observed[pod.metadata.uid].message


def test_a_pod_that_says_no_more_what_it_said_is_seen_as_it_is_now(woken):
    woken.store.put_dag(dag(status=a_ready_status(), document=SECRET_DAG))
    woken.store.put_run(run())
    woken.store.pod_changed(None, a_talker())
    woken.store.pod_changed(None, a_pod(phase="Running"))
    woken.store.revision_changed(
        None, a_revision(SECRET_DAG["spec"], a_pod().label(pods.LABEL_REVISION))
    )
    snap = snapshot_of(woken.store)
    (pod,) = snap.pods["a"]
    assert (pod.status.phase, snap.observed[pod.metadata.uid].state) == ("Running", "Running")
