"""Which Pods are found where, and which labels are believed."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import decide_run, masks, naming, pods
from kubedag.shell import pod_index
from kubedag.shell.store import Store
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_pod,
    a_row,
    as_stored,
    labels,
)
from support.objects import a_run

RUN = ("run", "ns", "run")


def with_meta(pod, **changes):
    return msgspec.structs.replace(pod, metadata=msgspec.structs.replace(pod.metadata, **changes))


def held(pod, **changes):
    return with_meta(pod, finalizers=(pods.FINALIZER,), **changes)


def key(pod):
    return ("pod", "ns", pod.metadata.name)


@pytest.fixture
def woken():
    return []


@pytest.fixture
def store(woken):
    found = Store(woken.append)
    found.put_run(as_stored(a_run("run")))
    woken.clear()
    return found


# --- Labels -----------------------------------------------------------------------------------

BROKEN = {
    "of another task": labels("b", 1),
    "of another attempt": labels("a", 2),
    "with no number": labels("a", 1) | {pods.LABEL_ATTEMPT: "x"},
    "of another run": labels("a", 1, "other"),
    "without any": None,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_labels_are_believed_only_if_the_name_follows_from_them(broken):
    assert pod_index.run_of(a_pod()) == RUN_UID
    assert pod_index.run_of(with_meta(a_pod(), labels=broken)) == ""


@pytest.mark.parametrize("owners", [a_pod().metadata.owner_references, ()], ids=["owned", "bare"])
def test_a_copy_of_a_pod_under_another_name_is_not_believed(owners):
    copy = with_meta(a_pod(), name="copy", owner_references=owners)
    assert pod_index.run_of(copy) == ""


SHARED = pods.OwnerReference("uid-x", "ConfigMap", "x")
THEIRS = pods.OwnerReference("uid-job", "Job", "job", controller=True)


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        pytest.param((), RUN_UID, id="none"),
        pytest.param((SHARED,), RUN_UID, id="one that controls nothing"),
        pytest.param((THEIRS,), "", id="somebody else"),
        pytest.param((pods.OwnerReference(RUN_UID, "DAGRun", "run"), THEIRS), "", id="both"),
    ],
)
def test_a_pod_without_its_owner_is_its_runs_by_name_and_label_unless_another_controls_it(
    store, owners, expected
):
    pod = with_meta(a_pod(), owner_references=owners)
    assert pod_index.run_of(pod) == expected
    store.pod_changed(None, a_pod())
    store.pod_changed(a_pod(), pod)
    assert store.pods.of(RUN_UID) == ({"a": (pod,)} if expected else {})


@pytest.mark.parametrize(
    "name", ["r.un", "r" * 60, "r." * 50 + "r"], ids=["dot", "long", "longer"]
)
def test_the_label_of_a_run_tells_enough_of_its_name(name):
    pod = with_meta(a_pod(run=name), owner_references=())
    told = pod.metadata.labels | {pods.LABEL_RUN: naming.label_value(name)}
    assert pod_index.run_of(with_meta(pod, labels=told)) == RUN_UID


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_pod_whose_labels_were_changed_is_believed_as_it_was_and_asked_for(store, woken, broken):
    store.pod_changed(None, a_pod())
    woken.clear()
    store.pod_changed(a_pod(), with_meta(a_pod(), labels=broken))
    missed = msgspec.structs.replace(a_pod(), gone=True)
    assert (store.pods.of(RUN_UID), woken) == ({"a": (missed,)}, [RUN])


def test_the_start_of_a_run_is_not_forgotten_with_the_labels_of_its_only_pod(store):
    store.pod_changed(None, a_pod())
    store.pod_changed(a_pod(), with_meta(a_pod(), labels=labels("b", 1)))
    found = store.run_snapshot(store.runs["ns", "run"])
    assert decide_run.has_started(found)
    assert found.plan_revision == a_pod().label(pods.LABEL_REVISION) != ""


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_pod_that_goes_on_with_wrong_labels_is_believed_as_it_was(store, broken):
    store.pod_changed(None, a_pod())
    store.pod_changed(a_pod(), with_meta(a_pod(), labels=broken))
    missed = store.pods.of(RUN_UID)
    ended = a_pod(phase="Succeeded")
    store.pod_changed(with_meta(a_pod(), labels=broken), with_meta(ended, labels=broken))
    assert store.pods.of(RUN_UID) == missed


def test_a_pod_that_is_put_right_after_it_was_missed_is_there_once(store):
    broken = with_meta(a_pod(), labels=labels("b", 1))
    store.pod_changed(None, a_pod())
    store.pod_changed(a_pod(), broken)
    store.pod_changed(broken, a_pod())
    assert store.pods.of(RUN_UID) == {"a": (a_pod(),)}


def test_a_pod_that_something_else_controls_is_missed_by_its_run(store, woken):
    store.pod_changed(None, a_pod())
    woken.clear()
    store.pod_changed(a_pod(), with_meta(a_pod(), owner_references=(THEIRS,)))
    assert (store.pods.of(RUN_UID), woken) == ({}, [RUN])


def test_a_pod_of_a_finished_run_is_not_missed(store):
    store.put_run(as_stored(a_run("run"), 2, status=a_finished_status(a_row())))
    store.pod_changed(None, a_pod(phase="Succeeded"))
    store.pod_changed(
        a_pod(phase="Succeeded"), with_meta(a_pod(phase="Succeeded"), labels=labels("b", 1))
    )
    assert store.pods.of(RUN_UID) == {}


def test_a_pod_whose_labels_are_right_again_is_found_again(store):
    broken = with_meta(a_pod(), labels=labels("b", 1))
    store.pod_changed(None, broken)
    assert store.pods.of(RUN_UID) == {}
    store.pod_changed(broken, a_pod())
    assert store.pods.of(RUN_UID) == {"a": (a_pod(),)}


def test_a_label_of_somebody_else_changes_nothing(store):
    theirs = with_meta(a_pod(), labels=labels("a", 1) | {"theirs": "x"})
    store.pod_changed(None, a_pod())
    store.pod_changed(a_pod(), theirs)
    assert store.pods.of(RUN_UID) == {"a": (theirs,)}


# --- Pods that are told to end ------------------------------------------------------------------


def deleted(phase, until, grace, **more):
    return a_pod(phase=phase, deleted=until, grace=grace, finished=20, **more)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        pytest.param(
            [deleted("Running", 45, 30), deleted("Succeeded", 21, 0)],
            "PodDeleted",
            id="and then by its kubelet",
        ),
        pytest.param(
            [
                deleted("Running", 45, 30),
                deleted("Succeeded", 45, 30),
                deleted("Succeeded", 21, 0),
                deleted("Succeeded", 21, 0, gone=True),
            ],
            "PodDeleted",
            id="until it is gone",
        ),
        pytest.param(
            [deleted("Running", 55, 30), deleted("Succeeded", 26, 0)],
            "",
            id="after it had ended, as it turned out",
        ),
        pytest.param([a_pod(phase="Running"), deleted("Succeeded", 21, 0)], "", id="once"),
    ],
)
def test_the_first_word_on_when_a_pod_was_to_be_deleted_stands(store, seen, told):
    before = None
    for pod in seen:
        store.pod_changed(before, pod)
        before = pod
    (observed,) = store.run_snapshot(store.runs["ns", "run"]).observed.values()
    assert observed.reason == told


# --- Pods that are held -----------------------------------------------------------------------


def test_the_pods_that_are_held_are_known_until_they_are_let_go(store):
    store.pod_changed(None, held(a_pod()))
    assert store.run_snapshot(store.runs["ns", "run"]).held == (held(a_pod()),)
    store.pod_changed(held(a_pod()), a_pod())
    assert store.run_snapshot(store.runs["ns", "run"]).held == ()
    assert store.pods._held == {}


@pytest.mark.parametrize("way", ["gone", "its run is gone"])
def test_nothing_of_a_held_pod_stays_in_memory(store, way):
    store.pod_changed(None, held(a_pod()))
    if way == "gone":
        store.pod_changed(held(a_pod()), msgspec.structs.replace(held(a_pod()), gone=True))
    else:
        store.drop_run("ns", "run")
    assert store.pods._held == {}


def test_a_held_pod_of_a_run_that_is_gone_is_looked_at_by_itself(store, woken):
    pod = held(a_pod())
    store.pod_changed(None, pod)
    woken.clear()
    store.drop_run("ns", "run")
    assert key(pod) in woken
    assert store.unclaimed == {("ns", pod.metadata.name): pod}
    assert store.owner_of(pod) is None


def test_a_held_pod_of_a_run_that_is_not_known_is_looked_at_by_itself(woken):
    store, pod = Store(woken.append), held(a_pod())
    store.pod_changed(None, pod)
    assert woken == [key(pod)]
    woken.clear()
    store.wake_all()
    assert woken == [key(pod)]


def test_a_held_pod_whose_labels_do_not_fit_is_looked_at_with_its_run(store, woken):
    pod = held(a_pod(), labels=labels("b", 1))
    store.pod_changed(None, pod)
    assert woken == [key(pod)]
    assert store.owner_of(pod) is store.runs["ns", "run"]


def test_a_held_pod_whose_labels_do_not_fit_is_looked_at_again_when_its_run_has_ended(
    store, woken
):
    pod = held(a_pod(), labels=labels("b", 1))
    store.pod_changed(None, pod)
    woken.clear()
    run = store.runs["ns", "run"]
    run.status = a_finished_status()
    store.wake_around(run)
    assert key(pod) in woken


def test_a_held_pod_that_has_lost_its_owner_is_looked_at_with_the_run_of_its_label(store):
    pod = held(a_pod(), labels=labels("b", 1), owner_references=())
    store.pod_changed(None, pod)
    assert store.owner_of(pod) is store.runs["ns", "run"]
    shared = with_meta(pod, owner_references=(SHARED,))
    assert store.owner_of(shared) is store.runs["ns", "run"]
    assert store.owner_of(with_meta(pod, owner_references=(THEIRS,))) is None


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "let go"])
def test_a_pod_that_nobody_holds_any_more_is_nobodys_business(woken, gone):
    store = Store(woken.append)
    store.pod_changed(None, held(a_pod()))
    after = msgspec.structs.replace(held(a_pod()), gone=True) if gone else a_pod()
    store.pod_changed(held(a_pod()), after)
    assert store.unclaimed == {}


def test_a_pod_that_ended_with_its_finished_run_is_still_held(store):
    store.put_run(as_stored(a_run("run"), 2, status=a_finished_status(a_row())))
    store.pod_changed(None, held(a_pod(phase="Succeeded")))
    assert len(store.run_snapshot(store.runs["ns", "run"]).held) == 1


@pytest.mark.parametrize(
    "known", [True, False], ids=["of a finished run", "of a run that is gone"]
)
def test_nothing_of_a_pod_that_has_gone_stays_in_memory(store, known):
    if known:
        store.put_run(as_stored(a_run("run"), 2, status=a_finished_status(a_row())))
    else:
        store.drop_run("ns", "run")
    pod = a_pod(phase="Failed", exit_code=1, message="it says why")
    assert masks.has_words(pod)
    store.pod_changed(None, pod)
    store.pod_changed(pod, msgspec.structs.replace(pod, gone=True))
    index = store.pods
    kept = (index._by_run, index._observed, index._unmasked, index._held, index._gone)
    assert kept == ({}, {}, {}, {}, {})
