"""What is left to decide about a run that has finished."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from kubedag.core import actions, decide_run, rows, snapshot
from support.builders import (
    PROGRAM_FAILED,
    a_chain,
    a_finished_status,
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

ONE = a_plan(a_task("a"))


def decide(snap, now=20):
    return decide_run.decide(snap, at(now))


NEWER = snapshot.Peer("z", ("2099", "2099", "z"))


def test_a_run_that_has_finished_stays_as_it_is():
    status = a_finished_status(a_row(state="Succeeded"))
    snap = a_snapshot(ONE, status=status, suspend=True, dag=None, peers=(NEWER,))
    found = decide(snap)
    assert found == actions.RunDecision(msgspec.structs.replace(status, observed_generation=1))


SUCCEEDED, FAILED = a_pod("a", phase="Succeeded"), a_pod("b", phase="Failed", exit_code=1)


@pytest.mark.parametrize(
    ("keep", "now", "phases", "wake"),
    [
        ("None", 149, [], 150),
        ("None", 150, ["Succeeded", "Failed"], None),
        ("Failed", 149, [], 150),
        ("Failed", 150, ["Succeeded"], 170),
        ("Failed", 170, ["Succeeded", "Failed"], None),
        ("All", 150, [], 170),
        ("All", 170, ["Succeeded", "Failed"], None),
    ],
)
def test_pods_go_some_time_after_their_run_and_those_to_be_kept_later(keep, now, phases, wake):
    kept = {
        "keepPods": keep,
        "podTtlSecondsAfterFinished": 50,
        "keptPodTtlSecondsAfterFinished": 70,
    }
    plan = a_plan(a_task("a"), a_task("b"), retention=kept)
    log = rows.LogTail("PodLog")
    failed = a_row("b", "Failed", attempts=(an_attempt(1, "Failed", task="b", log=log),))
    status = a_finished_status(a_row("a", "Succeeded"), failed, completed=100, succeeded=False)
    found = decide(a_snapshot(plan, SUCCEEDED, FAILED, status=status), now)
    assert found.actions == tuple(actions.DeletePods("uid-run", phase) for phase in phases)
    assert found.wake_at == (None if wake is None else at(wake))


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Succeeded", gone=True),
        a_pod(phase="Succeeded", deleted=120),
    ],
    ids=["gone", "on its way out"],
)
def test_pods_that_go_already_are_not_deleted_again(pod):
    status = a_finished_status(a_row(state="Succeeded"))
    assert decide(a_snapshot(ONE, pod, status=status), now=10_000_000).actions == ()


@pytest.mark.parametrize("has_plan", [True, False])
def test_a_pod_that_lives_on_after_its_run_is_ended(has_plan):
    pod = a_pod(phase="Running")
    status = a_finished_status(a_row(state="Skipped"), succeeded=False)
    found = decide(a_snapshot(ONE if has_plan else None, pod, status=status))
    meta = pod.metadata
    assert found.actions == (actions.DeletePod(meta.name, meta.uid, meta.resource_version),)


def test_a_late_log_is_still_taken_in():
    pod = a_pod(**PROGRAM_FAILED)
    status = a_finished_status(
        a_row(state="Failed", attempts=(an_attempt(1, "Failed"),)), succeeded=False
    )
    snap = a_snapshot(ONE, pod, status=status)
    asks = decide(snap, now=10_000_000)
    assert [type(action) for action in asks.actions] == [actions.CaptureLog]
    assert asks.wake_at is None
    read = decide(replace(snap, logs={pod.metadata.uid: snapshot.CapturedLog(b"why")}))
    assert read.status.tasks[0].attempts[0].log == rows.LogTail("PodLog", "why")


def test_a_run_whose_revision_is_gone_leaves_no_task_that_seems_to_go_on():
    running = a_row("a", "Running", attempt=1, attempts=(an_attempt(),))
    status = a_status(running, a_row("b"), a_row("c", "Succeeded", attempt=1))
    found = decide(a_snapshot(plan_revision="gone", lost_revision="gone", status=status)).status
    assert [row.state for row in found.tasks] == ["Failed", "Skipped", "Succeeded"]
    assert found.counts == rows.Counts(total=3, failed=1, skipped=1, succeeded=1)
    assert (found.finished, found.duration) == (True, "20s")


def test_what_keeps_the_api_from_taking_a_pod_is_said_of_the_run():
    refusal = snapshot.Refusal(
        attempt=1,
        reason="WaitingForQuota",
        message="exceeded quota: q",
        time=stamp(20),
        transient=True,
        retry_time=stamp(60),
    )
    found = decide(a_snapshot(a_chain("a"), refusals={"a": refusal})).status
    condition = found.condition(rows.SUCCEEDED_CONDITION)
    assert condition is not None
    assert (
        condition.message
        == "0 active, 0 of 1 done; a waits: exceeded quota: q (since 2026-01-01 00:00:20 UTC)"
    )


def test_the_pods_of_a_run_whose_rows_are_no_longer_known_go_all_the_same():
    status = a_finished_status(completed=100)
    found = decide(a_snapshot(ONE, SUCCEEDED, status=status), now=10_000_000)
    assert found.actions == (actions.DeletePods("uid-run", "Succeeded"),)
    assert found.status.tasks == ()
