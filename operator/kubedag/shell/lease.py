"""Elects one replica to act, and tells it in time when it no longer may.

A `Lease` object is a lock with a time limit. Whoever holds it stops acting `renew_deadline` after it
*sent* its last renewal; whoever wants it waits `lease_duration` after it *saw* the last one. Both
measure on their own monotonic clock, so skewed wall clocks do no harm, and the difference is what an
in-flight write has left to finish in. What a suspended machine may still do is harmless by design:
names are deterministic, and status writes carry a resourceVersion.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from kubedag.shell import client, clock, replies
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """client-go's defaults; shorter ones fail over faster, and over smaller troubles."""

    lease_duration_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    retry_period_seconds: float = 2.0

    def __post_init__(self) -> None:
        if not (
            self.lease_duration_seconds > self.renew_deadline_seconds
            and self.renew_deadline_seconds >= 2 * self.retry_period_seconds > 0
        ):
            raise ValueError(
                "must be: lease duration > renew deadline >= 2 x retry period > 0; "
                f"are {self.lease_duration_seconds}, {self.renew_deadline_seconds} "
                f"and {self.retry_period_seconds} seconds"
            )

    @classmethod
    def of(cls, lease_seconds: float) -> Timing:
        """Deadline and retry period in client-go's proportions, for a lease of this duration."""
        duration_seconds = math.ceil(lease_seconds)
        return cls(
            lease_duration_seconds=duration_seconds,
            renew_deadline_seconds=duration_seconds * 2 / 3,
            retry_period_seconds=duration_seconds * 2 / 15,
        )

    @property
    def request_timeout_seconds(self) -> float:
        """A lost request must leave time for another one before the deadline."""
        return 0.75 * self.retry_period_seconds


