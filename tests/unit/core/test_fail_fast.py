"""Which failure ends the other tasks of a run that asks for it, and which does not."""

from __future__ import annotations

import pytest

from kubedag.core import rows, snapshot
from support.builders import PROGRAM_FAILED, a_plan, a_pod, a_row, a_status, stamp
from support.objects import a_task
from support.shutdowns import UP, asked, created, decide, said, says, stored, word

HASTY = a_plan(
    a_task("a"),
    a_task("b"),
    a_task("c", dependsOn=["a"], triggerRule="AllFailed"),
    failFast=True,
    **{"finally": [a_task("tidy")]},
)
FAILED = a_pod("a", **PROGRAM_FAILED)


def test_the_first_failure_ends_the_others():
    found = decide(asked("", FAILED, a_pod("b", phase="Running"), of=HASTY))
    assert said(found) == {
        "a": ("Failed", "ExitCode"),
        "b": ("Terminating", "RunFailedFast"),
        "c": ("Skipped", "RunFailedFast"),
        "tidy": ("Waiting", "Upstream"),
    }
    assert word(found) == ("Unknown", "FailedFast")
    snap = asked("", FAILED, a_pod("b", phase="Running"), of=HASTY)
    assert decide(stored(snap, found, FAILED, a_pod("b", phase="Running"))).status == found.status


def test_then_the_run_has_failed_for_that():
    ends = [a_row("a", "Failed", reason="ExitCode"), a_row("b", "Failed"), a_row("c", "Skipped")]
    condition = rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, "FailedFast")
    status = a_status(*ends, a_row("tidy", "Succeeded"), conditions=(condition,))
    found = decide(asked("", status=status, of=HASTY))
    assert (word(found), says(found)) == (
        ("False", "Failed"),
        "2 of 4 tasks failed: a (ExitCode), b",
    )


@pytest.mark.parametrize(
    ("of", "pods"),
    [
        pytest.param(
            a_plan(a_task("a", retry={"limit": 1}), a_task("b"), failFast=True),
            [FAILED],
            id="it may be tried again",
        ),
        pytest.param(
            a_plan(a_task("up"), a_task("a", dependsOn=["up"], teardownOf=["up"]), a_task("b"),
                   failFast=True),
            [UP, FAILED],
            id="it is a teardown",
        ),
        pytest.param(a_plan(a_task("a"), a_task("b")), [FAILED], id="nobody asks for it"),
    ],
)  # fmt: skip
def test_other_failures_end_nothing(of, pods):
    found = decide(asked("", *pods, a_pod("b", phase="Running"), of=of))
    assert (word(found)[1], said(found)["b"][0]) == ("Running", "Running")


REJECTED = {("ask", 1): snapshot.Answer("Rejected")}
OVERDUE = a_row("ask", "AwaitingApproval", attempt=1,
                approval=rows.ApprovalRow("May I?", stamp(10), attempt=1))  # fmt: skip


@pytest.mark.parametrize(
    ("row", "answers", "reason"),
    [
        pytest.param(OVERDUE, {}, "ApprovalTimedOut", id="nobody answered in time"),
        pytest.param(a_row("ask", "Waiting"), REJECTED, "Rejected", id="answered when it asks"),
    ],
)
def test_what_nobody_approved_of_ends_the_others_and_is_told(row, answers, reason):
    plan = a_plan(
        a_task("ask", image=None, approval={"message": "May I?", "deadlineSeconds": 5}),
        a_task("b"),
        failFast=True,
    )
    snap = asked(
        "", of=plan, status=a_status(row, a_row("b", "Waiting")), says={"answers": answers}
    )
    found = decide(snap)
    assert created(found, plan) == []
    assert said(found) == {"ask": ("Failed", reason), "b": ("Skipped", "RunFailedFast")}
    assert word(found) == ("False", "Failed")


def test_a_failure_with_nothing_left_to_end_is_an_ordinary_one():
    pods = [FAILED, a_pod("b", phase="Succeeded"), a_pod("c", phase="Succeeded")]
    found = decide(asked("", *pods, of=HASTY))
    assert (word(found)[1], created(found, HASTY)) == ("Running", ["tidy"])
