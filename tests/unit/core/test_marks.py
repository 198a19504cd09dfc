"""Marks: what somebody says has become of a task or of a run, while it goes on and afterwards."""

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run, marks, rows, snapshot
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

NOW = at(1000)
#  extract ── load ── report ── mail(AllDone)      fallback(AllFailed) below load
PLAN = a_plan(
    a_task("extract"),
    a_task("load", dependsOn=["extract"], retry={"limit": 3}),
    a_task("report", dependsOn=["load"]),
    a_task("mail", dependsOn=["report"], triggerRule="AllDone"),
    a_task("fallback", dependsOn=["load"], triggerRule="AllFailed"),
)
NAMES = [task.name for task in PLAN.tasks]


def mark(state="Succeeded", id_="1", by="ann", comment="by hand"):
    return snapshot.MarkRequest(id_, state, by, comment)


def ended(name, state, **fields):
    last = "Succeeded" if state == "Succeeded" else "Failed"
    attempt = an_attempt(
        1, last, task=name, finish_time=stamp(50), deps_met_time=stamp(1),
        log=None if last == "Succeeded" else rows.LogTail("None"),
    )  # fmt: skip
    return a_row(name, state, attempt=1, attempts=(attempt,), **fields)


FAILED = a_finished_status(
    ended("extract", "Succeeded"),
    ended("load", "Failed", reason="ExitCode", message="exit code 1"),
    a_row("report", "UpstreamFailed", reason="UpstreamFailed", message="m"),
    ended("mail", "Succeeded"),
    ended("fallback", "Failed", reason="ExitCode", message="exit code 2"),
    succeeded=False,
)
ACTIVE = a_status(
    ended("extract", "Succeeded"),
    a_row("load", "Running", attempt=1, attempts=(an_attempt(1, task="load", deps_met_time=stamp(50)),)),
    a_row("report", "Waiting", reason="Upstream", message="waits for 1 upstream"),
    a_row("mail", "Waiting", reason="Upstream", message="waits for 1 upstream"),
    a_row("fallback", "Waiting", reason="Upstream", message="waits for 1 upstream"),
)  # fmt: skip
LOAD = a_pod("load", 1, "Running")


def snap_of(status, *seen, marks=None, mark=None, of=PLAN, **fields):
    facts = run_facts(uid=RUN_UID, marks=marks or {}, mark=mark, **fields.pop("run", {}))
    return a_snapshot(of, *seen, status=status, run=facts, **fields)


def decide(*given, now=NOW, **fields):
    return decide_run.decide(snap_of(*given, **fields), now)


def after(snap, decision, now=NOW, **changed):
    """The next decision, once what was decided is stored."""
    return decide_run.decide(dataclasses.replace(snap, status=decision.status, **changed), now)


def states(status):
    return {row.name: row.state for row in status.tasks}


def row_of(status, name):
    return next(row for row in status.tasks if row.name == name)


def verdict(status):
    told = status.condition("Succeeded")
    return told.status, told.reason


def kinds(decision):
    return [type(one).__name__ for one in decision.actions]


# --- A task of a run that goes on ------------------------------------------------------------


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


def test_a_pod_that_the_api_does_not_take_yet_is_not_asked_for_again():
    refusal = snapshot.Refusal(1, "WaitingForQuota", "no", stamp(1), True, stamp(2))
    tasks = tuple(a_row("load", "Queued") if row.name == "load" else row for row in ACTIVE.tasks)
    waits = msgspec.structs.replace(ACTIVE, tasks=tasks)
    snap = snap_of(waits, marks={"load": mark("Skipped")}, refusals={"load": refusal})
    assert states(decide_run.decide(snap, NOW).status)["load"] == "Skipped"


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


WORDS = {
    "nobody, and not why": (mark(by="", comment=""), "marked Succeeded"),
    "who": (mark(comment=""), "marked Succeeded by ann"),
    "why": (mark(by=""), "marked Succeeded: by hand"),
    "in lines": (mark(comment="one\ntwo"), "marked Succeeded by ann: one two"),
}


@pytest.mark.parametrize(("asked", "expected"), WORDS.values(), ids=WORDS)
def test_it_says_who_and_why(asked, expected):
    assert marks.said(marks.recorded(asked, stamp(1))) == expected


# --- A task of a run that has ended ----------------------------------------------------------


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
ALL_RAN = msgspec.structs.replace(
    FAILED,
    tasks=tuple(
        ended("report", "Succeeded") if row.name == "report" else row for row in FAILED.tasks
    ),
)


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


# --- The run ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["Succeeded", "Failed"])
def test_a_marked_run_ends_its_pods_skips_the_rest_and_is_what_the_mark_says(state):
    snap = snap_of(ACTIVE, LOAD, mark=mark(state))
    first = decide_run.decide(snap, NOW)
    assert states(first.status) == {
        "extract": "Succeeded", "load": "Terminating", "report": "Skipped",
        "mail": "Skipped", "fallback": "Skipped",
    }  # fmt: skip
    assert {row.reason for row in first.status.tasks[1:]} == {"RunMarked"}
    assert verdict(first.status) == ("Unknown", "Marked")
    assert first.status.mark == rows.Mark("1", state, "ann", "by hand", stamp(1000))
    assert (first.actions, first.urgent) == ((), True)
    assert kinds(after(snap, first)) == ["DeletePod"]
    pod = a_pod("load", 1, "Failed", exit_code=143, deleted=1001)
    logs = {pod.metadata.uid: snapshot.CapturedLog(b"said")}
    taken_out = dataclasses.replace(snap.run, mark=None)
    last = after(snap, first, pods={"load": (pod,)}, logs=logs, run=taken_out).status
    assert last.finished
    assert verdict(last) == ("True" if state == "Succeeded" else "False", "Marked")
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
    assert (decision.actions, verdict(decision.status)) == ((), ("True", "Marked"))
    assert decision.status.mark.id == "1"
    assert decision.status.finished


@pytest.mark.parametrize(("state", "truth"), [("Succeeded", "True"), ("Failed", "False")])
def test_of_a_run_that_has_ended_only_the_conditions_change(state, truth):
    decision = decide(FAILED, mark=mark(state))
    found = decision.status
    assert (verdict(found), decision.actions, decision.urgent) == ((truth, "Marked"), (), True)
    plain = msgspec.structs.replace(
        found, mark=None, conditions=FAILED.conditions, observed_generation=0
    )
    assert plain == FAILED


def test_the_mark_of_a_run_is_the_last_word_also_on_what_marks_of_tasks_would_let_run():
    snap = snap_of(FAILED, marks={"load": mark()}, mark=mark())
    first = decide_run.decide(snap, NOW)
    assert (first.status.finished, verdict(first.status)) == (True, ("True", "Marked"))
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
    assert verdict(after(snap, first).status) == ("True", "Marked")
