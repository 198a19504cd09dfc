"""The cache against a real API server, with the faults that only a real one has."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kubedag.core.pods import Pod
from kubedag.shell import client, credentials, informer
from kubedag.shell.http_api import HttpApi
from kubedag.shell.informer import Informer
from support import real_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dev.cluster.procs import ProcessCluster

pytestmark = pytest.mark.integration

SELECTOR = {"labelSelector": "app.kubernetes.io/managed-by=kubedag"}


class Cache:
    """A running cache of one namespace, and what it told of beginnings and ends."""

    def __init__(self, api: client.Api, namespace: str, cluster: ProcessCluster) -> None:
        self.told: list[str] = []
        self.api = api
        self.cluster = cluster
        self.path = client.PODS.path(namespace)
        self.informer = Informer(api, self.path, Pod, self._tell, selectors=SELECTOR)

    def _tell(self, old: Pod | None, new: Pod) -> None:
        if old is None or new.gone:
            self.told.append(f"{'-' if new.gone else '+'}{new.metadata.name}")

    @property
    def names(self) -> list[str]:
        return sorted(name for _, name in self.informer.records)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110  # the other side is another process
            await asyncio.sleep(0.01)

    # What others do to the cluster, by another client than ours

    async def create(self, name: str, **labels: str) -> None:
        labels = {"app.kubernetes.io/managed-by": "kubedag"} | labels
        pod: dict[str, Any] = {
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "main", "image": "none"}]},
        }
        await asyncio.to_thread(self.cluster.client.create, self.path, pod)

    async def delete(self, name: str) -> None:
        path = f"{self.path}/{name}?gracePeriodSeconds=0"
        await asyncio.to_thread(self.cluster.client.delete, path)


@contextlib.asynccontextmanager
async def cached(
    cluster: ProcessCluster,
    namespace: str,
    wrap: Callable[[client.Api], client.Api] = lambda api: api,
) -> AsyncIterator[Cache]:
    source = credentials.Kubeconfig((cluster.kubeconfig,))
    async with HttpApi(credentials.Credentials(source)) as api:
        cache = Cache(wrap(api), namespace, cluster)
        task = asyncio.create_task(cache.informer.run())
        try:
            yield cache
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


def test_objects_are_listed_in_pages_and_then_followed(api_server, namespace, monkeypatch):
    monkeypatch.setattr(informer, "PAGE_OBJECTS", 10)

    async def scenario() -> list[str]:
        async with cached(api_server, namespace) as cache:
            await cache.informer.synced.wait()
            for n in range(25):
                await cache.create(f"p-{n}")
            await cache.until(lambda: len(cache.told) == 25)
            cache.told.clear()
            second = Cache(cache.api, namespace, api_server)
            task = asyncio.create_task(second.informer.run())
            await second.informer.synced.wait()
            assert second.names == cache.names
            await cache.create("new")
            await cache.delete("p-7")
            await cache.until(lambda: len(cache.told) >= 2)
            task.cancel()
            return cache.told

    assert real_loop.run(scenario(), seconds_max=60) == ["+new", "-p-7"]


def test_an_object_that_leaves_the_selection_is_told_as_gone(api_server, namespace):
    async def scenario() -> list[str]:
        async with cached(api_server, namespace) as cache:
            await cache.create("p")
            await cache.create("foreign", **{"app.kubernetes.io/managed-by": "other"})
            await cache.until(lambda: cache.names == ["p"])
            patch = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
            await asyncio.to_thread(api_server.client.patch, f"{cache.path}/p", patch)
            await cache.until(lambda: cache.names == [])
            return cache.told

    assert real_loop.run(scenario()) == ["+p", "-p"]


class Outdated:
    """Has the second watch start from the first version there ever was."""

    def __init__(self, api: client.Api, meanwhile: Callable[[], None]) -> None:
        self._api = api
        self._meanwhile = meanwhile
        self.request = api.request
        self.watches = 0

    def watch(self, path: str, params: dict[str, str]) -> AsyncIterator[bytes]:
        self.watches += 1
        if self.watches == 1:
            params = {**params, "timeoutSeconds": "2"}
        if self.watches == 2:
            self._meanwhile()
            params = {**params, "resourceVersion": "1"}
        return self._api.watch(path, params)


def test_what_is_deleted_while_history_is_lost_is_found_out(api_server, namespace):
    api_server.restart_apiserver()  # what its watch cache remembers begins now

    async def scenario() -> tuple[list[str], informer.InformerStats]:
        def wrap(api: client.Api) -> client.Api:
            return Outdated(api, delete_unseen)

        def delete_unseen() -> None:
            api_server.client.delete(f"{client.PODS.path(namespace, 'a')}?gracePeriodSeconds=0")

        async with cached(api_server, namespace, wrap) as cache:
            await cache.create("a")
            await cache.create("b")
            await cache.until(lambda: cache.informer.stats.lists == 2)
            await cache.create("c")
            await cache.until(lambda: "c" in cache.names)
            return cache.told, cache.informer.stats

    told, stats = real_loop.run(scenario(), seconds_max=60)
    assert told == ["+a", "+b", "-a", "+c"]
    assert stats.missed_deletes == 1
    assert stats.failures == 1


def test_an_api_server_that_crashes_is_survived(api_server: ProcessCluster, namespace):
    async def scenario() -> list[str]:
        async with cached(api_server, namespace) as cache:
            await cache.create("before")
            await cache.until(lambda: cache.names == ["before"])
            await asyncio.to_thread(api_server.restart_apiserver)
            await cache.create("after")
            await cache.delete("before")
            await cache.until(lambda: cache.names == ["after"])
            return cache.told

    assert sorted(real_loop.run(scenario(), seconds_max=120)) == ["+after", "+before", "-before"]


def test_a_forced_list_has_what_was_written_before_it(api_server, namespace):
    async def scenario() -> None:
        async with cached(api_server, namespace) as cache:
            await cache.informer.synced.wait()
            for n in range(5):
                await cache.create(f"p-{n}")
                await cache.informer.relist()
                assert f"p-{n}" in cache.names

    real_loop.run(scenario())


def test_an_assumed_pod_is_told_once(api_server, namespace):
    async def scenario() -> list[str]:
        async with cached(api_server, namespace) as cache:
            await cache.informer.synced.wait()
            body = (
                b'{"metadata":{"name":"p","labels":{"app.kubernetes.io/managed-by":"kubedag"}},'
                b'"spec":{"containers":[{"name":"main","image":"none"}]}}'
            )
            answer = await cache.api.request("POST", cache.path, body=body)
            cache.informer.assume(msgspec.json.decode(answer, type=Pod))
            assert cache.names == ["p"]
            await cache.create("q")
            await cache.until(lambda: cache.names == ["p", "q"])
            return cache.told

    assert real_loop.run(scenario()) == ["+p", "+q"]
