from __future__ import annotations

import asyncio

import aiohttp
import pytest

from kubedag.core.pods import Pod
from kubedag.shell import metrics
from kubedag.shell.health import Health, LoopLag, Metric
from kubedag.shell.http_api import Stats
from kubedag.shell.informer import Informer
from kubedag.shell.lease import Election
from kubedag.shell.queue import KeyedQueue
from kubedag.shell.recorder import Recorder
from support import real_loop, virtual_loop
from support.lease_server import LeaseServer, Wire, clear
from support.scripted_api import ScriptedApi, event, page, pod


async def asked(health: Health, path: str) -> tuple[int, str, str]:
    runner = await health.serve(0, "127.0.0.1")
    try:
        port = runner.addresses[0][1]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return response.status, response.content_type, await response.text()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_each_check_has_a_line_and_one_that_is_wrong_makes_it_503(path):
    checks = {"good": lambda: "", "bad": lambda: "no word for 200 s"}
    health = Health(liveness=checks, readiness=checks)
    assert real_loop.run(asked(health, path)) == (
        503,
        "text/plain",
        "[+] good ok\n[-] bad: no word for 200 s\n",
    )


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 503)])
def test_what_is_not_ready_is_still_alive(path, status):
    health = Health(readiness={"pods": lambda: "not yet listed"})
    assert real_loop.run(asked(health, path))[0] == status


def test_metrics_are_prometheus_text():
    metric = Metric(
        "kubedag_x_total", "counter", "Help.", (({"a": 'q"\\\n'}, 1.0), ({"a": "b", "c": "d"}, 2))
    )
    health = Health(sources=[lambda: [metric]])
    status, content_type, text = real_loop.run(asked(health, "/metrics"))
    assert (status, content_type) == (200, "text/plain")
    assert text == (
        "# HELP kubedag_x_total Help.\n"
        "# TYPE kubedag_x_total counter\n"
        'kubedag_x_total{a="q\\"\\\\\\n"} 1.0\n'
        'kubedag_x_total{a="b",c="d"} 2\n'
    )


def test_the_lag_of_the_loop_is_what_others_had_to_wait():
    async def scenario() -> LoopLag:
        lag = LoopLag()
        task = asyncio.create_task(lag.run())
        await asyncio.sleep(0.4)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_loop.VirtualLoop)
        loop.block(3)
        await asyncio.wait([task], timeout=2)
        return lag

    lag = virtual_loop.run(scenario())
    assert lag.seconds_max == pytest.approx(2.9)
    assert lag.seconds_last == pytest.approx(0, abs=1e-6)
    assert lag.seconds_sum == pytest.approx(2.9)
    assert lag.metrics()[0].name == "kubedag_loop_lag_seconds"


def test_a_stream_is_ready_once_listed_and_as_long_as_it_hears_something():
    async def scenario() -> list[str]:
        api = ScriptedApi(lists=[3, page(1)])
        informer = Informer(api, "/", Pod, lambda *_: None)
        task = asyncio.create_task(informer.run())
        said = []
        for seconds in (1, 3, 200):
            await asyncio.wait([task], timeout=seconds)
            said.append(metrics.stream_check(informer, seconds_max=80))
        return said

    assert virtual_loop.run(scenario()) == ["not yet listed", "", "nothing heard for 201 s"]


def test_every_part_can_be_measured():
    async def scenario() -> dict[str, float]:
        stats = Stats()
        stats.count("GET", "/api/v1/pods", watch=False, code=200)
        stats.count("POST", "/api/v1/namespaces/n/pods", watch=False, code=0)
        queue = KeyedQueue[str]()
        queue.add("a")
        api = ScriptedApi(
            lists=[page(1, pod("a", 1))], watches=[[event("ADDED", pod("b", 2)), 90]]
        )
        informer = Informer(api, "/", Pod, lambda *_: None)
        election = Election(Wire(LeaseServer(), clear), "ns", "n", "me")
        tasks = [asyncio.create_task(informer.run()), asyncio.create_task(election.run())]
        await asyncio.wait(tasks, timeout=1)
        families = [
            *metrics.of_api(stats),
            *metrics.of_queue(queue),
            *metrics.of_informers({"pods": informer}),
            *metrics.of_election(election),
            *metrics.of_recorder(Recorder(api)),
            *metrics.of_process(),
        ]
        assert len({family.name for family in families}) == len(families)
        return {
            line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for family in families
            for line in family.lines()
            if not line.startswith("#")
        }

    values = virtual_loop.run(scenario())
    assert values['kubedag_api_requests_total{verb="list",resource="pods",code="200"}'] == 1
    assert values['kubedag_api_requests_total{verb="create",resource="pods",code="none"}'] == 1
    assert values["kubedag_queue_depth"] == 1
    assert values['kubedag_informer_objects{stream="pods"}'] == 2
    assert values['kubedag_informer_events_total{stream="pods"}'] == 1
    assert values["kubedag_leader"] == 1
    assert values['kubedag_events_total{outcome="sent"}'] == 0
    assert values["process_resident_memory_bytes"] > 1e6
