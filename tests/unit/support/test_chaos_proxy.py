"""The bad network does what it says; as seen by the operator's own client, and by the server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from dataclasses import dataclass, field, replace

import aiohttp
import orjson
import pytest
from aiohttp import web

from kubedag.shell.access import Access, Tls
from kubedag.shell.credentials import Credentials
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.http_api import HttpApi
from support import certificates, chaos_faults, chaos_proxy, http_server, real_loop
from support.chaos_faults import Asked, Dice, Episode, Fault, Weather
from support.chaos_proxy import ChaosProxy
from support.chaos_traffic import Traffic

STATUS = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/run/status"
PODS = "/api/v1/namespaces/ns/pods"


def event(number):
    return orjson.dumps({"type": "MODIFIED", "object": {"n": number}}) + b"\n"


@dataclass
class Server:
    """Behind the proxy: keeps what reached it, and tells three events in each watch."""

    url: str = ""
    written: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lasts_seconds: float = 0.0

    async def handle(self, request):
        self.headers.append(dict(request.headers))
        if request.query.get("watch"):
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(request)
            await response.write(b"".join(event(n) for n in range(3)))
            await asyncio.sleep(self.lasts_seconds)
            return response
        if request.method != "GET":
            self.written.append((await request.read()).decode())
        return web.Response(body=b'{"kind":"Answer","query":"%s"}' % request.query_string.encode())


@contextlib.asynccontextmanager
async def behind(weather, *, seed=1, proxy_tls=None, client_tls=Tls()):  # noqa: B008  # frozen
    """A client, the proxy that it goes through, and the server behind that."""
    server = Server()
    async with http_server.serving(server.handle) as url:
        proxy = ChaosProxy(url, weather, seed=seed, tls=proxy_tls)
        await proxy.start()
        source = http_server.Said(Access(proxy.url, "token", client_tls))
        async with HttpApi(Credentials(source)) as api:
            try:
                yield api, proxy, server
            finally:
                await proxy.stop()


def always(*names):
    """A weather in which these faults strike whatever they may, each time."""
    chosen = [
        [Fault(one.name, 1, one.may_strike) for one in table if one.name in names]
        for table in (chaos_faults.REQUESTS, chaos_faults.LINES)
    ]
    return Weather(*map(tuple, chosen), delay_seconds=(0.3, 0.3))


async def tried(api, method, path, **rest):
    """What comes of a request: the answer, the code of a refusal, or whether it may have counted."""
    try:
        return orjson.loads(await api.request(method, path, **rest))["kind"]
    except ApiError as error:
        return error.status, error.reason
    except Unreachable as error:
        return "maybe applied" if error.maybe_applied else "not applied"


@pytest.mark.parametrize(
    ("fault", "method", "path", "seen", "arrived"),
    [
        ("", "PUT", STATUS, "Answer", True),
        (chaos_faults.CONFLICT, "PUT", STATUS, (409, "Conflict"), False),
        (chaos_faults.CONFLICT, "POST", PODS, (409, "Conflict"), False),
        (chaos_faults.CONFLICT, "GET", PODS, "Answer", False),
        (chaos_faults.GONE, "GET", PODS, (410, "Expired"), False),
        (chaos_faults.GONE, "PUT", STATUS, "Answer", True),
        (chaos_faults.TOO_LARGE, "PUT", STATUS, (413, "RequestEntityTooLarge"), False),
        (chaos_faults.TOO_LARGE, "POST", PODS, "Answer", True),
        (chaos_faults.INVALID, "PUT", STATUS, (422, "Invalid"), False),
        (chaos_faults.INVALID, "DELETE", f"{PODS}/p", (422, "Invalid"), False),
        (chaos_faults.INVALID, "GET", PODS, (422, "Invalid"), False),
        (chaos_faults.INVALID, "POST", PODS, "Answer", True),
        (chaos_faults.INTERNAL, "POST", PODS, (500, "InternalError"), False),
        (chaos_faults.UNAVAILABLE, "GET", PODS, (503, "ServiceUnavailable"), False),
        (chaos_faults.UNSENT, "POST", PODS, "maybe applied", False),
        (chaos_faults.UNANSWERED, "POST", PODS, "maybe applied", True),
        (chaos_faults.UNANSWERED, "GET", PODS, "Answer", False),
        (chaos_faults.HALF_ANSWERED, "PUT", STATUS, "maybe applied", True),
        (chaos_faults.HALF_ANSWERED, "GET", PODS, "not applied", False),
        (chaos_faults.SLOW, "PUT", STATUS, "Answer", True),
    ],
)
def test_what_a_client_sees_of_a_fault(fault, method, path, seen, arrived):
    async def scenario():
        async with behind(always(fault)) as (api, proxy, server):
            body = None if method == "GET" else b"{}"
            assert await tried(api, method, path, body=body) == seen
            assert server.written == (["{}"] if arrived else [])
            assert sum(proxy.struck.values()) == (
                0 if seen == "Answer" and fault != chaos_faults.SLOW else 1
            )

    real_loop.run(scenario())


def test_without_faults_everything_passes_as_it_is():
    async def scenario():
        async with behind(Weather()) as (api, _, server):
            answer = await api.request(
                "GET", PODS, params={"labelSelector": "a in (b,c)", "limit": "5"}
            )
            assert orjson.loads(answer)["query"] == "labelSelector=a in (b,c)&limit=5"
            assert server.headers[0]["Authorization"] == "Bearer token"
            assert server.headers[0]["User-Agent"].startswith("kubedag/")
            assert [line async for line in api.watch(PODS, {})] == [
                event(n).strip() for n in range(3)
            ]

    real_loop.run(scenario())


def test_it_speaks_tls(tmp_path):
    ca = certificates.authority(tmp_path, "ca")
    pair = certificates.issued(ca, tmp_path, "proxy", "IP:127.0.0.1")

    async def scenario():
        weather = always(chaos_faults.UNANSWERED)
        context = certificates.server_context(pair)
        tls = Tls(ca_pem=ca.cert_pem)
        async with behind(weather, proxy_tls=context, client_tls=tls) as (api, _, server):
            assert await tried(api, "GET", PODS) == "Answer"
            assert await tried(api, "POST", PODS, body=b"{}") == "maybe applied"
            assert server.written == ["{}"]

    real_loop.run(scenario())


async def heard(api):
    """The numbers of the events of a watch, and how it ended."""
    numbers = []
    try:
        async for line in api.watch(PODS, {}):
            said = orjson.loads(line)
            numbers.append(said["object"].get("n", said["object"].get("code")))
    except ApiError as error:
        return numbers, error.status
    except Unreachable:
        return numbers, "broken"
    return numbers, "ended"


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("", ([0, 1, 2], "ended")),
        (chaos_faults.DELAYED, ([0, 1, 2], "ended")),
        (chaos_faults.DROPPED, ([], "ended")),
        (chaos_faults.CUT, ([], "broken")),
        (chaos_faults.ENDED, ([], "ended")),
        (chaos_faults.EXPIRED, ([410], "ended")),
        (chaos_faults.GONE, ([], 410)),
    ],
)
def test_what_a_watch_sees_of_a_fault(fault, seen):
    async def scenario():
        async with behind(always(fault)) as (api, proxy, _):
            began = time.monotonic()
            assert await heard(api) == seen
            delayed = time.monotonic() - began >= 0.9  # three lines, each by 0.3 s
            assert delayed == (fault == chaos_faults.DELAYED)
            assert bool(proxy.struck[fault]) == bool(fault)

    real_loop.run(scenario())


def test_a_line_comes_again_at_once_or_after_later_ones():
    async def scenario():
        in_order = set()
        async with behind(always(chaos_faults.REPEATED)) as (api, _, _):
            for _ in range(10):
                numbers, end = await heard(api)
                assert (set(numbers), len(numbers), end) == ({0, 1, 2}, 6, "ended")
                in_order.add(numbers == sorted(numbers))
        assert in_order == {True, False}

    real_loop.run(scenario())


def test_a_refusal_asks_for_patience_and_gets_it():
    async def scenario():
        weather = Weather((Fault(chaos_faults.THROTTLED, 2),), retry_after_seconds=1)
        async with behind(weather) as (api, proxy, server):
            began = time.monotonic()
            for n in range(2):
                assert await tried(api, "POST", PODS, body=b'{"n":%d}' % n) == "Answer"
            assert time.monotonic() - began >= 1
            assert len(server.written) == 2
            assert proxy.struck[chaos_faults.THROTTLED] >= 1
            assert proxy.traffic.impatient == []

    real_loop.run(scenario())


def test_who_is_not_patient_is_noted():
    async def scenario():
        weather = replace(always(chaos_faults.THROTTLED), retry_after_seconds=600)
        async with behind(weather) as (_, proxy, _), aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.post(proxy.url + PODS, data=b"{}") as answer:
                    assert (answer.status, answer.headers["Retry-After"]) == (429, "600")
            (said,) = proxy.traffic.impatient
            assert said.startswith(f"create {PODS} came ")

    real_loop.run(scenario())


def test_for_a_while_connections_are_refused_and_open_ones_are_reset():
    async def scenario():
        weather = Weather(episodes=(Episode(chaos_faults.REFUSED, (0.2, 0.2), (60, 60), 0.5),))
        async with behind(weather) as (api, proxy, server):
            server.lasts_seconds = 5
            assert await heard(api) == ([0, 1, 2], "broken")
            assert await tried(api, "POST", PODS, body=b"{}") == "not applied"
            await asyncio.sleep(0.6)
            assert await tried(api, "POST", PODS, body=b"{}") == "Answer"
            assert proxy.struck[chaos_faults.REFUSED] == 1

    real_loop.run(scenario())


def test_for_a_while_watches_end_the_open_ones_and_each_new_one_at_once():
    async def scenario():
        weather = Weather(episodes=(Episode(chaos_faults.SHY, (0.3, 0.3), (60, 60), 0.5),))
        async with behind(weather) as (api, _, server):
            server.lasts_seconds = 5
            began = time.monotonic()
            assert await heard(api) == ([0, 1, 2], "ended")
            assert await heard(api) == ([], "ended")
            assert time.monotonic() - began < 1
            assert await tried(api, "GET", PODS) == "Answer"
            await asyncio.sleep(0.6)
            server.lasts_seconds = 0
            assert await heard(api) == ([0, 1, 2], "ended")

    real_loop.run(scenario())


def test_a_tls_connection_that_is_closed_already_can_be_reset(tmp_path):
    ca = certificates.authority(tmp_path, "ca")
    pair = certificates.issued(ca, tmp_path, "proxy", "IP:127.0.0.1")

    async def scenario():
        accepted = asyncio.get_running_loop().create_future()
        context = certificates.server_context(pair)
        listener = await asyncio.start_server(
            lambda _, writer: accepted.set_result(writer), "127.0.0.1", 0, ssl=context
        )
        port = listener.sockets[0].getsockname()[1]
        trust = ssl.create_default_context(cafile=str(ca.cert))
        _, client = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        transport = (await accepted).transport
        for _ in range(2):
            transport.close()
        chaos_proxy._reset(transport)
        client.transport.abort()
        listener.close()
        await asyncio.sleep(0.05)

    real_loop.run(scenario())


# --- What strikes, and how often ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "faults"),
    [
        (Asked("create", "pods", PODS), {409, 429, 500, 503}),
        (Asked("create", "pods", PODS, trial=True), {429, 500, 503}),
        (Asked("update", "dagruns/status", STATUS), {409, 413, 422, 429, 500, 503}),
        (Asked("update", "dags/status", STATUS), {409, 422, 429, 500, 503}),
        (Asked("delete", "pods", PODS), {409, 422, 429, 500, 503}),
        (Asked("create", "events", PODS), {409, 422, 429, 500, 503}),
        (Asked("list", "pods", PODS), {410, 422, 429, 500, 503}),
        (Asked("list", "dags", PODS, by_kopf=True), {410, 429, 500, 503}),
        (Asked("watch", "dags", PODS, by_kopf=True), {410, 429, 500, 503}),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, Asked) else "",
)
def test_no_answer_may_be_given_that_must_change_the_end(asked, faults):
    may = [one.name for one in chaos_faults.REQUESTS if one.may_strike(asked)]
    assert {int(name[:3]) for name in may if name[:3].isdigit()} == faults


@pytest.mark.parametrize("seed", range(3))
def test_a_fault_strikes_as_often_as_it_says_and_never_all_at_once(seed):
    dice, asked = Dice(random.Random(seed)), Asked("update", "dagruns/status", STATUS)
    table = (Fault("a", 10), Fault("b", 25), Fault("c", 10, lambda _: False))
    rolled = [dice.roll(table, asked) for _ in range(100)]
    assert abs(rolled.count("a") - 10) <= 1
    assert abs(rolled.count("b") - 4) <= 1
    assert "c" not in rolled


def test_the_seed_chooses_when():
    def rolled(seed):
        dice = Dice(random.Random(seed))
        return [dice.roll((Fault("a", 5),), Asked("get", "pods", PODS)) for _ in range(50)]

    assert rolled(1) == rolled(1)
    assert rolled(1) != rolled(2)


# --- Traffic -----------------------------------------------------------------------------------


def test_requests_are_counted_by_second():
    now = 10.0
    traffic = Traffic(clock=lambda: now)
    for at, verb, times in ((10.1, "create", 3), (10.9, "list", 2), (12.0, "create", 1)):
        now = at
        for n in range(times):
            traffic.note(Asked(verb, "pods", PODS), PODS, b"%d" % n)
    assert (traffic.total, traffic.mean, traffic.peak) == (6, 2.0, 5)
    assert (traffic.peak_of("create"), traffic.peak_of("list", "watch")) == (3, 2)
    assert traffic.busiest() == (f"list {PODS}", 2)
    assert "create  pods" in traffic.told()
