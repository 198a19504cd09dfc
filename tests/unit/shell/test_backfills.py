"""The Backfills as they were last seen, who looks at them when, and the runs that they leave."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import actions, decide_dag, rows
from kubedag.core.backfill_rows import BackfillStatus
from kubedag.shell import backfill_view
from kubedag.shell.store import Store
from support.backfills import a_backfill as a_snapshot
from support.backfills import a_wish, decide, ours
from support.builders import (
    DAG,
    NAMESPACE,
    REVISION,
    a_finished_status,
    a_pod,
    a_ready_status,
    as_stored,
    stamp,
)
from support.objects import a_backfill, a_dag, a_run, a_task, an_interval

KEY = ("backfill", NAMESPACE, "bf")
OVER = decide(a_snapshot(a_wish(1), ours(0))).status
UID = "11111111-0000-4000-8000-00000000aaaa"
MINE = {"kubedag.dev/backfill-uid": UID}
ID = f"backfill-{UID}"


def a_run_of(name="run", version=10, labels=None, status=None, **spec):
    plain = {"runType": "Backfill", "dataInterval": an_interval()}
    raw = as_stored(a_run(name, **(plain | spec)), version, status=status)
    raw["metadata"]["labels"] = dict(labels or {})
    return raw


class Seen:
    """A store, and the keys that it has woken since it was last asked."""

    def __init__(self, *backfills, listed=True):
        self.woken = []
        self.store = Store(self.woken.append)
        for raw in backfills:
            self.store.backfills.put(raw)
        self.store.backfills.listed = listed

    def woken_keys(self):
        found, self.woken[:] = set(self.woken), []
        return found

    def entry(self):
        return self.store.backfills.entries[NAMESPACE, "bf"]


def test_what_a_backfill_says_is_what_is_decided_about():
    said = {"reprocess": "Failed", "maxActiveRuns": 3, "order": "NewestFirst", "dryRun": True}
    said |= {"intervalsPerRun": 2, "tasks": ["a"], "params": [{"name": "x", "value": "y"}]}
    raw = as_stored(a_backfill(startTime="2026-01-01T02:00:00+02:00", **said), uid=UID)
    wish = Seen(raw).entry().wish
    assert (wish.name, wish.uid, wish.dag_name) == ("bf", UID, DAG)
    assert (wish.start_time, wish.end_time) == ("2026-01-01T00:00:00Z", "2026-01-06T00:00:00Z")
    assert (wish.reprocess, wish.max_active_runs, wish.order) == ("Failed", 3, "NewestFirst")
    assert (wish.dry_run, wish.suspend, wish.cancel) == (True, False, False)
    assert (wish.intervals_per_run, wish.tasks, wish.params) == (2, ("a",), (("x", "y"),))


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda store: store.put_run(a_run_of()), id="a run of its DAG"),
        pytest.param(lambda store: store.put_dag(as_stored(a_dag(), 4)), id="its DAG"),
    ],
)
def test_it_looks_again_whatever_happens_to_its_dag_as_long_as_it_is_not_over(happens):
    for status, expected in ((None, True), (OVER, False)):
        seen = Seen(as_stored(a_backfill(), 3, status=status))
        seen.woken_keys()
        happens(seen.store)
        assert (KEY in seen.woken_keys()) == expected


def test_runs_of_another_dag_are_nothing_to_it():
    seen = Seen(as_stored(a_backfill(), 3))
    seen.woken_keys()
    seen.store.put_run(as_stored(a_run(dag="other")))
    assert KEY not in seen.woken_keys()


def test_an_older_version_is_not_taken_in():
    seen = Seen(as_stored(a_backfill(suspend=True), 5))
    seen.store.backfills.put(as_stored(a_backfill(suspend=False), 4))
    assert seen.entry().wish.suspend


def test_a_namesake_is_another_one():
    seen = Seen(as_stored(a_backfill(), 5, uid="one"))
    seen.entry().decided = OVER
    seen.store.backfills.put(as_stored(a_backfill(), 6, uid="two"))
    assert (seen.entry().uid, seen.entry().newest) == ("two", BackfillStatus())
    seen.store.backfills.drop(NAMESPACE, "bf", "one")
    assert seen.entry().uid == "two"


def test_one_that_is_being_deleted_is_gone():
    seen = Seen(as_stored(a_backfill(), 5), as_stored(a_backfill(), 6, deleting=True))
    assert seen.store.backfills.entries == {}


def test_what_is_under_way_for_others_of_the_dag_is_known_to_each():
    seen = Seen(as_stored(a_backfill(), 3), as_stored(a_backfill("other"), 4))
    other = seen.store.backfills.entries[NAMESPACE, "other"]
    coming = actions.CreateRun("new", "Backfill", stamp(0), stamp(86_400), "other", "uid-other")
    other.creating["new"] = coming
    other.requesting["run"] = ID
    snap = backfill_view.of(seen.store, seen.entry())
    assert (snap.creating, snap.requesting) == ((coming,), {"run": ID})


def test_a_run_that_was_being_created_for_one_that_is_gone_is_known_until_it_is_there():
    seen = Seen(as_stored(a_backfill(), 3), as_stored(a_backfill("other"), 4))
    other = seen.store.backfills.entries[NAMESPACE, "other"]
    coming = actions.CreateRun("new", "Backfill", stamp(0), stamp(86_400), "other", "uid-other")
    other.creating["new"] = coming
    seen.store.backfills.drop(NAMESPACE, "other")
    assert backfill_view.of(seen.store, seen.entry()).creating == (coming,)
    other.creating.clear()
    assert backfill_view.of(seen.store, seen.entry()).creating == ()


def test_a_run_that_has_pods_has_started_whatever_is_stored():
    seen = Seen(as_stored(a_backfill(), 3))
    seen.store.put_run(a_run_of())
    (run,) = backfill_view.of(seen.store, seen.entry()).runs
    assert not run.started
    seen.store.pod_changed(None, a_pod())
    (run,) = backfill_view.of(seen.store, seen.entry()).runs
    assert run.started


def says(kind, reason, **fields):
    told = rows.Condition(kind, "Unknown", reason, "waits")
    return rows.RunStatus(conditions=(told,), **fields)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(says("Succeeded", "DependsOnPast"), "DependsOnPast: waits", id="not started"),
        pytest.param(says("Succeeded", "Running", start_time=stamp(0)), "", id="started"),
        pytest.param(rows.RunStatus(), "", id="not looked at"),
        pytest.param(a_finished_status(), "", id="over"),
    ],
)
def test_it_is_told_what_a_run_waits_for_that_has_not_started(status, expected):
    seen = Seen(as_stored(a_backfill(), 3))
    seen.store.put_run(a_run_of(status=status))
    snap = backfill_view.of(seen.store, seen.entry())
    assert [run.held for run in (*snap.runs, *snap.ended)] == [expected]


def test_it_is_told_what_a_run_waits_for_before_it_runs_again():
    over = a_finished_status()
    waits = rows.Condition(rows.RERUN_PENDING, "True", "Queued", "waits")
    status = msgspec.structs.replace(over, conditions=(*over.conditions, waits))
    seen = Seen(as_stored(a_backfill(), 3))
    seen.store.put_run(a_run_of(status=status, rerun={"id": ID, "scope": "All"}))
    snap = backfill_view.of(seen.store, seen.entry())
    assert [run.held for run in snap.ended] == ["Queued: waits"]


def test_it_sees_the_dag_and_the_plan_that_it_was_planned_by():
    planned = BackfillStatus(revision=REVISION, start_time=stamp(0))
    seen = Seen(as_stored(a_backfill(), 3, status=planned))
    assert backfill_view.of(seen.store, seen.entry()).pinned is None
    document = a_dag(a_task("a", image="i"), schedule={"cron": "@daily"})
    seen.store.put_dag(as_stored(document, 4, status=a_ready_status()))
    definition = seen.store.dags[NAMESPACE, DAG].definition
    seen.entry().status = BackfillStatus(revision=definition.revision, start_time=stamp(0))
    snap = backfill_view.of(seen.store, seen.entry())
    assert snap.pinned is snap.current is definition.plan


# --- What a DAG keeps for it -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "decided", "dry", "claims"),
    [
        pytest.param(BackfillStatus(), None, False, [("", True)], id="one that is not planned"),
        pytest.param(
            BackfillStatus(), BackfillStatus(revision="r"), False,
            [("", True), ("r", False)], id="planned, and not stored",
        ),
        pytest.param(
            BackfillStatus(revision="r"), None, True, [("r", False)], id="a dry run keeps no runs",
        ),
        pytest.param(
            BackfillStatus(revision="r"), OVER, False, [("r", True), (REVISION, False)],
            id="over, and not stored",
        ),
        pytest.param(OVER, None, False, [], id="over"),
    ],
)  # fmt: skip
def test_a_dag_keeps_what_those_need_that_are_not_over(stored, decided, dry, claims):
    seen = Seen(as_stored(a_backfill(dryRun=dry), 3, status=stored))
    seen.entry().decided = decided
    found = list(seen.store.backfills.claims(NAMESPACE, DAG))
    start, end = "2026-01-01T00:00:00Z", "2026-01-06T00:00:00Z"
    assert found == [decide_dag.Claim(revision, start, end, runs) for revision, runs in claims]


# --- Runs that wait for one that is gone -----------------------------------------------------

WAITS = a_run_of(labels=MINE)
AGAIN = a_run_of(status=a_finished_status(), rerun={"id": ID, "scope": "All"})
TAKEN_BACK = actions.WithdrawRerun("run", "uid-run", ID)


def held(reason):
    over = a_finished_status()
    told = rows.Condition(rows.RERUN_PENDING, "True", reason, "m", observed_generation=1)
    return msgspec.structs.replace(over, conditions=(*over.conditions, told))


@pytest.mark.parametrize(
    ("raw", "action"),
    [
        pytest.param(WAITS, actions.DeleteRun("run", "uid-run", unstarted=True), id="waits"),
        pytest.param(AGAIN, TAKEN_BACK, id="waits to run again"),
        pytest.param(
            a_run_of(labels=MINE, rerun={"id": "by-hand", "scope": "All"}),
            actions.DeleteRun("run", "uid-run", unstarted=True),
            id="waits, and a person wishes that it runs again",
        ),
        pytest.param(a_run_of(labels=MINE, runType="Manual"), None, id="made by hand"),
        pytest.param(
            a_run_of(status=a_finished_status(), rerun={"id": "by-hand", "scope": "All"}),
            None, id="the wish of a person",
        ),
        pytest.param(
            a_run_of(status=a_finished_status(), rerun={"id": "backfill-20260101", "scope": "All"}),
            None, id="the wish of a person who speaks of a backfill",
        ),
        pytest.param(a_run_of(labels=MINE, status=a_finished_status()), None, id="over"),
        pytest.param(a_run_of(), None, id="of no Backfill"),
    ],
)  # fmt: skip
def test_a_run_whose_backfill_is_gone_or_was_cancelled_and_is_over_is_called_back(raw, action):
    for backfills, listed, expected in (
        ([], True, action),
        ([], False, None),
        ([as_stored(a_backfill(), 3, uid=UID)], True, None),
        ([as_stored(a_backfill(), 3, uid=UID, status=OVER)], True, None),
        ([as_stored(a_backfill(cancel=True), 3, uid=UID)], True, None),
        ([as_stored(a_backfill(cancel=True), 3, uid=UID, status=OVER)], True, action),
    ):
        seen = Seen(*backfills, listed=listed)
        seen.store.put_run(raw)
        run = backfill_view.summary(seen.store, seen.store.runs[NAMESPACE, "run"])
        assert seen.store.backfills.abandoned(NAMESPACE, run) == expected


@pytest.mark.parametrize(
    ("reason", "wish", "status", "action"),
    [
        pytest.param("RevisionNotFound", ID, OVER, TAKEN_BACK, id="its revision is gone"),
        pytest.param("TaskNotFound", ID, OVER, TAKEN_BACK, id="it has no such task"),
        pytest.param("Queued", ID, OVER, None, id="it waits for its turn"),
        pytest.param("RevisionNotFound", ID, None, None, id="the Backfill is not over"),
        pytest.param("RevisionNotFound", "by-hand", OVER, None, id="the wish of a person"),
    ],
)
def test_what_a_backfill_wished_in_vain_is_taken_back_when_it_is_over(
    reason, wish, status, action
):
    seen = Seen(as_stored(a_backfill(), 3, uid=UID, status=status))
    seen.store.put_run(a_run_of(status=held(reason), rerun={"id": wish, "scope": "All"}))
    run = backfill_view.summary(seen.store, seen.store.runs[NAMESPACE, "run"])
    assert seen.store.backfills.abandoned(NAMESPACE, run) == action


@pytest.mark.parametrize("raw", [WAITS, AGAIN], ids=["waits", "waits to run again"])
@pytest.mark.parametrize(
    "happens",
    [
        lambda store: store.backfills.drop(NAMESPACE, "bf"),
        lambda store: store.wake_all(),
    ],
    ids=["it goes", "a term begins"],
)
def test_runs_that_wait_are_looked_at_when_their_backfill_may_be_gone(raw, happens):
    seen = Seen(as_stored(a_backfill(), 3, uid=UID))
    seen.store.put_run(raw)
    seen.woken_keys()
    happens(seen.store)
    assert ("abandoned", NAMESPACE, "run") in seen.woken_keys()


def test_what_was_decided_in_an_earlier_term_is_void():
    seen = Seen(as_stored(a_backfill(), 3))
    seen.entry().decided = OVER
    seen.store.wake_all()
    assert (seen.entry().newest.finished, KEY in seen.woken_keys()) == (False, True)
