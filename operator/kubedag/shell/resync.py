"""Asks the API for all custom resources, and takes in what differs from what we know.

kopf's watch is quick, but it never tells of an object that was deleted while it had to list anew
(see ADR 0005), and it may stand still without saying so. A full list from time to time, and at the
start of each term as leader, closes both gaps.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from kubedag.shell import client, replies, wire
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kubedag.shell.backfills import BackfillEntry
    from kubedag.shell.entries import DAGEntry, RunEntry
    from kubedag.shell.pools import PoolEntry
    from kubedag.shell.store import Name, Store

log: Final = logging.getLogger(__name__)

PAGE_OBJECTS: Final = 200
PAGES_MAX: Final = 10_000
TIMEOUT_SECONDS: Final = 60.0


async def resync(api: client.Api, store: Store, namespaces: Iterable[str | None]) -> None:
    """Bring the store to what the API has now.

    Raises `ClusterError` if it cannot be asked. What it refuses, as where a namespace is gone with all
    rights in it, keeps nobody from the rest, and is raised after that.
    """
    pools, backfills = store.limits.pools, store.backfills
    refused: list[ApiError] = []

    async def listed(resource: client.Resource, *kept: Any) -> None:
        for namespace in namespaces:
            try:
                await _kind(api, resource.path(namespace), namespace, *kept)
            except ApiError as error:
                refused.append(error)

    await listed(client.DAGS, store.dags, store.put_dag, store.drop_dag)
    await listed(client.DAG_RUNS, store.runs, store.put_run, store.drop_run)
    await listed(client.TASK_POOLS, pools.entries, pools.put, pools.drop)
    # After the runs: of each of these the Backfill was there before it.
    await listed(client.BACKFILLS, backfills.entries, backfills.put, backfills.drop)
    if refused:
        raise refused[0]
    backfills.listed = True


def _take_in(put: Callable[[Mapping[str, Any]], None], raw: Mapping[str, Any]) -> None:
    """One object that meets a bug of ours must not keep all the others from being known."""
    try:
        put(raw)
    except Exception:
        where = f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
        log.exception("%s could not be taken in", where)


async def _kind(
    api: client.Api,
    path: str,
    namespace: str | None,
    known: Mapping[Name, RunEntry]
    | Mapping[Name, DAGEntry]
    | Mapping[Name, BackfillEntry]
    | Mapping[Name, PoolEntry],
    put: Callable[[Mapping[str, Any]], None],
    drop: Callable[[str, str], None],
) -> None:
    before = {
        name: entry.resource_version
        for name, entry in known.items()
        if (namespace is None or name[0] == namespace) and entry.resource_version
    }
    seen: set[Name] = set()
    params = {"limit": str(PAGE_OBJECTS)}
    version = ""
    for _ in range(PAGES_MAX):
        page = await replies.ask(
            api, replies.customs, "GET", path, params=params, timeout_seconds=TIMEOUT_SECONDS
        )
        version = version or page.resource_version
        for raw in page.items:
            seen.add((raw["metadata"]["namespace"], raw["metadata"]["name"]))
            _take_in(put, raw)
        if not page.continue_token:
            break
        params["continue"] = page.continue_token
    for name, its_version in before.items():
        now_known = known.get(name)
        if name in seen or now_known is None or now_known.resource_version != its_version:
            continue  # what has changed while we were listing is not what we have missed
        if not wire.older(version, its_version):
            drop(*name)
