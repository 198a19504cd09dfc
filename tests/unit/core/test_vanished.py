"""Pods that are no longer seen: nothing follows from that until the API has said that they are gone."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, advance, decide_run, pods
from support.builders import (
    a_condition,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    stamp,
)
from support.objects import a_task

PLAN = a_plan(a_task("a", retry={"infraLimit": 1, "backoffSeconds": 1}))
VANISHED = a_pod(phase="Running", node="node-1", gone=True)
NAME = VANISHED.metadata.name
RECORDED = a_status(a_row(state="Running", attempt=1, attempts=(an_attempt(),)))


def step(*seen, gone=(), now=20, **facts):
    return advance.advance(a_snapshot(PLAN, *seen, gone=frozenset(gone), **facts), PLAN, at(now))


def asked(found):
    return [action for action in found.actions if isinstance(action, actions.ConfirmGone)]


def test_a_pod_that_a_watch_says_is_deleted_is_asked_for_by_name():
    found = step(VANISHED)
    assert asked(found) == [actions.ConfirmGone(NAME, VANISHED.metadata.uid, 0, 1)]
    assert found.tasks[0].state == "Running"


@pytest.mark.parametrize("attempts", [1, 2], ids=["the newest", "an earlier one"])
def test_a_living_pod_that_has_lost_its_owner_is_asked_for_so_that_it_gets_it_back(attempts):
    """Without one it would outlive its run."""
    pod = a_pod(phase="Failed", exit_code=1, node="node-1")
    alone = msgspec.structs.replace(
        pod, metadata=msgspec.structs.replace(pod.metadata, owner_references=())
    )
    later = (a_pod(attempt=2, phase="Running"),)[: attempts - 1]
    assert asked(step(pod, *later)) == []
    assert asked(step(alone, *later)) == [actions.ConfirmGone(NAME, pod.metadata.uid, 0, 1)]


def test_a_pod_of_which_only_the_status_tells_is_asked_for_by_name():
    found = step(status=RECORDED)
    assert found.actions == [actions.ConfirmGone(NAME, "", 0, 1)]
    assert found.tasks == list(RECORDED.tasks)


@pytest.mark.parametrize("seen", [False, True], ids=["never seen", "seen to go"])
@pytest.mark.parametrize("limit", ["timeoutSeconds", "pendingTimeoutSeconds"])
def test_what_may_be_gone_is_not_called_too_late(seen, limit):
    """Stored in between, that would change why it failed, after others have begun for that."""
    late = a_plan(a_task("a", **{limit: 5}))
    state = "Running" if limit == "timeoutSeconds" else "Pending"
    was = an_attempt(state=state)
    recorded = a_status(a_row(state=state, attempt=1, attempts=(was,)))
    left = [a_pod(phase=state, node="node-1", gone=True)] if seen else []
    snap = a_snapshot(late, *left, status=recorded, gone=frozenset())
    found = advance.advance(snap, late, at(60))
    assert (found.tasks[0].state, len(asked(found)), found.wakes) == (state, 1, [])
    known = a_pod(phase=state, node="node-1")
    back = advance.advance(a_snapshot(late, known, status=recorded), late, at(60))
    assert back.tasks[0].state == "Terminating"


@pytest.mark.parametrize(
    ("seen", "gone", "status"),
    [
        ((VANISHED,), {VANISHED.metadata.uid}, None),
        ((VANISHED,), {VANISHED.metadata.uid}, RECORDED),
        ((), {NAME}, RECORDED),
    ],
    ids=["seen to go", "seen, recorded and seen to go", "recorded"],
)
def test_a_pod_that_is_confirmed_to_be_gone_has_failed(seen, gone, status):
    found = step(*seen, gone=gone, status=status)
    (attempt,) = found.tasks[0].attempts
    assert (attempt.state, attempt.reason, asked(found)) == ("Failed", "PodDeleted", [])


@pytest.mark.parametrize("seen", [(), (VANISHED,)], ids=["recorded", "seen to go"])
def test_when_a_pod_was_found_to_be_gone_stays_the_same_until_it_is_stored(seen):
    """A write that was not answered may have stored it, and the next one must say the same."""
    snap = a_snapshot(PLAN, *seen, status=RECORDED, gone={NAME, VANISHED.metadata.uid})
    first = decide_run.decide(snap, at(20))
    again = decide_run.decide(dataclasses.replace(snap, decided=first.status), at(23))
    (attempt,) = again.status.tasks[0].attempts
    assert (attempt.finish_time, again.status.tasks) == (stamp(20), first.status.tasks)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_had_ended_needs_no_question(phase):
    found = step(a_pod(phase=phase, exit_code=0 if phase == "Succeeded" else 1, gone=True))
    assert (asked(found), found.tasks[0].attempts[0].state) == ([], phase)


def test_nothing_starts_while_a_question_is_open():
    assert all(isinstance(action, actions.ConfirmGone) for action in step(VANISHED).actions)


def test_a_pod_that_is_being_made_anew_is_not_asked_for():
    assert asked(step(VANISHED, creating={"a": NAME})) == []


def test_what_ended_a_pod_that_is_gone_is_what_was_last_said_of_it():
    old = an_attempt(1, "Terminating", reason="PreemptionByScheduler", message="waits")
    status = a_status(a_row(state="Terminating", attempt=1, attempts=(old,)))
    (attempt,) = step(gone={NAME}, status=status).tasks[0].attempts
    assert (attempt.reason, attempt.failure_class, attempt.message) == (
        "PreemptionByScheduler",
        "Infra",
        "a Pod of higher priority took its place",
    )


# --- Nodes that do not answer -----------------------------------------------------------------


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Running", node="node-1", deleted=5),
        a_pod(phase="Pending", node="node-1", deleted=5),
        a_pod(
            phase="Running", node="node-1", deleted=5,
            conditions=(a_condition("DisruptionTarget", reason="DeletionByTaintManager"),),
        ),
        a_pod(phase="Unknown", node="node-1"),
    ],
    ids=["runs", "had its node", "was evicted", "unknown"],
)  # fmt: skip
def test_no_twin_starts_beside_a_pod_on_a_node_that_does_not_answer(pod):
    found = step(pod, now=1_000_000, status=RECORDED)
    assert found.actions == []
    assert "node-1" in found.tasks[0].message


def test_a_pod_that_is_deleted_before_it_has_a_node_has_ended():
    """Something else may hold it, such as a finalizer; no node will ever run it."""
    found = step(a_pod(deleted=5))
    assert (found.tasks[0].attempts[0].reason, found.tasks[0].state) == (
        "PodDeleted",
        "AwaitingRetry",
    )
    assert found.tasks[0].attempts[0].log is not None  # there is nothing to wait for


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (a_pod(), False),
        (a_pod(deleted=5), True),
        (a_pod(deleted=5, node="node-1"), False),
        (a_pod(phase="Running", node="node-1", deleted=5), False),
        (a_pod(phase="Failed", node="node-1"), True),
        (a_pod(phase="Succeeded", node="node-1"), True),
        (a_pod(phase="Running", gone=True), True),
    ],
)
def test_when_nothing_of_a_pod_will_ever_run_again(pod, expected):
    assert pods.has_ended(pod) is expected


def test_a_run_goes_on_whose_first_pod_nobody_has_seen():
    """It was deleted by hand before its run had been looked at."""
    second = a_pod(attempt=2, phase="Running", created=7)
    status = decide_run.decide(a_snapshot(PLAN, second), at(20)).status
    (attempt,) = status.tasks[0].attempts
    assert (attempt.number, attempt.deps_met_time) == (2, stamp(7))


def test_a_pod_whose_task_is_over_keeps_its_place_in_the_run_until_it_is_known_to_be_gone():
    """It came when its task had been marked, and a label of it was changed since, or it has gone."""
    plan = a_plan(a_task("a"), a_task("b"), maxActiveTasks=1)
    status = a_status(a_row("a", "Skipped"), a_row("b", "Waiting"))
    unsure = a_snapshot(plan, VANISHED, status=status, gone=frozenset())
    (waits,) = advance.advance(unsure, plan, at(20)).tasks[1:]
    assert (waits.state, waits.reason) == ("Queued", "MaxActiveTasks")
    sure = a_snapshot(plan, VANISHED, status=status)
    assert advance.advance(sure, plan, at(20)).tasks[1].reason == "CreatingPod"
