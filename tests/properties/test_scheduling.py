"""Every interval gets its run, and none gets two, wherever the operator is when it is cut off.

The model has an API that never forgets, an operator that does, and a network between them that loses
requests and answers. What is decided is done in any order.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import actions, creations, instants, naming, refusals
from kubedag.core import schedule as schedules
from support import builders
from support.scheduled_dag import ScheduledDAG

BEGIN = datetime(2026, 3, 27, 10, 20, 30, tzinfo=UTC)
"""Two days before the clock is set forward in Europe."""
PERIODS = {"*/7 * * * *": 420, "20 * * * *": 3600, "30 2 * * *": 86_400, "0 0 * * 1,4": 302_400}
ZONES = ("Etc/UTC", "Europe/Amsterdam", "America/Sao_Paulo")
ROUNDS_MAX = 400


class Fate(Enum):
    """What becomes of a request."""

    DONE = auto()
    LOST = auto()
    """It never arrives."""
    UNHEARD = auto()
    """It is done, and nobody learns of that."""
    REFUSED = auto()
    CUT_BEFORE = auto()
    """The operator is gone before it asks."""
    CUT_AFTER = auto()
    """It has asked, and is gone before it learns anything."""


class Cut(Exception):  # noqa: N818  # what happens to an operator, and no fault
    """The operator is gone."""


class World(ScheduledDAG):
    """What is stored, and what the operator that is there now has seen of it."""

    def __init__(self, schedule, **spec):
        super().__init__(instants.text(BEGIN), schedule, **spec)
        self.seen = set()
        self.posts = []

    @property
    def known(self):
        return [run for name, run in self.runs.items() if name in self.seen]

    def work(self, now, draw):
        """One operator, from its start to its end or until there is nothing to do."""
        self.seen = set(self.runs)
        self.creations = creations.Creations()
        try:
            for _ in range(ROUNDS_MAX):
                if not self._round(now, draw):
                    return
        except Cut:
            return
        raise AssertionError("it does not come to rest")

    def _round(self, now, draw):
        decision = self.decide(now)
        changed = False
        todo = [one for one in decision.actions if not isinstance(one, actions.TryPod)]
        for action in draw(st.permutations(todo)) if draw else todo:
            changed |= self._do(action, now, draw(st.sampled_from(Fate)) if draw else Fate.DONE)
        if decision.status != self.status:
            fate = draw(st.sampled_from(Fate)) if draw else Fate.DONE
            if fate is Fate.CUT_BEFORE:
                raise Cut
            if fate in (Fate.DONE, Fate.CUT_AFTER, Fate.UNHEARD):
                self.status, changed = decision.status, True
            if fate is Fate.CUT_AFTER:
                raise Cut
        return changed or (self.creations.trouble is not None and self._wait())

    def _wait(self):
        self.creations.trouble = None  # the time has come to ask again
        return True

    def _do(self, action, now, fate):
        if fate is Fate.CUT_BEFORE:
            raise Cut
        if fate is Fate.REFUSED:
            answer = refusals.Answer(403, "Forbidden", "exceeded quota")
            self.creations.trouble = creations.after(None, "run", answer, now)
            return False
        if fate is Fate.LOST:
            return True
        if isinstance(action, actions.DeleteRun):
            self.runs.pop(action.name, None)
        elif action.name not in self.runs:
            self.posts.append(action.name)
            self.add(action.name, action.run_type, action.start_time, action.end_time, now)
        if fate is Fate.CUT_AFTER:
            raise Cut
        if fate is Fate.DONE:
            self.seen.add(action.name)
        return True


@st.composite
def schedules_(draw, crons=tuple(PERIODS), **fields):
    return {
        "cron": draw(st.sampled_from(crons)),
        "timeZone": draw(st.sampled_from(ZONES)),
        "catchupLimit": 1000,
        **fields,
    }


def passing(draw, schedule):
    """A while: some part of a period, or a few of them."""
    tenths = draw(st.integers(0, 35))
    return timedelta(seconds=PERIODS[schedule["cron"]] * tenths // 10)


def due(world, begin, now, most=1000):
    return schedules.newest_due(world.plan.schedule, begin, now, most)


def run_name(interval):
    return naming.run_name(builders.DAG, *interval)


@given(st.data(), schedules_(catchup="All"), st.integers(0, 2), st.booleans())
def test_with_all_every_interval_gets_exactly_one_run_however_often_the_operator_is_cut_off(
    data, schedule, kept, starts
):
    past = BEGIN - timedelta(seconds=3 * PERIODS[schedule["cron"]])
    start = {"startTime": instants.text(past)} if starts else {}
    world = World(schedule | start, retention={"successfulRuns": kept})
    now = BEGIN
    for _ in range(data.draw(st.integers(1, 6))):
        world.run_state = data.draw(st.sampled_from(["", "Succeeded", "Failed", "Running"]))
        world.work(now, data.draw)
        now += passing(data.draw, schedule)
    world.work(now, None)
    begin = world.plan.schedule.start or BEGIN
    expected = [run_name(one) for one in due(world, begin, now)]
    assert sorted(world.posts) == sorted(expected)


@given(st.data(), st.sampled_from(["None", "Latest"]))
def test_with_the_other_modes_the_newest_one_runs_each_time_that_the_operator_looks(data, mode):
    schedule = data.draw(schedules_(catchup=mode))
    world = World(schedule)
    now = handled = BEGIN
    expected = []
    for _ in range(data.draw(st.integers(1, 6))):
        now += passing(data.draw, schedule)
        world.work(now, data.draw)
        world.work(now, None)  # another one follows at once
        for newest in due(world, handled, now, 1):
            handled = newest.end
            if mode == "Latest" or now - newest.end <= timedelta(seconds=300):
                expected.append(run_name(newest))
    assert world.posts == expected


KEEP_ALL = {"retention": {"successfulRuns": 10_000}}
SIMILAR = ("20 * * * *", "5,50 * * * *", "0 */6 * * *", "30 2 * * *")
PERIODS |= {"5,50 * * * *": 2700, "0 */6 * * *": 21_600}


@given(st.data(), schedules_(SIMILAR, catchup="All"))
def test_no_data_is_left_out_when_the_schedule_changes(data, schedule):
    world = World(schedule, **KEEP_ALL)
    now, first = BEGIN, due(world, EARLIEST, BEGIN, 1)[0].end
    world.work(
        now, None
    )  # until this is stored, the first interval follows from the newest schedule
    for _ in range(data.draw(st.integers(1, 4))):
        now += passing(data.draw, schedule)
        world.work(now, data.draw)
        schedule = data.draw(schedules_(SIMILAR, catchup="All"))
        world.edit(schedule, **KEEP_ALL)
    world.work(now, None)
    handled, covered = world.status.last_interval.end_time, instants.text(first)
    for run in sorted(world.runs.values(), key=lambda run: run.interval_start):
        assert run.interval_start <= covered or covered >= handled
        covered = max(covered, run.interval_end)
    upcoming = schedules.next_interval(world.plan.schedule, instants.parse(handled))
    assert handled <= instants.text(now) < instants.text(upcoming.end)
    assert len(set(world.posts)) == len(world.posts)


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
