"""How long a run waits for a DAG that was good while it waited for its turn, and is not any more."""

import pytest

from kubedag.core import decide_run, rows, snapshot
from support.builders import a_plan, a_snapshot, at, stamp
from support.objects import a_task

ONE = a_plan(a_task("a"))
GONE = {"dag": None}
BAD = {"dag": snapshot.DAGFacts(generation=2, ready=False, message="DAG 'p' is bad")}
UNCHECKED = {"dag": snapshot.DAGFacts(generation=2, ready=False, checked=False)}


def decide(snap, now):
    return decide_run.decide(snap, at(now))


def succeeded(decision):
    return decision.status.condition(rows.SUCCEEDED_CONDITION).status


def queued_until(now):
    return decide(a_snapshot(ONE, suspend=True), now).status


@pytest.mark.parametrize("facts", [GONE, BAD], ids=["is gone", "is bad"])
def test_a_run_that_has_waited_its_turn_for_long_gives_its_dag_no_less_time(facts):
    first = decide(a_snapshot(status=queued_until(3000), **facts), 3600)
    assert (succeeded(first), first.status.wait_time) == ("Unknown", stamp(3600))
    assert first.wake_at == at(4200)
    later = a_snapshot(status=first.status, **facts)
    assert (succeeded(decide(later, 4199)), succeeded(decide(later, 4200))) == ("Unknown", "False")
    assert decide(later, 4200).status.wait_time is None


@pytest.mark.parametrize(
    "facts", [{"of": ONE, "suspend": True}, UNCHECKED], ids=["good", "edited"]
)
def test_it_waits_anew_if_the_dag_was_mended_in_the_meantime(facts):
    first = decide(a_snapshot(status=queued_until(3000), **GONE), 3600).status
    back = decide(a_snapshot(status=first, **facts), 3700).status
    assert back.wait_time is None
    again = decide(a_snapshot(status=back, **BAD), 4190)
    assert again.wake_at == at(4790)
