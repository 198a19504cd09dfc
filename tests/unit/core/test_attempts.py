"""From the Pods of a task to its row."""

from __future__ import annotations

import pytest

from kubedag.core import attempts, pods, reasons, rows, snapshot
from support.builders import (
    PROGRAM_FAILED,
    a_condition,
    a_container,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    an_attempt,
    ended,
    stamp,
    waiting,
)
from support.objects import a_task

NOW = stamp(20)
RETRIED = {"limit": 100, "backoffSeconds": 5, "backoffFactor": 1}
NO_LOG = rows.LogTail("None")


def fold(*seen, row=None, retry=None, now=NOW, **facts):
    plan = a_plan(a_task("a", retry=retry or {"limit": 0, "infraLimit": 0}))
    recorded = row.attempts if row else ()
    gone = {attempt.pod_name for attempt in recorded} | {pod.metadata.uid for pod in seen}
    snap = a_snapshot(plan, *seen, **({"gone": gone} | facts))
    return attempts.fold(row or a_row(), plan.tasks[0], seen, snap, now)


def numbers(row):
    return [attempt.number for attempt in row.attempts]


def unschedulable(message):
    said = a_condition("PodScheduled", "False", "Unschedulable", message)
    return a_pod(conditions=(said,))


NEWS = {
    "other words for the same reason": (
        unschedulable("0/1 nodes"), unschedulable("0/2 nodes"), "message",
    ),
    "a node": (a_pod(), a_pod(node="node-1"), "node_name"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "field"), NEWS.values(), ids=NEWS)
def test_whatever_is_new_of_an_attempt_is_recorded(before, after, field):
    first = fold(before)
    (old,), (new,), (expected,) = (
        row.attempts for row in (first, fold(after, row=first), fold(after))
    )
    assert getattr(new, field) == getattr(expected, field) != getattr(old, field)


# --- What is read of a Pod --------------------------------------------------------------------


def test_everything_that_a_pod_says_about_an_attempt_is_recorded():
    pod = a_pod(
        phase="Succeeded",
        created=1,
        started=3,
        finished=9,
        node="node-1",
        conditions=(a_condition("PodScheduled", when=2),),
    )
    row = fold(pod)
    assert row == a_row(
        state="Succeeded",
        attempt=1,
        attempts=(
            rows.Attempt(
                number=1,
                state="Succeeded",
                exit_code=0,
                node_name="node-1",
                pod_name=pod.metadata.name,
                create_time=stamp(1),
                schedule_time=stamp(2),
                start_time=stamp(3),
                finish_time=stamp(9),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("pod", "finished"),
    [
        pytest.param(
            a_pod(phase="Failed", exit_code=0, finished=5,
                  sidecars=(a_container("proxy", ended(1, finished=7)),)),
            5, id="when the task's container ended, whatever ran on beside it",
        ),
        pytest.param(
            a_pod(phase="Failed", main=waiting("PodInitializing"), init=(
                a_container("i", ended(0, finished=3)), a_container("j", ended(1, finished=6)))),
            6, id="when the last one ended, if the task's never began",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("init", ended(1, finished=4)),)),
            4, id="when its init container ended",
        ),
        pytest.param(a_pod(phase="Failed"), 20, id="when we saw it, if nothing tells"),
        pytest.param(
            a_pod(phase="Running", gone=True, deleted=8), 8, id="when it was deleted",
        ),
        pytest.param(
            a_pod(phase="Running", gone=True, deleted=50), 20,
            id="never later than now, though its grace period ends later",
        ),
        pytest.param(a_pod(phase="Running"), None, id="not yet"),
    ],
)  # fmt: skip
def test_when_an_attempt_ended(pod, finished):
    expected = None if finished is None else stamp(finished)
    assert fold(pod).attempts[0].finish_time == expected


@pytest.mark.parametrize(
    ("label", "number"),
    [("1", 1), ("99999", 99999), ("", 0), ("x", 0), ("-1", 0), ("100000", 0), ("²", 0)],
    ids=["one", "the most", "none", "a word", "negative", "too large", "a digit, but not ours"],
)
def test_the_number_of_an_attempt_comes_from_a_label_that_anybody_can_break(label, number):
    pod = pods.Pod(pods.Metadata(labels={pods.LABEL_ATTEMPT: label}))
    assert pods.attempt_number(pod) == number


def test_a_pod_whose_number_was_broken_counts_as_none():
    broken = pods.Pod(pods.Metadata(labels={pods.LABEL_ATTEMPT: "x"}))
    assert fold(broken) == a_row()


