"""A revision that is not seen is asked for by name, before a run ends over it."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from kubedag.core import pods, rows
from kubedag.shell import definitions, revision_asker
from kubedag.shell.entries import RunEntry
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi
from support.builders import run_facts
from support.objects import a_dag, a_task

NAME = "pipeline-abc"
PATH = f"/apis/apps/v1/namespaces/ns/controllerrevisions/{NAME}"
GONE = ApiError(404, "NotFound", "not there")


def stored(dag="pipeline", spec=None):
    return {
        "metadata": {
            "name": NAME,
            "namespace": "ns",
            "uid": "u-1",
            "resourceVersion": "7",
            "labels": {pods.LABEL_DAG: dag},
        },
        "revision": 3,
        "data": a_dag(a_task("a", image="x"))["spec"] if spec is None else spec,
    }


class Asked:
    """What there is to see once a run has asked, twice at the same time."""

    def __init__(self, *answers, seconds=1.0, again_after=None, name=NAME):
        self.api, self.known, self.woken = AnsweringApi(*answers), definitions.Revisions(), []
        self.entry = RunEntry(run_facts(), "1", rows.RunStatus())
        virtual_loop.run(self._do(seconds, again_after, name))

    def assume(self, record):
        self.known.put(record)

    async def _do(self, seconds, again_after, name):
        tasks = Tasks()
        asker = revision_asker.RevisionAsker(self.api, self, self.known, self.woken.append, tasks)
        asker.ask(self.entry, name)
        asker.ask(self.entry, name)
        await asyncio.sleep(again_after or 0)
        if again_after:
            asker.ask(self.entry, name)
        await asyncio.sleep(seconds)
        assert (len(tasks), tasks.bugs) == (0, 0)


def test_one_that_is_there_is_known_from_then_on():
    asked = Asked(stored())
    assert asked.api.asked == [f"GET {PATH}"]
    assert asked.known.plan("ns", "pipeline", NAME) is not None
    assert (asked.entry.lost_revision, asked.woken) == ("", [asked.entry.key])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(GONE, id="is not there"),
        pytest.param(stored(dag="other"), id="is of another DAG"),
        pytest.param(stored(spec={"tasks": 3}), id="cannot be read"),
    ],
)
def test_one_is_lost_to_the_run_that(answer):
    asked = Asked(answer)
    assert (asked.entry.lost_revision, asked.woken) == (NAME, [asked.entry.key])


def test_one_of_a_name_that_there_cannot_be_is_lost_without_a_question():
    asked = Asked(name="a_b")  # a Pod's label says which one it was made from
    assert (asked.entry.lost_revision, asked.api.asked) == ("a_b", [])


def test_a_cluster_that_does_not_answer_says_nothing_against_it():
    asked = Asked(Unreachable("cut", maybe_applied=True), seconds=10.0)
    assert (asked.entry.lost_revision, asked.woken) == ("", [asked.entry.key])


def test_one_that_was_lost_may_be_found_later():
    asked = Asked(GONE, orjson.dumps(stored()), again_after=2.0)
    assert asked.entry.lost_revision == ""
    assert len(asked.woken) == 2
