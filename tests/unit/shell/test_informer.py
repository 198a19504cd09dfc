from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from kubedag.core.pods import Pod
from kubedag.shell.errors import ApiError, ClusterError, Unreachable
from kubedag.shell.informer import Informer
from support import virtual_loop
from support.scripted_api import ScriptedApi, bookmark, error_event, event, page, pod

if TYPE_CHECKING:
    from collections.abc import Callable

LOST = Unreachable("cut", maybe_applied=False)
EXPIRED = ApiError(410, "Expired", "too old")


class Played:
    """A run of the cache over a script, and what it told: `name@version:phase`, or `-name`."""

    def __init__(self, api: ScriptedApi) -> None:
        self.api = api
        self.told: list[str] = []
        self.informer = Informer(api, "/api/v1/pods", Pod, self._tell, chance=random.Random(1))

    def _tell(self, old: Pod | None, new: Pod) -> None:
        assert new.gone or self.informer.get(*key(new)) is new
        sign = "-" if new.gone else "+" if old is None else "~"
        self.told.append(f"{sign}{new.metadata.name}@{new.metadata.resource_version}")

    @property
    def known(self) -> list[str]:
        return sorted(
            f"{record.metadata.name}@{record.metadata.resource_version}"
            for record in self.informer.records.values()
        )

    def run(self, seconds: float = 60, meanwhile: Callable[[], None] | None = None) -> Played:
        async def scenario() -> None:
            task = asyncio.create_task(self.informer.run())
            if meanwhile is not None:
                asyncio.get_running_loop().call_at(seconds / 2, meanwhile)
            await asyncio.wait([task], timeout=seconds)
            if task.done():
                task.result()

        virtual_loop.run(scenario())
        return self


def key(record: Pod) -> tuple[str, str]:
    return record.metadata.namespace, record.metadata.name


def record(name: str, version: int, uid: str = "") -> Pod:
    return msgspec.convert(pod(name, version, uid=uid), Pod)


def play(*watches: list[object], lists: list[object] | None = None, seconds: float = 60) -> Played:
    first = [page(10, pod("a", 5))]
    return Played(ScriptedApi(lists=first + (lists or []), watches=list(watches))).run(seconds)


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


@pytest.mark.parametrize(
    "end",
    [EXPIRED, error_event(410, "Expired"), b"{not json", event("MODIFIED", {"metadata": 7})],
    ids=["HTTP 410", "ERROR 410", "no JSON", "not a Pod"],
)
def test_a_watch_that_cannot_go_on_lists_again_and_tells_what_went_missing(end):
    played = play(
        [2, event("ADDED", pod("b", 12)), end],
        lists=[page(30, pod("b", 12), pod("c", 25))],
    )
    assert played.told == ["+a@5", "+b@12", "+c@25", "-a@5"]
    assert played.known == ["b@12", "c@25"]
    assert played.api.params("watch")[1]["resourceVersion"] == "30"
    assert played.informer.stats.missed_deletes == 1


@pytest.mark.parametrize(
    "end",
    [error_event(500, "InternalError"), ApiError(404, "NotFound"), ApiError(403, "Forbidden")],
    ids=["ERROR 500", "404", "403"],
)
def test_any_other_refusal_of_a_watch_waits_and_lists_again(end):
    played = play([2, end], lists=[page(30, pod("a", 5))])
    assert len(played.api.times("list")) == 2
    waited_seconds = played.api.times("list")[1] - 2
    assert 0.1 <= waited_seconds <= 0.2


@pytest.mark.parametrize("end", [LOST, ApiError(429, "TooManyRequests")], ids=["cut", "429"])
def test_a_cut_watch_loses_nothing_so_it_goes_on_without_a_list(end):
    played = play([2, event("ADDED", pod("b", 12)), end], [1, event("MODIFIED", pod("b", 14))])
    assert played.told == ["+a@5", "+b@12", "~b@14"]
    assert played.informer.stats.lists == 1


