"""Where a run that runs again finds its tasks and its rows: another revision, and slices."""

import dataclasses

import msgspec

from kubedag.core import actions, decide_run, rerun
from support.builders import a_finished_status, a_plan, a_pod, a_row, at, stamp
from support.objects import a_task
from support.reruns import (
    DONE,
    FAILED,
    NAMES,
    NOW,
    PLAN,
    READY,
    counted,
    decide,
    ended,
    newest,
    snap_of,
    wish,
)

# --- Another revision ------------------------------------------------------------------------

NEWER = a_plan(
    a_task("other"),
    a_task("extract"),
    a_task("clean", dependsOn=["extract"]),
    a_task("load", dependsOn=["clean"]),
    a_task("check", dependsOn=["extract"]),
)


def test_by_the_newest_revision_rows_are_found_by_name_new_tasks_wait_and_others_leave():
    decision = decide(FAILED, wish(revision="Newest"), newest=newest(NEWER), dag=READY)
    status = decision.status
    assert (status.revision, status.dag_generation) == ("other", 2)
    told = [(row.name, row.state, row.attempt, row.earlier_attempts) for row in status.tasks]
    assert told == [
        ("other", "Succeeded", 1, 0),
        ("extract", "Succeeded", 1, 0),
        ("clean", "Queued", 0, 0),
        ("load", "Waiting", 2, 2),
        ("check", "Succeeded", 1, 0),
    ]
    assert counted(status) == ("1", 1, stamp(1000), 2, "Failed")
    assert status.counts.total == 5


def test_what_is_after_a_new_task_runs_again_although_it_had_succeeded():
    status = decide(
        DONE, wish("Failed", revision="Newest"), newest=newest(NEWER), dag=READY
    ).status
    assert {row.name for row in status.tasks if row.state != "Succeeded"} == {"clean", "load"}


def test_a_run_whose_only_failure_was_of_a_task_that_there_is_no_more_has_succeeded():
    plan = a_plan(a_task("a"), a_task("b"))
    status = a_finished_status(ended("a", "Succeeded"), ended("b", "Failed"), succeeded=False)
    given = {"newest": newest(a_plan(a_task("a"))), "dag": READY}
    decision = decide(status, wish(revision="Newest"), plan, **given)
    assert (decision.status.succeeded, decision.actions) == (True, ())
    assert counted(decision.status) == ("1", 1, stamp(1000), 0, "Failed")
    assert decision.status.revision == "other"
    assert [row.name for row in decision.status.tasks] == ["a"]


def test_of_a_task_that_it_has_no_more_a_late_pod_is_ended():
    snap = snap_of(FAILED, wish(revision="Newest"), newest=newest(NEWER), dag=READY)
    stored = decide_run.decide(snap, NOW).status
    late = a_pod("mail", 1, "Running")
    again = dataclasses.replace(
        snap, status=stored, plan=NEWER, plan_revision="other", newest=None,
        pods={"mail": (late,)}, held=(late,),
    )  # fmt: skip
    kinds = {type(one) for one in decide_run.decide(again, at(1001)).actions}
    assert kinds == {actions.CreatePod, actions.DeletePod, actions.ReleasePod}


# --- Slices ----------------------------------------------------------------------------------


def test_a_run_in_slices_stays_in_slices_and_says_so():
    status = msgspec.structs.replace(FAILED, slices=1)
    found = decide(status).status
    assert found.slices == 1
    assert found.condition("StatusTruncated").reason == "RowsInSlices"


def test_a_row_that_was_lost_with_its_slice_runs_again_whatever_the_scope():
    lost = tuple(a_row("other") if row.name == "other" else row for row in DONE.tasks)
    status = msgspec.structs.replace(DONE, tasks=lost, slices=1)
    found = rerun.chosen(PLAN, status, wish("Failed"))
    assert {NAMES[index] for index in found} == {"other"}


def test_a_stop_of_before_does_not_stop_it_although_its_rows_are_in_slices():
    plan = a_plan(a_task("a"), a_task("b"))
    status = msgspec.structs.replace(
        a_finished_status(
            ended("a", "Failed", reason="RunTimedOut"), ended("b", "Failed", reason="RunTimedOut"),
            succeeded=False, reason="TimedOut",
        ),
        slices=1,
    )  # fmt: skip
    snap = snap_of(status, wish("Tasks", "b"), plan)
    stored = decide_run.decide(snap, NOW).status
    decision = decide_run.decide(dataclasses.replace(snap, status=stored), at(1001))
    assert [type(one) for one in decision.actions] == [actions.CreatePod]
    assert decision.status.condition("Succeeded").reason == "Running"
