"""More memory for an attempt that follows on ones that ran out of it.

The amount follows from the spec and from how often that has happened, and from nothing else, so that
whoever makes the Pod gives it the same. It is computed in whole numbers: amounts that were rounded
again and again would not end at the bound that somebody has written.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from kubedag.core import podtemplate, quantities, reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedag.core.plan import Plan, RetryPolicy, TaskPlan
    from kubedag.core.rows import Attempt

MEMORY: Final = "memory"
GROWS_TO_MAX: Final = 8
"""So many times what was asked for, in whole bytes, where no memoryMax says otherwise."""
SIGKILL_CODE: Final = 137
_BYTES_MAX: Final = 2**63 - 1
_DECIMAL: Final = {suffix: 1000**power for power, suffix in enumerate("kMGTPE", 1)}
_BINARY: Final = {f"{suffix}i": 1024**power for power, suffix in enumerate("KMGTPE", 1)}


def ran_out(attempt: Attempt, policy: RetryPolicy) -> bool:
    """Did it use more than it had, or may it have, of a task that asks for more then?

    A container runtime may miss that the kernel's killer was at work, more often so on a busy node,
    and says 137 like of anything that was killed (containerd issue 8180). More memory than an
    attempt needs does no harm within the bound; another death of the same cause does.
    """
    if attempt.reason == reasons.OOM_KILLED.name:
        return True
    killed = attempt.reason == reasons.EXIT_CODE.name and attempt.exit_code == SIGKILL_CODE
    return killed and bool(policy.memory_factor)


def grown(resources: Mapping[str, Any], policy: RetryPolicy, times: int) -> dict[str, Any]:
    """The resources of a container that has run out of memory so many times."""
    found = dict(resources)
    for part in ("requests", "limits"):
        amounts = resources.get(part)
        if isinstance(amounts, dict) and MEMORY in amounts:
            found[part] = amounts | {MEMORY: amount(amounts[MEMORY], policy, times)}
    return found


def amount(base: Any, policy: RetryPolicy, times: int) -> Any:
    """An amount after so many times; never less than it was, nor more than it may become."""
    start = quantities.exact(base)
    if start is None or start <= 0 or not policy.memory_factor:
        return base
    asked = quantities.exact(policy.memory_max) if policy.memory_max else None
    most = min(_BYTES_MAX, math.floor(asked or GROWS_TO_MAX * start))
    factor, exact = Fraction(policy.memory_factor), start
    for _ in range(times):
        exact *= factor
        if exact >= most:
            break
    units = _DECIMAL if str(base)[-1:] in _DECIMAL else _BINARY
    bytes_ = min(_rounded_up(exact, units), most)
    return _spelled(bytes_, units) if bytes_ > start else base


def of_attempt(plan: Plan, task: TaskPlan, times: int) -> str:
    """How much memory an attempt has after so many times, in a word; empty if that is not said."""
    main = podtemplate.main_container(plan.layers.under(task.template))
    resources = grown(main.get("resources") or {}, task.retry, times)
    for part in ("limits", "requests"):
        if MEMORY in (resources.get(part) or {}):
            return str(resources[part][MEMORY])
    return ""


def _rounded_up(exact: Fraction, units: Mapping[str, int]) -> int:
    """In whole MiB, or MB, which is what people can read; little is rounded to whole bytes."""
    step = units["M" if "M" in units else "Mi"]
    return math.ceil(exact / step) * step if exact >= step else math.ceil(exact)


def _spelled(bytes_: int, units: Mapping[str, int]) -> str:
    for suffix, unit in reversed(list(units.items())):
        if bytes_ % unit == 0:
            return f"{bytes_ // unit}{suffix}"
    return str(bytes_)
