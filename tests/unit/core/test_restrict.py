"""What is left of a plan for a run that is limited to some tasks."""

import pytest

from kubedag.core import actions, decide_run, restrict, rows
from support.builders import a_plan, a_snapshot, at, run_facts
from support.objects import a_task

DIAMOND = a_plan(
    a_task("a"),
    a_task("b", dependsOn=["a"]),
    a_task("c", dependsOn=["a"], triggerRule="OneDone"),
    a_task("d", dependsOn=["b", "c"]),
    a_task("other"),
)


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ((), {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "other": []}),
        (("a",), {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}),
        (("b",), {"b": [], "d": ["b"]}),
        (("d",), {"d": []}),
        (("other", "c"), {"c": [], "d": ["c"], "other": []}),
        (("d", "b", "d"), {"b": [], "d": ["b"]}),
        (("none",), {}),
        (("none", "d"), {"d": []}),
    ],
)
def test_a_restricted_plan_has_these_tasks_and_all_downstream_of_them(names, left):
    found = restrict.restricted(DIAMOND, names)
    told = {task.name: [found.tasks[up].name for up in task.upstream] for task in found.tasks}
    assert told == left
    assert list(told) == list(left)


def test_a_restricted_plan_is_one_in_itself():
    found = restrict.restricted(DIAMOND, ("b", "c"))
    assert [task.index for task in found.tasks] == [0, 1, 2]
    assert dict(found.index) == {"b": 0, "c": 1, "d": 2}
    assert (found.order, found.downstream, found.depth) == ((0, 1, 2), ((2,), (2,), ()), (0, 0, 1))
    assert found.tasks[1].rule == "OneDone"
    assert (found.dag_name, found.retention) == (DIAMOND.dag_name, DIAMOND.retention)


def test_without_names_the_plan_is_the_same_object():
    assert restrict.restricted(DIAMOND, ()) is DIAMOND


def test_names_that_no_task_has_are_told_once_in_their_order():
    assert restrict.unknown(DIAMOND, ("z", "a", "y", "z")) == ("z", "y")


# --- Runs ------------------------------------------------------------------------------------


def limited(*names, **fields):
    """A run that is limited to these tasks, as the shell shows it."""
    plan = restrict.restricted(DIAMOND, names)
    return a_snapshot(plan, run=run_facts(tasks=names), **fields)


def test_a_run_that_is_limited_to_tasks_has_rows_for_those_only_and_begins_with_them():
    decision = decide_run.decide(limited("b"), at(1))
    assert [(row.name, row.state) for row in decision.status.tasks] == [
        ("b", "Queued"),
        ("d", "Waiting"),
    ]
    (create,) = decision.actions
    assert isinstance(create, actions.CreatePod)
    assert create.task_index == 0
    assert decision.status.progress == "0/2"


def test_a_run_that_names_tasks_that_there_are_not_ends_before_it_starts_and_says_which():
    decision = decide_run.decide(limited("b", "y", "z"), at(1))
    condition = decision.status.condition(rows.SUCCEEDED_CONDITION)
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "TaskNotFound")
    assert condition.message == ("spec.tasks: must name tasks of the DAG; it has no 'y', 'z'")
    assert (decision.status.finished, decision.actions) == (True, ())
    assert (decision.status.start_time, decision.status.tasks) == (None, ())


def test_of_many_names_that_there_are_not_a_few_are_told():
    decision = decide_run.decide(limited(*(f"t{n}" for n in range(9))), at(1))
    condition = decision.status.condition(rows.SUCCEEDED_CONDITION)
    assert condition is not None
    assert condition.message.endswith("it has no 't0', 't1', 't2', 't3', 't4' and 4 more")
