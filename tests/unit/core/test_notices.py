"""What people are told of a run: once stored, and until it is delivered."""

import msgspec
import pytest

from kubedag.core import actions, audience, decide_run, notices, outbox, rows
from support.builders import (
    a_plan,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    run_facts,
    stamp,
)

replace = msgspec.structs.replace
EVERYTHING = frozenset(
    {"RunFailed", "RunRecovered", "RunSucceeded", "TaskFailed", "RunLate", "ApprovalWanted"}
)


def a_notice(name="team", *on):
    return audience.Notice(name, frozenset(on) or EVERYTHING, receiver="chat")


def an_audience(*found, **fields):
    return audience.Audience(notices=found or (a_notice(),), complete=True, **fields)


def failed(name="a", attempt=1, **fields):
    log = rows.LogTail("PodLog", fields.pop("tail", "one\ntwo"))
    one = an_attempt(attempt, "Failed", finish_time=stamp(9), log=log, failure_class="User")
    said = {"reason": "ExitCode", "message": "exit code 1", "attempt": attempt, **fields}
    return a_row(name, "Failed", **{"attempts": (one,), **said})


def ended(*tasks, state="Failed", completed=60, **fields):
    status = a_status(*tasks, **fields)
    succeeded = rows.Condition(
        "Succeeded", "True" if state == "Succeeded" else "False", state, "because", stamp(60)
    )
    finished = rows.Condition("Finished", "True", state, "because", stamp(60))
    return replace(status, conditions=(succeeded, finished), completion_time=stamp(completed))


def is_late(status):
    late = rows.Condition("Late", "True", "Late", "it takes too long", stamp(5))
    return replace(status, conditions=(*status.conditions, late))


RUNNING = a_status(a_row("a", "Running", attempt=1))
AGAIN = rows.Rerun("1", 2, stamp(1), 1, "Failed")
UNKNOWN = replace(AGAIN, after="")


@pytest.mark.parametrize(
    ("old", "new", "failed_before", "expected"),
    [
        (RUNNING, RUNNING, False, []),
        (RUNNING, ended(a_row("a", "Succeeded"), state="Succeeded"), False, ["RunSucceeded/0"]),
        (RUNNING, ended(a_row("a", "Succeeded"), state="Succeeded"), True, ["RunRecovered/0"]),
        (
            replace(RUNNING, rerun=AGAIN),
            ended(a_row("a", "Succeeded"), state="Succeeded", rerun=AGAIN),
            False,
            ["RunRecovered/2"],
        ),
        (
            replace(RUNNING, rerun=UNKNOWN),
            ended(a_row("a", "Succeeded"), state="Succeeded", rerun=UNKNOWN),
            False,
            ["RunSucceeded/2"],
        ),
        (RUNNING, ended(failed()), False, ["TaskFailed/a/1", "RunFailed/0"]),
        (a_status(failed()), ended(failed()), False, ["RunFailed/0"]),
        (ended(failed()), ended(failed()), True, []),
        (RUNNING, ended(state="Replaced"), False, []),
        (RUNNING, ended(state="Stopped"), False, []),
        (RUNNING, ended(state="MarkedSucceeded"), True, []),
        (RUNNING, ended(state="MarkedFailed"), True, []),
        (RUNNING, a_status(failed(reason="RunStopped")), False, []),
        (RUNNING, a_status(failed(reason="Marked")), False, []),
        (RUNNING, ended(state="TimedOut"), False, ["RunFailed/0"]),
        (rows.RunStatus(), ended(state="DAGNotFound"), False, ["RunFailed/0"]),
        (RUNNING, is_late(RUNNING), False, ["RunLate/0"]),
        (is_late(RUNNING), is_late(RUNNING), False, []),
        (RUNNING, a_status(failed(attempts=())), False, ["TaskFailed/a/1"]),
        (
            RUNNING,
            a_status(a_row("a", "AwaitingApproval", attempt=2)),
            False,
            ["ApprovalWanted/a/2"],
        ),
        (
            a_status(a_row("a", "AwaitingApproval", attempt=2)),
            a_status(a_row("a", "AwaitingApproval", attempt=2, message="x")),
            False,
            [],
        ),
    ],
    ids=[
        "nothing", "success", "success after a failure", "success of a rerun",
        "success of a rerun after who knows what", "failure",
        "failure whose task was told", "told before", "replaced", "stopped", "marked as well",
        "marked as failed", "ended with its run",
        "marked task", "timed out",
        "never started", "late", "late already", "failed without a Pod", "asks", "asks still",
    ],
)  # fmt: skip
def test_what_has_happened_is_told(old, new, failed_before, expected):
    who = an_audience(failed_before=failed_before)
    assert [one.key for one in notices.news(old, new, who, stamp(60))] == expected


