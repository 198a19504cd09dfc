"""Every step says what it does and, when it is done, how long it took."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def seconds(duration: float) -> str:
    """Write a duration as people say it."""
    if duration < 60:
        return f"{duration:.1f} s"
    return f"{int(duration) // 60} min {int(duration) % 60} s"


@dataclass
class Steps:
    """The steps of a demo, and how long each took."""

    total: int
    say: Callable[[str], None]
    took: list[tuple[str, float]] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, what: str, *how: str) -> Iterator[None]:
        """Announce a step with the commands it comes down to, and report its time."""
        number = f"[{len(self.took) + 1}/{self.total}]"
        self.say(f"\n{number} {what}")
        for command in how:
            self.say(f"      $ {command}")
        began = time.monotonic()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        except KeyboardInterrupt:
            outcome = "\n      stopped after"
            raise
        finally:
            self.took.append((what, time.monotonic() - began))
            self.say(f"      {outcome} {seconds(self.took[-1][1])}")
