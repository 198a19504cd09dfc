"""Marks of a run that has tasks at its end: nothing that follows from a mark runs beside or after them."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import actions, decide_run, snapshot
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

replace = msgspec.structs.replace

PLAN = a_plan(a_task("a"), a_task("b", dependsOn=["a"]), **{"finally": [a_task("tidy")]})
TIDY = a_pod("tidy", 1, "Running")
FAILED = (
    a_row("a", "Failed", reason="Marked", message="m"),
    a_row("b", "UpstreamFailed", reason="UpstreamFailed", message="m"),
)


def tidy(state):
    return a_row("tidy", state, attempt=1,
                 attempts=(an_attempt(1, state, task="tidy", deps_met_time=stamp(50)),))  # fmt: skip


def decide(status, *seen, task="a", state="Succeeded", **fields):
    marks = {task: snapshot.MarkRequest("1", state)}
    run = run_facts(uid=RUN_UID, marks=marks)
    return decide_run.decide(a_snapshot(PLAN, *seen, status=status, run=run, **fields), at(1000))


def states(decision):
    return {row.name: row.state for row in decision.status.tasks}


def test_a_mark_waits_for_the_end_of_what_tidies_up():
    decision = decide(a_status(*FAILED, tidy("Running")), TIDY)
    assert states(decision) == {"a": "Failed", "b": "UpstreamFailed", "tidy": "Running"}
    told = decision.status.condition("MarksPending")
    assert (told.reason, told.message) == ("RunActive", "waits for the run to end: 'a'")


def test_a_crash_between_the_slices_and_the_run_leaves_nothing_undone_although_all_was_seen():
    over = a_finished_status(*FAILED, tidy("Succeeded"), succeeded=False)
    said = decide(a_status(*FAILED, tidy("Running")), TIDY).status.condition("MarksPending")
    sliced = replace(over, slices=1, conditions=(*over.conditions, said), observed_generation=1)
    whole = decide(sliced, state="Skipped").status
    assert whole.condition("MarksPending") is None
    half = replace(sliced, tasks=whole.tasks)
    assert decide(half, state="Skipped").status == whole


def test_it_waits_also_if_the_pod_of_that_is_still_on_its_way():
    status = a_status(*FAILED, a_row("tidy", "Queued"))
    decision = decide(status, creating={"tidy": "pod"})
    assert states(decision)["a"] == "Failed"


def test_what_tidies_up_is_itself_marked_at_once():
    decision = decide(a_status(*FAILED, tidy("Running")), TIDY, task="tidy")
    assert states(decision)["tidy"] == "Terminating"


def test_once_the_run_has_ended_what_follows_runs_and_what_tidies_up_again_after_it():
    decision = decide(a_finished_status(*FAILED, tidy("Succeeded"), succeeded=False))
    assert states(decision) == {"a": "Succeeded", "b": "Queued", "tidy": "Waiting"}
    row = decision.status.tasks[2]
    assert (row.attempt, row.earlier_attempts, len(row.attempts)) == (1, 1, 1)
    assert decision.status.rerun is not None
    assert decision.status.rerun.tasks == 2
    assert not any(isinstance(one, actions.CreatePod) for one in decision.actions)


@pytest.mark.parametrize("state", ["Succeeded", "Skipped"])
def test_if_nothing_follows_what_has_tidied_up_stays_so(state):
    done = a_row("b", "Failed", reason="Marked", message="m")
    status = a_finished_status(FAILED[0], done, tidy("Succeeded"), succeeded=False)
    assert states(decide(status, state=state))["tidy"] == "Succeeded"
