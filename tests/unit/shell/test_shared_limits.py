"""Limits that runs share, in the store: what is taken, who waits, and who is woken when there is room."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import actions, decide_pool, decide_run, limits, pods, snapshot
from kubedag.shell import shared_limits
from kubedag.shell.store import Store
from support.builders import a_pod, a_ready_status, as_stored, at, stamp
from support.objects import a_dag, a_run, a_task

WAREHOUSE = (limits.POOL, "ns", "warehouse")
ROOM = shared_limits.ROOM


def a_pool(slots=1, version=1, **spec):
    raw = {"metadata": {"name": "warehouse"}, "spec": {"slots": slots, **spec}}
    return as_stored(raw, version)


def of_pool(pod, slots=1):
    labels = {**pod.metadata.labels, pods.LABEL_POOL: "warehouse"}
    labels[pods.LABEL_POOL_SLOTS] = str(slots)
    meta = msgspec.structs.replace(pod.metadata, labels=labels)
    return msgspec.structs.replace(pod, metadata=meta)


class Bench:
    """A store with runs of a DAG whose only task takes a slot, decided as a reconciler would."""

    def __init__(self, *runs, slots=1, **task):
        self.woken = []
        self.store = Store(self.woken.append)
        task = {"image": "i", "pool": {"name": "warehouse"}} | task
        dag = a_dag(a_task("a", **task), concurrencyPolicy="Allow")
        self.store.put_dag(as_stored(dag, status=a_ready_status()))
        if slots is not None:
            self.limits.pools.put(a_pool(slots))
        for run in runs:
            self.store.put_run(as_stored(a_run(run)))
        self.woken.clear()

    @property
    def limits(self):
        return self.store.limits

    def entry(self, run):
        return self.store.runs["ns", run]

    def decide(self, run, now=1):
        """Decide about a run, and begin what is decided; returns the reason of its task."""
        entry = self.entry(run)
        snap = self.store.run_snapshot(entry)
        decision = decide_run.decide(snap, at(now))
        entry.decided = decision.status
        for action in decision.actions:
            if isinstance(action, actions.CreatePod):
                entry.creating["a"] = action.name
        self.limits.decided(entry, snap.plan, decision)
        return decision.status.tasks[0].reason

    def pod(self, run, phase="Running", **fields):
        uid = self.entry(run).facts.uid
        return of_pool(a_pod(phase=phase, run=run, run_uid=uid, **fields))

    def runs_there(self, run, phase="Running", **fields):
        """Its Pod is seen, and its creation is over."""
        self.store.pod_changed(None, self.pod(run, phase, **fields))
        self.entry(run).creating.clear()

    def used(self):
        return self.limits.holders.used(WAREHOUSE)

    def make_room(self, now=1):
        """The runs that are woken; how many are before them was told a moment ago."""
        self.woken.clear()
        self.limits.make_room(at(now))
        self.woken.clear()
        self.limits.make_room(at(now))
        return [key[2] for key in self.woken if key[0] == "run"]


# --- What is taken ------------------------------------------------------------------------------


def test_what_is_being_created_is_taken_at_once_and_once():
    bench = Bench("r1", "r2")
    assert bench.decide("r1") == "CreatingPod"
    assert bench.used() == 1
    assert bench.decide("r2") == "PoolFull"
    bench.runs_there("r1")
    bench.decide("r1")
    assert bench.used() == 1


@pytest.mark.parametrize(
    ("phase", "fields", "left"),
    [
        ("Pending", {}, 1),
        ("Running", {}, 1),
        ("Running", {"deleted": 5}, 1),
        ("Unknown", {}, 1),
        ("Succeeded", {}, 0),
        ("Failed", {}, 0),
        ("Succeeded", {"gone": True}, 0),
    ],
    ids=["waits", "runs", "is told to end", "of a lost node", "succeeded", "failed", "is gone"],
)
def test_a_pod_takes_its_slots_until_it_has_ended(phase, fields, left):
    bench = Bench("r1")
    bench.runs_there("r1")
    bench.store.pod_changed(bench.pod("r1"), bench.pod("r1", phase, **fields))
    assert bench.used() == left


def test_a_pod_that_is_no_longer_seen_keeps_its_slots_until_the_api_says_that_it_is_gone():
    bench = Bench("r1")
    bench.decide("r1")
    bench.runs_there("r1")
    gone = bench.pod("r1", gone=True)
    bench.store.pod_changed(bench.pod("r1"), gone)
    assert bench.used() == 1
    bench.entry("r1").gone.add(gone.metadata.uid)
    bench.limits.holders.look_again(("ns", "r1"))
    assert bench.used() == 0


@pytest.mark.parametrize(
    ("reason", "left"),
    [("APIUnreachable", 1), ("APIOverloaded", 1), ("Conflict", 1), ("WaitingForQuota", 0)],
)
def test_a_creation_that_may_have_happened_keeps_its_slots(reason, left):
    bench = Bench("r1")
    bench.decide("r1")
    entry = bench.entry("r1")
    entry.creating.clear()
    entry.refusals["a"] = snapshot.Refusal(
        1, reason, "", stamp(1), transient=True, retry_time=stamp(9)
    )
    bench.decide("r1", now=2)
    assert bench.used() == left


def test_what_the_quota_refused_asks_for_its_slots_again():
    bench = Bench("r1", "r2")
    bench.decide("r1")
    entry = bench.entry("r1")
    entry.creating.clear()
    entry.refusals["a"] = snapshot.Refusal(
        1, "WaitingForQuota", "", stamp(1), transient=True, retry_time=stamp(9)
    )
    assert bench.decide("r1", now=2) == "WaitingForQuota"
    assert bench.decide("r2", now=3) == "CreatingPod"
    assert bench.decide("r1", now=10) == "PoolFull"
    assert bench.used() == 1


def test_a_run_that_is_deleted_gives_back_what_was_being_created_once_that_is_over():
    bench = Bench("r1")
    bench.decide("r1")
    entry = bench.entry("r1")
    bench.store.drop_run("ns", "r1")
    assert bench.used() == 1
    entry.creating.clear()
    bench.limits.holders.look_again(("ns", "r1"))
    assert bench.used() == 0


def test_a_run_that_is_deleted_gives_back_its_slots_although_another_has_its_name_by_then():
    bench = Bench("r1")
    bench.decide("r1")
    deleted = bench.entry("r1")
    bench.store.drop_run("ns", "r1")
    bench.store.put_run(as_stored(a_run("r1"), 9, uid="uid-of-the-next"))
    assert bench.decide("r1") == "PoolFull"
    deleted.creating.clear()
    bench.decide("r1")
    assert bench.used() == 0
    assert bench.decide("r1") == "CreatingPod"


def test_pods_of_runs_that_are_gone_take_their_slots_until_they_end():
    bench = Bench("r1", "r2")
    pod = bench.pod("r1")
    bench.store.pod_changed(None, pod)
    bench.store.drop_run("ns", "r1")
    assert bench.decide("r2") == "PoolFull"
    bench.store.pod_changed(pod, msgspec.structs.replace(pod, gone=True))
    assert bench.used() == 0


def test_a_label_that_is_changed_counts_as_it_is():
    bench = Bench("r1", slots=5)
    bench.runs_there("r1")
    bench.store.pod_changed(bench.pod("r1"), of_pool(bench.pod("r1"), 4))
    assert bench.used() == 4
    broken = of_pool(bench.pod("r1"), "many")
    bench.store.pod_changed(bench.pod("r1"), broken)
    assert bench.used() == 1


def test_the_pods_of_all_runs_count_for_every_limit():
    bench = Bench("r1", "r2")
    bench.runs_there("r1")
    bench.runs_there("r2")
    keys = [
        (limits.OPERATOR,), (limits.NAMESPACE, "ns"), (limits.DAG, "ns", "pipeline"),
        (limits.TASK, "ns", "pipeline", "a"),
    ]  # fmt: skip
    assert [bench.limits.holders.used(key) for key in keys] == [2, 2, 2, 2]


# --- Who is woken -------------------------------------------------------------------------------


def test_only_as_many_are_woken_as_there_is_room_for():
    names = [f"r{number}" for number in range(9)]
    bench = Bench(*names, slots=2)
    assert [bench.decide(name) for name in names] == ["CreatingPod"] * 2 + ["PoolFull"] * 7
    bench.runs_there("r0")
    bench.woken.clear()
    bench.store.pod_changed(bench.pod("r0"), bench.pod("r0", "Succeeded"))
    assert ROOM in bench.woken
    assert bench.make_room() == ["r2"]
    assert bench.decide("r2") == "CreatingPod"
    assert bench.make_room() == []


def test_who_is_decided_out_of_turn_leaves_the_slot_to_whose_turn_it_is():
    bench = Bench("r0", "r1", "r2")
    assert [bench.decide(name) for name in ("r0", "r2", "r1")] == [
        "CreatingPod", "PoolFull", "PoolFull",
    ]  # fmt: skip
    bench.runs_there("r0")
    bench.store.pod_changed(bench.pod("r0"), bench.pod("r0", "Succeeded"))
    assert bench.decide("r2") == "PoolFull"
    assert bench.make_room() == ["r1"]
    assert bench.decide("r1") == "CreatingPod"


def test_a_run_that_waits_no_more_lets_the_next_one_go():
    bench = Bench("r0", "r1", "r2")
    for run in ("r0", "r1", "r2"):
        bench.decide(run)
    bench.runs_there("r0", "Succeeded")
    assert bench.make_room() == ["r1"]
    status = bench.entry("r1").newest
    bench.store.put_run(as_stored(a_run("r1", suspend=True), 5, status=status))
    bench.woken.clear()
    assert bench.decide("r1") == "Suspended"
    assert ROOM in bench.woken
    assert bench.decide("r1") == "Suspended"
    assert bench.make_room() == ["r2"]
    bench.store.drop_run("ns", "r2")
    assert bench.limits._lines == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, a_pool(1, version=9)), (0, a_pool(1, version=9))],
    ids=["it appears", "it grows"],
)
def test_a_pool_that_has_room_wakes_those_who_waited_for_it(before, after):
    bench = Bench("r1", slots=before)
    assert bench.decide("r1") in ("PoolNotFound", "PoolPaused")
    assert bench.make_room() == []
    bench.limits.pools.put(after)
    assert ROOM in bench.woken
    assert bench.make_room() == ["r1"]
    assert bench.decide("r1") == "CreatingPod"


def test_a_pool_that_is_gone_gives_nothing_any_more():
    bench = Bench("r1")
    bench.limits.pools.drop("ns", "warehouse", "uid-of-another")
    assert bench.limits.pools.known != {}
    bench.limits.pools.drop("ns", "warehouse", "uid-warehouse")
    assert bench.decide("r1") == "PoolNotFound"


def test_old_news_of_a_pool_are_passed_over():
    bench = Bench("r1", slots=None)
    bench.limits.pools.put(a_pool(7, version=20))
    bench.limits.pools.put(a_pool(3, version=10))
    assert bench.limits.pools.known == {("ns", "warehouse"): limits.Pool(7)}


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ({"scope": "All"}, None),
        ({"scope": "Listed", "namespaces": ["other"]}, frozenset({"other"})),
        ({}, frozenset()),
    ],
    ids=["with all", "with some", "with none"],
)
def test_with_whom_a_pool_is_shared_is_what_it_says(share, expected):
    bench = Bench(slots=None)
    bench.limits.pools.put(a_pool(1, shareWith=share))
    assert bench.limits.pools.known["ns", "warehouse"].namespaces == expected


def test_how_many_are_before_them_is_told_to_the_first_in_line_from_time_to_time():
    names = [f"r{number:02}" for number in range(30)]
    bench = Bench(*names)
    for name in names:
        bench.decide(name)
    bench.woken.clear()
    due = bench.limits.make_room(at(100))
    assert len([key for key in bench.woken if key[0] == "run"]) == limits.PLACES_TOLD_MAX
    assert due is None
    bench.woken.clear()
    assert bench.limits.make_room(at(104)) == at(110)
    assert bench.woken == []


def test_runs_without_such_limits_are_given_no_view():
    bench = Bench("r1", slots=None, pool=None)
    assert bench.store.run_snapshot(bench.entry("r1")).limits is None
    bounded = Store(bench.woken.append, limits.Bounds(operator=5))
    bounded.put_dag(as_stored(a_dag(a_task("a", image="i")), status=a_ready_status()))
    bounded.put_run(as_stored(a_run("r1")))
    view = bounded.run_snapshot(bounded.runs["ns", "r1"]).limits
    assert view is not None
    assert view.bounds.operator == 5


# --- The status of a pool -------------------------------------------------------------------------


def test_the_status_of_a_pool_tells_who_has_its_slots_and_who_waits():
    bench = Bench("r1", "r2", "r3")
    bench.decide("r1", now=7)
    bench.woken.clear()
    for run in ("r3", "r2"):
        bench.decide(run, now=7)
    entry = bench.limits.pools.entries["ns", "warehouse"]
    assert entry.key in bench.woken
    status = decide_pool.decide(bench.limits.pool_snapshot(entry), at(9)).status
    assert (status.used, status.free, status.waiting) == (1, 0, 2)
    (holder,) = status.holders
    assert (holder.namespace, holder.run_name, holder.task, holder.slots) == ("ns", "r1", "a", 1)
    assert holder.pod_name.startswith("r1-a-1-")
    assert [(one.run_name, one.wait_time) for one in status.waiters] == [
        ("r2", stamp(7)), ("r3", stamp(7)),
    ]  # fmt: skip
    assert [(one.status, one.reason) for one in status.conditions] == [("False", "AllSlotsTaken")]


def test_a_pod_that_only_the_status_tells_of_takes_its_slots_until_it_is_known_to_be_gone():
    """Somebody changed its label while no operator was there, so that no list has it."""
    bench = Bench("r1", "r2")
    bench.decide("r1")
    bench.runs_there("r1")
    bench.decide("r1")
    status, pod = bench.entry("r1").newest, bench.pod("r1").metadata.name
    after = Bench("r2")
    after.store.put_run(as_stored(a_run("r1"), 5, status=status))
    after.limits.recall(after.entry("r1"), None)
    assert after.used() == 0
    after.limits.recall(after.entry("r1"), after.store.dags["ns", "pipeline"].plan())
    assert after.decide("r2") == "PoolFull"
    after.entry("r1").gone.add(pod)
    after.limits.holders.look_again(("ns", "r1"))
    assert after.used() == 0
    assert after.make_room() == ["r2"]


# --- What is kept -------------------------------------------------------------------------------


def test_nothing_is_kept_of_a_doubt_that_is_settled():
    bench = Bench("r1", slots=5)
    bench.decide("r1")
    bench.runs_there("r1")
    assert (bench.limits.holders._doubts, bench.limits.holders._doubted) == ({}, {})


def test_a_doubt_about_a_run_that_is_gone_is_settled_by_its_pod():
    bench = Bench("r1", slots=5)
    bench.decide("r1")
    pod = bench.pod("r1")
    bench.store.drop_run("ns", "r1")
    bench.store.pod_changed(None, pod)
    assert (bench.limits.holders._doubts, bench.limits.holders._doubted) == ({}, {})
    assert bench.used() == 1


def test_a_creation_that_ended_without_a_lease_takes_no_slots_in_the_next_term():
    bench = Bench("r1")
    bench.decide("r1")
    entry = bench.entry("r1")
    bench.store.drop_run("ns", "r1")
    entry.creating.clear()  # by a replica that does not look at the run, since it does not lead
    assert bench.used() == 1
    bench.store.wake_all()
    assert bench.used() == 0