@pytest.mark.parametrize("urgent", [False, True])
def test_what_is_urgent_stays_so_where_there_is_nothing_to_tell(urgent):
    snap = a_snapshot(status=RUNNING, audience=an_audience())
    decision = actions.RunDecision(RUNNING, urgent=urgent)
    assert notices.told(decision, snap, at(60)).urgent is urgent


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (("RunSucceeded",), ["RunSucceeded"]),
        (("RunRecovered",), ["RunRecovered"]),
        (("RunSucceeded", "RunRecovered"), ["RunRecovered"]),
        (("RunFailed",), []),
    ],
    ids=["success", "recovery", "both are one", "neither"],
)
def test_each_is_told_what_it_asked_for(on, expected):
    who = an_audience(a_notice("team", *on), failed_before=True)
    new = ended(a_row("a", "Succeeded"), state="Succeeded")
    assert [one.event for one in notices.news(RUNNING, new, who, stamp(60))] == expected


def test_a_receiver_that_hears_of_a_recovery_elsewhere_is_not_told_of_the_success_too():
    other = a_notice("mail", "RunSucceeded")._replace(receiver="mail")
    who = an_audience(
        a_notice("team", "RunSucceeded"), a_notice("operator:chat", "RunRecovered"), other,
        failed_before=True,
    )  # fmt: skip
    new = ended(a_row("a", "Succeeded"), state="Succeeded")
    told = [(one.name, one.event) for one in notices.news(RUNNING, new, who, stamp(60))]
    assert told == [("operator:chat", "RunRecovered"), ("mail", "RunSucceeded")]


def test_a_failure_is_told_once_the_end_of_its_log_is_known():
    silent = replace(failed(), attempts=(an_attempt(1, "Failed", pod_name="pod"),))
    assert list(notices.news(RUNNING, a_status(silent), an_audience(), stamp(60))) == []
    (told,) = notices.news(a_status(silent), a_status(failed()), an_audience(), stamp(60))
    assert (told.key, told.log_tail, told.failure_class) == ("TaskFailed/a/1", "one\ntwo", "User")


@pytest.mark.parametrize(
    ("tasks", "state", "expected"),
    [
        ([failed()], "Failed", ("ExitCode", "a")),
        ([failed(reason="")], "Failed", ("Error", "a")),
        ([failed()], "TimedOut", ("TimedOut", "a")),
        ([], "Failed", ("Failed", "")),
    ],
    ids=["its task says more", "only the attempt does", "it says why itself", "no task says why"],
)
def test_why_a_run_failed_is_what_its_first_failed_task_says_unless_it_says_more(
    tasks, state, expected
):
    tasks = [replace(row, attempts=(replace(row.attempts[0], reason="Error"),)) for row in tasks]
    who = an_audience(a_notice("team", "RunFailed"))
    (told,) = notices.news(RUNNING, ended(*tasks, state=state), who, stamp(60))
    assert (told.cause, told.task) == expected


def test_many_tasks_that_fail_at_once_are_told_together():
    names = [f"t{index}" for index in range(100)]
    old = a_status(*(a_row(name, "Running", attempt=1) for name in names))
    told = list(notices.news(old, a_status(*map(failed, names)), an_audience(), stamp(60)))
    assert [(one.task, one.more) for one in told] == [
        ("t0", 0), ("t1", 0), ("t2", 0), ("t3", 0), ("t4", 95),
    ]  # fmt: skip


