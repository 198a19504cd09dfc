"""The cache of what the API has: lists, then watches, and what it tells of each object."""

from __future__ import annotations

import asyncio

import pytest

from kubedag.core.pods import Pod
from kubedag.shell.errors import ApiError
from kubedag.shell.informer import Informer
from support import virtual_loop
from support.played_informer import EXPIRED, Played, play
from support.scripted_api import ScriptedApi, bookmark, event, page, pod

# --- Lists and watches -----------------------------------------------------------------------


def test_a_list_of_several_pages_is_followed_by_a_watch_from_its_version():
    api = ScriptedApi(
        lists=[page(10, pod("a", 5), then="next"), page(10, pod("b", 7))],
        watches=[[event("MODIFIED", pod("a", 11))]],
    )
    played = Played(api).run(0.1)
    assert played.told == ["+a@5", "+b@7", "~a@11"]
    assert [params.get("continue") for params in api.params("list")] == [None, "next"]
    assert {params["limit"] for params in api.params("list")} == {"500"}
    assert not any("resourceVersion" in params for params in api.params("list"))
    watch = api.params("watch")[0]
    assert watch["resourceVersion"] == "10"
    assert watch["allowWatchBookmarks"] == "true"
    assert 300 <= int(watch["timeoutSeconds"]) <= 600


def test_the_selectors_are_part_of_every_list_and_watch():
    api = ScriptedApi(lists=[page(1)])
    played = Played(api)
    played.informer = Informer(
        api, "/api/v1/pods", Pod, played._tell, selectors={"labelSelector": "x=y"}
    )
    played.run(1)
    assert [params["labelSelector"] for _, _, params in api.calls] == ["x=y", "x=y"]


def test_a_watch_that_the_server_ends_goes_on_from_its_last_event_or_bookmark():
    played = play(
        [2, event("ADDED", pod("b", 12))],
        [2, bookmark(20)],
        [2, event("DELETED", pod("b", 21))],
    )
    assert played.told == ["+a@5", "+b@12", "-b@21"]
    versions = [params["resourceVersion"] for params in played.api.params("watch")]
    assert versions == ["10", "12", "20", "21"]
    assert played.informer.stats.lists == 1


def test_a_deleted_object_is_told_once_more_with_its_last_state():
    seen: list[tuple[str, str, bool]] = []
    api = ScriptedApi(
        lists=[page(10, pod("a", 5, "Running"))],
        watches=[[event("DELETED", pod("a", 12, "Succeeded"))]],
    )
    played = Played(api)
    played._tell = lambda old, new: seen.append(  # type: ignore[method-assign]
        (old.status.phase if old else "", new.status.phase, new.gone)
    )
    played.informer = Informer(api, "/", Pod, played._tell)
    played.run(1)
    assert seen == [("", "Running", False), ("Running", "Succeeded", True)]


def test_it_is_not_synced_before_the_last_page():
    api = ScriptedApi(lists=[page(10, pod("a", 5), then="next"), 3, page(10)])
    played = Played(api)
    synced: list[bool] = []
    played.run(2, meanwhile=lambda: synced.append(played.informer.synced.is_set()))
    assert synced == [False]
    assert Played(ScriptedApi(lists=[page(1)])).run(1).informer.synced.is_set()


def test_a_bug_in_the_callback_ends_the_cache_loudly():
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        await Informer(ScriptedApi(lists=[page(1, pod("a", 1))]), "/", Pod, fail).run()

    with pytest.raises(ZeroDivisionError):
        virtual_loop.run(scenario())


def test_silence_is_measured_since_the_last_word_of_the_server():
    async def scenario() -> float:
        informer = Informer(ScriptedApi(lists=[page(1)]), "/", Pod, lambda *_: None)
        await asyncio.wait([asyncio.create_task(informer.run())], timeout=40)
        return informer.silent_seconds()

    assert virtual_loop.run(scenario()) == 40


# --- Which news count ------------------------------------------------------------------------


def test_events_that_come_late_or_twice_change_nothing():
    played = play(
        [
            event("MODIFIED", pod("a", 12)),
            event("MODIFIED", pod("a", 12)),
            event("MODIFIED", pod("a", 11)),
            event("DELETED", pod("a", 11)),
            event("DELETED", pod("a", 13)),
            event("DELETED", pod("a", 13)),
            event("MODIFIED", pod("a", 12)),
        ]
    )
    assert played.told == ["+a@5", "~a@12", "-a@13"]
    assert played.known == []


def test_versions_that_are_no_numbers_are_taken_as_they_come():
    api = ScriptedApi(
        lists=[page("x", pod("a", "zz"))],
        watches=[[event("MODIFIED", pod("a", "aa")), event("MODIFIED", pod("a", "aa"))]],
    )
    assert Played(api).run(1).told == ["+a@zz", "~a@aa"]


def test_an_object_made_anew_under_the_same_name_is_first_gone_and_then_new():
    played = play([EXPIRED], lists=[page(30, pod("a", 25, uid="second"))])
    assert played.told == ["+a@5", "-a@5", "+a@25"]


def test_a_cluster_restored_from_a_backup_is_believed_though_its_versions_are_older():
    played = play(
        [event("MODIFIED", pod("a", 900)), event("ADDED", pod("b", 901)), ApiError(504)],
        lists=[page(100, pod("a", 90))],
    )
    assert played.known == ["a@90"]
    assert played.told[-2:] == ["~a@90", "-b@901"]
    assert played.api.params("watch")[1]["resourceVersion"] == "100"


def test_one_object_that_cannot_be_read_hides_no_other_and_is_not_taken_for_deleted():
    odd = pod("a", 20) | {"status": {"phase": 7}}
    played = play([EXPIRED], lists=[page(30, odd, pod("b", 21), {"metadata": 1})])
    assert played.told == ["+a@5", "+b@21"]
    assert played.known == ["a@5", "b@21"]
