"""The cache of what the API has outlives every error of the cluster, and storms no server."""

from __future__ import annotations

import itertools

import pytest

from kubedag.shell.errors import ApiError, ClusterError
from support.played_informer import EXPIRED, LOST, Played, play
from support.scripted_api import ScriptedApi, bookmark, error_event, event, page, pod

# --- How it goes on --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        EXPIRED,
        error_event(410, "Expired"),
        b"{not json",
        event("MODIFIED", {"metadata": 7}),
        event("ADDED", {"metadata": {}}),
        event("BOOKMARK", {}),
    ],
    ids=["HTTP 410", "ERROR 410", "no JSON", "not a Pod", "of no moment", "bookmark of none"],
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
    "fault",
    [LOST, EXPIRED, ApiError(500), b"[]", b'{"metadata":{},"items":[]}'],
    ids=["cut", "410", "500", "no list", "of no moment"],
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


def test_one_odd_object_beside_one_that_is_nested_deeply_hides_no_other():
    odd = pod("odd", 4) | {"spec": 7}
    deep = pod("deep", 5) | {"spec": {"x": None}}
    said = page(10, odd, deep, pod("a", 6)).replace(
        b"null", b'{"a":' * 2_000 + b"1" + b"}" * 2_000
    )
    assert Played(ScriptedApi(lists=[said])).run().known == ["a@6", "deep@5"]


def test_every_error_of_the_cluster_is_survived():
    kinds: list[ClusterError] = [LOST, EXPIRED, ApiError(500), ApiError(401), ApiError(404)]
    api = ScriptedApi(
        lists=[error for error in kinds for _ in range(2)] + [page(n) for n in range(1, 100)],
        watches=[[error] for error in kinds for _ in range(3)],
    )
    assert Played(api).run(2_000).informer.synced.is_set()


# --- How soon it tries again -----------------------------------------------------------------


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