def test_a_failure_that_only_slices_tell_of_is_not_lost():
    stored = a_status(failed("a"), failed("b"), counts=rows.Counts(total=2, failed=1), slices=1)
    told = notices.news(stored, stored, an_audience(), stamp(60))
    assert [one.key for one in told] == ["TaskFailed/b/1"]


def test_what_is_in_the_outbox_is_not_told_again():
    new = a_status(failed())
    told = tuple(notices.news(RUNNING, new, an_audience(), stamp(60)))
    again = notices.news(replace(RUNNING, notifications=told), new, an_audience(), stamp(61))
    assert list(again) == []


@pytest.mark.parametrize(
    "tail", ["x" * 5000, "line\n" * 1000, "é" * 3000], ids=["x", "lines", "é"]
)
def test_what_is_kept_of_a_log_is_bounded(tail):
    (told,) = notices.news(RUNNING, a_status(failed(tail=tail)), an_audience(), stamp(60))
    assert 0 < len(told.log_tail.encode()) <= notices.TAIL_BYTES_MAX
    assert tail.rstrip().endswith(told.log_tail)


# --- The outbox ------------------------------------------------------------------------------


def entry(number=1, state="Pending", event="TaskFailed", **fields):
    return rows.Notification(
        name="team", event=event, key=f"{event}/{number}", state=state, create_time=stamp(1),
        **fields,
    )  # fmt: skip


def test_the_outbox_lets_go_first_of_what_is_done():
    kept = (*(entry(n) for n in range(30)), *(entry(n, "Delivered") for n in range(30, 50)))
    found = outbox.bounded(kept, (entry(99, event="RunFailed"),))
    assert len(found) == outbox.OUTBOX_MAX
    assert entry(30, "Delivered") not in found
    assert set(kept) - set(found) == {entry(30, "Delivered")}


def test_what_finds_no_room_is_counted():
    kept = tuple(entry(number) for number in range(50))
    fresh = (entry(98), entry(99, event="RunFailed"))
    found = outbox.bounded(kept, fresh)
    assert found[-1] == entry(99, event="RunFailed", more=2)
    assert found[:-1] == (*kept[2:], entry(98))


def decided(outbox, now=60, deliveries=None, who=None, status=RUNNING):
    status = replace(status, notifications=outbox)
    who = who or an_audience(deliveries=deliveries or {})
    snap = a_snapshot(status=status, audience=who)
    return notices.told(actions.RunDecision(status), snap, at(now))


def test_news_is_stored_at_once_and_sent_only_then():
    snap = a_snapshot(status=RUNNING, audience=an_audience())
    first = notices.told(actions.RunDecision(a_status(failed())), snap, at(60))
    assert (first.urgent, first.notify) == (True, ())
    stored = a_snapshot(status=first.status, audience=an_audience())
    second = notices.told(actions.RunDecision(first.status), stored, at(61))
    assert [(one.id, one.try_number) for one in second.notify] == [(("team", "TaskFailed/a/1"), 1)]
    assert second.status == first.status


def test_what_became_of_a_try_is_stored():
    key = ("team", "TaskFailed/1")
    sent = audience.Delivery(1, stamp(59), delivered=True)
    decision = decided((entry(message="m", log_tail="t"),), deliveries={key: sent})
    assert decision.status.notifications == (
        entry(state="Delivered", attempts=1, deliver_time=stamp(59)),
    )
    assert (decision.urgent, decision.notify) == (True, ())


def test_what_was_not_taken_is_tried_again_later():
    key = ("team", "TaskFailed/1")
    busy = audience.Delivery(1, stamp(60), reason="ReceiverBusy", message="it answered 503")
    decision = decided((entry(),), deliveries={key: busy})
    (told,) = decision.status.notifications
    assert (told.state, told.attempts, told.reason) == ("Pending", 1, "ReceiverBusy")
    assert told.next_attempt_time == stamp(65)
    assert (decision.wake_at, decision.notify, decision.urgent) == (at(65), (), False)
    later = decided(decision.status.notifications, now=65, deliveries={key: busy})
    assert [one.try_number for one in later.notify] == [2]


