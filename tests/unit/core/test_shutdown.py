"""How a run is brought to its end before its tasks have come to theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubedag.core import actions, asks, decide_run, rows, snapshot, stops
from support.builders import (
    PROGRAM_FAILED,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    a_summary,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

PLAN = a_plan(
    a_task("up"),
    a_task("work", dependsOn=["up"]),
    a_task("more", dependsOn=["work"]),
    a_task("down", dependsOn=["work"], teardownOf=["up"]),
    a_task("after", dependsOn=["down"]),
    **{"finally": [a_task("tidy"), a_task("tell", dependsOn=["tidy"])]},
)
UP = a_pod("up", phase="Succeeded")
WORK = a_pod("work", phase="Running")
WORK_ENDED = a_pod("work", phase="Failed", exit_code=137, finished=30, deleted=25, gone=True)


def decide(snap, now=20):
    return decide_run.decide(snap, at(now))


def asked(shutdown, *seen, of=PLAN, **facts):
    run = facts.pop("run", None) or run_facts(shutdown=shutdown, **facts.pop("says", {}))
    return a_snapshot(of, *seen, run=run, **facts)


def word(decision):
    told = decision.status.condition(rows.SUCCEEDED_CONDITION)
    return (told.status, told.reason)


def says(decision):
    return decision.status.condition(rows.SUCCEEDED_CONDITION).message


def said(decision):
    return {row.name: (row.state, row.reason) for row in decision.status.tasks}


def of_kind(decision, kind):
    return [one for one in decision.actions if isinstance(one, kind)]


def created(decision, of=PLAN):
    return [of.tasks[one.task_index].name for one in of_kind(decision, actions.CreatePod)]


def stored(snap, decision, *seen, **run):
    """What the next look sees: this status, and these Pods."""
    kept = a_snapshot(snap.plan, *seen, run=replace(snap.run, **run), status=decision.status)
    return replace(kept, peers=snap.peers)


# --- Stop -------------------------------------------------------------------------------------


def test_a_stop_ends_pods_skips_the_rest_and_spares_what_tidies_up():
    found = decide(asked("Stop", UP, WORK))
    assert said(found) == {
        "up": ("Succeeded", ""),
        "work": ("Terminating", "RunStopped"),
        "more": ("Skipped", "RunStopped"),
        "down": ("Waiting", "Upstream"),
        "after": ("Skipped", "RunStopped"),
        "tidy": ("Waiting", "Upstream"),
        "tell": ("Waiting", "Upstream"),
    }
    assert (word(found), found.urgent) == (("Unknown", "Stopped"), True)
    assert says(found) == "somebody stopped the run; 1 Pod is still to end"
    assert of_kind(found, actions.DeletePod) == []  # that it is to end is stored first


def test_its_pods_are_deleted_once_that_is_stored():
    snap = asked("Stop", UP, WORK)
    again = decide(stored(snap, decide(snap), UP, WORK))
    assert [one.name for one in of_kind(again, actions.DeletePod)] == [WORK.metadata.name]


def test_when_its_pods_have_ended_it_takes_down_and_then_runs_what_comes_last():
    snap = asked("Stop", UP, WORK)
    first = decide(snap)
    down = decide(stored(snap, first, UP, WORK_ENDED), 30)
    assert created(down) == ["down"]
    assert says(down) == "somebody stopped the run; it tidies up: 0 of 3 tasks are done"
    ended = a_pod("down", phase="Succeeded", created=31)
    last = decide(stored(snap, down, UP, WORK_ENDED, ended), 40)
    assert [one.run_state for one in of_kind(last, actions.CreatePod)] == ["Stopped"]
    assert created(last) == ["tidy"]


def test_then_it_has_failed_because_somebody_stopped_it():
    ends = ["Succeeded", "Failed", "Skipped", "Succeeded", "Skipped", "Succeeded", "Succeeded"]
    tasks = [a_row(task.name, end) for task, end in zip(PLAN.tasks, ends, strict=True)]
    condition = rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, "Stopped")
    found = decide(asked("", status=a_status(*tasks, conditions=(condition,))))
    assert word(found) == ("False", "Stopped")
    assert says(found) == "somebody stopped the run"


def test_nothing_tidies_up_before_it_is_stored_that_the_run_was_stopped():
    """Somebody who withdraws the stop would else have tasks at work after what comes last."""
    waiting = a_status(a_row("a"), a_row("tidy"))
    of = a_plan(a_task("a"), **{"finally": [a_task("tidy")]})
    snap = asked("Stop", of=of, status=waiting)
    first = decide(snap)
    assert said(first) == {"a": ("Skipped", "RunStopped"), "tidy": ("Queued", "CreatingPod")}
    assert (created(first, of), first.urgent) == ([], True)
    assert created(decide(stored(snap, first)), of) == ["tidy"]


def test_a_stop_that_is_withdrawn_stays_once_it_is_stored():
    snap = asked("Stop", UP, WORK)
    again = decide(stored(snap, decide(snap), UP, WORK, shutdown=""))
    assert (word(again), said(again)["work"][0]) == (("Unknown", "Stopped"), "Terminating")


def test_a_stop_that_is_withdrawn_before_that_was_none():
    assert word(decide(asked("", UP, WORK))) == ("Unknown", "Running")


def test_a_pod_that_was_on_its_way_is_ended_once_it_is_there():
    created_ = {"more": "pod"}
    tasks = [a_row(task.name, "Succeeded") for task in PLAN.tasks[:2]]
    tasks += [a_row("more", "Queued"), *(a_row(task.name) for task in PLAN.tasks[3:])]
    snap = asked("Stop", status=a_status(*tasks), creating=created_)
    assert said(decide(snap))["more"] == ("Queued", "")
    late = a_pod("more")
    there = decide(asked("Stop", late, status=a_status(*tasks)))
    assert said(there)["more"] == ("Terminating", "RunStopped")


def test_a_pod_that_comes_when_its_task_is_over_is_ended():
    """Its creation was under way when the operator was killed, which nobody else can know."""
    snap = asked("Stop", UP, WORK)
    first = decide(snap)
    stray = a_pod("more")
    found = decide(stored(snap, first, UP, WORK_ENDED, stray), 30)
    assert said(found)["more"] == ("Skipped", "RunStopped")
    assert [one.name for one in of_kind(found, actions.DeletePod)] == [stray.metadata.name]


def test_such_a_pod_has_its_place_in_limits_until_it_is_known_to_be_gone():
    snap = asked("Stop", UP, WORK)
    first = decide(snap)
    stray = a_pod("more", gone=True)
    unsure = replace(stored(snap, first, UP, WORK_ENDED, stray), gone=frozenset())
    (asks,) = [one for one in of_kind(decide(unsure), actions.ConfirmGone) if one.task_index == 2]
    assert (asks.name, asks.uid) == (stray.metadata.name, stray.metadata.uid)
    sure = replace(unsure, gone=frozenset({stray.metadata.uid}))
    assert [one.task_index for one in of_kind(decide(sure), actions.ConfirmGone)] == []


def test_a_task_between_two_attempts_has_failed():
    last = an_attempt(1, "Failed", task="work", finish_time=stamp(5), log=rows.LogTail("None"))
    tasks = [a_row(task.name) for task in PLAN.tasks]
    tasks[0] = a_row("up", "Succeeded")
    tasks[1] = a_row(
        "work", "AwaitingRetry", attempt=1, user_failures=1, attempts=(last,),
        next_attempt_time=stamp(900),
    )  # fmt: skip
    assert said(decide(asked("Stop", status=a_status(*tasks))))["work"][0] == "Failed"


def test_what_tidies_up_is_not_ended_and_tries_again():
    pods = [UP, a_pod("work", phase="Succeeded"), a_pod("down", phase="Running")]
    found = decide(asked("Stop", *pods))
    assert said(found)["down"] == ("Running", "")
    failed = a_pod("down", **PROGRAM_FAILED)
    of = a_plan(
        a_task("up"),
        a_task("down", dependsOn=["up"], teardownOf=["up"], retry={"limit": 1}),
    )
    assert said(decide(asked("Stop", UP, failed, of=of)))["down"][0] == "AwaitingRetry"


def test_a_run_that_is_suspended_ends_all_the_same():
    snap = asked("Stop", UP, WORK, says={"suspend": True})
    ended = decide(stored(snap, decide(snap), UP, WORK_ENDED), 30)
    assert created(ended) == ["down"]


@pytest.mark.parametrize(("now", "state"), [(602, "Running"), (603, "Terminating")])
def test_what_tidies_up_has_ten_minutes_if_it_has_no_limit_of_its_own(now, state):
    pods = [UP, a_pod("work", phase="Succeeded"), a_pod("down", phase="Running", started=2)]
    assert said(decide(asked("Stop", *pods), now))["down"][0] == state
    assert said(decide(asked("", *pods), now))["down"][0] == "Running"


def test_a_run_that_has_ended_is_not_stopped_any_more():
    of = a_plan(a_task("a"))
    assert word(decide(asked("Stop", a_pod("a", phase="Succeeded"), of=of))) == (
        "True",
        "Succeeded",
    )


# --- Terminate --------------------------------------------------------------------------------


def test_a_run_that_is_terminated_runs_nothing_any_more():
    found = decide(asked("Terminate", UP, WORK))
    skipped = ("Skipped", "RunTerminated")
    assert said(found) == {
        "up": ("Succeeded", ""),
        "work": ("Terminating", "RunTerminated"),
        **dict.fromkeys(["more", "down", "after", "tidy", "tell"], skipped),
    }
    assert says(found) == "somebody terminated the run; 1 Pod is still to end"
    snap = asked("Terminate", UP, WORK)
    ended = decide(stored(snap, found, UP, WORK_ENDED), 30)
    logged = {WORK_ENDED.metadata.uid: snapshot.CapturedLog(b"")}
    ended = decide(replace(stored(snap, ended, UP, WORK_ENDED), logs=logged), 31)
    assert word(ended) == ("False", "Terminated")


def test_a_stop_becomes_a_termination_and_not_the_other_way_round():
    snap = asked("Stop", UP, WORK)
    first = decide(snap)
    harder = decide(stored(snap, first, UP, WORK, shutdown="Terminate"))
    assert word(harder) == ("Unknown", "Terminated")
    assert said(harder)["down"] == ("Skipped", "RunTerminated")
    assert said(harder)["work"] == ("Terminating", "RunStopped")
    softer = decide(stored(snap, harder, UP, WORK, shutdown="Stop"))
    assert word(softer) == ("Unknown", "Terminated")


def test_what_tidies_up_is_ended_too():
    pods = [UP, a_pod("work", phase="Succeeded"), a_pod("down", phase="Running")]
    assert said(decide(asked("Terminate", *pods)))["down"] == ("Terminating", "RunTerminated")


# --- Before the start -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shutdown", "reason"), [("Stop", "Stopped"), ("Terminate", "Terminated")]
)
@pytest.mark.parametrize("of", [PLAN, None], ids=["with a plan", "without a DAG"])
def test_a_run_that_has_not_started_does_not(shutdown, reason, of):
    found = decide(asked(shutdown, of=of, says={"suspend": True}))
    assert (word(found), found.actions, found.status.tasks) == (("False", reason), (), ())
    assert says(found) == f"spec.shutdown is {shutdown}; it had not started"
    assert found.urgent


# --- failFast ---------------------------------------------------------------------------------

HASTY = a_plan(
    a_task("a"),
    a_task("b"),
    a_task("c", dependsOn=["a"], triggerRule="AllFailed"),
    failFast=True,
    **{"finally": [a_task("tidy")]},
)
FAILED = a_pod("a", **PROGRAM_FAILED)


def test_the_first_failure_ends_the_others():
    found = decide(asked("", FAILED, a_pod("b", phase="Running"), of=HASTY))
    assert said(found) == {
        "a": ("Failed", "ExitCode"),
        "b": ("Terminating", "RunFailedFast"),
        "c": ("Skipped", "RunFailedFast"),
        "tidy": ("Waiting", "Upstream"),
    }
    assert word(found) == ("Unknown", "FailedFast")
    snap = asked("", FAILED, a_pod("b", phase="Running"), of=HASTY)
    assert decide(stored(snap, found, FAILED, a_pod("b", phase="Running"))).status == found.status


def test_then_the_run_has_failed_for_that():
    ends = [a_row("a", "Failed", reason="ExitCode"), a_row("b", "Failed"), a_row("c", "Skipped")]
    condition = rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, "FailedFast")
    status = a_status(*ends, a_row("tidy", "Succeeded"), conditions=(condition,))
    found = decide(asked("", status=status, of=HASTY))
    assert (word(found), says(found)) == (
        ("False", "Failed"),
        "2 of 4 tasks failed: a (ExitCode), b",
    )


@pytest.mark.parametrize(
    ("of", "pods"),
    [
        pytest.param(
            a_plan(a_task("a", retry={"limit": 1}), a_task("b"), failFast=True),
            [FAILED],
            id="it may be tried again",
        ),
        pytest.param(
            a_plan(a_task("up"), a_task("a", dependsOn=["up"], teardownOf=["up"]), a_task("b"),
                   failFast=True),
            [UP, FAILED],
            id="it is a teardown",
        ),
        pytest.param(a_plan(a_task("a"), a_task("b")), [FAILED], id="nobody asks for it"),
    ],
)  # fmt: skip
def test_other_failures_end_nothing(of, pods):
    found = decide(asked("", *pods, a_pod("b", phase="Running"), of=of))
    assert (word(found)[1], said(found)["b"][0]) == ("Running", "Running")


REJECTED = {("ask", 1): snapshot.Answer("Rejected")}
OVERDUE = a_row("ask", "AwaitingApproval", attempt=1,
                approval=rows.ApprovalRow("May I?", stamp(10), attempt=1))  # fmt: skip


@pytest.mark.parametrize(
    ("row", "answers", "reason"),
    [
        pytest.param(OVERDUE, {}, "ApprovalTimedOut", id="nobody answered in time"),
        pytest.param(a_row("ask", "Waiting"), REJECTED, "Rejected", id="answered when it asks"),
    ],
)
def test_what_nobody_approved_of_ends_the_others_and_is_told(row, answers, reason):
    plan = a_plan(
        a_task("ask", image=None, approval={"message": "May I?", "deadlineSeconds": 5}),
        a_task("b"),
        failFast=True,
    )
    snap = asked(
        "", of=plan, status=a_status(row, a_row("b", "Waiting")), says={"answers": answers}
    )
    found = decide(snap)
    assert created(found, plan) == []
    assert said(found) == {"ask": ("Failed", reason), "b": ("Skipped", "RunFailedFast")}
    assert word(found) == ("False", "Failed")


def test_a_failure_with_nothing_left_to_end_is_an_ordinary_one():
    pods = [FAILED, a_pod("b", phase="Succeeded"), a_pod("c", phase="Succeeded")]
    found = decide(asked("", *pods, of=HASTY))
    assert (word(found)[1], created(found, HASTY)) == ("Running", ["tidy"])


# --- Time, and other runs ---------------------------------------------------------------------


def test_a_run_that_took_too_long_tidies_up():
    of = a_plan(a_task("a"), timeoutSeconds=100, **{"finally": [a_task("tidy")]})
    running = a_pod("a", phase="Running")
    snap = asked("", running, of=of)
    first = decide(snap, 101)
    assert (said(first)["a"], word(first)[1]) == (("Terminating", "RunTimedOut"), "TimedOut")
    gone = a_pod("a", phase="Failed", exit_code=137, finished=103, deleted=102, gone=True)
    found = decide(stored(snap, first, gone), 104)
    assert [one.run_state for one in of_kind(found, actions.CreatePod)] == ["Failed"]


def test_time_that_is_up_ends_a_run_as_timed_out_also_while_it_tidies_up():
    of = a_plan(a_task("a"), timeoutSeconds=100, **{"finally": [a_task("tidy")]})
    pods = [a_pod("a", phase="Succeeded"), a_pod("tidy", phase="Running", started=50)]
    found = decide(asked("", *pods, of=of), 101)
    assert (said(found)["tidy"][0], word(found)[1]) == ("Running", "TimedOut")
    assert said(decide(asked("", *pods, of=of), 651))["tidy"] == ("Terminating", "TaskTimedOut")


def test_a_run_that_was_replaced_tidies_up_and_stays_replaced():
    of = a_plan(a_task("a"), concurrencyPolicy="Replace", **{"finally": [a_task("tidy")]})
    newer = snapshot.Peer("newer", (stamp(50), stamp(50), "newer"))
    running = a_pod("a", phase="Running")
    snap = replace(asked("", running, of=of), peers=(newer,))
    first = decide(snap)
    gone = a_pod("a", phase="Failed", exit_code=137, finished=23, deleted=22, gone=True)
    alone = replace(stored(snap, first, gone), peers=())
    found = decide(alone)
    assert (word(found)[1], created(found, of)) == ("Replaced", ["tidy"])


# --- What is recorded -------------------------------------------------------------------------


def a_told(reason, *tasks, **fields):
    condition = rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, reason)
    return a_status(*tasks, conditions=(condition,), **fields)


STOPPED = a_row("a", "Skipped", reason="RunStopped")
KILLED = a_row("b", "Terminating", reason="RunTerminated")


@pytest.mark.parametrize(
    ("status", "stop"),
    [
        pytest.param(a_told("Running"), "", id="none"),
        pytest.param(a_told("Stopped"), "RunStopped", id="by the run"),
        pytest.param(a_told("Running", STOPPED), "", id="rows alone do not count"),
        pytest.param(a_told("Running", STOPPED, slices=1), "RunStopped", id="but in slices"),
        pytest.param(
            a_told("Stopped", STOPPED, KILLED, slices=1), "RunTerminated", id="the last word"
        ),
        pytest.param(
            a_told("Running", STOPPED, slices=1, rerun=rows.Rerun("1", 1, "t", 1)), "",
            id="of before a rerun",
        ),
    ],
)  # fmt: skip
def test_which_stop_is_recorded(status, stop):
    assert stops.recorded(status) == stop


def test_every_stop_is_known_to_whoever_reads_a_pod():
    assert len(set(stops.STOPS.values())) == len(stops.STOPS)
    assert asks.ASKS.keys() >= set(stops.STOPS.values())


@pytest.mark.parametrize(
    ("state", "counts"),
    [("Failed", True), ("TimedOut", True), ("Stopped", False), ("Terminated", False)],
)
def test_a_run_that_a_person_ended_says_nothing_about_its_dag(state, counts):
    run = a_summary("r", 5)._replace(succeeded=False, state=state)
    assert run.counts is counts
