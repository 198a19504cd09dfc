"""Every mistake in a podTemplate that can be known without a cluster."""

from __future__ import annotations

import pytest

from kubedag.api.dag import DAGSpec
from kubedag.core import plan

IMAGE = {"image": "alpine"}


def told(spec):
    return [str(problem) for problem in plan.validate(DAGSpec.model_validate(spec))]


def task(name="a", **fields):
    return {"name": name, **IMAGE, **fields}


def pod(spec=None, **metadata):
    return {"spec": spec or {}, "metadata": metadata}


def templated(spec=None, **metadata):
    return {"tasks": [task(podTemplate=pod(spec, **metadata))]}


def main(**fields):
    return templated({"containers": [{"name": "main", **fields}]})


SPEC = "spec.tasks[0].podTemplate.spec"
METADATA = "spec.tasks[0].podTemplate.metadata"
MAIN = f"{SPEC}.containers[0]"


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        pytest.param(
            templated({"restartPolicy": "OnFailure"}),
            [f"{SPEC}.restartPolicy: must be Never: use the task's retry instead"],
            id="restarts by the kubelet",
        ),
        pytest.param(
            templated({"activeDeadlineSeconds": 60, "ephemeralContainers": []}),
            [f"{SPEC}.activeDeadlineSeconds: must not be set: use the task's timeoutSeconds",
             (f"{SPEC}.ephemeralContainers: must not be set: they can only be added to a Pod that"
             " runs")],
            id="settings that kubedag has itself",
        ),
        pytest.param(
            templated(name="x", generateName="x-", namespace="y", ownerReferences=[],
                      finalizers=["a/b"], uid="z"),
            [f"{METADATA}.name: must not be set: kubedag names the Pods",
             (f"{METADATA}.generateName: must not be set: kubedag names the Pods, so that none is"
             " created twice"),
             f"{METADATA}.namespace: must not be set: a Pod lives in the namespace of its run",
             f"{METADATA}.ownerReferences: must not be set: a Pod belongs to its run",
             f"{METADATA}.finalizers: must not be set: a Pod with a finalizer would outlive its run",
             f"{METADATA}.uid: must not be set: only labels and annotations are taken over"],
            id="metadata that kubedag sets itself",
        ),
        pytest.param(
            templated(labels={"kubedag.dev/run": "x", "app.kubernetes.io/managed-by": "me"},
                      annotations={"kubedag.dev/script": "x"}),
            [f"{METADATA}.labels[kubedag.dev/run]: must not be set: by it kubedag finds its Pods",
             (f"{METADATA}.labels[app.kubernetes.io/managed-by]: must not be set: by it kubedag finds"
             " its Pods"),
             (f"{METADATA}.annotations[kubedag.dev/script]: must not be set: by it kubedag finds its"
             " Pods")],
            id="labels and annotations that are kubedag's own",
        ),
        pytest.param(
            templated(labels={"a b": "x", "n": 1, "t": True, "l": [], "v": "ü", "w": "x" * 64},
                      annotations="none"),
            [f"{METADATA}.labels[a b]: must be a name of at most 63 characters, or domain/name",
             f'{METADATA}.labels[n]: must be a string: write "1"',
             f'{METADATA}.labels[t]: must be a string: write "true"',
             f"{METADATA}.labels[l]: must be a string: write a string",
             (f"{METADATA}.labels[v]: must be at most 63 letters, digits, '-', '_' and '.', and begin"
             " and end with a letter or a digit"),
             (f"{METADATA}.labels[w]: must be at most 63 letters, digits, '-', '_' and '.', and begin"
             " and end with a letter or a digit"),
             f"{METADATA}.annotations: must be an object"],
            id="labels that are no labels",
        ),
        pytest.param(
            templated({"containers": {}, "volumes": ["v"], "securityContext": [],
                       "serviceAccountName": 1}),
            [f"{SPEC}.securityContext: must be an object",
             f"{SPEC}.serviceAccountName: must be a string",
             f"{SPEC}.containers: must be a list",
             f"{SPEC}.volumes[0]: must be an object"],
            id="parts of the wrong shape",
        ),
        pytest.param(
            main(env="A=1", args=[1], image=7, resources=[], ports=[{"containerPort": "http"}],
                 volumeMounts=[{"name": "v"}]),
            [f"{MAIN}.resources: must be an object",
             f"{MAIN}.image: must be a string",
             f"{MAIN}.env: must be a list",
             f"{MAIN}.ports[0].containerPort: must be a number",
             f"{MAIN}.volumeMounts[0].mountPath: must be set",
             f"{MAIN}.args: must be a list of strings"],
            id="parts of a container of the wrong shape",
        ),
        pytest.param(
            templated({"containers": [{"image": "x"}, {"name": "b"}, {"name": "b"}, {"name": "B"}],
                       "volumes": [{"name": "v"}, {"name": "v"}]}),
            [f"{SPEC}.containers[0].name: must be set",
             f"{SPEC}.containers[2].name: must be unique in its list; 'b' is there before",
             f"{SPEC}.volumes[1].name: must be unique in its list; 'v' is there before",
             (f"{SPEC}.containers[3].name: must be at most 63 lowercase letters, digits and '-', and"
             " begin and end with a letter or a digit")],
            id="names that are missing, repeated or invalid",
        ),
        pytest.param(
            templated({"initContainers": [{"name": "main"}]}),
            [f"{SPEC}.initContainers[0].name: must not be main: that is the task's container"],
            id="an init container that takes the task's name",
        ),
        pytest.param(
            templated({"initContainers": [{"name": "x"}], "containers": [{"name": "x"}]}),
            [(f"{SPEC}.initContainers[0].name: must be unique among all containers; 'x' is one"
             " already")],
            id="a name for an init container and for a sidecar",
        ),
        pytest.param(
            templated({"volumes": [{"name": "kubedag-script"}]}),
            [f"{SPEC}.volumes[0].name: must be another name: scripts use this one"],
            id="the volume of the script",
        ),
        pytest.param(
            templated({"containers": [{"name": "main", "restartPolicy": "Always",
                                       "restartPolicyRules": [{}]},
                                      {"name": "b", "env": [
                                          {"name": "KUBEDAG_RUN", "value": "x", "valueFrom": {}}]}]}),
            [f"{MAIN}.restartPolicy: must be Never: use the task's retry instead",
             f"{MAIN}.restartPolicyRules: must not be set: use the task's retry instead",
             (f"{SPEC}.containers[1].env[0].name: must not begin with KUBEDAG_: these variables are"
             " kubedag's own"),
             f"{SPEC}.containers[1].env[0].valueFrom: must not be set beside value"],
            id="what is kubedag's own in containers",
        ),
        pytest.param(
            main(image="debian", command=["x"]) | {"taskDefaults": {"image": "busybox"}},
            [f"{MAIN}.image: must be left out or the same as the image beside podTemplate"],
            id="two images for one container",
        ),
        pytest.param(
            {"tasks": [task(script={"interpreter": ["sh"], "source": "x"}, serviceAccountName="a",
                            podTemplate=pod({"serviceAccountName": "b", "containers": [
                                {"name": "main", "args": ["x"]}]}))]},
            [(f"{SPEC}.serviceAccountName: must be left out or the same as the serviceAccountName"
             " beside podTemplate"),
             f"{MAIN}.args: must not be set beside script: it is what runs instead"],
            id="other things said twice",
        ),
        pytest.param(
            templated({"containers": [{"name": "b", "volumeMounts": [
                {"name": "v", "mountPath": "/v"}]}]}),
            [(f"{SPEC}.containers[0].volumeMounts[0].name: must name a volume of the podTemplate;"
             " 'v' is none")],
            id="a sidecar's mount of no volume",
        ),
        pytest.param(
            templated({"initContainers": [{"name": "b", "resources": {
                "requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}}]}),
            [(f"{SPEC}.initContainers[0].resources.requests[cpu]: must be at most the limit, which is"
             " 1500m")],
            id="an init container that requests more than its limit",
        ),
        pytest.param(
            {"tasks": [task(resources={"requests": {"cpu": 1}}, podTemplate=pod({"containers": [
                {"name": "a", "resources": {"requests": {"cpu": 1}}},
                {"name": "b"},
                {"name": "c", "resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}]}))]},
            [f"{SPEC}.containers[2].resources.requests[cpu]: must be at most the limit, which is 1"],
            id="one of several containers that requests more than its limit",
        ),
        pytest.param(
            main(resources={"requests": {"cpu": "two"}, "limits": "none", "claims": [{}]}),
            [f"{MAIN}.resources.requests[cpu]: must be a quantity such as 500m, 0.5 or 2Gi",
             f"{MAIN}.resources.limits: must be an object",
             f"{MAIN}.resources.claims[0].name: must be set"],
            id="resources of the wrong shape",
        ),
        pytest.param(
            templated({"tolerations": [{"key": "x"}] * 501}),
            [f"{SPEC}.tolerations: must have at most 500 items"],
            id="a list without end",
        ),
        pytest.param(
            templated(annotations={"a": "x" * 200_000, "b": "x" * 70_000}),
            [f"{METADATA}.annotations: must have at most 256 KiB of annotations and script"],
            id="more annotations than an object can have",
        ),
        pytest.param(
            {"taskDefaults": IMAGE | {"podTemplate": pod({"restartPolicy": "Always"})},
             "tasks": [{"name": "a"}, {"name": "b"}]},
            [("spec.taskDefaults.podTemplate.spec.restartPolicy: must be Never: use the task's retry"
             " instead")],
            id="a mistake of taskDefaults, once",
        ),
    ],
)  # fmt: skip
def test_mistakes_of_a_pod_template(spec, problems):
    assert told(spec) == problems


NUL = "must not contain a NUL: a program cannot be given one"
NO_NAME = "must be printable ASCII characters other than '='"


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        pytest.param(
            {"tasks": [task(command=["a", "\0"], args=["b\0c"], workingDir="/\0")]},
            [f"spec.tasks[0].command[1]: {NUL}", f"spec.tasks[0].args[0]: {NUL}",
             f"spec.tasks[0].workingDir: {NUL}"],
            id="in a task",
        ),
        pytest.param(
            {"taskDefaults": {"script": {"interpreter": ["\0"], "source": "\0"}}, "tasks": [task()]},
            [f"spec.taskDefaults.script.interpreter[0]: {NUL}"],
            id="in an interpreter, but not in the file that it reads",
        ),
        pytest.param(
            main(command=["\0"], args=["\0"], workingDir="\0", env=[{"name": "A", "value": "\0"}]),
            [f"{MAIN}.command[0]: {NUL}", f"{MAIN}.args[0]: {NUL}", f"{MAIN}.workingDir: {NUL}",
             f"{MAIN}.env[0].value: {NUL}"],
            id="in a podTemplate",
        ),
        pytest.param(
            {"tasks": [task(env=[{"name": "A=B"}, {"name": "\u00e9", "value": "\0"}, {"name": "a b.c-d"}])]},
            [f"spec.tasks[0].env[0].name: {NO_NAME}", f"spec.tasks[0].env[1].name: {NO_NAME}",
             f"spec.tasks[0].env[1].value: {NUL}"],
            id="in variables",
        ),
        pytest.param(
            main(env=[{"name": "A\n"}]), [f"{MAIN}.env[0].name: {NO_NAME}"],
            id="in a variable of a podTemplate",
        ),
    ],
)  # fmt: skip
def test_what_no_program_can_be_given_is_told(spec, problems):
    assert told(spec) == problems
