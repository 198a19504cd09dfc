"""What can be wrong with the tasks at the end of a run."""

from __future__ import annotations

import pytest

from kubedag.core import plan
from support.builders import a_spec
from support.objects import a_task


def problems(*tasks, last=()):
    spec = a_spec(*tasks, **{"finally": list(last)})
    return [str(problem) for problem in plan.validate(spec)]


A, B = a_task("a"), a_task("b", dependsOn=["a"])


@pytest.mark.parametrize(
    ("tasks", "last", "said"),
    [
        pytest.param(
            (A,), (A,), "spec.finally[0].name: must be unique; spec.tasks[0] is called 'a', too",
            id="one name in both lists",
        ),
        pytest.param(
            (A,), (a_task("f"), a_task("g", dependsOn=["a"])),
            "spec.finally[1].dependsOn[0]: must name a task of spec.finally; 'a' is one of "
            "spec.tasks, and done by then anyway",
            id="the end depends on a task",
        ),
        pytest.param(
            (A, a_task("b", dependsOn=["a", "f"])), (a_task("f"),),
            "spec.tasks[1].dependsOn[1]: must name a task of spec.tasks; 'f' is one of "
            "spec.finally, which run after all these",
            id="a task depends on the end",
        ),
        pytest.param(
            (A,), (a_task("f", dependsOn=["fx"]), a_task("gg")),
            "spec.finally[0].dependsOn[0]: must name a task of this DAG; 'fx' is none",
            id="no such task",
        ),
        pytest.param(
            (A,), (a_task("f", dependsOn=["g"]), a_task("g", dependsOn=["f"])),
            "spec.finally[0].dependsOn[0]: must not lead back to the task itself: f → g → f",
            id="a circle at the end",
        ),
        pytest.param(
            (A,), (a_task("f", image="a b"),), "spec.finally[0].image: must not contain spaces",
            id="an image",
        ),
        pytest.param(
            (A,), (a_task("f", retry={"backoffSeconds": 900}),),
            "spec.finally[0].retry.backoffSeconds: must be at most backoffSecondsMax, which is 600 "
            "here",
            id="a retry",
        ),
        pytest.param(
            (A,), (a_task("f", volumeMounts=[{"name": "v", "mountPath": "/v"}]),),
            "spec.finally[0].volumeMounts[0].name: must name a volume of the podTemplate; 'v' is "
            "none",
            id="a Pod",
        ),
        pytest.param(
            (A, a_task("b", dependsOn=["a"], teardownOf=["x"])), (),
            "spec.tasks[1].teardownOf[0]: must name a task of this DAG; 'x' is none",
            id="a setup that there is not",
        ),
        pytest.param(
            (A, a_task("b", teardownOf=["a"])), (),
            "spec.tasks[1].teardownOf[0]: must name a task in dependsOn, or one before those; 'a' "
            "is none",
            id="a setup that is not above",
        ),
        pytest.param(
            (A, a_task("b", dependsOn=["a"], teardownOf=["b"])), (),
            "spec.tasks[1].teardownOf[0]: must name a task in dependsOn, or one before those; 'b' "
            "is none",
            id="itself",
        ),
        pytest.param(
            (A,), (a_task("f", teardownOf=["a"]),),
            "spec.finally[0].teardownOf[0]: must name a task in dependsOn, or one before those; "
            "'a' is none",
            id="a task from its end",
        ),
        pytest.param(
            (A, a_task("b", dependsOn=["a"], teardownOf=["a"], triggerRule="AllDone")), (),
            "spec.tasks[1].triggerRule: must not be set beside teardownOf: a teardown has a rule of "
            "its own",
            id="a rule",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_was_made(tasks, last, said):
    assert problems(*tasks, last=last) == [said]


@pytest.mark.parametrize(
    ("tasks", "last"),
    [
        pytest.param((A,), (a_task("f"), a_task("g", dependsOn=["f"])), id="an end in two steps"),
        pytest.param((A, B, a_task("c", dependsOn=["b"], teardownOf=["a"])), (), id="further up"),
        pytest.param(
            (A,), (a_task("f"), a_task("g", dependsOn=["f"], teardownOf=["f"])),
            id="a teardown at the end of one at the end",
        ),
    ],
)  # fmt: skip
def test_what_is_in_order_has_no_problem(tasks, last):
    assert problems(*tasks, last=last) == []


def test_a_missing_image_is_told_at_the_end_too():
    spec = a_spec(a_task("a", image="i"), taskDefaults={}, **{"finally": [a_task("f")]})
    (problem,) = plan.validate(spec)
    assert (problem.path, problem.reason) == ("spec.finally[0].image", "NoImage")


def test_teardowns_on_a_circle_are_no_further_problem():
    tasks = [
        a_task("a", dependsOn=["b"], teardownOf=["b"]),
        a_task("b", dependsOn=["a"], teardownOf=["a"]),
    ]
    assert [said.partition(":")[0] for said in problems(*tasks)] == ["spec.tasks[0].dependsOn[0]"]


def test_thousands_of_teardowns_are_checked_at_once():
    """In a chain the last has ten thousand tasks above it; looking for each anew took a minute."""
    chain = [
        a_task(
            f"t{number}",
            dependsOn=[f"t{number - 1}"] if number else [],
            **({"teardownOf": ["t0"]} if number else {}),
        )
        for number in range(3000)
    ]
    assert problems(*chain) == []
