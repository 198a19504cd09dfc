"""The mark of a run: it ends what goes on, and is the last word on how the run has ended."""

import dataclasses

import msgspec
import pytest

from kubedag.core import decide_run, rows, snapshot
from support.builders import a_plan, a_pod, a_row, a_status, an_attempt, stamp
from support.marks import (
    ACTIVE,
    ALL_RAN,
    FAILED,
    LOAD,
    NOW,
    PLAN,
    after,
    decide,
    kinds,
    mark,
    snap_of,
    states,
    verdict,
)
from support.objects import a_task


@pytest.mark.parametrize("state", ["Succeeded", "Failed"])
def test_a_marked_run_ends_its_pods_skips_the_rest_and_is_what_the_mark_says(state):
    snap = snap_of(ACTIVE, LOAD, mark=mark(state))
    first = decide_run.decide(snap, NOW)
    assert states(first.status) == {
        "extract": "Succeeded", "load": "Terminating", "report": "Skipped",
        "mail": "Skipped", "fallback": "Skipped",
    }  # fmt: skip
    assert {row.reason for row in first.status.tasks[1:]} == {"RunMarked"}
    assert verdict(first.status) == ("Unknown", f"Marked{state}")
    assert first.status.mark == rows.Mark("1", state, "ann", "by hand", stamp(1000))
    assert (first.actions, first.urgent) == ((), True)
    assert kinds(after(snap, first)) == ["DeletePod"]
    pod = a_pod("load", 1, "Failed", exit_code=143, deleted=1001)
    logs = {pod.metadata.uid: snapshot.CapturedLog(b"said")}
    taken_out = dataclasses.replace(snap.run, mark=None)
    last = after(snap, first, pods={"load": (pod,)}, logs=logs, run=taken_out).status
    assert last.finished
    assert verdict(last) == ("True" if state == "Succeeded" else "False", f"Marked{state}")
    assert last.condition("Succeeded").message == f"marked {state} by ann: by hand"


def test_at_the_end_of_a_marked_run_nothing_runs_that_else_would():
    plan = a_plan(
        a_task("a"), a_task("down", dependsOn=["a"], teardownOf=["a"]),
        **{"finally": [a_task("last")]},
    )  # fmt: skip
    running = a_row("a", "Running", attempt=1, attempts=(an_attempt(1, deps_met_time=stamp(1)),))
    status = a_status(running, a_row("down"), a_row("last"))
    found = decide(status, a_pod("a", 1, "Running"), mark=mark(), of=plan)
    assert states(found.status) == {"a": "Terminating", "down": "Skipped", "last": "Skipped"}


NOT_STARTED = {
    "queued": {},
    "suspended": {"run": {"suspend": True}},
    "without a DAG": {"of": None, "dag": None},
    "without its revision": {"of": None, "plan_revision": "gone"},
}


@pytest.mark.parametrize("given", NOT_STARTED.values(), ids=NOT_STARTED)
def test_a_run_that_has_not_started_ends_at_once(given):
    given = dict(given)
    decision = decide(rows.RunStatus(), mark=mark(), of=given.pop("of", PLAN), **given)
    assert (decision.actions, verdict(decision.status)) == ((), ("True", "MarkedSucceeded"))
    assert decision.status.mark.id == "1"
    assert decision.status.finished


@pytest.mark.parametrize(("state", "truth"), [("Succeeded", "True"), ("Failed", "False")])
def test_of_a_run_that_has_ended_only_the_conditions_change(state, truth):
    decision = decide(FAILED, mark=mark(state))
    found = decision.status
    assert (verdict(found), decision.actions, decision.urgent) == (
        (truth, f"Marked{state}"),
        (),
        True,
    )
    plain = msgspec.structs.replace(
        found, mark=None, conditions=FAILED.conditions, observed_generation=0
    )
    assert plain == FAILED


def test_the_mark_of_a_run_is_the_last_word_also_on_what_marks_of_tasks_would_let_run():
    snap = snap_of(FAILED, marks={"load": mark()}, mark=mark())
    first = decide_run.decide(snap, NOW)
    assert (first.status.finished, verdict(first.status)) == (True, ("True", "MarkedSucceeded"))
    assert (states(first.status)["load"], states(first.status)["report"]) == (
        "Succeeded", "UpstreamFailed",
    )  # fmt: skip
    assert after(snap, first).status == first.status


def test_a_mark_of_a_run_that_was_set_is_none_any_more_when_it_runs_again():
    snap = snap_of(FAILED, mark=mark())
    first = decide_run.decide(snap, NOW)
    again = dataclasses.replace(snap.run, rerun=snapshot.RerunRequest("1", "All"))
    begun = after(snap, first, run=again)
    assert (begun.status.finished, verdict(begun.status)) == (False, ("Unknown", "Running"))
    assert begun.status.mark == first.status.mark
    running = after(snap, begun, run=again)
    assert verdict(running.status) == ("Unknown", "Running")
    assert kinds(running) == ["CreatePod"]


def test_a_run_that_comes_to_its_end_while_it_is_marked_is_what_the_mark_says():
    over = a_status(*ALL_RAN.tasks)
    snap = snap_of(over, mark=mark())
    first = decide_run.decide(snap, NOW)
    assert first.status.finished
    assert verdict(after(snap, first).status) == ("True", "MarkedSucceeded")
