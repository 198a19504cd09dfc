"""Each law can be broken; a story that breaks none is let pass."""

from __future__ import annotations

import pytest

from simulation import oracle
from support.objects import a_task
from support.pod_laws import Story, broken
from support.pod_witness import Life, Witness

SPEC = {
    "tasks": [
        a_task("a"),
        a_task("b", dependsOn=["a"]),
        a_task("clean-up", dependsOn=["a", "b"], triggerRule="AllDone"),
    ]
}


def lives(*spans, task="a"):
    """Pods of a task from (attempt, created, ended, how)."""
    return [
        Life(f"{task}-{attempt}", ("run", task), attempt, created, ended, phase)
        for attempt, created, ended, phase in spans
    ]


GOOD = {
    "a": [(1, 10, 20, "Failed"), (2, 30, 40, "Succeeded")],
    "b": [(1, 50, 60, "Failed")],
    "clean-up": [(1, 70, 80, "Succeeded")],
}


def story(settled=None, most=None, **changed):
    told = {
        task: lives(*spans, task=task)
        for task, spans in (GOOD | {k.replace("_", "-"): v for k, v in changed.items()}).items()
    }
    return Story(oracle.nodes(SPEC), told, settled or {"a": 45, "b": 65, "clean-up": 85}, most)


def test_a_story_as_it_should_be_breaks_no_law():
    assert broken(story(most=1)) == []


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (
            story(a=[(1, 10, 20, "Failed"), (1, 30, 40, "Succeeded")]),
            "a: its attempts are [1, 1]",
        ),
        (story(a=[(2, 10, 40, "Succeeded")]), "a: its attempts are [2]"),
        (
            story(a=[(1, 10, 31, "Failed"), (2, 30, 40, "Succeeded")]),
            "a: a-2 was created while the one before it was alive",
        ),
        (
            story(a=[(1, 10, None, "Running"), (2, 30, 40, "Succeeded")]),
            "a: a-2 was created while the one before it was alive",
        ),
        (
            story(settled={"a": 25, "b": 65}),
            "a: a-2 was created when it was stored that the task had ended",
        ),
        (
            story(settled={}, b=[(1, 39, 60, "Failed")]),
            "b: b-1 was created when its upstreams were {'a': ['-']}",
        ),
        (
            story(a=[(1, 10, 20, "Failed")], b=[(1, 30, 60, "Failed")]),
            "b: b-1 was created when its upstreams were {'a': ['F']}",
        ),
        (
            story(settled={}, clean_up=[(1, 55, 80, "Succeeded")]),
            "clean-up: clean-up-1 was created when its upstreams were {'a': ['S'], 'b': ['-']}",
        ),
        (
            story(most=1, clean_up=[(1, 59, 80, "Succeeded")], settled={"a": 45, "b": 58}),
            "clean-up-1 was created beside 1, of at most 1",
        ),
    ],
    ids=[
        "an attempt twice", "an attempt left out", "two at once", "two at once for ever",
        "after the end", "before its upstream's end", "after a failure", "before one of two",
        "one too many",
    ],
)  # fmt: skip
def test_what_breaks_a_law_is_told(told, wrong):
    assert broken(told) == [wrong]


# --- The witness ---------------------------------------------------------------------------------


def a_pod(version, phase="Pending", uid="u"):
    labels = {"kubedag.dev/run-uid": "run", "kubedag.dev/task": "a", "kubedag.dev/attempt": "1"}
    metadata = {"name": "p", "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "status": {"phase": phase}}


def seen(*changes):
    witness = Witness(None, "", "ns")
    for kind, type_, found in changes:
        witness.see(kind, type_, found)
    return witness


@pytest.mark.parametrize(
    ("changes", "ended", "phase"),
    [
        ([("MODIFIED", a_pod(5, "Running"))], None, ""),
        (
            [("MODIFIED", a_pod(6, "Succeeded")), ("DELETED", a_pod(9, "Succeeded"))],
            6,
            "Succeeded",
        ),
        ([("DELETED", a_pod(9, "Running"))], 9, "Running"),
    ],
    ids=["alive", "ended", "deleted"],
)
def test_a_witness_knows_when_a_pod_was_created_and_had_ended(changes, ended, phase):
    witness = seen(("pods", "ADDED", a_pod(4)), *(("pods", *change) for change in changes))
    assert witness.by_run() == {"run": {"a": [Life("p", ("run", "a"), 1, 4, ended, phase)]}}


def test_a_second_pod_of_one_name_is_another_one():
    witness = seen(("pods", "ADDED", a_pod(4)), ("pods", "ADDED", a_pod(7, uid="other")))
    assert [life.created for life in witness.by_run()["run"]["a"]] == [4, 7]


@pytest.mark.parametrize("kind", ["dagruns", "dagrunslices"])
def test_a_witness_knows_when_it_was_first_stored_that_a_task_had_ended(kind):
    def stored(version, state):
        rows = [{"name": "a", "state": state}]
        metadata = {"uid": "run", "resourceVersion": str(version)}
        if kind == "dagruns":
            return {"metadata": metadata, "status": {"tasks": rows}}
        return {
            "metadata": metadata | {"ownerReferences": [{"uid": "run"}], "uid": "slice"},
            "tasks": rows,
        }

    changes = [
        (kind, "MODIFIED", stored(v, s)) for v, s in ((3, "Running"), (5, "Failed"), (8, "Failed"))
    ]
    assert seen(*changes).settled == {("run", "a"): 5}
