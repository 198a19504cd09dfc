"""Marks of tasks of a run that has ended: what could not run because of one runs, and nothing else does."""

import dataclasses

import msgspec
import pytest

from kubedag.core import decide_run, marks, rows, snapshot
from support.builders import a_finished_status, a_plan, a_pod, a_row, stamp
from support.marks import (
    ALL_RAN,
    FAILED,
    NAMES,
    NOW,
    after,
    decide,
    mark,
    row_of,
    snap_of,
    states,
    verdict,
)
from support.objects import a_task
from support.reruns import ended


def test_what_could_not_run_because_of_it_runs_and_everything_else_stays():
    snap = snap_of(FAILED, marks={"load": mark()})
    first = decide_run.decide(snap, NOW)
    assert (first.actions, first.urgent, first.status.finished) == ((), True, False)
    assert states(first.status) == {
        "extract": "Succeeded", "load": "Succeeded", "report": "Queued",
        "mail": "Succeeded", "fallback": "Failed",
    }  # fmt: skip
    rerun = first.status.rerun
    assert (rerun.id, rerun.number, rerun.tasks, rerun.start_time) == ("mark:1", 1, 1, stamp(1000))
    assert (first.status.start_time, first.status.completion_time) == (stamp(1000), None)
    second = after(snap, first)
    assert [NAMES[one.task_index] for one in second.actions] == ["report"]
    assert second.status == first.status


def test_the_wish_that_was_fulfilled_last_stays_so_when_a_run_goes_on_because_of_a_mark():
    done = msgspec.structs.replace(FAILED, rerun=rows.Rerun("7", 3, stamp(60), 3))
    wish = snapshot.RerunRequest("7", "All")
    found = decide(done, marks={"load": mark()}, run={"rerun": wish}).status.rerun
    assert (found.id, found.number) == ("7", 4)


RESULTS = {
    "the failure": ({"fallback": mark()}, {"load": mark()}, "True", "Succeeded"),
    "another": ({"fallback": mark("Skipped")}, {}, "False", "Failed"),
    "what had succeeded": ({"mail": mark("Failed")}, {}, "False", "Failed"),
}


@pytest.mark.parametrize(("some", "more", "status", "reason"), RESULTS.values(), ids=RESULTS)
def test_if_nothing_is_to_run_only_the_rows_and_the_result_change(some, more, status, reason):
    decision = decide(ALL_RAN, marks={**some, **more})
    found = decision.status
    assert (decision.actions, decision.urgent, found.finished) == ((), True, True)
    assert verdict(found) == (status, reason)
    assert (found.start_time, found.completion_time, found.rerun) == (
        ALL_RAN.start_time, ALL_RAN.completion_time, None,
    )  # fmt: skip
    marked = {**some, **more}
    for old, new in zip(ALL_RAN.tasks, found.tasks, strict=True):
        assert new == old or (new.name in marked and new.state == marked[new.name].state)


def test_a_run_that_was_ended_stays_so_whatever_its_tasks_are_marked_as():
    status = a_finished_status(
        *ALL_RAN.tasks[:-1], a_row("fallback", "Skipped", reason="RunTimedOut"),
        succeeded=False, reason="TimedOut",
    )  # fmt: skip
    found = decide(status, marks={"load": mark()}).status
    assert (states(found)["load"], verdict(found)) == ("Succeeded", ("False", "TimedOut"))


def test_a_rule_that_judges_otherwise_now_does_so_at_once():
    found = decide(FAILED, marks={"load": mark("Skipped")}).status
    assert (states(found)["report"], found.finished) == ("Skipped", True)
    assert row_of(found, "report").reason == "TriggerRule"


BY_HAND = rows.Mark("0", "Skipped", "bob", "", stamp(90))
SKIPPED = {
    "by its rule": (a_row("fallback", "Skipped", reason="TriggerRule"), "Failed", "Queued"),
    "as the run failed fast": (
        a_row("fallback", "Skipped", reason="RunFailedFast"), "Failed", "Queued",
    ),
    "for want of an answer": (
        a_row("fallback", "Skipped", reason="ApprovalTimedOut"), "Failed", "Skipped",
    ),
    "by hand": (a_row("fallback", "Skipped", reason="Marked", mark=BY_HAND), "Failed", "Skipped"),
    "by a rule of its retry": (
        ended("fallback", "Skipped", reason="RetryRule"), "Failed", "Skipped",
    ),
    "and there was no room to say why": (a_row("fallback", "Skipped"), "Failed", "Queued"),
    "by hand, without a word": (a_row("fallback", "Skipped", mark=BY_HAND), "Failed", "Skipped"),
    "after it had run, without a word": (ended("fallback", "Skipped"), "Failed", "Skipped"),
    "without a word, when time was up": (a_row("fallback", "Skipped"), "TimedOut", "Skipped"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "reason", "expected"), SKIPPED.values(), ids=SKIPPED)
def test_only_what_a_rule_had_skipped_is_judged_anew(row, reason, expected):
    before = a_finished_status(
        ended("extract", "Succeeded"), ended("load", "Succeeded"), ended("report", "Failed"),
        ended("mail", "Succeeded"), row, succeeded=False, reason=reason,
    )  # fmt: skip
    found = decide(before, marks={"load": mark("Failed")}).status
    assert states(found)["fallback"] == expected


