"""One step of an active run: what may start, what must end, and when to look again."""

from __future__ import annotations

import pytest

from kubedag.core import actions, advance, naming, rows, snapshot
from support.builders import (
    PROGRAM_FAILED,
    RUN,
    RUN_UID,
    a_chain,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    ended,
    stamp,
)
from support.objects import a_task

WIDE = a_plan(a_task("a"), a_task("b"), a_task("c"))


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


def refusal(attempt=1, *, until=30):
    return snapshot.Refusal(
        attempt, "WaitingForQuota", "exceeded quota", stamp(10), True, stamp(until)
    )


# --- Dependencies -----------------------------------------------------------------------------


def test_a_task_waits_for_all_its_upstreams():
    plan = a_plan(a_task("a"), a_task("b"), a_task("c", dependsOn=["a", "b"]))
    found = step(plan, a_pod("a", phase="Succeeded"), a_pod("b", phase="Running"))
    assert started(found) == []
    assert found.tasks[2] == a_row(
        "c", "Waiting", reason="Upstream", message="waits for 1 upstream"
    )


def test_a_task_starts_once_its_upstreams_have_succeeded():
    found = step(a_chain("a", "b"), a_pod("a", phase="Succeeded"))
    assert found.actions == [
        actions.CreatePod(naming.pod_name(RUN, RUN_UID, "b", None, 1), 1, 1),
    ]
    assert said(found) == {"a": ("Succeeded", ""), "b": ("Queued", "CreatingPod")}


def test_a_failure_blocks_all_that_is_downstream_in_one_step():
    plan = a_chain("a", "b", "c", taskDefaults={"image": "i", "retry": {"limit": 0}})
    found = step(plan, a_pod("a", **PROGRAM_FAILED))
    assert said(found) == {
        "a": ("Failed", "ExitCode"),
        "b": ("UpstreamFailed", "UpstreamFailed"),
        "c": ("UpstreamFailed", "UpstreamFailed"),
    }
    assert found.tasks[1].message == "upstream a did not succeed"


def test_only_a_few_of_many_blocking_upstreams_are_named():
    names = [f"t{number}" for number in range(5)]
    plan = a_plan(*map(a_task, names), a_task("end", dependsOn=names))
    found = step(plan, *[a_pod(name, **PROGRAM_FAILED) for name in names])
    assert found.tasks[5].message == "upstream t0, t1, t2 and 2 more did not succeed"


def test_a_task_is_skipped_when_its_rule_can_no_longer_hold():
    plan = a_plan(a_task("a"), a_task("b", dependsOn=["a"], triggerRule="AllFailed"))
    found = step(plan, a_pod("a", phase="Succeeded"))
    assert found.tasks[1] == a_row(
        "b", "Skipped", reason="TriggerRule", message="AllFailed can no longer hold"
    )


def test_an_upstream_that_awaits_its_retry_has_not_failed_yet():
    plan = a_chain("a", "b", taskDefaults={"image": "i", "retry": {"limit": 1}})
    found = step(plan, a_pod("a", **PROGRAM_FAILED))
    assert said(found) == {"a": ("AwaitingRetry", "ExitCode"), "b": ("Waiting", "Upstream")}


def test_a_verdict_that_is_recorded_is_never_taken_back():
    recorded = a_status(a_row("a", "Failed"), a_row("b", "Skipped", reason="TriggerRule"))
    found = step(a_chain("a", "b"), status=recorded)
    assert tuple(found.tasks) == recorded.tasks


# --- Limits -----------------------------------------------------------------------------------


def test_all_that_is_ready_starts_at_once_where_nothing_limits_it():
    assert started(step(WIDE)) == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("seen", "creating", "expected"),
    [
        pytest.param((), (), [(0, 1), (1, 1)], id="nothing is active"),
        pytest.param((a_pod("a", phase="Running"),), (), [(1, 1)], id="one runs"),
        pytest.param((a_pod("a", phase="Running"), a_pod("b")), (), [], id="two are active"),
        pytest.param((a_pod("a", phase="Running", deleted=9),), (), [(1, 1)], id="one ends"),
        pytest.param((a_pod("a", phase="Succeeded"),), (), [(1, 1), (2, 1)], id="one has ended"),
        pytest.param((), ("a",), [(1, 1)], id="one is being created"),
        pytest.param((), ("b", "c"), [], id="two are being created, and of less priority"),
        pytest.param((a_pod("a"),), ("a",), [(1, 1)], id="one is created and counted once"),
    ],
)
def test_no_more_tasks_are_active_than_the_dag_allows(seen, creating, expected):
    plan = a_plan(a_task("a", priority=9), a_task("b"), a_task("c"), maxActiveTasks=2)
    assert started(step(plan, *seen, creating=frozenset(creating))) == expected


def test_a_task_that_waits_for_a_place_says_so():
    plan = a_plan(a_task("a"), a_task("b"), maxActiveTasks=1)
    assert step(plan).tasks[1] == a_row(
        "b",
        "Queued",
        reason="MaxActiveTasks",
        message="waits for one of 1 active tasks of the run to end",
    )


def test_of_the_tasks_that_are_ready_the_most_urgent_starts_first():
    plan = a_plan(a_task("a"), a_task("b", priority=2), a_task("c", priority=2), maxActiveTasks=2)
    assert started(step(plan)) == [(1, 1), (2, 1)]


def test_a_refused_pod_keeps_its_place_from_more_urgent_ones():
    plan = a_plan(a_task("a", priority=1), a_task("b"), maxActiveTasks=1)
    found = step(plan, refusals={"b": refusal(until=20)})
    assert started(found) == [(1, 1)]


