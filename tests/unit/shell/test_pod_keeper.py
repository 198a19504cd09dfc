"""Single Pods by name: are they gone, can they be found, may they go."""

from __future__ import annotations

import asyncio

import msgspec
import orjson
import pytest

from kubedag.core import actions, pods, rows
from kubedag.shell import pod_keeper
from kubedag.shell.entries import RunEntry
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, Known
from support.builders import RUN, RUN_UID, a_pod, as_stored, encoded, labels, run_facts
from support.objects import a_run

POD = a_pod(phase="Running")
NAME, UID = POD.metadata.name, POD.metadata.uid
PATH = f"/api/v1/namespaces/ns/pods/{NAME}"
OWNER = {"apiVersion": "v", "kind": "DAGRun", "name": RUN, "uid": RUN_UID, "controller": True}
THEIRS = {"apiVersion": "v", "kind": "Job", "name": "job", "uid": "u", "controller": True}
MARK = pod_keeper.Mark(labels("a", 1), OWNER, {pods.LABEL_RUN_TYPE: "Manual"})
ALL_LABELS = {**MARK.telling, **MARK.labels}
MISSING = ApiError(404, "NotFound", "no such Pod")
CUT = Unreachable("cut", maybe_applied=False)
CHANGED = ApiError(409, "Conflict", "the object has been modified")


class Kept:
    """What there is to see after some requests."""

    def __init__(self, *answers, seconds=0.5):
        self.api, self.pods = AnsweringApi(*answers), Known()
        self.woken, self.told, self.runs = [], [], []
        self.in_time, self.times = [], []
        self.entry = RunEntry(run_facts(), "1", rows.RunStatus())
        self.seconds = seconds

    def by(self, ask):
        virtual_loop.run(self._do(ask))
        return self

    async def _do(self, ask):
        tasks = Tasks()
        keeper = pod_keeper.PodKeeper(
            self.api,
            self.pods,
            self.woken.append,
            tasks,
            lambda _run, note: self.told.append(note),
        )
        ask(self, keeper)
        await asyncio.sleep(self.seconds)
        self.in_time, self.times = list(self.woken), [round(call.at) for call in self.api.calls]
        assert tasks.bugs == 0


def confirm(kept, keeper, uid=UID):
    keeper.confirm(kept.entry, actions.ConfirmGone(NAME, uid, 0, 1), MARK)


def confirm_by_status(kept, keeper):
    confirm(kept, keeper, "")


def changed(**changes):
    raw = orjson.loads(encoded(POD))
    raw["metadata"] |= changes
    return raw


# --- Gone -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "answer", "gone"),
    [
        pytest.param(confirm, MISSING, {NAME, UID}, id="there is none"),
        pytest.param(confirm_by_status, MISSING, {NAME}, id="there is none, by the status"),
        pytest.param(
            confirm, changed(uid="other", ownerReferences=[], labels={}), {NAME, UID}, id="another one"
        ),
        pytest.param(
            confirm_by_status, changed(ownerReferences=[THEIRS]), {NAME}, id="somebody else's"
        ),
        pytest.param(
            confirm_by_status, changed(ownerReferences=[], labels={}), {NAME}, id="nobody's"
        ),
        pytest.param(confirm, changed(), set(), id="it is there"),
        pytest.param(confirm_by_status, changed(), set(), id="it is there, by the status"),
        pytest.param(confirm, CUT, set(), id="nobody knows"),
    ],
)  # fmt: skip
def test_a_pod_is_gone_only_if_the_api_says_so(ask, answer, gone):
    kept = Kept(answer).by(ask)
    assert (kept.entry.gone, kept.api.asked) == (gone, [f"GET {PATH}"])


def test_the_run_looks_again_when_it_is_known():
    assert Kept(MISSING).by(confirm).woken == [("run", "ns", "run")]


def test_one_question_is_asked_at_a_time():
    def twice(kept, keeper):
        confirm(kept, keeper)
        confirm(kept, keeper)

    assert len(Kept(MISSING).by(twice).api.calls) == 1


def test_a_question_without_an_answer_is_asked_ever_less_often():
    def for_ever(kept, keeper):
        keeper._wake = lambda _key: confirm(kept, keeper)
        confirm(kept, keeper)

    kept = Kept(CUT, seconds=20).by(for_ever)
    assert kept.times == [0, 1, 3, 7, 15]


# --- Put right --------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [confirm, confirm_by_status])
@pytest.mark.parametrize(
    ("found", "patched", "what"),
    [
        pytest.param(
            changed(labels=labels("b", 1)), {"labels": ALL_LABELS}, "labels", id="a label",
        ),
        pytest.param(
            changed(labels=None), {"labels": ALL_LABELS}, "labels", id="all labels",
        ),
        pytest.param(
            changed(labels={**MARK.labels, "theirs": "x"}, ownerReferences=[]),
            {"ownerReferences": [OWNER]}, "owner", id="its owner",
        ),
    ],
)  # fmt: skip
def test_what_somebody_changed_is_put_right_and_told(ask, found, patched, what):
    kept = Kept(found, encoded(POD)).by(ask)
    assert kept.api.asked == [f"GET {PATH}", f"PATCH {PATH}"]
    assert kept.api.calls[1].body == {"metadata": {"uid": UID, "resourceVersion": "1", **patched}}
    assert (kept.pods.names, kept.entry.gone) == ([NAME], set())
    (note,) = kept.told
    assert (note.reason, f"its {what} had been changed" in note.message) == (
        "PodLabelsRestored",
        True,
    )


