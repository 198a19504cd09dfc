"""What the operator last saw, who is woken by it, and what decisions are made from."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from kubedag.core import pods, rows
from kubedag.shell import definitions
from kubedag.shell.store import Store
from support.builders import (
    a_finished_status,
    a_pod,
    a_ready_status,
    a_row,
    a_status,
    an_attempt,
    as_stored,
    labels,
    stamp,
)
from support.objects import a_dag, a_run, a_task

RUN, DAG = ("run", "ns", "run"), ("dag", "ns", "pipeline")
A_DAG = a_dag(a_task("a", image="i"))


class Woken:
    """A store that notes who was woken."""

    def __init__(self):
        self.keys = []
        self.store = Store(self.keys.append)

    def by(self, act, *arguments, **options):
        self.keys.clear()
        act(*arguments, **options)
        return set(self.keys)


@pytest.fixture
def woken():
    return Woken()


def a_revision(spec=None, name="p-1", *, gone=False):
    data = msgspec.Raw(orjson.dumps(spec or A_DAG["spec"]))
    metadata = pods.Metadata(
        name, "ns", f"uid-{name}", "1", stamp(0), labels={pods.LABEL_DAG: "pipeline"}
    )
    return definitions.Revision(metadata, 1, data, gone)


def run(name="run", version=1, status=None, **options):
    spec = options.pop("spec", {})
    return as_stored(a_run(name, **spec), version, status=status, **options)


def dag(version=1, status=None, document=A_DAG, **options):
    return as_stored(document, version, status=status, **options)


# --- Runs -------------------------------------------------------------------------------------


def test_a_run_that_is_seen_is_known_and_it_and_its_dag_are_woken(woken):
    assert woken.by(woken.store.put_run, run()) == {RUN, DAG}
    assert woken.store.runs["ns", "run"].facts.uid == "uid-run"


@pytest.mark.parametrize(("version", "taken"), [(4, False), (5, False), (6, True)])
def test_only_what_is_newer_is_taken_in(woken, version, taken):
    woken.store.put_run(run(version=5))
    found = woken.by(woken.store.put_run, run(version=version, status=a_status()))
    assert bool(found) is taken
    assert bool(woken.store.runs["ns", "run"].status.start_time) is taken


def test_a_namesake_takes_the_place_of_a_run_with_nothing_of_it_left(woken):
    woken.store.put_run(run(version=5, status=a_status()))
    woken.store.pod_changed(None, a_pod())
    woken.store.put_run(run(version=6, uid="other"))
    entry = woken.store.runs["ns", "run"]
    assert (entry.facts.uid, entry.status) == ("other", rows.RunStatus())
    assert woken.store.run_snapshot(entry).pods == {}


def test_news_of_a_run_that_was_there_before_come_too_late(woken):
    woken.store.put_run(run(version=6, uid="other"))
    woken.store.put_run(run(version=5))
    woken.store.drop_run("ns", "run", "uid-run")
    assert woken.store.runs["ns", "run"].facts.uid == "other"


@pytest.mark.parametrize(("version", "believed"), [(5, False), (6, True), (7, True)])
def test_late_news_of_a_run_that_is_gone_do_not_bring_it_back(woken, version, believed):
    woken.store.put_run(run(version=6))
    woken.store.drop_run("ns", "run", "uid-run")
    woken.store.put_run(run(version=version))
    assert (("ns", "run") in woken.store.runs) is believed


def test_late_news_of_what_is_gone_say_nothing_of_a_namesake(woken):
    woken.store.put_run(run(version=6))
    woken.store.drop_run("ns", "run", "uid-run")
    woken.store.put_run(run(version=5, uid="other"))
    assert woken.store.runs["ns", "run"].facts.uid == "other"


def test_a_run_that_is_gone_leaves_nothing_and_wakes_those_that_waited_for_it(woken):
    woken.store.put_dag(dag())
    woken.store.put_run(run("first"))
    woken.store.put_run(run("second"))
    assert woken.by(woken.store.drop_run, "ns", "first") == {DAG, ("run", "ns", "second")}
    assert list(woken.store.runs) == [("ns", "second")]
    woken.store.drop_run("ns", "second")
    assert (woken.store._siblings, woken.store._run_of_uid) == ({}, {})


def test_a_status_that_somebody_broke_counts_as_none(woken, caplog):
    broken = run() | {"status": {"tasks": "none"}}
    woken.store.put_run(broken)
    assert woken.store.runs["ns", "run"].status == rows.RunStatus()
    assert "ns/run has a broken status" in caplog.text


def test_the_end_of_a_run_wakes_those_that_have_not_started(woken):
    for name in ("a", "b", "c"):
        woken.store.put_run(run(name))
    woken.store.put_run(run("b", 2, a_status()))
    found = woken.by(woken.store.put_run, run("a", 3, a_finished_status()))
    assert found == {("run", "ns", "a"), ("run", "ns", "c"), DAG}


ENDED = msgspec.structs.replace(
    a_finished_status(a_row("a", "Succeeded", attempts=(an_attempt(1, "Succeeded"),))),
    observed_generation=1,
)


def test_an_old_run_is_known_without_its_rows_and_wakes_but_its_dag(woken):
    woken.store.put_run(run("waits"))
    assert woken.by(woken.store.put_run, run("old", 2, ENDED)) == {DAG}
    entry = woken.store.runs["ns", "old"]
    assert (entry.status, entry.archived) == (msgspec.structs.replace(ENDED, tasks=()), True)
    woken.store.put_run(run("old", 3, ENDED, generation=2))
    assert (entry.status, entry.archived) == (ENDED, False)


def test_an_old_run_with_a_pod_is_looked_at(woken):
    woken.store.put_run(run(status=ENDED))
    assert RUN in woken.by(woken.store.pod_changed, None, a_pod(phase="Succeeded"))
    assert RUN in woken.by(woken.store.wake_all)
    assert RUN in woken.by(woken.store.put_run, run(version=5, status=ENDED))


def test_a_run_whose_log_is_still_to_be_read_keeps_its_rows(woken):
    failed = a_row("a", "Failed", attempts=(an_attempt(1, "Failed"),))
    woken.store.put_run(run(status=a_finished_status(failed, succeeded=False)))
    assert woken.store.runs["ns", "run"].status.tasks == (failed,)


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


def test_a_new_run_wakes_those_that_it_replaces(woken):
    woken.store.put_dag(dag(1, a_ready_status(), a_dag(a_task("a", image="i"),
                                                       concurrencyPolicy="Replace")))  # fmt: skip
    woken.store.put_run(run("a", status=a_status()))
    assert ("run", "ns", "a") in woken.by(woken.store.put_run, run("b"))


def test_a_new_run_wakes_those_that_say_which_one_they_wait_for(woken):
    woken.store.put_dag(dag(1, a_ready_status(), a_dag(a_task("a", image="i"),
                                                       dependsOnPast=True)))  # fmt: skip
    woken.store.put_run(run("late"))
    assert ("run", "ns", "late") in woken.by(woken.store.put_run, run("early"))


def test_a_run_that_is_suspended_lets_those_behind_it_pass(woken):
    woken.store.put_dag(dag(1, a_ready_status()))
    woken.store.put_run(run("first"))
    woken.store.put_run(run("second"))
    held = run("first", 2, spec={"suspend": True})
    assert ("run", "ns", "second") in woken.by(woken.store.put_run, held)


# --- DAGs -------------------------------------------------------------------------------------


def test_a_dag_that_is_seen_is_judged_once_for_each_generation(woken):
    woken.store.put_dag(dag(1))
    first = woken.store.dags["ns", "pipeline"].definition
    woken.store.put_dag(dag(2))
    assert woken.store.dags["ns", "pipeline"].definition is first
    woken.store.put_dag(dag(3, generation=2))
    assert woken.store.dags["ns", "pipeline"].definition.generation == 2


def test_a_dag_wakes_the_runs_that_wait_for_it(woken):
    woken.store.put_run(run("waits"))
    woken.store.put_run(run("ended", status=a_finished_status()))
    assert woken.by(woken.store.put_dag, dag()) >= {DAG, ("run", "ns", "waits")}
    assert ("run", "ns", "ended") not in woken.by(woken.store.put_dag, dag(2, generation=2))


def test_an_edited_dag_is_tried_anew(woken):
    woken.store.put_dag(dag())
    entry = woken.store.dags["ns", "pipeline"]
    entry.trial_results["key"] = object()
    woken.store.put_dag(dag(2))
    assert list(entry.trial_results) == ["key"]
    woken.store.put_dag(dag(3, generation=2))
    assert entry.trial_results == {}


@pytest.mark.parametrize("way", ["dropped", "deleting"])
def test_a_dag_that_is_gone_is_forgotten(woken, way):
    woken.store.put_dag(dag())
    if way == "dropped":
        woken.store.drop_dag("ns", "pipeline")
    else:
        woken.store.put_dag(dag(2, deleting=True))
    assert woken.store.dags == {}


def test_the_runs_of_a_dag_that_is_gone_are_still_looked_after(woken):
    woken.store.put_dag(dag())
    woken.store.put_run(run())
    assert woken.by(woken.store.drop_dag, "ns", "pipeline") == {DAG, RUN}
    assert woken.store.dags["ns", "pipeline"].definition is None


def test_the_end_of_a_dag_that_was_there_before_is_told_too_late(woken):
    """kopf keeps the order of events of one UID only."""
    woken.store.put_dag(dag(5, uid="new"))
    woken.store.drop_dag("ns", "pipeline", "old")
    assert woken.store.dags["ns", "pipeline"].uid == "new"


def test_a_dag_of_which_nothing_is_left_is_forgotten(woken):
    woken.store.put_run(run())
    entry = woken.store.dags["ns", "pipeline"]
    woken.store.forget_empty_dag(entry)
    assert woken.store.dags != {}
    woken.store.drop_run("ns", "run")
    woken.store.forget_empty_dag(entry)
    assert woken.store.dags == {}


# --- Pods -------------------------------------------------------------------------------------


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


# --- Revisions --------------------------------------------------------------------------------


def test_a_revision_wakes_its_dag_and_the_runs_that_go_on(woken):
    woken.store.put_run(run())
    woken.store.put_run(run("ended", status=a_finished_status()))
    assert woken.by(woken.store.revision_changed, None, a_revision()) == {DAG, RUN}


def names(plan):
    return None if plan is None else [task.name for task in plan.tasks]


def snapshot_of(store, name="run"):
    return store.run_snapshot(store.runs["ns", name])


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


def started(revision):
    return msgspec.structs.replace(a_status(a_row()), revision=revision)


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


# --- Peers ------------------------------------------------------------------------------------


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


def test_runs_that_a_suspended_dag_holds_are_in_nobodys_way(woken):
    document = a_dag(a_task("a", image="i"), suspend=True)
    woken.store.put_dag(dag(status=a_ready_status(), document=document))
    woken.store.put_run(run())
    woken.store.put_run(run("held", spec={"runType": "Scheduled"}))
    (peer,) = snapshot_of(woken.store).peers
    assert (peer.name, peer.suspended) == ("held", True)


# --- DAG snapshots ----------------------------------------------------------------------------


def test_a_dag_is_decided_on_with_its_runs_and_revisions(woken):
    woken.store.put_dag(dag())
    woken.store.put_run(run())
    woken.store.put_run(as_stored(a_run("other", dag="elsewhere")))
    woken.store.revision_changed(None, a_revision())
    found = woken.store.dag_snapshot(woken.store.dags["ns", "pipeline"])
    assert [one.name for one in found.runs] == ["run"]
    assert [one.name for one in found.revisions] == ["p-1"]
    assert found.dag.generation == 1


# --- What must not be told ---------------------------------------------------------------------

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
