"""The Pods that tasks become where it counts: an API server takes them, or we were right not to."""

import json
from pathlib import Path

import orjson
import pytest
import yaml

from dev.cluster.procs import ApiError
from kubedag.api.dag import DAGSpec
from kubedag.core import plan, podspec

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DAGS = [
    pytest.param(document["spec"], id=f"example {file.parent.name}")
    for file in sorted(ROOT.glob("examples/*/dag.yaml"))
    for document in yaml.safe_load_all(file.read_text())
    if document["kind"] == "DAG"
]
EVERYTHING = {
    "taskDefaults": {
        "image": "alpine",
        "env": [{"name": "A", "value": "$(KUBEDAG_RUN)"}],
        "resources": {"requests": {"cpu": 0.5, "memory": "1Gi"}, "limits": {"memory": "1024Mi"}},
        "podTemplate": {
            "metadata": {"labels": {"team": "sales"}, "annotations": {"example.com/note": "ü"}},
            "spec": {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"operator": "Exists"}],
                "containers": [
                    {
                        "name": "proxy",
                        "image": "proxy",
                        "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                        ],
                    }
                ],
            },
        },
    },
    "tasks": [
        {
            "name": "script",
            "script": {"interpreter": ["sh", "-eu"], "source": "echo ü\n"},
            "args": [],
            "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True}],
            "envFrom": [{"prefix": "X_", "secretRef": {"name": "s", "optional": True}}],
        },
        {
            "name": "command",
            "command": ["true"],
            "workingDir": "/v",
            "imagePullPolicy": "Always",
            "resources": {"limits": {"nvidia.com/gpu": 1, "hugepages-2Mi": "2Mi"}},
            "podTemplate": {
                "spec": {
                    "volumes": [{"name": "v", "configMap": {"name": "c"}}],
                    "containers": [{"name": "main", "securityContext": {"runAsUser": 7}}],
                    "initContainers": [
                        {"name": "sidecar", "image": "proxy", "restartPolicy": "Always"}
                    ],
                }
            },
        },
    ],
}


def pods(spec, namespace):
    compiled = plan.compile_plan("pipeline", DAGSpec.model_validate(spec))
    run = podspec.RunIdentity(
        name="run",
        namespace=namespace,
        uid="0b9d1c1e-3f6a-4c1d-9d70-6d2f6e0c9a11",
        revision="pipeline-abcdefghij",
        run_type="Manual",
        logical_time="2026-01-30T00:00:00Z",
    )
    built = [
        podspec.build(compiled, task, run, 1, index) for index, task in enumerate(compiled.tasks)
    ]
    return json.loads(orjson.dumps(built))


@pytest.fixture
def try_pod(api_server, namespace):
    """Ask for a Pod without creating it; the kubelet's token volume is nobody's business here."""
    path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict"

    def ask(pod):
        pod["spec"].pop("serviceAccountName", None)
        return api_server.client.create(path, pod)

    return ask


@pytest.mark.parametrize("spec", [*DAGS, pytest.param(EVERYTHING, id="everything a task can say")])
def test_the_pods_of_a_sound_dag_are_taken_and_kept_as_they_are(try_pod, namespace, spec):
    assert plan.validate(DAGSpec.model_validate(spec)) == ()
    for pod in pods(spec, namespace):
        stored = try_pod(pod)
        assert stored["metadata"]["name"] == pod["metadata"]["name"]
        assert stored["metadata"]["labels"] == pod["metadata"]["labels"]
        assert stored["metadata"].get("annotations") == pod["metadata"].get("annotations")
        assert stored["metadata"]["ownerReferences"] == pod["metadata"]["ownerReferences"]
        for kept, sent in zip(
            stored["spec"]["containers"], pod["spec"]["containers"], strict=True
        ):
            assert kept["env"] == sent["env"]
            assert kept.get("command") == sent.get("command")


def templated(**spec):
    return {"tasks": [{"name": "a", "image": "x", "podTemplate": {"spec": spec}}]}


def in_main(**fields):
    return templated(containers=[{"name": "main", **fields}])


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"tasks": [{"name": "a"}]}, id="no image"),
        pytest.param({"tasks": [{"name": "a", "image": "x "}]}, id="an image with a space"),
        pytest.param(
            {"tasks": [{"name": "a", "image": "x", "envFrom": [{"prefix": "X"}]}]},
            id="variables from nowhere",
        ),
        pytest.param(
            in_main(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {
                "fieldPath": "metadata.name"}}}]),
            id="a variable with two values",
        ),
        pytest.param(in_main(resources={"requests": {"memroy": "1"}}), id="no such resource"),
        pytest.param(in_main(resources={"requests": {"cpu": "-1"}}), id="less than nothing"),
        pytest.param(
            in_main(resources={"requests": {"cpu": 2}, "limits": {"cpu": 1}}), id="above the limit"
        ),
        pytest.param(
            in_main(volumeMounts=[{"name": "v", "mountPath": "/v"}]), id="a mount of no volume"
        ),
        pytest.param(
            templated(containers=[{"name": "B", "image": "x"}]), id="a name with a capital letter"
        ),
        pytest.param(templated(volumes=[{"name": "a b", "emptyDir": {}}]), id="one with a space"),
        pytest.param(
            templated(initContainers=[{"name": "b", "image": "x"}],
                      containers=[{"name": "b", "image": "x"}]),
            id="a name for two containers",
        ),
        pytest.param(templated(ephemeralContainers=[{"name": "b", "image": "x"}]), id="ephemeral"),
        pytest.param(
            {"tasks": [{"name": "a", "image": "x", "podTemplate": {"metadata": {"labels": {
                "a": "x" * 64}}}}]},
            id="a label that is too long",
        ),
        pytest.param(
            {"tasks": [{"name": "a", "image": "x", "podTemplate": {"metadata": {"annotations": {
                "a": "x" * 270_000}}}}]},
            id="annotations that are too long",
        ),
    ],
)  # fmt: skip
def test_what_we_refuse_the_api_server_refuses_too(try_pod, namespace, spec):
    assert plan.validate(DAGSpec.model_validate(spec)) != ()
    with pytest.raises(ApiError) as raised:
        try_pod(pods(spec, namespace)[0])
    assert raised.value.status in {400, 422}
