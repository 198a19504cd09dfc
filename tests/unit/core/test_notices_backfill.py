"""That a Backfill is over: once stored, and until it is delivered."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from kubedag.core import actions, audience, backfill_facts, instants, notices_backfill, rows
from kubedag.core.backfill_rows import BackfillStatus
from support.backfills import NOW, UID, a_wish, day

STAMP = instants.text(NOW)
WHO = audience.Audience(
    notices=(
        audience.Notice("team", frozenset({"BackfillDone"}), receiver="chat"),
        audience.Notice("other", frozenset({"RunFailed"}), receiver="chat"),
    ),
    complete=True,
)


def a_status(reason=None, **fields):
    """Of a Backfill that goes on, or has ended so."""
    truth = {None: "Unknown", "Succeeded": "True"}.get(reason, "False")
    conditions = (
        rows.Condition("Succeeded", truth, reason or "InProgress", "3 of 3", STAMP),
        rows.Condition("Finished", "True" if reason else "False", reason or "Active", "", STAMP),
    )
    return BackfillStatus(conditions=conditions, **fields)


def told(old, new, who=WHO, now=NOW):
    snap = backfill_facts.BackfillSnapshot(wish=a_wish(), status=old, audience=who)
    return notices_backfill.told(actions.BackfillDecision(new), snap, now)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, None, []),
        (None, "Succeeded", ["Succeeded"]),
        (None, "IntervalsFailed", ["IntervalsFailed"]),
        (None, "Cancelled", []),
        ("Succeeded", "Succeeded", []),
    ],
    ids=["goes on", "succeeded", "failed", "cancelled", "told before"],
)
def test_the_end_is_told_unless_somebody_asked_for_it(old, new, expected):
    decision = told(a_status(old), a_status(new))
    assert [one.cause for one in decision.status.notifications] == expected
    assert {one.name for one in decision.status.notifications} <= {"team"}
    assert decision.notify == ()


def test_it_is_sent_once_it_is_stored_and_tried_again():
    first = told(a_status(), a_status("Succeeded")).status
    second = told(first, msgspec.structs.replace(first, notifications=()))
    (sent,) = second.notify
    assert sent.try_number == 1
    assert sent.letter.summary == "DAG pipeline: Backfill bf is over (Succeeded)"
    assert sent.letter.look == "kubectl -n ns describe backfill bf"
    assert sent.letter.id == f"{UID}/team/BackfillDone"
    assert (sent.letter.interval_start, sent.letter.interval_end) == (day(0), day(5))
    busy = audience.Delivery(1, STAMP, reason="ReceiverBusy", message="it answered 500")
    third = told(second.status, first, replace(WHO, deliveries={sent.id: busy}))
    assert (third.notify, third.wake_at) == ((), NOW + timedelta(seconds=5))
    due = told(third.status, first, replace(WHO, deliveries={sent.id: busy}), third.wake_at)
    assert [one.try_number for one in due.notify] == [2]
    done = audience.Delivery(2, STAMP, delivered=True)
    last = told(third.status, first, replace(WHO, deliveries={sent.id: done}))
    assert [one.state for one in last.status.notifications] == ["Delivered"]


def test_where_nobody_is_told_the_decision_stays_as_it_is():
    snap = backfill_facts.BackfillSnapshot(wish=a_wish(), status=a_status())
    decision = actions.BackfillDecision(a_status("Succeeded"))
    assert notices_backfill.told(decision, snap, NOW) is decision
