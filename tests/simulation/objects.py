"""What a selector and a patch mean, for any object."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]
FIELDS = ("status.phase", "involvedObject.uid", "type")
"""By which objects can be selected, as far as anybody does."""


@lru_cache(maxsize=4096)
def _terms(selector: str) -> tuple[tuple[str, str], ...]:
    """Keys, with the ! of what is not to be, and values."""
    pairs = (term.partition("=") for term in selector.split(",") if term)
    return tuple((key, value) for key, _, value in pairs)


def selected(obj: Object, params: Mapping[str, str]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    for key, value in _terms(params.get("labelSelector", "")):
        if (labels.get(key.removesuffix("!")) == value) == key.endswith("!"):
            return False
    for key, value in _terms(params.get("fieldSelector", "")):
        assert key in FIELDS, key
        found: Any = obj
        for part in key.split("."):
            found = (found or {}).get(part, "")
        if found != value:
            return False
    return True


def merged(target: Object, patch: Object) -> Object:
    """RFC 7386; changes the target."""
    pairs = [(target, patch)]
    while pairs:
        into, given = pairs.pop()
        for key, value in given.items():
            if value is None:
                into.pop(key, None)
            elif isinstance(value, dict):
                if not isinstance(into.get(key), dict):
                    into[key] = {}
                pairs.append((into[key], value))
            else:
                into[key] = value
    return target
