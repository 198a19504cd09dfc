from __future__ import annotations

import asyncio
import logging

from kubedag.shell.tasks import BUG_PAUSE_SECONDS, Tasks
from support import virtual_loop


def test_what_is_to_follow_follows_however_the_work_ends(caplog):
    async def scenario() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        began, ended, tasks = loop.time(), [], Tasks()

        async def fails() -> None:
            raise ValueError("a bug")

        for name, work in (("good", asyncio.sleep(1)), ("bad", fails())):
            tasks.start(work, lambda name=name: ended.append((name, loop.time() - began)))
        await asyncio.sleep(60)
        assert (tasks.bugs, len(tasks)) == (1, 0)
        return ended

    with caplog.at_level(logging.CRITICAL):
        found = virtual_loop.run(scenario(), seconds_max=100)
    assert found == [("good", 1.0), ("bad", BUG_PAUSE_SECONDS)]


def test_whoever_waits_for_work_that_met_a_bug_is_told_after_it_is_over(caplog):
    async def scenario() -> list[str]:
        told, tasks = [], Tasks()

        async def fails() -> None:
            raise ValueError("a bug")

        for name, work in (("good", asyncio.sleep(1)), ("bad", fails())):
            tasks.start(
                work,
                lambda name=name: told.append(f"{name} is over"),
                after_bug=lambda name=name: told.append(f"{name} is looked at"),
            )
        await asyncio.sleep(60)
        return told

    with caplog.at_level(logging.CRITICAL):
        found = virtual_loop.run(scenario(), seconds_max=100)
    assert found == ["good is over", "bad is over", "bad is looked at"]


def test_stopping_waits_a_while_and_then_cancels():
    async def scenario() -> tuple[list[str], float]:
        loop = asyncio.get_running_loop()
        began, ended, tasks = loop.time(), [], Tasks()
        tasks.start(asyncio.sleep(2), lambda: ended.append("short"))
        tasks.start(asyncio.sleep(3600), lambda: ended.append("long"))
        await tasks.stop(seconds_max=5)
        return ended, loop.time() - began

    assert virtual_loop.run(scenario(), seconds_max=100) == (["short", "long"], 5.0)
