"""Time zones: the clocks that people live by, all from the `tzdata` package and nowhere else.

Python looks into the machine's own files first, so two machines could disagree about an instant,
and a run's name follows from it. The package is pinned; its data is read as code is, once a zone.

A name is looked up in the package's list before it becomes a path, so no name leads elsewhere.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from kubedag.api.hints import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_A_PLACE: Final = frozenset({"Factory", "localtime", "posixrules"})
"""They stand for a machine that nobody has told where it is, or for whatever one was told."""

UTC: Final = "Etc/UTC"
_HINT_CUTOFF: Final = 0.75
_HINT_CHARS_MIN: Final = 6
_WORDS: Final = re.compile(r"[a-z_/-]+")
"""Abbreviations and offsets are alike and mean something else: Etc/GMT+2 is two hours behind UTC."""


@functools.cache
def names() -> frozenset[str]:
    """All zones there are; their case counts."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(listed.split()) - NOT_A_PLACE


@functools.cache
def load(name: str) -> ZoneInfo:
    """The clock of a zone that is one of `names`, of which there are some 600."""
    if name not in names():
        raise KeyError(name)
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with data.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def mistake(name: str) -> str | None:
    """What must hold instead of the name of a zone; None if there is such a zone."""
    if name in names():
        return None
    near = _alike(name)
    hint = f"did you mean {near!r}?" if near else "such as Europe/Amsterdam or Etc/UTC"
    return f"must be the name of an IANA time zone; {name!r} is none ({hint})"


def _alike(name: str) -> str | None:
    """The zone that was probably meant: by its case, by its city, or nearly."""
    key = name.strip().replace(" ", "_").casefold()
    known = _by_lower_case()
    if key in known:
        return known[key]
    if len(key) < _HINT_CHARS_MIN or not _WORDS.fullmatch(key):
        return None
    near = nearest(key, known, _HINT_CUTOFF)
    return known[near] if near else None


@functools.cache
def _by_lower_case() -> Mapping[str, str]:
    """Full names, and cities alone where they are in one place only."""
    full = {name.casefold(): name for name in sorted(names())}
    cities: dict[str, list[str]] = {}
    for name in sorted(names()):
        area, _, city = name.rpartition("/")
        if area and _WORDS.fullmatch(city.casefold()):
            cities.setdefault(city.casefold(), []).append(name)
    return {city: where[0] for city, where in cities.items() if len(where) == 1} | full
