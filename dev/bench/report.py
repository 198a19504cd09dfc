"""One row per measurement, and the ratio of each pair; medians over the rounds, with their spread."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HEAD = (
    f"{'shape':<14} {'wall s':>17} {'bare s':>17} {'ratio':>6} "
    f"{'end→Pod ms p50/p99':>19} {'bare p50/p99':>14} "
    f"{'CPU ms/task':>11} {'writes/task':>11} {'events':>6} {'peak MB':>7} of the writes"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape, once by kubedag and once by the bare loop."""

    shape: str
    tasks: int
    wall_seconds: float
    bare_seconds: float
    latencies: Sequence[float]
    bare_latencies: Sequence[float]
    cpu_seconds: float
    writes: float
    events: float
    memory_bytes: float
    by_resource: Mapping[str, int]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(rounds: Sequence[Measured]) -> str:
    """All rounds of one shape in one line."""
    one = rounds[0]
    wall = _spread(m.wall_seconds for m in rounds)
    bare = _spread(m.bare_seconds for m in rounds)
    ratio = median(m.wall_seconds / m.bare_seconds for m in rounds)
    cpu = median(m.cpu_seconds / m.tasks for m in rounds) * 1000
    writes = median(m.writes / m.tasks for m in rounds)
    memory = max(m.memory_bytes for m in rounds) / 1e6
    events = median(m.events for m in rounds)
    return (
        f"{one.shape:<14} {wall:>17} {bare:>17} {ratio:>6.2f} "
        f"{_latency(m.latencies for m in rounds):>19} "
        f"{_latency(m.bare_latencies for m in rounds):>14} "
        f"{cpu:>11.2f} {writes:>11.2f} {events:>6.0f} {memory:>7.0f} "
        f"{_kinds(rounds[-1])}"
    )


def _kinds(one: Measured) -> str:
    """The writes by what was written."""
    return ", ".join(
        f"{kind} {count / one.tasks:.2f}" for kind, count in sorted(one.by_resource.items())
    )


def _spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{median(ordered):.2f} ({ordered[0]:.2f}-{ordered[-1]:.2f})"


def _latency(rounds: Iterable[Sequence[float]]) -> str:
    full = [one for one in rounds if one]
    if not full:
        return "-"
    half = median(percentile(one, 0.5) for one in full) * 1000
    most = median(percentile(one, 0.99) for one in full) * 1000
    return f"{half:.0f}/{most:.0f}"
