"""What a namespace or a cluster can hold against a Pod, to be put up after a DAG was found good.

A DAG whose Pods would be refused when it is applied is not Ready to begin with; these are for Pods
that are refused later, when a run is under way.
"""

from __future__ import annotations

import base64
import json

from dev.cluster.problem import Problem
from support import certificates

PYTHON = "python:3.13-slim"

LIMIT_RANGE = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
}


def quota(pods):
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def bystander(name, labels=()):
    """A Pod that is not kubedag's."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {"name": "main", "image": "busybox:1.37", "command": ["sleep", "3600"]}
            ],
        },
    }


def _only_in(namespace):
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


RULES = [
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
]


def policy(namespace):
    """A ValidatingAdmissionPolicy, and its binding to one namespace."""
    group = "admissionregistration.k8s.io/v1"
    rule = {"expression": "false", "message": "not on a Sunday"}
    metadata = {"name": namespace}
    return [
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {"matchConstraints": {"resourceRules": RULES}, "validations": [rule]},
        },
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {
                "policyName": namespace,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": _only_in(namespace)},
            },
        },
    ]


SERVER = """
import http.server, json, ssl, time

class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/slow"):
            time.sleep(30)
        status = {"code": 403, "message": "no Pods during the audit"}
        said = {"uid": asked["request"]["uid"], "allowed": False, "status": status}
        body = json.dumps({**asked, "request": None, "response": said}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("", 8443), Answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def webhook_server(namespace, folder):
    """The objects of a webhook that answers No on /deny and nothing on /slow; and who vouches."""
    ca = certificates.authority(folder, "ca")
    pair = certificates.issued(ca, folder, "webhook", f"DNS:webhook.{namespace}.svc")
    container = {
        "name": "main",
        "image": PYTHON,
        "command": ["python", "-c", SERVER],
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "tls", "secret": {"secretName": "webhook"}}],
        "terminationGracePeriodSeconds": 0,
    }
    named = {"name": "webhook", "labels": {"app": "webhook"}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": named,
            "stringData": {"tls.crt": pair.cert_pem, "tls.key": pair.key_pem},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named,
            "spec": {"selector": named["labels"], "ports": [{"port": 443, "targetPort": 8443}]},
        },
    ], base64.b64encode(ca.cert_pem.encode()).decode()


def webhook(namespace, server_namespace, ca, path):
    """Have the API server ask the webhook about each new Pod of a namespace."""
    service = {"name": "webhook", "namespace": server_namespace, "path": path}
    hook = {
        "name": "audit.kubedag.example",
        "clientConfig": {"service": service, "caBundle": ca},
        "rules": RULES,
        "namespaceSelector": _only_in(namespace),
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        "failurePolicy": "Fail",
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [hook],
    }


def priority_class(name, value):
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "globalDefault": False,
    }


def ghost_node(name):
    """A Node that nobody stands behind: what is sent there is never heard of again."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubedag-e2e": name}},
        "spec": {"taints": [{"key": "kubedag-e2e", "value": "ghost", "effect": "NoSchedule"}]},
    }


GHOST_STATUS = json.dumps(
    {
        "status": {
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "10"},
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Said",
                    "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        }
    }
)


BYSTANDER = json.dumps(bystander("bystander"))
TRIES_MAX = 200


def refused_by_now(place):
    """Ask until the API server has taken notice of an obstacle; it does within a second or two."""
    for _ in range(TRIES_MAX):
        try:
            place.kubectl("create", "--dry-run=server", "-f", "-", text=BYSTANDER)
        except Problem:
            return
    raise AssertionError(f"Pods can still be created in {place.kubectl.namespace}")
