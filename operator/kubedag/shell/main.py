"""The operator's process: everything is put together here, and whatever ends first ends it all.

A part that stops quietly would leave an operator that looks alive and does nothing. So every part
is a task, the first one to end takes the others with it, and Kubernetes starts the Pod anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

from kubedag import __version__
from kubedag.core import limits
from kubedag.shell import (
    clock,
    credentials,
    handlers,
    health,
    kinds,
    lease,
    logs,
    receivers,
    settings,
    vitals,
)
from kubedag.shell.access import CredentialsError
from kubedag.shell.engine import Engine
from kubedag.shell.http_api import HttpApi
from kubedag.shell.kopf_login import KopfLogin
from kubedag.shell.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

log: Final = logging.getLogger(__name__)

STOP_SECONDS_MAX: Final = 10.0
EVENTS_SECONDS_MAX: Final = 2.0
LEASE_CONNECTIONS_MAX: Final = 2


def run() -> int:
    """Run the operator until it is told to stop; returns the exit code of the process."""
    try:
        chosen = settings.from_env(os.environ, socket.gethostname(), os.getpid())
    except settings.SettingsError as error:
        print(f"kubedag operator: {error}", file=sys.stderr)  # noqa: T201  # there is no log yet
        return 2
    logs.configure(chosen.log_level, chosen.log_format)
    try:
        return asyncio.run(_main(chosen))
    except CredentialsError as error:
        log.error("No way to reach a cluster: %s", error)  # noqa: TRY400  # a user's mistake
        return 2


async def _main(chosen: settings.Settings) -> int:
    log.info("kubedag %s starts", __version__)
    access = credentials.Credentials(credentials.find(os.environ, context=chosen.context or ""))
    await access.access()
    operator = Operator(chosen, access)
    return await operator.run()


class Operator:
    """All parts of the process."""

    def __init__(self, chosen: settings.Settings, access: credentials.Credentials) -> None:
        self._settings = chosen
        self._stop = asyncio.Event()
        self._kopf_stop = asyncio.Event()
        self._kopf_ready = asyncio.Event()
        self._lease_api = HttpApi(access, connections_max=LEASE_CONNECTIONS_MAX)
        self.election = lease.Election(
            self._lease_api,
            chosen.lease_namespace,
            chosen.lease_name,
            chosen.identity,
            timing=lease.Timing.of(chosen.lease_seconds),
        )
        gate = self.election.is_leader if chosen.leader_election else _always
        self.api = HttpApi(access, gate=gate, connections_max=chosen.api_connections_max)
        self.recorder = Recorder(self.api, instance=chosen.identity)
        self.engine = Engine(
            self.api,
            self.recorder,
            clock.SYSTEM,
            namespaces=chosen.watch_namespaces,
            window_seconds=chosen.status_window_seconds,
            resync_seconds=chosen.resync_seconds,
            bounds=limits.Bounds(chosen.max_active_tasks, chosen.max_active_tasks_per_namespace),
            receivers=receivers.Receivers(chosen.notifications_file),
        )
        self._registry = handlers.registry(self.engine.feed, KopfLogin(access))
        self.lag = health.LoopLag()
        self.health = health.Health(sources=[self.lag.metrics])
        vitals.register(self.health, self.engine, self.api, self.recorder, self.election)
        self.health.readiness["kopf"] = lambda: "" if self._kopf_ready.is_set() else "is starting"

    async def run(self) -> int:
        """Run until told to stop, or until a part ends."""
        # Before kopf: on its way out it cancels every task that was started after it.
        parts = [
            self._part("engine", self.engine.run()),
            self._part("events", self.recorder.run()),
            self._part("health", self._serve_health()),
            self._part("lag", self.lag.run()),
            self._part("terms", self._terms()),
            self._part("stop", self._stop.wait()),
            self._part("signals", self._take_signals()),
        ]
        if self._settings.leader_election:
            parts.append(self._part("lease", self.election.run()))
        parts.append(self._part("kopf", self._serve_kopf()))
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        told = self._stop.is_set()
        for part in done:
            if not told:
                error = None if part.cancelled() else part.exception()
                log.error("Part %r has ended, and the operator with it", part.get_name(),
                          exc_info=error)  # fmt: skip
        await self._shut_down(parts)
        return 0 if told else 1

    def _part(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work, name=name)

    async def _terms(self) -> None:
        """Act while leading, and only then."""
        while True:
            if not self._settings.leader_election:
                await self.engine.begin_term()
                await asyncio.Event().wait()
            term = await self.election.term()
            beginning = asyncio.ensure_future(self.engine.begin_term())
            ended = asyncio.ensure_future(term.ended.wait())
            done, _ = await asyncio.wait({beginning, ended}, return_when=asyncio.FIRST_COMPLETED)
            if beginning in done:
                beginning.result()  # a bug must not leave a leader that does nothing
                _freeze_garbage()
            await ended
            beginning.cancel()
            self.engine.end_term()

    async def _serve_kopf(self) -> None:
        if await kinds.served(self.api, self._kopf_stop):
            await handlers.serve(
                self._registry, self._settings.watch_namespaces, self._kopf_ready, self._kopf_stop
            )

    async def _serve_health(self) -> None:
        runner = await self.health.serve(self._settings.health_port)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _take_signals(self) -> None:
        """Stop on a signal; once more after kopf is up, because it takes the signals for itself."""
        loop = asyncio.get_running_loop()
        for flag in (self._kopf_ready, asyncio.Event()):
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop.set)
            await flag.wait()

    async def _shut_down(self, parts: list[asyncio.Task[Any]]) -> None:
        log.info("Stopping")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self.engine.stop()
                await self.recorder.flush(EVENTS_SECONDS_MAX)
                self._kopf_stop.set()
                for part in parts:
                    if part.get_name() != "kopf":
                        part.cancel()
                await asyncio.gather(*parts, return_exceptions=True)
        await self.api.close()
        await self._lease_api.close()


def _always() -> bool:
    return True


def _freeze_garbage() -> None:
    """What the first lists brought lives long; looking through it again and again costs latency."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
