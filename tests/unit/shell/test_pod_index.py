"""Which Pods are found where, and which labels are believed."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import pods
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


def test_a_copy_of_a_pod_under_another_name_is_not_believed():
    assert pod_index.run_of(with_meta(a_pod(), name="copy")) == ""


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_pod_whose_labels_were_changed_is_missed_by_its_run(store, woken, broken):
    store.pod_changed(None, a_pod())
    woken.clear()
    store.pod_changed(a_pod(), with_meta(a_pod(), labels=broken))
    assert (store.pods.of(RUN_UID), woken) == ({}, [RUN])


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
