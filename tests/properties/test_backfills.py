"""Backfills beside runs that come, end, fail, run again and go, whoever wants it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import actions, backfill_facts, history, instants
from support.backfills import NOW, UID, a_backfill, a_run_of, a_wish, daily, day, decide

DAYS = 8


class World:
    """A DAG, its runs by name, and one Backfill; all that it asks for is done, or fails to be."""

    def __init__(self, wish, runs, limit):
        self.wish, self.limit = wish, limit
        self.plan = daily(maxActiveRuns=limit)
        self.runs = {run.name: run for run in runs}
        self.created = Counter()
        self.reruns = Counter()
        self.now, self.status = NOW, None
        self.look()
        self.look()

    def look(self):
        """Decide, check what must hold at any moment, and have it stored."""
        facts = {} if self.status is None else {"status": self.status}
        snap = a_backfill(
            self.wish,
            *self.runs.values(),
            plan=self.plan,
            planned=self.status is not None,
            **facts,
        )
        decision = decide(snap, self.now)
        self.holds(decision)
        self.status = decision.status
        return decision

    def ours(self):
        return [
            run for run in self.runs.values()
            if (not run.finished and self.wish.owns(run)) or self.wish.awaits(run)
        ]  # fmt: skip

    def unfinished(self):
        return [run for run in self.runs.values() if not run.finished or run.is_to_rerun]

    def holds(self, decision):
        status = decision.status
        if self.status is not None and self.status.finished:
            assert (status, decision.actions) == (self.status, ())
            return
        found = status.intervals
        each = (
            found.planned, found.queued, found.active, found.succeeded, found.failed,
            found.skipped, found.cancelled,
        )  # fmt: skip
        assert sum(each) == found.total == DAYS
        assert sum(one.intervals for one in status.ranges) == found.total
        assert status.ranges[0].start_time == day(0)
        assert status.ranges[-1].end_time == day(DAYS)
        for one, after in zip(status.ranges, status.ranges[1:], strict=False):
            assert one.end_time == after.start_time
            assert (one.state, one.reason) != (after.state, after.reason)
        begun = [
            one for one in decision.actions
            if isinstance(one, actions.CreateRun | actions.RequestRerun)
        ]  # fmt: skip
        if begun:
            room = self.wish.max_active_runs or self.limit
            assert len(self.ours()) + len(begun) <= room
            assert len(self.unfinished()) + len(begun) <= self.limit
            assert not (self.wish.suspend)
            assert not (self.wish.cancel)
            assert not (self.wish.dry_run)

    def do(self, wanted):
        """What the API server does, however late."""
        for action in wanted:
            run = self.runs.get(action.name)
            match action:
                case actions.CreateRun() if run is None:
                    self.create(action)
                case actions.RequestRerun() if run is not None and not run.is_to_rerun:
                    self.runs[run.name] = run._replace(rerun_wanted=action.id)
                case actions.WithdrawRerun() if run is not None and run.is_to_rerun:
                    self.runs[run.name] = run._replace(rerun_wanted="")
                case actions.DeleteRun() if run is not None and not run.started:
                    del self.runs[action.name]

    def create(self, action):
        between = (action.start_time, action.end_time)
        for run in self.runs.values():
            assert run.interval_end <= between[0] or between[1] <= run.interval_start
        self.created[between] += 1
        self.runs[action.name] = history.RunSummary(
            action.name, f"uid-{action.name}", (between[0], between[0], action.name),
            run_type="Backfill", interval_start=between[0], interval_end=between[1],
            backfill_uid=action.backfill_uid,
        )  # fmt: skip

    def step(self, name, outcome):
        """A run gets on: it starts, runs again, or ends."""
        run = self.runs.get(name)
        if run is None:
            return
        self.now += timedelta(seconds=7)
        if run.is_to_rerun:
            self.reruns[name, run.rerun_wanted] += 1
            again = {"finished": False, "succeeded": False, "rerun_id": run.rerun_wanted}
            self.runs[name] = run._replace(**again)
        elif not run.started:
            self.runs[name] = run._replace(started=True)
        elif not run.finished:
            stamp = instants.text(self.now)
            self.runs[name] = run._replace(finished=True, succeeded=outcome, completion_time=stamp)

    def settle(self):
        """Everything gets on until nothing does."""
        for _ in range(DAYS * 8):
            self.do(self.look().actions)
            for name in sorted(self.runs):
                self.step(name, outcome=True)
        return self.look().status


STATES = st.sampled_from(["Queued", "Running", "Succeeded", "Failed"])


@st.composite
def runs_that_exist(draw):
    """Some that were there before, none of which overlaps with another."""
    found, number = [], 0
    while number < DAYS:
        days = draw(st.sampled_from([1, 1, 1, 2]))
        if draw(st.booleans()):
            found.append(a_run_of(number, draw(STATES), days=days))
        number += days
    return found


WISHES = st.builds(
    a_wish,
    st.just(DAYS),
    reprocess=st.sampled_from(["None", "Failed", "Completed"]),
    max_active_runs=st.sampled_from([None, 1, 2, 5]),
    order=st.sampled_from(["OldestFirst", "NewestFirst"]),
    intervals_per_run=st.sampled_from([1, 1, 3]),
)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(0, 30), st.booleans()),
        st.tuples(st.just("do"), st.just(0), st.booleans()),
        st.tuples(st.just("gone"), st.integers(0, 30), st.just(False)),
        st.tuples(st.just("suspend"), st.just(0), st.booleans()),
        st.tuples(st.just("asked"), st.integers(0, 30), st.just(False)),
        st.tuples(st.just("scheduled"), st.integers(0, DAYS + 1), st.just(False)),
    ),
    max_size=40,
)
LIMITS = st.sampled_from([1, 2, 4, 100])


def happen(world, what, number, flag):
    names = sorted(world.runs)
    name = names[number % len(names)] if names else ""
    if what == "step":
        world.step(name, flag)
    elif what == "gone":
        world.runs.pop(name, None)
    elif what == "suspend":
        world.wish = replace(world.wish, suspend=flag)
    elif what == "asked" and name and not world.runs[name].is_to_rerun:
        world.runs[name] = world.runs[name]._replace(rerun_wanted=f"by-hand-{number}")
    elif what == "scheduled" and not any(
        run.interval_start <= day(number) < run.interval_end for run in world.runs.values()
    ):
        world.runs[f"s-{number}"] = a_run_of(number, "Queued", name=f"s-{number}")
    decision = world.look()
    if what == "do":
        world.do(decision.actions)
        if flag:  # and what was asked for twice is done once
            world.do(decision.actions)
        world.look()


@given(WISHES, runs_that_exist(), LIMITS, HAPPENINGS)
def test_every_interval_has_one_state_and_limits_hold_whatever_happens(
    wish, runs, limit, happenings
):
    world = World(wish, runs, limit)
    for happening in happenings:
        happen(world, *happening)
    world.wish = replace(world.wish, suspend=False)
    status = world.settle()
    assert status.finished
    assert status.intervals.planned + status.intervals.queued + status.intervals.active == 0


@given(WISHES, runs_that_exist(), LIMITS)
def test_left_to_itself_it_gives_each_interval_one_run_and_runs_each_again_once(wish, runs, limit):
    world = World(wish, runs, limit)
    status = world.settle()
    assert status.finished
    assert all(number == 1 for number in world.created.values())
    assert all(number == 1 for number in world.reruns.values())
    covered = Counter(
        number
        for run in world.runs.values()
        for number in range(DAYS)
        if run.interval_start <= day(number) < run.interval_end
    )
    assert covered == Counter(range(DAYS))
    again = {name for name, _ in world.reruns}
    wanted = {
        run.name for run in runs
        if wish.reprocess == "Completed"
        or (wish.reprocess == "Failed" and run.finished and not run.succeeded)
    }  # fmt: skip
    assert again == wanted


@given(WISHES, runs_that_exist(), LIMITS, HAPPENINGS)
def test_of_a_cancelled_one_nothing_is_left_waiting(wish, runs, limit, happenings):
    world = World(wish, runs, limit)
    for happening in happenings:
        happen(world, *happening)
    world.wish = replace(world.wish, cancel=True)
    before = set(world.runs)
    world.do(world.look().actions)
    if not world.status.finished:
        assert [run for run in world.ours() if not run.started or world.wish.awaits(run)] == []
    assert world.settle().finished
    assert set(world.runs) <= before


@given(WISHES, st.lists(st.tuples(st.integers(0, DAYS - 1), st.booleans()), max_size=6))
def test_what_a_dry_run_says_is_what_then_happens(wish, ended):
    runs = {number: a_run_of(number, "Succeeded" if good else "Failed") for number, good in ended}
    world = World(replace(wish, dry_run=True), runs.values(), 100)
    said = world.status.conditions[0].message
    counts = world.status.intervals
    world.wish = replace(wish, dry_run=False)
    status = world.settle()
    created, again = world.created.total(), len(world.reruns)
    alone = len(runs) - again
    plural = "s" * (created != 1)
    assert said == (
        f"dry run: {created} run{plural} would be created, {again} run again, {alone} left alone"
    )
    assert (counts.planned, counts.skipped) == (
        status.intervals.succeeded + status.intervals.failed, status.intervals.skipped,
    )  # fmt: skip


@given(WISHES, runs_that_exist())
def test_it_begins_at_the_end_that_it_is_told_to(wish, runs):
    over = [run for run in runs if run.finished]
    found = decide(a_backfill(wish, *over, plan=daily(maxActiveRuns=100))).actions
    by_name = {run.name: run.interval_start for run in over}
    starts = [
        one.start_time if isinstance(one, actions.CreateRun) else by_name[one.name]
        for one in found
    ]
    assert starts == sorted(starts, reverse=wish.order == "NewestFirst")


@given(st.text(max_size=40))
def test_a_wish_is_known_by_the_backfill_that_has_it(uid):
    run = a_run_of(0, rerun_wanted=backfill_facts.rerun_id(uid))
    assert a_wish(uid=uid).awaits(run)
    assert a_wish(uid=UID).awaits(run) == (uid == UID)
