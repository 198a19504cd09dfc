"""Whether a failed attempt is followed by another one, and how long after it.

Two budgets are kept apart, so that a drained node never uses up what the author of a task granted
to the task's own program: `limit` is for failures of class User, `infra_limit` for those of class
Infra. A failure of class Config would fail the same way again and has no budget at all.

The jitter comes from a hash and not from chance: a decision that is taken twice, before and after
a restart, must name the same instant.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from kubedag.api.enums import FailureClass

if TYPE_CHECKING:
    from kubedag.core.plan import RetryPolicy

JITTER_DIVISOR: Final = 10
"""A pause varies by a tenth of itself to either side."""

DOUBLINGS_MAX: Final = 32
"""A factor of 2 or more that often multiplied exceeds any pause that a policy can ask for."""


def delay_seconds(policy: RetryPolicy, failures: int, key: str) -> int:
    """Seconds to wait after that many failures; never more than the policy's longest pause.

    `key` names what is retried: the same key waits equally long, different keys spread out. Where
    the longest pause bounds it the spread is below only, so that it is a spread there, too.
    """
    exponent = min(max(failures - 1, 0), DOUBLINGS_MAX)
    growth: int = policy.backoff_factor**exponent
    pause = min(policy.backoff_seconds * growth, policy.backoff_seconds_max)
    jitter = pause // JITTER_DIVISOR
    shortest = pause - jitter
    longest = min(pause + jitter, policy.backoff_seconds_max)
    digest = blake2b(f"{key}/{failures}".encode(), digest_size=8).digest()
    return shortest + int.from_bytes(digest) % (longest - shortest + 1)


def next_delay_seconds(
    policy: RetryPolicy, *, failure_class: str, user_failures: int, infra_failures: int, key: str
) -> int | None:
    """Seconds from a failure of that class to the next attempt, or None if there is none.

    The failures are all that the task has had so far in this run, the last one included.
    """
    if failure_class == FailureClass.USER:
        failures, limit = user_failures, policy.limit
    elif failure_class == FailureClass.INFRA:
        failures, limit = infra_failures, policy.infra_limit
    else:
        return None
    return delay_seconds(policy, failures, key) if failures <= limit else None