@pytest.mark.parametrize(
    "fault", [LOST, EXPIRED, ApiError(500), b"[]"], ids=["cut", "410", "500", "no list"]
)
def test_a_list_that_fails_between_two_pages_starts_again(fault):
    api = ScriptedApi(
        lists=[
            page(10, pod("a", 5), then="next"),
            fault,
            page(20, pod("b", 15), then="next"),
            page(20, pod("c", 16)),
        ]
    )
    played = Played(api).run()
    assert played.told == ["+a@5", "+b@15", "+c@16", "-a@5"]
    assert [params.get("continue") for params in api.params("list")] == [
        None,
        "next",
        None,
        "next",
    ]


def test_it_is_not_synced_before_the_last_page():
    api = ScriptedApi(lists=[page(10, pod("a", 5), then="next"), 3, page(10)])
    played = Played(api)
    synced: list[bool] = []
    played.run(2, meanwhile=lambda: synced.append(played.informer.synced.is_set()))
    assert synced == [False]
    assert Played(ScriptedApi(lists=[page(1)])).run(1).informer.synced.is_set()


def test_a_server_that_closes_every_watch_at_once_is_not_stormed():
    played = play(*[[] for _ in range(1000)], seconds=600)
    assert 20 <= len(played.api.times("watch")) <= 50
    gaps = [b - a for a, b in itertools.pairwise(played.api.times("watch"))]
    assert 0.1 <= gaps[0] <= 0.2
    assert 15 <= gaps[-1] <= 30


def test_a_server_that_says_410_to_every_watch_is_not_stormed():
    api = ScriptedApi(lists=[page(n) for n in range(1, 1000)], watches=[[EXPIRED]] * 999)
    played = Played(api).run(600)
    assert 20 <= len(played.api.times("list")) <= 50


def test_a_server_that_is_down_for_an_hour_is_asked_every_half_minute_and_then_used():
    faults: list[object] = [LOST] * 160
    api = ScriptedApi(lists=[*faults, page(1, pod("a", 1))])
    played = Played(api).run(4_000)
    assert played.known == ["a@1"]
    assert played.api.times("list")[-1] > 3_000


def test_one_long_watch_makes_the_next_failure_cheap_again():
    played = play(*[[LOST]] * 8, [5, LOST], [60], seconds=300)
    starts = played.api.times("watch")
    assert starts[8] - starts[7] > 5
    assert starts[9] - starts[8] == pytest.approx(5.15, abs=0.06)


def test_a_list_makes_the_next_failure_of_a_watch_cheap_again():
    """An API server that was down and is back says 429 to watches for a moment."""
    lists = [*[LOST] * 9, page(1)]
    api = ScriptedApi(lists=lists, watches=[[ApiError(429, "TooManyRequests")], [60]])
    first, second, *_ = Played(api).run(150).api.times("watch")
    assert second - first <= 0.2


def test_a_silent_watch_is_given_up_after_ninety_seconds_and_goes_on():
    played = play([50, bookmark(11), 500], seconds=300)
    assert played.api.times("watch") == [0.0, 140.0, 230.0]
    assert played.api.params("watch")[1]["resourceVersion"] == "11"
    assert played.informer.stats.lists == 1


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
    played.run(4, meanwhile=lambda: played.informer.assume(record("n", 11)))
    assert played.told == ["+n@11", "-n@12"]


def test_an_answer_that_is_older_than_what_is_known_changes_nothing():
    played = Played(
        ScriptedApi(lists=[page(10)], watches=[[event("ADDED", pod("n", 12, "Running")), 90]])
    )
    played.run(4, meanwhile=lambda: played.informer.assume(record("n", 11)))
    assert played.told == ["+n@12"]


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


def test_every_error_of_the_cluster_is_survived():
    kinds: list[ClusterError] = [LOST, EXPIRED, ApiError(500), ApiError(401), ApiError(404)]
    api = ScriptedApi(
        lists=[error for error in kinds for _ in range(2)] + [page(n) for n in range(1, 100)],
        watches=[[error] for error in kinds for _ in range(3)],
    )
    assert Played(api).run(2_000).informer.synced.is_set()
