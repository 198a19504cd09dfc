"""What the page on time claims of runs beside each other: policies, the past, and suspended DAGs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kubedag.api import enums
from kubedag.core import admission, decide_run, instants, rows, snapshot
from support import builders, pages
from support.scheduled_dag import ScheduledDAG

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
MONDAY = instants.parse("2026-01-05T00:00:00Z")
TABLE = pages.table(PAGE, "policy")


def day(number):
    return instants.text(MONDAY + timedelta(days=number))


def facts(number, run_type="Scheduled", **fields):
    return builders.run_facts(
        f"run-{number}",
        run_type=run_type,
        logical_time=day(number),
        created=day(number + 1),
        **fields,
    )


def peer(number, run_type="Scheduled", **fields):
    run = facts(number, run_type)
    return snapshot.Peer(run.name, run.order, of_backfill=run.of_backfill, **fields)


def is_created(policy):
    """Does the run of Tuesday come to be while that of Monday is active?"""
    dag = ScheduledDAG(day(0), {"cron": "@daily"}, concurrencyPolicy=policy)
    dag.look(MONDAY)
    dag.run_state = "Running"
    dag.look(MONDAY + timedelta(days=1))
    dag.run_state = ""
    dag.look(MONDAY + timedelta(days=2))
    return len(dag.runs) == 2


def fate_of_new(policy):
    if not is_created(policy):
        return "is not created"
    verdict = admission.admit(
        facts(1), [peer(0, started=True)], builders.a_plan(concurrencyPolicy=policy)
    )
    assert not verdict.final
    return "starts" if verdict.admitted else "waits"


def fate_of_active(policy):
    plan = builders.a_plan(concurrencyPolicy=policy)
    newer = [peer(1)] if is_created(policy) else []
    return "is ended" if admission.replaced_by(facts(0), newer, plan) else "goes on"


@pytest.mark.parametrize("row", TABLE.rows, ids=[row[0] for row in TABLE.rows])
def test_runs_fare_under_a_policy_as_the_table_says(row):
    (policy,), new, active = pages.code(row[0]), *row[1:]

    assert (fate_of_new(policy), fate_of_active(policy)) == (new, active)


def test_the_table_has_all_policies():
    assert {pages.code(row[0])[0] for row in TABLE.rows} == {
        str(one) for one in enums.ConcurrencyPolicy
    }


@pages.claim(
    "Runs of a Backfill are neither skipped nor replaced, and replace none: they wait for a free place."
)
@pytest.mark.parametrize("policy", ["Forbid", "Replace"])
def test_a_run_of_a_backfill_waits_under_any_policy(policy):
    plan = builders.a_plan(concurrencyPolicy=policy)
    active, backfill = peer(0, started=True), facts(1, "Backfill")

    verdict = admission.admit(backfill, [active], plan)
    beside_newer = admission.admit(backfill, [active, peer(2)], plan)

    assert [(one.admitted, one.final) for one in (verdict, beside_newer)] == [(False, False)] * 2
    assert admission.replaced_by(facts(0), [peer(1, "Backfill")], plan) == ""
    assert admission.replaced_by(facts(0, "Backfill"), [peer(1)], plan) == ""


def who_is_first(run_type, plan):
    """Does the older run of a Backfill, or a newer run of another type, get the last free place?"""
    active, older, newer = peer(0, started=True), facts(1, "Backfill"), facts(5, run_type)
    if plan.depends_on_past:
        active = peer(0, finished=True, succeeded=True)
    backfills = admission.admit(older, [active, peer(5, run_type)], plan).admitted
    others = admission.admit(newer, [active, peer(1, "Backfill")], plan).admitted
    return backfills, others


@pages.claim(
    "Scheduled runs and those by hand get a free place before those of a Backfill; with "
    "`dependsOnPast`, where they wait for the older ones anyway, the older ones are first."
)
@pytest.mark.parametrize("run_type", ["Scheduled", "Catchup", "Manual"])
def test_a_backfill_gives_way(run_type):
    plain = builders.a_plan(maxActiveRuns=2)
    past = builders.a_plan(maxActiveRuns=1, dependsOnPast=True)

    assert who_is_first(run_type, plain) == (False, True)
    assert who_is_first(run_type, past) == (True, False)


PAST = builders.a_plan(dependsOnPast=True, maxActiveRuns=10)


@pages.claim("A run that has none before it waits for nothing.")
def test_the_first_run_does_not_depend_on_a_past():
    assert admission.admit(facts(0), [peer(1, finished=True)], PAST).admitted


@pages.claim(
    "With `dependsOnPast`, a run that has failed holds back the next one until it has succeeded in a "
    "rerun."
)
def test_a_failed_run_holds_back_the_next_one_until_it_succeeds():
    failed, mended = peer(0, finished=True), peer(0, finished=True, succeeded=True)

    waits, goes = (admission.admit(facts(1), [before], PAST) for before in (failed, mended))

    assert (waits.admitted, waits.final, waits.reason) == (False, False, "DependsOnPast")
    assert goes.admitted


def decided(run, status=None):
    """What is decided about a run of a suspended DAG."""
    dag = snapshot.DAGFacts(generation=1, ready=True, revision=builders.REVISION, suspend=True)
    snap = builders.a_snapshot(builders.a_plan(), status=status, run=run, dag=dag)
    return decide_run.decide(snap, builders.at(60)).status


def started(status):
    return status.start_time is not None


@pages.claim("`spec.suspend` leaves alone what is active, runs by hand, and Backfills.")
def test_a_suspended_dag_holds_back_nothing_but_what_it_has_scheduled():
    status = builders.a_status(builders.a_row("a"))

    waiting = {
        kind: started(decided(facts(0, kind))) for kind in ("Catchup", "Manual", "Backfill")
    }
    active = decided(facts(0), status)

    assert waiting == {"Catchup": False, "Manual": True, "Backfill": True}
    assert active.condition(rows.SUCCEEDED_CONDITION).reason == "Running"


@pages.claim(
    "`spec.suspend` creates no scheduled runs, and holds back those that have not started."
)
def test_a_run_that_has_not_started_is_held_back_by_its_suspended_dag():
    status = decided(facts(0))

    assert not started(status)
    assert status.condition(rows.SUCCEEDED_CONDITION).reason == "DAGSuspended"
