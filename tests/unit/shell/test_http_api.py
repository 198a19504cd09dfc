"""Requests to a real server: what is sent, how patient it is, and what an error says of a write."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from aiohttp import web

from kubedag.shell.access import Access
from kubedag.shell.credentials import Credentials
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.http_api import HttpApi, _Patience, verb_and_resource
from support import real_loop
from support.http_server import Said, api_on, serving, status

PODS = "/api/v1/namespaces/ns/pods"

# --- What is sent ----------------------------------------------------------------------------


def test_a_request_carries_token_body_and_parameters_and_asks_for_no_compression():
    seen = {}

    async def handler(request: web.Request) -> web.Response:
        seen.update(request.headers, path=request.path_qs, body=await request.read())
        return web.Response(body=b'{"ok":1}', status=201)

    async def scenario() -> bytes:
        async with api_on(handler) as api:
            return await api.request(
                "PATCH", PODS, params={"a": "b/c=d"}, body=b"{}", content_type="application/x"
            )

    assert real_loop.run(scenario()) == b'{"ok":1}'
    assert seen["Authorization"] == "Bearer token"
    assert seen["Content-Type"] == "application/x"
    assert seen["Accept-Encoding"] == "identity"
    assert seen["path"] == f"{PODS}?a=b%2Fc%3Dd"
    assert seen["body"] == b"{}"
    assert "Impersonate-User" not in seen


def test_who_acts_as_somebody_else_says_so_with_each_request():
    seen = {}

    async def handler(request: web.Request) -> web.Response:
        seen.update(request.headers)
        return web.Response(body=b"{}")

    async def scenario() -> None:
        async with serving(handler) as url:
            source = Said(Access(server=url, impersonate="ann"))
            async with HttpApi(Credentials(source)) as api:
                await api.request("GET", PODS)

    real_loop.run(scenario())
    assert seen["Impersonate-User"] == "ann"


def test_an_error_is_told_with_what_the_server_said():
    async def handler(_: web.Request) -> web.Response:
        return status(409, "AlreadyExists")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("POST", PODS, body=b"{}")

    with pytest.raises(ApiError) as raised:
        real_loop.run(scenario())
    assert raised.value.already_exists


@pytest.mark.parametrize("code", [302, 307])
def test_a_redirection_is_not_followed_with_our_token(code):
    async def handler(_: web.Request) -> web.Response:
        return status(code, "", Location="http://127.0.0.1:1/")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("GET", PODS)

    with pytest.raises(ApiError) as raised:
        real_loop.run(scenario())
    assert raised.value.status == code


def test_a_client_can_be_closed_and_used_again():
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"{}")

    async def scenario() -> bytes:
        async with serving(handler) as url:
            api = HttpApi(Credentials(Said(Access(url))))
            await api.request("GET", PODS)
            await api.close()
            await api.close()
            answer = await api.request("GET", PODS)
            await api.close()
            return answer

    assert real_loop.run(scenario()) == b"{}"


@pytest.mark.parametrize(
    ("method", "path", "watch", "expected"),
    [
        ("GET", "/api/v1/pods", False, ("list", "pods")),
        ("GET", "/api/v1/pods", True, ("watch", "pods")),
        ("GET", "/api/v1/namespaces/n/pods/p", False, ("get", "pods")),
        ("GET", "/api/v1/namespaces/n/pods/p/log", False, ("get", "pods/log")),
        ("GET", "/api/v1/namespaces/n", False, ("get", "namespaces")),
        ("GET", "/api/v1/namespaces", False, ("list", "namespaces")),
        ("POST", "/api/v1/namespaces/n/pods", False, ("create", "pods")),
        ("PUT", "/apis/g/v1/namespaces/n/dags/d/status", False, ("update", "dags/status")),
        ("PATCH", "/apis/g/v1/namespaces/n/dags/d", False, ("patch", "dags")),
        ("DELETE", "/apis/g/v1/namespaces/n/dags/d", False, ("delete", "dags")),
        ("GET", "/version", False, ("get", "other")),
    ],
)
def test_requests_are_named_as_kubernetes_names_them(method, path, watch, expected):
    assert verb_and_resource(method, path, watch=watch) == expected


# --- Patience --------------------------------------------------------------------------------


def test_a_server_that_asks_for_patience_gets_it():
    answers = [status(429, "TooManyRequests", Retry_After="0") for _ in range(3)]

    async def handler(_: web.Request) -> web.Response:
        return answers.pop() if answers else web.Response(body=b"{}")

    async def scenario() -> tuple[int, int]:
        async with api_on(handler) as api:
            await api.request("POST", PODS, body=b"{}")
            return api.stats.throttled, api.stats.requests["create", "pods", 429]

    assert real_loop.run(scenario()) == (3, 3)


def test_patience_ends_after_some_tries():
    calls = []

    async def handler(_: web.Request) -> web.Response:
        calls.append(1)
        return status(429, "TooManyRequests", Retry_After="0")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("GET", PODS)

    with pytest.raises(ApiError, match="429"):
        real_loop.run(scenario())
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("retry_after_seconds", "waits"),
    [(None, 5), (1, 5), (5, 4), (10, 2), (25, 0), (31, 0)],
)
def test_patience_never_waits_for_less_than_asked_nor_for_more_than_half_a_minute(
    retry_after_seconds, waits
):
    patience = _Patience(random.Random(3))
    error = ApiError(429, retry_after_seconds=retry_after_seconds)
    delays = [delay for _ in range(9) if (delay := patience.delay_seconds(error)) is not None]
    assert len(delays) in {waits, waits + 1}
    assert len(delays) <= 5
    assert sum(delays) <= 30
    assert all(delay >= (retry_after_seconds or 1) for delay in delays)


# --- Whether a write may have been applied ---------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_whose_answer_is_lost_is_sent_once_and_may_have_been_applied(method):
    arrived = Counter()

    async def handler(request: web.Request) -> web.Response:
        arrived[request.method] += 1
        if request.method != "GET":
            await request.read()
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=b"{}")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("GET", PODS)  # so that the write goes over a connection in use
            await api.request(method, PODS, body=b"{}")

    with pytest.raises(Unreachable) as raised:
        real_loop.run(scenario())
    assert raised.value.maybe_applied
    assert arrived == {"GET": 1, method: 1}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_is_not_there_has_applied_nothing(method):
    async def scenario() -> HttpApi:
        async with HttpApi(Credentials(Said(Access("http://127.0.0.1:1")))) as api:
            with pytest.raises(Unreachable, match=f"^{method} {PODS}: 127.0.0.1:1: ") as raised:
                await api.request(method, PODS)
            assert not raised.value.maybe_applied
            return api

    assert real_loop.run(scenario()).stats.total() == 1


@pytest.mark.parametrize(("method", "maybe_applied"), [("GET", False), ("POST", True)])
def test_a_server_that_is_too_slow_may_have_applied_a_write(method, maybe_applied):
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request(method, PODS, timeout_seconds=0.1)

    with pytest.raises(Unreachable) as raised:
        real_loop.run(scenario())
    assert raised.value.maybe_applied is maybe_applied


def test_an_answer_cut_in_its_middle_is_no_answer():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("POST", PODS, body=b"{}")

    with pytest.raises(Unreachable) as raised:
        real_loop.run(scenario())
    assert raised.value.maybe_applied


@pytest.mark.parametrize(
    "body",
    [b"<html>Log in first</html>", b"", b" ", b'{"kind": "Pod', b"[]", b"null"],
    ids=["a page", "nothing", "a space", "half", "a list", "null"],
)
@pytest.mark.parametrize(("method", "maybe_applied"), [("GET", False), ("PUT", True)])
def test_an_answer_that_no_api_server_gives_is_none(method, maybe_applied, body):
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/html")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request(method, PODS, body=b"{}")

    with pytest.raises(Unreachable, match=f"^{method} {PODS}: .*no JSON .*text/html") as raised:
        real_loop.run(scenario())
    assert raised.value.maybe_applied is maybe_applied


@pytest.mark.parametrize(
    ("path", "body"),
    [(PODS, b'{"a":' * 9_000 + b"1" + b"}" * 9_000), (f"{PODS}/p/log", b"half a li")],
    ids=["nested deeply", "a log"],
)
def test_what_an_api_server_may_answer_is_handed_on_as_it_is(path, body):
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async def scenario() -> bytes:
        async with api_on(handler) as api:
            return await api.request("GET", path)

    assert real_loop.run(scenario()) == body
