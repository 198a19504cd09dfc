"""What the operator last saw of runs and of DAGs, and who is woken by it."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import rows
from support.builders import a_finished_status, a_pod, a_ready_status, a_row, a_status, an_attempt
from support.objects import a_dag, a_task
from support.woken_store import DAG, ENDED, RUN, dag, run

# --- Runs ------------------------------------------------------------------------------------


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
    first, second = ("run", "ns", "first"), ("run", "ns", "second")
    assert woken.by(woken.store.drop_run, "ns", "first") == {DAG, first, second}
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


# --- DAGs ------------------------------------------------------------------------------------


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
