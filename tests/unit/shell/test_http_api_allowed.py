"""What a request must have before it is sent: a token that counts, an open gate, and a connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from kubedag.shell.errors import ApiError, NotLeader, Unreachable
from support import real_loop
from support.http_server import api_on, status

if TYPE_CHECKING:
    from kubedag.shell.http_api import HttpApi

PODS = "/api/v1/namespaces/ns/pods"


# --- A token ---------------------------------------------------------------------------------


async def needs_new_token(request: web.Request) -> web.Response:
    if request.headers["Authorization"] != "Bearer new":
        return status(401, "Unauthorized")
    return web.Response(body=b'{"a":1}\n')


def test_a_rotated_token_is_fetched_once_for_all_requests_that_met_a_401():
    async def scenario() -> tuple[int, int]:
        async with api_on(needs_new_token, tokens=("old", "new")) as api:
            await asyncio.gather(*(api.request("POST", PODS, body=b"{}") for _ in range(20)))
            return api._credentials.refreshes, api.stats.requests["create", "pods", 200]

    assert real_loop.run(scenario()) == (1, 20)


def test_a_watch_that_meets_a_401_gets_a_new_token_too():
    async def scenario() -> list[bytes]:
        async with api_on(needs_new_token, tokens=("old", "new")) as api:
            return [line async for line in api.watch(PODS, {})]

    assert real_loop.run(scenario()) == [b'{"a":1}']


def test_a_token_that_stays_refused_is_tried_twice_and_then_an_error():
    async def scenario() -> int:
        async with api_on(needs_new_token, tokens=("old", "older")) as api:
            with pytest.raises(ApiError, match="401"):
                await api.request("GET", PODS)
            return api.stats.requests["list", "pods", 401]

    assert real_loop.run(scenario()) == 2


def test_a_rotated_token_leaves_an_open_watch_alone():
    go_on = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return await needs_new_token(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{1}\n")
        await go_on.wait()
        await response.write(b"{2}\n")
        return response

    async def scenario() -> list[bytes]:
        async with api_on(handler, tokens=("old", "new")) as api:
            stream = api.watch(PODS, {})
            first = await anext(stream)
            await api.request("GET", PODS)
            go_on.set()
            return [first, *[line async for line in stream]]

    assert real_loop.run(scenario()) == [b"{1}", b"{2}"]


# --- The gate --------------------------------------------------------------------------------


def test_a_closed_gate_stops_writes_and_lets_reads_pass():
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"{}")

    async def scenario() -> HttpApi:
        async with api_on(handler, gate=lambda: False) as api:
            await api.request("GET", PODS)
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with pytest.raises(NotLeader):
                    await api.request(method, PODS, body=b"{}")
            return api

    stats = real_loop.run(scenario()).stats
    assert (stats.total(), stats.gated) == (1, 4)


def test_the_gate_is_asked_again_before_each_repetition():
    opened = [False, True, True]  # the last one is asked first

    async def handler(_: web.Request) -> web.Response:
        return status(429, "TooManyRequests", Retry_After="0")

    async def scenario() -> int:
        async with api_on(handler, gate=opened.pop) as api:
            with pytest.raises(NotLeader):
                await api.request("POST", PODS, body=b"{}")
            return api.stats.total()

    assert real_loop.run(scenario()) == 2


def test_a_write_that_waited_for_a_connection_asks_the_gate_when_it_has_got_one():
    opened = [True]
    arrived = []

    async def handler(request: web.Request) -> web.Response:
        arrived.append(request.path)
        await asyncio.sleep(0.1)
        opened[0] = False
        return web.Response(body=b"{}")

    async def scenario() -> list[bytes | BaseException]:
        async with api_on(handler, connections_max=1, gate=lambda: opened[0]) as api:
            return await asyncio.gather(
                *(api.request("POST", f"{PODS}/{n}", body=b"{}") for n in range(3)),
                return_exceptions=True,
            )

    first, *others = real_loop.run(scenario())
    assert first == b"{}"
    assert [type(other) for other in others] == [NotLeader, NotLeader]
    assert arrived == [f"{PODS}/0"]


# --- A connection ----------------------------------------------------------------------------


def test_no_more_connections_are_opened_than_allowed():
    ports = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        await asyncio.sleep(0.01)
        return web.Response(body=b"{}")

    async def scenario() -> None:
        async with api_on(handler, connections_max=3) as api:
            await asyncio.gather(*(api.request("GET", PODS) for _ in range(30)))

    real_loop.run(scenario())
    assert len(ports) == 3


def test_a_request_that_got_no_connection_in_time_was_never_sent():
    arrived: list[str] = []
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        arrived.append(request.path)
        taken.set()
        await go_on.wait()
        return web.Response(body=b"{}")

    async def scenario() -> None:
        async with api_on(handler, connections_max=1) as api:
            first = asyncio.create_task(api.request("POST", f"{PODS}/first", body=b"{}"))
            await taken.wait()
            with pytest.raises(Unreachable, match="connections are busy") as raised:
                await api.request("POST", f"{PODS}/second", body=b"{}", timeout_seconds=0.1)
            assert not raised.value.maybe_applied
            go_on.set()
            await first
            await api.request("POST", f"{PODS}/third", body=b"{}")

    real_loop.run(scenario())
    assert arrived == [f"{PODS}/first", f"{PODS}/third"]


def test_open_watches_take_no_connection_away_from_requests():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{}\n")
        if "watch" in request.query:
            await asyncio.sleep(60)
        return response

    async def scenario() -> bytes:
        async with api_on(handler, connections_max=1) as api:
            streams = [api.watch(PODS, {}) for _ in range(3)]
            for stream in streams:
                await anext(stream)
            return await api.request("GET", PODS)

    assert real_loop.run(scenario()) == b"{}\n"
