"""Elections over a real Lease."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from kubedag.shell import credentials
from kubedag.shell.http_api import HttpApi
from kubedag.shell.lease import Election, Timing
from support import real_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dev.cluster.procs import ProcessCluster

pytestmark = pytest.mark.integration

TIMING = Timing(lease_duration_seconds=6, renew_deadline_seconds=4, retry_period_seconds=1)


@contextlib.asynccontextmanager
async def candidate(cluster: ProcessCluster, namespace: str, name: str) -> AsyncIterator[Election]:
    source = credentials.Kubeconfig((cluster.kubeconfig,))
    async with HttpApi(credentials.Credentials(source), connections_max=1) as api:
        yield Election(api, namespace, "kubedag", name, timing=TIMING)


def test_one_leads_and_the_other_follows_at_once_when_it_stops(api_server, namespace):
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/kubedag"

    async def compete(first: Election, second: Election) -> None:
        leading = asyncio.create_task(first.run())
        await first.term()
        standing_by = asyncio.create_task(second.run())
        await asyncio.sleep(2)
        assert (first.is_leader(), second.is_leader()) == (True, False)
        assert second.holder == "a"
        leading.cancel()
        await asyncio.wait([leading])
        assert not first.is_leader()
        async with asyncio.timeout(4):
            await second.term()
        spec = api_server.client.get(path)["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)
        standing_by.cancel()
        await asyncio.wait([standing_by])
        assert api_server.client.get(path)["spec"].get("holderIdentity", "") == ""

    async def scenario() -> None:
        async with (
            candidate(api_server, namespace, "a") as first,
            candidate(api_server, namespace, "b") as second,
        ):
            await compete(first, second)

    real_loop.run(scenario(), seconds_max=60)
