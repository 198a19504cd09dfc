"""The DAGs that are measured; their names are those of the figures in the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Edges = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A DAG, by its upstreams, and how many runs of it are made at once."""

    name: str
    upstream: Edges
    runs: int = 1

    @property
    def tasks(self) -> int:
        """How many Pods it takes in all."""
        return len(self.upstream) * self.runs

    @property
    def edges(self) -> int:
        """How many times a task waits for another one."""
        return sum(len(above) for above in self.upstream.values()) * self.runs

    def manifest(self) -> dict[str, Any]:
        """The DAG as a custom resource."""
        return {
            "apiVersion": "kubedag.dev/v1alpha1",
            "kind": "DAG",
            "metadata": {"name": self.name},
            "spec": {
                "concurrencyPolicy": "Allow",
                "retention": {"successfulRuns": 10_000},
                "taskDefaults": {"image": "busybox:1.36", "command": ["true"]},
                "tasks": [
                    {"name": name, "dependsOn": above} if above else {"name": name}
                    for name, above in self.upstream.items()
                ],
            },
        }


def chain(length: int) -> Shape:
    """Each task waits for the one before it: pure latency."""
    names = [f"t{index:05}" for index in range(length)]
    return Shape(f"chain-{length}", {name: names[i - 1 : i] for i, name in enumerate(names)})


def wide(width: int) -> Shape:
    """No task waits for another: pure throughput."""
    return Shape(f"wide-{width}", {f"t{index:05}": [] for index in range(width)})


def layers(depth: int, width: int) -> Shape:
    """Each task waits for two of the layer before its own."""
    upstream: Edges = {}
    for layer in range(depth):
        for index in range(width):
            above = sorted({index, (index + 1) % width}) if layer else []
            upstream[f"l{layer:03}-{index:03}"] = [f"l{layer - 1:03}-{one:03}" for one in above]
    return Shape(f"layers-{depth}x{width}", upstream)


def many(runs: int) -> Shape:
    """Many runs of one task, made at once."""
    return Shape(f"many-{runs}", {"only": []}, runs)


DEFAULT = (chain(20), wide(500), layers(10, 50), many(200))
LARGE = (wide(2000), wide(10_000))
