"""Which rule of `retry.onFailure` is about a failed attempt, if any is.

The first that matches decides, so a rule counts only once all before it are known not to match. One
with a messagePattern looks at the end of the log, which is read a moment after the failure is known:
until then there may be no answer, rather than one that would be another a second later.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import logs, masks, reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import re2  # type: ignore[import-untyped]

    from kubedag.api.retry import RetryRule
    from kubedag.core import rows

PATTERNS_KEPT_MAX: Final = 32
"""Compiled ones, of all DAGs; each may take some megabytes, and a new one takes a millisecond."""

_BLAME_OTHERS: Final = frozenset({reasons.INIT_CONTAINER_FAILED.name, reasons.SIDECAR_FAILED.name})
"""The exit codes of these failures are not those of the task's container."""


class Ruling(NamedTuple):
    """What is to follow; without a rule, the action is empty."""

    number: int = 0
    """Of the rule, from 1."""
    action: str = ""
    delay_seconds: int | None = None


NO_RULE: Final = Ruling()


def ruling(rules: Sequence[RetryRule], attempt: rows.Attempt) -> Ruling | None:
    """What the rules say of a failed attempt; None as long as that hangs on its log."""
    for number, rule in enumerate(rules, 1):
        if not all(holds(rule, attempt) for holds in _CONDITIONS):
            continue
        fits = _says(rule.message_pattern, attempt)
        if fits is None:
            return None
        if fits:
            return Ruling(number, str(rule.action), rule.delay_seconds)
    return NO_RULE


def _ended_with(rule: RetryRule, attempt: rows.Attempt) -> bool:
    if not rule.exit_codes:
        return True
    return attempt.exit_code in rule.exit_codes and attempt.reason not in _BLAME_OTHERS


def _failed_for(rule: RetryRule, attempt: rows.Attempt) -> bool:
    return not rule.reasons or attempt.reason in rule.reasons


def _failed_as(rule: RetryRule, attempt: rows.Attempt) -> bool:
    return not rule.classes or attempt.failure_class in rule.classes


_CONDITIONS: Final[tuple[Callable[[RetryRule, rows.Attempt], bool], ...]] = (
    _ended_with,
    _failed_for,
    _failed_as,
)


def _says(pattern: str | None, attempt: rows.Attempt) -> bool | None:
    """Does the message or the log match? None if only a log can tell that is still to be read."""
    if pattern is None:
        return True
    compiled = _compiled(pattern)
    if _matches(compiled, attempt.message):
        return True
    if attempt.log is not None:
        return _matches(compiled, attempt.log.tail)
    return None if logs.lacks(attempt) else False


def _matches(compiled: re2._Regexp, text: str) -> bool:
    return compiled.search(text.encode("utf-8", "replace")) is not None


_compiled = lru_cache(maxsize=PATTERNS_KEPT_MAX)(masks.compiled)
