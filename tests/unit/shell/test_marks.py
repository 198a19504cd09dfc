"""What the shell makes of a run that has ended, and of which somebody says how it did."""

import msgspec
import pytest

from kubedag.core import rows, snapshot
from kubedag.shell.entries import RunEntry
from kubedag.shell.errors import Unreachable
from kubedag.shell.slices import Place, Stored
from support.builders import a_finished_status, a_row, a_status, run_facts, stamp
from support.slice_bench import progress, with_operators
from unit.shell.test_reruns import OTHER, RUN, Known, wanting

replace = msgspec.structs.replace
WAITS = rows.Condition(rows.RERUN_PENDING, rows.TRUE, "Queued", "m", stamp(1), 1)
ONE = {"task": "a", "id": "1", "state": "Succeeded"}
MARK = snapshot.MarkRequest("1", "Succeeded")
#  a ── b in A_DAG do not depend on each other, in CHAIN they do
CHAIN = {"tasks": [
    {"name": "a", "image": "i"}, {"name": "b", "image": "i", "dependsOn": ["a"]},
]}  # fmt: skip
FAILED = replace(
    a_finished_status(
        a_row("a", "Failed"), a_row("b", "UpstreamFailed", reason="UpstreamFailed"),
        succeeded=False,
    ),
    observed_generation=1,
)  # fmt: skip


def of(*marks):
    return {"marks": list(marks)}


# --- Rows --------------------------------------------------------------------------------------


def test_the_rows_of_a_run_are_kept_until_its_marks_are_set():
    known = Known(CHAIN)
    assert known.put(status=FAILED).status.tasks == ()
    entry = known.put(status=FAILED, **of(ONE))
    assert (entry.status.tasks, entry.is_to_rerun) == (FAILED.tasks, True)
    done = replace(FAILED, tasks=(replace(FAILED.tasks[0], mark=rows.Mark("1", "Succeeded")),))
    assert known.put(status=done, **of(ONE)).status.tasks == ()
    assert not known.store.runs["ns", "run"].is_to_rerun


LACKS = {
    "over": ({}, 1, (), False),
    "changed": ({"marks": {"a": MARK}}, 2, (), True),
    "waits": ({"marks": {"a": MARK}}, 1, (WAITS,), True),
    "looked at": ({"marks": {"a": MARK}}, 1, (), False),
    "looked at, and has been told what would run again": (
        {"marks": {"a": MARK}}, 1, (replace(WAITS, reason="DryRun"),), False,
    ),
    "asks what would run again": (
        {"rerun": snapshot.RerunRequest("1", dry_run=True)}, 2, (), True,
    ),
    "has been told what would run again": (
        {"rerun": snapshot.RerunRequest("1", dry_run=True)}, 1, (WAITS,), False,
    ),
    "to be deleted": ({"marks": {"a": MARK}, "deleting": True}, 2, (), False),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "generation", "told", "lacks"), LACKS.values(), ids=LACKS)
def test_rows_in_slices_are_read_if_a_mark_may_concern_them(facts, generation, told, lacks):
    entry = RunEntry(run_facts(generation=generation, **facts), "1", rows.RunStatus())
    entry.take(replace(FAILED, tasks=(), slices=1, conditions=FAILED.conditions + told))
    assert entry.lacks_rows == lacks


def test_rows_that_were_dropped_with_what_is_known_of_their_slices_are_read_again():
    entry = RunEntry(run_facts(), "1", rows.RunStatus())
    whole = replace(FAILED, slices=1)
    entry.slices.stored[Place(0, 0)] = Stored("5", FAILED.tasks)
    entry.sending = whole
    entry.take(replace(whole, tasks=()))
    assert (entry.status, entry.slices.unread) == (whole, False)
    entry.archive()
    assert entry.archived
    entry.take(replace(whole, tasks=()))
    assert (entry.status.tasks, entry.slices.unread) == ((), True)


def ended_in_slices(mark):
    tasks = (replace(row, state="Succeeded", mark=mark) for row in progress(1).tasks)
    return replace(a_finished_status(*tasks), slices=3, observed_generation=1)


def asked_to_mark(one, id_):
    """Somebody does, and a watch tells of it."""
    found = one.server.objects[one.server.path]
    one.server.version += 1
    one.server.objects[one.server.path] = found | {
        "spec": found["spec"] | of({**ONE, "task": "t1", "id": id_}),
        "metadata": found["metadata"]
        | {"resourceVersion": str(one.server.version), "generation": 2},
    }
    one.told()


def waits(one):
    """Does the run wait to go on, and how many wait by what its DAG knows?"""
    return one.run.is_to_rerun, one.store.siblings("ns", "pipeline").history.to_rerun


def test_once_its_rows_are_read_a_run_whose_marks_are_set_waits_for_nothing():
    """Found by the simulation: its DAG counted it among those that wait, for ever."""
    mark = rows.Mark("1", "Succeeded")
    ended = ended_in_slices(mark)

    async def story(one):
        await one.write(ended)
        asked_to_mark(one, "1")
        assert waits(one) == (True, 1)
        await one.load()
        assert waits(one) == (False, 0)

    with_operators(story)


