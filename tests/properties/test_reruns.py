"""What holds of every rerun, whatever became of the run before, and however often it runs again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import actions, decide_run, graph, rerun, rows, snapshot, states
from properties import test_decide as decisions
from support import structural
from support.builders import (
    REVISION,
    RUN_UID,
    a_finished_status,
    a_row,
    a_snapshot,
    an_attempt,
    at,
    run_facts,
)

OTHER = "pipeline-other"
SUCCEEDS = ("Succeeded", 0, False)


def wishes(plan, number, revisions=("Same",)):
    names = [task.name for task in plan.tasks]
    some = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)
    scopes = st.one_of(
        st.sampled_from([("All", ()), ("Failed", ()), ("Failed", ())]),
        some.map(lambda tasks: ("Tasks", tasks)),
    )
    return st.builds(
        lambda scope, revision: snapshot.RerunRequest(f"wish-{number}", *scope, revision),
        scopes,
        st.sampled_from(revisions),
    )


def to_its_end(story, data, turns=12):
    """The run, until it has ended; after some turns all Pods succeed."""
    for turn in range(200):
        decision = story.look()
        if decision.status.finished:
            story.snap = replace(story.snap, status=decision.status)
            return
        story.act(decision)
        if data.draw(st.booleans()) or turn > turns:
            story.snap = replace(story.snap, status=decision.status)
        ends = decisions.ENDS if turn <= turns else st.just(SUCCEEDS)
        story.end_pods(partial(data.draw, ends))
        story.now += data.draw(st.integers(0, 30)) if turn <= turns else 700
    raise AssertionError("a run comes to its end")


@st.composite
def ended(draw):
    """A run that has ended, with whatever rows and attempts; and some that no run can end with."""
    plan = draw(decisions.plans())
    tasks = []
    for task in plan.tasks:
        state = draw(st.sampled_from([*sorted(states.TERMINAL), "Waiting"]))
        earlier = draw(st.integers(0, 3))
        numbers = range(earlier + 1, earlier + 1 + draw(st.integers(0, 2)))
        made = tuple(
            an_attempt(n, draw(st.sampled_from(["Succeeded", "Failed", "Running"])),
                       task=task.name, finish_time="2026-01-01T00:00:09Z",
                       log=rows.LogTail("None"))
            for n in numbers
        )  # fmt: skip
        reasons = st.sampled_from(["", "TriggerRule", "RunTimedOut", "ExitCode"])
        tasks.append(
            a_row(task.name, state, reason=draw(reasons), attempts=made, earlier_attempts=earlier,
                  attempt=max([earlier, *numbers]), user_failures=draw(st.integers(0, 2)))
        )  # fmt: skip
    status = a_finished_status(*tasks, succeeded=False)
    if draw(st.booleans()):
        status = msgspec.structs.replace(status, slices=1)
    newest = draw(decisions.plans())
    return a_snapshot(
        plan,
        status=status,
        run=run_facts(uid=RUN_UID),
        newest=snapshot.Source(newest, OTHER, 2),
        gone={one.pod_name for row in tasks for one in row.attempts},
    )


def asked(snap, wish):
    return replace(snap, run=replace(snap.run, rerun=wish))


def gone_by(snap, wish):
    return snap.newest if wish.revision == "Newest" else snapshot.Source(snap.plan, REVISION, 1)


@decisions.SEARCHED
@given(ended(), st.data())
def test_what_runs_again_begins_anew_and_everything_else_is_as_it_was(snap, data):
    wish = data.draw(wishes(snap.plan, 1, ("Same", "Newest")))
    goes_by = gone_by(snap, wish)
    if wish.scope == "Tasks" and not {*wish.tasks} <= goes_by.plan.index.keys():
        return
    again = rerun.chosen(goes_by.plan, snap.status, wish)
    decision = decide_run.decide(asked(snap, wish), at(500))
    status, before = decision.status, {row.name: row for row in snap.status.tasks}
    assert decision.actions == ()
    (done,) = status.rerun.fulfilled
    assert (done.id, done.start_time) == ("wish-1", "2026-01-01T00:08:20Z")
    assert status.rerun == rows.Rerun(
        "wish-1", 1, "2026-01-01T00:08:20Z", len(again), after="Failed", fulfilled=(done,)
    )
    if not again and before.keys() <= goes_by.plan.index.keys():
        assert msgspec.structs.replace(status, rerun=None, observed_generation=0) == snap.status
        return
    assert [row.name for row in status.tasks] == [task.name for task in goes_by.plan.tasks]
    for index, row in enumerate(status.tasks):
        was = before.get(row.name)
        if index not in again:
            assert row == was
            continue
        assert row.attempt == row.earlier_attempts == (was.attempt if was else 0)
        assert (row.user_failures, row.infra_failures, row.begun) == (0, 0, False)
        told = [one.number for one in was.attempts] if was else []
        assert [one.number for one in row.attempts] == told
        assert all(one.state in states.ATTEMPT_ENDS for one in row.attempts)
    assert graph.reachable(goes_by.plan.downstream, again) <= again
    written = msgspec.json.decode(msgspec.json.encode(status))
    assert list(structural.complaints(written, decisions.SCHEMA)) == []


@decisions.SEARCHED
@given(ended(), st.data())
def test_what_was_stored_is_not_decided_again(snap, data):
    snap = asked(snap, data.draw(wishes(snap.plan, 1)))
    first = decide_run.decide(snap, at(500)).status
    assert decide_run.decide(snap, at(500)).status == first
    stored = replace(snap, status=first)
    assert decide_run.decide(stored, at(500)).status == first
    later = decide_run.decide(stored, at(510)).status
    assert later.rerun == first.rerun


@decisions.SEARCHED
@given(ended(), st.data(), st.sampled_from(["suspend", "turn", "tasks", "plan"]))
def test_a_wish_that_is_withdrawn_leaves_the_run_as_it_was(snap, data, why):
    snap = replace(snap, run=replace(snap.run, suspend=why == "suspend"))
    wish = data.draw(wishes(snap.plan, 1))
    if why == "turn":
        peer = snapshot.Peer("other", ("2020", "2020", "other"), started=True)
        plan = replace(snap.plan, concurrency_policy="Queue", max_active_runs=1)
        snap = replace(snap, peers=[peer], plan=plan)
    elif why == "tasks":
        wish = wish._replace(scope="Tasks", tasks=("none",))
    elif why == "plan":
        snap = replace(snap, plan=None)
    as_it_was = decide_run.decide(snap, at(500)).status
    waits = decide_run.decide(asked(snap, wish), at(501)).status
    if waits.condition(rows.RERUN_PENDING) is None:  # then nothing was to run again
        assert waits.rerun.tasks == 0
        return
    assert waits.finished
    assert waits.tasks == as_it_was.tasks
    withdrawn = decide_run.decide(replace(snap, status=waits), at(502)).status
    assert withdrawn == as_it_was


@decisions.SEARCHED
@given(decisions.plans(), st.data())
def test_over_any_number_of_reruns_nothing_that_is_done_runs_and_attempts_count_on(plan, data):
    story = decisions.Story(a_snapshot(plan, run=run_facts(uid=RUN_UID)))
    to_its_end(story, data)
    latest = {row.name: row.attempt for row in story.snap.status.tasks}
    for number in range(1, data.draw(st.integers(1, 3)) + 1):
        wish = data.draw(wishes(plan, number))
        again = {plan.tasks[index].name for index in rerun.chosen(plan, story.snap.status, wish)}
        kept = {row.name: row for row in story.snap.status.tasks if row.name not in again}
        made = set(story.created)
        story.snap = asked(story.snap, wish)
        story.now += 1
        begun = story.look()
        assert [one for one in begun.actions if isinstance(one, actions.CreatePod)] == []
        story.snap = replace(story.snap, status=begun.status)
        to_its_end(story, data, turns=6)
        for row in story.snap.status.tasks:
            if row.name in kept:
                assert row == kept[row.name]
            assert row.attempt >= latest[row.name]
            assert row.earlier_attempts <= row.attempt
        for task, attempts in story.pods.items():
            new = [n for n, pod in attempts.items() if pod.metadata.name not in made]
            assert not new or (task in again and min(new) > latest[task])
        latest = {row.name: row.attempt for row in story.snap.status.tasks}
        assert story.snap.status.rerun.number == number


@given(st.integers(0, 3), st.integers(0, 3))
def test_beginning_anew_twice_is_beginning_anew_once(earlier, more):
    made = tuple(an_attempt(n + 1, "Running") for n in range(earlier + more))
    row = a_row("a", "Failed", attempt=earlier + more, earlier_attempts=earlier, attempts=made,
                user_failures=more)  # fmt: skip
    once = rerun.reset(row, "a", (), "2026-01-01T00:00:00Z")
    assert rerun.reset(once, "a", (), "2027-01-01T00:00:00Z") == once
