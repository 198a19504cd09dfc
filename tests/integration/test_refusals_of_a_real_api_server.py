"""The words that kubedag looks for are those that this API server and scheduler write."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from dev.cluster.procs import ApiError, Client, ProcessCluster
from kubedag.core import outcomes, pods, refusals
from support.kinds import until

pytestmark = pytest.mark.integration

SMALL = {"limits": {"memory": "64Mi", "cpu": "100m"}}
TERMINATING = "kubedag.dev/test"


def a_pod(resources: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    main = {"name": "main", "image": "none", "resources": resources or {}}
    return {
        "metadata": {"name": f"p-{uuid.uuid4().hex[:8]}"},
        "spec": {"restartPolicy": "Never", "containers": [main], **spec},
    }


def verdict(client: Client, namespace: str, pod: dict[str, Any]) -> tuple[str, bool, str] | None:
    """What kubedag makes of the answer to the creation of a Pod; None if it was created."""
    try:
        client.create(f"/api/v1/namespaces/{namespace}/pods", pod)
    except ApiError as error:
        said = json.loads(error.body) if error.body.startswith("{") else {"message": error.body}
        return refusals.classify(
            refusals.Answer(error.status, said.get("reason", ""), said["message"])
        )
    return None


def refused(client: Client, namespace: str, pod: dict[str, Any]) -> tuple[str, bool, str]:
    """As soon as it is: policies and limits take a moment to be known."""

    def said() -> tuple[str, bool, str] | None:
        name = f"p-{uuid.uuid4().hex[:8]}"
        found = verdict(client, namespace, pod | {"metadata": {"name": name}})
        if found is None:
            client.delete(f"/api/v1/namespaces/{namespace}/pods/{name}")
        return found

    found: tuple[str, bool, str] = until(said, seconds=30, pause=0.2)
    return found


@contextmanager
def there_is(client: Client, path: str, document: dict[str, Any]) -> Iterator[None]:
    """Something that is not of one namespace, for as long as a test takes."""
    client.create(path, document)
    try:
        yield
    finally:
        client.delete(f"{path}/{document['metadata']['name']}")


def settled(client: Client, path: str, said: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        seen: dict[str, Any] = client.get(path)
        return seen if said(seen) else None

    found: dict[str, Any] = until(there, seconds=30, pause=0.1)
    return found


def test_a_quota_that_is_used_up(scale_cluster: ProcessCluster, scale_namespace: str) -> None:
    path = f"/api/v1/namespaces/{scale_namespace}/resourcequotas"
    scale_cluster.client.create(path, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}})
    assert refused(scale_cluster.client, scale_namespace, a_pod()) == (
        "WaitingForQuota",
        True,
        "namespace's quota is used up: q, requested: pods=1, used: pods=0, limited: pods=0",
    )


def test_a_quota_that_demands_limits(scale_cluster: ProcessCluster, scale_namespace: str) -> None:
    path = f"/api/v1/namespaces/{scale_namespace}/resourcequotas"
    hard = {"limits.memory": "1Gi"}
    scale_cluster.client.create(path, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    settled(scale_cluster.client, f"{path}/q", lambda quota: quota.get("status", {}).get("used"))
    assert refused(scale_cluster.client, scale_namespace, a_pod()) == (
        "AdmissionDenied",
        False,
        "refused by the namespace's quota: q: must specify limits.memory for: main",
    )


def test_a_limit_range(scale_cluster: ProcessCluster, scale_namespace: str) -> None:
    limit = {"type": "Container", "max": {"memory": "32Mi"}}
    scale_cluster.client.create(
        f"/api/v1/namespaces/{scale_namespace}/limitranges",
        {"metadata": {"name": "l"}, "spec": {"limits": [limit]}},
    )
    assert refused(scale_cluster.client, scale_namespace, a_pod(SMALL)) == (
        "AdmissionDenied",
        False,
        (
            "refused by a LimitRange of the namespace: "
            "maximum memory usage per Container is 32Mi, but limit is 64Mi"
        ),
    )


def test_pod_security(scale_cluster: ProcessCluster, scale_namespace: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    scale_cluster.client.patch(
        f"/api/v1/namespaces/{scale_namespace}", {"metadata": {"labels": labels}}
    )
    reason, transient, message = refused(
        scale_cluster.client, scale_namespace, a_pod(hostNetwork=True)
    )
    assert (reason, transient) == ("AdmissionDenied", False)
    assert message.startswith('refused: violates PodSecurity "baseline:latest": host namespaces')


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"serviceAccountName": "loader"},
            ("WaitingForServiceAccount", True, 'serviceaccount "loader" not found'),
            id="no ServiceAccount",
        ),
        pytest.param(
            {"priorityClassName": "urgent"},
            ("AdmissionDenied", False, "refused: no PriorityClass with name urgent was found"),
            id="no PriorityClass",
        ),
        pytest.param(
            {"containers": []},
            ("InvalidPodSpec", False, "the Pod is invalid: spec.containers: Required value"),
            id="invalid",
        ),
        pytest.param(
            {"containers": "none"},
            (
                "InvalidPodSpec",
                False,
                (
                    'the API server cannot read the Pod: Pod in version "v1" cannot be handled as a Pod: '
                    "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type "
                    "[]v1.Container"
                ),
            ),
            id="of another type",
        ),
        pytest.param(
            {"hostname": "x" * 4_000_000},
            (
                "InvalidPodSpec",
                False,
                (
                    "the Pod is too large for the API server: Request entity too large: "
                    "limit is 3145728"
                ),
            ),
            id="too large",
        ),
    ],
)
def test_a_pod_that_is_wrong(
    scale_cluster: ProcessCluster,
    scale_namespace: str,
    spec: dict[str, Any],
    expected: tuple[str, bool, str],
) -> None:
    assert refused(scale_cluster.client, scale_namespace, a_pod(**spec)) == expected


def test_a_namespace_that_is_not_there(scale_cluster: ProcessCluster) -> None:
    assert verdict(scale_cluster.client, "nowhere", a_pod()) == (
        "NamespaceNotFound",
        False,
        'namespaces "nowhere" not found',
    )


def test_a_namespace_on_its_way_out(scale_cluster: ProcessCluster) -> None:
    client, namespace = scale_cluster.client, scale_cluster.create_namespace()
    held = f"/api/v1/namespaces/{namespace}/configmaps"
    client.create(held, {"metadata": {"name": "held", "finalizers": [TERMINATING]}})
    client.delete(f"/api/v1/namespaces/{namespace}")
    try:
        assert refused(client, namespace, a_pod()) == (
            "NamespaceTerminating",
            False,
            f"unable to create new content in namespace {namespace} because it is being terminated",
        )
    finally:
        client.patch(f"{held}/held", {"metadata": {"finalizers": None}})


def test_a_right_that_is_missing(scale_cluster: ProcessCluster, scale_namespace: str) -> None:
    token = scale_cluster.client.create(
        f"/api/v1/namespaces/{scale_namespace}/serviceaccounts/default/token", {"spec": {}}
    )["status"]["token"]
    nobody = Client(scale_cluster.url, scale_cluster.layout.pki / "ca.crt", token)
    reason, transient, message = refused(nobody, scale_namespace, a_pod())
    nobody.close()
    assert (reason, transient) == ("OperatorNotAllowed", True)
    assert message == (
        f'kubedag may not create Pods here: User "system:serviceaccount:{scale_namespace}:default" '
        f'cannot create resource "pods" in API group "" in the namespace "{scale_namespace}"'
    )


def test_a_webhook_that_does_not_answer(
    scale_cluster: ProcessCluster, scale_namespace: str
) -> None:
    hook = {
        "name": "policy.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scale_namespace}},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
             "resources": ["pods"]},
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }  # fmt: skip
    document = {"metadata": {"name": scale_namespace}, "webhooks": [hook]}
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    with there_is(scale_cluster.client, path, document):
        reason, transient, message = refused(scale_cluster.client, scale_namespace, a_pod())
    assert (reason, transient) == ("WebhookUnavailable", True)
    assert message.startswith('a webhook cannot be asked: "policy.example.com": failed to call')


def test_a_policy_that_says_no(scale_cluster: ProcessCluster, scale_namespace: str) -> None:
    group = "/apis/admissionregistration.k8s.io/v1"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": scale_namespace}}
    rule = {
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
    }  # fmt: skip
    policy = {
        "metadata": {"name": scale_namespace},
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": "not on Sundays"}],
        },
    }
    binding = {
        "metadata": {"name": scale_namespace},
        "spec": {"policyName": scale_namespace, "validationActions": ["Deny"]},
    }
    with (
        there_is(scale_cluster.client, f"{group}/validatingadmissionpolicies", policy),
        there_is(scale_cluster.client, f"{group}/validatingadmissionpolicybindings", binding),
    ):
        found = refused(scale_cluster.client, scale_namespace, a_pod())
    assert found == (
        "AdmissionDenied",
        False,
        (
            f"refused: ValidatingAdmissionPolicy '{scale_namespace}' with binding '{scale_namespace}' "
            "denied request: not on Sundays"
        ),
    )


@pytest.mark.parametrize(
    ("pod", "reason", "begins"),
    [
        pytest.param(
            a_pod({"requests": {"memory": "900Ti"}}), "Unschedulable",
            "cluster has no room: 0/", id="no room",
        ),
        pytest.param(
            a_pod(nodeSelector={"disk": "none"}), "Unschedulable", "no node suits: 0/",
            id="no node suits",
        ),
        pytest.param(
            a_pod(schedulingGates=[{"name": "example.com/hold"}]), "SchedulingGated",
            "waits for its scheduling gate example.com/hold to be removed", id="gate",
        ),
    ],
)  # fmt: skip
def test_what_the_scheduler_says(
    scale_cluster: ProcessCluster,
    scale_namespace: str,
    pod: dict[str, Any],
    reason: str,
    begins: str,
) -> None:
    path = f"/api/v1/namespaces/{scale_namespace}/pods"
    scale_cluster.client.create(path, pod)
    found = settled(
        scale_cluster.client,
        f"{path}/{pod['metadata']['name']}",
        lambda seen: seen["status"].get("conditions"),
    )
    outcome = outcomes.classify(msgspec.convert(found, pods.Pod))
    assert (outcome.state, outcome.reason) == ("Pending", reason)
    assert outcome.message.startswith(begins)
    assert "preemption" not in outcome.message
