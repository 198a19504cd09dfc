"""What it takes for a run that has ended to run again: which tasks, when, and as what."""

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run, rerun, rows, snapshot, states
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

NOW = at(1000)
#  extract ── load ── report ── mail(AllDone)
#          └─ check            other
PLAN = a_plan(
    a_task("extract"),
    a_task("load", dependsOn=["extract"]),
    a_task("check", dependsOn=["extract"]),
    a_task("report", dependsOn=["load"]),
    a_task("mail", dependsOn=["report"], triggerRule="AllDone"),
    a_task("other"),
)
NAMES = [task.name for task in PLAN.tasks]


def ended(name, state, attempts=1, **fields):
    """The row of a task that ended so after that many attempts."""
    last = states.SUCCEEDED if state == states.SUCCEEDED else states.FAILED
    log = rows.LogTail("None")
    made = tuple(
        an_attempt(number, last if number == attempts else states.FAILED, task=name,
                   finish_time=stamp(50 + number), deps_met_time=stamp(1),
                   log=None if number == attempts and last == states.SUCCEEDED else log)
        for number in range(1, attempts + 1)
    )  # fmt: skip
    return a_row(name, state, attempt=attempts, attempts=made, **fields)


def skipped(name, reason="TriggerRule"):
    return a_row(name, states.SKIPPED, reason=reason)


def blocked(name):
    return a_row(name, states.UPSTREAM_FAILED, reason="UpstreamFailed")


FAILED = a_finished_status(
    ended("extract", "Succeeded"),
    ended("load", "Failed", 2, user_failures=2, reason="ExitCode"),
    ended("check", "Succeeded"),
    blocked("report"),
    ended("mail", "Succeeded"),
    ended("other", "Succeeded"),
    succeeded=False,
)
DONE = a_finished_status(*(ended(name, "Succeeded") for name in NAMES))
TIMED_OUT = a_finished_status(
    ended("extract", "Succeeded"),
    ended("load", "Failed", reason="RunTimedOut"),
    ended("check", "Succeeded"),
    skipped("report", "RunTimedOut"),
    skipped("mail", "RunTimedOut"),
    ended("other", "Succeeded"),
    succeeded=False,
    reason="TimedOut",
)
WITHOUT_REASONS = msgspec.structs.replace(
    TIMED_OUT,
    tasks=tuple(msgspec.structs.replace(row, reason="", message="") for row in TIMED_OUT.tasks),
)
RULED_OUT = a_finished_status(
    ended("extract", "Succeeded"),
    ended("load", "Succeeded"),
    ended("check", "Failed"),
    skipped("report"),
    skipped("mail"),
    ended("other", "Succeeded"),
    succeeded=False,
)
NEVER_STARTED = msgspec.structs.replace(
    a_finished_status(succeeded=False, reason="Forbidden"), start_time=None, revision=""
)


def wish(scope="Failed", *tasks, id_="1", revision="Same"):
    return snapshot.RerunRequest(id_, scope, tasks, revision)


def snap_of(status, asked=None, plan=PLAN, *seen, **fields):
    facts = run_facts(uid=RUN_UID, rerun=asked or wish(), **fields.pop("run", {}))
    return a_snapshot(plan, *seen, status=status, run=facts, **fields)


def decide(*given, **fields):
    return decide_run.decide(snap_of(*given, **fields), NOW)


def counted(status):
    """What is said of the last rerun; of those before it, `test_rerun_memory` asks."""
    last = status.rerun
    return last.id, last.number, last.start_time, last.tasks, last.after


# --- Which tasks run again -------------------------------------------------------------------

ALL = set(NAMES)
FROM_LOAD = {"load", "report", "mail"}
SCOPES = {
    "all of a failed run": (FAILED, wish("All"), ALL),
    "all of one that succeeded": (DONE, wish("All"), ALL),
    "all of one that never started": (NEVER_STARTED, wish("All"), ALL),
    "what failed, and all after it": (FAILED, wish("Failed"), FROM_LOAD),
    "nothing failed": (DONE, wish("Failed"), set()),
    "it was out of time": (TIMED_OUT, wish("Failed"), FROM_LOAD),
    "it was out of time, and does not say of what": (WITHOUT_REASONS, wish("Failed"), FROM_LOAD),
    "a rule skipped tasks, which no failure did": (RULED_OUT, wish("Failed"), {"check"}),
    "it never started": (NEVER_STARTED, wish("Failed"), ALL),
    "one task, and all after it": (DONE, wish("Tasks", "load"), FROM_LOAD),
    "two tasks": (DONE, wish("Tasks", "other", "mail"), {"mail", "other"}),
    "tasks of one that never started": (NEVER_STARTED, wish("Tasks", "mail"), ALL),
}