# --- What is recorded stays -------------------------------------------------------------------


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Running"),
        a_pod(phase="Failed", exit_code=1),
        a_pod(phase="Succeeded", gone=True),
    ],
    ids=["runs", "failed", "gone"],
)
def test_an_attempt_that_is_recorded_as_ended_stays_as_it_is(pod):
    recorded = an_attempt(1, "Succeeded", exit_code=0, finish_time=stamp(5))
    row = a_row(state="Succeeded", attempt=1, attempts=(recorded,))
    assert fold(pod, row=row) == row


def test_when_its_upstreams_had_ended_stays_recorded():
    recorded = an_attempt(deps_met_time=stamp(3))
    row = fold(a_pod(phase="Running"), row=a_row(state="Pending", attempts=(recorded,)))
    assert row.attempts[0].deps_met_time == stamp(3)


@pytest.mark.parametrize(
    ("recorded", "reason", "failure_class"),
    [
        pytest.param(an_attempt(1, "Running"), "PodDeleted", "Infra", id="while it ran"),
        pytest.param(an_attempt(1, "Pending"), "PodDeleted", "Infra", id="before it ran"),
        pytest.param(
            an_attempt(1, "Terminating", reason="TaskTimedOut"), "TaskTimedOut", "User",
            id="as we had asked",
        ),
        pytest.param(
            an_attempt(1, "Terminating", reason="PodDeleted"), "PodDeleted", "Infra",
            id="as somebody else had asked",
        ),
    ],
)  # fmt: skip
def test_a_recorded_pod_that_is_no_longer_there_has_ended(recorded, reason, failure_class):
    row = fold(row=a_row(state=recorded.state, attempt=1, attempts=(recorded,)))
    (attempt,) = row.attempts
    assert (attempt.state, attempt.reason, attempt.failure_class) == (
        "Failed",
        reason,
        failure_class,
    )
    assert (attempt.finish_time, attempt.log) == (NOW, NO_LOG)


def test_our_reason_for_ending_a_pod_outlives_what_the_pod_says():
    recorded = an_attempt(1, "Terminating", reason="TaskTimedOut")
    pod = a_pod(phase="Failed", exit_code=137, deleted=15)
    row = fold(pod, row=a_row(attempts=(recorded,)))
    assert (row.state, row.reason) == ("Failed", "TaskTimedOut")


def test_the_newest_attempt_says_where_the_task_stands():
    first = a_pod(attempt=1, phase="Failed", exit_code=1)
    second = a_pod(attempt=2, phase="Running")
    row = fold(first, second)
    assert (row.state, row.attempt, numbers(row)) == ("Running", 2, [1, 2])


# --- Counting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pod", "user", "infra"),
    [
        pytest.param(a_pod(**PROGRAM_FAILED), 1, 0, id="the program"),
        pytest.param(a_pod(phase="Running", gone=True), 0, 1, id="the cluster"),
        pytest.param(a_pod(phase="Succeeded"), 0, 0, id="nobody"),
    ],
)
def test_a_failure_counts_once_against_whoever_failed(pod, user, infra):
    row = fold(pod)
    assert (row.user_failures, row.infra_failures) == (user, infra)
    again = fold(pod, row=row)
    assert (again.user_failures, again.infra_failures) == (user, infra)


def failed_pods(count):
    return [a_pod(attempt=n, **PROGRAM_FAILED) for n in range(1, count + 1)]


def test_only_the_newest_attempts_are_kept_and_all_are_counted():
    row = fold(*failed_pods(13), retry=RETRIED)
    assert numbers(row) == list(range(4, 14))
    assert (row.attempt, row.user_failures) == (13, 13)


def test_pods_of_attempts_that_are_no_longer_kept_are_not_counted_again():
    seen = failed_pods(13)
    row = fold(*seen, retry=RETRIED)
    assert fold(*seen, row=row, retry=RETRIED) == row


def test_the_budget_is_what_is_left_of_it_however_many_pods_are_kept():
    row = a_row()
    for count in range(1, 21):
        row = fold(*failed_pods(count), row=row, retry={**RETRIED, "limit": 19})
        assert row.user_failures == count
    assert row.state == "Failed"


# --- Refusals ---------------------------------------------------------------------------------


def refused(**fields):
    plain = {"attempt": 1, "reason": "InvalidPodSpec", "message": "m", "time": stamp(7)}
    return {"refusals": {"a": snapshot.Refusal(**(plain | fields))}}


def test_a_pod_that_the_api_will_never_take_is_a_failed_attempt_without_a_pod():
    row = fold(retry=RETRIED, **refused())
    assert row == a_row(
        state="Failed",
        reason="InvalidPodSpec",
        message="m",
        attempt=1,
        user_failures=1,
        attempts=(
            rows.Attempt(
                1, "Failed", "InvalidPodSpec", "m", failure_class="Config", finish_time=stamp(7)
            ),
        ),
    )


def test_a_refusal_that_may_pass_is_no_attempt():
    assert fold(**refused(transient=True)) == a_row()


