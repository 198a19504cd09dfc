"""Too many failures end a schedule until something changes, and the runs that tell of them stay."""

from __future__ import annotations

from dataclasses import replace

from kubedag.api import problems
from kubedag.core import actions, decide_dag, rows
from support import builders
from support.scheduled_week import DAILY, a_dag, day, interval, stamp, worked

# --- Failures --------------------------------------------------------------------------------


def failing(**spec):
    dag = a_dag(suspendAfterConsecutiveFailures=2, **spec)
    dag.run_state = "Failed"
    dag.up(day(0, 9), day(6))
    assert dag.scheduled.reason == "TooManyFailures"
    return dag


def test_after_too_many_failures_it_does_not_help_that_a_failed_run_is_deleted():
    dag = failing()
    del dag.runs[max(dag.runs)]
    dag.look(day(9))
    assert dag.scheduled.reason == "TooManyFailures"


def test_after_too_many_failures_the_schedule_goes_on_when_a_run_succeeds():
    dag = failing()
    name = max(dag.runs)
    dag.runs[name] = dag.runs[name]._replace(
        state="Succeeded", succeeded=True, completion_time=stamp(7)
    )
    dag.run_state = "Succeeded"
    dag.look(day(9))
    assert dag.scheduled.status == "True"


def test_failures_before_a_change_are_forgiven_and_those_after_it_are_not():
    dag = failing()
    dag.edit(DAILY, suspendAfterConsecutiveFailures=2)
    dag.status = dag.decide(day(6, 1)).status
    assert dag.scheduled.status == "True"
    dag.look(day(6, 2))
    assert len(dag.runs) == 6
    assert dag.scheduled.reason == "TooManyFailures"
    assert dag.status.failures_start_time == stamp(6, 1)


def test_they_stay_forgiven_while_the_change_is_judged():
    dag = failing()
    dag.edit(DAILY, suspendAfterConsecutiveFailures=2)
    plan, dag.status = dag.plan, dag.decide(day(6, 1)).status
    wrong = problems.Problem("spec", "Cycle", "must be no circle")
    bad = builders.a_definition(plan, generation=3, scheduled=True, problems=[wrong])
    snap = decide_dag.DAGSnapshot(
        builders.DAG, builders.NAMESPACE, replace(bad, plan=None), dag.status
    )
    found = decide_dag.decide(snap, day(6, 2)).status
    assert found.condition("Scheduled").reason == "NotReady"
    assert found.failures_start_time == stamp(6, 1)


def test_a_run_that_is_replaced_or_never_started_has_not_failed():
    dag = worked(suspendAfterConsecutiveFailures=2)
    for number, fields in enumerate([{"state": "Replaced"}, {"started": False}] * 2):
        dag.runs[f"x{number}"] = builders.a_summary(
            f"x{number}", 9_999_999, succeeded=False, **{"state": "Failed"} | fields
        )
    assert dag.decide(day(3, 12)).status.consecutive_failures == 0


# --- What stays ------------------------------------------------------------------------------


def gone(dag, now):
    return [one.name for one in dag.decide(now).actions if isinstance(one, actions.DeleteRun)]


def test_a_run_stays_as_long_as_nothing_else_tells_that_its_interval_was_run():
    dag = worked(retention={"successfulRuns": 0})
    handled = dag.status.last_interval
    assert gone(dag, day(3, 11)) == list(dag.runs)
    dag.status = rows.DAGStatus(last_interval=interval((1,), (2,)))
    assert gone(dag, day(3, 11)) == list(dag.runs)[:2]
    assert handled == interval((2,), (3,))


def test_the_failures_that_count_stay():
    dag = failing(retention={"failedRuns": 0})
    assert (len(dag.runs), gone(dag, day(6, 1))) == (2, [])
    dag.edit(DAILY, retention={"failedRuns": 0})
    dag.look(day(6, 1))
    assert len(gone(dag, day(6, 1))) == len(dag.runs) == 6
