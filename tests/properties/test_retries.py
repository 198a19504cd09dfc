"""What holds of every pause, whatever the policy and however often something failed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import retries
from kubedag.core.plan import RetryPolicy

ONE_YEAR = 31_536_000
seconds = st.integers(1, ONE_YEAR)
policies = st.builds(
    RetryPolicy,
    limit=st.integers(0, 100),
    infra_limit=st.integers(0, 100),
    backoff_seconds=seconds,
    backoff_factor=st.integers(1, 10),
    backoff_seconds_max=seconds,
)
failures = st.integers(1, 10**12)


@given(policies, failures, st.text())
def test_a_pause_is_never_longer_than_the_longest_one_nor_instant(policy, count, key):
    assert 1 <= retries.delay_seconds(policy, count, key) <= policy.backoff_seconds_max


@given(policies, st.integers(1, 300), st.text())
def test_a_pause_is_within_a_tenth_of_the_exact_one(policy, count, key):
    exact = min(
        policy.backoff_seconds * policy.backoff_factor ** (count - 1), policy.backoff_seconds_max
    )
    assert abs(retries.delay_seconds(policy, count, key) - exact) <= exact / 10


@given(policies, st.sampled_from(["User", "Infra"]), failures, failures, st.text())
def test_only_the_budget_of_the_class_counts(policy, failure_class, user, infra, key):
    count, limit = (user, policy.limit) if failure_class == "User" else (infra, policy.infra_limit)
    delay = retries.next_delay_seconds(
        policy, failure_class=failure_class, user_failures=user, infra_failures=infra, key=key
    )
    assert delay == (retries.delay_seconds(policy, count, key) if count <= limit else None)
