from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter

import aiohttp
import orjson
import pytest
from aiohttp import web
from yarl import URL

from kubedag.shell import handlers, kopf_watches
from kubedag.shell.access import Access, Tls
from kubedag.shell.credentials import Credentials
from kubedag.shell.kopf_login import KopfLogin
from support import background, http_server, real_loop, virtual_loop

KINDS = "/apis/kubedag.dev/v1alpha1"
RUNS = f"{KINDS}/namespaces/ns/dagruns"
WATCH = URL(f"http://c{RUNS}?watch=true")


class Asking:
    """What a middleware sees of a request."""

    def __init__(self, url):
        self.url = url


def opened_at(requests):
    """When each request is sent on, of (URL, seconds it then takes)."""
    pace, sent = kopf_watches.Pace(random.Random(1)), []

    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        for url, lasts_seconds in requests:

            async def handler(_request, lasts_seconds=lasts_seconds):
                sent.append(loop.time() - began)
                await asyncio.sleep(lasts_seconds)

            await pace(Asking(url), handler)

    virtual_loop.run(scenario())
    return sent


def test_a_watch_that_lasts_is_opened_again_at_once():
    assert opened_at([(WATCH, 0), *[(WATCH, 60)] * 3])[2:] == pytest.approx([60, 120], abs=0.2)


def test_watches_that_end_at_once_are_opened_ever_later():
    times = opened_at([(WATCH, 0)] * 12)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert times[0] == 0
    assert 0.1 <= pauses[0] <= 0.2
    assert all(15 <= pause <= 30 for pause in pauses[-3:])


def test_only_watches_wait_and_each_for_itself():
    other = URL(f"http://c{KINDS}/namespaces/ns/dags?watch=true")
    listed = URL(f"http://c{RUNS}?limit=200")
    assert opened_at([(WATCH, 0), (other, 0), (listed, 0), (listed, 0)]) == [0, 0, 0, 0]


# --- With kopf --------------------------------------------------------------------------------


def a_run(version):
    metadata = {
        "name": f"r-{version}",
        "namespace": "ns",
        "uid": f"u-{version}",
        "resourceVersion": version,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"kind": "DAGRun", "apiVersion": "kubedag.dev/v1alpha1", "metadata": metadata}


def line(kind, found):
    return orjson.dumps({"type": kind, "object": found}) + b"\n"


class Server:
    """Serves kopf its kinds and what a test says of runs: an answer for each watch, then silence."""

    def __init__(self, *watches, lists=()):
        self.watches, self.lists = list(watches), list(lists)
        self.asked = Counter()

    async def handle(self, request):
        if request.path == RUNS:
            return await self._runs(request)
        if request.query.get("watch"):
            await asyncio.sleep(60)
        return web.json_response(self._discovery().get(request.path, self._list([])))

    def _discovery(self):
        def resource(name, kind):
            verbs = ["list", "watch"]
            return {
                "name": name,
                "kind": kind,
                "namespaced": True,
                "verbs": verbs,
                "singularName": "",
            }

        version = {"version": "v1alpha1"}
        group = {"name": "kubedag.dev", "preferredVersion": version, "versions": [version]}
        core = [resource("namespaces", "Namespace"), resource("events", "Event")]
        ours = [resource("dags", "DAG"), resource("dagruns", "DAGRun")]
        return {
            "/api": {"versions": ["v1"]}, "/apis": {"groups": [group]},
            "/api/v1": {"resources": core}, KINDS: {"resources": ours},
        }  # fmt: skip

    @staticmethod
    def _list(items, more=""):
        return {"metadata": {"resourceVersion": "1", "continue": more}, "items": items}

    async def _runs(self, request):
        if request.query.get("watch"):
            self.asked["watch"] += 1
            if not self.watches:
                await asyncio.sleep(60)
            status, body = self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]
            return web.Response(status=status, body=body, content_type="application/json")
        self.asked["list"] += 1
        return self.lists.pop(0) if self.lists else web.json_response(self._list([]))


