"""Until when a run that is to run again stays as it has ended, and whose way it is in meanwhile."""

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run, rerun, rows, snapshot
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_pod,
    a_snapshot,
    at,
    stamp,
)
from support.objects import a_task
from support.reruns import DONE, FAILED, NOW, PLAN, READY, decide, ended, snap_of, wish


def a_peer(name, order=0, **fields):
    return snapshot.Peer(name, (stamp(order), stamp(order), name), **fields)


ACTIVE_OLDER = a_peer("older", -10, started=True)
ACTIVE_NEWER = a_peer("newer", 10, started=True)
MISSING = "spec.rerun.tasks: must name tasks of the DAG; it has no 'nothing'"

# What keeps it from running again, what it says of that, and whether it is in the way meanwhile.
WAITS = {
    "held by hand": (
        {"run": {"suspend": True}}, "Suspended", "spec.suspend of the run is true", True,
    ),
    "to be shut down": (
        {"run": {"shutdown": "Stop"}}, "ShutdownAsked",
        "spec.shutdown is Stop: take it out to let the run go on", False,
    ),
    "its turn": (
        {"peers": [ACTIVE_OLDER]}, "Queued", "waits for its turn: the DAG allows 1 active run",
        True,
    ),
    "forbidden, which passes": (
        {"peers": [ACTIVE_OLDER], "policy": "Forbid"}, "Queued",
        "waits for its turn: the DAG allows 1 active run", True,
    ),
    "a newer one that would replace it": (
        {"peers": [ACTIVE_NEWER], "policy": "Replace"}, "Queued",
        "waits for its turn: the DAG allows 1 active run", True,
    ),
    "a Pod that is still to end": (
        {"pods": {"load": (a_pod("load", 3, "Running"),)}}, "PodsEnding",
        "waits for Pods of the run that are still to end", False,
    ),
    "a Pod that is being made": (
        {"creating": {"load": "x"}}, "PodsEnding",
        "waits for Pods of the run that are still to end", False,
    ),
    "a task that there is not": (
        {"asked": wish("Tasks", "nothing", "load")}, "TaskNotFound", MISSING, False,
    ),
    "its revision": (
        {"plan": None, "plan_revision": "gone"}, "RevisionNotFound",
        "the ControllerRevision 'gone' that it started with is gone: ask for revision Newest",
        False,
    ),
    "the DAG": (
        {"asked": wish(revision="Newest"), "dag": None}, "DAGNotFound",
        "waits for DAG 'pipeline', which is not there", False,
    ),
    "the DAG to be mended": (
        {"asked": wish(revision="Newest"),
         "dag": snapshot.DAGFacts(generation=2, ready=False, message="it is not ready")},
        "DAGNotReady", "it is not ready", False,
    ),
}  # fmt: skip


def waiting(given):
    given = dict(given)
    plan = given.pop("plan", PLAN)
    if policy := given.pop("policy", None):
        plan = dataclasses.replace(PLAN, concurrency_policy=policy)
    return snap_of(FAILED, given.pop("asked", wish()), plan, **given)


@pytest.mark.parametrize(
    ("given", "reason", "message"), [row[:3] for row in WAITS.values()], ids=WAITS
)
def test_until_it_may_run_again_it_stays_as_it_ended_and_says_what_it_waits_for(
    given, reason, message
):
    snap = waiting(given)
    status = decide_run.decide(snap, NOW).status
    (told,) = [one for one in status.conditions if one.type == "RerunPending"]
    assert (told.status, told.reason, told.message) == ("True", reason, message)
    others = tuple(one for one in status.conditions if one.type != "RerunPending")
    assert others == FAILED.conditions
    assert msgspec.structs.replace(status, conditions=others, observed_generation=0) == FAILED
    withdrawn = dataclasses.replace(
        snap, status=status, run=dataclasses.replace(snap.run, rerun=None)
    )
    assert decide_run.decide(withdrawn, at(1005)).status == msgspec.structs.replace(
        FAILED, observed_generation=1
    )


@pytest.mark.parametrize(
    ("given", "in_the_way"), [(row[0], row[3]) for row in WAITS.values()], ids=WAITS
)
def test_a_wish_that_cannot_be_fulfilled_is_in_nobodys_way(given, in_the_way):
    told = decide_run.decide(waiting(given), NOW).status
    assert rerun.is_stuck(told) != in_the_way


def test_a_run_that_waits_for_nothing_is_not_stuck():
    assert not rerun.is_stuck(FAILED)


FREE = {
    "nobody else": {},
    "one that waits behind it": {"peers": [a_peer("newer", 10, of_backfill=True)]},
    "a suspended DAG": {"dag": dataclasses.replace(READY, suspend=True)},
    "one that has ended, and is to run again after it": {
        "peers": [a_peer("n", 10, reruns=True, of_backfill=True)]
    },
}


@pytest.mark.parametrize("given", FREE.values(), ids=FREE)
@pytest.mark.parametrize("type_", ["Manual", "Scheduled", "Backfill"])
def test_nothing_of_this_holds_it(given, type_):
    assert not decide(FAILED, run={"run_type": type_}, **given).status.finished


def test_a_wish_by_which_nothing_runs_again_is_fulfilled_at_once():
    """Else it would take its turn from others, only to say that it is done."""
    status = decide(DONE, peers=[ACTIVE_OLDER]).status
    assert (status.finished, status.rerun.id, status.rerun.tasks) == (True, "1", 0)
    assert status.condition("RerunPending") is None


def test_a_run_that_waits_to_run_again_replaces_none():
    plan = a_plan(a_task("a"), concurrencyPolicy="Replace")
    snap = a_snapshot(plan, peers=[a_peer("newer", 10, reruns=True)])
    assert [type(one) for one in decide_run.decide(snap, at(1)).actions] == [actions.CreatePod]
    started = decide_run.decide(snap, at(1)).status
    again = decide_run.decide(dataclasses.replace(snap, status=started), at(2)).status
    assert again.condition("Succeeded").reason == "Running"


def test_an_active_run_says_that_it_runs_again_later_and_goes_on():
    plan = a_plan(a_task("a"))
    snap = snap_of(rows.RunStatus(), wish("All"), plan)
    decision = decide_run.decide(snap, at(1))
    assert [type(one) for one in decision.actions] == [actions.CreatePod]
    told = decision.status.condition("RerunPending")
    assert (told.status, told.reason) == ("True", "RunActive")
    withdrawn = dataclasses.replace(
        snap, status=decision.status, run=dataclasses.replace(snap.run, rerun=None)
    )
    assert decide_run.decide(withdrawn, at(2)).status.condition("RerunPending") is None


def test_a_run_that_is_being_deleted_does_not_run_again():
    decision = decide(FAILED, run={"deleting": True})
    assert (decision.status, decision.actions) == (FAILED, ())


@pytest.mark.parametrize(
    ("before", "times"),
    [(None, 0), (rows.Rerun("0", 2, stamp(60), 1), 2)],
    ids=["never run again", "run again twice"],
)
def test_while_it_waits_its_pods_are_tidied_up_as_ever(before, times):
    plan = a_plan(a_task("a"), retention={"keepPods": "None", "podTtlSecondsAfterFinished": 60})
    status = msgspec.structs.replace(
        a_finished_status(ended("a", "Failed"), succeeded=False), rerun=before
    )
    pod = a_pod("a", 1, "Failed", exit_code=1)
    decision = decide(status, None, plan, pod, peers=[ACTIVE_OLDER])
    assert decision.actions == (actions.DeletePods(RUN_UID, "Failed", times),)
    assert decision.status.condition("RerunPending").reason == "Queued"
