"""What becomes of the actions of a run: one API call each, and a fact in return."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import msgspec
import pytest

from kubedag.core import actions, pods, rows, snapshot
from kubedag.shell import act
from kubedag.shell.entries import RunEntry
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import DONE, AnsweringApi, Known, LoopClock, Telling
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_pod,
    a_snapshot,
    a_status,
    as_stored,
    encoded,
    run_facts,
    stamp,
)
from support.objects import a_run, a_task

PLAN = a_plan(a_task("a"), a_task("b"))
SNAP = a_snapshot(PLAN)
POD = a_pod()


def owned_by(*owners):
    metadata = msgspec.structs.replace(POD.metadata, owner_references=owners)
    return msgspec.structs.replace(POD, metadata=metadata)


ALONE = owned_by()
CREATE = actions.CreatePod(POD.metadata.name, 0, 1)
PODS = "/api/v1/namespaces/ns/pods"
RUN_PATH = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/run"
EXISTS = ApiError(409, "AlreadyExists", "exists")
CUT = Unreachable("cut", maybe_applied=True)


STOPPING = a_status(
    conditions=(rows.Condition("Succeeded", "Unknown", "TimedOut", "its time is over"),)
)


class Done:
    """What there is to see after some actions."""

    def __init__(self, api, *wanted, again=(), seconds=10.0, snap=SNAP, deaf=False, entry=None):
        self.entry = entry or RunEntry(run_facts(), "1", rows.RunStatus())
        self.api, self.pods, self.woken = api, Telling(self.entry, deaf=deaf), []
        self.under_way = None
        virtual_loop.run(self._do(snap, wanted, again, seconds))

    async def _do(self, snap, wanted, again, seconds):
        tasks = Tasks()
        actor = act.RunActor(self.api, self.pods, self.woken.append, LoopClock(), tasks)
        actor.start(self.entry, snap, wanted)
        self.under_way = set(self.entry.creating)
        actor.start(self.entry, snap, again)
        await asyncio.sleep(seconds)
        assert (len(tasks), tasks.bugs) == (0, 0)

    @property
    def refusal(self):
        return self.entry.refusals.get("a")


# --- Creating ---------------------------------------------------------------------------------


def test_a_pod_is_created_and_known_from_the_answer():
    done = Done(AnsweringApi(encoded(POD)), CREATE)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("POST", PODS)
    assert call.body["metadata"]["name"] == POD.metadata.name
    assert (done.pods.names, done.woken) == ([POD.metadata.name], [done.entry.key])
    assert (done.under_way, done.entry.creating, done.refusal) == ({"a"}, {}, None)


@pytest.mark.parametrize(
    ("said", "told"),
    [("Failed", {"KUBEDAG_RUN_STATE": "Failed"}), ("", {})],
    ids=["last", "other"],
)
def test_a_pod_is_told_what_was_decided_of_its_run(said, told):
    done = Done(AnsweringApi(encoded(POD)), replace(CREATE, run_state=said))
    (main,) = done.api.calls[0].body["spec"]["containers"]
    env = {one["name"]: one["value"] for one in main["env"]}
    assert {name: value for name, value in env.items() if name == "KUBEDAG_RUN_STATE"} == told


def test_a_creation_that_is_under_way_is_not_started_again():
    done = Done(AnsweringApi(encoded(POD), seconds=1), CREATE, again=[CREATE])
    assert len(done.api.calls) == 1


@pytest.mark.parametrize(
    ("stored", "sending", "created"),
    [
        pytest.param(a_status(), None, 1, id="nothing is stored"),
        pytest.param(a_status(), a_status(progress="1/2"), 1, id="progress is stored"),
        pytest.param(a_status(), a_finished_status(), 0, id="its end is stored"),
        pytest.param(a_status(), STOPPING, 0, id="that it is stopped is stored"),
        pytest.param(STOPPING, STOPPING, 1, id="it is stopped, and tidies up"),
    ],
)
def test_nothing_is_created_while_the_end_of_the_run_is_being_stored(stored, sending, created):
    """Found by the simulation: what had ended the run was so no more a moment later."""
    entry = RunEntry(run_facts(), "1", stored, sending=sending)
    done = Done(AnsweringApi(encoded(POD)), CREATE, entry=entry)
    assert len(done.api.calls) == created


def test_only_so_many_creations_are_under_way_at_once():
    plan = a_plan(*[a_task(f"t{number}") for number in range(100)])
    most = []

    class Counting(AnsweringApi):
        busy = 0

        async def request(self, *arguments, **rest):
            self.busy += 1
            most.append(self.busy)
            try:
                return await super().request(*arguments, **rest)
            finally:
                self.busy -= 1

    async def scenario():
        tasks = Tasks()
        api = Counting(encoded(POD), seconds=1)
        actor = act.RunActor(api, Known(), lambda _key: None, LoopClock(), tasks)
        entry = RunEntry(run_facts(), "1", rows.RunStatus())
        wanted = [actions.CreatePod(f"p{number}", number, 1) for number in range(100)]
        actor.start(entry, a_snapshot(plan), wanted)
        await asyncio.sleep(10)

    virtual_loop.run(scenario())
    assert (len(most), max(most)) == (100, act.CREATES_AT_ONCE_MAX)


@pytest.mark.parametrize(
    ("error", "reason", "transient"),
    [
        pytest.param(CUT, "APIUnreachable", True, id="no answer"),
        pytest.param(ApiError(403, "", "exceeded quota"), "WaitingForQuota", True, id="quota"),
        pytest.param(ApiError(422, "Invalid", "bad"), "InvalidPodSpec", False, id="invalid"),
    ],
)
def test_a_refusal_becomes_a_fact(error, reason, transient):
    done = Done(AnsweringApi(error), CREATE)
    found = done.refusal
    assert (found.attempt, found.reason, found.transient) == (1, reason, transient)
    assert (found.time, found.retry_time) == (stamp(0), stamp(1))
    assert (done.entry.creating, done.woken) == ({}, [done.entry.key])


def test_each_refusal_in_a_row_waits_longer_until_a_pod_is_created():
    entry = RunEntry(run_facts(), "1", rows.RunStatus())
    waits = []

    async def scenario():
        tasks = Tasks()
        api = AnsweringApi(CUT, CUT, CUT, encoded(POD), CUT)
        actor = act.RunActor(api, Known(), lambda _key: None, LoopClock(), tasks)
        for _ in range(5):
            entry.refusals.clear()
            actor.start(entry, SNAP, [CREATE])
            await asyncio.sleep(0.5)
            waits.append("a" in entry.refusals and entry.refusal_tries["a"])

    virtual_loop.run(scenario())
    assert waits == [1, 2, 3, False, 1]


# --- Adopting ---------------------------------------------------------------------------------


def test_a_pod_of_ours_that_is_there_already_is_adopted():
    done = Done(AnsweringApi(EXISTS, encoded(POD)), CREATE)
    assert done.api.asked == [f"POST {PODS}", f"GET {PODS}/{POD.metadata.name}"]
    assert (done.pods.names, done.refusal) == ([POD.metadata.name], None)


def test_a_pod_of_ours_that_the_cache_does_not_take_in_is_not_asked_for_at_once_again():
    """Found by the simulation: the watch had lost it, and it was asked for sixty times a second."""
    done = Done(AnsweringApi(EXISTS, encoded(POD)), CREATE, deaf=True)
    assert (done.refusal.transient, done.refusal.retry_time) == (True, stamp(1))


def test_a_pod_of_ours_that_has_lost_its_owner_is_adopted_and_gets_it_back():
    done = Done(AnsweringApi(EXISTS, encoded(ALONE), encoded(POD)), CREATE)
    path = f"{PODS}/{POD.metadata.name}"
    assert done.api.asked == [f"POST {PODS}", f"GET {path}", f"PATCH {path}"]
    (owner,) = done.api.calls[2].body["metadata"]["ownerReferences"]
    assert (owner["uid"], done.pods.names, done.refusal) == (RUN_UID, [POD.metadata.name], None)


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(run_uid="other"),
        a_pod(run="other", run_uid="uid-other"),
        owned_by(pods.OwnerReference("uid-job", "Job", "job", controller=True)),
    ],
    ids=["of a run of that name before", "of somebody else", "of another controller"],
)
def test_a_pod_of_somebody_else_is_never_adopted(pod):
    done = Done(AnsweringApi(EXISTS, encoded(pod)), CREATE)
    assert (done.refusal.reason, done.refusal.transient) == ("NameConflict", False)
    assert done.pods.names == []


@pytest.mark.parametrize(
    "error", [ApiError(404, "NotFound", "gone"), CUT, ApiError(500)], ids=["gone", "cut", "500"]
)
def test_a_pod_that_cannot_be_looked_at_is_asked_for_again(error):
    """It may have been deleted between the two requests; that is no fault of the task."""
    done = Done(AnsweringApi(EXISTS, error), CREATE)
    assert (done.refusal.transient, done.entry.creating) == (True, {})


# --- Deleting ---------------------------------------------------------------------------------

DELETE = actions.DeletePod("p", "uid-p", "7")


def test_a_pod_is_deleted_only_as_it_was_seen():
    done = Done(AnsweringApi(), DELETE, again=[DELETE])
    (call,) = done.api.calls
    assert (call.method, call.path) == ("DELETE", f"{PODS}/p")
    assert call.body == {"preconditions": {"uid": "uid-p", "resourceVersion": "7"}}
    assert done.entry.deleting == set()


@pytest.mark.parametrize(
    ("version", "expected"), [(1, [f"GET {RUN_PATH}", f"DELETE {PODS}/p"]), (2, [f"GET {RUN_PATH}"])],
    ids=["the run is as it is known", "another leader has written"],
)  # fmt: skip
def test_what_a_leader_of_yesterday_may_not_know_is_ended_only_after_a_look(version, expected):
    run = as_stored(a_run(), version)
    done = Done(AnsweringApi(run, DONE), actions.DeletePod("p", "uid-p", "7", sure=False))
    assert done.api.asked == expected
    assert done.entry.deleting == set()


@pytest.mark.parametrize(
    "wanted",
    [
        actions.DeletePod("p", "uid-p", "7", sure=False),
        actions.ReleasePod("p", "uid-p", "7", sure=False),
    ],
    ids=["to end it", "to let it go"],
)
def test_a_look_that_finds_the_run_changed_has_it_decided_again_when_nothing_is_under_way(wanted):
    """Our own write may be answered before the look is, and what follows from it finds this busy."""

    async def scenario():
        tasks, woken = Tasks(), []
        entry = RunEntry(run_facts(), "1", rows.RunStatus())
        wake = lambda key: woken.append((key, set(entry.deleting)))  # noqa: E731
        api = AnsweringApi(as_stored(a_run(), 2))
        actor = act.RunActor(api, Known(), lambda key: tell(wake, key), LoopClock(), tasks)
        actor.start(entry, SNAP, [wanted])
        await asyncio.sleep(10)
        return api.asked, woken, entry.key

    def tell(wake, key):
        """As a queue does it: whoever works on it comes to it a turn later."""
        asyncio.get_running_loop().call_soon(wake, key)

    asked, woken, key = virtual_loop.run(scenario())
    assert (asked, woken) == ([f"GET {RUN_PATH}"], [(key, set())])


def test_a_deletion_that_meets_a_bug_is_decided_again(caplog):
    async def scenario():
        tasks, woken = Tasks(), []
        entry = RunEntry(run_facts(), "1", rows.RunStatus())
        api = AnsweringApi(LookupError("a bug"))
        actor = act.RunActor(api, Known(), woken.append, LoopClock(), tasks)
        actor.start(entry, SNAP, [DELETE])
        await asyncio.sleep(20)
        return tasks.bugs, woken, entry.deleting

    with caplog.at_level(logging.CRITICAL):
        found = virtual_loop.run(scenario())
    assert found == (1, [("run", "ns", "run")], set())


@pytest.mark.parametrize(("version", "asked"), [(1, 2), (2, 1)])
def test_nor_is_it_let_go_before_that(version, asked):
    run = as_stored(a_run(), version)
    release = actions.ReleasePod("p", "uid-p", "7", sure=False)
    done = Done(AnsweringApi(run, encoded(POD)), release)
    assert len(done.api.asked) == asked


def test_a_look_that_fails_is_tried_again():
    unsure = actions.DeletePod("p", "uid-p", "7", sure=False)
    done = Done(AnsweringApi(CUT), unsure)
    assert (done.api.asked, done.woken) == ([f"GET {RUN_PATH}"], [done.entry.key])


def test_the_ended_pods_of_a_run_are_deleted_by_one_call():
    done = Done(AnsweringApi(), actions.DeletePods("uid-run", "Succeeded", 2))
    (call,) = done.api.calls
    assert (call.method, call.path, call.params) == (
        "DELETE",
        PODS,
        {
            "labelSelector": "kubedag.dev/run-uid=uid-run,kubedag.dev/rerun!=3",
            "fieldSelector": "status.phase=Succeeded",
        },
    )


@pytest.mark.parametrize(
    "error",
    [ApiError(404), ApiError(409, "Conflict"), ApiError(500), CUT],
    ids=["gone, which the watch has not told", "changed", "500", "cut"],
)
def test_a_deletion_that_failed_is_decided_again_a_little_later(error):
    done = Done(AnsweringApi(error), DELETE)
    assert (len(done.woken), done.entry.deleting) == (1, set())


def test_a_pod_that_has_changed_is_looked_at_before_its_deletion_is_decided_again():
    changed = a_pod(phase="Running")
    done = Done(AnsweringApi(ApiError(409, "Conflict"), encoded(changed)), DELETE)
    assert done.api.asked == [f"DELETE {PODS}/p", f"GET {PODS}/p"]
    assert done.pods.names == [changed.metadata.name]


def test_a_deletion_that_is_refused_again_and_again_is_asked_for_ever_less_often():
    """Without the right to delete, every finished run would ask once a second, and log it."""
    assert pauses_after(ApiError(403, "Forbidden")) == [[1], [2], [4], [], [1]]


def test_a_deletion_of_what_is_not_there_is_asked_for_ever_less_often_until_the_watch_tells():
    assert pauses_after(ApiError(404, "NotFound")) == [[1], [2], [4], [], [1]]


def pauses_after(refused):
    entry = RunEntry(run_facts(), "1", rows.RunStatus())
    pauses = []

    async def scenario():
        loop = asyncio.get_running_loop()
        woken = []
        api = AnsweringApi(refused, refused, refused, DONE, refused)
        actor = act.RunActor(
            api, Known(), lambda _key: woken.append(loop.time()), LoopClock(), Tasks()
        )
        for _ in range(5):
            woken.clear()
            began = loop.time()
            actor.start(entry, SNAP, [DELETE])
            await asyncio.sleep(10)
            pauses.append([round(moment - began) for moment in woken])

    virtual_loop.run(scenario())
    return pauses


# --- Logs -------------------------------------------------------------------------------------

CAPTURE = actions.CaptureLog("p", "uid-p", "main")


def test_the_end_of_a_log_is_read_once_and_kept():
    done = Done(AnsweringApi(b"last words"), CAPTURE, again=[CAPTURE])
    assert done.api.asked == [f"GET {PODS}/p/log"]
    assert done.entry.logs == {"uid-p": snapshot.CapturedLog(b"last words")}
    assert (done.entry.capturing, done.woken) == (set(), [done.entry.key])


def test_the_patterns_are_those_of_the_revision_of_the_run():
    plan = a_plan(a_task("a"), failureLogs={"maskPatterns": ["words"]})
    done = Done(AnsweringApi(b"last words"), CAPTURE, snap=a_snapshot(plan))
    assert done.entry.logs == {"uid-p": snapshot.CapturedLog(b"last ***")}
