"""What it takes for a run that has ended to run again: which tasks, and what becomes of its status."""

import dataclasses

import msgspec
import pytest

from kubedag.core import actions, decide_run, rerun, rows, snapshot, states
from support.builders import a_finished_status, a_plan, a_pod, a_row, at, stamp
from support.objects import a_task
from support.reruns import (
    DONE,
    FAILED,
    NAMES,
    NOW,
    PLAN,
    blocked,
    counted,
    decide,
    ended,
    skipped,
    snap_of,
    wish,
)

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
