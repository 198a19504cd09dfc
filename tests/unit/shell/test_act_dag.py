"""What becomes of the actions of a DAG."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kubedag.core import actions, answers, refusals, runspec, snapshot, trials
from kubedag.shell import act_dag
from kubedag.shell.entries import DAGEntry, RunEntry
from kubedag.shell.errors import ApiError, Cause, NotLeader, Unreachable
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, Known, NoRuns
from support.builders import (
    DAG,
    NAMESPACE,
    a_definition,
    a_finished_status,
    a_plan,
    as_stored,
    at,
    run_facts,
    stamp,
)
from support.objects import a_run, a_task

PLAN = a_plan(a_task("a"), a_task("b", image="other"))
TRIALS = trials.trials(PLAN, NAMESPACE, "uid-dag")
TRY = actions.TryPod(TRIALS[1].key, TRIALS[1].manifest)
STORE = actions.CreateRevision("p-1", 3)
FORGET = actions.DeleteRevision("p-1", "uid-p-1")
RETIRE = actions.DeleteRun("run", "uid-run")
REVISIONS = "/apis/apps/v1/namespaces/ns/controllerrevisions"
A_REVISION = {
    "metadata": {"name": "p-1", "namespace": "ns", "uid": "uid-p-1", "resourceVersion": "7"},
    "revision": 3,
    "data": {},
}
NOW = at(10)
RUN = RunEntry(run_facts(uid="uid-run"), "7", a_finished_status())
RUN_PATH = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/run"
CUT = Unreachable("cut", maybe_applied=True)


class Stopped:
    """A clock that stands still."""

    def now(self):
        return NOW


class Done:
    """What there is to see after some actions."""

    def __init__(self, api, *wanted, seconds=10.0, edited=False, before=None, run=RUN):
        self.runs = {(NAMESPACE, "run"): run}
        self.api, self.revisions = api, Known()
        self.woken, self.forgotten, self.taken_in = [], [], []
        definition = a_definition(PLAN, trials=TRIALS)
        self.entry = DAGEntry(NAMESPACE, DAG, spec_json=b'{"tasks":[]}', definition=definition)
        self.entry.trial_results |= before or {}
        virtual_loop.run(self._do(wanted, seconds, edited))

    async def _do(self, wanted, seconds, edited):
        tasks = Tasks()
        actor = act_dag.DAGActor(
            self.api,
            self.revisions,
            self._wake,
            self,
            Stopped(),
            tasks,
        )
        actor.start(self.entry, wanted)
        actor.start(self.entry, wanted)  # decided again before it is done
        await asyncio.sleep(0.5)
        if edited:
            self.entry.definition = a_definition(PLAN, trials=TRIALS, generation=2)
        self.under_way = set(self.entry.creating)
        await asyncio.sleep(seconds)
        assert (len(tasks), tasks.bugs, self.entry.busy) == (0, 0, set())

    def put_run(self, raw):
        self.taken_in.append(raw)

    def drop_run(self, *name):
        self.forgotten.append(name)

    def creation_over(self, *_made):
        """Nobody waits for it here."""

    def _wake(self, key):
        self.woken.append((key, asyncio.get_running_loop().time()))


# --- Trials -----------------------------------------------------------------------------------


def test_a_pod_is_tried_without_being_created():
    done = Done(AnsweringApi(), TRY)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("POST", "/api/v1/namespaces/ns/pods")
    assert call.params == {"dryRun": "All", "fieldValidation": "Strict"}
    assert done.entry.trial_results == {TRY.key: answers.Result(NOW)}
    assert [key for key, _ in done.woken] == [done.entry.key]


@pytest.mark.parametrize(
    ("error", "answer", "causes"),
    [
        pytest.param(
            ApiError(422, "Invalid", "m", (
                Cause("FieldValueInvalid", "must be one of", "spec.dnsPolicy"),
                Cause("X", "no field"))),
            refusals.Answer(422, "Invalid", "m"),
            (("spec.dnsPolicy", "must be one of"), ("", "no field")), id="a refusal",
        ),
        pytest.param(
            ApiError(403, "Forbidden", "m"), refusals.Answer(403, "Forbidden", "m"), (),
            id="without causes",
        ),
        pytest.param(ApiError(500), refusals.Answer(500, "", ""), (), id="trouble of its own"),
        pytest.param(CUT, refusals.Answer(0, "", "cut"), (), id="no answer"),
    ],
)  # fmt: skip
def test_what_the_api_server_says_is_kept_as_it_is(error, answer, causes):
    done = Done(AnsweringApi(error), TRY)
    assert done.entry.trial_results == {TRY.key: answers.Result(NOW, answer, causes)}
    assert [key for key, _ in done.woken] == [done.entry.key]


def test_how_often_there_was_no_answer_is_counted():
    before = {TRY.key: answers.Result(NOW, refusals.Answer(0, "", "cut"), tries=3)}
    done = Done(AnsweringApi(CUT), TRY, before=before)
    assert done.entry.trial_results[TRY.key].tries == 4


def test_an_answer_about_an_older_generation_is_not_kept():
    done = Done(AnsweringApi(seconds=1), TRY, edited=True)
    assert done.entry.trial_results == {}


# --- Revisions --------------------------------------------------------------------------------


def test_a_revision_is_stored_with_the_spec_as_it_is_and_no_owner():
    done = Done(AnsweringApi(A_REVISION), STORE)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("POST", REVISIONS)
    assert call.body == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": "p-1",
            "namespace": "ns",
            "labels": {"app.kubernetes.io/managed-by": "kubedag", "kubedag.dev/dag": "pipeline"},
        },
        "revision": 3,
        "data": {"tasks": []},
    }
    assert done.revisions.names == ["p-1"]


def test_a_revision_that_is_there_already_is_taken_as_it_is():
    done = Done(AnsweringApi(ApiError(409, "AlreadyExists"), A_REVISION), STORE)
    assert done.api.asked == [f"POST {REVISIONS}", f"GET {REVISIONS}/p-1"]
    assert done.revisions.names == ["p-1"]


def test_a_revision_that_could_not_be_stored_is_stored_later():
    done = Done(AnsweringApi(CUT), STORE)
    assert (done.revisions.names, len(done.woken)) == ([], 1)


def test_a_revision_that_is_there_and_not_seen_is_not_asked_for_again_at_once():
    done = Done(AnsweringApi(ApiError(409, "AlreadyExists"), A_REVISION), STORE)
    assert [at for _, at in done.woken] == [act_dag.PAUSE_SECONDS]


def test_a_revision_is_stored_with_the_spec_that_its_name_follows_from():
    """The DAG is edited before the request is sent."""

    async def story():
        api, tasks = AnsweringApi(A_REVISION), Tasks()
        actor = act_dag.DAGActor(api, Known(), lambda _key: None, NoRuns(), Stopped(), tasks)
        entry = DAGEntry(NAMESPACE, DAG, spec_json=b'{"tasks":[]}')
        actor.start(entry, [STORE])
        entry.spec_json = b'{"tasks":[{}]}'
        await asyncio.sleep(1)
        return [call.body["data"] for call in api.calls]

    assert virtual_loop.run(story()) == [{"tasks": []}]


# --- Runs -------------------------------------------------------------------------------------

RUNS = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns"
CREATE = actions.CreateRun(
    "pipeline-20260101t0600-1h", "Scheduled", "2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z"
)
WANTED = runspec.build(CREATE, NAMESPACE, DAG)
EXISTS = ApiError(409, "AlreadyExists")
NO = ApiError(403, "Forbidden", "exceeded quota")


def of_interval(start, end, dag=DAG):
    spec = {"dagName": dag, "dataInterval": {"startTime": start, "endTime": end}}
    return CREATED | {"spec": spec}


def as_made(document):
    """With what the API server adds to it."""
    meta = {"uid": "uid-made", "resourceVersion": "8", "creationTimestamp": stamp(0)}
    return document | {"metadata": document["metadata"] | meta}


CREATED = as_made(WANTED)


def test_a_run_is_created_with_all_that_tells_what_it_is_of_and_known_at_once():
    done = Done(AnsweringApi(lambda call: as_made(call.body)), CREATE)
    (call,) = done.api.calls
    assert (call.method, call.path) == ("POST", RUNS)
    assert call.body == WANTED
    assert done.taken_in == [CREATED]
    assert [key for key, _ in done.woken] == [done.entry.key]


@pytest.mark.parametrize(
    "found",
    [CREATED, of_interval("2026-01-01T07:00:00+01:00", "2026-01-01T08:00:00.0+01:00")],
    ids=["our own", "made by hand, in another zone"],
)
def test_a_run_that_is_there_already_is_taken_in(found):
    done = Done(AnsweringApi(EXISTS, found), CREATE)
    assert done.api.asked == [f"POST {RUNS}", f"GET {RUNS}/{CREATE.name}"]
    assert (done.taken_in, done.entry.creations.taken) == ([found], {})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            of_interval(CREATE.start_time, CREATE.end_time, "other"),
            "of DAG 'other' for 2026-01-01T06:00:00Z to 2026-01-01T07:00:00Z",
        ),
        (
            of_interval(CREATE.start_time, "2026-01-01T08:00:00Z"),
            "of DAG 'pipeline' for 2026-01-01T06:00:00Z to 2026-01-01T08:00:00Z",
        ),
        (CREATED | {"spec": {"dagName": DAG}}, "of DAG 'pipeline'"),
    ],
    ids=["another DAG", "another interval", "no interval"],
)
def test_a_name_that_something_else_has_is_known_as_taken(found, words):
    done = Done(AnsweringApi(EXISTS, found), CREATE)
    assert (done.taken_in, done.entry.creations.taken) == ([found], {CREATE.name: words})


@pytest.mark.parametrize(
    ("answers_", "trouble"),
    [
        ((NO,), (403, "exceeded quota", True)),
        ((ApiError(503, "", "busy"),), (503, "busy", False)),
        ((ApiError(429, "", "busy"),), (429, "busy", False)),
        ((CUT,), (0, "cut", False)),
        ((EXISTS, ApiError(404, "NotFound", "gone")), (404, "gone", True)),
    ],
    ids=["refused", "trouble", "overloaded", "no answer", "gone in between"],
)
def test_what_is_in_the_way_is_remembered_and_not_asked_again_at_once(answers_, trouble):
    done = Done(AnsweringApi(*answers_), CREATE)
    found = done.entry.creations.trouble
    message = f"the API server does not create the run '{CREATE.name}': {trouble[1]}"
    assert (found.message, found.told) == (message, trouble[2])
    assert (found.retry_at, found.holds(NOW)) == (at(11), True)
    assert (done.taken_in, [key for key, _ in done.woken]) == ([], [done.entry.key])


def test_it_is_known_what_is_being_created():
    done = Done(AnsweringApi(CREATED, seconds=1), CREATE, replace(CREATE, name="other"))
    assert (done.under_way, done.entry.creating) == ({CREATE.name, "other"}, {})


def test_who_leads_no_more_learns_nothing_about_the_run():
    assert Done(AnsweringApi(NotLeader("no")), CREATE).entry.creations.trouble is None


def test_the_first_success_ends_the_trouble():
    done = Done(AnsweringApi(NO, CREATED), CREATE, replace(CREATE, name="other"))
    assert done.entry.creations.trouble is None


# --- Deletions --------------------------------------------------------------------------------


def test_the_revision_that_is_deleted_is_the_one_that_was_meant():
    (call,) = Done(AnsweringApi(), FORGET).api.calls
    assert (call.method, call.path) == ("DELETE", f"{REVISIONS}/p-1")
    assert call.body == {"preconditions": {"uid": "uid-p-1"}, "propagationPolicy": "Background"}


def test_a_run_is_deleted_as_it_is_known_and_no_other():
    (call,) = Done(AnsweringApi(), RETIRE).api.calls
    assert (call.method, call.path) == ("DELETE", RUN_PATH)
    same = {"uid": "uid-run", "resourceVersion": "7"}
    assert call.body == {"preconditions": same, "propagationPolicy": "Background"}


def test_a_run_that_is_gone_already_is_forgotten():
    assert Done(AnsweringApi(ApiError(404)), RETIRE).forgotten == [("ns", "run", "uid-run")]


def test_a_run_that_has_changed_is_looked_at_again():
    changed = as_stored(a_run(), 8)
    done = Done(AnsweringApi(ApiError(409, "Conflict"), changed), RETIRE)
    assert done.api.asked == [f"DELETE {RUN_PATH}", f"GET {RUN_PATH}"]
    assert (done.taken_in, done.forgotten) == ([changed], [])


@pytest.mark.parametrize(
    "facts",
    [
        run_facts(uid="uid-run", rerun=snapshot.RerunRequest("1")),
        run_facts(uid="uid-other"),
    ],
    ids=["to run again", "another of its name"],
)
def test_a_run_that_is_not_to_be_deleted_any_more_is_let_be(facts):
    run = RunEntry(facts, "7", a_finished_status())
    assert Done(AnsweringApi(), RETIRE, run=run).api.calls == []


def test_a_run_that_is_being_deleted_is_not_forgotten_before_it_is_gone():
    assert Done(AnsweringApi(), RETIRE).forgotten == []


def test_a_deletion_that_failed_is_decided_again():
    done = Done(AnsweringApi(ApiError(500)), FORGET)
    assert [key for key, _ in done.woken] == [done.entry.key]


# --- Many at once -----------------------------------------------------------------------------


def test_two_dags_of_one_name_create_the_same_run_without_a_bug():
    """The second is there before the first has its answer; the name of the run is the lock."""

    async def story():
        tasks, api = Tasks(), AnsweringApi(CREATED, EXISTS, CREATED, seconds=1)
        there = Done.__new__(Done)
        there.taken_in, there.woken = [], []
        actor = act_dag.DAGActor(api, Known(), there._wake, there, Stopped(), tasks)
        for _ in range(2):
            actor.start(DAGEntry(NAMESPACE, DAG, definition=a_definition(PLAN)), [CREATE])
            await asyncio.sleep(0.5)
        await asyncio.sleep(3)
        return tasks.bugs, there.taken_in, actor._creating

    assert virtual_loop.run(story()) == (0, [CREATED, CREATED], {})
