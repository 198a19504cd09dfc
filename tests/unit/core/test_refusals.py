"""What it means that a Pod was not created; the messages are those of the API server."""

from __future__ import annotations

import pytest

from kubedag.core import refusals

WAIT, FAIL = True, False


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        pytest.param(0, "connection refused", ("APIUnreachable", WAIT), id="no answer"),
        pytest.param(429, "too many requests", ("APIOverloaded", WAIT), id="overloaded"),
        pytest.param(500, "etcdserver: leader changed", ("APIOverloaded", WAIT), id="etcd"),
        pytest.param(
            500, 'Internal error occurred: failed calling webhook "x": timeout',
            ("APIOverloaded", WAIT), id="a webhook that does not answer",
        ),
        pytest.param(503, "", ("APIOverloaded", WAIT), id="unavailable"),
        pytest.param(
            403, 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9',
            ("WaitingForQuota", WAIT), id="quota",
        ),
        pytest.param(
            403, 'pods "a" is forbidden: failed quota: q: must specify cpu',
            ("WaitingForQuota", WAIT), id="a quota that wants requests",
        ),
        pytest.param(
            403, 'pods "a" is forbidden: unable to create new content in namespace ns because it'
            " is being terminated",
            ("NamespaceTerminating", FAIL), id="namespace on its way out",
        ),
        pytest.param(
            403, 'pods "a" is forbidden: error looking up service account ns/loader:'
            ' serviceaccount "loader" not found',
            ("WaitingForServiceAccount", WAIT), id="a ServiceAccount that may come yet",
        ),
        pytest.param(
            403, 'pods is forbidden: User "system:serviceaccount:kubedag:operator" cannot create'
            ' resource "pods" in API group "" in the namespace "ns"',
            ("OperatorNotAllowed", WAIT), id="the operator lacks a right",
        ),
        pytest.param(
            403, 'pods "a" is forbidden: violates PodSecurity "restricted:latest": privileged',
            ("AdmissionDenied", FAIL), id="Pod security",
        ),
        pytest.param(
            403, 'admission webhook "policy" denied the request: no service account but default',
            ("AdmissionDenied", FAIL), id="a policy that talks of service accounts",
        ),
        pytest.param(
            422, 'Pod "a" is invalid: spec.containers[0].image: Required value',
            ("InvalidPodSpec", FAIL), id="invalid",
        ),
        pytest.param(
            422, 'Pod "a" is invalid: spec.containers[0].livenessProbe.timeoutSeconds: Invalid'
            " value: -1: must be greater than or equal to 0",
            ("InvalidPodSpec", FAIL), id="invalid in a field that has to do with timeouts",
        ),
        pytest.param(
            400, "strict decoding error: unknown field serviceaccount", ("InvalidPodSpec", FAIL),
            id="cannot be read",
        ),
        pytest.param(413, "request is too large", ("InvalidPodSpec", FAIL), id="too large"),
        pytest.param(
            404, 'namespaces "ns" not found', ("NamespaceNotFound", FAIL), id="no namespace",
        ),
        pytest.param(
            409, "Operation cannot be fulfilled on resourcequotas", ("Conflict", WAIT),
            id="two creations met at a quota",
        ),
        pytest.param(401, "Unauthorized", ("APIRefused", WAIT), id="anything else"),
    ],
)  # fmt: skip
def test_what_to_make_of_an_answer(status, message, expected):
    assert refusals.classify(refusals.Answer(status, "", message)) == expected


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (10**9, 60)]
)
def test_the_wait_grows_up_to_a_minute(tries, seconds):
    assert refusals.wait_seconds(tries) == seconds
