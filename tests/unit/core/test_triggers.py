"""The trigger rules against three sources: Airflow's own answers, an oracle, and their own law."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from kubedag.api.enums import TriggerRule
from kubedag.core import triggers
from kubedag.core.triggers import Verdict

# Airflow 3.3.2, TriggerRuleDep with flag_upstream_failed, for all states of one and two upstreams.
AIRFLOW = json.loads((Path(__file__).parent / "trigger_cases.json").read_text())
UPSTREAMS_MAX = 4
ENDS = ("Succeeded", "Failed", "Skipped", "UpstreamFailed")
OPEN = "Running"


def tally(states):
    counts = [sum(state == end for state in states) for end in ENDS]
    return triggers.Tally(*counts, total=len(states))


def multisets(states):
    for size in range(1, UPSTREAMS_MAX + 1):
        yield from itertools.combinations_with_replacement(states, size)


def completions(states):
    """All ways in which the upstreams that have not ended can still end."""
    ended = [state for state in states if state != OPEN]
    for rest in itertools.product(ENDS, repeat=len(states) - len(ended)):
        yield [*ended, *rest]


def final_verdict(rule, states):
    """What the documentation of each rule says once all upstreams have ended."""
    ran_well, skipped = "Succeeded" in states, "Skipped" in states
    bad = "Failed" in states or "UpstreamFailed" in states
    either = {True: Verdict.RUN, False: Verdict.SKIP}
    unless_bad = Verdict.UPSTREAM_FAILED if bad else None
    return {
        "AllSucceeded": unless_bad or either[not skipped],
        "AllFailed": either[set(states) <= {"Failed", "UpstreamFailed"}],
        "AllDone": Verdict.RUN,
        "AllDoneMinOneSucceeded": (
            Verdict.SKIP if skipped else Verdict.RUN if ran_well else Verdict.UPSTREAM_FAILED
        ),
        "AllSkipped": either[set(states) == {"Skipped"}],
        "OneFailed": either[bad],
        "OneSucceeded": Verdict.RUN if ran_well else unless_bad or Verdict.SKIP,
        "OneDone": either[ran_well or "Failed" in states],
        "NoneFailed": unless_bad or Verdict.RUN,
        "NoneFailedMinOneSucceeded": unless_bad or either[ran_well],
        "NoneSkipped": either[not skipped],
        "Always": Verdict.RUN,
    }[rule]


def oracle(rule, states):
    """Decide as soon as the upstreams that are still open can no longer matter, and not before."""
    possible = {final_verdict(rule, states) for states in completions(states)}
    if rule == "AllDone" and OPEN in states:
        return Verdict.WAIT
    if rule == "AllSucceeded" and possible == {Verdict.SKIP, Verdict.UPSTREAM_FAILED}:
        return Verdict.SKIP
    return possible.pop() if len(possible) == 1 else Verdict.WAIT


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_rule_answers_as_airflow_does_for_one_and_two_upstreams(rule):
    answers = {
        states: str(triggers.evaluate(rule, tally(states.split()))) for states in AIRFLOW[rule]
    }
    assert answers == AIRFLOW[rule]


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_rule_answers_as_the_oracle_does_for_up_to_four_upstreams(rule):
    cases = list(multisets((OPEN, *ENDS)))
    assert {states: triggers.evaluate(rule, tally(states)) for states in cases} == {
        states: oracle(rule, states) for states in cases
    }


@pytest.mark.parametrize("rule", TriggerRule)
def test_what_is_decided_early_stays_so_however_the_other_upstreams_end(rule):
    changes = {
        (early, late)
        for states in multisets((OPEN, *ENDS))
        if (early := triggers.evaluate(rule, tally(states))) != Verdict.WAIT
        for end in completions(states)
        if (late := triggers.evaluate(rule, tally(end))) != early
    }
    timing = {(Verdict.SKIP, Verdict.UPSTREAM_FAILED)}  # docs/adr/0002-trigger-rules.md
    assert changes == (timing if rule == TriggerRule.ALL_SUCCEEDED else set())


@pytest.mark.parametrize("rule", TriggerRule)
def test_every_rule_has_decided_once_all_upstreams_have_ended(rule):
    verdicts = {triggers.evaluate(rule, tally(states)) for states in multisets(ENDS)}
    assert Verdict.WAIT not in verdicts


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_task_without_upstreams_runs_whatever_its_rule(rule):
    assert triggers.evaluate(rule, tally(())) == Verdict.RUN


def test_every_rule_of_the_api_has_a_row():
    assert set(triggers.RULES) == set(TriggerRule)


def test_a_tally_counts_the_upstreams_that_have_ended():
    assert tally(("Succeeded", "Failed", "Skipped", "UpstreamFailed", OPEN)).done == 4


@pytest.mark.parametrize(
    ("rule", "states", "verdict"),
    [
        pytest.param(
            "OneFailed", "Running Failed", "Run", id="a task for failures starts at the first one"
        ),
        pytest.param(
            "AllDone", "Running Failed", "Wait", id="a task that tidies up waits for the last one"
        ),
        pytest.param(
            "AllDoneMinOneSucceeded",
            "Succeeded Skipped",
            "Skip",
            id="a skipped upstream is not done, as Airflow sees it",
        ),
        pytest.param(
            "NoneFailedMinOneSucceeded",
            "Succeeded Skipped",
            "Run",
            id="a join runs when one branch ran and the other was skipped",
        ),
        pytest.param(
            "AllSucceeded", "Succeeded Skipped", "Skip", id="a skip is passed on by default"
        ),
    ],
)
def test_the_usual_cases(rule, states, verdict):
    assert triggers.evaluate(TriggerRule(rule), tally(states.split())) == Verdict(verdict)