@pytest.mark.parametrize(("status", "asked", "expected"), SCOPES.values(), ids=SCOPES)
def test_these_tasks_run_again(status, asked, expected):
    assert {NAMES[index] for index in rerun.chosen(PLAN, status, asked)} == expected


def test_a_rule_that_was_left_out_for_want_of_room_skips_again():
    bare = msgspec.structs.replace(RULED_OUT, tasks=WITHOUT_REASONS.tasks)
    rows_ = tuple(
        msgspec.structs.replace(row, state=states.SKIPPED) if row.name == "report" else row
        for row in bare.tasks
    )
    status = msgspec.structs.replace(bare, tasks=rows_)
    found = rerun.chosen(PLAN, status, wish("Failed"))
    assert {NAMES[index] for index in found} == FROM_LOAD  # because of load, and not of report


@pytest.mark.parametrize(("status", "asked", "expected"), SCOPES.values(), ids=SCOPES)
def test_what_does_not_run_again_keeps_its_row_and_the_others_begin_anew(status, asked, expected):
    decision = decide(status, asked)
    before = {row.name: row for row in status.tasks}
    after = {row.name: row for row in decision.status.tasks}
    for name in ALL - expected:
        assert after[name] == before[name]
    for name in expected:
        old, new = before.get(name, a_row(name)), after[name]
        assert new.state in (states.WAITING, states.QUEUED, states.SKIPPED)
        assert (new.attempt, new.earlier_attempts) == (old.attempt, old.attempt)
        assert (new.attempts, new.user_failures, new.infra_failures) == (old.attempts, 0, 0)


# --- The status ------------------------------------------------------------------------------


def test_a_run_that_runs_again_is_as_good_as_new_and_nothing_is_done_yet():
    decision = decide(FAILED)
    status = decision.status
    assert (decision.actions, decision.urgent) == ((), True)
    assert (status.start_time, status.completion_time, status.duration) == (stamp(1000), None, "")
    assert counted(status) == ("1", 1, stamp(1000), 3, "Failed")
    told = {one.type: (one.status, one.reason, one.last_transition_time)
            for one in status.conditions}  # fmt: skip
    assert told == {
        "Succeeded": ("Unknown", "Running", stamp(1000)),
        "Finished": ("False", "Active", stamp(1000)),
    }
    assert status.progress == "3/6"
    assert (status.counts.queued, status.counts.waiting, status.counts.succeeded) == (1, 2, 3)


def test_what_is_stored_is_then_acted_upon():
    snap = snap_of(FAILED)
    stored = decide_run.decide(snap, NOW).status
    decision = decide_run.decide(dataclasses.replace(snap, status=stored), at(1001))
    (create,) = decision.actions
    assert isinstance(create, actions.CreatePod)
    assert (NAMES[create.task_index], create.attempt) == ("load", 3)
    assert decision.status == stored


def test_a_wish_that_was_fulfilled_is_none_any_more():
    done = msgspec.structs.replace(FAILED, rerun=rows.Rerun("1", 1, stamp(60), 3))
    decision = decide(done)
    assert decision.status == msgspec.structs.replace(done, observed_generation=1)
    assert decision.actions == ()


def test_another_wish_counts_on():
    done = msgspec.structs.replace(FAILED, rerun=rows.Rerun("1", 1, stamp(60), 3))
    assert counted(decide(done, wish(id_="2")).status) == ("2", 2, stamp(1000), 3, "Failed")


def test_if_nothing_is_to_run_again_the_wish_is_fulfilled_and_the_run_stays_as_it_ended():
    decision = decide(DONE)
    assert counted(decision.status) == ("1", 1, stamp(1000), 0, "Succeeded")
    assert decision.status == msgspec.structs.replace(
        DONE, observed_generation=1, rerun=decision.status.rerun
    )
    assert (decision.actions, decision.urgent) == ((), True)


def test_a_task_whose_rule_says_so_at_once_ends_the_run_at_once():
    decision = decide(FAILED, wish("Tasks", "report"))
    assert {row.name: row.state for row in decision.status.tasks}["report"] == "UpstreamFailed"
    assert not decision.status.finished  # mail goes on
    alone = decide(
        a_finished_status(ended("a", "Failed"), blocked("b"), succeeded=False),
        wish("Tasks", "b"),
        a_plan(a_task("a"), a_task("b", dependsOn=["a"])),
    )
    assert alone.status.finished
    assert alone.status.completion_time == stamp(1000)
    assert counted(alone.status) == ("1", 1, stamp(1000), 1, "Failed")


