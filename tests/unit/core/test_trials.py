"""The Pods that the API server is asked about before a DAG is called ready."""

from __future__ import annotations

import pytest

from kubedag.core import trials
from support.builders import a_plan
from support.objects import a_task

PLAIN = {"command": ["true"]}


def a_variable(**source):
    return {**PLAIN, "env": [{"name": "A", "valueFrom": source}]}


def asked(*tasks, **spec):
    found = trials.trials(a_plan(*tasks, **spec), "ns", "uid-dag")
    return [trial.task_index for trial in found]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(PLAIN, [0], id="nothing"),
        pytest.param({"command": ["false"], "args": ["x"]}, [0], id="what it runs"),
        pytest.param({**PLAIN, "env": [{"name": "A", "value": "b"}]}, [0], id="its variables"),
        pytest.param(a_variable(secretKeyRef={"name": "db", "key": "pass.word"}), [0],
                     id="a key of a Secret"),
        pytest.param(a_variable(configMapKeyRef={"name": "db", "key": "k", "optional": True}), [0],
                     id="a key of a ConfigMap"),
        pytest.param(a_variable(secretKeyRef={"name": "db", "key": "password=x"}), [0, 1],
                     id="a key that there cannot be"),
        pytest.param(a_variable(secretKeyRef={"name": "D B", "key": "k"}), [0, 1],
                     id="a name that there cannot be"),
        pytest.param(a_variable(secretKeyRef={"name": "db"}), [0, 1], id="no key"),
        pytest.param(a_variable(secretKeyRef={"name": "db", "key": ".."}), [0, 1],
                     id="a key that is a path"),
        pytest.param(a_variable(secretKeyRef="db"), [0, 1], id="no reference at all"),
        pytest.param(a_variable(fieldRef={"fieldPath": "spec.nodeName"}), [0, 1],
                     id="a field of the Pod"),
        pytest.param(
            a_variable(secretKeyRef={"name": "d", "key": "k"}, fieldRef={"fieldPath": "x"}),
            [0, 1], id="two sources",
        ),
        pytest.param({**PLAIN, "timeoutSeconds": 5, "priority": 3}, [0], id="what we do with it"),
        pytest.param({**PLAIN, "idempotent": False}, [0], id="whether it may run twice"),
        pytest.param({**PLAIN, "image": "other"}, [0, 1], id="its image"),
        pytest.param({**PLAIN, "serviceAccountName": "loader"}, [0, 1], id="its account"),
        pytest.param(
            {**PLAIN, "podTemplate": {"metadata": {"labels": {"team": "x"}}}}, [0, 1],
            id="its labels",
        ),
        pytest.param(
            {**PLAIN, "podTemplate": {"spec": {"nodeSelector": {"a": "b"}}}}, [0, 1],
            id="its nodes",
        ),
    ],
)  # fmt: skip
def test_tasks_share_a_question_if_they_differ_only_in(other, expected):
    assert asked(a_task("a", **PLAIN), a_task("b", **other)) == expected


def test_a_question_speaks_for_the_first_task_of_its_kind():
    tasks = [a_task(name, image=image) for name, image in zip("abcd", "xyxy", strict=True)]
    assert asked(*tasks) == [0, 1]


def test_only_so_many_questions_are_asked():
    tasks = [a_task(f"t{number}", image=f"i{number}") for number in range(50)]
    assert asked(*tasks) == list(range(trials.TRIALS_MAX))


def test_the_same_dag_asks_the_same_questions_every_time():
    plan = a_plan(a_task("a"))
    assert trials.trials(plan, "ns", "u") == trials.trials(plan, "ns", "u")


def test_the_pod_that_is_asked_about_is_complete_and_in_the_dags_namespace():
    (trial,) = trials.trials(a_plan(a_task("a", **PLAIN)), "ns", "uid-dag")
    assert trial.manifest["metadata"]["namespace"] == "ns"
    assert trial.manifest["spec"]["containers"][0]["command"] == ("true",)
