"""The cache of Pods at an API server that follows a script, and what it told of them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import msgspec

from kubedag.core.pods import Pod
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.informer import Informer
from support import virtual_loop
from support.scripted_api import ScriptedApi, page, pod

if TYPE_CHECKING:
    from collections.abc import Callable

LOST = Unreachable("cut", maybe_applied=False)
EXPIRED = ApiError(410, "Expired", "too old")


class Played:
    """A run of the cache over a script, and what it told: `name@version:phase`, or `-name`."""

    def __init__(self, api: ScriptedApi) -> None:
        self.api = api
        self.told: list[str] = []
        self.informer = Informer(api, "/api/v1/pods", Pod, self._tell, chance=random.Random(1))

    def _tell(self, old: Pod | None, new: Pod) -> None:
        assert new.gone or self.informer.get(*key(new)) is new
        sign = "-" if new.gone else "+" if old is None else "~"
        self.told.append(f"{sign}{new.metadata.name}@{new.metadata.resource_version}")

    @property
    def known(self) -> list[str]:
        return sorted(
            f"{record.metadata.name}@{record.metadata.resource_version}"
            for record in self.informer.records.values()
        )

    def run(self, seconds: float = 60, meanwhile: Callable[[], None] | None = None) -> Played:
        async def scenario() -> None:
            task = asyncio.create_task(self.informer.run())
            if meanwhile is not None:
                asyncio.get_running_loop().call_at(seconds / 2, meanwhile)
            await asyncio.wait([task], timeout=seconds)
            if task.done():
                task.result()

        virtual_loop.run(scenario())
        return self


def key(record: Pod) -> tuple[str, str]:
    return record.metadata.namespace, record.metadata.name


def record(name: str, version: int, uid: str = "") -> Pod:
    return msgspec.convert(pod(name, version, uid=uid), Pod)


def play(*watches: list[object], lists: list[object] | None = None, seconds: float = 60) -> Played:
    first = [page(10, pod("a", 5))]
    return Played(ScriptedApi(lists=first + (lists or []), watches=list(watches))).run(seconds)
