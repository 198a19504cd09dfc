"""What is wrong with rules of retry, and with memory that is to grow."""

from __future__ import annotations

import time

import pytest

from kubedag.core import plan, retry_checks
from support.builders import a_spec
from support.objects import a_task

HAS = {"resources": {"limits": {"memory": "64Mi"}}}


def problems(*tasks, **fields):
    return [str(problem) for problem in plan.validate(a_spec(*tasks, **fields))]


def with_retry(**retry):
    return {"retry": retry}


def a_rule(**conditions):
    return {"action": "Fail", **conditions}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            a_rule(reasons=["ExitCode", "OOMKiled"]),
            "spec.tasks[0].retry.onFailure[1].reasons[1]: must be a reason for which attempts fail; "
            "'OOMKiled' is none (did you mean 'OOMKilled'?)",
            id="a reason that is misspelt",
        ),
        pytest.param(
            a_rule(reasons=["Unschedulable"]),
            "spec.tasks[0].retry.onFailure[1].reasons[0]: must be a reason for which attempts fail; "
            "'Unschedulable' is none",
            id="a reason for which none fails",
        ),
        pytest.param(
            a_rule(messagePattern="(a"),
            "spec.tasks[0].retry.onFailure[1].messagePattern: must be a regular expression as RE2 "
            "knows them; it says: missing ): (a",
            id="a pattern that is none",
        ),
        pytest.param(
            a_rule(messagePattern="(?=a)"),
            "spec.tasks[0].retry.onFailure[1].messagePattern: must be a regular expression as RE2 "
            "knows them; it says: invalid perl operator: (?=",
            id="a pattern of another library",
        ),
        pytest.param(
            a_rule(messagePattern="a*"),
            "spec.tasks[0].retry.onFailure[1].messagePattern: must not match the empty text, as it "
            "then matches every failure",
            id="a pattern that says nothing",
        ),
        pytest.param(
            a_rule(messagePattern="[^a]{900}[^b]{900}"),
            "spec.tasks[0].retry.onFailure[1].messagePattern: must be simpler: it takes 14404 steps "
            "of at most 5000",
            id="a pattern that is too large",
        ),
    ],
)
def test_a_rule_that_cannot_match_as_meant_is_told(rule, expected):
    assert problems(a_task("a", **with_retry(onFailure=[a_rule(), rule]))) == [expected]


def test_rules_of_all_tasks_are_looked_at():
    bad = with_retry(onFailure=[a_rule(reasons=["x"])])
    found = problems(taskDefaults={"image": "i", **bad})
    assert [text.partition(":")[0] for text in found] == [
        "spec.taskDefaults.retry.onFailure[0].reasons[0]"
    ]


@pytest.mark.parametrize("reason", retry_checks.REASONS)
def test_a_rule_can_be_about_whatever_attempts_fail_for(reason):
    assert problems(a_task("a", **with_retry(onFailure=[a_rule(reasons=[reason])]))) == []


def test_the_same_pattern_counts_once_and_all_together_are_bounded():
    large = "x{1000}"
    same = [
        a_task(f"t{n}", **with_retry(onFailure=[a_rule(messagePattern=large)])) for n in range(99)
    ]
    each = [
        a_task(f"t{n}", **with_retry(onFailure=[a_rule(messagePattern=f"{large}{n}")]))
        for n in range(99)
    ]
    assert problems(*same) == []
    (found,) = problems(*each)
    assert found.startswith("spec.tasks[49].retry.onFailure[0].messagePattern: must be simpler")


def test_no_patterns_hold_up_the_operator():
    tasks = [
        a_task(
            f"t{n}",
            **with_retry(
                onFailure=[a_rule(messagePattern=f"([a-z]{{1,999}}[^{n}{m}]){{1,9}}")
                           for m in range(20)]
            ),
        )
        for n in range(400)
    ]  # fmt: skip
    spec = a_spec(*tasks)
    started = time.monotonic()
    assert plan.validate(spec)
    assert time.monotonic() - started < 2


# --- Memory -----------------------------------------------------------------------------------

NO_MEMORY = "resources: must have a memory request or limit, for retry.memoryFactor to multiply"


@pytest.mark.parametrize(
    ("task", "defaults", "expected"),
    [
        pytest.param(
            with_retry(memoryFactor="2"), {}, [f"spec.tasks[0].{NO_MEMORY}"], id="of none",
        ),
        pytest.param(
            {}, with_retry(memoryFactor="2"), [f"spec.tasks[0].{NO_MEMORY}"],
            id="of none, by the defaults",
        ),
        pytest.param(
            with_retry(memoryFactor="2") | {"resources": {"limits": {"cpu": "1", "memory": "0"}}},
            {}, [f"spec.tasks[0].{NO_MEMORY}"], id="of nothing",
        ),
        pytest.param(with_retry(memoryFactor="2") | HAS, {}, [], id="of the task's own"),
        pytest.param(with_retry(memoryFactor="2"), HAS, [], id="of that of the defaults"),
        pytest.param(
            with_retry(memoryFactor="2"),
            {"podTemplate": {"spec": {"containers": [
                {"name": "main", "resources": {"requests": {"memory": "1Gi"}}}]}}},
            [], id="of that of the container main",
        ),
        pytest.param(
            with_retry(memoryFactor="2") | HAS | {"podTemplate": {"spec": {"resources": {
                "limits": {"memory": "1Gi"}}}}},
            {},
            [("spec.tasks[0].retry.memoryFactor: must not be set where podTemplate.spec.resources has"
             " the memory of the whole Pod")],
            id="beside that of the Pod",
        ),
        pytest.param(
            with_retry(memoryMax="1Gi"), {},
            ["spec.tasks[0].retry.memoryFactor: must be set where memoryMax is"], id="only a bound",
        ),
        pytest.param(
            with_retry(memoryMax="1Gi") | HAS, with_retry(memoryFactor="2"), [],
            id="a bound, and a factor from the defaults",
        ),
        pytest.param(
            with_retry(memoryFactor="2", memoryMax="65535Ki") | HAS, {},
            [("spec.tasks[0].retry.memoryMax: must be at least the memory that the task has, which is"
             " 64Mi")],
            id="a bound below it",
        ),
        pytest.param(
            with_retry(memoryFactor="2", memoryMax="64Mi") | HAS, {}, [], id="a bound like it",
        ),
    ],
)  # fmt: skip
def test_memory_that_is_to_grow_must_be_known(task, defaults, expected):
    assert problems(a_task("a", **task), taskDefaults={"image": "i", **defaults}) == expected


def test_a_task_like_the_first_one_but_for_its_memory_is_looked_at_too():
    found = problems(a_task("a"), a_task("b", **with_retry(memoryFactor="2")))
    assert found == [f"spec.tasks[1].{NO_MEMORY}"]
