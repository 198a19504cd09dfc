"""When a task may start, told from how its upstreams ended: one small function per trigger rule.

The twelve rules and their answers are Airflow's (3.3), so that a pipeline moved here behaves as it
did. Three laws hold for all of them:

* Only a tally of direct upstreams counts: neither their order nor their names, nor the clock.
* An upstream counts as failed once its retries are exhausted, not when an attempt fails.
* A task without upstreams runs, whatever its rule.

A verdict, once reached, stays the same however the other upstreams end, so that it does not matter
how many of them a decision sees at once. AllSucceeded is the exception, as in Airflow: it skips on
the first skipped upstream, and would have been UpstreamFailed had another one failed before.
Whoever records a verdict must therefore never take it back (docs/adr/0002-trigger-rules.md).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.api.enums import TriggerRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Verdict(StrEnum):
    """What a trigger rule says about a task that has not started."""

    WAIT = "Wait"
    RUN = "Run"
    SKIP = "Skip"
    UPSTREAM_FAILED = "UpstreamFailed"


class Tally(NamedTuple):
    """How many direct upstreams a task has, and how those that have ended did so."""

    succeeded: int
    failed: int
    skipped: int
    upstream_failed: int
    total: int

    @property
    def done(self) -> int:
        """How many upstreams have ended."""
        return self.succeeded + self.failed + self.skipped + self.upstream_failed


WAIT: Final = Verdict.WAIT
RUN: Final = Verdict.RUN
SKIP: Final = Verdict.SKIP
UPSTREAM_FAILED: Final = Verdict.UPSTREAM_FAILED


def _all_succeeded(tally: Tally) -> Verdict:
    if tally.failed or tally.upstream_failed:
        return UPSTREAM_FAILED
    if tally.skipped:
        return SKIP
    return RUN if tally.succeeded == tally.total else WAIT


def _all_failed(tally: Tally) -> Verdict:
    if tally.succeeded or tally.skipped:
        return SKIP
    return RUN if tally.failed + tally.upstream_failed == tally.total else WAIT


def _all_done(tally: Tally) -> Verdict:
    return RUN if tally.done == tally.total else WAIT


def _all_done_min_one_succeeded(tally: Tally) -> Verdict:
    if tally.skipped:  # a skipped upstream never gets done, says Airflow
        return SKIP
    if tally.done < tally.total:
        return WAIT
    return RUN if tally.succeeded else UPSTREAM_FAILED


def _all_skipped(tally: Tally) -> Verdict:
    if tally.skipped < tally.done:
        return SKIP
    return RUN if tally.skipped == tally.total else WAIT


def _one_failed(tally: Tally) -> Verdict:
    if tally.failed or tally.upstream_failed:
        return RUN
    return SKIP if tally.done == tally.total else WAIT


def _one_succeeded(tally: Tally) -> Verdict:
    if tally.succeeded:
        return RUN
    if tally.done < tally.total:
        return WAIT
    return SKIP if tally.skipped == tally.total else UPSTREAM_FAILED


def _one_done(tally: Tally) -> Verdict:
    if tally.succeeded or tally.failed:
        return RUN
    return SKIP if tally.done == tally.total else WAIT


def _none_failed(tally: Tally) -> Verdict:
    if tally.failed or tally.upstream_failed:
        return UPSTREAM_FAILED
    return RUN if tally.done == tally.total else WAIT


def _none_failed_min_one_succeeded(tally: Tally) -> Verdict:
    if tally.failed or tally.upstream_failed:
        return UPSTREAM_FAILED
    if tally.done < tally.total:
        return WAIT
    return RUN if tally.succeeded else SKIP


def _none_skipped(tally: Tally) -> Verdict:
    if tally.skipped:
        return SKIP
    return RUN if tally.done == tally.total else WAIT


def _always(_: Tally) -> Verdict:
    return RUN


RULES: Final[Mapping[TriggerRule, Callable[[Tally], Verdict]]] = {
    TriggerRule.ALL_SUCCEEDED: _all_succeeded,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCEEDED: _all_done_min_one_succeeded,
    TriggerRule.ALL_SKIPPED: _all_skipped,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_SUCCEEDED: _one_succeeded,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCEEDED: _none_failed_min_one_succeeded,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALWAYS: _always,
}
"""Every rule for a task that has upstreams."""


def evaluate(rule: TriggerRule, tally: Tally) -> Verdict:
    """What a rule says about a task whose upstreams stand as tallied."""
    return RULES[rule](tally) if tally.total else RUN
