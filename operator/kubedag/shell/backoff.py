"""How long to wait after the n-th failure in a row, spread so that replicas do not march in step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


@dataclass(slots=True)
class Backoff:
    """Twice as long each time, less up to a half at random; `reset` after a success."""

    chance: random.Random
    seconds_min: float = 0.2
    seconds_max: float = 30.0
    failures: int = 0

    def next_seconds(self) -> float:
        """Count a failure, and say how long to wait."""
        ceiling = min(self.seconds_min * 2.0 ** min(self.failures, 32), self.seconds_max)
        self.failures += 1
        return ceiling * (1 - 0.5 * self.chance.random())

    def reset(self) -> None:
        """Start from the shortest wait again."""
        self.failures = 0
