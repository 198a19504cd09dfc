"""Whether another attempt follows on one that has failed, and when."""

from __future__ import annotations

import pytest

from kubedag.api.common import AMOUNT_MAX
from kubedag.core import attempts, pods
from support.builders import (
    PROGRAM_FAILED,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    an_attempt,
    ended,
    stamp,
)
from support.objects import a_task

NOW = stamp(20)


def fold(*seen, retry, row=None, now=NOW):
    plan = a_plan(a_task("a", retry=retry))
    recorded = row.attempts if row else ()
    gone = {attempt.pod_name for attempt in recorded} | {pod.metadata.uid for pod in seen}
    snap = a_snapshot(plan, *seen, gone=gone)
    return attempts.fold(row or a_row(), plan.tasks[0], seen, snap, now)


@pytest.mark.parametrize(
    ("pod", "retry", "state"),
    [
        pytest.param(a_pod(**PROGRAM_FAILED), {"limit": 1}, "AwaitingRetry", id="within limit"),
        pytest.param(a_pod(**PROGRAM_FAILED), {"limit": 0}, "Failed", id="over the limit"),
        pytest.param(a_pod(phase="Running", gone=True), {}, "AwaitingRetry", id="infraLimit"),
        pytest.param(
            a_pod(phase="Running", gone=True), {"infraLimit": 0}, "Failed",
            id="over the infraLimit",
        ),
    ],
)  # fmt: skip
def test_a_failed_attempt_is_followed_by_another_within_its_budget(pod, retry, state):
    row = fold(pod, retry={**retry, "backoffSeconds": 1})
    assert (row.state, row.next_attempt_time is not None) == (state, state == "AwaitingRetry")


def test_the_wait_counts_from_the_end_of_the_attempt_not_from_when_we_saw_it():
    pod, retry = a_pod(**PROGRAM_FAILED), {"limit": 1, "backoffSeconds": 5}
    found = {fold(pod, retry=retry, now=stamp(now)).next_attempt_time for now in (20, 40, 1000)}
    assert found == {stamp(15)}


def test_tasks_of_many_runs_that_failed_at_once_are_not_all_tried_again_at_once():
    failed = [a_pod(**PROGRAM_FAILED, run=f"run-{number}") for number in range(20)]
    retry = {"limit": 1, "backoffSeconds": 500}
    assert len({fold(pod, retry=retry).next_attempt_time for pod in failed}) > 10


@pytest.mark.parametrize("reason", ["RunTimedOut", "RunReplaced"])
def test_a_run_that_ends_retries_nothing(reason):
    recorded = an_attempt(1, "Terminating", reason=reason)
    row = fold(
        row=a_row(state="Terminating", attempts=(recorded,)),
        retry={"limit": 100, "backoffSeconds": 5},
    )
    assert (row.state, row.reason) == ("Failed", reason)


@pytest.mark.parametrize(
    ("filled", "state"),
    [
        pytest.param({"user_failures": AMOUNT_MAX}, "Failed", id="failures"),
        pytest.param({"out_of_memory": AMOUNT_MAX}, "AwaitingRetry", id="failures of one kind"),
        pytest.param({"attempt": pods.ATTEMPT_MAX - 1}, "Failed", id="attempts"),
    ],
)
def test_a_status_that_somebody_has_filled_up_can_still_be_stored(filled, state):
    number = filled.get("attempt", 0) + 1
    pod = a_pod(attempt=number, phase="Failed", main=ended(137, "OOMKilled"))
    row = fold(pod, row=a_row(**filled), retry={"limit": 100})
    assert row.state == state
    assert max(row.attempt, row.user_failures, row.out_of_memory) <= AMOUNT_MAX
