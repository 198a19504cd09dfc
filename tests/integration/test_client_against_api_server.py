"""Our client and recorder against a real API server: statuses, conflicts, restarts, Events."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from kubedag.core import actions
from kubedag.shell import client, credentials
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.http_api import HttpApi
from kubedag.shell.kopf_login import KopfLogin
from kubedag.shell.recorder import Recorder
from support import real_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dev.cluster.procs import ProcessCluster

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[HttpApi]:
    source = credentials.Kubeconfig((kubeconfig,))
    async with HttpApi(credentials.Credentials(source)) as api:
        yield api


def pod(name: str, **spec: Any) -> bytes:
    containers = [{"name": "main", "image": "none"}]
    return orjson.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {"containers": containers} | spec,
        }
    )


async def refusal(api: HttpApi, method: str, path: str, body: bytes | None = None) -> ApiError:
    with pytest.raises(ApiError) as raised:
        await api.request(method, path, body=body)
    return raised.value


def test_an_object_is_created_read_changed_and_deleted(api_server, namespace):
    async def scenario() -> None:
        path = client.PODS.path(namespace, "p")
        async with connected(api_server.kubeconfig) as api:
            created = orjson.loads(
                await api.request("POST", client.PODS.path(namespace), body=pod("p"))
            )
            patched = orjson.loads(
                await api.request(
                    "PATCH",
                    path,
                    body=b'{"metadata":{"labels":{"a":"b"}}}',
                    content_type=client.MERGE_PATCH,
                )
            )
            assert patched["metadata"]["labels"] == {"a": "b"}
            assert (await refusal(api, "PUT", path, orjson.dumps(created))).conflict
            await api.request("PUT", path, body=orjson.dumps(patched))
            other = orjson.dumps({"preconditions": {"uid": "other"}})
            assert (await refusal(api, "DELETE", path, other)).conflict
            uid = orjson.dumps(
                {"preconditions": {"uid": created["metadata"]["uid"]}, "gracePeriodSeconds": 0}
            )
            await api.request("DELETE", path, body=uid)
            assert (await refusal(api, "GET", path)).not_found

    real_loop.run(scenario())


def test_a_refusal_says_which_field_is_wrong(api_server, namespace):
    async def scenario() -> ApiError:
        async with connected(api_server.kubeconfig) as api:
            body = pod("p", restartPolicy="Sometimes")
            return await refusal(api, "POST", client.PODS.path(namespace), body)

    error = real_loop.run(scenario())
    assert error.invalid
    assert "spec.restartPolicy" in [cause.field for cause in error.causes]


def test_a_second_creation_says_that_the_first_one_counted(api_server, namespace):
    async def scenario() -> ApiError:
        async with connected(api_server.kubeconfig) as api:
            await api.request("POST", client.PODS.path(namespace), body=pod("p"))
            return await refusal(api, "POST", client.PODS.path(namespace), pod("p"))

    assert real_loop.run(scenario()).already_exists


def test_a_token_that_nobody_knows_is_refused_after_one_more_try(api_server, tmp_path):
    text = api_server.kubeconfig.read_text()
    token = api_server.layout.tokens.read_text().split(",")[0]
    (tmp_path / "config").write_text(text.replace(token, "unknown"))

    async def scenario() -> int:
        async with connected(tmp_path / "config") as api:
            error = await refusal(api, "GET", client.PODS.path())
            assert error.status == 401
            return api.stats.total()

    assert real_loop.run(scenario()) == 2


def test_two_hundred_pods_are_created_at_once_over_few_connections(api_server, namespace):
    async def scenario() -> int:
        async with connected(api_server.kubeconfig) as api:
            path = client.PODS.path(namespace)
            await asyncio.gather(
                *(api.request("POST", path, body=pod(f"p-{n}")) for n in range(200))
            )
            return len(orjson.loads(await api.request("GET", path))["items"])

    assert real_loop.run(scenario(), seconds_max=60) == 200


def test_an_api_server_that_restarts_is_unreachable_and_then_just_used_again(
    api_server: ProcessCluster, namespace
):
    async def scenario() -> None:
        async with connected(api_server.kubeconfig) as api:
            path = client.PODS.path(namespace)
            await api.request("GET", path)
            restart = asyncio.create_task(asyncio.to_thread(api_server.restart_apiserver))
            failed = 0
            while not restart.done():
                try:
                    await api.request("GET", path, timeout_seconds=2)
                except (Unreachable, ApiError):
                    failed += 1
                await asyncio.sleep(0.05)
            await restart
            await api.request("POST", path, body=pod("p"))
            assert failed > 0

    real_loop.run(scenario(), seconds_max=120)


def test_kopf_can_log_in_with_what_it_is_given(api_server):
    async def scenario() -> None:
        source = credentials.Kubeconfig((api_server.kubeconfig,))
        given = await KopfLogin(credentials.Credentials(source)).session()
        url = f"{given.server}/api/v1/namespaces"
        async with given.aiohttp_session as session, session.get(url) as answer:
            assert (answer.status, (await answer.json())["kind"]) == (200, "NamespaceList")

    real_loop.run(scenario())


def test_events_are_what_kubectl_describe_shows_and_repetitions_are_counted(
    api_server: ProcessCluster, namespace
):
    async def scenario() -> None:
        async with connected(api_server.kubeconfig) as api:
            for _ in range(2):  # as after a restart
                recorder = Recorder(api)
                task = asyncio.create_task(recorder.run())
                for text in ("one", "two" * 1000, "one"):
                    note = actions.Note("Warning", "TaskFailed", text)
                    recorder.note("DAGRun", namespace, "run-1", "uid-1", note)
                    await recorder.flush(10)
                task.cancel()
                assert (recorder.failed, recorder.dropped) == (0, 0)

    real_loop.run(scenario())
    selector = "involvedObject.kind%3DDAGRun,involvedObject.name%3Drun-1"
    path = f"/api/v1/namespaces/{namespace}/events?fieldSelector={selector}"
    told = {event["message"][:3]: event["count"] for event in api_server.client.get(path)["items"]}
    assert told == {"one": 4, "two": 2}
