"""What holds of every mark, and of every rerun whatever it includes, whatever became of the run."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import actions, decide_run, graph, rerun_choice, rows, snapshot, states
from properties import test_decide as decisions
from properties import test_reruns as reruns
from support import structural
from support.builders import RUN_UID, a_snapshot, at, run_facts

VERDICTS = ("Succeeded", "Failed", "Skipped")
INCLUDES = ("Downstream", "Upstream", "Both", "None")


def some_marks(plan, number=1):
    names = st.sampled_from([task.name for task in plan.tasks])
    mark = st.builds(
        lambda state, by: snapshot.MarkRequest(f"mark-{number}", state, by),
        st.sampled_from(VERDICTS),
        st.sampled_from(["", "ann"]),
    )
    return st.dictionaries(names, mark, min_size=1, max_size=3)


def marked(snap, marks):
    return replace(snap, run=replace(snap.run, marks=marks))


def stored(snap, decision):
    return replace(snap, status=decision.status)


# --- Reruns ----------------------------------------------------------------------------------


@decisions.SEARCHED
@given(reruns.ended(), st.data())
def test_what_succeeded_and_is_neither_chosen_nor_included_never_runs_again(snap, data):
    include = data.draw(st.sampled_from(INCLUDES))
    wish = data.draw(reruns.wishes(snap.plan, 1))._replace(include=include)
    status, plan, is_meant = snap.status, snap.plan, rerun_choice.SCOPES[wish.scope]
    meant = {index for index, row in enumerate(status.tasks) if is_meant(row, status, wish)}
    begin = meant | {
        index for index, row in enumerate(status.tasks) if row.state not in states.TERMINAL
    }
    allowed = set(begin)
    if include in ("Downstream", "Both"):
        allowed |= graph.reachable(plan.downstream, begin)
    if include in ("Upstream", "Both"):
        allowed |= graph.reachable(tuple(task.upstream for task in plan.tasks), meant)
    again = rerun_choice.chosen(plan, status, wish)
    assert allowed <= again
    for index in again - allowed:
        row = status.tasks[index]
        assert rerun_choice.could_not_run(row, status)
        assert {*plan.tasks[index].upstream} & again
    before = {row.name: row for row in status.tasks}
    after = decide_run.decide(reruns.asked(snap, wish), at(500)).status
    for index, row in enumerate(after.tasks):
        if before[row.name].state == states.SUCCEEDED and index not in allowed:
            assert row == before[row.name]


@decisions.SEARCHED
@given(reruns.ended(), st.data())
def test_a_dry_run_says_how_many_would_run_and_changes_nothing_else(snap, data):
    include = data.draw(st.sampled_from(INCLUDES))
    wish = data.draw(reruns.wishes(snap.plan, 1))._replace(include=include)
    rehearsed = decide_run.decide(reruns.asked(snap, wish._replace(dry_run=True)), at(500))
    told = rehearsed.status.condition(rows.RERUN_PENDING)
    would = len(rerun_choice.chosen(snap.plan, snap.status, wish))
    words = f"{would} task{'s' * (would != 1)}" if would else "no task"
    assert told.message.startswith(f"would run {words} again")
    assert (rehearsed.status.tasks, rehearsed.status.rerun) == (snap.status.tasks, None)
    assert rehearsed.actions == ()


# --- Marks of a run that has ended -----------------------------------------------------------


@decisions.SEARCHED
@given(reruns.ended(), st.data())
def test_what_could_not_run_may_after_a_mark_and_everything_else_stays(snap, data):
    marks = data.draw(some_marks(snap.plan))
    decision = decide_run.decide(marked(snap, marks), at(500))
    status, plan = decision.status, snap.plan
    assert decision.actions == ()
    places = [plan.index[name] for name in marks]
    below = graph.reachable(plan.downstream, places)
    for index, (was, row) in enumerate(zip(snap.status.tasks, status.tasks, strict=True)):
        if was.state not in states.TERMINAL:
            continue  # no run ends so, but by the loss of a slice; then it counts as not begun
        if row.name in marks:
            assert (row.state, row.mark.id, row.attempts) == (
                marks[row.name].state, "mark-1", was.attempts,
            )  # fmt: skip
        elif not (index in below and was.state in ("UpstreamFailed", "Skipped")):
            assert row == was
        if was.state == states.UPSTREAM_FAILED and row.state not in states.TERMINAL:
            assert not status.finished
    written = msgspec.json.decode(msgspec.json.encode(status))
    assert list(structural.complaints(written, decisions.SCHEMA)) == []


@decisions.SEARCHED
@given(reruns.ended(), st.data())
def test_to_set_marks_twice_is_to_set_them_once(snap, data):
    snap = marked(snap, data.draw(some_marks(snap.plan)))
    first = decide_run.decide(snap, at(500))
    assert decide_run.decide(snap, at(500)) == first
    second = decide_run.decide(stored(snap, first), at(501))
    assert [row.mark for row in second.status.tasks] == [row.mark for row in first.status.tasks]
    assert second.status.rerun == first.status.rerun
    assert second.status.finished == first.status.finished
    if first.status.finished:
        assert second.status == first.status


@decisions.SEARCHED
@given(reruns.ended(), st.sampled_from(["Succeeded", "Failed"]), st.data())
def test_a_mark_of_a_run_that_has_ended_changes_no_row_but_those_that_are_marked(
    snap, state, data
):
    marks = data.draw(st.one_of(st.just({}), some_marks(snap.plan)))
    run = replace(snap.run, mark=snapshot.MarkRequest("run", state), marks=marks)
    found = decide_run.decide(replace(snap, run=run), at(500)).status
    assert (found.finished, found.succeeded) == (True, state == "Succeeded")
    for was, row in zip(snap.status.tasks, found.tasks, strict=True):
        assert row == was or row.name in marks
    again = decide_run.decide(replace(snap, run=run, status=found), at(501)).status
    assert again == found


# --- Marks of a run that goes on -------------------------------------------------------------


@decisions.SEARCHED
@given(decisions.snapshots(), st.data())
def test_no_attempt_of_a_marked_task_begins_from_the_moment_at_which_the_mark_is_seen(snap, data):
    marks = data.draw(some_marks(snap.plan))
    decision = decide_run.decide(marked(snap, marks), at(1000))
    made = {snap.plan.tasks[one.task_index].name
            for one in decision.actions if isinstance(one, actions.CreatePod)}  # fmt: skip
    assert not made & marks.keys()
    assert decide_run.decide(marked(snap, marks), at(1000)) == decision
    later = decide_run.decide(marked(stored(snap, decision), marks), at(1000))
    set_once = {row.name: row.mark for row in decision.status.tasks if row.mark is not None}
    assert set_once.items() <= {row.name: row.mark for row in later.status.tasks}.items()


@decisions.SEARCHED
@given(decisions.plans(), st.data())
def test_a_run_with_marks_comes_to_an_end_at_which_they_all_are_set(plan, data):
    story = decisions.Story(a_snapshot(plan, run=run_facts(uid=RUN_UID)))
    marks = data.draw(some_marks(plan))
    for turn in range(data.draw(st.integers(0, 4))):
        decision = story.look()
        story.act(decision)
        story.snap = replace(story.snap, status=decision.status)
        if decision.status.finished:
            break
        story.end_pods(lambda: data.draw(decisions.ENDS))
        story.now += turn
    succeeded = {row.name for row in story.snap.status.tasks if row.state == states.SUCCEEDED}
    made = set(story.created)
    story.snap = marked(story.snap, marks)
    story.now += 1
    reruns.to_its_end(story, data)
    last = decide_run.decide(story.snap, at(story.now)).status
    assert last.finished
    for row in last.tasks:
        if row.name in marks:
            assert (row.state, row.reason) == (marks[row.name].state, "Marked")
    fresh = [pod.label("kubedag.dev/task") for of_task in story.pods.values()
             for pod in of_task.values() if pod.metadata.name not in made]  # fmt: skip
    assert not succeeded & set(fresh)
    assert not marks.keys() & set(fresh)
