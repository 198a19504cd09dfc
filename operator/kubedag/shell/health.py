"""Answers a kubelet and a Prometheus: is it alive, is it ready, what has it done.

A check is a function that returns what is wrong, or nothing. That this server answers at all says
that the loop turns; everything else is registered by whoever knows it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Check = Callable[[], str]

LAG_PERIOD_SECONDS: Final = 0.5
PROMETHEUS_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One family of numbers in the Prometheus text format; a sample is labels and a value."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: tuple[tuple[dict[str, str], float], ...]

    def lines(self) -> list[str]:
        """The family as text."""
        return [
            f"# HELP {self.name} {self.help}",
            f"# TYPE {self.name} {self.kind}",
            *(f"{self.name}{_labels(labels)} {value!r}" for labels, value in self.samples),
        ]


def counter(name: str, help_text: str, value: float) -> Metric:
    """A number that only grows."""
    return Metric(name, "counter", help_text, (({}, value),))


def gauge(name: str, help_text: str, value: float) -> Metric:
    """A number as it is now."""
    return Metric(name, "gauge", help_text, (({}, value),))


@dataclass(slots=True)
class LoopLag:
    """How late the loop comes to what is due: what one long step does to everybody else."""

    seconds_last: float = 0.0
    seconds_max: float = 0.0
    seconds_sum: float = 0.0
    samples: int = 0

    async def run(self) -> None:
        """Measure twice a second, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due_at = loop.time() + LAG_PERIOD_SECONDS
            await asyncio.sleep(LAG_PERIOD_SECONDS)
            self.seconds_last = max(0.0, loop.time() - due_at)
            self.seconds_max = max(self.seconds_max, self.seconds_last)
            self.seconds_sum += self.seconds_last
            self.samples += 1

    def metrics(self) -> list[Metric]:
        """The lag, for Prometheus."""
        return [
            gauge("kubedag_loop_lag_seconds", "Last lag of the event loop.", self.seconds_last),
            gauge("kubedag_loop_lag_seconds_max", "Worst lag so far.", self.seconds_max),
            counter("kubedag_loop_lag_seconds_sum", "Sum of all lags.", self.seconds_sum),
            counter("kubedag_loop_lag_seconds_count", "Lags measured.", self.samples),
        ]


@dataclass(slots=True)
class Health:
    """Register checks and metrics, then serve them."""

    liveness: dict[str, Check] = field(default_factory=dict)
    readiness: dict[str, Check] = field(default_factory=dict)
    sources: list[Callable[[], Iterable[Metric]]] = field(default_factory=list)

    async def serve(self, port: int, host: str | None = None) -> web.AppRunner:
        """Listen; `cleanup` of what is returned ends it. Port 0 takes a free one."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        return runner

    async def _livez(self, request: web.Request) -> web.Response:
        del request
        return _report(self.liveness)

    async def _readyz(self, request: web.Request) -> web.Response:
        del request
        return _report(self.readiness)

    async def _metrics(self, request: web.Request) -> web.Response:
        del request
        lines = [line for source in self.sources for metric in source() for line in metric.lines()]
        body = ("\n".join(lines) + "\n").encode()
        return web.Response(body=body, headers={"Content-Type": PROMETHEUS_TEXT})


def _report(checks: dict[str, Check]) -> web.Response:
    """One line per check, as the API server's own /readyz?verbose has it; 503 if any is wrong."""
    said = {name: check() for name, check in checks.items()}
    lines = [f"[-] {name}: {wrong}" if wrong else f"[+] {name} ok" for name, wrong in said.items()]
    status = 503 if any(said.values()) else 200
    return web.Response(status=status, text="\n".join([*lines, ""]) or "ok\n")


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
