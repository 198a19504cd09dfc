"""Tasks whose Pods the API does not take: since when, for how long, and across restarts."""

from __future__ import annotations

import pytest

from kubedag.core import actions, advance, snapshot
from support.builders import (
    PROGRAM_FAILED,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    at,
    stamp,
)
from support.objects import a_task

ONE = a_plan(a_task("a"))
NO_ACCOUNT = 'error looking up service account ns/etl: serviceaccount "etl" not found'
SAID = NO_ACCOUNT + " (since 2026-01-01 00:00:10 UTC)"


def refusal(when, reason="WaitingForServiceAccount", *, attempt=1, pause=60):
    said = NO_ACCOUNT if reason == "WaitingForServiceAccount" else "no answer"
    return snapshot.Refusal(attempt, reason, said, stamp(when), True, stamp(when + pause))


def waits(since=10, reason="WaitingForServiceAccount"):
    return a_status(a_row("a", "Queued", reason=reason, message=SAID, wait_time=stamp(since)))


def step(now, *seen, of=ONE, refused=None, **facts):
    refusals = {} if refused is None else {"a": refused}
    return advance.advance(a_snapshot(of, *seen, refusals=refusals, **facts), of, at(now))


def asked(found):
    return [type(action) for action in found.actions]


def test_a_task_says_since_when_the_api_does_not_take_its_pod():
    (row,) = step(12, refused=refusal(10)).tasks
    assert row == a_row(
        "a", "Queued", reason="WaitingForServiceAccount", message=SAID, wait_time=stamp(10)
    )


def test_the_wait_began_with_the_first_refusal():
    assert step(50, refused=refusal(45), status=waits()).tasks == list(waits().tasks)


def test_another_reason_begins_another_wait():
    (row,) = step(50, refused=refusal(45, "WaitingForQuota"), status=waits()).tasks
    assert (row.reason, row.wait_time) == ("WaitingForQuota", stamp(45))


@pytest.mark.parametrize("reason", ["APIUnreachable", "APIOverloaded", "APIRefused", "Conflict"])
def test_an_api_that_does_not_answer_is_no_news_of_what_is_missing(reason):
    assert step(50, refused=refusal(45, reason), status=waits()).tasks == list(waits().tasks)


def test_a_restart_does_not_forget_what_is_waited_for():
    found = step(50, status=waits())
    assert (found.tasks, asked(found)) == (list(waits().tasks), [actions.CreatePod])


def test_a_pod_that_is_there_ends_the_wait():
    (row,) = step(50, a_pod(phase="Running"), status=waits()).tasks
    assert (row.state, row.wait_time) == ("Running", None)


@pytest.mark.parametrize(
    ("now", "last_said", "expected"),
    [
        pytest.param(129, 125, "Queued", id="it may still come"),
        pytest.param(131, 130, "Queued", id="it was asked for too early"),
        pytest.param(131, 131, "Failed", id="it has not come in time"),
        pytest.param(9999, 9998, "Failed", id="it has not come while nobody looked"),
    ],
)
def test_a_service_account_that_does_not_come_fails_the_attempt(now, last_said, expected):
    found = step(now, refused=refusal(last_said), status=waits())
    assert found.tasks[0].state == expected
    if expected == "Failed":
        (attempt,) = found.tasks[0].attempts
        assert (attempt.reason, attempt.failure_class, attempt.message) == (
            "ServiceAccountNotFound",
            "Config",
            SAID,
        )


def test_little_patience_is_enough_for_a_service_account():
    hasty = a_plan(a_task("a", pendingTimeoutSeconds=5))
    assert step(16, of=hasty, refused=refusal(16), status=waits()).tasks[0].state == "Failed"


@pytest.mark.parametrize(
    ("last_said", "pause", "next_try"),
    [
        pytest.param(100, 60, 131, id="once when the wait is over"),
        pytest.param(100, 8, 108, id="before that as usual"),
    ],
)
def test_the_api_is_asked_again(last_said, pause, next_try):
    refused = refusal(last_said, pause=pause)
    early, due = (step(now, refused=refused, status=waits()) for now in (next_try - 1, next_try))
    assert (asked(early), advance.wake(early)) == ([], at(next_try))
    assert asked(due) == [actions.CreatePod]


def test_after_the_end_of_the_wait_an_api_that_does_not_answer_is_asked_with_pauses():
    found = step(200, refused=refusal(190, "APIUnreachable"), status=waits())
    assert (asked(found), advance.wake(found)) == ([], at(250))


def test_a_quota_is_waited_for_as_long_as_it_takes():
    status = waits(reason="WaitingForQuota")
    found = step(1_000_000, refused=refusal(999_999, "WaitingForQuota"), status=status)
    assert (found.tasks[0].state, found.tasks[0].wait_time) == ("Queued", stamp(10))


def test_a_retry_waits_and_fails_like_a_first_attempt():
    plan = a_plan(a_task("a", retry={"limit": 1, "backoffSeconds": 1}))
    pod = a_pod(**PROGRAM_FAILED)
    first = step(20, pod, of=plan, refused=refusal(20, attempt=2))
    (row,) = first.tasks
    assert (row.state, row.reason, row.wait_time) == (
        "AwaitingRetry",
        "WaitingForServiceAccount",
        stamp(20),
    )
    late = step(150, pod, of=plan, refused=refusal(141, attempt=2), status=a_status(*first.tasks))
    assert (late.tasks[0].state, late.tasks[0].reason) == ("Failed", "ServiceAccountNotFound")


def test_a_suspended_run_does_not_wait():
    (row,) = step(50, status=waits(), run=a_snapshot(ONE, suspend=True).run).tasks
    assert (row.reason, row.wait_time) == ("Suspended", None)
