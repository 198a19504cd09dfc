"""The Pods that tasks become, as the API server gets them."""

from __future__ import annotations

import dataclasses
import json

import orjson
import pytest

from kubedag.api.dag import DAGSpec
from kubedag.core import naming, plan, podspec

RUN = podspec.RunIdentity(
    name="sales-20260131",
    namespace="data",
    uid="0b9d1c1e-3f6a-4c1d-9d70-6d2f6e0c9a11",
    revision="sales-abcdefghij",
    run_type="Scheduled",
    logical_time="2026-01-30T00:00:00Z",
    interval_start="2026-01-30T00:00:00Z",
    interval_end="2026-01-31T00:00:00Z",
)
BY_HAND = podspec.RunIdentity(
    name="try-it",
    namespace="data",
    uid="6d2f6e0c",
    revision="sales-abcdefghij",
    run_type="Manual",
    logical_time="2026-01-30T09:15:00Z",
)


def build(task, defaults=None, run=RUN, attempt=1, map_index=None):
    """What is sent for a task called `load`."""
    spec = {"tasks": [{"name": "load", "image": "alpine", **task}]}
    if defaults is not None:
        spec["taskDefaults"] = defaults
    parsed = DAGSpec.model_validate(spec)
    assert plan.validate(parsed) == ()
    compiled = plan.compile_plan("sales", parsed)
    sent = podspec.build(compiled, compiled.tasks[0], run, attempt, map_index)
    return json.loads(orjson.dumps(sent))


def main(task, defaults=None, **context):
    """The container of the task, without the variables that every container has."""
    container = build(task, defaults, **context)["spec"]["containers"][0]
    container["env"] = [item for item in container["env"] if "KUBEDAG" not in item["name"]]
    return {key: value for key, value in container.items() if value != []}


VARIABLES = [
    {"name": "KUBEDAG_NAMESPACE", "value": "data"},
    {"name": "KUBEDAG_DAG", "value": "sales"},
    {"name": "KUBEDAG_RUN", "value": "sales-20260131"},
    {"name": "KUBEDAG_RUN_TYPE", "value": "Scheduled"},
    {"name": "KUBEDAG_TASK", "value": "load"},
    {"name": "KUBEDAG_ATTEMPT", "value": "1"},
    {"name": "KUBEDAG_LOGICAL_TIME", "value": "2026-01-30T00:00:00Z"},
    {"name": "KUBEDAG_DATA_INTERVAL_START", "value": "2026-01-30T00:00:00Z"},
    {"name": "KUBEDAG_DATA_INTERVAL_END", "value": "2026-01-31T00:00:00Z"},
]
THE_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "sales-20260131-load-1-swysgb4e",
        "namespace": "data",
        "labels": {
            "app.kubernetes.io/managed-by": "kubedag",
            "kubedag.dev/dag": "sales",
            "kubedag.dev/run": "sales-20260131",
            "kubedag.dev/run-uid": "0b9d1c1e-3f6a-4c1d-9d70-6d2f6e0c9a11",
            "kubedag.dev/task": "load",
            "kubedag.dev/attempt": "1",
            "kubedag.dev/revision": "sales-abcdefghij",
            "kubedag.dev/run-type": "Scheduled",
            "kubedag.dev/logical-time": "20260130T000000Z",
        },
        "annotations": {
            "kubedag.dev/logical-time": "2026-01-30T00:00:00Z",
            "kubedag.dev/data-interval-start": "2026-01-30T00:00:00Z",
            "kubedag.dev/data-interval-end": "2026-01-31T00:00:00Z",
        },
        "ownerReferences": [
            {
                "apiVersion": "kubedag.dev/v1alpha1",
                "kind": "DAGRun",
                "name": "sales-20260131",
                "uid": "0b9d1c1e-3f6a-4c1d-9d70-6d2f6e0c9a11",
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    },
    "spec": {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "main",
                "image": "alpine",
                "command": ["python", "-m", "load"],
                "args": ["--all"],
                "env": VARIABLES,
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
    },
}


def test_a_task_with_a_command_becomes_this_pod():
    assert build({"command": ["python", "-m", "load"], "args": ["--all"]}) == THE_POD


def test_a_script_arrives_as_a_file_through_an_annotation():
    pod = build({"script": {"interpreter": ["python", "-u"], "source": "print('ü')\n"}})
    container = pod["spec"]["containers"][0]
    assert pod["metadata"]["annotations"]["kubedag.dev/script"] == "print('ü')\n"
    assert container["command"] == ["python", "-u", "/kubedag/script/source"]
    assert container["volumeMounts"] == [
        {"name": "kubedag-script", "mountPath": "/kubedag/script", "readOnly": True}
    ]
    assert pod["spec"]["volumes"] == [
        {
            "name": "kubedag-script",
            "downwardAPI": {
                "items": [
                    {
                        "path": "source",
                        "fieldRef": {"fieldPath": "metadata.annotations['kubedag.dev/script']"},
                    }
                ]
            },
        }
    ]


