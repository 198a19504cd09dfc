"""What becomes of the actions of a Backfill."""

from __future__ import annotations

import asyncio

import pytest

from kubedag.core import actions
from kubedag.shell import act_backfill
from kubedag.shell.errors import ApiError, NotLeader, Unreachable
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import NAMESPACE, a_finished_status, as_stored
from support.objects import a_backfill, a_run, an_interval

RUNS = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns"
START, END = an_interval().values()
CREATE = actions.CreateRun("new", "Backfill", START, END, "bf", "uid-bf")
AGAIN = actions.RequestRerun("run", "uid-run", "backfill-1", "All")
SOME = actions.RequestRerun("run", "uid-run", "backfill-1", "Tasks", ("a",), "Same")
BACK = actions.WithdrawRerun("run", "uid-run", "backfill-1")
DROP = actions.DeleteRun("run", "uid-run", unstarted=True)
CUT = Unreachable("cut", maybe_applied=True)


def run(version=7, name="run", **spec):
    return as_stored(a_run(name, **spec), version, status=a_finished_status())


def created(**spec):
    plain = {"dataInterval": an_interval(), "runType": "Backfill"}
    return as_stored(a_run("new", **(plain | spec)), 9)


class Done:
    """What there is to see after some actions."""

    def __init__(self, api, *wanted, seconds=0.5, known=True):
        self.api, self.woken = api, []
        self.store = Store(self.woken.append)
        self.store.backfills.put(as_stored(a_backfill(), 3))
        self.store.backfills.put(as_stored(a_backfill("other"), 4))
        if known:
            self.store.put_run(run())
        self.entry = self.store.backfills.entries[NAMESPACE, "bf"]
        virtual_loop.run(self._do(wanted, seconds))

    async def _do(self, wanted, seconds):
        tasks = Tasks()
        actor = act_backfill.BackfillActor(
            self.api, self.woken.append, self.store, LoopClock(), tasks
        )
        self.woken.clear()
        actor.start(self.entry, wanted)
        actor.start(self.entry, wanted)  # decided again before it is done
        self.under_way = (dict(self.entry.creating), dict(self.entry.requesting))
        await asyncio.sleep(seconds)
        assert tasks.bugs == 0
        if not len(tasks):
            assert (self.entry.creating, self.entry.requesting) == ({}, {})


def test_a_run_is_created_once_and_known_at_once():
    done = Done(AnsweringApi(created()), CREATE)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("POST", RUNS)
    assert call.body["metadata"]["labels"]["kubedag.dev/backfill-uid"] == "uid-bf"
    assert done.under_way == ({"new": CREATE}, {})
    assert (NAMESPACE, "new") in done.store.runs
    assert done.entry.key in done.woken


def test_an_interval_whose_name_belongs_to_something_else_is_known_to_be_lost():
    done = Done(AnsweringApi(ApiError(409, "AlreadyExists"), created(dagName="other")), CREATE)
    assert done.entry.taken == {"new": (START, END)}


def test_a_refusal_is_remembered_and_waited_with():
    done = Done(AnsweringApi(ApiError(403, "Forbidden", "exceeded quota")), CREATE)
    assert done.entry.creations.trouble.message.endswith("exceeded quota")


@pytest.mark.parametrize(
    ("action", "wish"),
    [
        (AGAIN, {"id": "backfill-1", "scope": "All", "tasks": None, "revision": "Newest"}),
        (SOME, {"id": "backfill-1", "scope": "Tasks", "tasks": ["a"], "revision": "Same"}),
        (BACK, None),
    ],
    ids=["all of it", "some tasks", "taken back"],
)
def test_a_wish_is_written_only_over_the_run_as_it_was_decided_about(action, wish):
    done = Done(AnsweringApi(run(8)), action)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("PATCH", f"{RUNS}/run")
    # In a merge patch, what somebody had asked for before would stay.
    whole = None if wish is None else {**wish, "include": None, "dryRun": None}
    assert call.body == {"metadata": {"resourceVersion": "7"}, "spec": {"rerun": whole}}
    assert done.store.runs[NAMESPACE, "run"].resource_version == "8"
    assert done.entry.key in done.woken


@pytest.mark.parametrize("action", [AGAIN, BACK, DROP], ids=["again", "back", "drop"])
def test_of_a_run_that_has_changed_the_news_are_taken_in(action):
    done = Done(AnsweringApi(ApiError(409, "Conflict"), run(8)), action)
    assert [call.method for call in done.api.calls][1:] == ["GET"]
    assert done.store.runs[NAMESPACE, "run"].resource_version == "8"
    assert done.entry.creations.trouble is None


@pytest.mark.parametrize("action", [AGAIN, BACK, DROP], ids=["again", "back", "drop"])
def test_a_run_that_has_gone_is_forgotten(action):
    done = Done(AnsweringApi(ApiError(404, "NotFound")), action)
    assert done.store.runs == {}


@pytest.mark.parametrize("action", [AGAIN, BACK, DROP], ids=["again", "back", "drop"])
def test_nothing_is_asked_of_a_run_that_is_not_known_any_more(action):
    assert Done(AnsweringApi(), action, known=False).api.calls == []


def test_a_run_is_deleted_only_as_it_was_decided_about():
    done = Done(AnsweringApi(), DROP)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("DELETE", f"{RUNS}/run")
    assert call.body["preconditions"] == {"uid": "uid-run", "resourceVersion": "7"}


def test_a_rerun_that_is_refused_says_so():
    done = Done(AnsweringApi(ApiError(422, "Invalid", "no")), AGAIN)
    trouble = done.entry.creations.trouble
    assert trouble.message == "the API server does not let the run 'run' run again: no"
    assert trouble.said_no


@pytest.mark.parametrize("error", [CUT, NotLeader("not the leader")], ids=["cut", "no leader"])
@pytest.mark.parametrize(
    "action", [CREATE, AGAIN, BACK, DROP], ids=["new", "again", "back", "drop"]
)
def test_what_the_cluster_does_not_answer_is_decided_again_later(error, action):
    done = Done(AnsweringApi(error), action, seconds=2)
    assert done.entry.key in done.woken


def test_others_of_the_dag_look_again_too_when_one_has_its_place():
    done = Done(AnsweringApi(ApiError(403, "Forbidden")), CREATE)
    assert ("backfill", NAMESPACE, "other") in done.woken


@pytest.mark.parametrize("action", [BACK, DROP], ids=["back", "drop"])
def test_a_run_that_could_not_be_called_back_is_looked_at_also_when_its_backfill_has_gone(action):
    done = Done(AnsweringApi(ApiError(409, "Conflict"), run(8)), action)
    assert ("abandoned", NAMESPACE, "run") in done.woken
