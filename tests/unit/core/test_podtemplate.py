"""What a task says over what taskDefaults say: one table for each kind of value."""

from __future__ import annotations

import json

import orjson
import pytest

from kubedag.api.dag import DAGSpec
from kubedag.core import podtemplate


def merged(defaults, task):
    """The PodTemplateSpec of a task over these defaults."""
    spec = DAGSpec.model_validate({"taskDefaults": defaults, "tasks": [{"name": "a", **task}]})
    layers = podtemplate.Layers(spec.task_defaults)
    return json.loads(orjson.dumps(layers.under(spec.tasks[0])))


def main(defaults, task):
    """What a merge makes of the container of the task, apart from what it always has."""
    container = merged(defaults, task)["spec"]["containers"][0]
    return {
        key: value
        for key, value in container.items()
        if key not in ("name", "terminationMessagePolicy")
    }


def env(*names, value):
    return [{"name": name, "value": value} for name in names]


def in_main(**fields):
    return {"podTemplate": {"spec": {"containers": [{"name": "main", **fields}]}}}


def in_spec(**fields):
    return {"podTemplate": {"spec": fields}}


SCRIPT = {"interpreter": ["sh"], "source": "true"}
IN_SCRIPT = ["sh", podtemplate.SCRIPT_PATH]


