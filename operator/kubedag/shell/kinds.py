"""Waits until the API server knows our kinds, because kopf asks for them once.

A kind that is not there at that moment, such as while the CRDs are made anew, would never be watched:
the operator would be deaf for all runs, and look well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api import group
from kubedag.shell import replies, wire
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    from kubedag.shell import client

log = logging.getLogger(__name__)

PATH: Final = f"/apis/{group.API_VERSION}"
WANTED: Final = (group.DAG, group.DAG_RUN, group.DAG_RUN_SLICE, group.BACKFILL, group.TASK_POOL)
PAUSE_SECONDS: Final = 2.0


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _Resources(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...]


_resources: Final = wire.decoder(_Resources)


async def served(api: client.Api, stop: asyncio.Event) -> bool:
    """Wait until all are known; False if it is told to stop before that."""
    said: tuple[str, ...] = ()
    while not stop.is_set():
        try:
            missing = await _missing(api)
        except ClusterError as error:
            log.info("Cannot ask for the kinds of %s yet: %s", group.API_VERSION, error)
        else:
            if not missing:
                return True
            if missing != said:
                log.warning("Waits for CRDs that are not there: %s", ", ".join(missing))
            said = missing
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)
    return False


async def _missing(api: client.Api) -> tuple[str, ...]:
    try:
        known = await replies.ask(api, _resources, "GET", PATH)
    except ApiError as error:
        if error.not_found:
            return tuple(kind.kind for kind in WANTED)
        if error.status == 403:  # who may not know is left to try
            return ()
        raise
    names = {resource.name for resource in known.resources}
    return tuple(kind.kind for kind in WANTED if kind.plural not in names)
