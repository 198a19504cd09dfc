"""A run whose second task asks a person: its rows, the answers, and what is decided then."""

from __future__ import annotations

from kubedag.core import actions, decide_run, describe, rows, snapshot
from support.builders import a_plan, a_row, a_snapshot, a_status, at, run_facts, stamp
from support.objects import a_task


def a_question(name="ask", message="ship it?", *, after=(), **approval):
    return a_task(name, dependsOn=list(after), approval={"message": message, **approval})


PLAN = a_plan(a_task("a"), a_question(after=["a"]), a_task("b", dependsOn=["ask"]))
DONE = a_row("a", "Succeeded", attempt=1)
YES = snapshot.Answer("Approved", "alice", "looks\ngood")
NO = snapshot.Answer("Rejected", "bob")

BOUNDED = a_plan(a_question(deadlineSeconds=100))
SKIPPING = a_plan(a_question(deadlineSeconds=100, onDeadline="Skip"))


def asking(attempt=1, due=None, **fields):
    question = rows.ApprovalRow("ship it?", due and stamp(due), attempt=attempt)
    plain = {"reason": "AwaitingApproval", "message": "asks: ship it?", "attempt": attempt}
    return a_row("ask", "AwaitingApproval", approval=question, **(plain | fields))


def waiting(name="b"):
    return a_row(name, "Waiting", reason="Upstream", message="waits for 1 upstream")


def with_answers(**answers):
    """`ask1=YES`: what is answered to the first asking of the task `ask`."""
    return {"answers": {(key[:-1], int(key[-1])): answer for key, answer in answers.items()}}


def decide(*tasks, of=PLAN, now=20, answers=None, pods=(), **facts):
    run = run_facts(**facts, **with_answers(**(answers or {})))
    status = a_status(*tasks, counts=describe.count(tasks)) if tasks else None
    return decide_run.decide(a_snapshot(of, *pods, status=status, run=run), at(now))


def row_of(decision, name="ask"):
    return next(row for row in decision.status.tasks if row.name == name)


def started(decision):
    return [a.task_index for a in decision.actions if isinstance(a, actions.CreatePod)]
