"""Takes our finalizer off all Pods, for when no operator will be there to do it.

A Pod of a task with `idempotent: false` stays until the operator has stored how it ended. Without
an operator it would stay for ever, and its namespace could not be deleted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from kubedag.core import ending, pods
from kubedag.shell import client, credentials, replies, wire
from kubedag.shell.errors import ApiError
from kubedag.shell.http_api import HttpApi
from kubedag.shell.informers import OURS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

PAGE_OBJECTS: Final = 500
TRIES_MAX: Final = 5


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion")
    token: str = msgspec.field(default="", name="continue")


class _PodList(msgspec.Struct):
    metadata: _ListMeta
    items: tuple[pods.Pod, ...] = ()


async def run(namespaces: Iterable[str], context: str | None) -> int:
    """Release the Pods of these namespaces, or of all; returns how many. Raises `ClusterError`."""
    access = credentials.Credentials(credentials.find(os.environ, context=context or ""))
    api = HttpApi(access)
    try:
        return await release_all(api, tuple(namespaces) or (None,))
    finally:
        await api.close()


async def release_all(api: client.Api, namespaces: Iterable[str | None]) -> int:
    """Take the finalizer off every Pod that has it; returns how many. Raises `ClusterError`."""
    released = 0
    for namespace in namespaces:
        async for pod in _pods(api, namespace):
            if pods.is_held(pod):
                released += await _release(api, pod)
    return released


async def _pods(api: client.Api, namespace: str | None) -> AsyncIterator[pods.Pod]:
    read = wire.decoder(_PodList)
    params = {**OURS, "limit": str(PAGE_OBJECTS)}
    while True:
        page = await replies.ask(api, read, "GET", client.PODS.path(namespace), params=params)
        for pod in page.items:
            yield pod
        if not page.metadata.token:
            return
        params["continue"] = page.metadata.token


async def _release(api: client.Api, pod: pods.Pod) -> bool:
    """False if it was gone, or let go by somebody else, before we came to it."""
    path = client.PODS.path(pod.metadata.namespace, pod.metadata.name)
    read = replies.record(pods.Pod)
    tries = 0
    try:
        while pods.is_held(pod):
            tries += 1
            try:
                await replies.ask(
                    api, read, "PATCH", path, body=_body(pod), content_type=client.MERGE_PATCH
                )
            except ApiError as error:
                if not error.conflict or tries == TRIES_MAX:
                    raise
            else:
                return True
            pod = await replies.ask(api, read, "GET", path)
    except ApiError as error:
        if not error.not_found:
            raise
    return False


def _body(pod: pods.Pod) -> bytes:
    wanted = ending.release(pod)
    metadata = {
        "uid": wanted.uid,
        "resourceVersion": wanted.resource_version,
        "finalizers": wanted.finalizers_left,
    }
    return orjson.dumps({"metadata": metadata})
