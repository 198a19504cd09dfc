"""One step of an active run: what must end, and when to look again."""

from __future__ import annotations

import pytest

from kubedag.core import actions, advance, logs, rows, snapshot
from support.builders import (
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    ended,
)
from support.objects import a_task


def step(of, *seen, now=20, stop="", **facts):
    return advance.advance(a_snapshot(of, *seen, **facts), of, at(now), stop)


def started(found):
    return [
        (action.task_index, action.attempt)
        for action in found.actions
        if isinstance(action, actions.CreatePod)
    ]


def deleted(found):
    return [action.name for action in found.actions if isinstance(action, actions.DeletePod)]


def said(found):
    return {row.name: (row.state, row.reason) for row in found.tasks}


TIMED = a_plan(a_task("a", timeoutSeconds=10, pendingTimeoutSeconds=50))


# --- Ending -----------------------------------------------------------------------------------

TIMED_OUT = a_row(
    state="Terminating",
    reason="TaskTimedOut",
    attempt=1,
    attempts=(an_attempt(1, "Terminating", reason="TaskTimedOut"),),
)


def test_a_pod_is_deleted_only_once_the_reason_for_it_is_stored():
    pod = a_pod(phase="Running")
    before = step(TIMED, pod, status=a_status(a_row(state="Running")))
    after = step(TIMED, pod, status=a_status(TIMED_OUT))
    assert (deleted(before), deleted(after)) == ([], [pod.metadata.name])


def test_the_delete_is_of_the_pod_that_was_seen():
    pod = a_pod(phase="Running")
    found = step(TIMED, pod, status=a_status(TIMED_OUT))
    assert found.actions == [
        actions.DeletePod(pod.metadata.name, pod.metadata.uid, pod.metadata.resource_version)
    ]


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Running", deleted=15),
        a_pod(phase="Running", gone=True),
        a_pod(attempt=2, phase="Running"),
    ],
    ids=["is being deleted", "is gone", "is another attempt"],
)
def test_nothing_is_deleted_twice_or_by_mistake(pod):
    assert deleted(step(TIMED, pod, status=a_status(TIMED_OUT))) == []


def test_a_pod_that_somebody_else_deletes_is_left_to_them():
    recorded = a_row(
        state="Terminating",
        reason="PodDeleted",
        attempts=(an_attempt(1, "Terminating", reason="PodDeleted"),),
    )
    assert deleted(step(TIMED, a_pod(phase="Running"), status=a_status(recorded))) == []


def test_a_run_that_is_stopped_ends_what_runs_and_starts_nothing_more():
    plan = a_plan(*[a_task(name) for name in "abcd"], a_task("e", dependsOn=["a"]))
    failed = a_pod("b", phase="Failed", exit_code=1, finished=19)
    plan = a_plan(
        a_task("a"),
        a_task("b", retry={"limit": 1}),
        a_task("c"),
        a_task("d"),
        a_task("e", dependsOn=["a"]),
    )
    seen = (a_pod("a", phase="Running"), failed, a_pod("c", phase="Succeeded"))
    found = step(plan, *seen, stop="RunTimedOut", creating={"d": "run-d-1"})
    assert started(found) == []
    assert said(found) == {
        "a": ("Terminating", "RunTimedOut"),
        "b": ("Failed", "ExitCode"),
        "c": ("Succeeded", ""),
        "d": ("Waiting", ""),
        "e": ("Skipped", "RunTimedOut"),
    }


def test_a_pod_that_appears_after_its_run_was_stopped_is_ended_too():
    status = a_status(a_row(state="Queued", reason="CreatingPod"))
    found = step(a_plan(a_task("a")), a_pod(), status=status, stop="RunReplaced")
    assert said(found) == {"a": ("Terminating", "RunReplaced")}


# --- Logs -------------------------------------------------------------------------------------


def captured(found):
    return [
        (action.pod_name, action.container)
        for action in found.actions
        if isinstance(action, actions.CaptureLog)
    ]


FAILED = a_pod(phase="Failed", main=ended(1))


@pytest.mark.parametrize(
    ("pod", "facts", "expected"),
    [
        pytest.param(FAILED, {}, [(FAILED.metadata.name, "main")], id="of a failed Pod"),
        pytest.param(
            FAILED, {"logs": {FAILED.metadata.uid: snapshot.CapturedLog(b"x")}}, [],
            id="that was not read before",
        ),
        pytest.param(
            FAILED, {"logs": {FAILED.metadata.uid: snapshot.CapturedLog(None)}}, [],
            id="even if that told nothing",
        ),
        pytest.param(a_pod(phase="Failed", gone=True), {}, [], id="that still exists"),
        pytest.param(a_pod(phase="Succeeded"), {}, [], id="of none that succeeded"),
        pytest.param(
            a_pod(phase="Succeeded", deleted=39, grace=30), {}, [(FAILED.metadata.name, "main")],
            id="of one that ended with 0 because it was told to end",
        ),
        pytest.param(a_pod(phase="Running"), {}, [], id="of none that runs"),
    ],
)  # fmt: skip
def test_the_log_is_read(pod, facts, expected):
    assert captured(step(a_plan(a_task("a")), pod, **facts)) == expected


def test_a_recorded_failure_whose_log_is_missing_is_looked_at_again():
    row = a_row(state="Failed", attempt=1, attempts=(an_attempt(1, "Failed"),))
    assert captured(step(a_plan(a_task("a")), FAILED, status=a_status(row))) == [
        (FAILED.metadata.name, "main")
    ]


def test_a_pod_that_came_too_late_changes_nothing_while_a_log_is_missing():
    row = a_row(state="Failed", attempt=1, attempts=(an_attempt(1, "Failed"),))
    late = a_pod(attempt=2, phase="Running")
    found = step(a_plan(a_task("a")), FAILED, late, status=a_status(row))
    assert found.tasks == [row]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(a_row(state="Failed", attempts=(an_attempt(1, "Failed"),)), True, id="none"),
        pytest.param(
            a_row(state="Failed", attempts=(
                an_attempt(1, "Failed", log=rows.LogTail("PodLog")),)),
            False, id="there",
        ),
        pytest.param(
            a_row(state="Failed", attempts=(rows.Attempt(1, "Failed"),)), False, id="no Pod",
        ),
        pytest.param(
            a_row(state="AwaitingRetry", attempts=(an_attempt(1, "Failed"),)), False,
            id="not over yet",
        ),
        pytest.param(
            a_row(state="Succeeded", reason="RetryRule", attempts=(an_attempt(1, "Failed"),)), True,
            id="a rule takes it as succeeded",
        ),
        pytest.param(
            a_row(state="Succeeded", attempts=(an_attempt(1, "Succeeded"),)), False, id="succeeded",
        ),
        pytest.param(a_row(state="UpstreamFailed"), False, id="never tried"),
    ],
)  # fmt: skip
def test_whether_a_failed_task_lacks_a_log(row, expected):
    assert logs.lacks_log(row) is expected
