from __future__ import annotations

import asyncio

import pytest

from support import virtual_loop


def test_a_day_of_sleep_takes_no_time_and_ends_at_exactly_one_day():
    async def sleeper() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert virtual_loop.run(sleeper(), seconds_max=90_000) == 86_400.0


def test_tasks_wake_in_the_order_of_their_timers():
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def scenario() -> None:
        await asyncio.gather(sleeper(2), sleeper(1), sleeper(0.5))

    virtual_loop.run(scenario())
    assert woken == [0.5, 1, 2]


def test_two_runs_of_the_same_program_are_the_same():
    async def scenario() -> list[int]:
        order: list[int] = []

        async def sleeper(number: int) -> None:
            await asyncio.sleep(number % 7)
            order.append(number)

        await asyncio.gather(*map(sleeper, range(100)))
        return order

    assert virtual_loop.run(scenario()) == virtual_loop.run(scenario())


def test_waiting_for_what_can_never_come_is_an_error_and_not_a_hang():
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(virtual_loop.StuckError, match="no timer"):
        virtual_loop.run(forever())


def test_waiting_again_and_again_for_what_is_nearly_due_lets_time_pass(monkeypatch):
    monkeypatch.setattr(virtual_loop, "STEPS_WITHOUT_TIME_MAX", 100)

    async def patient() -> float:
        loop, due = asyncio.get_running_loop(), 60 + 1e-14
        await asyncio.sleep(60)
        while loop.time() < due:
            woken = loop.create_future()
            loop.call_at(due, woken.set_result, None)
            await asyncio.gather(woken, asyncio.sleep(0))
        return loop.time()

    assert virtual_loop.run(patient()) == pytest.approx(60)


def test_passing_the_last_second_allowed_is_an_error():
    with pytest.raises(virtual_loop.StuckError, match=r"not done within 10 s"):
        virtual_loop.run(asyncio.sleep(11), seconds_max=10)


def test_never_waiting_is_an_error_and_not_a_hang(monkeypatch):
    monkeypatch.setattr(virtual_loop, "STEPS_WITHOUT_TIME_MAX", 100)

    async def spin() -> None:
        while True:  # noqa: ASYNC110  # spinning is the point
            await asyncio.sleep(0)

    with pytest.raises(virtual_loop.StuckError, match="without time passing"):
        virtual_loop.run(spin())


def test_tasks_left_behind_are_cancelled_and_awaited():
    ended: list[str] = []

    async def background() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            ended.append("cancelled")

    async def scenario() -> asyncio.Task[None]:
        task = asyncio.create_task(background())
        await asyncio.sleep(1)
        return task

    virtual_loop.run(scenario())
    assert ended == ["cancelled"]


def test_a_thread_is_run_in_place_and_its_error_reaches_the_caller():
    def fail() -> None:
        raise OSError("disk")

    async def scenario() -> None:
        await asyncio.to_thread(fail)

    with pytest.raises(OSError, match="disk"):
        virtual_loop.run(scenario())
