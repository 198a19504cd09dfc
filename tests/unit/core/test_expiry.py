"""Deadlines: what time alone ends, and that only recorded times count."""

from __future__ import annotations

import pytest

from kubedag.core import advance, pods
from support.builders import (
    a_condition,
    a_container,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    ended,
    running,
    stamp,
    waiting,
)
from support.objects import a_task

TIMED = a_plan(a_task("a", timeoutSeconds=10, pendingTimeoutSeconds=50))
PATIENT = a_plan(a_task("a"))
NO_IMAGE = waiting("ImagePullBackOff", 'Back-off pulling image "x"')
NO_SECRET = waiting("CreateContainerConfigError", 'secret "s" not found')
GATED = a_condition("PodScheduled", "False", "SchedulingGated", when=0)


def placed(when):
    return a_condition("PodScheduled", when=when)


def initialized(when, status="True"):
    return a_condition("Initialized", status, when=when)


def step(of, *seen, now=20, **facts):
    return advance.advance(a_snapshot(of, *seen, **facts), of, at(now))


def said(found):
    return {row.name: (row.state, row.reason) for row in found.tasks}


def of_class(found):
    """What the attempt counts as, once its Pod has gone as we asked."""
    pod = a_pod(phase="Failed", exit_code=137, deleted=1, gone=True)
    after = step(TIMED, pod, status=a_status(*found.tasks))
    return after.tasks[0].attempts[-1].failure_class


@pytest.mark.parametrize(
    ("of", "pod", "deadline", "reason", "failure_class"),
    [
        pytest.param(
            TIMED, a_pod(phase="Running", started=2), 13, "TaskTimedOut", "User", id="runs"
        ),
        pytest.param(
            TIMED, a_pod(phase="Running", created=5, started=2), 16, "TaskTimedOut", "User",
            id="runs on a node whose clock is slow",
        ),
        pytest.param(TIMED, a_pod(created=1), 52, "PendingTimedOut", "User", id="pends"),
        pytest.param(
            PATIENT, a_pod(created=1), 902, "PendingTimedOut", "User",
            id="pends, and nobody said for how long",
        ),
        pytest.param(
            PATIENT, a_pod(main=NO_IMAGE, created=1, conditions=(placed(7),)), 308,
            "ImagePullBackOff", "Config", id="no image",
        ),
        pytest.param(
            PATIENT, a_pod(main=waiting("ErrImagePull"), conditions=(placed(7),)), 308,
            "ImagePullBackOff", "Config", id="no image, by another name",
        ),
        pytest.param(
            PATIENT,
            a_pod(main=NO_IMAGE, conditions=(placed(7), initialized(60))), 361,
            "ImagePullBackOff", "Config", id="no image, once it was its turn",
        ),
        pytest.param(
            PATIENT,
            a_pod(
                init=(a_container("init", NO_IMAGE),),
                conditions=(placed(7), initialized(60, "False")),
            ),
            308, "ImagePullBackOff", "Config", id="no image of an init container",
        ),
        pytest.param(
            PATIENT, a_pod(main=NO_SECRET, created=1, conditions=(placed(7),)), 128,
            "CreateContainerConfigError", "Config", id="no Secret",
        ),
        pytest.param(
            PATIENT, a_pod(main=NO_SECRET, created=9, conditions=(placed(7),)), 130,
            "CreateContainerConfigError", "Config", id="no Secret, never before it was created",
        ),
        pytest.param(
            TIMED, a_pod(main=NO_SECRET, conditions=(placed(7),)), 51,
            "CreateContainerConfigError", "Config", id="no Secret, and little patience",
        ),
    ],
)  # fmt: skip
def test_an_attempt_that_takes_too_long_is_ended(of, pod, deadline, reason, failure_class):
    early, due = step(of, pod, now=deadline - 0.1), step(of, pod, now=deadline)
    assert (advance.wake(early), early.tasks[0].state) == (at(deadline), pod.status.phase)
    assert (advance.wake(due), said(due)) == (None, {"a": ("Terminating", reason)})
    assert (due.tasks[0].attempts[0].reason, of_class(due)) == (reason, failure_class)


def test_a_deadline_is_never_early_although_stamps_are_cut_to_seconds():
    """Created at 1.9 s, it has waited for 50 seconds at 51.9, and not at 51.0."""
    assert said(step(TIMED, a_pod(created=1), now=51.9)) == {"a": ("Pending", "Scheduling")}


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Succeeded", started=2, finished=11),
        a_pod(phase="Succeeded", started=2, finished=11, gone=True),
    ],
    ids=["is there", "is gone"],
)
def test_a_success_in_time_counts_however_late_it_is_seen(pod):
    assert said(step(TIMED, pod, now=10_000)) == {"a": ("Succeeded", "")}


def test_a_success_counts_also_after_the_attempt_was_marked():
    marked = step(TIMED, a_pod(phase="Running"), now=100).tasks
    found = step(TIMED, a_pod(phase="Succeeded", finished=11), now=101, status=a_status(*marked))
    assert said(found) == {"a": ("Succeeded", "")}