def test_the_budgets_of_retries_begin_anew():
    plan = a_plan(a_task("a", retry={"limit": 1, "backoffSeconds": 10}))
    status = a_finished_status(ended("a", "Failed", 2, user_failures=2), succeeded=False)
    snap = snap_of(status, None, plan)
    stored = decide_run.decide(snap, NOW).status
    pod = a_pod("a", 3, "Failed", exit_code=1, created=1001, started=1002, finished=1010)
    seen = dataclasses.replace(snap, status=stored, pods={"a": (pod,)})
    (row,) = decide_run.decide(seen, at(1011)).status.tasks
    assert (row.state, row.attempt, row.user_failures) == ("AwaitingRetry", 3, 1)
    assert (row.earlier_attempts, [one.number for one in row.attempts]) == (2, [1, 2, 3])
    assert row.attempts[-1].deps_met_time == stamp(1000)


def test_the_words_about_a_failure_count_the_attempts_of_this_time_only():
    plan = a_plan(a_task("a"))
    status = a_finished_status(ended("a", "Failed", 4, user_failures=4), succeeded=False)
    snap = snap_of(status, None, plan)
    stored = decide_run.decide(snap, NOW).status
    pod = a_pod("a", 5, "Failed", exit_code=1, created=1001, started=1002, finished=1010)
    seen = dataclasses.replace(
        snap, status=stored, pods={"a": (pod,)},
        logs={pod.metadata.uid: snapshot.CapturedLog(b"said")},
    )  # fmt: skip
    found = decide_run.decide(seen, at(1011)).status
    assert found.condition("Succeeded").message == "1 of 1 tasks failed: a (exit code 1)"
    assert found.duration == "11s"


# --- Pods of before --------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("history", ["kept", "dropped"])
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_pods_of_before_say_nothing_of_what_runs_again(gone, history, phase):
    plan = a_plan(a_task("a"))
    row = ended("a", phase, 1, user_failures=int(phase == "Failed"))
    if history == "dropped":
        row = msgspec.structs.replace(row, attempts=())
    pod = a_pod("a", 1, phase, exit_code=int(phase == "Failed"), gone=gone)
    status = a_finished_status(row, succeeded=phase == "Succeeded")
    snap = snap_of(status, wish("All"), plan, pod)
    stored = decide_run.decide(snap, NOW).status
    decision = decide_run.decide(dataclasses.replace(snap, status=stored, gone=set()), at(1001))
    (create,) = decision.actions
    assert (type(create), create.attempt) == (actions.CreatePod, 2)
    (row,) = decision.status.tasks
    assert (row.state, row.user_failures, row.infra_failures) == ("Queued", 0, 0)


def test_the_number_of_a_pod_that_came_too_late_is_taken():
    plan = a_plan(a_task("a"))
    status = a_finished_status(skipped("a", "RunTimedOut"), succeeded=False, reason="TimedOut")
    late = a_pod("a", 1, "Failed", exit_code=137)
    (row,) = decide(status, None, plan, late).status.tasks
    assert (row.attempt, row.earlier_attempts, row.attempts) == (1, 1, ())


GIVEN_UP = a_finished_status(
    a_row("a", "Failed", reason="RevisionNotFound", attempt=1, attempts=(an_attempt(1, "Running"),)),
    succeeded=False, reason="RevisionNotFound",
)  # fmt: skip


@pytest.mark.parametrize("by", ["Same", "Newest"])
def test_a_pod_that_is_not_seen_is_asked_for_before_its_task_runs_again(by):
    """Found by the simulation: another leader had created it."""
    plan = a_plan(a_task("a"))
    given = {"newest": newest(plan), "dag": READY} if by == "Newest" else {}
    asked = wish(revision=by)
    decision = decide(GIVEN_UP, asked, plan if by == "Same" else None, **given)
    name = GIVEN_UP.tasks[0].attempts[0].pod_name
    assert decision.actions == (actions.ConfirmGone(name, "", 0, 1),)
    assert decision.status.condition("RerunPending").reason == "PodsEnding"
    again = decide(GIVEN_UP, asked, plan if by == "Same" else None, gone={name}, **given)
    assert (again.status.finished, again.actions) == (False, ())


