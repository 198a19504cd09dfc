"""The tasks of `finally`: when they run, what they are told, and what their end means."""

from __future__ import annotations

import pytest

from kubedag.core import actions, decide_run, finals, plan, podspec, rows, stops, trials
from support.builders import (
    PROGRAM_FAILED,
    a_condition,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_spec,
    a_status,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

LAST = [a_task("tidy"), a_task("tell", dependsOn=["tidy"])]
PLAN = a_plan(a_task("a"), a_task("b", dependsOn=["a"]), **{"finally": LAST})


def decide(*tasks, of=PLAN, **facts):
    status = facts.pop("status", None) or a_status(*tasks)
    return decide_run.decide(a_snapshot(of, status=status, **facts), at(20))


def states(decision):
    return {row.name: row.state for row in decision.status.tasks}


def created(decision):
    return {
        PLAN.tasks[one.task_index].name: one.run_state
        for one in decision.actions
        if isinstance(one, actions.CreatePod)
    }


def all_(*ends):
    names = ["a", "b", "tidy", "tell"]
    return [a_row(name, end) for name, end in zip(names, ends, strict=True)]


def test_they_come_last_and_wait_for_all_others():
    assert [task.final for task in PLAN.tasks] == [False, False, True, True]
    assert (PLAN.body, PLAN.order, PLAN.spared) == (2, (0, 1, 2, 3), {2, 3})
    found = decide(*all_("Running", "Waiting", "Waiting", "Waiting"))
    assert [row.message for row in found.status.tasks[2:]] == [finals.WAITS] * 2
    assert found.status.progress == "0/4"


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ("Succeeded", "Succeeded", "Succeeded"),
        ("Succeeded", "Skipped", "Succeeded"),
        ("Succeeded", "Failed", "Failed"),
        ("Failed", "UpstreamFailed", "Failed"),
    ],
)
def test_they_start_when_the_others_are_done_and_know_how_that_went(a, b, told):
    found = decide(*all_(a, b, "Waiting", "Waiting"))
    assert created(found) == {"tidy": told}
    assert states(found)["tell"] == "Waiting"


def test_they_start_with_the_end_of_the_last_pod():
    pod = a_pod("b", phase="Succeeded")
    tasks = all_("Succeeded", "Running", "Waiting", "Waiting")
    tasks[1] = a_row("b", "Running", attempt=1, attempts=(an_attempt(task="b"),))
    found = decide_run.decide(a_snapshot(PLAN, pod, status=a_status(*tasks)), at(20))
    assert created(found) == {"tidy": "Succeeded"}


def test_a_failure_that_was_made_up_for_is_none():
    of = a_plan(
        a_task("a"),
        a_task("b", dependsOn=["a"], triggerRule="AllFailed"),
        **{"finally": LAST},
    )
    assert created(decide(*all_("Failed", "Succeeded", "Waiting", "Waiting"), of=of)) == {
        "tidy": "Succeeded"
    }


@pytest.mark.parametrize(
    ("tidy", "tell"),
    [("Succeeded", "Queued"), ("Failed", "UpstreamFailed"), ("Running", "Waiting")],
)
def test_they_depend_on_each_other_as_tasks_do(tidy, tell):
    assert states(decide(*all_("Succeeded", "Failed", tidy, "Waiting")))["tell"] == tell


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (("Succeeded", "Succeeded", "Succeeded", "Succeeded"), "Succeeded"),
        (("Succeeded", "Failed", "Succeeded", "Succeeded"), "Failed"),
        (("Succeeded", "Succeeded", "Failed", "UpstreamFailed"), "Failed"),
    ],
)
def test_one_that_fails_fails_the_run_and_none_makes_up_for_a_failure(ends, reason):
    assert decide(*all_(*ends)).status.conditions[0].reason == reason


def test_nothing_at_the_end_makes_up_for_a_failure_at_the_end():
    last = [a_task("tidy"), a_task("tell", dependsOn=["tidy"], triggerRule="AllFailed")]
    of = a_plan(a_task("a"), a_task("b"), **{"finally": last})
    ended = decide(*all_("Succeeded", "Succeeded", "Failed", "Succeeded"), of=of)
    assert ended.status.conditions[0].reason == "Failed"


def test_what_they_waited_for_is_recorded():
    tasks = all_("Succeeded", "Succeeded", "Waiting", "Waiting")
    ends = (("a", 7), ("b", 13))
    for index, (name, end) in enumerate(ends):
        last = an_attempt(1, "Succeeded", task=name, finish_time=stamp(end))
        tasks[index] = a_row(name, "Succeeded", attempt=1, attempts=(last,))
    pod = a_pod("tidy", created=15)
    found = decide_run.decide(a_snapshot(PLAN, pod, status=a_status(*tasks)), at(20))
    assert found.status.tasks[2].attempts[-1].deps_met_time == stamp(13)


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        ("Stopped", "Stopped"),
        ("Replaced", "Stopped"),
        ("TimedOut", "Failed"),
        ("FailedFast", "Failed"),
    ],
)
def test_they_know_that_the_run_was_stopped(stop, told):
    condition = rows.Condition("Succeeded", "Unknown", stop)
    tasks = all_("Succeeded", "Skipped", "Waiting", "Waiting")
    status = a_status(*tasks, conditions=(condition,))
    assert created(decide(status=status)) == {"tidy": told}


def test_they_are_told_in_their_environment():
    spec = a_spec(a_task("a"), **{"finally": LAST})
    of = plan.compile_plan("d", spec)
    run = podspec.RunIdentity("r", "ns", "uid", "rev", "Manual", stamp(0), state="Failed")
    pod = podspec.build(of, of.tasks[1], run, 1)
    env = {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"]}
    assert env["KUBEDAG_RUN_STATE"] == "Failed"


def test_the_api_is_asked_about_their_pods_too():
    spec = a_spec(
        a_task("a"), **{"finally": [a_task("f", podTemplate={"spec": {"hostNetwork": True}})]}
    )
    found = trials.trials(plan.compile_plan("d", spec), "ns", "uid")
    assert [trial.levels[0].path for trial in found][-1] == "spec.finally[0]"


def test_a_run_that_is_suspended_holds_them_back():
    tasks = all_("Succeeded", "Succeeded", "Waiting", "Waiting")
    found = decide(*tasks, run=run_facts(suspend=True))
    assert (created(found), found.status.tasks[2].reason) == ({}, "Suspended")


def test_pods_of_the_end_are_seen_like_all_others():
    pods = [a_pod("a", phase="Succeeded"), a_pod("b", **PROGRAM_FAILED)]
    last = a_pod("tidy", phase="Running", conditions=(a_condition("PodScheduled"),))
    found = decide_run.decide(a_snapshot(PLAN, *pods, last), at(20))
    assert states(found)["tidy"] == "Running"
    assert stops.recorded(found.status) == ""
