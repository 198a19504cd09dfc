"""How much memory an attempt has that follows on ones that ran out of it."""

from __future__ import annotations

import pytest

from kubedag.core import memory
from kubedag.core.plan import RetryPolicy
from support.builders import a_plan
from support.objects import a_task


@pytest.mark.parametrize(
    ("base", "factor", "times", "most", "expected"),
    [
        pytest.param("64Mi", "2", 0, "", "64Mi", id="as it was"),
        pytest.param("64Mi", "2", 1, "", "128Mi", id="twice"),
        pytest.param("512Mi", "1.5", 1, "", "768Mi", id="half as much again"),
        pytest.param("512Mi", "1.5", 2, "", "1152Mi", id="and again"),
        pytest.param("1Gi", "2", 2, "", "4Gi", id="in the largest unit that fits"),
        pytest.param("1.5Gi", "2", 1, "", "3Gi", id="of a broken number"),
        pytest.param("100M", "1.5", 1, "", "150M", id="in decimal units"),
        pytest.param("1G", "1.25", 1, "", "1250M", id="in smaller decimal units"),
        pytest.param("64Mi", "1.33", 1, "", "86Mi", id="rounded up to whole MiB"),
        pytest.param("100M", "1.33", 2, "", "177M", id="rounded up to whole MB, once"),
        pytest.param("1000", "1.5", 1, "", "1500", id="little, in bytes"),
        pytest.param(134217728, "2", 1, "", "256Mi", id="a number"),
        pytest.param("1e9", "2", 1, "", "1908Mi", id="with an exponent"),
        pytest.param("64Mi", "2", 3, "", "512Mi", id="eight times"),
        pytest.param("64Mi", "2", 100, "", "512Mi", id="never more than that"),
        pytest.param("64Mi", "9.99", 100, "", "512Mi", id="however fast"),
        pytest.param("1500Ki", "9", 1, "", "12000Ki", id="to the byte"),
        pytest.param("64Mi", "2", 9, "100Mi", "100Mi", id="or than memoryMax"),
        pytest.param("64Mi", "2", 9, "64Gi", "32Gi", id="which may be higher"),
        pytest.param("64Mi", "2", 1, "100M", "100000000", id="which may have other units"),
        pytest.param("64Mi", "2", 1, "32Mi", "64Mi", id="never less than it was"),
        pytest.param("64Mi", "1", 9, "", "64Mi", id="once as much"),
        pytest.param("0", "2", 1, "", "0", id="nothing stays nothing"),
        pytest.param("1", "2", 1, "", "2", id="a single byte"),
        pytest.param("7Ei", "2", 1, "", "9223372036854775807", id="as much as can be written"),
        pytest.param("a lot", "2", 1, "", "a lot", id="what is no amount stays"),
        pytest.param("64Mi", "", 1, "", "64Mi", id="without a factor"),
    ],
)  # fmt: skip
def test_an_amount_after_so_many_times(base, factor, times, most, expected):
    policy = RetryPolicy(memory_factor=factor, memory_max=most)
    assert str(memory.amount(base, policy, times)) == expected


def test_request_and_limit_grow_and_nothing_else_does():
    resources = {
        "requests": {"memory": "32Mi", "cpu": "100m"},
        "limits": {"memory": "64Mi", "example.com/gpu": 1},
        "claims": [{"name": "c"}],
    }
    before = str(resources)
    assert memory.grown(resources, RetryPolicy(memory_factor="2"), 1) == {
        "requests": {"memory": "64Mi", "cpu": "100m"},
        "limits": {"memory": "128Mi", "example.com/gpu": 1},
        "claims": [{"name": "c"}],
    }
    assert str(resources) == before


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}}, "128Mi"),
        ({"requests": {"memory": "32Mi"}, "limits": None}, "64Mi"),
        ({"requests": {"memory": "32Mi"}, "limits": {"cpu": 1}}, "64Mi"),
    ],
    ids=["a limit", "no limit is null", "another limit"],
)
def test_an_attempt_has_what_its_limit_says_or_else_its_request(resources, expected):
    main = {"name": "main", "image": "i", "resources": resources}
    template = {"spec": {"containers": [main]}}
    plan = a_plan(a_task("a", retry={"memoryFactor": "2"}, podTemplate=template))
    assert memory.of_attempt(plan, plan.tasks[0], 1) == expected