def test_what_a_pod_tells_of_a_run_that_was_given_up_is_not_lost():
    plan = a_plan(a_task("a"))
    pod = a_pod("a", 1, "Failed", exit_code=3)
    (row,) = decide(GIVEN_UP, None, plan, pod).status.tasks
    assert [(one.reason, one.exit_code) for one in row.attempts] == [("ExitCode", 3)]
    assert (row.state, row.user_failures) == ("Queued", 0)


def test_an_attempt_that_nobody_saw_the_end_of_is_closed():
    plan = a_plan(a_task("a"))
    gone = {GIVEN_UP.tasks[0].attempts[0].pod_name}
    (row,) = decide(GIVEN_UP, None, plan, gone=gone).status.tasks
    (attempt,) = row.attempts
    assert (attempt.state, attempt.reason, attempt.failure_class) == (
        "Failed", "PodDeleted", "Infra",
    )  # fmt: skip
    assert attempt.finish_time == stamp(1000)


def test_a_late_pod_of_before_that_lives_is_ended_before_its_task_runs_again():
    plan = a_plan(a_task("a"))
    snap = snap_of(a_finished_status(ended("a", "Failed"), succeeded=False), None, plan)
    stored = decide_run.decide(snap, NOW).status
    late = a_pod("a", 1, "Running")
    decision = decide_run.decide(
        dataclasses.replace(snap, status=stored, pods={"a": (late,)}), at(1001)
    )
    assert [type(one) for one in decision.actions] == [actions.DeletePod]
    assert decision.status.tasks[0].reason == "PodsEnding"


# --- Waiting ---------------------------------------------------------------------------------


def a_peer(name, order=0, **fields):
    return snapshot.Peer(name, (stamp(order), stamp(order), name), **fields)


ACTIVE_OLDER = a_peer("older", -10, started=True)
ACTIVE_NEWER = a_peer("newer", 10, started=True)
MISSING = "spec.rerun.tasks: must name tasks of the DAG; it has no 'nothing'"
READY = snapshot.DAGFacts(generation=2, ready=True, revision="other")
WAITS = {
    "held by hand": ({"run": {"suspend": True}}, "Suspended", "spec.suspend of the run is true"),
    "its turn": (
        {"peers": [ACTIVE_OLDER]}, "Queued", "waits for its turn: the DAG allows 1 active run",
    ),
    "forbidden, which passes": (
        {"peers": [ACTIVE_OLDER], "policy": "Forbid"}, "Queued",
        "waits for its turn: the DAG allows 1 active run",
    ),
    "a newer one that would replace it": (
        {"peers": [ACTIVE_NEWER], "policy": "Replace"}, "Queued",
        "waits for its turn: the DAG allows 1 active run",
    ),
    "a Pod that is still to end": (
        {"pods": {"load": (a_pod("load", 3, "Running"),)}}, "PodsEnding",
        "waits for Pods of the run that are still to end",
    ),
    "a Pod that is being made": (
        {"creating": {"load": "x"}}, "PodsEnding",
        "waits for Pods of the run that are still to end",
    ),
    "a task that there is not": (
        {"asked": wish("Tasks", "nothing", "load")}, "TaskNotFound", MISSING,
    ),
    "its revision": (
        {"plan": None, "plan_revision": "gone"}, "RevisionNotFound",
        "the ControllerRevision 'gone' that it started with is gone: ask for revision Newest",
    ),
    "the DAG": (
        {"asked": wish(revision="Newest"), "dag": None}, "DAGNotFound",
        "waits for DAG 'pipeline', which is not there",
    ),
    "the DAG to be mended": (
        {"asked": wish(revision="Newest"),
         "dag": snapshot.DAGFacts(generation=2, ready=False, message="it is not ready")},
        "DAGNotReady", "it is not ready",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "reason", "message"), WAITS.values(), ids=WAITS)
def test_until_it_may_run_again_it_stays_as_it_ended_and_says_what_it_waits_for(
    given, reason, message
):
    given = dict(given)
    plan = given.pop("plan", PLAN)
    if policy := given.pop("policy", None):
        plan = dataclasses.replace(PLAN, concurrency_policy=policy)
    asked = given.pop("asked", wish())
    snap = snap_of(FAILED, asked, plan, **given)
    status = decide_run.decide(snap, NOW).status
    (told,) = [one for one in status.conditions if one.type == "RerunPending"]
    assert (told.status, told.reason, told.message) == ("True", reason, message)
    others = tuple(one for one in status.conditions if one.type != "RerunPending")
    assert others == FAILED.conditions
    assert msgspec.structs.replace(status, conditions=others, observed_generation=0) == FAILED
    withdrawn = dataclasses.replace(
        snap, status=status, run=dataclasses.replace(snap.run, rerun=None)
    )
    assert decide_run.decide(withdrawn, at(1005)).status == msgspec.structs.replace(
        FAILED, observed_generation=1
    )


