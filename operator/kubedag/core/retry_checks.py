"""What can be wrong with how a task is tried again that its types cannot see.

A rule that can never match, or memory that cannot grow, would only be noticed in the night in which
it was meant for. So both are told when the DAG is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubedag.api.hints import did_you_mean, nearest
from kubedag.api.problems import Problem
from kubedag.core import levels, masks, memory, podtemplate, quantities, reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from kubedag.api.dag import DAGSpec
    from kubedag.api.retry import RetryRule

PATTERN_SIZE_MAX: Final = masks.PROGRAM_SIZE_MAX
"""Of one pattern, in RE2's instructions."""
PATTERNS_SIZE_MAX: Final = 10 * PATTERN_SIZE_MAX
"""Of all that a DAG has; the same one counts once. It bounds how long they take to compile."""

REASONS: Final = tuple(
    reason.name for reason in reasons.OF_ATTEMPTS if reasons.ENDED in reason.said_of
)


def problems(spec: DAGSpec) -> Iterator[Problem]:
    """What is wrong with the rules of `retry.onFailure`."""
    known: dict[str, str] = {}
    size = 0
    for level in levels.of(spec):
        rules = level.template.retry.on_failure if level.template.retry is not None else ()
        for number, rule in enumerate(rules or ()):
            path = f"{level.path}.retry.onFailure[{number}]"
            yield from _reasons(path, rule)
            pattern = rule.message_pattern
            if pattern is None:
                continue
            if pattern not in known:
                known[pattern], taken = _pattern(pattern)
                size += taken
            if known[pattern]:
                yield Problem(f"{path}.messagePattern", "InvalidPattern", known[pattern])
            elif size > PATTERNS_SIZE_MAX:
                must = "must be simpler, or the same as others: with those before it, it takes"
                said = f"{must} {size} steps of at most {PATTERNS_SIZE_MAX}"
                yield Problem(f"{path}.messagePattern", "InvalidPattern", said)
                return


def _reasons(path: str, rule: RetryRule) -> Iterator[Problem]:
    for position, name in enumerate(rule.reasons):
        if name not in REASONS:
            hint = did_you_mean(nearest(name, REASONS))
            must = f"must be a reason for which attempts fail; {name!r} is none{hint}"
            yield Problem(f"{path}.reasons[{position}]", "NotSupported", must)


def _pattern(pattern: str) -> tuple[str, int]:
    """What a pattern must be, if it is not that, and its size."""
    found = masks.judged(pattern)
    if isinstance(found, str):
        return found, 0
    if found.search(b"") is not None:
        return f"{masks.MATCHES_NOTHING}, as it then matches every failure", 0
    size = found.programsize
    if size > PATTERN_SIZE_MAX:
        return f"must be simpler: it takes {size} steps of at most {PATTERN_SIZE_MAX}", 0
    return "", size


# --- Memory -----------------------------------------------------------------------------------


def of_memory(found: tuple[levels.Level, ...], template: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with how the memory of a task grows; for `mergechecks`."""
    own, where, most, where_most = found[0].path, "", "", ""
    for path, level in reversed(found):
        if level.retry is not None and level.retry.memory_factor is not None:
            where = path
        if level.retry is not None and level.retry.memory_max is not None:
            most, where_most = level.retry.memory_max, path
    if not where:
        if where_most == own:
            must = "must be set where memoryMax is"
            yield Problem(f"{own}.retry.memoryFactor", "Required", must)
        return
    if _of_pod(template):
        must = "must not be set where podTemplate.spec.resources has the memory of the whole Pod"
        yield Problem(f"{where}.retry.memoryFactor", "Contradiction", must)
        return
    base = _asked(podtemplate.main_container(template))
    if base is None:
        must = "must have a memory request or limit, for retry.memoryFactor to multiply"
        yield Problem(f"{own}.resources", "NoMemory", must)
    elif most and (quantities.exact(most) or 0) < base[0]:
        must = f"must be at least the memory that the task has, which is {base[1]}"
        yield Problem(f"{where_most}.retry.memoryMax", "TooSmall", must)


def _of_pod(template: Mapping[str, Any]) -> bool:
    resources = template["spec"].get("resources")
    if not isinstance(resources, dict):
        return False
    parts = (resources.get("requests"), resources.get("limits"))
    return any(isinstance(amounts, dict) and memory.MEMORY in amounts for amounts in parts)


def _asked(main: Mapping[str, Any]) -> tuple[Fraction, Any] | None:
    """The most memory that a container asks for or may have, and how it says so."""
    resources = main.get("resources") or {}
    said = [(resources.get(part) or {}).get(memory.MEMORY) for part in ("requests", "limits")]
    amounts = [(exact, one) for one in said if (exact := quantities.exact(one)) is not None]
    return max((pair for pair in amounts if pair[0] > 0), key=lambda pair: pair[0], default=None)
