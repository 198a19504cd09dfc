"""Tasks that ask a person: when they ask, what counts as an answer, and until when."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import advance, decide_run, rerun, rows, snapshot
from support.approvals import (
    BOUNDED,
    DONE,
    NO,
    PLAN,
    SKIPPING,
    YES,
    a_question,
    asking,
    decide,
    row_of,
    started,
    waiting,
)
from support.builders import (
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

replace = msgspec.structs.replace


# --- Asking ----------------------------------------------------------------------------------


def test_a_task_asks_once_its_upstreams_are_done_and_has_no_pod():
    found = decide(pods=[a_pod("a", phase="Succeeded")])
    assert row_of(found) == asking()
    assert row_of(found, "b") == waiting()
    assert (started(found), found.urgent, found.wake_at) == ([], True, None)


def test_a_task_does_not_ask_before_its_turn():
    found = decide(pods=[a_pod("a", phase="Running")])
    assert row_of(found) == waiting("ask")


def test_the_end_of_asking_is_recorded_when_it_is_asked():
    of = a_plan(a_question(deadlineSeconds=100))
    found = decide(of=of)
    assert row_of(found).approval.due_time == stamp(120)
    assert found.wake_at == at(121)  # the fraction of a second that the stamp was cut by


def test_a_long_question_is_cut_off_where_a_row_has_no_room_for_it():
    (row,) = decide(of=a_plan(a_question(message="why\n" + "x" * 4000))).status.tasks
    assert row.message == "asks: why " + "x" * 195 + "…"
    assert len(row.approval.message) == rows.MESSAGE_CHARS_MAX


def test_a_question_takes_no_place_of_max_active_tasks():
    of = a_plan(a_question(), a_task("b"), maxActiveTasks=1)
    found = decide(of=of)
    assert (row_of(found).state, started(found)) == ("AwaitingApproval", [1])


def test_whatever_rule_a_question_has_it_asks_when_that_rule_lets_it():
    of = a_plan(a_task("a"), a_question(after=["a"]) | {"triggerRule": "AllFailed"})
    found = decide(of=of, pods=[a_pod("a", phase="Succeeded")])
    assert (row_of(found).state, row_of(found).reason) == ("Skipped", "TriggerRule")


# --- Answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "state", "reason", "message"),
    [
        pytest.param(YES, "Succeeded", "Approved", "approved by alice: looks good", id="approved"),
        pytest.param(NO, "Failed", "Rejected", "rejected by bob", id="rejected"),
        pytest.param(
            snapshot.Answer("Approved"), "Succeeded", "Approved", "approved", id="by-nobody"
        ),
    ],
)
def test_an_answer_decides_and_is_recorded(answer, state, reason, message):
    found = decide(DONE, asking(), waiting(), answers={"ask1": answer}, now=50)
    row = row_of(found)
    assert (row.state, row.reason, row.message) == (state, reason, message)
    assert row.approval == rows.ApprovalRow(
        "ship it?", None, answer.decision, answer.by, answer.comment, stamp(50), 1
    )
    assert found.urgent


def test_what_waits_for_an_approval_starts_in_the_same_step():
    found = decide(DONE, asking(), waiting(), answers={"ask1": YES})
    assert started(found) == [2]


def test_a_rejection_is_not_retried_and_fails_the_run():
    of = a_plan(a_question(), taskDefaults={"image": "i", "retry": {"limit": 5}})
    found = decide(asking(), of=of, answers={"ask1": NO})
    assert found.status.condition("Succeeded").status == "False"
    assert found.status.condition("Succeeded").message == (
        "1 of 1 tasks failed: ask (rejected by bob)"
    )


def test_an_answer_may_come_before_the_question():
    found = decide(answers={"ask1": YES}, pods=[a_pod("a", phase="Succeeded")])
    assert (row_of(found).state, started(found)) == ("Succeeded", [2])


@pytest.mark.parametrize("key", ["ask2", "b1"], ids=["another-asking", "another-task"])
def test_an_answer_to_something_else_is_none(key):
    tasks = (DONE, asking(), waiting())
    assert decide(*tasks, answers={key: YES}).status.tasks == tasks


def test_whoever_depended_on_an_answer_was_held_back_until_it_was_given():
    row = replace(
        asking(),
        state="Succeeded",
        reason="Approved",
        approval=rows.ApprovalRow("m", None, "Approved", "alice", "", stamp(50), 1),
    )
    found = decide(DONE, row, waiting(), pods=[a_pod("b", created=55)], now=60)
    assert row_of(found, "b").attempts[0].deps_met_time == stamp(50)


# --- Deadlines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "state"),
    [pytest.param(BOUNDED, "Failed", id="fail"), pytest.param(SKIPPING, "Skipped", id="skip")],
)
def test_nobody_answered_in_time(of, state):
    row = row_of(decide(asking(due=120), of=of, now=121))
    assert (row.state, row.reason) == (state, "ApprovalTimedOut")
    assert row.message == "nobody answered until 2026-01-01 00:02:00 UTC"
    assert row.approval == asking(due=120).approval


def test_nothing_follows_from_a_deadline_before_it_is_stored():
    of = a_plan(
        a_question(deadlineSeconds=100),
        a_task("b", dependsOn=["ask"], triggerRule="AllFailed"),
    )
    first = decide(asking(due=50), waiting(), of=of, now=51)
    assert (row_of(first).state, row_of(first, "b"), started(first)) == ("Failed", waiting(), [])
    assert started(decide(*first.status.tasks, of=of, now=51)) == [1]


def test_only_the_recorded_time_counts_so_a_restart_changes_nothing():
    found = decide(asking(due=50), of=BOUNDED, now=40)
    assert (found.wake_at, row_of(found)) == (at(51), asking(due=50))


def test_an_answer_that_is_seen_late_still_counts():
    found = decide(asking(due=50), of=BOUNDED, now=500, answers={"ask1": YES})
    assert row_of(found).state == "Succeeded"


def test_a_deadline_that_was_stored_is_not_taken_back():
    late = replace(asking(due=50), state="Failed", reason="ApprovalTimedOut")
    found = decide(late, of=BOUNDED, answers={"ask1": YES})
    assert row_of(found) == late


def test_a_run_that_only_waits_for_an_answer_costs_nothing():
    tasks = (DONE, asking(due=1000), waiting())
    first = decide(*tasks)
    again = decide_run.decide(a_snapshot(PLAN, status=first.status, run=run_facts()), at(500))
    assert (again.status, again.actions, again.wake_at) == (first.status, (), at(1001))
    assert not again.urgent


# --- Held, ended, and again ------------------------------------------------------------------


def test_a_suspended_run_asks_nothing_new():
    found = decide(pods=[a_pod("a", phase="Succeeded")], suspend=True)
    assert (row_of(found).state, row_of(found).reason) == ("Queued", "Suspended")
    resumed = decide(*found.status.tasks, pods=[a_pod("a", phase="Succeeded")])
    assert row_of(resumed) == asking()


def test_what_was_asked_can_be_answered_while_the_run_is_suspended():
    found = decide(DONE, asking(), waiting(), answers={"ask1": YES}, suspend=True)
    assert (row_of(found).state, row_of(found, "b").reason) == ("Succeeded", "Suspended")


def test_time_goes_on_while_the_run_is_suspended():
    found = decide(asking(due=50), of=BOUNDED, suspend=True)
    assert found.wake_at == at(51)


@pytest.mark.parametrize(
    ("row", "attempt"),
    [pytest.param(asking(), 1, id="asked"), pytest.param(waiting("ask"), 0, id="not-asked-yet")],
)
def test_a_run_that_has_to_end_asks_nobody(row, attempt):
    status = a_status(DONE, row, waiting())
    found = advance.advance(a_snapshot(PLAN, status=status), PLAN, at(20), "RunTimedOut")
    kept = found.tasks[1]
    assert (kept.state, kept.reason, kept.attempt) == ("Skipped", "RunTimedOut", attempt)


def test_a_question_that_is_marked_is_settled_and_asks_anew_when_it_runs_again():
    marks = {"ask": snapshot.MarkRequest("1", "Failed", "bob")}
    found = decide(DONE, asking(), waiting(), marks=marks)
    row = row_of(found)
    assert (row.state, row.reason, row.attempt) == ("Failed", "Marked", 1)
    late = decide(*found.status.tasks, marks=marks, answers={"ask1": YES})
    assert (row_of(late), started(late)) == (row, [])
    assert rerun.reset(row, "ask", (), stamp(0)).earlier_attempts == 1


@pytest.mark.parametrize("how", ["Stop", "Terminate"])
def test_a_run_that_somebody_ends_asks_nobody_any_more(how):
    row = row_of(decide(DONE, asking(), waiting(), shutdown=how, answers={}))
    assert (row.state, row.attempt, row.approval.decision) == ("Skipped", 1, "")


def test_a_task_that_runs_again_asks_again_and_old_answers_do_not_count():
    again = rerun.reset(replace(asking(), state="Failed"), "ask", (), stamp(0))
    found = decide(DONE, again, waiting(), answers={"ask1": NO})
    assert row_of(found) == asking(attempt=2, earlier_attempts=1)
    answered = decide(*found.status.tasks, answers={"ask1": NO, "ask2": YES})
    assert row_of(answered).state == "Succeeded"
    assert answered.status.retries == 0


def test_a_rerun_of_what_failed_leaves_alone_what_the_deadline_skipped():
    skipped = a_row("ask", "Skipped", reason="ApprovalTimedOut", attempt=1)
    wish = snapshot.RerunRequest("1")
    assert rerun.chosen(SKIPPING, a_finished_status(skipped), wish) == frozenset()


def test_a_question_that_a_mark_lets_be_asked_again_has_another_number():
    """What was answered to the first one, whose run was ended, is no answer to the second."""
    plan = a_plan(
        a_task("a"),
        a_task("b"),
        a_task(
            "ask", image=None, dependsOn=["a", "b"], triggerRule="OneSucceeded",
            approval={"message": "Shall we?"},
        ),
        failFast=True,
    )  # fmt: skip
    asked = rows.ApprovalRow("Shall we?", attempt=1)
    ended = a_finished_status(
        a_row("a", "Succeeded", attempt=1),
        a_row("b", "Failed", attempt=1, reason="ExitCode"),
        a_row("ask", "Skipped", reason="RunFailedFast", attempt=1, approval=asked),
        succeeded=False,
    )
    run = run_facts(marks={"b": snapshot.MarkRequest("1", "Succeeded")}, answers={("ask", 1): NO})
    found = decide_run.decide(a_snapshot(plan, status=ended, run=run), at(200)).status
    row = found.tasks[2]
    assert (row.state, row.attempt, row.approval.attempt) == ("AwaitingApproval", 2, 2)
    assert not found.finished