@pytest.mark.parametrize(("given", "reason", "message"), WAITS.values(), ids=WAITS)
def test_a_wish_that_cannot_be_fulfilled_is_in_nobodys_way(given, reason, message):
    del given
    told = rerun.waiting(FAILED, run_facts(), rerun.Wait(reason, message), NOW)
    assert rerun.is_stuck(told) == (reason not in ("Suspended", "Queued"))
    assert not rerun.is_stuck(FAILED)


FREE = {
    "nobody else": {},
    "one that waits behind it": {"peers": [a_peer("newer", 10, of_backfill=True)]},
    "a suspended DAG": {"dag": dataclasses.replace(READY, suspend=True)},
    "one that has ended, and is to run again after it": {
        "peers": [a_peer("n", 10, reruns=True, of_backfill=True)]
    },
}


@pytest.mark.parametrize("given", FREE.values(), ids=FREE)
@pytest.mark.parametrize("type_", ["Manual", "Scheduled", "Backfill"])
def test_nothing_of_this_holds_it(given, type_):
    assert not decide(FAILED, run={"run_type": type_}, **given).status.finished


def test_a_run_that_waits_to_run_again_replaces_none():
    plan = a_plan(a_task("a"), concurrencyPolicy="Replace")
    snap = a_snapshot(plan, peers=[a_peer("newer", 10, reruns=True)])
    assert [type(one) for one in decide_run.decide(snap, at(1)).actions] == [actions.CreatePod]
    started = decide_run.decide(snap, at(1)).status
    again = decide_run.decide(dataclasses.replace(snap, status=started), at(2)).status
    assert again.condition("Succeeded").reason == "Running"


def test_an_active_run_says_that_it_runs_again_later_and_goes_on():
    plan = a_plan(a_task("a"))
    snap = snap_of(rows.RunStatus(), wish("All"), plan)
    decision = decide_run.decide(snap, at(1))
    assert [type(one) for one in decision.actions] == [actions.CreatePod]
    told = decision.status.condition("RerunPending")
    assert (told.status, told.reason) == ("True", "RunActive")
    withdrawn = dataclasses.replace(
        snap, status=decision.status, run=dataclasses.replace(snap.run, rerun=None)
    )
    assert decide_run.decide(withdrawn, at(2)).status.condition("RerunPending") is None


def test_a_run_that_is_being_deleted_does_not_run_again():
    decision = decide(FAILED, run={"deleting": True})
    assert (decision.status, decision.actions) == (FAILED, ())


def test_while_it_waits_its_pods_are_tidied_up_as_ever():
    plan = a_plan(a_task("a"), retention={"keepPods": "None", "podTtlSecondsAfterFinished": 60})
    status = a_finished_status(ended("a", "Failed"), succeeded=False)
    pod = a_pod("a", 1, "Failed", exit_code=1)
    decision = decide(status, None, plan, pod, peers=[ACTIVE_OLDER])
    assert decision.actions == (actions.DeletePods(RUN_UID, "Failed", 0),)
    assert decision.status.condition("RerunPending").reason == "Queued"


# --- Another revision ------------------------------------------------------------------------

NEWER = a_plan(
    a_task("other"),
    a_task("extract"),
    a_task("clean", dependsOn=["extract"]),
    a_task("load", dependsOn=["clean"]),
    a_task("check", dependsOn=["extract"]),
)


def newest(plan=NEWER):
    return snapshot.Source(plan, "other", 2)


def test_by_the_newest_revision_rows_are_found_by_name_new_tasks_wait_and_others_leave():
    decision = decide(FAILED, wish(revision="Newest"), newest=newest(), dag=READY)
    status = decision.status
    assert (status.revision, status.dag_generation) == ("other", 2)
    told = [(row.name, row.state, row.attempt, row.earlier_attempts) for row in status.tasks]
    assert told == [
        ("other", "Succeeded", 1, 0),
        ("extract", "Succeeded", 1, 0),
        ("clean", "Queued", 0, 0),
        ("load", "Waiting", 2, 2),
        ("check", "Succeeded", 1, 0),
    ]
    assert counted(status) == ("1", 1, stamp(1000), 2, "Failed")
    assert status.counts.total == 5


