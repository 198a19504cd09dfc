"""What may stand on the command line: each form of a value is checked here, before anything is asked.

Nothing is imported that takes long: whoever mistypes a verb is told at once.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

NAME_CHARS_MAX: Final = 253
COMMENT_CHARS_MAX: Final = 1024

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_PARAM: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)

W = TypeVar("W", bound="StrEnum")


class Target(NamedTuple):
    """An object that a command is about."""

    plural: str
    name: str

    def __str__(self) -> str:
        """As `kubectl … -o name` writes it."""
        return f"{self.plural.removesuffix('s')}.kubedag.dev/{self.name}"


_KINDS: Final = {
    "dagruns": ("run", "dagrun", "dagruns", "dagrun.kubedag.dev", "dagruns.kubedag.dev"),
    "dags": ("dag", "dags", "dag.kubedag.dev", "dags.kubedag.dev"),
    "backfills": ("bf", "backfill", "backfills", "backfill.kubedag.dev", "backfills.kubedag.dev"),
}
_PLURALS: Final = {word: plural for plural, words in _KINDS.items() for word in words}


def run(text: str) -> Target:
    """A run: `NAME`, or `dagrun/NAME` as kubectl writes it."""
    return _target(text, "dagruns")


def run_or_dag(text: str) -> Target:
    """A run, or with its kind a DAG or a Backfill: `dag/NAME`, `backfill/NAME`."""
    return _target(text, None)


def dag(text: str) -> Target:
    """A DAG: `NAME`, or `dag/NAME` as kubectl writes it."""
    return _target(text, "dags")


def _target(text: str, wanted: str | None) -> Target:
    kind, slash, rest = text.partition("/")
    plural = _PLURALS.get(kind.lower()) if slash else wanted or "dagruns"
    if plural is None or (wanted is not None and plural != wanted):
        what = "a run" if wanted == "dagruns" else "a DAG" if wanted else "a run, DAG or Backfill"
        raise argparse.ArgumentTypeError(f"must be {what}; {text!r} is none")
    return Target(plural, name(rest if slash else text))


def name(text: str) -> str:
    """The name of an object."""
    if len(text) > NAME_CHARS_MAX or not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be the name of an object; {text!r} is none")
    return text


def time(text: str) -> datetime:
    """A time: `2026-01-31`, or `2026-01-31T06:00:00+01:00`; in UTC, if it does not say."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"must be a time such as 2026-01-31 or 2026-01-31T06:00:00Z; {text!r} is none"
        raise argparse.ArgumentTypeError(message) from error


def comment(text: str) -> str:
    """Why somebody does what they do."""
    if len(text) > COMMENT_CHARS_MAX:
        message = f"must have at most {COMMENT_CHARS_MAX} characters; it has {len(text)}"
        raise argparse.ArgumentTypeError(message)
    return text


def param(text: str) -> tuple[str, str]:
    """A parameter of a run: `name=value`."""
    found = _PARAM.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE; {text!r} is none")
    return found[1], found[2]


def word(words: type[W]) -> Callable[[str], W]:
    """One of the words of the API, however its letters are written."""
    known = {str(one).lower(): one for one in words}

    def read(text: str) -> W:
        found = known.get(text.lower())
        if found is None:
            message = f"must be one of {', '.join(known)}; {text!r} is none"
            raise argparse.ArgumentTypeError(message)
        return found

    return read
