"""Amounts of resources: `500m`, `2Gi`, `0.5`, as Kubernetes reads them, and what may be asked for.

The API server refuses a Pod that asks for more than its limit or for a resource with a misspelt
name. It would do so once per attempt and run; here the author of the DAG is told before.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from kubedag.api.hints import did_you_mean, nearest
from kubedag.api.kube import is_quantity
from kubedag.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SUFFIXES: Final[Mapping[str, Decimal]] = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** power for suffix, power in zip("num", (-9, -6, -3), strict=True)},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
_PARTS: Final = re.compile(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]{1,2})?)([numkKMGTPE]?i?)", re.ASCII)
_WHOLE_NUMBER_MAX: Final = 2**63
_LENGTH_MAX: Final = 64

STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
_HUGE_PAGES: Final = "hugepages-"


def parse(value: Any) -> Decimal | None:
    """The amount as a number; None if it is not one, or one too large to be meant."""
    if not is_quantity(value) or (isinstance(value, int) and abs(value) > _WHOLE_NUMBER_MAX):
        return None
    text = str(value)
    parts = _PARTS.fullmatch(text) if len(text) <= _LENGTH_MAX else None
    return Decimal(parts[1]) * _SUFFIXES[parts[2]] if parts else None


def exact(value: Any) -> Fraction | None:
    """The amount, exactly, to be multiplied; None if `parse` knows none."""
    if parse(value) is None:
        return None
    parts = _PARTS.fullmatch(str(value))
    assert parts is not None
    return Fraction(parts[1]) * Fraction(_SUFFIXES[parts[2]])


def problems(path: str, resources: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the ResourceRequirements of a container, each of its parts on its own."""
    for part in ("requests", "limits"):
        amounts = resources.get(part)
        if amounts is None:
            continue
        if not isinstance(amounts, dict):
            yield Problem(f"{path}.{part}", "WrongType", "must be an object")
            continue
        for name, value in amounts.items():
            yield from _amount(f"{path}.{part}[{name}]", name, value)


def _amount(path: str, name: str, value: Any) -> Iterator[Problem]:
    if "/" not in name and name not in STANDARD and not name.startswith(_HUGE_PAGES):
        hint = did_you_mean(nearest(name, STANDARD, cutoff=0.7))
        yield Problem(
            path,
            "UnknownResource",
            f"must be cpu, memory, ephemeral-storage, hugepages-… or have a domain{hint}",
        )
    if not is_quantity(value):
        yield Problem(path, "InvalidQuantity", "must be a quantity such as 500m, 0.5 or 2Gi")
    elif (number := parse(value)) is not None and number < 0:
        yield Problem(path, "InvalidQuantity", "must not be negative")


def excessive(resources: Mapping[str, Any]) -> Iterator[str]:
    """The resources of which more is requested than the limit allows."""
    limits = resources.get("limits") or {}
    for name, value in (resources.get("requests") or {}).items():
        request, limit = parse(value), parse(limits.get(name))
        if request is not None and limit is not None and request > limit:
            yield name
