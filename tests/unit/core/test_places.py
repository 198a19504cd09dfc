"""From a field of a Pod to what was said in the DAG."""

from __future__ import annotations

import pytest

from kubedag.api import parse
from kubedag.api import task as api
from kubedag.core import places, trials
from support.builders import a_plan
from support.objects import a_task

COMMON = {
    "image": "i",
    "env": [{"name": "COMMON", "value": "x"}],
    "podTemplate": {
        "metadata": {"labels": {"team": "x"}},
        "spec": {"affinity": {"nodeAffinity": {}}, "volumes": [{"name": "c", "emptyDir": {}}]},
    },
}
OWN = a_task(
    "a",
    args=["x"],
    env=[{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {}}}],
    volumeMounts=[{"name": "v", "mountPath": "/v"}, {"name": "c", "mountPath": "/c"}],
    serviceAccountName="loader",
    podTemplate={
        "spec": {
            "dnsPolicy": "Sometimes",
            "tolerations": [{"operator": "Maybe"}],
            "initContainers": [{"name": "first", "image": "i"}],
            "containers": [
                {"name": "proxy", "image": "p", "ports": [{"containerPort": 70000}]},
                {"name": "main", "tty": "yes", "env": [{"name": "M", "value": "1"}]},
            ],
            "volumes": [{"name": "v", "hostPath": {}}],
        }
    },
)
TRIAL = trials.trials(
    a_plan(OWN, taskDefaults=COMMON), "ns", "uid", parse.parse(api.TaskTemplate, COMMON)
)[0]


def index(container, key, **item):
    """Where an item of a list ended up in the Pod."""
    wanted = item.items()
    return next(
        number
        for number, found in enumerate(TRIAL.manifest["spec"]["containers"][container][key])
        if wanted <= found.items()
    )


TASK, TEMPLATE = "spec.tasks[0]", "spec.tasks[0].podTemplate.spec"
MAIN_ENV = "spec.containers[0].env"


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("spec.dnsPolicy", f"{TEMPLATE}.dnsPolicy"),
        ("spec.tolerations[0].operator", f"{TEMPLATE}.tolerations[0].operator"),
        ("spec.volumes[0].name", "spec.taskDefaults.podTemplate.spec.volumes[0].name"),
        ("spec.volumes[1].hostPath.path", f"{TEMPLATE}.volumes[0].hostPath.path"),
        ("spec.affinity.nodeAffinity", "spec.taskDefaults.podTemplate.spec.affinity.nodeAffinity"),
        ("metadata.labels[team]", "spec.taskDefaults.podTemplate.metadata.labels.team"),
        ("metadata.labels", "spec.taskDefaults.podTemplate.metadata.labels"),
        ("spec.containers[0].image", "spec.taskDefaults.image"),
        ("spec.containers[0].args[0]", f"{TASK}.args[0]"),
        ("spec.containers[0].tty", f"{TEMPLATE}.containers[1].tty"),
        (
            "spec.containers[1].ports[0].containerPort",
            f"{TEMPLATE}.containers[0].ports[0].containerPort",
        ),
        ("spec.initContainers[0].image", f"{TEMPLATE}.initContainers[0].image"),
        (f"{MAIN_ENV}[{index(0, 'env', name='A')}].value", f"{TASK}.env[0].value"),
        (
            f"{MAIN_ENV}[{index(0, 'env', name='B')}].valueFrom.fieldRef.fieldPath",
            f"{TASK}.env[1].valueFrom.fieldRef.fieldPath",
        ),
        (
            f"{MAIN_ENV}[{index(0, 'env', name='COMMON')}].name",
            "spec.taskDefaults.env[0].name",
        ),
        (f"{MAIN_ENV}[{index(0, 'env', name='M')}].name", f"{TEMPLATE}.containers[1].env[0].name"),
        (f"{MAIN_ENV}[0].name", None),
        (
            f"spec.containers[0].volumeMounts[{index(0, 'volumeMounts', mountPath='/c')}].name",
            f"{TASK}.volumeMounts[1].name",
        ),
        ("spec.containers.ports.containerPort", f"{TEMPLATE}.containers"),
        ("spec.serviceAccountName", f"{TASK}.serviceAccountName"),
        ("spec.containers[1].args[0]", f"{TEMPLATE}.containers[0].args"),
        ("spec.containers[1].env[0].name", f"{TEMPLATE}.containers[0].env"),
        ("spec.containers[7].image", None),
        ("spec.volumes[9].name", None),
        ("spec.hostNetwork", None),
        ("metadata.name", None),
        ("status", None),
        ("", None),
    ],
)
def test_a_field_is_found_where_it_was_said(field, place):
    assert places.said_at(TRIAL.levels, TRIAL.manifest, field) == place


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ('strict decoding error: unknown field "spec.affinity.x", unknown field "spec.y"',
         ["spec.affinity.x", "spec.y"]),
        ("json: cannot unmarshal string into Go struct field Container.spec.containers.tty of type bool",
         ["spec.containers.tty"]),
        ("anything else", []),
    ],
)  # fmt: skip
def test_the_fields_of_a_pod_that_could_not_be_read_are_in_the_message(message, fields):
    assert [cause.field for cause in places.causes_in(message)] == fields
