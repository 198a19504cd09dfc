"""What the Pods of before say of a run that is to run again, and which of them it waits for."""

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run
from support.builders import a_finished_status, a_plan, a_pod, a_row, an_attempt, at, stamp
from support.objects import a_task
from support.reruns import NOW, READY, decide, ended, newest, skipped, snap_of, wish


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("history", ["kept", "dropped"])
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_pods_of_before_say_nothing_of_what_runs_again(gone, history, phase):
    plan = a_plan(a_task("a"))
    row = ended("a", phase, 1, user_failures=int(phase == "Failed"))
    if history == "dropped":
        row = msgspec.structs.replace(row, attempts=())
    pod = a_pod("a", 1, phase, exit_code=int(phase == "Failed"), gone=gone)
    status = a_finished_status(row, succeeded=phase == "Succeeded")
    snap = snap_of(status, wish("All"), plan, pod)
    stored = decide_run.decide(snap, NOW).status
    decision = decide_run.decide(dataclasses.replace(snap, status=stored, gone=set()), at(1001))
    (create,) = decision.actions
    assert (type(create), create.attempt) == (actions.CreatePod, 2)
    (row,) = decision.status.tasks
    assert (row.state, row.user_failures, row.infra_failures) == ("Queued", 0, 0)


def test_the_number_of_a_pod_that_came_too_late_is_taken():
    plan = a_plan(a_task("a"))
    status = a_finished_status(skipped("a", "RunTimedOut"), succeeded=False, reason="TimedOut")
    late = a_pod("a", 1, "Failed", exit_code=137)
    (row,) = decide(status, None, plan, late).status.tasks
    assert (row.attempt, row.earlier_attempts, row.attempts) == (1, 1, ())


GIVEN_UP = a_finished_status(
    a_row("a", "Failed", reason="RevisionNotFound", attempt=1, attempts=(an_attempt(1, "Running"),)),
    succeeded=False, reason="RevisionNotFound",
)  # fmt: skip


@pytest.mark.parametrize("by", ["Same", "Newest"])
def test_a_pod_that_is_not_seen_is_asked_for_before_its_task_runs_again(by):
    """Found by the simulation: another leader had created it."""
    plan = a_plan(a_task("a"))
    given = {"newest": newest(plan), "dag": READY} if by == "Newest" else {}
    asked = wish(revision=by)
    decision = decide(GIVEN_UP, asked, plan if by == "Same" else None, **given)
    name = GIVEN_UP.tasks[0].attempts[0].pod_name
    assert decision.actions == (actions.ConfirmGone(name, "", 0, 1),)
    assert decision.status.condition("RerunPending").reason == "PodsEnding"
    again = decide(GIVEN_UP, asked, plan if by == "Same" else None, gone={name}, **given)
    assert (again.status.finished, again.actions) == (False, ())


def test_what_a_pod_tells_of_a_run_that_was_given_up_is_not_lost():
    plan = a_plan(a_task("a"))
    pod = a_pod("a", 1, "Failed", exit_code=3)
    (row,) = decide(GIVEN_UP, None, plan, pod).status.tasks
    assert [(one.reason, one.exit_code) for one in row.attempts] == [("ExitCode", 3)]
    assert (row.state, row.user_failures) == ("Queued", 0)


def test_an_attempt_that_nobody_saw_the_end_of_is_closed():
    plan = a_plan(a_task("a"))
    gone = {GIVEN_UP.tasks[0].attempts[0].pod_name}
    (row,) = decide(GIVEN_UP, None, plan, gone=gone).status.tasks
    (attempt,) = row.attempts
    assert (attempt.state, attempt.reason, attempt.failure_class) == (
        "Failed", "PodDeleted", "Infra",
    )  # fmt: skip
    assert attempt.finish_time == stamp(1000)


def test_a_late_pod_of_before_that_lives_is_ended_before_its_task_runs_again():
    plan = a_plan(a_task("a"))
    snap = snap_of(a_finished_status(ended("a", "Failed"), succeeded=False), None, plan)
    stored = decide_run.decide(snap, NOW).status
    late = a_pod("a", 1, "Running")
    decision = decide_run.decide(
        dataclasses.replace(snap, status=stored, pods={"a": (late,)}), at(1001)
    )
    assert [type(one) for one in decision.actions] == [actions.DeletePod]
    assert decision.status.tasks[0].reason == "PodsEnding"
