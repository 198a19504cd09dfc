"""A wish to run again that cannot be fulfilled: it holds no place, and no Backfill waits for it."""

from __future__ import annotations

import pytest

from kubedag.core import actions
from support.backfills import (
    ID,
    a_backfill,
    a_run_of,
    a_wish,
    daily,
    day,
    decide,
    ours,
    starts,
    states,
)
from support.builders import a_history

WHY = "TaskNotFound: spec.rerun.tasks must name tasks of the DAG; it has no 'z'"
REFUSED = {"refused": True, "held": WHY}
THEIRS = {"rerun_wanted": "1", **REFUSED}
OURS = {"rerun_wanted": ID, **REFUSED}


def refused(state="Failed", **fields):
    return a_run_of(0, state, **(THEIRS | fields))


@pytest.mark.parametrize(
    ("run", "reprocess", "stands", "todo"),
    [
        pytest.param(refused(), "None", ("Skipped", "RunExists"), [], id="left alone"),
        pytest.param(
            refused(), "Failed", ("Planned", "RunsAgain"), [("again", "run-0")], id="it had failed"
        ),
        pytest.param(
            refused("Succeeded"), "Failed", ("Skipped", "AlreadySucceeded"), [],
            id="it had succeeded",
        ),
        pytest.param(
            refused("Succeeded"), "Completed", ("Planned", "RunsAgain"), [("again", "run-0")],
            id="whatever it had done",
        ),
        pytest.param(
            ours(0, **THEIRS), "None", ("Succeeded", ""), [], id="one that the Backfill created"
        ),
        pytest.param(
            refused(**OURS), "Completed", ("Failed", "RerunRefused"), [], id="it is its own wish"
        ),
        pytest.param(
            ours(0, **OURS), "Completed", ("Failed", "RerunRefused"), [],
            id="it is its own wish of its own run",
        ),
        pytest.param(
            refused(**OURS, rerun_id=ID), "Completed", ("Failed", ""), [],
            id="the wish was fulfilled since",
        ),
    ],
)  # fmt: skip
def test_an_interval_does_not_wait_for_a_wish_that_is_refused(run, reprocess, stands, todo):
    found = decide(a_backfill(a_wish(1, reprocess=reprocess), run))
    assert (states(found.status), starts(found.actions)) == ([(*stands, 1)], todo)
    assert found.status.finished == (not todo)


def test_an_interval_whose_run_may_not_run_again_has_failed_for_that():
    status = decide(
        a_backfill(a_wish(1, reprocess="Completed"), refused("Succeeded", **OURS))
    ).status
    (failure,) = status.failures
    assert (failure.run_name, failure.message) == ("run-0", WHY)


@pytest.mark.parametrize("run", [refused(), refused(**OURS)], ids=["theirs", "ours"])
def test_it_takes_no_place(run):
    wish = a_wish(2, reprocess="Completed", max_active_runs=1)
    plan = daily(maxActiveRuns=1)
    later = run._replace(interval_start=day(9), interval_end=day(10))
    assert starts(decide(a_backfill(wish, later, plan=plan)).actions) == [("create", day(0))]


def test_of_a_cancelled_backfill_it_is_taken_back():
    wish = a_wish(2, reprocess="Completed", cancel=True)
    found = decide(a_backfill(wish, refused(**OURS)))
    assert found.actions == (actions.WithdrawRerun("run-0", "uid-run-0", ID),)
    assert not found.status.finished
    over = decide(a_backfill(wish, a_run_of(0), status=found.status))
    assert (over.status.finished, over.actions) == (True, ())


def test_what_is_just_being_asked_for_is_not_what_was_refused():
    run = refused()
    snap = a_backfill(a_wish(1, reprocess="Completed"), run, requesting={"run-0": ID})
    assert states(decide(snap).status) == [("Queued", "", 1)]


@pytest.mark.parametrize(
    ("fields", "waiting"),
    [({}, 1), (REFUSED, 0), ({**REFUSED, "rerun_wanted": "", "marks_wanted": True}, 0)],
    ids=["it waits for its turn", "refused", "its marks cannot be followed"],
)
def test_a_dag_does_not_count_it_among_those_that_wait(fields, waiting):
    run = a_run_of(0, **({"rerun_wanted": "1"} | fields))
    assert run.is_to_rerun
    assert a_history(run).to_rerun == waiting


def test_it_is_said_to_wait_for_nothing():
    wish = a_wish(2, reprocess="Completed", max_active_runs=1)
    runs = [refused(**OURS), a_run_of(1, "Running", run_type="Backfill", rerun_id=ID)]
    told = decide(a_backfill(wish, *runs)).status
    assert told.condition("Succeeded").message == "waits for its last runs to end: 1 run under way"
