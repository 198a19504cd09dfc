"""What the shell makes of a run that is over and is to run again."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run, naming, rows, snapshot
from kubedag.shell.entries import RunEntry
from kubedag.shell.errors import Unreachable
from kubedag.shell.store import Store
from support.builders import (
    a_finished_status,
    a_pod,
    a_ready_status,
    a_row,
    a_status,
    an_attempt,
    as_stored,
    at,
    run_facts,
    stamp,
)
from support.objects import a_dag, a_run, a_task
from support.slice_bench import progress, stored, with_operators

replace = msgspec.structs.replace
A_DAG = a_dag(a_task("a", image="i"), a_task("b", image="i"))
FAILED = replace(
    a_finished_status(
        a_row("a", "Failed", attempt=1, attempts=(an_attempt(1, "Failed", log=rows.LogTail("None")),)),
        a_row("b", "Succeeded"),
        succeeded=False,
    ),
    observed_generation=1,
)  # fmt: skip
RUN, OTHER, DAG = ("run", "ns", "run"), ("run", "ns", "other"), ("dag", "ns", "pipeline")


class Known:
    """A store with a DAG, and who was woken."""

    def __init__(self, spec=None):
        self.keys = []
        self.store = Store(self.keys.append)
        self.version = 100
        self.dag(spec or {})

    def _next(self):
        self.version += 1
        return self.version

    def dag(self, spec):
        document = A_DAG | {"spec": A_DAG["spec"] | spec}
        self.store.put_dag(as_stored(document, self._next(), status=a_ready_status()))
        self.revision = self.store.dags["ns", "pipeline"].definition.revision

    def put(self, name="run", status=FAILED, wish=None, **spec):
        """A run as the API tells of it; by this DAG, if it has started."""
        if status.revision:
            status = replace(status, revision=self.revision)
        if wish is not None:
            spec["rerun"] = {"id": wish} if isinstance(wish, str) else wish
        self.keys.clear()
        self.store.put_run(as_stored(a_run(name, **spec), self._next(), status=status))
        return self.store.runs["ns", name]

    def decide(self, entry):
        """As the reconciler does, without what follows."""
        decision = decide_run.decide(self.store.run_snapshot(entry), at(1000))
        entry.decided = decision.status
        return decision.status

    def waits_for(self, entry):
        found = self.decide(entry).condition(rows.RERUN_PENDING)
        return found.reason if found is not None else None


# --- Rows --------------------------------------------------------------------------------------


def test_the_rows_of_a_run_that_is_to_run_again_are_kept():
    known = Known()
    assert known.put().status.tasks == ()
    entry = known.put(wish="1")
    assert entry.status.tasks == FAILED.tasks
    assert RUN in known.keys
    assert known.put(wish=None).status.tasks == ()


@pytest.mark.parametrize(
    ("facts", "lacks"),
    [
        ({}, False),
        ({"rerun": snapshot.RerunRequest("1")}, True),
        ({"rerun": snapshot.RerunRequest("1"), "deleting": True}, False),
    ],
    ids=["over", "to run again", "to be deleted"],
)
def test_rows_in_slices_are_read_of_a_run_that_is_to_run_again(facts, lacks):
    entry = RunEntry(run_facts(**facts), "1", rows.RunStatus())
    entry.take(replace(FAILED, tasks=(), slices=1))
    assert (entry.lacks_rows, entry.is_to_rerun) == (lacks, lacks)


# --- Places ------------------------------------------------------------------------------------


def test_it_waits_for_its_turn_and_is_woken_when_there_is_room():
    known = Known()
    entry = known.put(wish="1", logicalTime=stamp(20))
    known.put("other", a_status(a_row("a", "Running"), a_row("b", "Waiting")))
    assert known.waits_for(entry) == "Queued"
    known.put("other", FAILED)
    assert RUN in known.keys
    assert not known.decide(entry).finished


def test_it_has_its_place_by_time_among_those_that_have_not_started():
    known = Known()
    old = known.put(wish="1", logicalTime=stamp(0))
    new = known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    (peer,) = known.store.run_snapshot(new).peers
    assert (peer.started, peer.finished, peer.reruns) == (False, False, True)
    assert known.decide(new).condition("Succeeded").reason == "Queued"
    assert not known.decide(old).finished


def test_a_wish_that_cannot_be_fulfilled_is_in_nobodys_way():
    known = Known()
    old = known.put(wish={"id": "1", "scope": "Tasks", "tasks": ["z"]}, logicalTime=stamp(0))
    assert known.waits_for(old) == "TaskNotFound"
    new = known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    assert known.decide(new).condition("Succeeded").reason == "Running"


def test_those_that_waited_for_it_are_woken_when_the_wish_is_taken_back():
    known = Known()
    known.put(wish="1", logicalTime=stamp(0))
    known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    known.put(logicalTime=stamp(0))
    assert {RUN, OTHER} & set(known.keys) >= {OTHER}


def test_once_it_is_decided_that_it_runs_again_it_has_its_place_whoever_comes():
    known = Known()
    entry = known.put(wish="1", logicalTime=stamp(10))
    assert not known.decide(entry).finished
    other = known.put("other", rows.RunStatus(), logicalTime=stamp(0))
    (peer,) = known.store.run_snapshot(other).peers
    assert (peer.started, peer.finished) == (True, False)
    assert not known.decide(entry).finished


def test_a_wish_that_started_nothing_gives_the_next_one_no_place_while_it_is_being_stored():
    known = Known()
    succeeded = a_finished_status(a_row("a", "Succeeded"), a_row("b", "Succeeded"))
    entry = known.put(status=succeeded, wish={"id": "1", "scope": "Failed"}, logicalTime=stamp(20))
    known.put("other", a_status(a_row("a", "Running"), a_row("b", "Waiting")))
    assert (known.decide(entry).finished, entry.newest.rerun.id) == (True, "1")
    known.put(status=succeeded, wish={"id": "2", "scope": "All"}, logicalTime=stamp(20))
    assert known.waits_for(entry) == "Queued"


def test_a_run_that_depends_on_it_sees_it_once():
    known = Known({"dependsOnPast": True})
    known.put(wish="1", logicalTime=stamp(0))
    new = known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    assert [peer.name for peer in known.store.run_snapshot(new).peers] == ["run"]


def test_a_suspended_dag_does_not_hold_it():
    known = Known({"suspend": True})
    spec = {"runType": "Scheduled", "dataInterval": {"startTime": stamp(0), "endTime": stamp(9)}}
    assert not known.decide(known.put(wish="1", **spec)).finished


# --- The DAG ------------------------------------------------------------------------------------


def test_to_its_dag_it_is_over_and_waits():
    known = Known()
    known.put(wish="1")
    snap = known.store.dag_snapshot(known.store.dags["ns", "pipeline"])
    assert (snap.runs, len(snap.history), snap.history.to_rerun) == ((), 1, 1)
    (summary,) = snap.history
    assert (summary.rerun_wanted, summary.rerun_id, summary.is_to_rerun) == ("1", "", True)
    known.put(status=replace(FAILED, rerun=rows.Rerun("1", 1, stamp(50), 0)), wish="1")
    assert snap.history.to_rerun == 0


def test_the_newest_revision_is_that_of_the_dag_as_it_is_and_stays_while_it_is_promised():
    known = Known()
    old = known.revision
    entry = known.put(wish={"id": "1", "scope": "All", "revision": "Newest"})
    document = A_DAG | {"spec": {"tasks": [a_task("c", image="i")]}}
    known.store.put_dag(as_stored(document, known._next(), generation=2, status=a_ready_status(2)))
    new = known.store.dags["ns", "pipeline"].definition.revision
    found = known.store.run_snapshot(entry)
    assert (found.plan_revision, found.newest.revision) == (old, new)
    assert known.decide(entry).revision == new
    snap = known.store.dag_snapshot(known.store.dags["ns", "pipeline"])
    assert (snap.promised, old in snap.history.revisions) == ({new}, True)


# --- Slices -------------------------------------------------------------------------------------

ENDED = replace(a_finished_status(*progress(1).tasks), slices=3)
AGAIN = replace(progress(2), rerun=rows.Rerun("1", 1, stamp(9), 250))


def wanting(operator):
    """The run, after somebody has asked that it runs again."""
    path = operator.server.path
    found = operator.server.objects[path]
    operator.server.version += 1
    operator.server.objects[path] = found | {
        "spec": found["spec"] | {"rerun": {"id": "1"}},
        "metadata": found["metadata"] | {"resourceVersion": str(operator.server.version)},
    }
    operator.told()


def names(reruns):
    return [naming.slice_name("run", "uid-run", index, reruns) for index in range(3)]


def test_the_slices_of_a_rerun_are_others_and_those_of_before_go_when_it_is_stored():
    seen = []

    async def story(one):
        await one.write(ENDED)
        wanting(one)
        await one.load()
        assert one.run.status.tasks == ENDED.tasks
        one.server.before = lambda _call: seen.append(len(one.server.slices))
        await one.write(AGAIN)

    one = with_operators(story)
    assert max(seen) == 6
    assert stored(one.server) == AGAIN
    assert [found["metadata"]["name"] for found in one.server.slices] == names(1)
    assert (one.run.status, one.run.lacks_rows) == (AGAIN, False)


def test_until_a_rerun_is_stored_its_slices_count_for_nothing():
    """Also if the wish is taken back in the meantime."""

    async def story(one):
        await one.write(ENDED)
        wanting(one)
        await one.load()
        one.server.before = lambda call: (
            Unreachable("cut", maybe_applied=False)
            if call.method == "PUT" and call.path.endswith("status") else None
        )  # fmt: skip
        await one.write(AGAIN)
        assert len(one.server.slices) == 6
        assert one.run.status.tasks == ENDED.tasks
        one.server.before = lambda _call: None
        await one.write(replace(ENDED, observed_generation=2), seconds=40.0)

    one = with_operators(story)
    assert one.server.status["observedGeneration"] == 2
    assert {found["metadata"]["name"] for found in one.server.slices} >= set(names(0))
    assert one.writer.conflicts == 0


def test_slices_of_a_rerun_that_was_never_stored_are_overwritten_by_the_next_try():
    async def story(one, two):
        await one.write(ENDED)
        wanting(one)
        await one.load()
        one.server.before = lambda call: (
            Unreachable("cut", maybe_applied=False) if call.path.endswith("status") else None
        )
        await one.write(AGAIN)
        one.server.before = lambda _call: None
        two.told()
        await two.load()
        changed = replace(progress(3, t7="Waiting"), rerun=AGAIN.rerun)
        await two.write(changed)
        assert stored(two.server) == changed

    with_operators(story, count=2)


def test_a_leader_of_yesterday_overwrites_none_of_the_slices_that_another_goes_by():
    async def story(one, two):
        await one.write(ENDED)
        wanting(one)
        await one.load()
        two.told()
        await two.load()
        await one.write(AGAIN)
        begun = replace(progress(4, t7="Succeeded"), rerun=AGAIN.rerun)
        await one.write(begun)
        await two.write(AGAIN, seconds=5.0)
        assert stored(one.server) == begun
        assert two.writer.conflicts >= 1

    with_operators(story, count=2)


def test_slices_that_were_left_are_deleted_by_whoever_reads():
    async def story(one, two):
        await one.write(ENDED)
        wanting(one)
        await one.load()
        one.server.before = lambda call: (
            Unreachable("cut", maybe_applied=False) if call.method == "DELETE" else None
        )
        await one.write(AGAIN)
        assert len(one.server.slices) == 6
        one.server.before = lambda _call: None
        two.told()
        await two.load()
        assert (two.run.status, len(two.server.slices)) == (AGAIN, 3)

    with_operators(story, count=2)


def test_a_rerun_that_is_stored_is_no_end_and_its_rows_stay():
    async def story(one):
        await one.write(FAILED)
        wanting(one)
        await one.write(replace(a_status(*FAILED.tasks), rerun=rows.Rerun("1", 1, stamp(9), 1)))
        assert one.run.status.tasks == FAILED.tasks
        assert not one.run.archived

    with_operators(story)


def test_what_is_told_first_of_a_rerun_is_what_runs_again():
    async def story(one):
        await one.write(FAILED)
        wanting(one)
        one.recorder._queue.clear()
        await one.write(replace(a_status(*FAILED.tasks), rerun=rows.Rerun("1", 1, stamp(9), 1)))
        await one.write(replace(FAILED, rerun=rows.Rerun("1", 1, stamp(9), 1)))
        told = [telling.note for telling in one.recorder._queue.values()]
        assert [(note.reason, note.message) for note in told] == [
            ("RunRerun", "rerun 1: 1 of 2 tasks run again, with revision pipeline-rev"),
            ("RunFailed", "m"),
        ]

    with_operators(story)


# --- Pods that a leader of yesterday does not know ----------------------------------------------


def test_a_pod_of_a_rerun_that_nobody_told_of_is_ended_only_if_the_run_is_as_it_is_known():
    pod = a_pod("a", 2, "Running")
    labels = pod.metadata.labels | {"kubedag.dev/rerun": "1"}
    later = replace(
        pod, metadata=replace(pod.metadata, labels=labels, finalizers=("kubedag.dev/record",))
    )
    known = Known()
    snap = dataclasses.replace(
        known.store.run_snapshot(known.put()), pods={"a": (later,)}, held=(later,)
    )
    found = {type(one): one.sure for one in decide_run.decide(snap, at(1000)).actions}
    assert found == {actions.DeletePod: False, actions.ReleasePod: False}
    told = replace(FAILED, rerun=rows.Rerun("1", 1, stamp(9), 1))
    again = dataclasses.replace(snap, status=told)
    assert {one.sure for one in decide_run.decide(again, at(1000)).actions} == {True}


# --- What was fulfilled before ---------------------------------------------------------------

TWICE = replace(
    FAILED,
    rerun=rows.Rerun(
        "p2", 2, stamp(60), 2, "Failed",
        (rows.FulfilledRerun("p1", stamp(30), "other"), rows.FulfilledRerun("p2", stamp(60))),
    ),
)  # fmt: skip


def test_a_wish_that_was_fulfilled_before_the_last_one_waits_for_nothing():
    known = Known()
    entry = known.put(status=TWICE, wish="p1")
    told = known.decide(entry)
    assert (told.finished, told.condition("RerunPending").reason) == (True, "AlreadyDone")
    entry.status = told
    summary = entry.summary("")
    assert (summary.has_wish, summary.is_to_rerun, summary.held) == (False, False, "")
    assert (entry.is_to_rerun, entry.peer(pods_seen=False).finished) == (False, True)
