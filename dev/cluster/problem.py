"""The one exception a person is meant to read: what is wrong, and which command mends it."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - it is told to people, not to programs
    """Something the person at the keyboard can do something about."""

    def __init__(self, what: str, mend: str = "") -> None:
        """Say what is wrong and, where a command would mend it, which."""
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}\n  mend: {self.mend}" if self.mend else self.what