@pytest.mark.parametrize(
    ("defaults", "task", "container"),
    [
        pytest.param({"image": "a"}, {}, {"image": "a"}, id="a default is inherited"),
        pytest.param({"image": "a"}, {"image": "b"}, {"image": "b"}, id="the task's value wins"),
        pytest.param(
            {"image": "a"}, in_main(image="b"), {"image": "b"},
            id="even when it is spelt in the podTemplate",
        ),
        pytest.param(
            in_main(image="a"), {"image": "b"}, {"image": "b"},
            id="and over a default that is",
        ),
        pytest.param(
            {"env": env("A", "B", value="d")},
            {"env": env("C", "A", value="t")},
            {"env": [*env("A", value="t"), *env("B", value="d"), *env("C", value="t")]},
            id="variables are merged by name and keep their places",
        ),
        pytest.param(
            {"env": env("A", value="d")},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            id="a variable is replaced whole, so that it never has two values",
        ),
        pytest.param(
            {"envFrom": [{"secretRef": {"name": "d"}}]},
            {"envFrom": [{"secretRef": {"name": "t"}}, {"secretRef": {"name": "d"}}]},
            {"envFrom": [{"secretRef": {"name": "d"}}, {"secretRef": {"name": "t"}}]},
            id="sources of variables are added, none twice",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "a", "mountPath": "/a", "readOnly": True}]},
            {"volumeMounts": [{"name": "x", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}]},
            {"volumeMounts": [{"name": "x", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}]},
            id="mounts are merged by path and replaced whole",
        ),
        pytest.param(
            {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
            {"resources": {"requests": {"cpu": "2"}, "limits": {"memory": "2Gi"}}},
            {"resources": {
                "requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
            id="resources are merged one by one",
        ),
        pytest.param(
            in_main(ports=[{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]),
            in_main(ports=[{"containerPort": 53, "protocol": "UDP", "name": "dns"}]),
            {"ports": [
                {"containerPort": 53, "protocol": "UDP", "name": "dns"}, {"containerPort": 53}]},
            id="ports are merged by number and protocol",
        ),
        pytest.param(
            in_main(securityContext={"runAsUser": 1, "privileged": True}),
            in_main(securityContext={"runAsUser": 2, "privileged": None}),
            {"securityContext": {"runAsUser": 2}},
            id="objects are merged key by key, and null takes a key away",
        ),
    ],
)  # fmt: skip
def test_the_container_of_a_task_over_the_defaults(defaults, task, container):
    assert main(defaults, task) == container


@pytest.mark.parametrize(
    ("defaults", "task", "program"),
    [
        pytest.param(
            {"command": ["a"], "args": ["x"]}, {}, {"command": ["a"], "args": ["x"]},
            id="a task without a program runs the default one",
        ),
        pytest.param(
            {"command": ["a"], "args": ["x"]}, {"args": ["y"]}, {"command": ["a"], "args": ["y"]},
            id="it may give it other arguments",
        ),
        pytest.param(
            {"command": ["a"], "args": ["x"]}, {"command": ["b"]}, {"command": ["b"]},
            id="a task with a command takes nothing of the default program",
        ),
        pytest.param(
            {"command": ["a"], "args": ["x"]}, {"script": SCRIPT}, {"command": IN_SCRIPT},
            id="nor does one with a script",
        ),
        pytest.param(
            in_main(command=["a"], args=["x"]), {"command": ["b"]}, {"command": ["b"]},
            id="however the default program is spelt",
        ),
        pytest.param(
            {"command": ["a"], "args": ["x"]}, in_main(command=["b"]), {"command": ["b"]},
            id="however the task's program is spelt",
        ),
        pytest.param(
            {"script": SCRIPT}, {"args": ["--fast"]}, {"command": IN_SCRIPT, "args": ["--fast"]},
            id="a default script can get arguments",
        ),
        pytest.param(
            {"script": SCRIPT}, {"command": ["b"]}, {"command": ["b"]},
            id="a command takes the place of a default script",
        ),
    ],
)  # fmt: skip
def test_what_runs_comes_from_one_place(defaults, task, program):
    container = main(defaults, task)
    assert {key: container[key] for key in ("command", "args") if key in container} == program


def test_nothing_of_a_script_that_does_not_run_is_left_in_the_pod():
    assert merged({"script": SCRIPT}, {"command": ["b"]}) == merged({}, {"command": ["b"]})


def test_the_script_of_a_task_takes_the_place_of_the_default_one():
    other = {"interpreter": ["python"], "source": "pass"}
    assert merged({"script": SCRIPT}, {"script": other}) == merged({}, {"script": other})


@pytest.mark.parametrize(
    ("defaults", "task", "spec"),
    [
        pytest.param(
            {"nodeSelector": {"a": "1", "b": "1"}},
            {"nodeSelector": {"b": "2", "c": "2"}},
            {"nodeSelector": {"a": "1", "b": "2", "c": "2"}},
            id="a selector is merged key by key",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]},
            {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
            {"volumes": [
                {"name": "v", "secret": {"secretName": "s"}}, {"name": "w", "emptyDir": {}}]},
            id="a volume is replaced whole, so that it never has two sources",
        ),
        pytest.param(
            {"tolerations": [{"key": "a"}]},
            {"tolerations": [{"key": "b"}]},
            {"tolerations": [{"key": "b"}]},
            id="a list without a key is replaced, as Kubernetes does it",
        ),
        pytest.param(
            {"topologySpreadConstraints": [
                {"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"},
                {"topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}]},
            {"topologySpreadConstraints": [
                {"topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 2}]},
            {"topologySpreadConstraints": [
                {"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"},
                {"topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 2}]},
            id="a list with two keys is merged by both",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {}}]}, {"volumes": None}, {},
            id="null takes a whole list away",
        ),
        pytest.param(
            {"initContainers": [{"name": "i", "image": "a", "args": ["x"]}]},
            {"initContainers": [{"name": "j", "image": "b"}, {"name": "i", "image": "c"}]},
            {"initContainers": [
                {"name": "i", "image": "c", "args": ["x"]}, {"name": "j", "image": "b"}]},
            id="containers are merged, the others come after them",
        ),
        pytest.param(
            {"affinity": {"nodeAffinity": {"a": [1]}, "podAffinity": {"b": 1}}},
            {"affinity": {"nodeAffinity": {"a": [2]}}},
            {"affinity": {"nodeAffinity": {"a": [2]}, "podAffinity": {"b": 1}}},
            id="objects are merged at any depth",
        ),
        pytest.param(
            {"hostNetwork": {"a": 1}}, {"hostNetwork": True}, {"hostNetwork": True},
            id="values of different kinds are replaced",
        ),
    ],
)  # fmt: skip
def test_the_pod_of_a_task_over_the_defaults(defaults, task, spec):
    found = merged(in_spec(**defaults), in_spec(**task))["spec"]
    for container in found.get("initContainers", ()):
        del container["terminationMessagePolicy"]
    assert {key: found[key] for key in defaults if key in found} == spec


def test_metadata_is_merged_key_by_key():
    defaults = {"podTemplate": {"metadata": {"labels": {"a": "1", "b": "1"}, "annotations": None}}}
    task = {"podTemplate": {"metadata": {"labels": {"b": "2"}, "annotations": {"c": "3"}}}}
    assert merged(defaults, task)["metadata"] == {
        "labels": {"a": "1", "b": "2"},
        "annotations": {"c": "3"},
    }


def test_main_comes_first_where_kubectl_looks_for_it():
    task = in_spec(containers=[{"name": "proxy"}, {"name": "main", "tty": True}])
    found = merged({}, task)["spec"]["containers"]
    assert [container["name"] for container in found] == ["main", "proxy"]
    assert found[0]["tty"] is True


def test_merging_changes_neither_side():
    base = {"spec": {"containers": [{"name": "main", "env": [{"name": "A"}]}], "x": {"y": {}}}}
    patch = {
        "spec": {"containers": [{"name": "main", "env": [{"name": "B"}]}], "x": {"y": {"z": 1}}}
    }
    before = orjson.dumps([base, patch])
    podtemplate.merge(base, patch)
    assert orjson.dumps([base, patch]) == before


def test_objects_as_deep_as_json_allows_need_no_deep_stack():
    def deep(end):
        value = {"end": end}
        for _ in range(20_000):
            value = {"x": value}
        return value

    found = podtemplate.merge(deep(1), deep(2))
    while "x" in found:
        found = found["x"]
    assert found == {"end": 2}
