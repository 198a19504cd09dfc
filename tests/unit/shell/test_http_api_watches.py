"""Watches of a real server: whole lines however they arrive, and how a watch ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from kubedag.shell.errors import ApiError, Unreachable
from support import real_loop
from support.http_server import api_on, status

if TYPE_CHECKING:
    from kubedag.shell.http_api import HttpApi

PODS = "/api/v1/namespaces/ns/pods"


def streamed(*chunks: bytes, cut: bool = False):
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.query["watch"] == "true"
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.005)
        if cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    return handler


@pytest.mark.parametrize(
    "chunks",
    [
        [b"{1}\n{2}\n{3}\n"],
        [b"{1}\n{", b"2", b"}\n{3}", b"\n"],
        [b"{1}\n", b"\n{2}\n\n", b"{3}\n"],
        [b"{1}\n{2}\n{3}\n{4"],
    ],
    ids=["at once", "split anywhere", "empty lines", "a cut line at the end"],
)
def test_a_watch_gives_whole_lines_however_they_arrive(chunks):
    async def scenario() -> list[bytes]:
        async with api_on(streamed(*chunks)) as api:
            return [line async for line in api.watch(PODS, {"a": "b"})]

    assert real_loop.run(scenario()) == [b"{1}", b"{2}", b"{3}"]


def test_a_watch_cut_by_the_network_gives_what_came_whole_and_then_an_error():
    lines = []

    async def scenario() -> None:
        async with api_on(streamed(b"{1}\n{2", cut=True)) as api:
            async for line in api.watch(PODS, {}):
                lines.append(line)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(Unreachable):
        real_loop.run(scenario())
    assert lines == [b"{1}"]


def test_a_line_of_three_megabytes_is_one_line():
    line = b'{"x":"' + b"y" * (3 << 20) + b'"}'

    async def scenario() -> list[bytes]:
        async with api_on(streamed(line + b"\n")) as api:
            return [line async for line in api.watch(PODS, {})]

    assert real_loop.run(scenario()) == [line]


def test_a_refused_watch_is_an_error_and_counted_as_a_watch():
    async def handler(_: web.Request) -> web.Response:
        return status(410, "Expired")

    async def scenario() -> HttpApi:
        async with api_on(handler) as api:
            with pytest.raises(ApiError, match="410"):
                await anext(api.watch(PODS, {}))
            return api

    assert real_loop.run(scenario()).stats.requests == {("watch", "pods", 410): 1}


def test_a_watch_that_is_no_longer_wanted_is_ended_at_the_server_too():
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"{}\n")
                await asyncio.sleep(0.01)
        finally:
            ended.set()
        return response

    async def scenario() -> None:
        async with api_on(handler) as api:
            stream = api.watch(PODS, {})
            await anext(stream)
            await stream.aclose()
            await ended.wait()

    real_loop.run(scenario())
