"""Marks of tasks: what somebody says has become of one, while its run goes on."""

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run, marks, rows, snapshot
from support.builders import a_pod, a_row, a_status, an_attempt, stamp
from support.marks import (
    ACTIVE,
    FAILED,
    LOAD,
    NAMES,
    NOW,
    after,
    decide,
    kinds,
    mark,
    row_of,
    snap_of,
    states,
)
from support.reruns import ended

# --- Its Pod, and what follows ---------------------------------------------------------------


def test_the_pod_of_a_marked_task_is_told_to_end_once_that_is_stored():
    snap = snap_of(ACTIVE, LOAD, marks={"load": mark()})
    first = decide_run.decide(snap, NOW)
    load = row_of(first.status, "load")
    assert (load.state, load.reason) == ("Terminating", "Marked")
    assert load.message == "marked Succeeded by ann: by hand"
    assert load.mark == rows.Mark("1", "Succeeded", "ann", "by hand", stamp(1000))
    assert (first.actions, first.urgent) == ((), True)
    assert kinds(after(snap, first)) == ["DeletePod"]


ENDS = {
    "killed": {"phase": "Failed", "exit_code": 137, "deleted": 1001},
    "by itself, and well": {"phase": "Succeeded", "exit_code": 0},
    "by itself, and badly": {"phase": "Failed", "exit_code": 1},
    "gone": {"phase": "Running", "gone": True},
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Skipped"])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_however_the_pod_ends_the_task_is_what_the_mark_says(end, state, withdrawn):
    snap = snap_of(ACTIVE, LOAD, marks={"load": mark(state)})
    first = decide_run.decide(snap, NOW)
    pod = a_pod("load", 1, **end)
    run = dataclasses.replace(snap.run, marks={}) if withdrawn else snap.run
    found = after(snap, first, pods={"load": (pod,)}, run=run, gone={pod.metadata.uid}).status
    load = row_of(found, "load")
    assert (load.state, load.reason, load.attempt) == (state, "Marked", 1)
    assert load.mark.id == "1"


FOLLOWS = {
    "Succeeded": {"report": "Queued", "mail": "Waiting", "fallback": "Skipped"},
    "Failed": {"report": "UpstreamFailed", "mail": "Queued", "fallback": "Queued"},
    "Skipped": {"report": "Skipped", "mail": "Queued", "fallback": "Skipped"},
}


@pytest.mark.parametrize(("state", "expected"), FOLLOWS.items())
def test_what_depends_on_it_follows_once_that_is_stored(state, expected):
    waits = msgspec.structs.replace(
        ACTIVE,
        tasks=tuple(
            ended("load", "AwaitingRetry", next_attempt_time=stamp(2000))
            if row.name == "load" else row for row in ACTIVE.tasks
        ),
    )  # fmt: skip
    snap = snap_of(waits, a_pod("load", 1, "Failed", exit_code=1), marks={"load": mark(state)})
    first = decide_run.decide(snap, NOW)
    assert {name: states(first.status)[name] for name in expected} == expected
    assert "CreatePod" not in kinds(first)
    second = after(snap, first)
    created = {
        NAMES[one.task_index] for one in second.actions if isinstance(one, actions.CreatePod)
    }
    assert created == {name for name, told in expected.items() if told == "Queued"}
    assert second.status == first.status


BEFORE = {
    "waits for others": a_row("load", "Waiting"),
    "waits for a place": a_row("load", "Queued", reason="MaxActiveTasks"),
    "between two attempts": ended("load", "AwaitingRetry", next_attempt_time=stamp(900)),
}


@pytest.mark.parametrize("row", BEFORE.values(), ids=BEFORE)
def test_no_attempt_begins_of_a_task_that_is_marked(row):
    tasks = tuple(row if one.name == "load" else one for one in ACTIVE.tasks)
    snap = snap_of(msgspec.structs.replace(ACTIVE, tasks=tasks), marks={"load": mark("Failed")})
    first = decide_run.decide(snap, NOW)
    assert states(first.status)["load"] == "Failed"
    second = after(snap, first)
    assert "load" not in {
        NAMES[one.task_index]
        for decision in (first, second)
        for one in decision.actions
        if isinstance(one, actions.CreatePod)
    }


@pytest.mark.parametrize(
    ("marks", "state", "asked_for"),
    [
        pytest.param({}, "Queued", [["load"], ["load"]], id="not marked"),
        pytest.param({"load": mark("Skipped")}, "Skipped", [[], ["mail"]], id="marked"),
    ],
)
def test_a_pod_that_the_api_does_not_take_yet_is_not_asked_for_again(marks, state, asked_for):
    refusal = snapshot.Refusal(1, "WaitingForQuota", "no", stamp(1), True, stamp(2))
    tasks = tuple(a_row("load", "Queued") if row.name == "load" else row for row in ACTIVE.tasks)
    waits = msgspec.structs.replace(ACTIVE, tasks=tasks)
    snap = snap_of(waits, marks=marks, refusals={"load": refusal})
    first = decide_run.decide(snap, NOW)
    assert states(first.status)["load"] == state
    told = [first.actions, after(snap, first).actions]
    assert [[(type(one).__name__, NAMES[one.task_index]) for one in some] for some in told] == [
        [("CreatePod", name) for name in names] for names in asked_for
    ]


def test_a_pod_that_is_being_created_is_ended_once_it_is_there():
    tasks = tuple(a_row("load", "Queued") if row.name == "load" else row for row in ACTIVE.tasks)
    waits = msgspec.structs.replace(ACTIVE, tasks=tasks)
    snap = snap_of(waits, marks={"load": mark()}, creating={"load": "x"})
    first = decide_run.decide(snap, NOW)
    assert (states(first.status)["load"], first.actions) == ("Queued", ())
    there = after(snap, first, creating={}, pods={"load": (a_pod("load", 1),)})
    assert states(there.status)["load"] == "Terminating"


def test_a_pod_of_a_creation_that_nobody_knew_of_any_more_is_ended():
    tasks = tuple(a_row("load", "Queued") if row.name == "load" else row for row in ACTIVE.tasks)
    snap = snap_of(msgspec.structs.replace(ACTIVE, tasks=tasks), marks={"load": mark()})
    first = decide_run.decide(snap, NOW)
    assert states(first.status)["load"] == "Succeeded"
    assert "DeletePod" in kinds(after(snap, first, pods={"load": (LOAD,)}))


def test_marks_of_tasks_are_set_before_they_would_start():
    first = decide(rows.RunStatus(), marks={"extract": mark()})
    assert (states(first.status)["extract"], states(first.status)["load"]) == (
        "Succeeded",
        "Queued",
    )
    assert first.actions == ()


def test_a_task_that_is_being_ended_for_something_else_is_marked_when_that_is_over():
    told = {"state": "Terminating", "reason": "TaskTimedOut", "message": "m"}
    late = msgspec.structs.replace(
        ACTIVE.tasks[1], **told, attempts=(an_attempt(1, task="load", **told),)
    )
    tasks = tuple(late if row.name == "load" else row for row in ACTIVE.tasks)
    snap = snap_of(msgspec.structs.replace(ACTIVE, tasks=tasks), LOAD, marks={"load": mark()})
    first = decide_run.decide(snap, NOW)
    assert row_of(first.status, "load").reason == "TaskTimedOut"
    pod = a_pod("load", 1, "Failed", exit_code=143)
    second = after(snap, first, pods={"load": (pod,)})
    assert (row_of(second.status, "load").state, row_of(second.status, "load").reason) == (
        "Succeeded", "Marked",
    )  # fmt: skip


def test_another_mark_takes_the_place_of_one_that_waits_for_the_pod_to_end():
    snap = snap_of(ACTIVE, LOAD, marks={"load": mark("Succeeded")})
    first = decide_run.decide(snap, NOW)
    changed = dataclasses.replace(snap.run, marks={"load": mark("Skipped", "2")})
    second = after(snap, first, run=changed)
    assert row_of(second.status, "load").mark.id == "2"
    pod = a_pod("load", 1, "Failed", exit_code=143, deleted=1001)
    ended_ = after(snap, second, run=changed, pods={"load": (pod,)})
    assert states(ended_.status)["load"] == "Skipped"


def test_a_task_that_has_failed_is_marked_and_what_that_had_blocked_goes_on():
    blocked = a_status(*FAILED.tasks[:3], a_row("mail", "Queued"), *FAILED.tasks[4:])
    snap = snap_of(blocked, marks={"load": mark()}, creating={"mail": "x"})
    found = states(decide_run.decide(snap, NOW).status)
    assert (found["load"], found["report"], found["fallback"]) == ("Succeeded", "Queued", "Failed")


def test_what_a_mark_takes_the_ground_from_goes_on_if_it_is_being_created_and_is_skipped_if_not():
    """Found by the simulation: its Pod came when its run was over, and another ran beside it."""
    waits = a_status(*(a_row("fallback", "Queued") if row.name == "fallback" else row
                       for row in FAILED.tasks))  # fmt: skip
    snap = snap_of(waits, marks={"load": mark()})
    assert states(decide_run.decide(snap, NOW).status)["fallback"] == "Skipped"
    coming = dataclasses.replace(snap, creating={"fallback": "x"})
    first = decide_run.decide(coming, NOW)
    assert states(first.status)["fallback"] == "Queued"
    new = a_pod("fallback", 1, created=1000)
    there = after(coming, first, creating={}, pods={"fallback": (new,)})
    assert states(there.status)["fallback"] == "Pending"


def test_the_log_of_what_failed_before_is_still_read():
    pod = a_pod("load", 1, "Failed", exit_code=1)
    bare = msgspec.structs.replace(ACTIVE.tasks[1], state="Running")
    tasks = tuple(bare if row.name == "load" else row for row in ACTIVE.tasks)
    snap = snap_of(msgspec.structs.replace(ACTIVE, tasks=tasks), pod, marks={"load": mark()})
    first = decide_run.decide(snap, NOW)
    assert (states(first.status)["load"], kinds(first)) == ("Succeeded", ["CaptureLog"])
    logs = {pod.metadata.uid: snapshot.CapturedLog(b"said")}
    second = after(snap, first, logs=logs)
    assert row_of(second.status, "load").attempts[0].log.tail == "said"


def test_a_mark_that_was_set_is_none_any_more_also_after_a_rerun():
    snap = snap_of(FAILED, marks={"load": mark("Skipped")})
    marked = decide_run.decide(snap, NOW).status
    again = dataclasses.replace(snap.run, rerun=snapshot.RerunRequest("1", "All"))
    begun = after(snap, decide_run.decide(snap, NOW), run=again).status
    assert (marked.finished, begun.finished) == (True, False)
    assert row_of(begun, "load").mark == row_of(marked, "load").mark
    assert states(begun)["load"] == "Waiting"


def test_a_mark_with_another_id_is_set_again():
    snap = snap_of(FAILED, marks={"load": mark("Skipped")})
    first = decide_run.decide(snap, NOW)
    other = dataclasses.replace(snap.run, marks={"load": mark("Failed", "2")})
    found = row_of(after(snap, first, run=other).status, "load")
    assert (found.state, found.mark.id) == ("Failed", "2")


def test_a_suspended_run_takes_marks_and_starts_nothing():
    waits = msgspec.structs.replace(
        ACTIVE,
        tasks=tuple(a_row("load") if row.name == "load" else row for row in ACTIVE.tasks),
    )
    first = decide(waits, marks={"load": mark()}, run={"suspend": True})
    assert (states(first.status)["load"], states(first.status)["report"]) == (
        "Succeeded",
        "Queued",
    )
    assert first.actions == ()


# --- What is said ----------------------------------------------------------------------------

WORDS = {
    "nobody, and not why": (mark(by="", comment=""), "marked Succeeded"),
    "who": (mark(comment=""), "marked Succeeded by ann"),
    "why": (mark(by=""), "marked Succeeded: by hand"),
    "in lines": (mark(comment="one\ntwo"), "marked Succeeded by ann: one two"),
}


@pytest.mark.parametrize(("asked", "expected"), WORDS.values(), ids=WORDS)
def test_it_says_who_and_why(asked, expected):
    assert marks.said(marks.recorded(asked, stamp(1))) == expected


# --- Tasks that there are not ----------------------------------------------------------------


@pytest.mark.parametrize("status", [ACTIVE, FAILED, rows.RunStatus()], ids=["on", "over", "new"])
def test_a_mark_of_a_task_that_there_is_not_is_told_and_holds_nothing_up(status):
    snap = snap_of(status, marks={"nothing": mark(), "extract": mark("Skipped")})
    found = decide_run.decide(snap, NOW).status
    told = found.condition("MarksPending")
    assert (told.status, told.reason) == ("True", "TaskNotFound")
    assert told.message == "spec.marks: must name tasks of the DAG; it has no 'nothing'"
    assert states(found)["extract"] == "Skipped"
    gone = dataclasses.replace(snap.run, marks={})
    left = decide_run.decide(dataclasses.replace(snap, status=found, run=gone), NOW).status
    assert left.condition("MarksPending") is None


def test_of_a_run_whose_rows_are_not_known_it_is_told_as_before():
    snap = snap_of(FAILED, marks={"nothing": mark()})
    found = decide_run.decide(snap, NOW).status
    bare = msgspec.structs.replace(found, tasks=(), slices=1)
    assert decide_run.decide(dataclasses.replace(snap, status=bare), NOW).status == bare