def test_every_container_gets_the_variables_and_says_why_it_ended():
    template = {
        "spec": {
            "initContainers": [{"name": "fetch", "image": "curl"}],
            "containers": [
                {"name": "proxy", "image": "proxy", "env": [{"name": "PORT", "value": "1"}]},
                {"name": "logs", "image": "logs", "terminationMessagePolicy": "File"},
            ],
        }
    }
    spec = build({"podTemplate": template})["spec"]
    containers = [*spec["initContainers"], *spec["containers"]]
    assert [(item["name"], item["terminationMessagePolicy"]) for item in containers] == [
        ("fetch", "FallbackToLogsOnError"),
        ("main", "FallbackToLogsOnError"),
        ("proxy", "FallbackToLogsOnError"),
        ("logs", "File"),
    ]
    assert {item["env"][2]["value"] for item in containers} == {"sales-20260131"}
    assert containers[2]["env"][-1] == {"name": "PORT", "value": "1"}


def test_a_users_variables_come_after_ours_so_that_they_can_refer_to_them():
    env = [{"name": "TARGET", "value": "s3://sales/$(KUBEDAG_DATA_INTERVAL_START)"}]
    names = [item["name"] for item in build({"env": env})["spec"]["containers"][0]["env"]]
    assert names.index("TARGET") == len(names) - 1 > names.index("KUBEDAG_DATA_INTERVAL_START")


def test_a_run_without_an_interval_has_no_variables_for_it():
    container = build({}, run=BY_HAND)["spec"]["containers"][0]
    assert [item["name"] for item in container["env"] if "INTERVAL" in item["name"]] == []
    assert {"name": "KUBEDAG_LOGICAL_TIME", "value": "2026-01-30T09:15:00Z"} in container["env"]


def test_one_of_many_is_told_which_one_it_is():
    pod = build({}, map_index=0)
    assert pod["metadata"]["labels"]["kubedag.dev/map-index"] == "0"
    assert {"name": "KUBEDAG_MAP_INDEX", "value": "0"} in pod["spec"]["containers"][0]["env"]
    assert pod["metadata"]["name"] == naming.pod_name(RUN.name, RUN.uid, "load", 0, 1)


def test_a_later_attempt_is_another_pod_and_knows_it():
    pod = build({}, attempt=3)
    assert pod["metadata"]["name"] == naming.pod_name(RUN.name, RUN.uid, "load", None, 3)
    assert pod["metadata"]["labels"]["kubedag.dev/attempt"] == "3"
    assert {"name": "KUBEDAG_ATTEMPT", "value": "3"} in pod["spec"]["containers"][0]["env"]


def test_labels_annotations_and_everything_else_of_a_pod_template_is_kept():
    spec = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {"runAsNonRoot": True},
        "priorityClassName": "batch",
        "runtimeClassName": "gvisor",
        "enableServiceLinks": True,
        "somethingNew": {"of": "tomorrow"},
    }
    metadata = {"labels": {"team": "sales"}, "annotations": {"example.com/cost": "7"}}
    pod = build({"podTemplate": {"metadata": metadata, "spec": spec}})
    assert {key: pod["spec"][key] for key in spec} == spec
    assert pod["metadata"]["annotations"]["example.com/cost"] == "7"
    assert pod["metadata"]["labels"]["team"] == "sales"
    assert pod["metadata"]["labels"]["kubedag.dev/task"] == "load"


