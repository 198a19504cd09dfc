"""What holds of the trigger rules for any number of upstreams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubedag.api.enums import TriggerRule
from kubedag.core import triggers
from kubedag.core.triggers import Verdict

counts = st.integers(0, 5000)
ended = st.tuples(counts, counts, counts, counts)
rules = st.sampled_from(list(TriggerRule))


@given(rules, ended, st.integers(0, 3), counts)
def test_one_more_end_never_changes_a_verdict(rule, states, which, still_open):
    total = sum(states) + 1 + still_open
    before = triggers.evaluate(rule, triggers.Tally(*states, total=total))
    more = [count + (place == which) for place, count in enumerate(states)]
    after = triggers.evaluate(rule, triggers.Tally(*more, total=total))
    if rule == TriggerRule.ALL_SUCCEEDED and before == Verdict.SKIP:
        assert after in (Verdict.SKIP, Verdict.UPSTREAM_FAILED)
    elif before != Verdict.WAIT:
        assert after == before


@given(rules, ended)
def test_nothing_waits_once_all_upstreams_have_ended(rule, states):
    assert triggers.evaluate(rule, triggers.Tally(*states, total=sum(states))) != Verdict.WAIT


@given(rules, ended, st.integers(2, 9))
def test_only_which_ends_there_are_counts_and_not_how_many(rule, states, factor):
    few = triggers.Tally(*states, total=sum(states))
    many = triggers.Tally(*(count * factor for count in states), total=sum(states) * factor)
    assert triggers.evaluate(rule, few) == triggers.evaluate(rule, many)
