"""What the API server's answers to the trials of a DAG mean, and when to ask again.

A refusal is not for ever, although nobody has edited the DAG: a missing PriorityClass may be made, a
policy of the namespace lifted. So what was refused is asked about again, now and then, and sooner
while runs wait for it. Of many refusals only the first is: while it stands, so does the verdict.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from kubedag.api.problems import Problem
from kubedag.core import places, refusals

if TYPE_CHECKING:
    from kubedag.core.trials import Trial

AGAIN_SECONDS: Final = 300
AGAIN_SECONDS_IF_WAITED_FOR: Final = 30

CAUSES_TOLD_MAX: Final = 3

_NO_MATTER_OF_THE_DAG: Final = frozenset(
    {"WaitingForQuota", "WaitingForServiceAccount", "Conflict"}
)
"""Such a Pod may be created in time, and a run that waits for it says so itself."""

_REASONS: Final = {"InvalidPodSpec": "InvalidPodTemplate"}


class Standing(enum.Enum):
    """What is known of a Pod that was asked about."""

    TAKEN = enum.auto()
    REFUSED = enum.auto()
    UNANSWERED = enum.auto()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of asking; `answer` is None if the API server would take the Pod."""

    time: datetime
    answer: refusals.Answer | None = None
    causes: tuple[places.Cause, ...] = ()
    tries: int = 1
    """How often in a row there was no answer that counts."""

    @property
    def standing(self) -> Standing:
        """Taken, refused, or not to be told from this."""
        if self.answer is None:
            return Standing.TAKEN
        verdict = refusals.classify(self.answer)
        if verdict.reason in _NO_MATTER_OF_THE_DAG:
            return Standing.TAKEN
        return Standing.UNANSWERED if verdict.transient else Standing.REFUSED


def after(previous: Result | None, result: Result) -> Result:
    """A result that knows how long there has been no answer."""
    if previous is None or result.standing is not Standing.UNANSWERED:
        return result
    return Result(result.time, result.answer, result.causes, previous.tries + 1)


def due(result: Result, *, waited_for: bool) -> datetime:
    """When to ask again about a Pod that was refused, or about which there was no answer."""
    seconds = AGAIN_SECONDS_IF_WAITED_FOR if waited_for else AGAIN_SECONDS
    if result.standing is Standing.UNANSWERED:
        seconds = refusals.wait_seconds(result.tries)
    return result.time + timedelta(seconds=seconds)


def problem(trial: Trial, result: Result) -> Problem:
    """A refusal as a mistake in the DAG: where it was made, if that can be told, and what it is."""
    answer = result.answer
    assert answer is not None
    reason = refusals.classify(answer).reason
    causes = result.causes or places.causes_in(answer.message)
    found = (places.said_at(trial.levels, trial.manifest, cause.field) for cause in causes)
    path = next((place for place in found if place is not None), trial.levels[0].path)
    said = [f"{field}: {text}" if field else text for field, text in result.causes]
    return Problem(
        path,
        _REASONS.get(reason, reason),
        "must make a Pod that the API server takes; it says:"
        f" {'; '.join(said[:CAUSES_TOLD_MAX]) or answer.message}",
    )
