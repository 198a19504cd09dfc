"""Who is told of a run: by its DAG as it is, else as it was, and by the operator's own."""

import msgspec
import pytest

from kubedag.core import rows
from kubedag.core.audience import Notice
from kubedag.shell import audience_view, store
from support.builders import a_finished_status, stamp
from support.full_status import stored
from support.objects import a_dag, a_run, a_task

COMMON = (Notice("operator:chat", frozenset({"RunFailed"}), receiver="chat"),)


def an_object(document, version, status=None, **meta):
    known = {
        "namespace": "ns", "uid": f"uid-{document['metadata']['name']}", "generation": 1,
        "resourceVersion": str(version), "creationTimestamp": stamp(0), **meta,
    }  # fmt: skip
    found = {**document, "metadata": document["metadata"] | known}
    return found | ({"status": status} if status else {})


def told_by(*names, ready=True, generation=1):
    """A DAG that tells these: `name`, or `name/receiver/events` at length."""
    parts = [[*one.split("/"), one, "RunFailed"][:3] for one in names]
    notices = [
        {"name": name, "events": events.split("+"), "receiver": receiver}
        for name, receiver, events in parts
    ]
    condition = rows.Condition(
        "Ready", "True" if ready else "False", "Accepted", "m", stamp(0), generation
    )
    status = stored(
        rows.DAGStatus(
            observed_generation=generation, conditions=(condition,), revision="r",
            revision_generation=generation,
        )
    )  # fmt: skip
    spec = a_dag(a_task("a"), taskDefaults={"image": "busybox"}, notifications=notices)
    return an_object(spec, 10 + generation, status, generation=generation)


def audience(*dags, common=(), before=None, status=None):
    """Who is told of a run, once the DAG has been like this and then like that."""
    known = store.Store(lambda _key: None)
    for dag in dags:
        known.put_dag(dag)
    if before is not None:
        known.put_run(an_object(a_run("before"), 5, stored(before), creationTimestamp=stamp(-9)))
    known.put_run(an_object(a_run("run"), 6, status and stored(status)))
    entry = known.runs[("ns", "run")]
    snap = known.run_snapshot(entry)
    found = audience_view.with_audience(known, entry, snap, lambda _namespace: common)
    return found.audience


def names(found):
    return [notice.name for notice in found.notices]


def test_a_run_is_told_by_its_dag_and_by_the_operators_own():
    found = audience(told_by("team"), common=COMMON)
    assert (names(found), found.complete) == (["team", "operator:chat"], True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["pager/chat/RunFailed"], [("pager", set())]),
        (["pager/chat/RunFailed+RunLate"], [("pager", {"RunLate"})]),
        (["pager/chat/RunLate"], [("pager", {"RunLate"})]),
        (["pager/other/RunFailed"], [("pager", {"RunFailed"})]),
        (["a/x/RunFailed", "b/x/RunFailed+RunLate"], [("a", {"RunFailed"}), ("b", {"RunLate"})]),
    ],
    ids=["the same", "partly", "something else", "somebody else", "twice in one DAG"],
)
def test_a_receiver_is_told_of_an_event_once_whoever_names_it(given, expected):
    found = audience(told_by(*given), common=COMMON)
    told = [(notice.name, set(notice.events)) for notice in found.notices]
    assert told == [*expected, ("operator:chat", {"RunFailed"})]


def test_what_was_mended_holds_at_once():
    assert names(audience(told_by("team"), told_by("other", generation=2))) == ["other"]


def test_while_the_dag_is_being_checked_nobody_is_known_to_be_left_out():
    found = audience(told_by("team", ready=False), common=COMMON)
    assert not found.complete


def test_a_run_without_a_dag_is_told_by_the_operators_own():
    found = audience(common=COMMON)
    assert (names(found), found.complete) == (["operator:chat"], False)


def test_where_nobody_is_told_nothing_is_looked_up():
    assert audience(told_by()) == audience()
    assert audience().notices == ()


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, False),
        (a_finished_status(succeeded=False), True),
        (a_finished_status(succeeded=True), False),
        (a_finished_status(succeeded=False, reason="Replaced"), False),
    ],
    ids=["none", "failed", "succeeded", "replaced"],
)
def test_how_the_run_before_ended_is_known(before, expected):
    assert audience(told_by("team"), before=before).failed_before is expected


def test_a_run_that_somebody_is_still_to_be_told_of_is_not_archived():
    entry = rows.Notification("team", "RunFailed", "RunFailed/0", "Pending", stamp(1))
    status = a_finished_status(succeeded=False)
    known = store.Store(lambda _key: None)
    for number, outbox in enumerate([(entry,), ()]):
        raw = an_object(a_run(f"run-{number}"), 7, stored(
            msgspec.structs.replace(status, notifications=outbox, observed_generation=1)
        ))  # fmt: skip
        known.put_run(raw)
    assert [run.archived for run in known.runs.values()] == [False, True]
