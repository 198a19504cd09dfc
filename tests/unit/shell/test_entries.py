"""One run, and one DAG, as the operator knows them."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import audience, rows, snapshot
from kubedag.shell.entries import DAGEntry, RunEntry
from kubedag.shell.pod_index import PodIndex
from support.builders import (
    REVISION,
    RUN_UID,
    a_definition,
    a_finished_status,
    a_plan,
    a_pod,
    a_ready_status,
    a_row,
    a_status,
    an_attempt,
    run_facts,
    stamp,
)


def an_entry(status=None, **fields):
    facts = run_facts(**fields.pop("facts", {}))
    return RunEntry(facts, "1", status or rows.RunStatus(), **fields)


# --- Runs -------------------------------------------------------------------------------------


def test_the_newest_word_on_a_run_is_what_was_decided_last():
    stored, decided = a_status(), a_finished_status()
    assert an_entry(stored).newest == stored
    assert an_entry(stored, decided=decided).newest == decided


@pytest.mark.parametrize(
    ("entry", "seen", "expected"),
    [
        pytest.param(an_entry(), False, {}, id="new"),
        pytest.param(an_entry(), True, {"started": True}, id="has a Pod"),
        pytest.param(an_entry(creating={"a": "run-a-1"}), False, {"started": True}, id="creates a Pod"),
        pytest.param(an_entry(a_status()), False, {"started": True}, id="says so"),
        pytest.param(
            an_entry(decided=a_status()), False, {"started": True}, id="is about to say so",
        ),
        pytest.param(
            an_entry(a_finished_status()), False,
            {"started": True, "finished": True, "succeeded": True}, id="ended well",
        ),
        pytest.param(
            an_entry(facts={"deleting": True}), False, {"finished": True}, id="is being deleted",
        ),
        pytest.param(an_entry(facts={"suspend": True}), False, {"suspended": True}, id="is held"),
    ],
)  # fmt: skip
def test_a_run_as_the_others_see_it(entry, seen, expected):
    peer = entry.peer(seen)
    plain = {"started": False, "finished": False, "succeeded": False, "suspended": False}
    found = {name: getattr(peer, name) for name in plain}
    assert found == plain | expected


STOPPED = a_finished_status(succeeded=False, reason="Stopped")
STOPPING = a_status(
    conditions=(rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, "Stopped"),)
)


MARKS = {"marks": {"a": snapshot.MarkRequest("1", "Failed")}}
MARKED = a_finished_status(a_row("a", "Failed", mark=rows.Mark("1", "Failed")), succeeded=False)


@pytest.mark.parametrize(
    ("entry", "finished"),
    [
        pytest.param(an_entry(a_status(), decided=STOPPED), False, id="nothing is stored of it"),
        pytest.param(an_entry(STOPPING, decided=STOPPED), True, id="that it ends is stored"),
        pytest.param(an_entry(STOPPED), True, id="its end is stored"),
        pytest.param(an_entry(a_status(), decided=a_finished_status()), True, id="by itself"),
        pytest.param(
            an_entry(a_status(), decided=MARKED, facts=MARKS), False, id="by a mark of a task"
        ),
        pytest.param(an_entry(MARKED, facts=MARKS), True, id="its end by a mark is stored"),
    ],
)
def test_a_run_that_somebody_ends_has_its_place_until_that_cannot_be_taken_back(entry, finished):
    assert entry.peer(pods_seen=True).finished is finished


@pytest.mark.parametrize(
    ("run_type", "held"),
    [("Manual", False), ("Scheduled", True), ("Catchup", True), ("Backfill", False)],
)
def test_a_suspended_dag_holds_what_its_schedule_has_created(run_type, held):
    entry = an_entry(facts={"run_type": run_type})
    assert entry.peer(False, dag_suspended=True).suspended is held


def test_a_run_as_its_dag_sees_it():
    entry = an_entry(a_finished_status(succeeded=False, completed=50))
    summary = entry.summary("")
    assert (summary.revision, summary.state, summary.started) == (REVISION, "Failed", True)
    assert (summary.finished, summary.succeeded) == (True, False)
    assert summary.completion_time == stamp(50)


def test_a_run_that_has_ended_is_what_is_stored_of_it_whatever_was_decided_here():
    """Another leader may have ended it at another second."""
    entry = an_entry(a_finished_status(completed=5), decided=a_finished_status(completed=6))
    assert entry.summary("").completion_time == stamp(5)


def test_a_run_of_which_only_pods_are_left_still_needs_their_revision():
    assert an_entry().summary("p-1").revision == "p-1"


# --- DAGs -------------------------------------------------------------------------------------


def a_dag_entry(status, generation=1):
    definition = a_definition(a_plan(), generation=generation)
    return DAGEntry("ns", "pipeline", definition=definition, status=status)


@pytest.mark.parametrize(
    ("status", "ready", "checked"),
    [
        (rows.DAGStatus(), False, False),
        (a_ready_status(), True, True),
        (a_ready_status(generation=0), False, False),
    ],
    ids=["new", "good", "edited"],
)
def test_a_dag_as_its_runs_see_it(status, ready, checked):
    entry = a_dag_entry(status)
    facts = entry.facts()
    assert (facts.ready, facts.checked, facts.revision) == (ready, checked, REVISION)
    assert (entry.plan() is not None) is ready


def test_a_dag_that_is_gone_has_no_facts_and_no_plan():
    entry = DAGEntry("ns", "pipeline")
    assert (entry.facts(), entry.plan(), entry.plan_of(REVISION)) == (None, None, None)


def test_a_revision_that_is_as_the_dag_is_now_has_its_plan():
    entry = a_dag_entry(rows.DAGStatus())
    assert entry.plan_of(REVISION) is entry.definition.plan
    assert entry.plan_of("other") is None


# --- Pods -------------------------------------------------------------------------------------


def indexed(*seen):
    index = PodIndex()
    for pod in seen:
        index.put(RUN_UID, pod)
    return index


def test_pods_are_found_by_task_in_order_of_attempt():
    first, second, other = a_pod(attempt=1), a_pod(attempt=2), a_pod("b")
    assert indexed(second, other, first).of(RUN_UID) == {"a": (first, second), "b": (other,)}
    assert indexed(first).of("other") == {}


def test_a_pod_is_known_as_it_is_now():
    index = indexed(a_pod(), a_pod(phase="Running"))
    assert index.of(RUN_UID) == {"a": (a_pod(phase="Running"),)}


def test_a_pod_tells_which_revision_its_run_has():
    assert indexed(a_pod()).revision(RUN_UID) == REVISION
    assert indexed().revision(RUN_UID) == ""


def test_a_pod_that_is_forgotten_leaves_nothing_behind():
    index = indexed(a_pod(), a_pod(attempt=2))
    index.forget(RUN_UID, a_pod())
    assert index.of(RUN_UID) == {"a": (a_pod(attempt=2),)}
    index.forget(RUN_UID, a_pod(attempt=2))
    assert index._by_run == {}


def test_a_run_that_is_forgotten_leaves_nothing_behind():
    index = indexed(a_pod(gone=True))
    index.forget_run(RUN_UID)
    assert (index._by_run, index._gone) == ({}, {})


def test_a_run_that_was_only_thought_to_be_gone_finds_its_pods_again():
    """Found by the simulation: an answer of 404 was wrong, and a Pod was asked for without end."""
    index = indexed(a_pod(gone=True), a_pod(attempt=2))
    index.forget_run(RUN_UID)
    assert index.of(RUN_UID) == {"a": (a_pod(attempt=2),)}
    index.forget(RUN_UID, a_pod(attempt=2))
    assert (index._by_run, index._observed) == ({}, {})


GONE = a_pod(phase="Failed", exit_code=1, gone=True)
TOLD = an_attempt(1, "Failed", log=rows.LogTail("None"))


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        pytest.param(rows.RunStatus(), True, id="nothing is stored"),
        pytest.param(a_status(a_row(attempts=(an_attempt(),))), True, id="its end is not stored"),
        pytest.param(
            a_status(a_row(attempts=(an_attempt(1, "Failed"),))), True, id="its log is not stored",
        ),
        pytest.param(
            a_status(a_row(state="Failed", attempts=(an_attempt(1, "Failed"),))), True,
            id="nor is that of the last attempt",
        ),
        pytest.param(a_status(a_row(attempts=(TOLD,))), False, id="its end is stored"),
        pytest.param(a_status(a_row(state="Failed", attempts=(TOLD,))), False, id="for good"),
        pytest.param(a_status(a_row(state="Skipped")), False, id="the task has ended"),
        pytest.param(a_finished_status(a_row()), False, id="the run has finished"),
    ],
)  # fmt: skip
def test_a_pod_that_is_gone_is_kept_until_its_end_is_stored(status, kept):
    index = indexed(GONE)
    index.forget_recorded(RUN_UID, status)
    assert index.of(RUN_UID) == ({"a": (GONE,)} if kept else {})


def test_a_pod_that_is_gone_is_dropped_by_the_status_that_tells_its_end_however_late():
    index = indexed(GONE)
    index.forget_recorded(RUN_UID, rows.RunStatus())
    index.forget_recorded(RUN_UID, a_status(a_row(attempts=(TOLD,))))
    assert index.of(RUN_UID) == {}


def test_a_pod_that_is_there_is_never_dropped():
    index = indexed(GONE, a_pod("b", phase="Succeeded"))
    index.forget_recorded(RUN_UID, a_finished_status(a_row("a"), a_row("b", "Succeeded")))
    assert list(index.of(RUN_UID)) == ["b"]


def test_records_of_pods_are_small():
    """A hundred thousand of them are in memory at once."""
    assert len(msgspec.msgpack.encode(a_pod(phase="Succeeded"))) < 1500


def test_of_a_run_that_is_over_nothing_is_kept_that_was_under_way():
    over = msgspec.structs.replace(a_finished_status(), observed_generation=1)
    entry = an_entry(over)
    entry.deliveries["ops", "RunSucceeded/0"] = audience.Delivery(1, stamp(1), delivered=True)
    entry.archive()
    assert (entry.archived, entry.deliveries) == (True, {})
