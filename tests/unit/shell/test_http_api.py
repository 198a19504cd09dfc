from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from aiohttp import web

from kubedag.shell.access import Access
from kubedag.shell.credentials import Credentials
from kubedag.shell.errors import ApiError, NotLeader, Unreachable
from kubedag.shell.http_api import HttpApi, _Patience, verb_and_resource
from support import real_loop
from support.http_server import Said, api_on, serving, status

PODS = "/api/v1/namespaces/ns/pods"


def run(scenario):
    return real_loop.run(scenario())


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

    assert run(scenario) == b'{"ok":1}'
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

    run(scenario)
    assert seen["Impersonate-User"] == "ann"


def test_an_error_is_told_with_what_the_server_said():
    async def handler(_: web.Request) -> web.Response:
        return status(409, "AlreadyExists")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("POST", PODS, body=b"{}")

    with pytest.raises(ApiError) as raised:
        run(scenario)
    assert raised.value.already_exists


@pytest.mark.parametrize("code", [302, 307])
def test_a_redirection_is_not_followed_with_our_token(code):
    async def handler(_: web.Request) -> web.Response:
        return status(code, "", Location="http://127.0.0.1:1/")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("GET", PODS)

    with pytest.raises(ApiError) as raised:
        run(scenario)
    assert raised.value.status == code


def test_a_server_that_asks_for_patience_gets_it():
    answers = [status(429, "TooManyRequests", Retry_After="0") for _ in range(3)]

    async def handler(_: web.Request) -> web.Response:
        return answers.pop() if answers else web.Response(body=b"{}")

    async def scenario() -> tuple[int, int]:
        async with api_on(handler) as api:
            await api.request("POST", PODS, body=b"{}")
            return api.stats.throttled, api.stats.requests["create", "pods", 429]

    assert run(scenario) == (3, 3)


def test_patience_ends_after_some_tries():
    calls = []

    async def handler(_: web.Request) -> web.Response:
        calls.append(1)
        return status(429, "TooManyRequests", Retry_After="0")

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request("GET", PODS)

    with pytest.raises(ApiError, match="429"):
        run(scenario)
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
        run(scenario)
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

    assert run(scenario).stats.total() == 1


@pytest.mark.parametrize(("method", "maybe_applied"), [("GET", False), ("POST", True)])
def test_a_server_that_is_too_slow_may_have_applied_a_write(method, maybe_applied):
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    async def scenario() -> None:
        async with api_on(handler) as api:
            await api.request(method, PODS, timeout_seconds=0.1)

    with pytest.raises(Unreachable) as raised:
        run(scenario)
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
        run(scenario)
    assert raised.value.maybe_applied


async def needs_new_token(request: web.Request) -> web.Response:
    if request.headers["Authorization"] != "Bearer new":
        return status(401, "Unauthorized")
    return web.Response(body=b'{"a":1}\n')


def test_a_rotated_token_is_fetched_once_for_all_requests_that_met_a_401():
    async def scenario() -> tuple[int, int]:
        async with api_on(needs_new_token, tokens=("old", "new")) as api:
            await asyncio.gather(*(api.request("POST", PODS, body=b"{}") for _ in range(20)))
            return api._credentials.refreshes, api.stats.requests["create", "pods", 200]

    assert run(scenario) == (1, 20)


def test_a_watch_that_meets_a_401_gets_a_new_token_too():
    async def scenario() -> list[bytes]:
        async with api_on(needs_new_token, tokens=("old", "new")) as api:
            return [line async for line in api.watch(PODS, {})]

    assert run(scenario) == [b'{"a":1}']


def test_a_token_that_stays_refused_is_tried_twice_and_then_an_error():
    async def scenario() -> int:
        async with api_on(needs_new_token, tokens=("old", "older")) as api:
            with pytest.raises(ApiError, match="401"):
                await api.request("GET", PODS)
            return api.stats.requests["list", "pods", 401]

    assert run(scenario) == 2


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

    stats = run(scenario).stats
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

    assert run(scenario) == 2


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

    run(scenario)
    assert len(ports) == 3


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

    first, *others = run(scenario)
    assert first == b"{}"
    assert [type(other) for other in others] == [NotLeader, NotLeader]
    assert arrived == [f"{PODS}/0"]


def test_a_request_that_got_no_connection_in_time_was_never_sent():
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response(body=b"{}")

    async def scenario() -> None:
        async with api_on(handler, connections_max=1) as api:
            first = asyncio.create_task(api.request("POST", PODS, body=b"{}"))
            await asyncio.sleep(0.05)
            with pytest.raises(Unreachable, match="connections are busy") as raised:
                await api.request("POST", PODS, body=b"{}", timeout_seconds=0.1)
            assert not raised.value.maybe_applied
            await first

    run(scenario)


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

    assert run(scenario) == b"{}\n"


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

    assert run(scenario) == [b"{1}", b"{2}", b"{3}"]


def test_a_watch_cut_by_the_network_gives_what_came_whole_and_then_an_error():
    lines = []

    async def scenario() -> None:
        async with api_on(streamed(b"{1}\n{2", cut=True)) as api:
            async for line in api.watch(PODS, {}):
                lines.append(line)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(Unreachable):
        run(scenario)
    assert lines == [b"{1}"]


def test_a_line_of_three_megabytes_is_one_line():
    line = b'{"x":"' + b"y" * (3 << 20) + b'"}'

    async def scenario() -> list[bytes]:
        async with api_on(streamed(line + b"\n")) as api:
            return [line async for line in api.watch(PODS, {})]

    assert run(scenario) == [line]


def test_a_refused_watch_is_an_error_and_counted_as_a_watch():
    async def handler(_: web.Request) -> web.Response:
        return status(410, "Expired")

    async def scenario() -> HttpApi:
        async with api_on(handler) as api:
            with pytest.raises(ApiError, match="410"):
                await anext(api.watch(PODS, {}))
            return api

    assert run(scenario).stats.requests == {("watch", "pods", 410): 1}


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

    run(scenario)


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

    assert run(scenario) == [b"{1}", b"{2}"]


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

    assert run(scenario) == b"{}"


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
