"""How a run that somebody stops or terminates is brought to its end before its tasks have come to theirs."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from kubedag.core import actions, rows, snapshot
from support.builders import PROGRAM_FAILED, a_plan, a_pod, a_row, a_status, an_attempt, stamp
from support.objects import a_task
from support.shutdowns import (
    PLAN,
    UP,
    WORK,
    WORK_ENDED,
    asked,
    created,
    decide,
    of_kind,
    said,
    says,
    stored,
    word,
)

# --- Stop ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ({"message": "exit code 3"}, "exit code 3"),
        ({"message": ""}, ""),
    ],
    ids=["its message is known", "there was no room for it"],
)
def test_it_has_failed_for_what_ended_its_last_attempt_and_not_for_what_it_waits_for(
    last, message
):
    attempt = an_attempt(
        1, "Failed", task="work", reason="ExitCode", finish_time=stamp(5),
        log=rows.LogTail("None"), **last,
    )  # fmt: skip
    tasks = [a_row(task.name) for task in PLAN.tasks]
    tasks[0] = a_row("up", "Succeeded")
    tasks[1] = a_row(
        "work", "AwaitingRetry", reason="MaxActiveTasks", attempt=1, user_failures=1,
        message="waits for one of 1 active tasks of the run to end", attempts=(attempt,),
        next_attempt_time=stamp(9), wait_time=stamp(9),
    )  # fmt: skip
    row = decide(asked("Stop", status=a_status(*tasks))).status.tasks[1]
    assert (row.state, row.reason, row.message) == ("Failed", "ExitCode", message)
    assert (row.next_attempt_time, row.wait_time) == (None, None)


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


def test_a_stop_is_not_forgotten_whose_work_is_stored_in_slices_before_the_run_says_why():
    """Found by the simulation: the run itself was not stored for half a minute, and had failed."""
    of = a_plan(a_task("a"))
    last = an_attempt(1, "Failed", failure_class="User", reason="Error", finish_time=stamp(10))
    waits = a_row("a", "AwaitingRetry", attempt=1, attempts=(last,), next_attempt_time=stamp(99))
    snap = asked("Stop", of=of, status=a_status(waits))
    first = decide(snap)
    assert word(first) == ("False", "Stopped")
    ahead = replace(snap, status=msgspec.structs.replace(snap.status, tasks=first.status.tasks))
    assert word(decide(replace(ahead, decided=first.status))) == ("False", "Stopped")
    by_itself = replace(ahead, decided=snap.status)
    assert word(decide(by_itself)) == ("False", "Failed")


# --- Terminate -------------------------------------------------------------------------------


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


# --- Before the start ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shutdown", "reason"), [("Stop", "Stopped"), ("Terminate", "Terminated")]
)
@pytest.mark.parametrize("of", [PLAN, None], ids=["with a plan", "without a DAG"])
def test_a_run_that_has_not_started_does_not(shutdown, reason, of):
    found = decide(asked(shutdown, of=of, says={"suspend": True}))
    assert (word(found), found.actions, found.status.tasks) == (("False", reason), (), ())
    assert says(found) == f"spec.shutdown is {shutdown}; it had not started"
    assert found.urgent
