"""Runs that are being created: those that come after them let them go first, and no more than that."""

from __future__ import annotations

import pytest

from kubedag.core import actions, admission, snapshot
from support.builders import a_plan, run_facts, stamp

RUN = run_facts("m", logical_time=stamp(500))
OF_BACKFILL = run_facts("m", logical_time=stamp(500), run_type="Backfill")


def coming(order, run_type="Scheduled", *, dag_suspended=False, name="c"):
    create = actions.CreateRun(name, run_type, stamp(order), stamp(order + 100))
    return snapshot.coming(create, dag_suspended=dag_suspended)


def known(order, **facts):
    return snapshot.Peer("k", (stamp(order), stamp(0), "k"), **facts)


EARLIER, LATER = coming(100), coming(900)
HELD = coming(100, dag_suspended=True)
STARTED = known(50, started=True)
WELL = known(300, started=True, finished=True, succeeded=True)


@pytest.mark.parametrize(
    ("policy", "most", "peers", "expected"),
    [
        pytest.param("Queue", 1, (EARLIER,), "Queued", id="an earlier one goes first"),
        pytest.param("Queue", 1, (LATER,), "yes", id="a later one does not"),
        pytest.param("Queue", 1, (coming(500, name="a"),), "yes", id="of one time, who is there"),
        pytest.param("Queue", 2, (EARLIER,), "yes", id="there is room for both"),
        pytest.param("Queue", 2, (EARLIER, STARTED), "Queued", id="there was room for both"),
        pytest.param("Queue", 1, (HELD,), "yes", id="it will be held by its DAG"),
        pytest.param("Queue", 1, (coming(100, "Backfill"),), "yes", id="it gives way"),
        pytest.param(
            "Queue", 1, (coming(100, "Backfill", dag_suspended=True),), "yes",
            id="it gives way, whatever the DAG says",
        ),
        pytest.param("Allow", 1, (EARLIER,), "yes", id="nobody waits for a place"),
        pytest.param("Forbid", 1, (EARLIER, LATER), "yes", id="nobody may wait"),
        pytest.param("Replace", 1, (EARLIER, LATER), "yes", id="it may never come"),
        pytest.param("Replace", 1, (STARTED, LATER), "Queued", id="so it replaces none yet"),
    ],
)  # fmt: skip
def test_a_run_does_not_pass_one_that_is_being_created(policy, most, peers, expected):
    plan = a_plan(concurrencyPolicy=policy, maxActiveRuns=most)
    found = admission.admit(RUN, peers, plan)
    assert (found.reason or "yes", found.final) == (expected, False)


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        pytest.param((coming(100, "Backfill"),), "Queued", id="an earlier one"),
        pytest.param((coming(900, "Backfill"),), "yes", id="a later one"),
        pytest.param((coming(900),), "Queued", id="a later one of the schedule"),
        pytest.param((coming(900, dag_suspended=True),), "yes", id="one that will be held"),
    ],
)
def test_a_run_of_a_backfill_lets_those_of_a_schedule_go_first(peers, expected):
    plan = a_plan(concurrencyPolicy="Queue", maxActiveRuns=1)
    assert (admission.admit(OF_BACKFILL, peers, plan).reason or "yes") == expected
    assert (admission.admit_again(OF_BACKFILL, peers, plan).reason or "yes") == expected


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        pytest.param((WELL, coming(400)), "DependsOnPast", id="the one just before it"),
        pytest.param((WELL, LATER), "yes", id="a later one"),
        pytest.param((coming(400, "Backfill"),), "DependsOnPast", id="one of a Backfill"),
    ],
)
def test_what_is_being_created_is_past_that_has_not_succeeded(peers, expected):
    plan = a_plan(dependsOnPast=True, maxActiveRuns=3)
    assert (admission.admit(RUN, peers, plan).reason or "yes") == expected


@pytest.mark.parametrize(("peer", "expected"), [(LATER, ""), (known(900), "k")])
def test_no_run_is_ended_for_one_that_may_never_come(peer, expected):
    plan = a_plan(concurrencyPolicy="Replace", maxActiveRuns=1)
    assert admission.replaced_by(RUN, (peer,), plan) == expected
