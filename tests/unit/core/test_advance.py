"""One step of an active run: what may start, what must end, and when to look again."""

from __future__ import annotations

import pytest

from kubedag.core import actions, advance, naming, snapshot, starting
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


@pytest.mark.parametrize(
    ("upstreams", "named"), [(2, "t0, t1"), (3, "t0, t1, t2"), (5, "t0, t1, t2 and 2 more")]
)
def test_only_a_few_of_many_blocking_upstreams_are_named(upstreams, named):
    names = [f"t{number}" for number in range(upstreams)]
    plan = a_plan(*map(a_task, names), a_task("end", dependsOn=names))
    found = step(plan, *[a_pod(name, **PROGRAM_FAILED) for name in names])
    assert found.tasks[-1].message == f"upstream {named} did not succeed"


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


def test_a_retry_after_a_pod_that_is_gone_waits_until_that_is_stored():
    """An operator that comes after would otherwise know nothing of the first attempt."""
    plan = a_plan(a_task("a", retry={"infraLimit": 1, "backoffSeconds": 1}))
    gone = a_pod("a", phase="Running", deleted=2, gone=True)
    first = step(plan, gone)
    second = step(plan, gone, now=60, status=a_status(*first.tasks))
    late = step(plan, gone, now=60)

    assert (said(late)["a"][0], started(late)) == ("AwaitingRetry", [])
    assert started(second) == [(0, 2)]


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
    assert started(step(plan, *seen, creating=dict.fromkeys(creating, ""))) == expected


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
    most = starting.CREATES_IN_FLIGHT_MAX
    plan = a_plan(*[a_task(f"t{number}") for number in range(most + 10)])
    assert len(started(step(plan))) == most
    busy = {f"t{number}": "" for number in range(most - 3)}
    assert len(started(step(plan, creating=busy))) == 3


def test_a_suspended_run_starts_nothing_and_lets_the_rest_go_on():
    found = step(WIDE, a_pod("a", phase="Running"), creating={"b": "run-b-1"}, suspend=True)
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
        a_row(
            "a",
            "Queued",
            reason="WaitingForQuota",
            message="exceeded quota (since 2026-01-01 00:00:10 UTC)",
            wait_time=stamp(10),
        )
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
