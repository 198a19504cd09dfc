"""What holds of runs that are stopped at any moment, and of what is to run at the end of all of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import actions, decide_run, states, stops
from properties import strategies
from properties import test_decide as decisions
from support import structural
from support.builders import a_plan, a_snapshot, at

SUCCEEDS = ("Succeeded", 0, False)


def _above(upstream, node):
    """All that a node depends on, directly or not."""
    found, open_ = set(), list(upstream[node])
    while open_:
        above = open_.pop()
        if above not in found:
            found.add(above)
            open_ += upstream[above]
    return found


@st.composite
def plans(draw):
    """DAGs some of whose tasks are teardowns, with up to three tasks at the end."""
    upstream = draw(strategies.upstreams(7, acyclic=True).filter(bool))
    tasks = []
    for node, ends in enumerate(upstream):
        task = {**draw(decisions.task_fields()), "name": f"t{node}"}
        task["dependsOn"] = [f"t{end}" for end in ends]
        above = sorted(_above(upstream, node))
        if above and draw(st.booleans()):
            del task["triggerRule"]
            setups = st.lists(st.sampled_from(above), min_size=1, max_size=2, unique=True)
            task["teardownOf"] = [f"t{setup}" for setup in draw(setups)]
        tasks.append(task)
    last = draw(strategies.upstreams(3, acyclic=True))
    fields = {
        "finally": [
            {**draw(decisions.task_fields()), "name": f"f{node}",
             "dependsOn": [f"f{end}" for end in ends]}
            for node, ends in enumerate(last)
        ],
        "failFast": draw(st.booleans()),
    }  # fmt: skip
    spec = {
        "maxActiveTasks": st.integers(1, 4),
        "timeoutSeconds": st.integers(1, 300),
    }
    return a_plan(*tasks, **fields, **draw(st.fixed_dictionaries({}, optional=spec)))


class Watched(decisions.Story):
    """A run whose every creation is judged by what was decided at that moment."""

    def act(self, decision):
        plan, rows = self.snap.plan, decision.status.tasks
        stop = stops.recorded(self.snap.status)
        last = {task.name for task in plan.tasks[plan.body :]}
        for action in decision.actions:
            if not isinstance(action, actions.CreatePod):
                continue
            task = plan.tasks[action.task_index]
            others = [row.state for row in rows[: plan.body]]
            assert not task.final or {*others} <= states.TERMINAL
            assert task.final or not last & self.pods.keys()  # nothing after what comes last
            assert not stop or task.index in plan.spared
            assert stop != stops.RUN_TERMINATED
            if task.is_teardown:
                assert {rows[setup].state for setup in task.setups} == {states.SUCCEEDED}
                assert {rows[above].state for above in task.upstream} <= states.TERMINAL
            assert bool(action.run_state) == task.final
        super().act(decision)


WISH = st.sampled_from(["Stop", "Stop", "Terminate", ""])
WISHES = st.one_of(
    st.dictionaries(st.integers(0, 25), WISH, max_size=3),
    st.integers(1, 8).map(lambda turn: {turn: "Stop", turn + 1: ""}),
)
"""What is asked for at which turn; as a rule somebody thinks better of it at once."""


def to_its_end(data, story, wishes):
    """The run, with what people ask of it on the way; after twenty turns all goes well."""
    for turn in range(200):
        if turn in wishes:
            story.snap = replace(
                story.snap, run=replace(story.snap.run, shutdown=wishes[turn], suspend=False)
            )
        decision = story.look()
        told = stops.recorded(story.snap.status)
        if decision.status.finished:
            return decision.status
        if told:  # it stays, or it becomes the last word
            assert stops.recorded(decision.status) in (told, stops.RUN_TERMINATED)
        story.act(decision)
        if data.draw(st.booleans()) or turn > 20:
            story.snap = replace(story.snap, status=decision.status)
        ends = decisions.ENDS if turn <= 20 else st.just(SUCCEEDS)
        story.end_pods(partial(data.draw, ends))
        story.now += data.draw(st.integers(0, 30)) if turn <= 20 else 700
    raise AssertionError("a run comes to its end")


@decisions.SEARCHED
@given(plans(), st.data())
def test_a_run_that_is_stopped_at_any_moment_ends_and_tidies_up_once(plan, data):
    status = to_its_end(data, Watched(a_snapshot(plan)), data.draw(WISHES))

    ended, rows = status.conditions[0].reason, status.tasks
    if not status.start_time:
        assert ended in ("Stopped", "Terminated")
        assert rows == ()
        return
    assert {row.state for row in rows} <= states.TERMINAL
    for task, row in zip(plan.tasks, rows, strict=True):
        if row.reason == stops.RUN_TERMINATED:
            assert ended == "Terminated"
            continue
        if task.is_teardown:
            done = {rows[setup].state for setup in task.setups} == {states.SUCCEEDED}
            assert row.begun == done
        elif task.final and not task.upstream:
            assert row.begun


@decisions.SEARCHED
@given(plans(), st.data())
def test_what_is_stored_of_a_run_that_is_stopped_leads_to_no_other_status(plan, data):
    story = decisions.Story(a_snapshot(plan))
    for turn in range(data.draw(st.integers(1, 12))):
        shutdown = data.draw(st.sampled_from(["", "", "Stop", "Terminate"]))
        story.snap = replace(story.snap, run=replace(story.snap.run, shutdown=shutdown))
        decision = story.look()
        stored = replace(story.snap, status=decision.status)
        assert decide_run.decide(stored, at(story.now)).status == decision.status
        written = msgspec.json.decode(msgspec.json.encode(decision.status))
        assert list(structural.complaints(written, decisions.SCHEMA)) == []
        story.act(decision)
        if data.draw(st.booleans()):
            story.snap = stored
        story.end_pods(partial(data.draw, decisions.ENDS))
        story.now += data.draw(st.integers(0, 30)) + turn
