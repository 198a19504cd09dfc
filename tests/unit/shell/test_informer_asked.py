"""What others ask of the cache: to know at once what was just written, and to list anew."""

from __future__ import annotations

import asyncio
import random

import pytest

from kubedag.core.pods import Pod
from kubedag.shell.informer import Informer
from support import virtual_loop
from support.played_informer import EXPIRED, LOST, Played, record
from support.scripted_api import ScriptedApi, event, page, pod

# --- Answers to writes -----------------------------------------------------------------------


def test_an_assumed_object_is_known_at_once_and_its_own_event_is_no_news():
    played = Played(
        ScriptedApi(
            lists=[page(10)],
            watches=[[3, event("ADDED", pod("n", 11)), event("MODIFIED", pod("n", 12))]],
        )
    )
    at_once: list[str] = []

    def assume() -> None:
        played.informer.assume(record("n", 11))
        at_once.extend(played.known)

    played.run(4, meanwhile=assume)
    assert at_once == ["n@11"]
    assert played.told == ["+n@11", "~n@12"]


def test_an_assumed_object_survives_the_list_that_began_before_it_but_not_the_next():
    told: list[str] = []
    api = ScriptedApi(lists=[], watches=[[1, EXPIRED]])
    played = Played(api)
    api.lists.extend(
        [
            lambda: played.informer.assume(record("n", 50)),
            page(49),
            lambda: told.extend(played.told),
            page(60),
        ]
    )
    played.run(10)
    assert told == ["+n@50"]
    assert played.told == ["+n@50", "-n@50"]


def test_an_answer_to_a_create_that_comes_after_its_deletion_brings_nothing_back():
    played = Played(
        ScriptedApi(
            lists=[page(10)],
            watches=[[event("ADDED", pod("n", 11)), event("DELETED", pod("n", 12)), 90]],
        )
    )
    played.api.lists.append(page(13))
    played.run(4, meanwhile=lambda: played.informer.assume(record("n", 11)))
    assert played.told == ["+n@11", "-n@12"]


def test_an_answer_to_a_create_of_which_the_watch_has_lost_the_news_is_looked_up():
    """Found by the simulation: nobody saw the Pod, and its run went on beside it."""
    api = ScriptedApi(
        lists=[page(10), page(12, pod("m", 12), pod("n", 11))],
        watches=[[event("ADDED", pod("m", 12)), 90], [90]],
    )
    played = Played(api)
    played.run(4, meanwhile=lambda: played.informer.assume(record("n", 11)))
    assert played.told == ["+m@12", "+n@11"]
    assert api.times("list") == [0, 2]


def test_an_answer_that_is_older_than_what_is_known_changes_nothing():
    played = Played(
        ScriptedApi(lists=[page(10)], watches=[[event("ADDED", pod("n", 12, "Running")), 90]])
    )
    played.run(4, meanwhile=lambda: played.informer.assume(record("n", 11)))
    assert played.told == ["+n@12"]


# --- Forced lists ----------------------------------------------------------------------------


def relist_times(api: ScriptedApi, at: float, seconds: float = 100) -> tuple[float, list[float]]:
    async def scenario() -> tuple[float, list[float]]:
        loop = asyncio.get_running_loop()
        informer = Informer(api, "/", Pod, lambda *_: None, chance=random.Random(1))
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(at)
        async with asyncio.timeout(seconds):
            await informer.relist()
        now = loop.time()
        task.cancel()
        return now, api.times("list")

    return virtual_loop.run(scenario())


def test_a_forced_list_ends_the_watch_and_is_waited_for():
    api = ScriptedApi(lists=[page(1), 3, page(2)])
    assert relist_times(api, at=5) == (8, [0, 5])


def test_a_forced_list_asked_for_during_another_is_the_one_after_it():
    api = ScriptedApi(lists=[4, page(1), 4, page(2)])
    assert relist_times(api, at=1) == (8, [0, 4])


def test_a_forced_list_does_not_wait_for_the_back_off():
    api = ScriptedApi(lists=[LOST] * 8 + [page(1), page(2)])
    done_at, lists_at = relist_times(api, at=27)
    assert done_at == lists_at[-1]
    assert done_at == 27


def test_a_forced_list_that_fails_is_tried_until_it_succeeds():
    api = ScriptedApi(lists=[page(1), LOST, LOST, page(2)])
    done_at, lists_at = relist_times(api, at=5)
    assert len(lists_at) == 4
    assert 5.2 < done_at < 6


def test_whoever_gives_up_waiting_for_a_forced_list_harms_nobody():
    api = ScriptedApi(lists=[page(1), 30, page(2), page(3), page(4)])

    async def scenario() -> int:
        informer = Informer(api, "/", Pod, lambda *_: None)
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await informer.relist()
        await asyncio.gather(informer.relist(), informer.relist())
        assert not task.done()
        return informer.stats.lists

    assert virtual_loop.run(scenario()) == 3


def test_a_forced_list_that_nobody_waits_for_any_more_does_not_end_the_back_off():
    """Found by the simulation: a term that ends as it begins, while the API server is down."""
    api = ScriptedApi(lists=[3, page(1)], watches=[[LOST]] * 1000)

    async def scenario() -> None:
        informer = Informer(api, "/", Pod, lambda *_: None, chance=random.Random(1))
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await informer.relist()
        await asyncio.sleep(20)
        task.cancel()

    virtual_loop.run(scenario())
    assert 3 <= len(api.times("watch")) <= 20