@pytest.mark.parametrize(
    ("attempts", "asked", "least", "most"),
    [(0, 0, 5, 5), (3, 0, 36, 44), (7, 0, 270, 300), (0, 120, 120, 120), (0, 9999, 300, 300)],
    ids=["first", "fourth", "the longest", "as asked", "asked for too much"],
)
def test_the_pauses_grow_up_to_five_minutes(attempts, asked, least, most):
    busy = audience.Delivery(attempts + 1, stamp(60), pause_seconds=asked)
    decision = decided((entry(attempts=attempts),), deliveries={("team", "TaskFailed/1"): busy})
    assert decision.wake_at is not None
    assert least <= (decision.wake_at - at(60)).total_seconds() <= most


@pytest.mark.parametrize(
    ("tries", "final"), [(outbox.TRIES_MAX, False), (1, True)], ids=["too often", "for good"]
)
def test_what_cannot_be_delivered_fails(tries, final):
    key = ("team", "TaskFailed/1")
    no = audience.Delivery(tries, stamp(60), reason="ReceiverRefused", message="no", final=final)
    decision = decided((entry(attempts=tries - 1, log_tail="t"),), deliveries={key: no})
    assert decision.status.notifications == (
        entry(state="Failed", attempts=tries, reason="ReceiverRefused", last_error="no"),
    )


def test_a_notification_that_the_dag_has_no_more_fails():
    decision = decided((entry(),), who=an_audience(a_notice("other")))
    assert [one.reason for one in decision.status.notifications] == ["NotificationNotFound"]


def test_as_long_as_the_dag_is_not_known_nothing_is_given_up():
    decision = decided((entry(),), who=audience.NOBODY)
    assert decision.status.notifications == (entry(),)
    assert decision.notify == ()


def test_of_a_run_that_is_being_deleted_nobody_is_told():
    snap = a_snapshot(
        status=replace(RUNNING, notifications=(entry(),)),
        run=run_facts(deleting=True),
        audience=an_audience(),
    )
    decision = actions.RunDecision(snap.status)
    assert notices.told(decision, snap, at(60)) is decision


def test_a_run_of_which_somebody_is_still_to_be_told_is_open():
    assert outbox.is_open((entry(),))
    assert not outbox.is_open((entry(1, "Failed"), entry(2, "Delivered")))


# --- In whole decisions ----------------------------------------------------------------------


def test_a_question_is_told_by_the_decision_that_asks_it():
    told = [{"name": "team", "events": ["ApprovalWanted"], "receiver": "chat"}]
    plan = a_plan({"name": "a", "approval": {"message": "Go on?"}}, notifications=told)
    who = audience.Audience(plan.notices, complete=True)
    decision = decide_run.decide(a_snapshot(plan, status=a_status(), audience=who), at(5))
    (entry,) = decision.status.notifications
    assert (entry.key, entry.message) == ("ApprovalWanted/a/1", "Go on?")
    assert decision.urgent


def test_a_run_that_gets_late_is_told_by_the_decision_that_says_so():
    told = [{"name": "team", "events": ["RunLate"], "receiver": "chat"}]
    plan = a_plan(lateAfterSeconds=60, notifications=told)
    who = audience.Audience(plan.notices, complete=True)
    run = run_facts(run_type="Scheduled", interval_start=stamp(0), interval_end=stamp(100))
    status = a_status(a_row("a", "Running", attempt=1))
    snap = a_snapshot(plan, status=status, run=run, audience=who)
    assert decide_run.decide(snap, at(159)).status.notifications == ()
    (entry,) = decide_run.decide(snap, at(161)).status.notifications
    assert (entry.key, entry.cause) == ("RunLate/0", "Late")
