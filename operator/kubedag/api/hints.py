"""The word that was probably meant: a mistake in a name is mended soonest by who is shown the right one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CUTOFF: Final = 0.6
"""How alike two words are at least, from 0 to 1, as `difflib` measures it."""


def nearest(name: str, known: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The one of the known words that is most like this one; None if none is like it."""
    near = difflib.get_close_matches(name, list(known), 1, cutoff)
    return near[0] if near else None


def did_you_mean(near: str | None) -> str:
    """What a message ends with, or nothing."""
    return f" (did you mean {near!r}?)" if near else ""
