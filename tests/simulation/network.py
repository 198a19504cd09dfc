"""The way between one operator and the API server: it takes time, breaks, lies, and repeats itself.

A request travels on its own: when its sender dies, it may still arrive. Each life of the operator
has a connection of its own, which is cut when that life ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from kubedag.shell.errors import ApiError, Unreachable
from simulation import cluster as clusters

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Mapping

    from simulation.faults import Faults

WRITES = ("POST", "PUT", "PATCH", "DELETE")
BOOKMARK_SECONDS = 60.0
YOUTH_SECONDS = 3.0
FATES = ("refused", "conflicts", "unanswered", "unsent", "hanging", "slow", "applied_late")
NONSENSE = (b"{}", b'{"a":1} {}', b'{"metadata":{},"items":[]}', b'{"metadata":{"name":"x"}}')
KILL_PHASES = ("before", "sent", "applied", "answered")


class Network:
    """What all connections have in common: the cluster, the weather, and the count of requests."""

    def __init__(
        self, cluster: clusters.Cluster, faults: Faults, chance: random.Random, start: float
    ) -> None:
        self.cluster = cluster
        self.now = asyncio.get_running_loop().time
        self.faults = faults
        self.chance = chance
        self.requests: list[tuple[float, str, str]] = []
        self.told: Callable[[str], None] = lambda _: None
        self.outages = sorted(
            (at, at + chance.choice([5.0, 30.0, 60.0]))
            for at in (
                start + chance.uniform(5, faults.ends_at) for _ in range(int(faults.outages))
            )
        )
        self.large_bytes = faults.too_large
        """It stays like this: no fault ends because an object has become smaller."""
        self.denied: set[str] = set()
        """The UIDs of objects of which it may have been said that there is no such thing: once."""
        self.met: Counter[str] = Counter()
        """How often each fault has happened."""

    def down(self) -> bool:
        now = self.now()
        return any(begin <= now < end for begin, end in self.outages)

    def calm(self) -> None:
        """No more faults."""
        self.faults = self.faults.calmed()
        self.outages = []

    def happens(self, knob: str) -> bool:
        rate = getattr(self.faults, knob)
        if rate and self.chance.random() < rate:
            self.met[knob] += 1
            return True
        return False


class Connection:
    """An `Api` for one life of an operator."""

    def __init__(self, network: Network, actor: str) -> None:
        self._net = network
        self._actor = actor
        self._dead = False
        self._writes = 0
        self.blind_until = 0.0
        """Until then nothing is heard, but for the answers to what is asked."""
        self.kill_at: tuple[int, str] | None = None
        """Die at this write, in this phase of it."""
        self.on_kill: Callable[[], None] = lambda: None

    def blind(self, until: float) -> None:
        """Watches go on, and say nothing until then."""
        self.blind_until = until

    def cut(self) -> None:
        """The operator is dead; what it has sent may still arrive."""
        self._dead = True

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_seconds: float = 30,
    ) -> bytes:
        del content_type
        assert not self._dead, "the dead send nothing"
        loop = asyncio.get_running_loop()
        self._net.requests.append((loop.time(), method, path))
        phase = self._phase_of_death(method)
        answer: asyncio.Future[bytes] = loop.create_future()
        asked = _Asked(method, path, dict(params or {}), body, timeout_seconds)
        trip = _Trip(self, asked, answer, phase)
        if phase == "before":
            self.on_kill()
        else:
            trip.begin()
        if phase == "sent":
            self.on_kill()
        return await answer

    def _phase_of_death(self, method: str) -> str:
        if method in WRITES:
            self._writes += 1
            if self.kill_at is not None and self._writes == self.kill_at[0]:
                return self.kill_at[1]
        return ""

    # --- Watches -------------------------------------------------------------------------------

    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        net = self._net
        where = clusters.place(path)
        self._net.requests.append((net.now(), "WATCH", path))
        await asyncio.sleep(net.chance.uniform(0.001, 0.02))
        if net.down() or net.happens("unsent"):
            raise Unreachable("connection refused", maybe_applied=False)
        if net.happens("watch_closed"):
            return
        if net.happens("watch_expired"):
            net.cluster.compact()
        version = int(params["resourceVersion"])
        stream = _Stream(self, where, params)
        try:
            try:
                stream.backlog(version)
            except ApiError as error:
                yield _error_line(error)
                return
            async for line in stream.lines():
                yield line
        finally:
            stream.close()

    # --- What a trip needs -----------------------------------------------------------------------

    @property
    def net(self) -> Network:
        return self._net

    @property
    def actor(self) -> str:
        return self._actor

    @property
    def dead(self) -> bool:
        return self._dead


class _Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    params: dict[str, str]
    body: bytes | None
    timeout_seconds: float


class _Trip:
    """One request on its way there and back."""

    def __init__(
        self, connection: Connection, asked: _Asked, answer: asyncio.Future[bytes], phase: str
    ) -> None:
        self.connection = connection
        self.net = connection.net
        self.asked = asked
        self.answer = answer
        self.phase = phase
        self.fate = self._fate()
        self.loop = asyncio.get_running_loop()

    def _fate(self) -> str:
        for knob in FATES:
            if self.net.happens(knob):
                return knob
        if not self.asked.path.endswith("/log") and self.net.happens("nonsense"):
            return "nonsense"  # as a log it would be one
        if self.asked.method == "GET" and "limit" in self.asked.params:
            assert "resourceVersion" not in self.asked.params, "the answer could be from a cache"
            if self.net.happens("lists_late"):
                return "lists_late"
        return ""

    def begin(self) -> None:
        chance = self.net.chance
        if self.fate in ("unsent", "hanging") and (self.fate == "unsent" or chance.random() < 0.5):
            wait = (
                self.asked.timeout_seconds if self.fate == "hanging" else chance.uniform(0.01, 1.0)
            )
            self.loop.call_later(wait, self._fail, Unreachable("no answer", maybe_applied=True))
            return
        there = chance.uniform(0.3, 1.5) if self.fate == "slow" else chance.uniform(0.001, 0.02)
        if self.fate == "applied_late":
            wait = chance.uniform(0.01, 1.0)
            self.loop.call_later(wait, self._fail, Unreachable("no answer", maybe_applied=True))
            there = wait + chance.choice([0.01, 1.0, 10.0])
        self.loop.call_later(there, self._arrive)

    def _arrive(self) -> None:
        chance = self.net.chance
        if self.connection.dead and chance.random() < 0.5:
            return  # it was never sent
        try:
            said = b"" if self.fate == "nonsense" and chance.random() < 0.5 else self._handled()
        except ApiError as error:
            self.loop.call_later(chance.uniform(0.001, 0.02), self._fail, error)
            self._die("applied")
            return
        if self.fate in ("unanswered", "hanging"):
            wait = (
                self.asked.timeout_seconds if self.fate == "hanging" else chance.uniform(0.01, 1.0)
            )
            self.loop.call_later(wait, self._fail, Unreachable("no answer", maybe_applied=True))
        else:
            back = chance.uniform(0.3, 1.5) if self.fate == "slow" else chance.uniform(0.001, 0.02)
            if self.fate == "lists_late":
                back = chance.uniform(1, 30)
            self.loop.call_later(back, self._answer, said)
        self._die("applied")

    def _handled(self) -> bytes:
        if self.net.down():
            self.net.met["outages"] += 1
            raise ApiError(503, "ServiceUnavailable", "the API server is down")
        if self.fate == "refused":
            status = self.net.chance.choice([429, 500, 503, 504])
            raise ApiError(status, "InternalError", "etcdserver: request timed out")
        if self.fate == "conflicts" and self.asked.method in WRITES:
            raise ApiError(409, "Conflict", "please apply your changes to the latest version")
        cluster = self.net.cluster
        if self._too_large():
            self.net.met["too_large"] += 1
            raise ApiError(413, "RequestEntityTooLarge", "limit is 3145728")
        cluster.late = self.fate == "applied_late"
        if self.net.faults.not_found and self._young(cluster) and self.net.happens("not_found"):
            raise ApiError(404, "NotFound", "a moment ago it was not there")
        try:
            return cluster.handle(*self.asked[:4], self.connection.actor)
        finally:
            cluster.late = False

    def _too_large(self) -> bool:
        most, where = self.net.large_bytes, clusters.place(self.asked.path)
        if not most or (self.asked.method, where.plural) != ("PUT", "dagruns"):
            return False
        rows = orjson.loads(self.asked.body or b"{}")["status"].get("tasks")
        return bool(rows) and len(orjson.dumps(rows)) > most

    def _young(self, cluster: clusters.Cluster) -> bool:
        """Is this about an object that has just been made?"""
        where = clusters.place(self.asked.path)
        if where.name is None or where.namespace is None:
            return False
        if where.plural == "pods" and self.asked.method == "GET":
            return False  # a Pod is believed to be gone when this says so, and it is never wrong
        found = cluster.objects[where.plural].get((where.namespace, where.name))
        youth = clusters.stamp(self.net.now() - YOUTH_SECONDS)
        if found is None or found["metadata"]["creationTimestamp"] < youth:
            return False
        uid = found["metadata"]["uid"]
        first = uid not in self.net.denied
        self.net.denied.add(uid)
        return first

    def _answer(self, said: bytes) -> None:
        if self.fate == "nonsense":
            said = self.net.chance.choice(NONSENSE)
        if not self.answer.done():
            self.answer.set_result(said)
        self._die("answered")

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
        self._die("answered")

    def _die(self, phase: str) -> None:
        if self.phase == phase and not self.connection.dead:
            self.connection.on_kill()


class _Stream:
    """One watch: what happened since a version, and then what happens."""

    def __init__(
        self, connection: Connection, where: clusters.Place, params: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._net = net = connection.net
        self._where = where
        self._params = params
        self._lines: deque[tuple[float, bytes]] = deque()
        self._something: asyncio.Future[None] | None = None
        self._due = 0.0
        self._ends_at = net.now() + float(params.get("timeoutSeconds", "300"))
        self._broken = False
        if net.happens("watch_cut"):
            self._ends_at = net.now() + net.chance.uniform(0.5, 20)
            self._broken = net.chance.random() < 0.5

    def backlog(self, version: int) -> None:
        for change in self._net.cluster.since(self._where.plural, version, self._params):
            self._push(change)
        self._net.cluster.observers.append(self._happened)

    def close(self) -> None:
        if self._happened in self._net.cluster.observers:
            self._net.cluster.observers.remove(self._happened)

    def _happened(self, change: clusters.Change) -> None:
        if change.plural != self._where.plural:
            return
        seen = change.seen_through(self._params)
        if seen is not None:
            self._push(seen)

    def _push(self, change: clusters.Change) -> None:
        net = self._net
        if self._where.plural == "pods" and net.happens("watch_lost"):
            return
        late = net.chance.uniform(0.5, 8) if net.happens("watch_late") else 0.0
        self._due = max(self._due, net.now() + net.chance.uniform(0.001, 0.01) + late)
        self._lines.append((self._due, change.line()))
        if net.happens("watch_doubled"):
            self._lines.append((self._due, change.line()))
        if self._something is not None and not self._something.done():
            self._something.set_result(None)

    async def lines(self) -> AsyncIterator[bytes]:
        net = self._net
        bookmark_at = net.now() + BOOKMARK_SECONDS
        while net.now() < self._ends_at:
            if net.down():
                raise Unreachable("connection reset", maybe_applied=False)
            if not self._lines:
                await self._wait(min(self._ends_at, bookmark_at))
                if net.now() >= bookmark_at and not self._lines:
                    bookmark_at = net.now() + BOOKMARK_SECONDS
                    yield _bookmark(net.cluster.version)
                continue
            due, line = self._lines[0]
            due = max(due, self._connection.blind_until)
            if due > net.now():
                await asyncio.sleep(due - net.now())
            self._lines.popleft()
            yield line
        if self._broken:
            raise Unreachable("connection reset by peer", maybe_applied=False)

    async def _wait(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        self._something = loop.create_future()
        timer = loop.call_at(until, _wake, self._something)
        try:
            await self._something
        finally:
            timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _bookmark(version: int) -> bytes:
    return orjson.dumps(
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}
    )


def _error_line(error: ApiError) -> bytes:
    status: dict[str, Any] = {
        "kind": "Status", "metadata": {}, "code": error.status, "reason": error.reason,
        "message": error.message,
    }  # fmt: skip
    return orjson.dumps({"type": "ERROR", "object": status})