def test_what_is_after_a_new_task_runs_again_although_it_had_succeeded():
    status = decide(DONE, wish("Failed", revision="Newest"), newest=newest(), dag=READY).status
    assert {row.name for row in status.tasks if row.state != "Succeeded"} == {"clean", "load"}


def test_a_run_whose_only_failure_was_of_a_task_that_there_is_no_more_has_succeeded():
    plan = a_plan(a_task("a"), a_task("b"))
    status = a_finished_status(ended("a", "Succeeded"), ended("b", "Failed"), succeeded=False)
    given = {"newest": newest(a_plan(a_task("a"))), "dag": READY}
    decision = decide(status, wish(revision="Newest"), plan, **given)
    assert (decision.status.succeeded, decision.actions) == (True, ())
    assert counted(decision.status) == ("1", 1, stamp(1000), 0, "Failed")
    assert decision.status.revision == "other"
    assert [row.name for row in decision.status.tasks] == ["a"]


def test_of_a_task_that_it_has_no_more_a_late_pod_is_ended():
    snap = snap_of(FAILED, wish(revision="Newest"), newest=newest(), dag=READY)
    stored = decide_run.decide(snap, NOW).status
    late = a_pod("mail", 1, "Running")
    again = dataclasses.replace(
        snap, status=stored, plan=NEWER, plan_revision="other", newest=None,
        pods={"mail": (late,)}, held=(late,),
    )  # fmt: skip
    kinds = {type(one) for one in decide_run.decide(again, at(1001)).actions}
    assert kinds == {actions.CreatePod, actions.DeletePod, actions.ReleasePod}


# --- Slices ----------------------------------------------------------------------------------


def test_a_run_in_slices_stays_in_slices_and_says_so():
    status = msgspec.structs.replace(FAILED, slices=1)
    found = decide(status).status
    assert found.slices == 1
    assert found.condition("StatusTruncated").reason == "RowsInSlices"


def test_a_row_that_was_lost_with_its_slice_runs_again_whatever_the_scope():
    lost = tuple(a_row("other") if row.name == "other" else row for row in DONE.tasks)
    status = msgspec.structs.replace(DONE, tasks=lost, slices=1)
    found = rerun.chosen(PLAN, status, wish("Failed"))
    assert {NAMES[index] for index in found} == {"other"}


def test_a_stop_of_before_does_not_stop_it_although_its_rows_are_in_slices():
    plan = a_plan(a_task("a"), a_task("b"))
    status = msgspec.structs.replace(
        a_finished_status(
            ended("a", "Failed", reason="RunTimedOut"), ended("b", "Failed", reason="RunTimedOut"),
            succeeded=False, reason="TimedOut",
        ),
        slices=1,
    )  # fmt: skip
    snap = snap_of(status, wish("Tasks", "b"), plan)
    stored = decide_run.decide(snap, NOW).status
    decision = decide_run.decide(dataclasses.replace(snap, status=stored), at(1001))
    assert [type(one) for one in decision.actions] == [actions.CreatePod]
    assert decision.status.condition("Succeeded").reason == "Running"


# --- Again -----------------------------------------------------------------------------------


def test_beginning_anew_twice_is_beginning_anew_once():
    row = ended("a", "Failed", 3, user_failures=2, infra_failures=1)
    once = rerun.reset(row, "a", (), stamp(9))
    assert rerun.reset(once, "a", (), stamp(10)) == once


def test_attempts_count_on_over_any_number_of_reruns():
    plan = a_plan(a_task("a"))
    status, numbers = a_finished_status(ended("a", "Failed"), succeeded=False), []
    for turn in range(1, 15):
        snap = snap_of(status, wish(id_=str(turn)), plan)
        stored = decide_run.decide(snap, at(100 * turn)).status
        (create,) = decide_run.decide(
            dataclasses.replace(snap, status=stored), at(100 * turn)
        ).actions
        numbers.append(create.attempt)
        pod = a_pod("a", create.attempt, "Failed", exit_code=1, created=100 * turn)
        seen = dataclasses.replace(
            snap, status=stored, pods={"a": (pod,)},
            logs={pod.metadata.uid: snapshot.CapturedLog(b"said")},
        )  # fmt: skip
        status = decide_run.decide(seen, at(100 * turn + 50)).status
        assert status.finished
    assert numbers == list(range(2, 16))
    assert len(status.tasks[0].attempts) == rows.ATTEMPTS_KEPT_MAX
    assert status.rerun.number == 14
