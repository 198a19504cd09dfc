"""When a task is tried again, and what a failure means."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import Field, StringConstraints

from kubedag.api import kube
from kubedag.api.common import Attempts, Reason, Seconds, Spec
from kubedag.api.enums import AvoidNodes, FailureClass, RetryAction
from kubedag.api.lists import atomic_list
from kubedag.api.rules import Rule, Ruled, matching

RULES_MAX: Final = 20
_FACTOR: Final = (
    StringConstraints(max_length=4),
    matching("^[1-9]([.][0-9]{1,2})?$", "be a number from 1 to 9.99, such as 1.5, as a string"),
)
_MEMORY: Final = (
    StringConstraints(max_length=32),
    Rule("be a quantity such as 2Gi, as a string", holds=kube.is_quantity),
)


class RetryRule(Spec):
    """What to do about an attempt that failed in a certain way: all that is said must be so."""

    exit_codes: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, le=255)], ...], *atomic_list(most=50)
    ] = ()
    """exitCodes lists exit codes of the task's container, one of which it must have had."""
    reasons: Annotated[tuple[Reason, ...], *atomic_list(most=20)] = ()
    """reasons lists reasons of attempts, such as OOMKilled, one of which it must have. All are in
    docs/reference/reasons.md."""
    classes: Annotated[tuple[FailureClass, ...], *atomic_list(most=3)] = ()
    """classes lists classes of failures, of User, Infra and Config, one of which it must be of."""
    message_pattern: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    """messagePattern is a regular expression, as RE2 knows them, that must match some part of the
    attempt's message or of the end of its log."""
    action: RetryAction
    """action says what follows: Retry, within limit or infraLimit; or the task at once ends as
    Failed, Skipped or Succeeded."""
    delay_seconds: Annotated[int, Field(strict=True, ge=0, le=31_536_000)] | None = None
    """delaySeconds is the pause before the retry, in place of the growing one."""


class RetrySpec(Ruled, Spec):
    """How often, and when, a task is tried again."""

    limit: Attempts | None = None
    """limit is how many failures of the task's own program are retried. Without one: 0."""
    infra_limit: Attempts | None = None
    """infraLimit is how many failures of the cluster are retried beside them: a lost node, an
    eviction. Without one: 3."""
    backoff_seconds: Seconds | None = None
    """backoffSeconds is the pause before the first retry. Without one: 30."""
    backoff_factor: Annotated[int, Field(strict=True, ge=1, le=10)] | None = None
    """backoffFactor is what each further pause is multiplied by. Without one: 2."""
    backoff_seconds_max: Seconds | None = None
    """backoffSecondsMax is the longest pause. Without one: 600."""

    avoid_nodes: AvoidNodes | None = None
    """avoidNodes says whether another attempt Never minds the nodes on which the last ones failed,
    Prefers others, or Requires others. Without one: Never."""
    memory_factor: Annotated[str, *_FACTOR] | None = None
    """memoryFactor is what the memory of the task's container is multiplied by after each attempt
    that used more than it had, such as "1.5"; as a string. Without one, it stays."""
    memory_max: Annotated[str, *_MEMORY] | None = None
    """memoryMax is the most memory that memoryFactor may lead to. Without one: eight times what the
    task asks for."""
    on_failure: Annotated[tuple[RetryRule, ...], *atomic_list(most=RULES_MAX)] = ()
    """onFailure lists rules about failed attempts; the first that matches decides, and where none
    does, limit and infraLimit do. A task's own list takes the place of that of taskDefaults."""

    rules: ClassVar = (
        Rule(
            "be at least backoffSeconds",
            cel=(
                "!has(self.backoffSeconds) || !has(self.backoffSecondsMax)"
                " || self.backoffSeconds <= self.backoffSecondsMax"
            ),
            holds=lambda retry: (
                retry.backoff_seconds is None
                or retry.backoff_seconds_max is None
                or retry.backoff_seconds <= retry.backoff_seconds_max
            ),
            field="backoffSecondsMax",
        ),
    )