def test_what_is_blocked_by_something_else_as_well_stays():
    plan = a_plan(a_task("a"), a_task("b"), a_task("c", dependsOn=["a", "b"]))
    status = a_finished_status(
        ended("a", "Failed"), ended("b", "Failed"),
        a_row("c", "UpstreamFailed", reason="UpstreamFailed"), succeeded=False,
    )  # fmt: skip
    found = decide(status, marks={"a": mark()}, of=plan).status
    assert (found.finished, states(found)["c"]) == (True, "UpstreamFailed")
    both = decide(status, marks={"a": mark(), "b": mark()}, of=plan).status
    assert (both.finished, states(both)["c"]) == (False, "Queued")


WAITS = {
    "held by hand": ({"run": {"suspend": True}}, "Suspended"),
    "to be shut down": ({"run": {"shutdown": "Stop"}}, "ShutdownAsked"),
    "its turn": (
        {"peers": [snapshot.Peer("o", ("2025", "2025", "o"), started=True)]}, "Queued",
    ),
    "a Pod that is still to end": (
        {"pods": {"mail": (a_pod("mail", 2, "Running"),)}}, "PodsEnding",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "reason"), WAITS.values(), ids=WAITS)
def test_until_it_may_go_on_it_stays_as_it_ended_and_says_what_it_waits_for(given, reason):
    snap = snap_of(FAILED, marks={"load": mark()}, **given)
    status = decide_run.decide(snap, NOW).status
    told = status.condition("RerunPending")
    assert (told.status, told.reason) == ("True", reason)
    assert (status.tasks, status.finished, status.rerun) == (FAILED.tasks, True, None)
    assert marks.awaits(snap.run, status)
    taken_out = dataclasses.replace(snap.run, marks={})
    left = decide_run.decide(dataclasses.replace(snap, status=status, run=taken_out), NOW).status
    assert left == msgspec.structs.replace(FAILED, observed_generation=1)


def test_a_mark_that_lets_nothing_run_waits_for_nobody():
    for given, _ in WAITS.values():
        assert (
            states(decide(ALL_RAN, marks={"load": mark()}, **given).status)["load"] == "Succeeded"
        )


def test_without_its_revision_a_run_is_not_judged_anew_and_says_so():
    status = decide(FAILED, marks={"load": mark()}, of=None, plan_revision="gone").status
    told = status.condition("RerunPending")
    assert (told.reason, status.tasks) == ("RevisionNotFound", FAILED.tasks)
    assert told.message.endswith("is gone: mark the run itself")


def test_marks_are_set_before_a_wish_to_run_again_is_fulfilled():
    wish = snapshot.RerunRequest("1", "Failed")
    snap = snap_of(ALL_RAN, marks={"load": mark()}, run={"rerun": wish})
    first = decide_run.decide(snap, NOW)
    assert (first.status.finished, first.status.rerun) == (True, None)
    assert states(after(snap, first).status) == {
        "extract": "Succeeded", "load": "Succeeded", "report": "Succeeded",
        "mail": "Succeeded", "fallback": "Skipped",
    }  # fmt: skip


def test_rows_in_slices_are_marked_as_well_and_go_on_in_other_slices():
    sliced = msgspec.structs.replace(FAILED, slices=1)
    found = decide(sliced, marks={"load": mark()}).status
    assert (found.slices, found.rerun.number, states(found)["report"]) == (1, 1, "Queued")


def test_a_crash_between_the_slices_and_the_run_leaves_nothing_undone():
    """The rows are stored before the run that says how it has ended by them."""
    sliced = msgspec.structs.replace(ALL_RAN, slices=1, observed_generation=1)
    both = {"load": mark(), "fallback": mark()}
    run = {"generation": 2}
    whole = decide(sliced, marks=both, run=run).status
    half = msgspec.structs.replace(sliced, tasks=whole.tasks)
    assert decide(half, marks=both, run=run).status == whole


HASTY = a_plan(a_task("a"), a_task("b"), a_task("c", dependsOn=["b"]), failFast=True)
CUT_OFF = a_finished_status(
    ended("a", "Failed", reason="ExitCode"), ended("b", "Succeeded"),
    a_row("c", "Skipped", reason="RunFailedFast"), succeeded=False,
)  # fmt: skip


def test_a_run_that_failed_fast_has_not_succeeded_as_long_as_tasks_were_cut_off():
    found = decide(CUT_OFF, marks={"a": mark()}, of=HASTY).status
    assert (states(found)["c"], verdict(found)) == ("Skipped", ("False", "Failed"))
    assert found.condition("Succeeded").message == "failFast ended the run before 'c' could run"
    again = decide(found, marks={"a": mark(), "c": mark("Skipped", "2")}, of=HASTY).status
    assert verdict(again) == ("True", "Succeeded")


def test_what_was_left_out_on_purpose_takes_no_success_back():
    """Such as by a rerun of some tasks alone, after which the run has succeeded."""
    good = a_finished_status(ended("a", "Succeeded"), *CUT_OFF.tasks[1:])
    found = decide(good, marks={"b": mark("Skipped")}, of=HASTY).status
    assert verdict(found) == ("True", "Succeeded")
