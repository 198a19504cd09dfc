"""What is wrong with something a user wrote, as a value.

A mistake in a DAG is an everyday event and not an exception: it is collected, shown beside its
siblings, and leads to a condition on the object. Every message begins with "must", so that it says
what the user can do rather than what the program could not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROBLEMS_MAX: Final = 50
"""Nobody reads more, and a broken template would repeat one mistake 10,000 times."""

PATH_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is (`spec.tasks[2].image`), its CamelCase class, what must hold."""

    path: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{_on_a_line(self.path)}: {self.message}"


def _on_a_line(path: str) -> str:
    """The path with what people can read of it: keys are whatever somebody has written."""
    if len(path) > PATH_CHARS_MAX:
        path = f"{path[: PATH_CHARS_MAX // 2]}…{path[-PATH_CHARS_MAX // 2 :]}"
    if path.isprintable():
        return path
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in path)