def test_a_refusal_of_an_attempt_that_has_a_pod_is_out_of_date():
    assert fold(a_pod(phase="Running"), **refused()).state == "Running"


# --- Logs -------------------------------------------------------------------------------------


FAILED = a_pod(phase="Failed", main=ended(1, message="last words"))


def logged(pod, captured=None, row=None):
    logs = {} if captured is None else {pod.metadata.uid: captured}
    return fold(pod, row=row, logs=logs).attempts[0].log


@pytest.mark.parametrize(
    ("pod", "captured", "log"),
    [
        pytest.param(FAILED, None, None, id="not yet read"),
        pytest.param(
            FAILED, snapshot.CapturedLog(b"line\n"), rows.LogTail("PodLog", "line"), id="read",
        ),
        pytest.param(
            FAILED, snapshot.CapturedLog(b"line", cut=True),
            rows.LogTail("PodLog", "line", truncated=True), id="read in part",
        ),
        pytest.param(
            FAILED, snapshot.CapturedLog(None), rows.LogTail("TerminationMessage", "last words"),
            id="could not be read",
        ),
        pytest.param(
            FAILED, snapshot.CapturedLog(b""), rows.LogTail("TerminationMessage", "last words"),
            id="empty",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(1, message="last words"), gone=True), None,
            rows.LogTail("TerminationMessage", "last words"), id="can no longer be read",
        ),
        pytest.param(
            a_pod(phase="Failed", reason="Evicted", message="used too much", gone=True), None,
            NO_LOG, id="the Pod says why itself, which is no log",
        ),
        pytest.param(
            a_pod(phase="Failed", gone=True), None, NO_LOG, id="nobody says anything",
        ),
        pytest.param(
            a_pod(phase="Failed"), snapshot.CapturedLog(b""), rows.LogTail("PodLog"),
            id="read, and there is nothing in it",
        ),
        pytest.param(
            a_pod(phase="Failed"), snapshot.CapturedLog(None), NO_LOG, id="nothing can be read",
        ),
        pytest.param(a_pod(phase="Succeeded"), snapshot.CapturedLog(b"x"), None, id="no failure"),
    ],
)  # fmt: skip
def test_where_the_log_of_a_failed_attempt_comes_from(pod, captured, log):
    assert logged(pod, captured) == log


def test_a_log_that_is_recorded_stays_as_it_is():
    recorded = an_attempt(1, "Failed", log=rows.LogTail("PodLog", "first"))
    row = a_row(state="Failed", attempts=(recorded,))
    assert logged(FAILED, snapshot.CapturedLog(b"second"), row) == recorded.log


def test_a_late_log_is_added_to_a_recorded_failure():
    row = a_row(state="Failed", attempts=(an_attempt(1, "Failed"),))
    assert logged(FAILED, snapshot.CapturedLog(b"late"), row) == rows.LogTail("PodLog", "late")


def test_a_recorded_failure_whose_pod_is_gone_has_no_log_to_wait_for():
    row = a_row(state="Failed", attempts=(an_attempt(1, "Failed", failure_class="User"),))
    assert fold(row=row).attempts[0].log == NO_LOG


# --- Words that the API takes -----------------------------------------------------------------


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(main=waiting("r" * 300)),
        a_pod(phase="Failed", reason="r" * 300),
        a_pod(phase="Failed", conditions=(a_condition("DisruptionTarget", reason="r" * 300),)),
    ],
    ids=["waiting", "failed", "disrupted"],
)
def test_a_word_of_the_clusters_own_is_never_a_reason_but_told_in_the_message(pod):
    row = fold(pod)
    assert {row.reason, row.attempts[0].reason} <= reasons.BY_NAME.keys()
    assert "rrr" in row.message
    assert len(row.message) <= rows.MESSAGE_CHARS_MAX


def test_a_program_that_could_not_be_started_has_no_start_time():
    """The kubelet then says 1970."""
    main = pods.ContainerState(
        terminated=pods.Terminated(
            128, "StartError", "no such file", started_at="1970-01-01T00:00:00Z"
        )
    )
    assert fold(a_pod(phase="Failed", main=main)).attempts[0].start_time is None


def test_why_a_pod_was_asked_to_end_is_kept_when_it_is_gone():
    old = an_attempt(state="Terminating", reason="PendingTimedOut", message="x: ErrImagePull")
    row = a_row(state="Terminating", reason="PendingTimedOut", attempt=1, attempts=(old,))
    assert fold(row=row).message == "x: ErrImagePull"


def test_a_dag_may_want_no_logs_kept_and_then_none_is_waited_for():
    plan = a_plan(a_task("a"), failureLogs={"capture": "Never"})
    snap = a_snapshot(plan, FAILED)
    assert attempts.fold(a_row(), plan.tasks[0], (FAILED,), snap, NOW).attempts[0].log == NO_LOG
