"""Whatever happens on the way, the cache ends up with what there is, and has told a true story."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from kubedag.core.pods import Pod
from kubedag.shell.informer import Informer
from support import virtual_loop
from support.moody_server import MoodyServer


class Reader:
    """Believes nothing but what it is told, and checks that it makes sense."""

    def __init__(self) -> None:
        self.known: dict[str, Pod] = {}
        self.tellings = 0

    def tell(self, old: Pod | None, new: Pod) -> None:
        self.tellings += 1
        name = new.metadata.name
        assert self.known.get(name) is old
        if new.gone:
            assert old is not None
            del self.known[name]
            return
        if old is not None:
            assert int(old.metadata.resource_version) < int(new.metadata.resource_version)
            assert old.metadata.uid == new.metadata.uid
        self.known[name] = new


def a_moment(server: MoodyServer, informer: Informer[Pod], chance: random.Random) -> None:
    """Something happens to a Pod, sometimes by our own hand."""
    name = f"p-{chance.randrange(12)}"
    dice = chance.random()
    if name in server.pods and dice < 0.3:
        server.delete(name)
    elif dice < 0.9:
        pod = server.write(name, chance.choice(["Pending", "Running", "Succeeded"]))
        if chance.random() < 0.3:
            answer = msgspec.convert(pod, Pod)
            loop = asyncio.get_running_loop()
            loop.call_later(chance.choice([0, 0.01, 1, 10]), informer.assume, answer)
    elif dice < 0.93:
        server.forget()


@pytest.mark.parametrize("seed", range(30))
def test_the_cache_ends_up_with_what_there_is_and_has_told_a_true_story(seed):
    async def scenario() -> tuple[int, int]:
        chance = random.Random(seed)
        server, reader = MoodyServer(chance), Reader()
        informer = Informer(server, "/api/v1/pods", Pod, reader.tell, chance=chance)
        task = asyncio.create_task(informer.run())
        relists = 0
        for step in range(400):
            await asyncio.sleep(chance.choice([0, 0.05, 0.5, 3]))
            a_moment(server, informer, chance)
            if step % 80 == 79:
                await asyncio.wait([asyncio.create_task(informer.relist())], timeout=1)
                relists += 1
        server.calm = True
        await asyncio.wait([task], timeout=200)
        assert not task.done()
        truth = {name: pod["metadata"]["resourceVersion"] for name, pod in server.pods.items()}
        known = {r.metadata.name: r.metadata.resource_version for r in informer.records.values()}
        told = {name: pod.metadata.resource_version for name, pod in reader.known.items()}
        assert known == told == truth
        return informer.stats.failures, reader.tellings

    failures, tellings = virtual_loop.run(scenario())
    assert failures > 3  # or nothing has been proven
    assert tellings > 100
