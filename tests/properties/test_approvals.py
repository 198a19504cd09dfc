"""Questions to people: whatever happens in which order, one asking has one end, and that follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubedag.core import actions, decide_run, rows, snapshot
from support.builders import a_plan, a_snapshot, a_status, at, run_facts, stamp
from support.objects import a_task

DEADLINE_SECONDS = 60
ENDS = {"Succeeded", "Failed", "Skipped"}


def plan_of(on_deadline: str) -> Any:
    approval = {"message": "m", "deadlineSeconds": DEADLINE_SECONDS, "onDeadline": on_deadline}
    return a_plan(
        a_task("ask", approval=approval),
        a_task("yes", dependsOn=["ask"]),
        a_task("no", dependsOn=["ask"], triggerRule="AllFailed"),
        a_task("skipped", dependsOn=["ask"], triggerRule="AllSkipped"),
    )


FOLLOWS = {"Succeeded": "yes", "Failed": "no", "Skipped": "skipped"}
PLANS = {word: plan_of(word) for word in ("Fail", "Skip")}


@dataclass
class World:
    """A run whose status is stored now and then, by operators that come and go."""

    of: Any
    now: float = 0
    suspend: bool = False
    answers: dict[tuple[str, int], snapshot.Answer] = field(default_factory=dict)
    stored: rows.RunStatus = field(default_factory=a_status)
    created: set[str] = field(default_factory=set)
    history: list[rows.TaskRow] = field(default_factory=list)

    def decide(self) -> Any:
        run = run_facts(suspend=self.suspend, answers=dict(self.answers))
        found = decide_run.decide(a_snapshot(self.of, status=self.stored, run=run), at(self.now))
        self.created |= {
            self.of.tasks[one.task_index].name
            for one in found.actions
            if isinstance(one, actions.CreatePod)
        }
        return found

    def store(self) -> None:
        self.stored = self.decide().status
        self.history.append(self.stored.tasks[0])

    def answer(self, decision: str) -> None:
        """The first one stays, as the API server has it."""
        self.answers.setdefault(("ask", 1), snapshot.Answer(decision, "alice"))


EVENTS = st.sampled_from(
    [
        *[("store", None), ("crash", None), ("wait", 20), ("wait", 70)] * 2,
        *[("answer", "Approved"), ("answer", "Rejected"), ("suspend", True), ("suspend", False)],
    ]
)
STORIES = st.lists(EVENTS, min_size=4, max_size=12)
SEARCHED = settings(max_examples=300)


def play(world: World, events: list[tuple[str, Any]]) -> None:
    for kind, value in events:
        if kind == "wait":
            world.now += value
        elif kind == "answer":
            world.answer(value)
        elif kind == "suspend":
            world.suspend = value
        elif kind == "store":
            world.store()
        else:
            world.decide()  # and nothing of it is stored, but what it created is there


@SEARCHED
@given(st.sampled_from(sorted(PLANS)), STORIES)
def test_one_asking_has_one_end_and_only_what_that_allows_starts(on_deadline, events):
    world = World(PLANS[on_deadline])
    play(world, events)
    world.suspend = False
    world.store()
    world.now += 2 * DEADLINE_SECONDS
    world.store()
    world.store()
    states = [row.state for row in world.history]
    asked = [row.approval.due_time for row in world.history if row.approval is not None]
    ended = [row for row in world.history if row.state in ENDS]
    assert {row.attempt for row in world.history} <= {0, 1}
    assert len(set(asked)) == 1
    assert len(set(ended)) == 1
    assert states[-len(ended) :] == [row.state for row in ended]
    assert world.created == {FOLLOWS[ended[0].state]}


@SEARCHED
@given(st.sampled_from(sorted(PLANS)), STORIES)
def test_an_end_is_that_of_the_answer_or_comes_after_the_deadline(on_deadline, events):
    world = World(PLANS[on_deadline])
    play(world, events)
    for row in world.history:
        if row.reason == "ApprovalTimedOut":
            assert row.approval is not None
            assert row.approval.decision == ""
            assert (row.approval.due_time or "") < stamp(world.now)
        elif row.state in ENDS:
            assert row.approval is not None
            assert row.approval.decision == world.answers[("ask", 1)].decision


@SEARCHED
@given(st.sampled_from(sorted(PLANS)), STORIES, st.integers(0, 200))
def test_a_run_that_waits_for_an_answer_is_left_alone_until_its_deadline(
    on_deadline, events, later
):
    world = World(PLANS[on_deadline])
    play(world, events)
    world.store()
    row = world.stored.tasks[0]
    if row.state != "AwaitingApproval":
        return
    first = world.decide()
    assert first.wake_at is not None
    world.now = min(world.now + later, (first.wake_at - at(0)).total_seconds() - 1)
    again = world.decide()
    assert (again.status, again.actions, again.wake_at) == (world.stored, (), first.wake_at)