def test_only_so_many_creations_are_under_way_at_once():
    most = advance.CREATES_IN_FLIGHT_MAX
    plan = a_plan(*[a_task(f"t{number}") for number in range(most + 10)])
    assert len(started(step(plan))) == most
    busy = frozenset(f"t{number}" for number in range(most - 3))
    assert len(started(step(plan, creating=busy))) == 3


def test_a_suspended_run_starts_nothing_and_lets_the_rest_go_on():
    found = step(WIDE, a_pod("a", phase="Running"), creating=frozenset("b"), suspend=True)
    assert found.actions == []
    assert said(found) == {
        "a": ("Running", ""),
        "b": ("Queued", "CreatingPod"),
        "c": ("Queued", "Suspended"),
    }


def test_a_suspended_run_asks_again_for_no_pod_that_was_refused():
    found = step(WIDE, refusals={"a": refusal(until=10)}, suspend=True)
    assert (found.actions, found.wakes) == ([], [])


# --- Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"), [(29, []), (30, [(0, 1)]), (99, [(0, 1)])], ids=["early", "due", "late"]
)
def test_a_refused_pod_is_asked_for_again_when_its_time_has_come(now, expected):
    plan = a_plan(a_task("a"))
    found = step(plan, now=now, refusals={"a": refusal()})
    assert started(found) == expected
    assert found.tasks == [
        a_row("a", "Queued", reason="WaitingForQuota", message="exceeded quota")
    ]
    assert advance.wake(found) == (None if expected else at(30))


def test_a_refusal_of_an_earlier_attempt_holds_nothing_back():
    plan = a_plan(a_task("a", retry={"limit": 1, "backoffSeconds": 1}))
    found = step(plan, a_pod(**PROGRAM_FAILED), refusals={"a": refusal(1, until=99)})
    assert started(found) == [(0, 2)]


def test_a_pod_that_is_refused_for_good_fails_its_task_and_blocks_the_rest():
    refused = snapshot.Refusal(1, "InvalidPodSpec", "must not", stamp(5))
    found = step(a_chain("a", "b"), refusals={"a": refused})
    assert said(found) == {
        "a": ("Failed", "InvalidPodSpec"),
        "b": ("UpstreamFailed", "UpstreamFailed"),
    }


# --- Retries ----------------------------------------------------------------------------------

RETRIED = a_plan(a_task("a", retry={"limit": 1, "backoffSeconds": 5}), a_task("b"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [(14, [(1, 1)]), (15, [(0, 2), (1, 1)]), (99, [(0, 2), (1, 1)])],
    ids=["early", "due", "late"],
)
def test_a_failed_task_is_tried_again_when_its_wait_is_over(now, expected):
    found = step(RETRIED, a_pod(**PROGRAM_FAILED), now=now)
    assert started(found) == expected
    assert advance.wake(found) == (at(15) if now < 15 else None)


def test_a_retry_waits_for_a_place_like_every_other_task():
    plan = a_plan(
        a_task("a", retry={"limit": 1, "backoffSeconds": 1}), a_task("b"), maxActiveTasks=1
    )
    found = step(plan, a_pod(**PROGRAM_FAILED), a_pod("b", phase="Running"))
    assert started(found) == []
    assert said(found)["a"] == ("AwaitingRetry", "MaxActiveTasks")


def test_a_retry_never_runs_beside_an_earlier_pod_that_is_alive():
    recorded = a_row(
        state="AwaitingRetry",
        attempt=1,
        user_failures=1,
        next_attempt_time=stamp(5),
        attempts=(an_attempt(1, "Failed", finish_time=stamp(2), failure_class="User"),),
    )
    found = step(RETRIED, a_pod(phase="Running"), status=a_status(recorded, a_row("b")))
    assert started(found) == [(1, 1)]


# --- Time -------------------------------------------------------------------------------------

TIMED = a_plan(a_task("a", timeoutSeconds=10, pendingTimeoutSeconds=50))


@pytest.mark.parametrize(
    ("pod", "deadline", "reason"),
    [
        pytest.param(a_pod(phase="Running", started=2), 12, "TaskTimedOut", id="running"),
        pytest.param(a_pod(phase="Pending", created=1), 51, "PendingTimedOut", id="pending"),
    ],
)
def test_an_attempt_that_takes_too_long_is_ended(pod, deadline, reason):
    early, due = step(TIMED, pod, now=deadline - 1), step(TIMED, pod, now=deadline)
    assert (advance.wake(early), early.tasks[0].state) == (at(deadline), pod.status.phase)
    assert (advance.wake(due), said(due)) == (None, {"a": ("Terminating", reason)})
    assert due.tasks[0].attempts[0].reason == reason


def test_a_task_without_a_timeout_runs_for_as_long_as_it_takes():
    found = step(a_plan(a_task("a")), a_pod(phase="Running"), now=10_000_000)
    assert (advance.wake(found), said(found)) == (None, {"a": ("Running", "")})


def test_a_pod_that_nobody_started_gets_fifteen_minutes():
    found = step(a_plan(a_task("a")), a_pod(), now=20)
    assert advance.wake(found) == at(900)


def test_the_next_look_is_at_the_earliest_of_all_that_time_can_change():
    plan = a_plan(a_task("a", timeoutSeconds=100), a_task("b", timeoutSeconds=50))
    found = step(plan, a_pod("a", phase="Running"), a_pod("b", phase="Running"))
    assert advance.wake(found) == at(52)


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
    found = step(plan, *seen, stop="RunTimedOut", creating=frozenset("d"))
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
        pytest.param(a_row(state="UpstreamFailed"), False, id="never tried"),
    ],
)  # fmt: skip
def test_whether_a_failed_task_lacks_a_log(row, expected):
    assert advance.lacks_log(row) is expected