def test_what_a_pod_template_says_of_main_is_kept_under_the_tasks_own_fields():
    template = {
        "name": "main",
        "securityContext": {"readOnlyRootFilesystem": True},
        "livenessProbe": {"exec": {"command": ["true"]}},
        "env": [{"name": "A", "value": "template"}, {"name": "B", "value": "template"}],
    }
    task = {
        "podTemplate": {"spec": {"containers": [template]}},
        "env": [{"name": "B", "value": "task"}],
        "workingDir": "/work",
        "imagePullPolicy": "Always",
    }
    assert main(task) == {
        "name": "main",
        "image": "alpine",
        "imagePullPolicy": "Always",
        "workingDir": "/work",
        "env": [{"name": "A", "value": "template"}, {"name": "B", "value": "task"}],
        "securityContext": {"readOnlyRootFilesystem": True},
        "livenessProbe": {"exec": {"command": ["true"]}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


@pytest.mark.parametrize(
    ("task", "token", "account"),
    [
        pytest.param({}, False, None, id="no account, no token"),
        pytest.param({"serviceAccountName": "loader"}, None, "loader", id="an account has one"),
        pytest.param(
            {"podTemplate": {"spec": {"serviceAccountName": "loader"}}}, None, "loader",
            id="an account in the podTemplate, too",
        ),
        pytest.param(
            {"podTemplate": {"spec": {"automountServiceAccountToken": True}}}, True, None,
            id="whoever asks for the token of the default account gets it",
        ),
        pytest.param(
            {
                "serviceAccountName": "loader",
                "podTemplate": {"spec": {"automountServiceAccountToken": False}},
            },
            False, "loader",
            id="whoever refuses the token does not get it",
        ),
    ],
)  # fmt: skip
def test_a_token_is_mounted_only_for_a_named_account(task, token, account):
    spec = build(task)["spec"]
    assert spec.get("automountServiceAccountToken") == token
    assert spec.get("serviceAccountName") == account


def test_the_priority_of_a_task_is_not_that_of_its_pod():
    assert build({"priority": 10}) == build({})


def test_what_only_kubedag_needs_to_know_does_not_reach_the_pod():
    task = {
        "description": "Loads.",
        "triggerRule": "Always",
        "retry": {"limit": 3},
        "timeoutSeconds": 60,
        "pendingTimeoutSeconds": 60,
    }
    assert build(task) == build({})


@pytest.mark.parametrize(
    ("idempotent", "finalizers"), [(False, ["kubedag.dev/record"]), (True, None), (None, None)]
)
def test_only_a_pod_that_may_not_run_twice_is_held(idempotent, finalizers):
    said = {} if idempotent is None else {"idempotent": idempotent}
    assert build({"image": "x", **said})["metadata"].get("finalizers") == finalizers


def test_a_name_too_long_for_a_label_is_shortened_in_the_label_only():
    run = podspec.RunIdentity("r" * 70, "data", "uid", "rev", "Manual", "2026-01-30T00:00:00Z")
    pod = build({}, run=run)
    assert pod["metadata"]["labels"]["kubedag.dev/run"] == naming.label_value("r" * 70)
    assert pod["metadata"]["ownerReferences"][0]["name"] == "r" * 70
    assert {"name": "KUBEDAG_RUN", "value": "r" * 70} in pod["spec"]["containers"][0]["env"]


def test_building_a_pod_changes_nothing_of_the_plan():
    template = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
        "spec": {"initContainers": [{"name": "i", "env": []}], "volumes": [{"name": "v"}]},
    }
    spec = DAGSpec.model_validate(
        {
            "taskDefaults": {"image": "alpine", "podTemplate": template},
            "tasks": [{"name": "load", "script": {"interpreter": ["sh"], "source": "true"}}],
        }
    )
    compiled = plan.compile_plan("sales", spec)
    first = orjson.dumps(podspec.build(compiled, compiled.tasks[0], RUN, 1))
    podspec.build(compiled, compiled.tasks[0], BY_HAND, 2, 5)
    assert orjson.dumps(podspec.build(compiled, compiled.tasks[0], RUN, 1)) == first


@pytest.mark.parametrize(
    ("fields", "annotations", "label"),
    [
        ({}, {"kubedag.dev/logical-time": "2026-01-30T09:15:00Z"}, "20260130T091500Z"),
        (
            {"logical_time": "2026-01-30T10:15:00+01:00"},
            {"kubedag.dev/logical-time": "2026-01-30T10:15:00+01:00"},
            "20260130T091500Z",
        ),
        (
            {"logical_time": "0000-01-01T00:00:00Z"},
            {"kubedag.dev/logical-time": "0000-01-01T00:00:00Z"},
            None,
        ),
    ],
    ids=["without an interval", "with an offset", "in a year that no calendar has"],
)
def test_a_pod_says_what_time_it_stands_for(fields, annotations, label):
    metadata = build({}, run=dataclasses.replace(BY_HAND, **fields))["metadata"]
    assert metadata["annotations"] == annotations
    assert metadata["labels"].get("kubedag.dev/logical-time") == label
    assert metadata["labels"]["kubedag.dev/run-type"] == "Manual"


def test_params_are_variables_and_of_two_that_differ_in_case_the_later_one_counts():
    given = (("region", "eu"), ("dry_run", ""), ("Region", "us"))
    pod = build({}, run=dataclasses.replace(BY_HAND, params=given))
    env = pod["spec"]["containers"][0]["env"]
    assert [(one["name"], one["value"]) for one in env if "PARAM" in one["name"]] == [
        ("KUBEDAG_PARAM_REGION", "us"),
        ("KUBEDAG_PARAM_DRY_RUN", ""),
    ]
