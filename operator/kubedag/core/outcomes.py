"""What a Pod says about its attempt: two tables of small questions, asked in order.

The first row that answers wins, so the order is the policy: a Pod that something ended from outside
is never called the user's failure, and a container's exit code alone never makes a success.
Each row is one function `(Evidence) -> Outcome | None`; a new way to end is a new row.
The cases follow KEP-3329 (Pod failure policy) and the Pod lifecycle of the API reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import asks, evidence, outcomes_alive, outcomes_ended, pods, reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

USER: Final = reasons.USER
INFRA: Final = reasons.INFRA
CONFIG: Final = reasons.CONFIG

TASK_TIMED_OUT: Final = "TaskTimedOut"
PENDING_TIMED_OUT: Final = "PendingTimedOut"
RUN_TIMED_OUT: Final = "RunTimedOut"
RUN_REPLACED: Final = "RunReplaced"

Ask = asks.Ask
ASKS: Final[Mapping[str, asks.Ask]] = asks.ASKS
ASKED_BEFORE_THE_START: Final = asks.ASKED_BEFORE_THE_START

Outcome = evidence.Outcome


def classify(pod: pods.Pod, ask_reason: str = "") -> evidence.Outcome:
    """The outcome of a Pod; `ask_reason` is why we asked it to end, if we did."""
    seen = evidence.gather(pod, ask_reason)
    for row in outcomes_ended.ROWS if pods.has_ended(pod) else outcomes_alive.ROWS:
        outcome = row(seen)
        if outcome is not None:
            return outcome
    raise AssertionError("the last row of each table answers always")


def failed_container(pod: pods.Pod) -> str:
    """The name of the container whose log explains a failed Pod."""
    return classify(pod).container or pods.MAIN_CONTAINER
