"""While very many runs are created at once, everything else waits for a moment."""

from __future__ import annotations

import asyncio

from kubedag.shell.burst import HELD_SECONDS_MAX, Burst
from support import virtual_loop

RUN, DAG = ("run", "ns", "r"), ("dag", "ns", "d")


class Bench:
    """A burst of more than two, and when what was woken."""

    def __init__(self):
        self.woken = []
        self.burst = Burst(self._wake, crowd=2)

    def _wake(self, key):
        if not self.burst.holds(key):
            self.woken.append((key, asyncio.get_running_loop().time()))

    def begin(self, count):
        for _ in range(count):
            self.burst.begin()

    def end(self, count):
        for _ in range(count):
            self.burst.end()


def on_bench(story):
    async def scenario():
        bench = Bench()
        await story(bench)
        return [(key, round(at, 3)) for key, at in bench.woken]

    return virtual_loop.run(scenario())


def test_a_few_runs_hold_nothing_back():
    async def story(bench):
        bench.begin(2)
        bench._wake(RUN)

    assert on_bench(story) == [(RUN, 0.0)]


def test_while_there_are_many_what_is_woken_waits_and_comes_once_in_its_order():
    async def story(bench):
        bench.begin(4)
        for key in (RUN, DAG, RUN):
            bench._wake(key)
        await asyncio.sleep(0.5)
        bench.end(1)
        assert bench.woken == []
        bench.end(1)

    assert on_bench(story) == [(RUN, 0.5), (DAG, 0.5)]


def test_nothing_waits_for_longer_than_a_moment():
    async def story(bench):
        bench.begin(9)
        bench._wake(RUN)
        await asyncio.sleep(HELD_SECONDS_MAX + 1)
        bench._wake(DAG)
        bench.end(9)

    assert on_bench(story) == [(RUN, HELD_SECONDS_MAX), (DAG, HELD_SECONDS_MAX + 1)]


def test_the_next_burst_holds_back_again():
    async def story(bench):
        bench.begin(3)
        await asyncio.sleep(HELD_SECONDS_MAX + 1)
        bench.end(3)
        bench.begin(3)
        bench._wake(RUN)
        await asyncio.sleep(0.25)
        bench.end(3)

    assert on_bench(story) == [(RUN, HELD_SECONDS_MAX + 1.25)]