def test_a_container_that_started_after_all_is_not_ended_for_having_waited():
    pod = a_pod(main=NO_SECRET, conditions=(placed(7),))
    marked = step(PATIENT, pod, now=200).tasks
    found = step(PATIENT, a_pod(phase="Running"), now=201, status=a_status(*marked))
    assert said(found) == {"a": ("Running", "")}


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        pytest.param(
            a_pod(conditions=(a_condition("PodScheduled", "False", "Unschedulable", "no node"),)),
            "did not start within its pendingTimeoutSeconds of 50: cannot be placed: no node",
            id="a node",
        ),
        pytest.param(
            a_pod(main=NO_SECRET), 'Secret "s" not found (attempt 1)', id="a Secret"
        ),
    ],
)  # fmt: skip
def test_an_attempt_that_did_not_start_says_what_it_waited_for(pod, message):
    (row,) = step(TIMED, pod, now=60).tasks
    assert row.message == row.attempts[0].message == message


def test_an_attempt_that_only_a_sidecar_kept_alive_says_so():
    pod = a_pod(phase="Running", main=ended(0), sidecars=(a_container("proxy", running()),))
    (row,) = step(TIMED, pod, now=60).tasks
    assert row.message == (
        "ran longer than its timeoutSeconds of 10; its program ended with exit code 0; "
        "waits for container proxy to end"
    )


def test_a_program_that_could_not_even_be_started_does_not_wait_for_its_sidecar_for_ever():
    never = pods.Terminated(
        128, "StartError", 'exec: "nope": executable file not found in $PATH',
        started_at="1970-01-01T00:00:00Z", finished_at=stamp(5),
    )  # fmt: skip
    pod = a_pod(
        phase="Running",
        main=pods.ContainerState(terminated=never),
        sidecars=(a_container("proxy", running()),),
    )
    assert step(TIMED, pod, now=6).wakes == [at(11)]
    (row,) = step(TIMED, pod, now=11).tasks
    assert (row.state, row.reason) == ("Terminating", "TaskTimedOut")
    assert row.message == (
        "ran longer than its timeoutSeconds of 10; the program cannot be started: "
        '"nope": executable file not found in $PATH; waits for container proxy to end'
    )


def test_a_task_without_a_timeout_runs_for_as_long_as_it_takes():
    found = step(PATIENT, a_pod(phase="Running"), now=10_000_000)
    assert (advance.wake(found), said(found)) == (None, {"a": ("Running", "")})


def test_the_next_look_is_at_the_earliest_of_all_that_time_can_change():
    plan = a_plan(a_task("a", timeoutSeconds=100), a_task("b", timeoutSeconds=50))
    found = step(plan, a_pod("a", phase="Running"), a_pod("b", phase="Running"))
    assert advance.wake(found) == at(53)


# --- Gates ------------------------------------------------------------------------------------


def gated_row(**fields):
    attempt = an_attempt(1, "Pending", reason="SchedulingGated", **fields)
    return a_status(
        a_row(state="Pending", reason="SchedulingGated", attempt=1, attempts=(attempt,))
    )


def test_a_pod_behind_a_gate_waits_for_as_long_as_it_is_closed():
    found = step(TIMED, a_pod(conditions=(GATED,)), now=100_000)
    assert (advance.wake(found), said(found)) == (None, {"a": ("Pending", "SchedulingGated")})


@pytest.mark.parametrize(
    ("conditions", "ungated"),
    [
        pytest.param(
            (a_condition("PodScheduled", "False", "Unschedulable"),), 500, id="when seen"
        ),
        pytest.param((placed(300),), 300, id="at the latest when it got its node"),
    ],
)
def test_the_time_behind_a_gate_does_not_count(conditions, ungated):
    pod = a_pod(conditions=conditions)
    first = step(TIMED, pod, now=500, status=gated_row())
    assert first.tasks[0].attempts[0].ungate_time == stamp(ungated)
    due = ungated + 51
    again = step(TIMED, pod, now=due - 1, status=a_status(*first.tasks))
    if due > 500:
        assert (again.tasks[0].state, advance.wake(again)) == ("Pending", at(due))
    over = step(TIMED, pod, now=max(due, 501), status=a_status(*first.tasks))
    assert said(over) == {"a": ("Terminating", "PendingTimedOut")}


def test_when_a_gate_was_gone_is_recorded_once():
    status = gated_row(ungate_time=stamp(30))
    found = step(TIMED, a_pod(), now=40, status=status)
    assert found.tasks[0].attempts[0].ungate_time == stamp(30)


def test_a_pod_that_never_had_a_gate_has_no_such_time():
    assert step(TIMED, a_pod()).tasks[0].attempts[0].ungate_time is None


# --- What a node no longer tells -------------------------------------------------------------


def test_times_that_were_recorded_outlive_the_status_of_the_pod():
    """A node that is lost, or a kubelet that refuses a Pod anew, takes the old status with it."""
    old = an_attempt(1, start_time=stamp(3), schedule_time=stamp(2), node_name="node-1")
    pod = a_pod(phase="Failed", reason="NodeAffinity")
    assert pod.spec == pods.PodSpec()
    status = a_status(a_row(state="Running", attempt=1, attempts=(old,)))
    (attempt,) = step(TIMED, pod, status=status).tasks[0].attempts
    assert (attempt.schedule_time, attempt.start_time, attempt.node_name) == (
        stamp(2),
        stamp(3),
        "node-1",
    )
