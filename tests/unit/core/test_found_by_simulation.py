"""Each of these was broken once, and the simulation found it; the seed that did is in its list."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from kubedag.api import dag as api
from kubedag.core import actions, decide_run, pods, rows, snapshot, states
from kubedag.core import plan as plans

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = snapshot.RunFacts("run", "ns", "uid", "dag", "2026-01-01T11:00:00Z")


def a_plan(*tasks: dict[str, Any], **more: Any) -> plans.Plan:
    given = {"tasks": list(tasks), "taskDefaults": {"image": "busybox"}, **more}
    spec = api.DAGSpec.model_validate(given)
    return plans.compile_plan("dag", spec)


def a_pod(
    task: str, attempt: int, phase: str, exit_code: int | None = None, *, started: bool = False
) -> pods.Pod:
    stamp = "2026-01-01T11:30:00Z"
    ended = None
    if exit_code is not None:
        ended = pods.Terminated(exit_code, started_at=stamp, finished_at=stamp)
    runs = pods.Running(stamp) if started else None
    state = pods.ContainerState(terminated=ended, running=runs)
    return pods.Pod(
        pods.Metadata(
            f"run-{task}-{attempt}",
            "ns",
            f"uid-{task}-{attempt}",
            "7",
            stamp,
            labels={pods.LABEL_TASK: task, pods.LABEL_ATTEMPT: str(attempt)},
        ),
        pods.PodSpec("node"),
        pods.PodStatus(phase, container_statuses=(pods.ContainerStatus("main", 0, state),)),
    )


def a_snapshot(plan: plans.Plan, *seen: pods.Pod, **facts: Any) -> snapshot.RunSnapshot:
    by_task: dict[str, tuple[pods.Pod, ...]] = {}
    for pod in seen:
        task = pod.label(pods.LABEL_TASK)
        by_task[task] = (*by_task.get(task, ()), pod)
    status = facts.pop("status", rows.RunStatus(start_time="2026-01-01T11:00:00Z", revision="r"))
    return snapshot.RunSnapshot(RUN, status, plan=plan, plan_revision="r", pods=by_task, **facts)


def decided(snap: snapshot.RunSnapshot, now: datetime = NOW) -> actions.RunDecision:
    return decide_run.decide(snap, now)


def stored(snap: snapshot.RunSnapshot, **changes: Any) -> snapshot.RunSnapshot:
    """The same facts, once the decision about them is stored."""
    return dataclasses.replace(snap, status=decided(snap).status, **changes)


def created(decision: actions.RunDecision) -> list[str]:
    return [one.name for one in decision.actions if isinstance(one, actions.CreatePod)]


def states_of(decision: actions.RunDecision) -> dict[str, str]:
    return {row.name: row.state for row in decision.status.tasks}


A_REFUSAL = snapshot.Refusal(
    1, "WaitingForQuota", "exceeded quota", "2026-01-01T11:59:00Z", True, "2026-01-01T11:59:30Z"
)


def test_a_pod_that_is_being_created_keeps_its_place_when_a_more_urgent_task_is_ready() -> None:
    plan = a_plan({"name": "low"}, {"name": "high", "priority": 5}, maxActiveTasks=1)
    snap = a_snapshot(plan, creating={"low": "run-low-1"})
    assert created(decided(snap)) == []


def test_a_pod_that_the_api_could_not_take_yet_keeps_its_place() -> None:
    plan = a_plan({"name": "low"}, {"name": "high", "priority": 5}, maxActiveTasks=1)
    decision = decided(a_snapshot(plan, refusals={"low": A_REFUSAL}))
    assert [name.split("-")[1] for name in created(decision)] == ["low"]


def test_what_the_api_said_stays_told_while_the_pod_is_asked_for_again() -> None:
    plan = a_plan({"name": "a"})
    first = decided(a_snapshot(plan, refusals={"a": A_REFUSAL}))
    again = a_snapshot(plan, refusals={"a": A_REFUSAL}, creating={"a": "run-a-1"})
    assert decided(again).status == first.status


def test_a_run_that_must_end_waits_for_the_pods_that_are_being_created() -> None:
    plan = a_plan({"name": "a"}, {"name": "b"}, timeoutSeconds=60)
    decision = decided(a_snapshot(plan, creating={"a": "run-a-1"}))
    assert states_of(decision) == {"a": states.WAITING, "b": states.SKIPPED}
    assert not decision.status.finished


def test_a_pod_that_appears_after_its_run_was_ended_is_ended_too() -> None:
    plan = a_plan({"name": "a"}, timeoutSeconds=60)
    over = stored(a_snapshot(plan), pods={"a": (a_pod("a", 1, "Running"),)})
    assert over.status.finished
    assert decided(over).actions == (actions.DeletePod("run-a-1", "uid-a-1", "7"),)


def test_a_pod_that_ended_by_itself_while_it_was_to_be_ended_is_recorded_and_not_deleted() -> None:
    plan = a_plan({"name": "a"}, timeoutSeconds=60)
    asked = stored(a_snapshot(plan, a_pod("a", 1, "Running")))
    assert [row.state for row in asked.status.tasks] == [states.TERMINATING]
    ended = dataclasses.replace(asked, pods={"a": (a_pod("a", 1, "Succeeded", 0),)})
    assert decided(ended).actions == ()
    assert states_of(decided(ended)) == {"a": states.SUCCEEDED}


def test_a_late_log_changes_nothing_else_of_a_task_at_its_end() -> None:
    plan = a_plan({"name": "a", "retry": {"limit": 3}}, timeoutSeconds=60)
    failed = a_pod("a", 1, "Failed", 1)
    snap = stored(a_snapshot(plan, failed))
    assert states_of(decided(snap)) == {"a": states.FAILED}
    late = dataclasses.replace(snap, logs={"uid-a-1": snapshot.CapturedLog(b"why")})
    row = decided(late).status.tasks[0]
    assert row.state == states.FAILED
    assert row.attempts[0].log is not None
    assert row.attempts[0].log.tail == "why"


def test_failures_are_counted_once_also_when_their_attempts_are_no_longer_kept() -> None:
    plan = a_plan({"name": "a", "retry": {"limit": 100, "backoffSeconds": 1, "backoffFactor": 1}})
    snap = a_snapshot(plan)
    for attempt in range(1, rows.ATTEMPTS_KEPT_MAX + 4):
        seen = {"a": tuple(a_pod("a", number, "Failed", 1) for number in range(1, attempt + 1))}
        logs = {f"uid-a-{attempt}": snapshot.CapturedLog(b"")}
        snap = stored(dataclasses.replace(snap, pods=seen, logs=logs), logs={})
    row = decided(snap).status.tasks[0]
    assert (row.attempt, row.user_failures) == (attempt, attempt)


def test_deciding_again_adds_nothing_to_an_attempt_whose_pod_is_gone() -> None:
    plan = a_plan({"name": "a"})
    seen = stored(a_snapshot(plan, a_pod("a", 1, "Running")))
    gone = stored(dataclasses.replace(seen, pods={}))
    assert decided(gone).status == gone.status


def test_an_attempt_that_never_had_a_pod_has_no_log() -> None:
    plan = a_plan({"name": "a"}, {"name": "b"})
    denied = dataclasses.replace(A_REFUSAL, transient=False)
    snap = stored(a_snapshot(plan, refusals={"a": denied}))
    assert decided(snap).status.tasks[0].attempts[0].log is None


def test_what_the_kubelet_said_stays_told_while_the_pod_ends() -> None:
    waiting = pods.ContainerState(waiting=pods.Waiting("InvalidImageName", "no such thing: A:B"))
    pod = msgspec.structs.replace(
        a_pod("a", 1, "Pending"),
        status=pods.PodStatus(
            "Pending", container_statuses=(pods.ContainerStatus("main", 0, waiting),)
        ),
    )
    snap = stored(a_snapshot(a_plan({"name": "a"}), pod))
    assert decided(snap).status == snap.status
    gone = dataclasses.replace(
        snap,
        pods={"a": (msgspec.structs.replace(pod, gone=True),)},
        gone=frozenset({pod.metadata.uid}),
    )
    attempt = decided(gone).status.tasks[0].attempts[0]
    assert (attempt.state, attempt.failure_class) == (states.FAILED, "Config")
    assert attempt.message.endswith("no such thing: A:B")


def test_a_pod_that_failed_by_itself_before_it_was_told_to_end_failed_by_itself() -> None:
    plan = a_plan({"name": "a", "timeoutSeconds": 60})
    asked = stored(a_snapshot(plan, a_pod("a", 1, "Running", started=True)))
    assert [row.reason for row in asked.status.tasks] == ["TaskTimedOut"]
    ended = dataclasses.replace(asked, pods={"a": (a_pod("a", 1, "Failed", 3),)})
    assert decided(ended).status.tasks[0].attempts[0].reason == "ExitCode"


def test_a_pod_that_started_after_all_is_not_ended_for_being_late() -> None:
    plan = a_plan({"name": "a"})
    asked = stored(a_snapshot(plan, a_pod("a", 1, "Pending")))
    assert [row.reason for row in asked.status.tasks] == ["PendingTimedOut"]
    runs = dataclasses.replace(asked, pods={"a": (a_pod("a", 1, "Running", started=True),)})
    assert states_of(decided(runs)) == {"a": states.RUNNING}
    assert decided(runs).actions == ()


def test_an_attempt_that_had_to_be_made_anew_is_judged_by_its_newer_pod() -> None:
    gone = msgspec.structs.replace(a_pod("a", 1, "Pending"), gone=True)
    again = a_pod("a", 1, "Running", started=True)
    again = msgspec.structs.replace(
        again, metadata=msgspec.structs.replace(again.metadata, uid="uid-new")
    )
    assert states_of(decided(a_snapshot(a_plan({"name": "a"}), gone, again))) == {
        "a": states.RUNNING
    }


def test_an_attempt_does_not_end_while_it_is_being_made_anew() -> None:
    gone = msgspec.structs.replace(a_pod("a", 1, "Pending"), gone=True)
    under_way = {"creating": {"a": "run-a-1"}}
    decision = decided(a_snapshot(a_plan({"name": "a"}), gone, **under_way))
    assert states_of(decision) == {"a": states.QUEUED}
    assert decision.actions == ()


def test_a_run_ends_only_when_the_logs_of_all_failed_attempts_are_read() -> None:
    plan = a_plan({"name": "a", "retry": {"limit": 1}})
    snap = a_snapshot(plan, a_pod("a", 1, "Failed", 1), a_pod("a", 2, "Succeeded", 0))
    assert not decided(snap).status.finished
    assert [type(action) for action in decided(snap).actions] == [actions.CaptureLog]
    read = dataclasses.replace(snap, logs={"uid-a-1": snapshot.CapturedLog(b"why")})
    assert decided(read).status.finished


def test_a_finished_run_does_not_wake_for_a_time_that_is_past() -> None:
    plan = a_plan({"name": "a"}, retention={"keepPods": "None", "podTtlSecondsAfterFinished": 0})
    failed = a_pod("a", 1, "Failed", 1)
    snap = stored(a_snapshot(plan, failed, logs={"uid-a-1": snapshot.CapturedLog(b"")}), logs={})
    assert snap.status.finished
    row = snap.status.tasks[0]
    bare = msgspec.structs.replace(row.attempts[0], log=None)
    status = msgspec.structs.replace(
        snap.status, tasks=(msgspec.structs.replace(row, attempts=(bare,)),)
    )
    later = NOW + timedelta(hours=1)
    assert decided(dataclasses.replace(snap, status=status), later).wake_at is None


def test_a_task_that_does_not_wait_for_all_could_have_started_before_the_last_had_ended() -> None:
    """Seed 313: it had been created already when another one of its upstreams ended."""
    plan = a_plan(
        {"name": "a"},
        {"name": "b"},
        {"name": "c", "dependsOn": ["a", "b"], "triggerRule": "OneDone"},
    )
    at = "2026-01-01T11:30:00Z"
    late = rows.Attempt(1, states.SUCCEEDED, pod_name="x", finish_time="2026-01-01T11:45:00Z")
    status = rows.RunStatus(
        start_time="2026-01-01T11:00:00Z",
        revision="r",
        tasks=(
            rows.TaskRow("a", states.SUCCEEDED, attempt=1, attempts=(late,)),
            rows.TaskRow("b", states.SUCCEEDED, attempt=1, attempts=(late,)),
            rows.TaskRow("c", states.QUEUED),
        ),
    )
    seen = a_snapshot(plan, a_pod("c", 1, "Running", started=True), status=status)
    assert decided(seen).status.tasks[2].attempts[0].deps_met_time == at


def test_a_run_ends_although_a_pod_of_it_was_deleted_before_it_had_a_node() -> None:
    """Seed 117: there is no log to be read, and the Pod is there as long as it is waited for."""
    pod = a_pod("a", 1, "Pending")
    meta = msgspec.structs.replace(
        pod.metadata, deletion_timestamp="2026-01-01T11:40:00Z", finalizers=(pods.FINALIZER,)
    )
    held = msgspec.structs.replace(
        pod, metadata=meta, spec=pods.PodSpec(), status=pods.PodStatus("Pending")
    )
    plan = a_plan({"name": "a", "idempotent": False, "retry": {"infraLimit": 0}})
    found = decided(a_snapshot(plan, held, held=[held]))
    assert (found.status.finished, states_of(found)) == (True, {"a": states.FAILED})


@pytest.mark.parametrize(
    "first", [states.FAILED, states.RUNNING], ids=["has ended", "was lost, and is seen again"]
)
def test_a_pod_goes_that_is_there_although_a_later_attempt_is_stored(first: str) -> None:
    """By a request that was long on its way, or by a leader that did not know. Seed 103307: an
    attempt whose row was lost was never ended."""
    plan = a_plan({"name": "a", "retry": {"limit": 3}}, {"name": "b"})
    log = rows.LogTail("None")
    over = rows.Attempt(1, first, failure_class="User", pod_name="run-a-1", log=log)
    current = rows.Attempt(2, states.RUNNING, pod_name="run-a-2")
    status = rows.RunStatus(
        start_time="2026-01-01T11:00:00Z",
        revision="r",
        tasks=(
            rows.TaskRow(
                "a", states.RUNNING, attempt=2, user_failures=1, attempts=(over, current)
            ),
            rows.TaskRow("b", states.RUNNING, attempt=1),
        ),
    )
    late = a_pod("a", 1, "Running", started=True)
    seen = (late, a_pod("a", 2, "Running", started=True), a_pod("b", 1, "Running", started=True))
    found = decided(a_snapshot(plan, *seen, status=status))
    meta = late.metadata
    assert found.actions == (actions.DeletePod(meta.name, meta.uid, meta.resource_version),)
    assert states_of(found) == {"a": states.RUNNING, "b": states.RUNNING}
