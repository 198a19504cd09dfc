"""Plans are made beside everything else, one at a time, in pieces, and only as long as they are wanted."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from kubedag.core import backfill_plan, instants
from kubedag.shell.backfill_planner import REST_PER_WORK, Planner
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.backfills import daily, drawn
from support.builders import NAMESPACE, as_stored
from support.objects import a_backfill

START = "2026-01-01T00:00:00Z"
PIECE_SECONDS = 0.01


def a_sketch(days=200, cron="@daily", start="2020-01-01T00:00:00Z"):
    schedule = daily(schedule={"cron": cron}).schedule
    end = instants.text(instants.parse(start) + timedelta(days=days))
    return backfill_plan.Sketch("rev", START, backfill_plan.Span(schedule, start, end))


class Bench:
    """A planner of which each look at the CPU's clock costs as much as a piece."""

    def __init__(self, *names):
        self.woken, self.cpu = [], 0.0
        self.store = Store(lambda _: None)
        for version, name in enumerate(names, 1):
            self.store.backfills.put(as_stored(a_backfill(name), version, uid=name))
        self.entries = [self.store.backfills.entries[NAMESPACE, name] for name in names]
        self.tasks = Tasks()
        self.planner = Planner(self.note, self.tasks, self.cpu_seconds)

    def note(self, key):
        self.woken.append((key[2], asyncio.get_running_loop().time()))

    def cpu_seconds(self):
        self.cpu += PIECE_SECONDS
        return self.cpu


def on_bench(story, *names):
    async def scenario():
        bench = Bench(*names)
        await story(bench)
        assert len(bench.tasks) == 0
        return bench

    return virtual_loop.run(scenario())


def test_a_plan_is_made_and_its_backfill_is_woken():
    sketch = a_sketch()

    async def story(bench):
        bench.planner.want(bench.entries[0], sketch)
        bench.planner.want(bench.entries[0], sketch)
        assert bench.entries[0].sketch.plan is None
        await asyncio.sleep(10)

    bench = on_bench(story, "one")
    found = bench.entries[0].sketch
    assert dataclasses.replace(found, plan=None) == sketch
    assert found.plan.bounds == drawn(sketch).plan.bounds
    assert [name for name, _ in bench.woken] == ["one"]


def test_most_of_the_time_belongs_to_others_and_one_is_made_after_the_other():
    async def story(bench):
        for entry in bench.entries:
            bench.planner.want(entry, a_sketch())
        await asyncio.sleep(10)

    bench = on_bench(story, "one", "two", "three")
    each = (200 // backfill_plan.PIECE_INTERVALS + 1) * PIECE_SECONDS * REST_PER_WORK
    assert [name for name, _ in bench.woken] == ["one", "two", "three"]
    assert [at for _, at in bench.woken] == pytest.approx([each, 2 * each, 3 * each])


def test_what_nobody_wants_any_more_is_not_made():
    async def story(bench):
        for entry in bench.entries:
            bench.planner.want(entry, a_sketch(9_000))
        await asyncio.sleep(0.05)
        bench.planner.want(bench.entries[0], a_sketch(1))
        bench.store.backfills.drop(NAMESPACE, "two")
        await asyncio.sleep(1)

    bench = on_bench(story, "one", "two")
    assert bench.entries[0].sketch.plan.total == 1
    assert bench.entries[1].sketch is None


@pytest.mark.parametrize(
    ("minutes", "total", "too_many"),
    [(0, 0, False), (1, 1, False), (50, 50, False), (51, 51, False), (10_000, 10_000, False),
     (10_001, 0, True), (1_000_000, 0, True)],
)  # fmt: skip
def test_the_pieces_are_the_whole_up_to_the_bound(minutes, total, too_many):
    sketch = a_sketch(minutes / 1440, "* * * * *")
    plan = drawn(sketch).plan
    assert (plan.total, plan.too_many, len(plan.place)) == (total, too_many, total)
    assert plan.bounds == tuple(sorted(set(plan.bounds)))
    assert plan.bounds[:1] == ((sketch.span.start,) if total else ())
    assert plan.bounds[-1:] == ((sketch.span.end,) if total else ())


def test_a_plan_that_is_wanted_anew_in_the_moment_in_which_it_is_made_is_made_again():
    old, newer = a_sketch(), dataclasses.replace(a_sketch(), revision="rev-2")

    async def story(bench):
        (entry,) = bench.entries
        bench.planner.want(entry, old)
        for _ in range(10_000):
            if entry.sketch.plan is not None:
                break
            await asyncio.sleep(PIECE_SECONDS / 10)
        bench.planner.want(entry, newer)
        await asyncio.sleep(10)

    found = on_bench(story, "one").entries[0].sketch
    assert (found.revision, found.plan is None) == ("rev-2", False)
