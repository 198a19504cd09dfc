"""Tasks that ask a person: when they ask, what an answer makes of them, and until when (ADR 20).

A question has no Pod, so all there is of it is its row, and the answers in the run's spec. Each time
of asking has a number, as attempts have, and an answer is for one of them: what was answered before
a task runs again is no answer to what it asks then. That an answer is from who may give it is for
the API server to see to, before it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import Decision, OnDeadline
from kubedag.core import actions, instants, reasons_elsewhere, rows, states, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedag.core import plan as plans
    from kubedag.core import snapshot as snapshots
    from kubedag.core.step import Step

replace = msgspec.structs.replace

AWAITING: Final = reasons_elsewhere.AWAITING_APPROVAL.name
APPROVED: Final = reasons_elsewhere.APPROVED.name
REJECTED: Final = reasons_elsewhere.REJECTED.name
TIMED_OUT: Final = reasons_elsewhere.APPROVAL_TIMED_OUT.name

_QUESTION_CHARS_MAX: Final = 200
"""As much of a question as a line has room for; the whole stands in the row's `approval`."""


# --- Rows ------------------------------------------------------------------------------------


def asked(step: Step, task: plans.TaskPlan, row: rows.TaskRow) -> rows.TaskRow:
    """The row of a task whose turn has come: it asks, unless its run is held or is to end."""
    assert task.approval is not None
    if step.stop_reason:
        return row
    if step.snap.run.suspend:
        suspended = reasons_elsewhere.SUSPENDED.name
        return rows.unbegun(row, states.QUEUED, suspended, "the run is suspended")
    number, due = row.attempt + 1, None
    if task.approval.deadline_seconds is not None:
        due = instants.text(instants.after(step.stamp, task.approval.deadline_seconds))
    asks = replace(
        row,
        state=states.AWAITING_APPROVAL,
        reason=AWAITING,
        message="asks: " + words.one_line(task.approval.message, _QUESTION_CHARS_MAX),
        attempt=number,
        approval=rows.ApprovalRow(rows.clip(task.approval.message), due, attempt=number),
    )
    return heard(step, task, asks)


def heard(step: Step, task: plans.TaskPlan, row: rows.TaskRow) -> rows.TaskRow:
    """The row of a task that asks, with the answer if there is one.

    An answer counts however late it is seen, as long as it is not stored that none came: an
    operator that was away must not turn an approval into a failure.
    """
    question = row.approval or rows.ApprovalRow(attempt=row.attempt)
    answer = step.snap.run.answers.get((row.name, question.attempt))
    if answer is not None:
        return _answered(row, question, answer, step.stamp)
    if question.due_time is None:
        return row
    due = instants.deadline(question.due_time, 0)
    if step.now < due:
        step.wakes.append(due)
    else:
        step.overdue.append(task.index)
    return row


def expire(step: Step) -> None:
    """Mark what nobody has answered in time; what depends on it follows once that is stored.

    Until then an answer can still come, and nothing may have started for want of it.
    """
    for index in step.overdue:
        row, question = step.tasks[index], step.tasks[index].approval
        approval = step.plan.tasks[index].approval
        if row.state != states.AWAITING_APPROVAL or question is None or approval is None:
            continue
        skips = approval.on_deadline == OnDeadline.SKIP
        step.tasks[index] = replace(
            row,
            state=states.SKIPPED if skips else states.FAILED,
            reason=TIMED_OUT,
            message=f"nobody answered until {words.clock_time(question.due_time or '')}",
        )


def _answered(
    row: rows.TaskRow, question: rows.ApprovalRow, answer: snapshots.Answer, stamp: str
) -> rows.TaskRow:
    approved = answer.decision == Decision.APPROVED
    return replace(
        row,
        state=states.SUCCEEDED if approved else states.FAILED,
        reason=APPROVED if approved else REJECTED,
        message=_who_and_why("approved" if approved else "rejected", answer),
        approval=replace(
            question,
            decision=answer.decision,
            by=answer.by,
            comment=answer.comment,
            decision_time=stamp,
        ),
    )


def _who_and_why(done: str, answer: snapshots.Answer) -> str:
    by = f" by {answer.by}" if answer.by else ""
    why = f": {words.one_line(answer.comment)}" if answer.comment else ""
    return rows.clip(f"{done}{by}{why}")


def ended(row: rows.TaskRow) -> str | None:
    """When the question was answered, or could no longer be; None if neither is so."""
    question = row.approval
    if question is None:
        return None
    return question.due_time if row.reason == TIMED_OUT else question.decision_time


# --- Words -----------------------------------------------------------------------------------


def run_reason(counts: rows.Counts) -> str:
    """Whether a run that goes on does so by itself, or only once a person has answered."""
    goes_on = counts.queued + counts.pending + counts.running + counts.terminating
    if counts.awaiting_approval and not goes_on + counts.awaiting_retry:
        return AWAITING
    return reasons_elsewhere.RUNNING.name


def open_questions(counts: rows.Counts, tasks: Sequence[rows.TaskRow]) -> str:
    """What a run says of the questions that nobody has answered yet; the first of them in words."""
    if not counts.awaiting_approval:
        return ""
    row = next(row for row in tasks if row.state == states.AWAITING_APPROVAL)
    others = counts.awaiting_approval - 1
    return f"; {row.name} {row.message or 'asks'}" + (f" (and {others} more)" if others else "")


def told(was: rows.TaskRow | None, row: rows.TaskRow) -> actions.Note | None:
    """The Event about a question: that it is asked, or what became of it, by whom and why."""
    if was is not None and (was.state, was.attempt) == (row.state, row.attempt):
        return None
    question = row.approval
    if row.state == states.AWAITING_APPROVAL and question is not None:
        until = f" (until {words.clock_time(question.due_time)})" if question.due_time else ""
        said = f"task {row.name}, attempt {row.attempt}, {row.message or 'asks'}{until}"
        return actions.Note("Normal", "ApprovalWanted", said)
    if row.state not in states.TERMINAL or row.reason not in (APPROVED, REJECTED, TIMED_OUT):
        return None
    kind = "Warning" if row.state == states.FAILED else "Normal"
    return actions.Note(kind, row.reason, f"task {row.name}: {row.message}")