def test_a_pod_that_is_as_it_was_is_taken_in_and_not_touched():
    kept = Kept(changed()).by(confirm)
    assert (kept.api.asked, kept.pods.names, kept.told) == ([f"GET {PATH}"], [NAME], [])


@pytest.mark.parametrize(
    ("stored", "put_right"),
    [("", False), ("pipeline-1", True)],
    ids=["of nothing", "of a revision"],
)
def test_the_revision_of_a_pod_is_put_right_only_if_its_run_is_pinned_to_one(stored, put_right):
    """Found by the simulation: a leader with old news changed it to what the Pod was not made of."""
    other = {**MARK.labels, pods.LABEL_REVISION: "pipeline-2"}
    kept = Kept(changed(labels=other), encoded(POD))
    kept.entry.status = rows.RunStatus(revision=stored)
    kept.by(confirm)
    patched = [call.body["metadata"]["labels"] for call in kept.api.calls[1:]]
    assert patched == [ALL_LABELS] * put_right


# --- Let go -----------------------------------------------------------------------------------

RELEASE = actions.ReleasePod(NAME, UID, "7", ("example.com/theirs",))
HELD = msgspec.structs.replace(
    POD, metadata=msgspec.structs.replace(POD.metadata, finalizers=(pods.FINALIZER,))
)
RUN_PATH = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/run"
KEY = ("pod", "ns", NAME)


def release(_kept, keeper):
    keeper.release(KEY, "ns", RELEASE)


def release_if_alone(kept, keeper, pod=HELD):
    keeper.release_if_alone(KEY, pod, kept.runs.append)


def test_only_our_finalizer_is_taken_off():
    kept = Kept(encoded(POD)).by(release)
    (call,) = kept.api.calls
    assert call.body == {
        "metadata": {
            "uid": UID,
            "resourceVersion": "7",
            "finalizers": ["example.com/theirs"],
        }
    }
    assert kept.woken == [KEY]


def test_a_pod_that_is_gone_unseen_is_asked_for_ever_less_often():
    def for_ever(kept, keeper):
        keeper._wake = lambda _key: release(kept, keeper)
        release(kept, keeper)

    assert Kept(MISSING, seconds=20).by(for_ever).times == [0, 1, 3, 7, 15]


def test_a_pod_that_has_changed_is_looked_at_again_before_it_is_let_go():
    kept = Kept(CHANGED, seconds=0.5).by(release)
    assert (len(kept.api.calls), kept.in_time) == (1, [])
    assert Kept(CHANGED, seconds=1.5).by(release).in_time == [KEY]


@pytest.mark.parametrize(
    ("answer", "released", "taken"),
    [
        pytest.param(MISSING, True, 0, id="gone"),
        pytest.param(as_stored(a_run(), uid="another"), True, 0, id="another one by now"),
        pytest.param(as_stored(a_run()), False, 1, id="there"),
        pytest.param(CUT, False, 0, id="nobody knows"),
    ],
)
def test_a_pod_of_an_unknown_run_is_let_go_only_if_that_is_gone(answer, released, taken):
    kept = Kept(answer, encoded(POD)).by(release_if_alone)
    assert kept.api.asked == [f"GET {RUN_PATH}"] + [f"PATCH {PATH}"] * released
    assert len(kept.runs) == taken


def test_a_pod_that_has_lost_its_owner_names_its_run_by_its_labels():
    alone = msgspec.structs.replace(
        HELD, metadata=msgspec.structs.replace(HELD.metadata, owner_references=())
    )
    kept = Kept(MISSING, encoded(POD)).by(
        lambda kept, keeper: release_if_alone(kept, keeper, alone)
    )
    assert kept.api.asked == [f"GET {RUN_PATH}", f"PATCH {PATH}"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"owner_references": (), "labels": {pods.LABEL_RUN: "a_b"}}, id="by its label"
        ),
        pytest.param(
            {"owner_references": (pods.OwnerReference(kind="DAGRun", name="../a"),)},
            id="by its owner",
        ),
    ],
)
def test_a_pod_of_a_run_that_there_cannot_be_is_let_go(changes):
    odd = msgspec.structs.replace(HELD, metadata=msgspec.structs.replace(HELD.metadata, **changes))
    kept = Kept(encoded(POD)).by(lambda kept, keeper: release_if_alone(kept, keeper, odd))
    assert (kept.api.asked, kept.runs) == ([f"PATCH {PATH}"], [])


def test_a_pod_of_a_name_that_there_cannot_be_is_gone_without_a_question():
    def ask(kept, keeper):
        keeper.confirm(kept.entry, actions.ConfirmGone("a_b", "", 0, 1), MARK)

    kept = Kept().by(ask)
    assert (kept.entry.gone, kept.api.asked) == ({"a_b"}, [])


def test_whoever_asks_while_something_is_under_way_looks_again_after_it():
    def both(kept, keeper):
        release(kept, keeper)
        confirm(kept, keeper)

    assert set(Kept(encoded(POD)).by(both).woken) == {KEY, ("run", "ns", "run")}
