"""Which failures are retried, and after what pause."""

from __future__ import annotations

import pytest

from kubedag.core import retries
from kubedag.core.plan import RetryPolicy

POLICY = RetryPolicy(
    limit=2, infra_limit=3, backoff_seconds=100, backoff_factor=2, backoff_seconds_max=1000
)
ONE_YEAR = 31_536_000


def policy(seconds, factor, seconds_max):
    return RetryPolicy(
        backoff_seconds=seconds, backoff_factor=factor, backoff_seconds_max=seconds_max
    )


def delays(of, failures, keys=500):
    return {retries.delay_seconds(of, failures, f"key-{key}") for key in range(keys)}


@pytest.mark.parametrize(
    ("of", "failures", "shortest", "longest"),
    [
        pytest.param(POLICY, 1, 90, 110, id="the first pause is the base"),
        pytest.param(POLICY, 2, 180, 220, id="each further pause is multiplied"),
        pytest.param(POLICY, 4, 720, 880, id="and again"),
        pytest.param(POLICY, 5, 900, 1000, id="up to the longest pause, from below only"),
        pytest.param(POLICY, 10**9, 900, 1000, id="a thousand million failures overflow nothing"),
        pytest.param(policy(100, 1, 1000), 10**9, 90, 110, id="a factor of one never grows"),
        pytest.param(policy(1, 2, 600), 1, 1, 1, id="a second has no room for jitter"),
        pytest.param(policy(1, 2, ONE_YEAR), 99, 28382400, ONE_YEAR, id="a year can be reached"),
        pytest.param(policy(900, 2, 600), 1, 540, 600, id="the longest pause binds the first one"),
    ],
)
def test_the_pause_grows_and_stays_within_its_bounds(of, failures, shortest, longest):
    found = delays(of, failures)
    assert shortest <= min(found) <= max(found) <= longest


def test_different_keys_spread_over_the_whole_width_of_the_jitter():
    assert delays(POLICY, 1) == set(range(90, 111))


def test_the_spread_is_kept_where_the_longest_pause_bounds_it():
    assert len(delays(POLICY, 50)) > 90


def test_the_same_key_waits_equally_long_each_time_it_is_asked():
    assert retries.delay_seconds(POLICY, 1, "data/etl/load") == 106


@pytest.mark.parametrize(
    ("failure_class", "user_failures", "infra_failures", "is_retried"),
    [
        pytest.param("User", 1, 0, True, id="the first failure of the program"),
        pytest.param("User", 2, 0, True, id="the last one that the limit covers"),
        pytest.param("User", 3, 0, False, id="one more than the limit"),
        pytest.param("User", 2, 3, True, id="the cluster's failures use up none of it"),
        pytest.param("Infra", 2, 3, True, id="the last one of the cluster that is covered"),
        pytest.param("Infra", 0, 4, False, id="one more of the cluster than its limit"),
        pytest.param("Infra", 3, 1, True, id="the program's failures use up none of that"),
        pytest.param("Config", 1, 0, False, id="what would fail the same way again"),
        pytest.param("", 1, 0, False, id="what is no failure"),
    ],
)
def test_a_failure_is_retried_within_the_budget_of_its_class(
    failure_class, user_failures, infra_failures, is_retried
):
    delay = retries.next_delay_seconds(
        POLICY,
        failure_class=failure_class,
        user_failures=user_failures,
        infra_failures=infra_failures,
        key="x",
    )
    assert (delay is not None) == is_retried


def test_the_pause_grows_with_the_failures_of_the_same_class():
    assert retries.next_delay_seconds(
        POLICY, failure_class="Infra", user_failures=2, infra_failures=1, key="x"
    ) == retries.delay_seconds(POLICY, 1, "x")


def test_without_a_policy_only_the_clusters_failures_are_retried():
    plain = RetryPolicy()
    asked = {"user_failures": 1, "infra_failures": 1, "key": "x"}
    assert retries.next_delay_seconds(plain, failure_class="User", **asked) is None
    assert retries.next_delay_seconds(plain, failure_class="Infra", **asked) is not None