def test_a_mark_that_was_stored_in_a_slice_first_is_waited_for_no_more_when_all_is_stored():
    """Found by the simulation: the run itself was refused at first."""
    ended = ended_in_slices(None)
    marked = (replace(row, mark=rows.Mark("2", "Succeeded")) for row in ended.tasks)

    async def story(one):
        await one.write(ended)
        asked_to_mark(one, "2")
        await one.load()
        cut = Unreachable("cut", maybe_applied=False)
        one.server.before = lambda call: cut if call.path.endswith("/run/status") else None
        await one.write(replace(ended, tasks=tuple(marked), observed_generation=2))
        assert waits(one) == (False, 1)
        one.server.before = lambda _call: None
        await one.write(one.run.decided, seconds=60)
        await one.write(one.run.decided)
        assert waits(one) == (False, 0)

    with_operators(story)


# --- Places ------------------------------------------------------------------------------------


def test_a_run_that_is_to_go_on_after_a_mark_waits_for_its_turn_as_one_that_runs_again():
    known = Known(CHAIN)
    entry = known.put(status=FAILED, **of(ONE))
    known.put("other", a_status(a_row("a", "Running"), a_row("b", "Waiting")))
    assert known.waits_for(entry) == "Queued"
    known.put("other", FAILED)
    assert RUN in known.keys
    assert not known.decide(entry).finished
    assert entry.is_beginning


def test_it_does_so_also_if_what_was_decided_last_was_decided_without_its_rows():
    known = Known(CHAIN)
    known.put("other", a_status(a_row("a", "Running"), a_row("b", "Waiting")))
    over = known.put(status=FAILED)
    known.decide(over)
    entry = known.put(status=FAILED, **of(ONE))
    assert not entry.is_beginning
    assert known.waits_for(entry) == "Queued"


def test_those_that_waited_for_it_are_woken_when_the_mark_is_taken_out():
    known = Known(CHAIN)
    known.put(status=FAILED, logicalTime=stamp(0), **of(ONE))
    known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    known.put(status=FAILED, logicalTime=stamp(0))
    assert OTHER in known.keys


def test_to_its_dag_it_is_over_and_waits():
    known = Known(CHAIN)
    entry = known.put(status=FAILED, **of(ONE))
    (summary,) = known.store.dag_snapshot(known.store.dags["ns", "pipeline"]).history
    assert (summary.finished, summary.is_to_rerun, summary.rerun_wanted) == (True, True, "")
    assert entry.wish is None


@pytest.mark.parametrize(("dry_run", "waits"), [(True, False), (False, True)])
def test_a_dry_run_waits_for_no_place_and_keeps_nobody_from_one(dry_run, waits):
    known = Known(CHAIN)
    wish = {"id": "1", "scope": "All", "dryRun": dry_run}
    entry = known.put(status=FAILED, wish=wish, logicalTime=stamp(0))
    new = known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    assert entry.is_to_rerun == waits
    assert [peer.reruns for peer in known.store.run_snapshot(new).peers] == [True] * waits
    history = known.store.dag_snapshot(known.store.dags["ns", "pipeline"]).history
    assert history.to_rerun == waits


# --- Who sees it --------------------------------------------------------------------------------

VERDICTS = {
    "the run": {"mark": {"id": "1", "state": "Succeeded"}},
    "its tasks": of(ONE, {"task": "b", "id": "1", "state": "Skipped"}),
}


@pytest.mark.parametrize("spec", VERDICTS.values(), ids=VERDICTS)
def test_one_that_depends_on_the_past_goes_once_the_run_before_it_is_marked(spec):
    known = Known(CHAIN | {"dependsOnPast": True})
    known.put(status=FAILED, logicalTime=stamp(0))
    new = known.put("other", rows.RunStatus(), logicalTime=stamp(10))
    assert known.decide(new).condition("Succeeded").reason == "DependsOnPast"
    entry = known.put(status=FAILED, logicalTime=stamp(0), **spec)
    marked = known.decide(entry)
    assert (marked.finished, marked.succeeded) == (True, True)
    known.put(status=marked, logicalTime=stamp(0), **spec)
    assert OTHER in known.keys
    assert known.decide(new).condition("Succeeded").reason == "Running"


@pytest.mark.parametrize(("state", "failures"), [("Succeeded", 0), ("Failed", 1)])
def test_failures_in_a_row_are_counted_by_what_was_said(state, failures):
    known = Known(CHAIN)
    entry = known.put(status=FAILED, mark={"id": "1", "state": state})
    known.put(status=known.decide(entry), mark={"id": "1", "state": state})
    history = known.store.dag_snapshot(known.store.dags["ns", "pipeline"]).history
    assert history.failures("") == failures
    assert history.count(succeeded=True) == 1 - failures
    (summary,) = history
    assert (summary.state, summary.succeeded) == (f"Marked{state}", not failures)


@pytest.mark.parametrize(("state", "truth"), [("Succeeded", rows.TRUE), ("Failed", rows.FALSE)])
def test_others_look_again_when_a_run_that_has_ended_is_stored_as_marked(state, truth):
    """Also where it has failed before; how often it ran has not changed."""
    woken = []

    async def story(one):
        await one.write(FAILED)
        wanting(one)
        told = tuple(
            replace(
                said,
                reason=f"Marked{state}",
                **({"status": truth} if said.type == "Succeeded" else {}),
            )
            for said in FAILED.conditions
        )
        one.store._wake = woken.append
        await one.write(replace(FAILED, conditions=told, mark=rows.Mark("1", state)))

    with_operators(story)
    assert ("dag", "ns", "pipeline") in woken