@dataclass(eq=False, slots=True)
class Term:
    """One uninterrupted time of leading; `ended` is set when it is over."""

    number: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The lease as last read, and when it was first read in this state."""

    lease: dict[str, Any]
    since: float

    @property
    def spec(self) -> dict[str, Any]:
        spec = self.lease.get("spec")
        return spec if isinstance(spec, dict) else {}

    @property
    def holder(self) -> str:
        return self.spec.get("holderIdentity") or ""


class Election:
    """One candidate; give it an `Api` of its own, without a gate.

    Two processes of the same `identity` would both lead: a Pod's name will do, a host's will not.
    """

    def __init__(  # noqa: PLR0913  # all but four have defaults
        self,
        api: client.Api,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing = Timing(),  # frozen
        wall_clock: clock.Clock = clock.SYSTEM,
        chance: random.Random | None = None,
        on_started: Callable[[], None] = lambda: None,
        on_stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self.timing = timing
        self._clock = wall_clock
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, keeps no secret
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._seen: _Seen | None = None
        self._stale = True  # whether `_seen` must be read again before it can be written over
        self._valid_until = float("-inf")
        self._term: Term | None = None
        self._started = asyncio.Event()
        self.terms = 0
        self.failures = 0

    def is_leader(self) -> bool:
        """Whether a write may be sent right now; becomes false by itself as time passes."""
        return self._term is not None and self._now() < self._valid_until

    @property
    def holder(self) -> str:
        """Who holds the lease as far as is known; may be nobody."""
        return self._seen.holder if self._seen else ""

    async def term(self) -> Term:
        """The present term, or the next one."""
        while self._term is None:
            await self._started.wait()
        return self._term

    async def run(self) -> None:
        """Stand for election for ever; when cancelled, stop leading and release the lease."""
        try:
            while True:
                await self._acquire()
                self._begin_term()
                try:
                    await self._hold()
                finally:
                    self._end_term()
        except asyncio.CancelledError:
            await self._release()
            raise

    def _begin_term(self) -> None:
        self.terms += 1
        self._term = Term(self.terms)
        self._started.set()
        log.info("leading as %s", self.identity)
        self._on_started()

    def _end_term(self) -> None:
        self._valid_until = float("-inf")
        assert self._term is not None
        self._term.ended.set()
        self._term = None
        self._started.clear()
        log.info("leading no more")
        self._on_stopped()

    async def _acquire(self) -> None:
        """Return once the lease is ours."""
        while not await self._attempt(self._try_acquire, self.timing.request_timeout_seconds):
            wait_seconds = self.timing.retry_period_seconds * (1 + 0.2 * self._chance.random())
            left_seconds = self._seconds_to_expiry()
            await asyncio.sleep(
                min(wait_seconds, left_seconds) if left_seconds > 0 else wait_seconds
            )

    async def _hold(self) -> None:
        """Renew, and return when the lease is lost or might soon be."""
        while True:
            pause = min(self.timing.retry_period_seconds, self._valid_until - self._now())
            await asyncio.sleep(pause)
            left = self._valid_until - self._now()
            if left <= 0:
                return
            timeout_seconds = min(self.timing.request_timeout_seconds, left)
            renewed = await self._attempt(self._try_renew, timeout_seconds)
            if not renewed and self.holder != self.identity:
                log.warning("the lease is now held by %r", self.holder)
                return

    async def _attempt(self, step: Callable[[], Any], timeout_seconds: float) -> bool:
        """One step against the API server; trouble means no, and is tried again."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return bool(await step())
        except ClusterError as error:
            self.failures += 1
            log.warning("lease %s/%s: %s", self._namespace, self._name, error)
        except TimeoutError:
            self.failures += 1
            log.warning(
                "lease %s/%s: no answer in %s s", self._namespace, self._name, timeout_seconds
            )
        return False

    async def _try_acquire(self) -> bool:
        await self._read()
        if self._seen is None:
            return await self._write(None)
        if self._seen.holder in {"", self.identity} or self._seconds_to_expiry() <= 0:
            return await self._write(self._seen)
        return False

    async def _try_renew(self) -> bool:
        if self._stale:
            await self._read()
        if self._seen is None or self._seen.holder != self.identity:
            return False
        return await self._write(self._seen)

    async def _read(self) -> None:
        try:
            path, seconds = self._path(), self._timeout()
            found = await replies.ask(
                self._api, replies.custom, "GET", path, timeout_seconds=seconds
            )
        except ApiError as error:
            if not error.not_found:
                raise
            self._seen = None
        else:
            self._observe(found)

    async def _write(self, seen: _Seen | None) -> bool:
        """Make the lease ours, or ours for longer; it counts from when this was sent."""
        sent_at = self._now()
        self._stale = True
        if seen is None:
            path, method = client.LEASES.path(self._namespace), "POST"
        else:
            path, method = self._path(), "PUT"
        body = orjson.dumps(self._claim(seen))
        seconds = self._timeout()
        found = await replies.ask(
            self._api, replies.custom, method, path, body=body, timeout_seconds=seconds
        )
        self._observe(found)
        if self.holder != self.identity:
            return False  # whatever that was, it is not what was written
        self._valid_until = sent_at + self.timing.renew_deadline_seconds
        return True

    def _observe(self, lease: dict[str, Any]) -> None:
        """Time runs anew whenever the record differs, whatever its time stamps say."""
        self._stale = False
        if self._seen is None or self._seen.lease.get("spec") != lease.get("spec"):
            self._seen = _Seen(lease, self._now())
        else:
            self._seen = _Seen(lease, self._seen.since)

    def _seconds_to_expiry(self) -> float:
        """Until another's lease may be taken: the duration it was promised, since it last changed."""
        if self._seen is None:
            return self.timing.retry_period_seconds
        promised = self._seen.spec.get("leaseDurationSeconds")
        duration = promised if isinstance(promised, int) else self.timing.lease_duration_seconds
        return self._seen.since + duration - self._now()

    def _claim(self, seen: _Seen | None) -> dict[str, Any]:
        """The object to write; what others put into it stays."""
        now = clock.micro_time(self._clock.now())
        ours = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.timing.lease_duration_seconds,
            "renewTime": now,
        }
        if seen is None:
            return {
                "apiVersion": f"{client.LEASES.group}/{client.LEASES.version}",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": {**ours, "acquireTime": now, "leaseTransitions": 0},
            }
        spec = {**seen.spec, **ours}
        if seen.holder != self.identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
        return {**seen.lease, "spec": spec}

    async def _release(self) -> None:
        """Let the next one in at once; if that fails, it has to wait for the expiry."""
        if self.holder != self.identity:
            return
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(self._timeout()):
                await self._write_release()
                log.info("lease released")

    async def _write_release(self) -> None:
        if self._stale:
            await self._read()
        seen = self._seen
        if seen is None or seen.holder != self.identity:
            return
        now = clock.micro_time(self._clock.now())
        nobody = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now}
        body = orjson.dumps({**seen.lease, "spec": {**seen.spec, **nobody}})
        path, seconds = self._path(), self._timeout()
        await replies.ask(
            self._api, replies.anything, "PUT", path, body=body, timeout_seconds=seconds
        )

    def _path(self) -> str:
        return client.LEASES.path(self._namespace, self._name)

    def _timeout(self) -> float:
        return self.timing.request_timeout_seconds

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
