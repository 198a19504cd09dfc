"""What an operator asks of an API server, second by second: where a storm would be seen."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.chaos_faults import Asked

EARLY_SECONDS: Final = 0.02
"""Clocks and loops are this inexact."""


@dataclass
class Traffic:
    """Counts requests by second; one that comes before it was asked to is impatient."""

    clock: Callable[[], float] = time.monotonic
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    impatient: list[str] = field(default_factory=list)
    _seconds: dict[int, Counter[tuple[str, str]]] = field(default_factory=dict)
    _objects: dict[int, Counter[str]] = field(default_factory=dict)
    _not_before: dict[int, float] = field(default_factory=dict)

    def note(self, asked: Asked, raw_path: str, body: bytes) -> None:
        """A request has come."""
        now = self.clock()
        kind = (asked.verb, asked.resource)
        self.kinds[kind] += 1
        self._seconds.setdefault(int(now), Counter())[kind] += 1
        if asked.verb != "create":  # which is many requests for one path, one for each object
            what = raw_path if asked.verb == "list" else asked.path  # a list is what it selects
            self._objects.setdefault(int(now), Counter())[f"{asked.verb} {what}"] += 1
        due = self._not_before.pop(_identity(asked, raw_path, body), 0.0)
        if now < due - EARLY_SECONDS:
            self.impatient.append(f"{asked.verb} {asked.path} came {due - now:.2f} s early")

    def asked_for_patience(self, asked: Asked, raw_path: str, body: bytes, seconds: float) -> None:
        """It was answered 429, with a Retry-After.

        Of two who ask for the same list or object, neither knows of the other's answer.
        """
        if asked.verb in ("get", "list"):
            return
        self._not_before[_identity(asked, raw_path, body)] = self.clock() + seconds

    @property
    def total(self) -> int:
        """Requests in all."""
        return self.kinds.total()

    @property
    def mean(self) -> float:
        """Requests per second, from the first second to the last."""
        if not self._seconds:
            return 0.0
        return self.total / (max(self._seconds) - min(self._seconds) + 1)

    @property
    def peak(self) -> int:
        """Requests in the busiest second."""
        return max((second.total() for second in self._seconds.values()), default=0)

    def peak_of(self, *verbs: str) -> int:
        """Requests of these verbs in the second that is busiest with them."""
        return max(
            (
                sum(count for (verb, _), count in second.items() if verb in verbs)
                for second in self._seconds.values()
            ),
            default=0,
        )

    def busiest(self) -> tuple[str, int]:
        """What was asked of a single object or collection most often in one second."""
        found = ("nothing", 0)
        for second in self._objects.values():
            found = max(found, second.most_common(1)[0], key=lambda pair: pair[1])
        return found

    def told(self) -> str:
        """All of it, as a table."""
        rows = [f"  {'verb':<8}{'resource':<24}{'in all':>8}{'a second':>10}{'at most':>9}"]
        seconds = max(1.0, self.total / self.mean if self.total else 1.0)
        for (verb, resource), count in sorted(self.kinds.items()):
            most = max(second[verb, resource] for second in self._seconds.values())
            rows.append(f"  {verb:<8}{resource:<24}{count:>8}{count / seconds:>10.1f}{most:>9}")
        rows.append(f"  {'all':<32}{self.total:>8}{self.mean:>10.1f}{self.peak:>9}")
        what, times = self.busiest()
        rows.append(f"  most of one object in one second: {times} x {what}")
        return "\n".join(rows)


def _identity(asked: Asked, raw_path: str, body: bytes) -> int:
    return hash((asked.verb, asked.by_kopf, raw_path, body))
