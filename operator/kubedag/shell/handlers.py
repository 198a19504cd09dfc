"""The part of kopf: it brings the custom resources, and nothing else.

Only `on.event` handlers, which make kopf write nothing to any object: no annotation, no finalizer
(ADR 0005). Each hands the object on and returns; what it means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from kubedag.api import group

_HEAVY: Final = ("kubernetes", "kubernetes_asyncio", "pykube")


def _import_kopf() -> Any:
    """Import kopf without the client libraries that it would load if they are there: 50 MB saved."""
    hidden = {name: sys.modules.get(name) for name in _HEAVY}
    for name in _HEAVY:
        if hidden[name] is None:
            sys.modules[name] = None  # type: ignore[assignment]
    try:
        import kopf  # noqa: PLC0415  # only here can the libraries be hidden from it
    finally:
        for name in _HEAVY:
            if hidden[name] is None:
                del sys.modules[name]
    return kopf


kopf = _import_kopf()

if TYPE_CHECKING:
    from kubedag.shell.kopf_login import KopfLogin

Feed = Callable[[str, str | None, Mapping[str, Any]], None]

SERVER_TIMEOUT_SECONDS: Final = 600
PAGE_OBJECTS: Final = 200
IDLE_SECONDS: Final = 1.0


class _NoDiff(kopf.DiffBaseStorage):  # type: ignore[misc,name-defined]
    """No notion of a last state: building one copies each object five times, for nobody."""

    def build(self, **_: Any) -> dict[str, Any]:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _Endless:
    """Back-offs that never run out: a network that is down for an hour must not end the operator."""

    def __iter__(self) -> Iterator[float]:
        seconds = 1.0
        while True:
            yield seconds
            seconds = min(seconds * 1.5, 30.0)


def settings() -> Any:
    """The settings of kopf, with everything off that writes or guesses."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    made.peering.standalone = True
    made.posting.enabled = False
    made.persistence.diffbase_storage = _NoDiff()
    made.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    made.watching.chunk_size = PAGE_OBJECTS
    made.networking.request_timeout = 30
    made.networking.error_backoffs = _Endless()
    made.queueing.idle_timeout = IDLE_SECONDS
    return made


def registry(feed: Feed, login: KopfLogin) -> Any:
    """The handlers."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)  # type: ignore[untyped-decorator]
    async def log_in(**_: Any) -> Any:
        return await login.session()

    @kopf.on.event(group.GROUP, group.VERSION, group.DAG.plural, registry=made)  # type: ignore[untyped-decorator]
    async def dag_changed(event: Mapping[str, Any], **_: Any) -> None:
        feed(group.DAG.kind, event["type"], event["object"])

    @kopf.on.event(group.GROUP, group.VERSION, group.DAG_RUN.plural, registry=made)  # type: ignore[untyped-decorator]
    async def run_changed(event: Mapping[str, Any], **_: Any) -> None:
        feed(group.DAG_RUN.kind, event["type"], event["object"])

    @kopf.on.event(group.GROUP, group.VERSION, group.BACKFILL.plural, registry=made)  # type: ignore[untyped-decorator]
    async def backfill_changed(event: Mapping[str, Any], **_: Any) -> None:
        feed(group.BACKFILL.kind, event["type"], event["object"])

    @kopf.on.event(group.GROUP, group.VERSION, group.TASK_POOL.plural, registry=made)  # type: ignore[untyped-decorator]
    async def pool_changed(event: Mapping[str, Any], **_: Any) -> None:
        feed(group.TASK_POOL.kind, event["type"], event["object"])

    return made


async def serve(
    made: Any, namespaces: tuple[str, ...], ready: asyncio.Event, stop: asyncio.Event
) -> None:
    """Let kopf watch until told to stop; anything that goes wrong in it comes out of here.

    At once: kopf itself first waits for all that goes on in the process, and watches nothing meanwhile.
    """
    ours = asyncio.all_tasks()
    # Without a name kopf asks for that of the user, which a container's has not. It is for peering,
    # which is off.
    identity: Any = "kubedag"
    parts = await kopf.spawn_tasks(
        registry=made,
        settings=settings(),
        identity=identity,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        ready_flag=ready,
        stop_flag=stop,
    )
    ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        for part in ended:
            part.result()
    await kopf.run_tasks(parts, ignored=ours)
