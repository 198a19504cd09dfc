"""What is in the way of runs that are to be created."""

from __future__ import annotations

import pytest

from kubedag.core import creations, refusals
from support.builders import at

QUOTA = refusals.Answer(403, "Forbidden", "exceeded quota\nof the namespace")
BUSY = refusals.Answer(503, "", "busy")


def after(answer, *moments):
    trouble = None
    for moment in moments:
        trouble = creations.after(trouble, "run", answer, at(moment))
    return trouble


def test_the_api_is_asked_less_and_less_often():
    waits = []
    trouble, now = None, 0.0
    for _ in range(9):
        trouble = creations.after(trouble, "run", QUOTA, at(now))
        wait = (trouble.retry_at - at(now)).total_seconds()
        waits.append(wait)
        now += wait
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_many_answers_of_one_moment_count_once():
    assert after(QUOTA, 0, 0.1, 0.2).tries == 1


@pytest.mark.parametrize(
    ("now", "holds"),
    [(0, True), (0.9, True), (1, False), (100, False), (-58, True), (-3600, False)],
    ids=["at once", "early", "in time", "late", "a clock that was set back", "by much"],
)
def test_for_how_long_nothing_is_asked(now, holds):
    assert after(QUOTA, 0).holds(at(now)) is holds


@pytest.mark.parametrize(
    ("answer", "moments", "told"),
    [
        (QUOTA, (0,), True),
        (BUSY, (0,), False),
        (BUSY, (0, 1, 3), True),
        (refusals.Answer(429, "", "busy"), (0,), False),
        (refusals.Answer(0, "", "cut"), (0,), False),
    ],
    ids=["refused", "trouble", "trouble that lasts", "overloaded", "no answer"],
)
def test_what_may_pass_in_a_moment_is_not_told(answer, moments, told):
    assert after(answer, *moments).told is told


def test_it_says_which_run_and_why_in_one_line():
    said = "the API server does not create the run 'run': exceeded quota of the namespace"
    assert after(QUOTA, 0).message == said
