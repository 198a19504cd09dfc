"""What a run that goes on says of itself."""

from __future__ import annotations

import pytest

from kubedag.core import describe, rows
from support.builders import a_plan, a_row, a_snapshot, a_status, at
from support.objects import a_task

NO_ROOM = "cluster has no room: 0/3 nodes are available: 3 Insufficient memory"
PLAN = a_plan(*(a_task(name) for name in "abc"))


def said(*tasks, stop="", **fields):
    snap = a_snapshot(PLAN, **fields)
    found = describe.described(snap, a_status(), PLAN, tuple(tasks), at(9), stop)
    return found.condition(rows.SUCCEEDED_CONDITION).message


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        pytest.param(
            [a_row("a", "Running"), a_row("b", "Pending", reason="Starting"), a_row("c")],
            "2 active, 0 of 3 done", id="all is well",
        ),
        pytest.param(
            [a_row("a", "Succeeded"), a_row("b", "Pending", reason="Unschedulable", message=NO_ROOM),
             a_row("c")],
            f"1 active, 1 of 3 done; b waits: {NO_ROOM}", id="one does not get on",
        ),
        pytest.param(
            [a_row(name, "Queued", reason="WaitingForQuota", message="quota") for name in "abc"],
            "0 active, 0 of 3 done; a waits: quota (and 2 more)", id="none does",
        ),
        pytest.param(
            [a_row("a", "Failed", reason="ImagePullBackOff", message="no"), a_row("b"), a_row("c")],
            "0 active, 1 of 3 done, 1 failed (a)", id="it waits no more",
        ),
        pytest.param(
            [a_row("a", "Failed", reason="ExitCode"), a_row("b", "Pending", reason="Unschedulable",
             message=NO_ROOM), a_row("c", "Failed")],
            f"1 active, 2 of 3 done, 2 failed (a, c); b waits: {NO_ROOM}", id="failures come first",
        ),
        pytest.param(
            [a_row(name, "Failed") for name in "abcde"] + [a_row("f", "Running")],
            "1 active, 5 of 6 done, 5 failed (a, b, c …)", id="of many failures some are named",
        ),
        pytest.param(
            [a_row("a", "UpstreamFailed"), a_row("b", "Skipped"), a_row("c", "Running")],
            "1 active, 2 of 3 done", id="what was not tried has not failed",
        ),
        pytest.param(
            [a_row("a", "Pending", reason="SchedulingGated",
                   message="waits for its scheduling gate g to be removed"), a_row("b"), a_row("c")],
            "1 active, 0 of 3 done; a waits for its scheduling gate g to be removed",
            id="a wait is said once",
        ),
        pytest.param(
            [a_row("a", "Running", reason="NodeUnreachable", message="n" * 999), a_row("b"),
             a_row("c")],
            "1 active, 0 of 3 done; a waits: " + "n" * 288 + "…", id="it says too much",
        ),
        *(
            pytest.param(
                [a_row("a", "Queued", reason=reason, message="pool: is not as it should be"),
                 a_row("b", "Running"), a_row("c")],
                "1 active, 0 of 3 done; a waits: pool: is not as it should be", id=reason,
            )
            for reason in ("PoolNotFound", "PoolNotShared", "PoolTooSmall", "PoolPaused")
        ),
        pytest.param(
            [a_row("a", "Queued", reason="PoolFull", message="waits for a slot"),
             a_row("b", "Running"), a_row("c")],
            "1 active, 0 of 3 done", id="it waits for its turn",
        ),
    ],
)  # fmt: skip
def test_a_run_says_what_keeps_its_tasks_from_going_on(tasks, expected):
    assert said(*tasks) == expected


@pytest.mark.parametrize(
    ("running", "stopped", "suspended"),
    [
        (0, "0 Pods are still to end", "0 tasks go on to their end"),
        (1, "1 Pod is still to end", "1 task goes on to its end"),
        (2, "2 Pods are still to end", "2 tasks go on to their end"),
    ],
)
def test_a_run_that_is_held_or_stopped_counts_what_goes_on(running, stopped, suspended):
    tasks = [a_row(name, "Running") for name in "abc"[:running]]
    tasks += [a_row(name) for name in "abc"[running:]]
    assert said(*tasks, stop="RunStopped") == f"somebody stopped the run; {stopped}"
    assert said(*tasks, suspend=True) == f"spec.suspend is true; {suspended}"
