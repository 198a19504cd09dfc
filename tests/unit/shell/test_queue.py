from __future__ import annotations

import asyncio

import pytest

from kubedag.shell.queue import KeyedQueue, QueueClosed
from support import virtual_loop


def now() -> float:
    return asyncio.get_running_loop().time()


async def taken_at(queue: KeyedQueue[str]) -> tuple[float, str]:
    key = await queue.get()
    queue.done(key)
    return now(), key


def test_a_key_added_many_times_before_its_turn_is_processed_once():
    async def scenario() -> int:
        queue = KeyedQueue[str]()
        for _ in range(5):
            queue.add("a")
        queue.done(await queue.get())
        return queue.depth

    assert virtual_loop.run(scenario()) == 0


def test_a_key_added_while_it_is_processed_is_processed_again_but_only_afterwards():
    async def scenario() -> list[int]:
        queue = KeyedQueue[str]()
        queue.add("a")
        key = await queue.get()
        queue.add("a")
        during = queue.depth
        queue.done(key)
        return [during, queue.depth]

    assert virtual_loop.run(scenario()) == [0, 1]


def test_two_workers_never_hold_the_same_key():
    held: set[str] = set()
    passes: list[str] = []

    async def worker(queue: KeyedQueue[str]) -> None:
        while True:
            try:
                key = await queue.get()
            except QueueClosed:
                return
            assert key not in held
            held.add(key)
            await asyncio.sleep(0.7)
            held.remove(key)
            passes.append(key)
            queue.done(key)

    async def scenario() -> None:
        queue = KeyedQueue[str]()
        workers = [asyncio.create_task(worker(queue)) for _ in range(3)]
        for _ in range(20):
            queue.add("a")
            queue.add("b")
            await asyncio.sleep(0.3)
        queue.close()
        await asyncio.gather(*workers)

    virtual_loop.run(scenario())
    assert len(passes) == pytest.approx(2 * 20 * 0.3 / 0.7, abs=4)


def test_keys_are_served_in_the_order_they_were_added_and_a_busy_key_goes_to_the_back():
    async def scenario() -> list[str]:
        queue = KeyedQueue[str]()
        for key in "abc":
            queue.add(key)
        order = []
        for _ in range(4):
            key = await queue.get()
            order.append(key)
            if key == "a":
                queue.add(key)
            queue.done(key)
        return order

    assert virtual_loop.run(scenario()) == ["a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("delays_seconds", "expected_seconds"),
    [([5.0], 5.0), ([5.0, 2.0], 2.0), ([2.0, 5.0], 2.0), ([0.0], 0.0), ([-1.0], 0.0)],
    ids=["one", "an earlier one later", "a later one later", "none", "already past"],
)
def test_of_several_times_asked_for_the_earliest_stands(delays_seconds, expected_seconds):
    async def scenario() -> tuple[float, str]:
        queue = KeyedQueue[str]()
        for delay_seconds in delays_seconds:
            queue.add_after("a", delay_seconds)
        return await taken_at(queue)

    assert virtual_loop.run(scenario()) == (expected_seconds, "a")


def test_what_is_gone_has_no_time_any_more_and_may_get_another():
    async def scenario() -> tuple[int, tuple[float, str]]:
        queue = KeyedQueue[str]()
        queue.add_after("a", 5)
        queue.forget_times("a")
        queue.forget_times("never asked for")
        left = queue.delayed
        queue.add_after("a", 7)
        return left, await taken_at(queue)

    assert virtual_loop.run(scenario()) == (0, (7.0, "a"))


def test_an_immediate_add_does_not_cancel_a_later_time():
    async def scenario() -> list[tuple[float, str]]:
        queue = KeyedQueue[str]()
        queue.add_after("a", 10)
        queue.add("a")
        return [await taken_at(queue), await taken_at(queue)]

    assert virtual_loop.run(scenario()) == [(0.0, "a"), (10.0, "a")]


def test_a_failing_key_backs_off_twice_as_long_each_time_up_to_a_limit():
    async def scenario() -> list[float]:
        queue = KeyedQueue[str](backoff_seconds_min=1, backoff_seconds_max=5)
        delays_seconds = []
        for _ in range(5):
            delays_seconds.append(queue.retry("a"))
            await taken_at(queue)
        queue.forget("a")
        return [*delays_seconds, queue.retry("a")]

    assert virtual_loop.run(scenario()) == [1, 2, 4, 5, 5, 1]


def test_the_back_off_of_a_key_that_failed_ten_thousand_times_is_still_a_number():
    async def scenario() -> float:
        queue = KeyedQueue[str]()
        for _ in range(10_000):
            delay_seconds = queue.retry("a")
        return delay_seconds

    assert virtual_loop.run(scenario()) == 300


def test_a_worker_cancelled_as_a_key_arrives_passes_the_wake_up_on():
    async def scenario() -> str:
        queue = KeyedQueue[str]()
        first = asyncio.create_task(queue.get())
        second = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        queue.add("a")
        first.cancel()
        return await second

    assert virtual_loop.run(scenario()) == "a"


def test_a_closed_queue_serves_what_waits_and_then_sends_every_worker_home():
    async def scenario() -> tuple[str, list[BaseException | str]]:
        queue = KeyedQueue[str]()
        queue.add("a")
        queue.add_after("b", 5)
        queue.close()
        queue.add("c")
        queue.add_after("d", 5)
        last = await queue.get()
        return last, await asyncio.gather(queue.get(), queue.get(), return_exceptions=True)

    last, ends = virtual_loop.run(scenario())
    assert last == "a"
    assert [type(end) for end in ends] == [QueueClosed, QueueClosed]


def test_a_waiting_worker_is_sent_home_when_the_queue_closes():
    async def scenario() -> BaseException | str:
        queue = KeyedQueue[str]()
        worker = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        queue.close()
        return (await asyncio.gather(worker, return_exceptions=True))[0]

    assert isinstance(virtual_loop.run(scenario()), QueueClosed)


def test_the_figures_tell_depth_and_latency():
    async def scenario() -> tuple[float | int, ...]:
        queue = KeyedQueue[str]()
        queue.add("a")
        queue.add("b")
        queue.add_after("c", 60)
        await asyncio.sleep(3)
        await queue.get()
        queue.retry("a")
        return (
            queue.depth,
            queue.delayed,
            queue.failing,
            queue.adds,
            queue.gets,
            queue.retries,
            queue.latency_seconds_last,
            queue.latency_seconds_max,
        )

    assert virtual_loop.run(scenario()) == (1, 2, 1, 2, 1, 1, 3.0, 3.0)


def test_a_closed_queue_waits_for_nothing_any_more():
    async def scenario() -> tuple[int, int]:
        queue = KeyedQueue[str]()
        queue.close()
        queue.add_after("a", 60)
        queue.retry("b")
        return queue.delayed, queue.depth

    assert virtual_loop.run(scenario()) == (0, 0)