@contextlib.contextmanager
def serving(server):
    """In a loop of its own: kopf waits for whatever else there is in its loop when it ends."""
    with background.background() as behind, contextlib.ExitStack() as after:
        stack = contextlib.AsyncExitStack()
        after.callback(lambda: behind.run(stack.aclose()))
        yield behind.run(stack.enter_async_context(http_server.serving(server.handle)))


def served(server, *, until=None, seconds=1.5):
    """The names of the runs that kopf tells of, until it tells of that one or the time is up."""
    told = []

    async def scenario(url):
        login = KopfLogin(Credentials(http_server.Said(Access(url, "token", Tls()))))
        stop, ready = asyncio.Event(), asyncio.Event()

        def feed(_kind, _type, raw):
            told.append(raw["metadata"]["name"])
            if told[-1] == until:
                stop.set()

        served = handlers.serve(handlers.registry(feed, login), ("ns",), ready, stop)
        parts = {asyncio.create_task(served), asyncio.create_task(stop.wait())}
        timeout = seconds if until is None else 15
        await asyncio.wait(parts, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        assert [part for part in parts if part.done()] == [] or told[-1:] == [until]
        stop.set()
        await asyncio.gather(*parts)

    with serving(server) as url:
        real_loop.run(scenario(url))
    return told


STATUS = {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd said no"}


@pytest.fixture(autouse=True)
def _nothing_fails_unheard(caplog):
    yield
    said = [one.getMessage() for one in caplog.get_records("call") if one.name == "asyncio"]
    assert said == []


def test_kopf_makes_no_storm_of_a_server_that_ends_each_watch_at_once():
    server = Server((200, b""))
    served(server)
    assert 2 <= server.asked["watch"] <= 10


@pytest.mark.parametrize(
    "answer",
    [(410, orjson.dumps(STATUS | {"code": 410})), (200, line("ERROR", STATUS)),
     (200, line("ERROR", STATUS | {"code": 410})), (200, b"{}\n"), (200, b"<html>\n"),
     (200, line("ADDED", {"metadata": {}}))],
    ids=["HTTP 410", "ERROR 500", "ERROR 410", "no event", "a page", "no object"],
)  # fmt: skip
def test_kopf_lists_again_whatever_a_watch_has_ended_with(answer):
    server = Server(answer, (200, line("ADDED", a_run("7"))))
    assert served(server, until="r-7")[0] == "r-7"
    assert server.asked["list"] == 2


def test_kopf_lists_again_when_a_list_has_expired_between_its_pages():
    first = web.json_response(Server._list([a_run("3")], more="token"))
    expired = web.json_response(STATUS | {"code": 410}, status=410)
    again = web.json_response(Server._list([a_run("3"), a_run("4")]))
    assert served(Server((200, b""), lists=[first, expired, again]), until="r-4")[-1] == "r-4"


@pytest.mark.parametrize(
    "nonsense",
    [b"{not json", b"{}", b"[]", b'{"metadata":{"resourceVersion":"1"},"items":[{}]}'],
    ids=["no JSON", "nothing in it", "no object", "no objects"],
)
def test_kopf_lists_again_after_a_list_that_no_api_server_has_made(nonsense):
    first = web.Response(body=nonsense, content_type="application/json")
    again = web.json_response(Server._list([a_run("4")]))
    assert served(Server((200, b""), lists=[first, again]), until="r-4")[-1] == "r-4"


def test_kopf_makes_no_storm_of_a_server_that_makes_no_list():
    lists = [web.Response(body=b"{}", content_type="application/json") for _ in range(50)]
    server = Server((200, b""), lists=lists)
    served(server)
    assert 1 <= server.asked["list"] <= 3


def test_what_kopf_is_told_by_a_watch_is_what_was_said():
    async def scenario():
        bookmark = line("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
        lines = line("ADDED", a_run("7")) + line("DELETED", a_run("8")) + bookmark
        server = Server((200, lines))
        async with (
            http_server.serving(server.handle) as url,
            aiohttp.ClientSession(response_class=kopf_watches.Response) as session,
            session.get(f"{url}{RUNS}?watch=true") as answer,
        ):
            assert b"".join([part async for part in answer.content.iter_chunked(1024)]) == lines

    real_loop.run(scenario())
