"""A spec becomes a plan: names become numbers, and what nobody says is filled in."""

from __future__ import annotations

import pytest

from kubedag.api.dag import DAGSpec, Retention
from kubedag.api.enums import ConcurrencyPolicy, KeepPods, TriggerRule
from kubedag.core import plan
from kubedag.core.plan import RetryPolicy


def compiled(*tasks, defaults=None, **fields):
    if defaults is not None:
        fields["taskDefaults"] = defaults
    named = [{"name": name, "image": "alpine", **task} for name, task in tasks]
    return plan.compile_plan("sales", DAGSpec.model_validate({**fields, "tasks": named}))


def test_names_become_numbers():
    found = compiled(
        ("join", {"dependsOn": ["right", "left"], "triggerRule": "AllDone"}),
        ("left", {"dependsOn": ["start"]}),
        ("right", {"dependsOn": ["start"]}),
        ("start", {}),
    )
    assert dict(found.index) == {"join": 0, "left": 1, "right": 2, "start": 3}
    assert [task.upstream for task in found.tasks] == [(2, 1), (3,), (3,), ()]
    assert found.downstream == ((), (0,), (0,), (1, 2))
    assert found.order == (3, 1, 2, 0)
    assert found.depth == (2, 1, 1, 0)
    assert found.tasks[0].rule is TriggerRule.ALL_DONE
    assert [(task.index, task.name) for task in found.tasks] == [
        (0, "join"), (1, "left"), (2, "right"), (3, "start"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "attribute", "default"),
    [
        pytest.param("timeoutSeconds", "timeout_seconds", None, id="a timeout"),
        pytest.param("pendingTimeoutSeconds", "pending_timeout_seconds", 900, id="a pending one"),
        pytest.param("priority", "priority", 0, id="a priority"),
    ],
)
def test_a_number_is_the_tasks_own_or_the_common_or_the_default_one(field, attribute, default):
    def of(task, defaults):
        return getattr(compiled(("a", task), defaults=defaults).tasks[0], attribute)

    assert of({}, None) == of({}, {}) == default
    assert of({}, {field: 7}) == 7
    assert of({field: 8}, None) == of({field: 8}, {field: 7}) == 8


@pytest.mark.parametrize(
    ("own", "common", "expected"),
    [
        (None, None, True),
        (None, False, False),
        (None, True, True),
        (False, None, False),
        (False, True, False),
        (True, False, True),
    ],
)
def test_a_task_may_run_twice_unless_it_or_the_defaults_say_otherwise(own, common, expected):
    task, defaults = ({} if said is None else {"idempotent": said} for said in (own, common))
    assert compiled(("a", task), defaults=defaults).tasks[0].idempotent is expected


def test_a_priority_of_zero_is_said_as_much_as_any_other():
    assert compiled(("a", {"priority": 0}), defaults={"priority": 5}).tasks[0].priority == 0


@pytest.mark.parametrize(
    ("common", "own", "policy"),
    [
        pytest.param(None, None, RetryPolicy(0, 3, 30, 2, 600), id="nobody says anything"),
        pytest.param(
            {"limit": 2, "backoffFactor": 1},
            None,
            RetryPolicy(2, 3, 30, 1, 600),
            id="the common one",
        ),
        pytest.param(
            {"limit": 2, "backoffSeconds": 10},
            {"limit": 0, "backoffSecondsMax": 60},
            RetryPolicy(0, 3, 10, 2, 60),
            id="field by field the task's own",
        ),
        pytest.param(
            None, {"infraLimit": 0}, RetryPolicy(0, 0, 30, 2, 600), id="zero is said, too"
        ),
    ],
)
def test_a_retry_policy_is_put_together_field_by_field(common, own, policy):
    defaults = {"retry": common} if common else {}
    assert (
        compiled(("a", {"retry": own} if own else {}), defaults=defaults).tasks[0].retry == policy
    )


@pytest.mark.parametrize(
    ("own", "actions"),
    [
        pytest.param({"limit": 2}, ["Fail"], id="who says nothing of rules has the common ones"),
        pytest.param({"onFailure": [{"action": "Skip"}]}, ["Skip"], id="its own instead"),
        pytest.param({"onFailure": []}, [], id="none, if that is what is written"),
    ],
)
def test_the_rules_of_a_task_take_the_place_of_the_common_ones(own, actions):
    defaults = {"retry": {"onFailure": [{"action": "Fail"}]}}
    rules = compiled(("a", {"retry": own}), defaults=defaults).tasks[0].retry.on_failure
    assert [str(rule.action) for rule in rules] == actions


def test_what_holds_for_the_whole_run_is_taken_over():
    found = compiled(
        ("a", {}),
        timeoutSeconds=60,
        maxActiveTasks=5,
        maxActiveRuns=2,
        concurrencyPolicy="Forbid",
        dependsOnPast=True,
        retention={"keepPods": "All"},
    )
    assert (found.dag_name, found.timeout_seconds, found.max_active_tasks) == ("sales", 60, 5)
    assert (found.max_active_runs, found.depends_on_past) == (2, True)
    assert found.concurrency_policy is ConcurrencyPolicy.FORBID
    assert found.retention.keep_pods is KeepPods.ALL
    assert found.retention == Retention(keep_pods=KeepPods.ALL)


def test_a_plan_cannot_be_changed():
    found = compiled(("a", {}))
    with pytest.raises(TypeError):
        found.index["b"] = 1
    with pytest.raises(AttributeError):
        found.tasks[0].priority = 1
