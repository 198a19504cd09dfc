"""What is said of tasks that ask a person: by the run, in events, and where there is little room."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import fit, notes, rows
from support.approvals import DONE, PLAN, a_question, asking, decide, waiting
from support.builders import a_plan, a_row, a_snapshot, a_status, stamp
from support.objects import a_task

replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("tasks", "reason", "message"),
    [
        pytest.param(
            (DONE, asking(), waiting()),
            "AwaitingApproval",
            "0 active, 1 of 3 done; ask asks: ship it?",
            id="waits-for-a-person",
        ),
        pytest.param(
            (a_row("a", "AwaitingRetry", attempt=1, next_attempt_time=stamp(900)), asking()),
            "Running",
            "0 active, 0 of 2 done; ask asks: ship it?",
            id="goes-on-by-itself",
        ),
        pytest.param(
            (asking(), replace(asking(), name="also")),
            "AwaitingApproval",
            "0 active, 0 of 2 done; ask asks: ship it? (and 1 more)",
            id="two-questions",
        ),
    ],
)
def test_a_run_says_whom_it_waits_for(tasks, reason, message):
    of = a_plan(*(
        a_question(row.name) if row.approval else a_task(row.name) for row in tasks[:2]
    ), *([a_task("b", dependsOn=["ask"])] if len(tasks) == 3 else []))  # fmt: skip
    said = decide(*tasks, of=of).status.condition("Succeeded")
    assert (said.status, said.reason, said.message) == ("Unknown", reason, message)


def test_questions_are_counted():
    counts = decide(DONE, asking(), waiting()).status.counts
    assert (counts.awaiting_approval, counts.waiting, counts.succeeded) == (1, 1, 1)


ANSWERED = replace(asking(), state="Succeeded", reason="Approved", message="approved by alice")


@pytest.mark.parametrize(
    ("was", "row", "expected"),
    [
        pytest.param(
            waiting("ask"),
            asking(due=60),
            ("Normal", "ApprovalWanted",
             "task ask, attempt 1, asks: ship it? (until 2026-01-01 00:01:00 UTC)"),
            id="asked",
        ),
        pytest.param(
            asking(),
            ANSWERED,
            ("Normal", "Approved", "task ask: approved by alice"),
            id="approved",
        ),
        pytest.param(
            waiting("ask"),
            ANSWERED,
            ("Normal", "Approved", "task ask: approved by alice"),
            id="approved-beforehand",
        ),
        pytest.param(
            asking(),
            replace(asking(), state="Failed", reason="Rejected", message="rejected by bob: no"),
            ("Warning", "Rejected", "task ask: rejected by bob: no"),
            id="rejected",
        ),
        pytest.param(
            asking(),
            replace(asking(), state="Failed", reason="ApprovalTimedOut", message="nobody"),
            ("Warning", "ApprovalTimedOut", "task ask: nobody"),
            id="too-late",
        ),
        pytest.param(
            asking(),
            replace(asking(), state="Skipped", reason="ApprovalTimedOut", message="nobody"),
            ("Normal", "ApprovalTimedOut", "task ask: nobody"),
            id="too-late-and-skipped",
        ),
    ],
)  # fmt: skip
def test_what_becomes_of_a_question_is_told_once(was, row, expected):
    found = notes.of_run(a_status(was), a_status(row))
    assert [(note.type, note.reason, note.message) for note in found] == [expected]
    assert notes.of_run(a_status(row), a_status(replace(row, message="other"))) == ()


def test_a_question_is_shortened_last_of_all_that_a_decision_needs():
    large = replace(
        asking(due=50),
        approval=rows.ApprovalRow("x" * 1024, stamp(50), "Approved", "a", "y" * 1024, stamp(1), 1),
    )
    (row,) = fit.fit(a_status(large), a_snapshot(PLAN, slice_bytes_max=600), stamp(60)).tasks
    kept = row.approval
    assert (len(kept.message), len(kept.comment)) == (100, 100)
    assert (kept.due_time, kept.attempt, kept.decision) == (stamp(50), 1, "Approved")
