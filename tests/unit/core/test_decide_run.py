"""The whole decision about one run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubedag.core import actions, decide_run, describe, outcomes, rows, snapshot, states
from support.builders import (
    PROGRAM_FAILED,
    a_chain,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

ONE = a_plan(a_task("a"))
NO_RETRY = {"image": "i", "retry": {"limit": 0, "infraLimit": 0}}


def decide(snap, now=20):
    return decide_run.decide(snap, at(now))


def word(decision):
    """The `Succeeded` condition: what a person looks at."""
    condition = decision.status.condition(rows.SUCCEEDED_CONDITION)
    return (condition.status, condition.reason)


def says(decision):
    return decision.status.condition(rows.SUCCEEDED_CONDITION).message


def stored(snap, decision, **facts):
    return replace(snap, status=decision.status, **facts)


# --- Not yet, or never ------------------------------------------------------------------------


def test_a_run_that_is_being_deleted_is_left_alone():
    snap = a_snapshot(ONE, status=a_status(a_row()), deleting=True)
    assert decide(snap) == actions.RunDecision(snap.status)


MISSING = {"dag": None}
NOT_READY = {"dag": snapshot.DAGFacts(generation=2, ready=False, message="DAG 'p' is bad")}
UNCHECKED = {"dag": snapshot.DAGFacts(generation=2, ready=False, checked=False)}


@pytest.mark.parametrize(
    ("facts", "reason", "message"),
    [
        pytest.param(
            MISSING, "DAGNotFound",
            "spec.dagName: must name a DAG of namespace 'ns'; 'pipeline' is none", id="no DAG",
        ),
        pytest.param(NOT_READY, "DAGNotReady", "DAG 'p' is bad", id="a bad DAG"),
    ],
)  # fmt: skip
def test_a_run_waits_ten_minutes_for_a_dag_and_then_gives_up(facts, reason, message):
    snap = a_snapshot(**facts)
    waits, ends = decide(snap, 599), decide(snap, 600)
    assert (word(waits), says(waits)) == (("Unknown", reason), message)
    assert (waits.wake_at, waits.urgent) == (at(600), False)
    assert (word(ends), says(ends)) == (("False", reason), message)
    assert (ends.wake_at, ends.urgent, ends.status.completion_time) == (None, True, stamp(600))


def test_a_run_waits_for_as_long_as_nobody_has_checked_its_dag():
    """An operator that comes late must not fail what was applied before it came."""
    found = decide(a_snapshot(**UNCHECKED), now=100_000)
    assert (word(found), found.wake_at) == (("Unknown", "DAGNotReady"), None)
    assert says(found) == "DAG 'pipeline' has not been checked yet"


def test_a_revision_that_is_not_seen_is_asked_for_before_anything_is_concluded():
    snap = a_snapshot(plan_revision="p-123", status=a_status(a_row()), lost_revision="p-122")
    found = decide(snap)
    assert found.actions == (actions.ConfirmRevision("p-123"),)
    assert (found.status, found.urgent) == (snap.status, False)


def test_a_run_whose_revision_is_gone_cannot_go_on():
    gone = {"plan_revision": "p-123", "lost_revision": "p-123"}
    found = decide(a_snapshot(**gone, status=a_status(a_row())))
    assert word(found) == ("False", "RevisionNotFound")
    assert says(found) == "the ControllerRevision 'p-123' that it started with is gone"


SUSPENDED_DAG = {"dag": snapshot.DAGFacts(generation=1, ready=True, suspend=True)}
AHEAD = snapshot.Peer("first", ("2025", "2025", "first"), started=True)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param({"suspend": True}, "Suspended", id="by hand"),
        pytest.param(
            {**SUSPENDED_DAG, "run": run_facts(run_type="Scheduled")}, "DAGSuspended",
            id="by its DAG",
        ),
        pytest.param({"peers": (AHEAD,)}, "Queued", id="by a run before it"),
    ],
)  # fmt: skip
def test_a_run_is_held_back(facts, reason):
    found = decide(a_snapshot(ONE, **facts))
    assert (word(found), found.actions, found.wake_at) == (("Unknown", reason), (), None)
    assert found.status.start_time is None


@pytest.mark.parametrize(
    "facts",
    [
        {**SUSPENDED_DAG},
        {**SUSPENDED_DAG, "run": run_facts(run_type="Scheduled"), "status": a_status(a_row())},
        {"peers": (AHEAD,), "status": a_status(a_row())},
        {"peers": (AHEAD,), "creating": {"a": "run-a-1"}},
    ],
    ids=["made by hand of a suspended DAG", "started", "started before", "about to start"],
)
def test_a_run_goes_on(facts):
    assert word(decide(a_snapshot(ONE, **facts))) == ("Unknown", "Running")


def test_a_run_that_can_never_start_is_over():
    plan = a_plan(a_task("a"), concurrencyPolicy="Forbid")
    found = decide(a_snapshot(plan, peers=(AHEAD,)))
    assert (word(found), found.status.completion_time) == (("False", "Forbidden"), stamp(20))


# --- Going on ---------------------------------------------------------------------------------


def test_the_first_decision_starts_the_run_and_pins_its_revision():
    found = decide(a_snapshot(a_chain("a", "b")))
    assert word(found) == ("Unknown", "Running")
    status = found.status
    assert (status.revision, status.dag_generation) == ("pipeline-rev", 1)
    assert (status.start_time, status.progress, status.retries) == (stamp(20), "0/2", 0)
    assert status.counts == rows.Counts(total=2, waiting=1, queued=1)
    assert [type(action) for action in found.actions] == [actions.CreatePod]


def test_a_later_edit_of_the_dag_changes_nothing_for_a_run_that_has_started():
    edited = snapshot.DAGFacts(generation=7, ready=True, revision="other")
    status = a_status(a_row(), dag_generation=1)
    found = decide(a_snapshot(ONE, status=status, dag=edited))
    assert (found.status.revision, found.status.dag_generation) == ("pipeline-rev", 1)


def test_a_run_of_which_only_pods_are_left_started_with_the_first_of_them():
    found = decide(a_snapshot(ONE, a_pod(phase="Running", created=3)))
    assert found.status.start_time == stamp(3)


def test_a_status_that_somebody_broke_is_made_anew_from_the_pods():
    plan = a_chain("a", "b")
    found = decide(a_snapshot(plan, a_pod("a", phase="Running"), status=a_status(a_row("a"))))
    assert [(row.name, row.state) for row in found.status.tasks] == [
        ("a", "Running"),
        ("b", "Waiting"),
    ]


def test_a_run_says_that_it_is_suspended_while_its_pods_go_on():
    found = decide(a_snapshot(ONE, a_pod(phase="Running"), suspend=True))
    assert word(found) == ("Unknown", "Suspended")
    assert says(found) == "spec.suspend is true; 1 task goes on to its end"


def test_it_is_noted_when_each_attempt_could_have_started():
    plan = a_chain("a", "b", taskDefaults={"image": "i", "retry": {"limit": 1}})
    found = decide(
        a_snapshot(
            plan,
            a_pod("a", phase="Succeeded", created=1, finished=10),
            a_pod("b", phase="Failed", exit_code=1, finished=15),
            a_pod("b", attempt=2, phase="Running", created=16),
            status=a_status(a_row("a"), a_row("b"), started=1),
        )
    )
    met = [[attempt.deps_met_time for attempt in row.attempts] for row in found.status.tasks]
    assert met == [[stamp(1)], [None, stamp(15)]]
    first = decide(
        a_snapshot(
            plan,
            a_pod("a", phase="Succeeded"),
            a_pod("b", created=11),
            status=a_status(started=1),
        )
    )
    assert first.status.tasks[1].attempts[0].deps_met_time == stamp(10)


def test_attempts_beyond_a_tasks_first_are_counted_as_retries():
    plan = a_plan(a_task("a", retry={"limit": 5}), a_task("b"))
    seen = [a_pod(attempt=number, **PROGRAM_FAILED) for number in (1, 2, 3)]
    assert decide(a_snapshot(plan, *seen)).status.retries == 2


def test_what_is_about_to_be_deleted_is_stored_at_once():
    plan = a_plan(a_task("a", timeoutSeconds=5))
    snap = a_snapshot(plan, a_pod(phase="Running"), status=a_status(a_row(state="Running")))
    first = decide(snap)
    again = decide(stored(snap, first))
    assert (first.urgent, again.urgent) == (True, False)
    assert [type(action) for action in again.actions] == [actions.DeletePod]


@pytest.mark.parametrize(("failed", "urgent"), [(1, True), (5, True), (6, False)])
def test_why_the_first_attempts_failed_is_stored_at_once(failed, urgent):
    names = [f"t{number}" for number in range(failed)]
    plan = a_plan(*[a_task(name, retry={"limit": 1}) for name in names], a_task("last"))
    seen = [a_pod(name, **PROGRAM_FAILED) for name in names]
    snap = a_snapshot(plan, *seen, a_pod("last", phase="Running"), status=a_status(started=1))
    unread = decide(snap)
    read = {pod.metadata.uid: snapshot.CapturedLog(b"why") for pod in seen}
    told = decide(replace(snap, logs=read))
    assert (unread.urgent, told.urgent) == (False, urgent)
    assert decide(replace(stored(snap, told), logs=read)).urgent is False


# --- The end ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pods", "expected", "message"),
    [
        pytest.param(
            (a_pod("a", phase="Succeeded"), a_pod("b", phase="Succeeded")),
            ("True", "Succeeded"), "2/2 tasks succeeded", id="well",
        ),
        pytest.param(
            (a_pod("a", phase="Succeeded"), a_pod("b", phase="Failed", exit_code=3, gone=True)),
            ("False", "Failed"), "1 of 2 tasks failed: b (exit code 3)", id="badly",
        ),
        pytest.param(
            (a_pod("a", phase="Failed", exit_code=3, gone=True),),
            ("False", "Failed"), "1 of 2 tasks failed: a (exit code 3)", id="early",
        ),
    ],
)  # fmt: skip
def test_a_run_ends_with_its_last_task(pods, expected, message):
    plan = a_chain("a", "b", taskDefaults=NO_RETRY)
    found = decide(a_snapshot(plan, *pods, status=a_status(a_row("a"), a_row("b"))), now=130)
    assert (word(found), says(found)) == (expected, message)
    assert found.status.finished
    assert (found.status.completion_time, found.status.duration) == (stamp(130), "2m10s")
    assert (found.wake_at, found.urgent) == (None, True)
    finished = found.status.condition(rows.FINISHED)
    assert (finished.status, finished.reason) == ("True", expected[1])


def test_skipped_tasks_are_no_failure():
    plan = a_plan(a_task("a"), a_task("b", dependsOn=["a"], triggerRule="OneFailed"))
    found = decide(a_snapshot(plan, a_pod("a", phase="Succeeded")))
    assert (word(found), says(found)) == (
        ("True", "Succeeded"),
        "1/2 tasks succeeded, 1 skipped",
    )


def test_a_run_does_not_end_before_the_log_of_its_failure_was_read():
    plan = a_plan(a_task("a"), taskDefaults=NO_RETRY)
    pod = a_pod(**PROGRAM_FAILED)
    snap = a_snapshot(plan, pod)
    waits = decide(snap)
    assert (waits.status.finished, [type(a) for a in waits.actions]) == (
        False,
        [actions.CaptureLog],
    )
    read = {pod.metadata.uid: snapshot.CapturedLog(b"why")}
    ends = decide(stored(snap, waits, logs=read))
    assert (ends.status.finished, ends.status.tasks[0].attempts[0].log.tail) == (True, "why")


# --- Stopping ---------------------------------------------------------------------------------

TIMED = a_chain("a", "b", timeoutSeconds=60)
NEWER = snapshot.Peer("z", ("2099", "2099", "z"))


def test_a_run_is_looked_at_again_when_its_time_is_up():
    found = decide(a_snapshot(TIMED, a_pod("a", phase="Running"), status=a_status(started=5)))
    assert found.wake_at == at(66)


@pytest.mark.parametrize(
    ("facts", "now", "reason", "task_reason"),
    [
        pytest.param({}, 66, "TimedOut", "RunTimedOut", id="its time is up"),
        pytest.param({"peers": (NEWER,)}, 20, "Replaced", "RunReplaced", id="a newer one came"),
    ],
)
def test_a_run_is_stopped(facts, now, reason, task_reason):
    plan = a_chain("a", "b", timeoutSeconds=60, concurrencyPolicy="Replace")
    pod = a_pod("a", phase="Running")
    snap = a_snapshot(plan, pod, status=a_status(a_row("a"), a_row("b"), started=5), **facts)
    first = decide(snap, now)
    assert (word(first), first.urgent, first.actions) == (("Unknown", reason), True, ())
    assert [(row.state, row.reason) for row in first.status.tasks] == [
        ("Terminating", task_reason),
        ("Skipped", task_reason),
    ]
    second = decide(stored(snap, first, peers=()), now + 1)
    assert [type(action) for action in second.actions] == [actions.DeletePod]
    gone = a_pod("a", phase="Failed", exit_code=143, deleted=now, gone=True)
    last = decide(stored(snap, second, peers=(), pods={"a": (gone,)}), now + 30)
    assert (word(last), says(last)) == (("False", reason), outcomes.ASKS[task_reason].message)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [("Succeeded", ("True", "Succeeded")), ("Failed", ("False", "Failed"))],
)
def test_a_run_that_had_ended_by_itself_before_we_looked_was_not_too_late(phase, expected):
    """An operator that was away for longer than the timeout must not fail what went well."""
    plan = a_chain("a", "b", timeoutSeconds=60, taskDefaults=NO_RETRY)
    code = 0 if phase == "Succeeded" else 1
    seen = (
        a_pod("a", phase="Succeeded"),
        a_pod("b", phase=phase, exit_code=code, finished=30, gone=True),
    )
    found = decide(a_snapshot(plan, *seen, status=a_status(a_row("a"), a_row("b"))), now=500)
    assert word(found) == expected


def test_a_run_that_was_stopped_stays_stopped_though_the_reason_went_away():
    conditions = (rows.Condition("Succeeded", "Unknown", "Replaced", "m", stamp(1)),)
    status = a_status(a_row("a", "Skipped"), a_row("b", "Skipped"), conditions=conditions)
    assert word(decide(a_snapshot(a_chain("a", "b"), status=status))) == ("False", "Replaced")


def test_a_run_is_stopped_if_only_its_slices_were_stored_before_a_crash():
    tasks = (a_row("a", "Skipped", reason="RunTimedOut"), a_row("b", "Skipped"))
    found = decide(a_snapshot(a_chain("a", "b"), status=a_status(*tasks, slices=1)))
    assert word(found) == ("False", "TimedOut")


# --- Words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "field"),
    [
        (states.WAITING, "waiting"),
        (states.QUEUED, "queued"),
        (states.PENDING, "pending"),
        (states.RUNNING, "running"),
        (states.TERMINATING, "terminating"),
        (states.AWAITING_RETRY, "awaiting_retry"),
        (states.SUCCEEDED, "succeeded"),
        (states.FAILED, "failed"),
        (states.SKIPPED, "skipped"),
        (states.UPSTREAM_FAILED, "upstream_failed"),
    ],
)
def test_each_state_is_counted(state, field):
    found = describe.count([a_row("a", state), a_row("b", state)])
    assert found == rows.Counts(**{"total": 2, field: 2})


def test_conditions_say_which_generation_they_judge_and_when_they_changed():
    snap = a_snapshot(ONE, run=run_facts(generation=3))
    found = decide(snap)
    later = decide(stored(snap, found), now=500)
    assert [
        (one.type, one.status, one.reason, one.last_transition_time, one.observed_generation)
        for one in later.status.conditions
    ] == [
        ("Succeeded", "Unknown", "Running", stamp(20), 3),
        ("Finished", "False", "Active", stamp(20), 3),
    ]


def test_a_task_could_start_when_what_decided_about_its_upstreams_had_ended():
    plan = a_plan(
        a_task("a"),
        a_task("b", dependsOn=["a"]),
        a_task("c", dependsOn=["b"], triggerRule="AllDone"),
    )
    failed = an_attempt(state="Failed", finish_time=stamp(30), log=rows.LogTail("PodLog"))
    status = a_status(
        a_row("a", "Failed", attempt=1, user_failures=1, attempts=(failed,)),
        a_row("b", "UpstreamFailed"),
        a_row("c", "Queued"),
    )
    found = decide(a_snapshot(plan, a_pod("c", created=31), status=status))
    assert found.status.tasks[2].attempts[-1].deps_met_time == stamp(30)
