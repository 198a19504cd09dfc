"""What it means that a Pod was not created: rows 3 to 5 of the table of outcomes.

The messages are those of the API server and its admission plug-ins, as their sources write them.
"""

from __future__ import annotations

import pytest

from kubedag.core import reasons_elsewhere, refusals

WAIT, FAIL = True, False
FORBIDDEN = 'pods "run-a-1-x" is forbidden: '
WEBHOOK_DOWN = (
    'Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: '
    'Post "https://policy.ns.svc:443/?timeout=10s": context deadline exceeded'
)
RATIO = "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000"

TROUBLE = [
    pytest.param(
        0, "connection refused",
        ("APIUnreachable", WAIT, "the API server does not answer: connection refused"),
        id="4 no answer",
    ),
    pytest.param(
        429, "Too many requests, please try again later.",
        ("APIOverloaded", WAIT,
         "the API server is in trouble: Too many requests, please try again later."),
        id="4 too many requests",
    ),
    pytest.param(
        500, "etcdserver: leader changed",
        ("APIOverloaded", WAIT, "the API server is in trouble: etcdserver: leader changed"),
        id="4 etcd",
    ),
    pytest.param(
        500, "Internal error occurred: resource quota evaluation timed out",
        ("APIOverloaded", WAIT,
         "the API server is in trouble: resource quota evaluation timed out"),
        id="4 quota evaluation timed out",
    ),
    pytest.param(
        504, "Timeout: request did not complete within requested timeout",
        ("APIOverloaded", WAIT, ("the API server is in trouble: Timeout: request did not complete "
         "within requested timeout")),
        id="4 time-out",
    ),
    pytest.param(503, "", ("APIOverloaded", WAIT, "the API server is in trouble"), id="4 503"),
    pytest.param(
        403, FORBIDDEN + "not yet ready to handle request",
        ("APIOverloaded", WAIT, "the API server is in trouble: not yet ready to handle request"),
        id="4 an API server that starts",
    ),
    pytest.param(
        409, 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified; '
        "please apply your changes to the latest version and try again",
        ("Conflict", WAIT, ('another change came first: Operation cannot be fulfilled on '
         'resourcequotas "q": the object has been modified; please apply your changes to the latest '
         "version and try again")),
        id="4 two creations met at a quota",
    ),
    pytest.param(
        401, "Unauthorized", ("APIRefused", WAIT, "the API server refused: 401 Unauthorized"),
        id="4 anything else",
    ),
    pytest.param(
        404, "the server could not find the requested resource",
        ("APIRefused", WAIT,
         "the API server refused: 404 the server could not find the requested resource"),
        id="4 an API server that does not know Pods yet",
    ),
    pytest.param(
        500, WEBHOOK_DOWN,
        ("WebhookUnavailable", WAIT,
         f"a webhook cannot be asked: {WEBHOOK_DOWN.partition('webhook ')[2]}"),
        id="5 a webhook that does not answer in time",
    ),
    pytest.param(
        503, 'admission webhook "p" denied the request: cannot reach my database',
        ("WebhookUnavailable", WAIT, ('a webhook failed: admission webhook "p" denied the request: '
         "cannot reach my database")),
        id="5 a webhook that is in trouble itself",
    ),
]  # fmt: skip

SETTINGS = [
    pytest.param(
        403, FORBIDDEN + "exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9",
        ("WaitingForQuota", WAIT, ("namespace's quota is used up: q, requested: pods=1, used: pods=9, "
         "limited: pods=9")),
        id="4 quota",
    ),
    pytest.param(
        403, FORBIDDEN + "status unknown for quota: q, resources: pods",
        ("WaitingForQuota", WAIT, ("waits for the namespace's quota: status unknown for quota: q, "
         "resources: pods")),
        id="4 a quota that nobody has computed yet",
    ),
    pytest.param(
        403, FORBIDDEN + "failed quota: q: must specify limits.memory for: main",
        ("AdmissionDenied", FAIL, ("refused by the namespace's quota: q: must specify limits.memory "
         "for: main")),
        id="5 a quota that demands limits",
    ),
    pytest.param(
        403, FORBIDDEN + 'error looking up service account ns/loader: serviceaccount "loader" not '
        "found",
        ("WaitingForServiceAccount", WAIT, 'serviceaccount "loader" not found'),
        id="4 a ServiceAccount that may come yet",
    ),
    pytest.param(
        403, 'pods is forbidden: User "system:serviceaccount:kubedag:operator" cannot create'
        ' resource "pods" in API group "" in the namespace "ns"',
        ("OperatorNotAllowed", WAIT, ("kubedag may not create Pods here: User "
         '"system:serviceaccount:kubedag:operator" cannot create resource "pods" in API group "" in '
         'the namespace "ns"')),
        id="4 the operator lacks a right",
    ),
    pytest.param(
        403, FORBIDDEN + "unable to create new content in namespace ns because it is being "
        "terminated",
        ("NamespaceTerminating", FAIL,
         "unable to create new content in namespace ns because it is being terminated"),
        id="5 a namespace on its way out",
    ),
    pytest.param(
        404, 'namespaces "ns" not found',
        ("NamespaceNotFound", FAIL, 'namespaces "ns" not found'), id="5 no namespace",
    ),
    *[
        pytest.param(
            403, FORBIDDEN + said,
            ("AdmissionDenied", FAIL, f"refused by a LimitRange of the namespace: {said}"),
            id=f"5 LimitRange: {said[:20]}",
        )
        for said in (
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
            "minimum cpu usage per Pod is 100m, but request is 50m",
            ("[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per "
            "Container is 1Gi, but limit is 2Gi]"),
            RATIO,
        )
    ],
    pytest.param(
        403, FORBIDDEN + 'violates PodSecurity "restricted:latest": privileged (container "main" '
        "must not set securityContext.privileged=true)",
        ("AdmissionDenied", FAIL, ('refused: violates PodSecurity "restricted:latest": privileged '
         '(container "main" must not set securityContext.privileged=true)')),
        id="5 Pod Security",
    ),
    pytest.param(
        403, FORBIDDEN + "no PriorityClass with name urgent was found",
        ("AdmissionDenied", FAIL, "refused: no PriorityClass with name urgent was found"),
        id="5 no such PriorityClass",
    ),
    *[
        pytest.param(
            code, 'admission webhook "policy" denied the request: exceeded quota of labels',
            ("AdmissionDenied", FAIL, ('refused: admission webhook "policy" denied the request: '
             "exceeded quota of labels")),
            id=f"5 a webhook's denial with {code}, whatever words it uses",
        )
        for code in (400, 403, 422)
    ],
    *[
        pytest.param(
            code, FORBIDDEN + "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            ("AdmissionDenied", FAIL,
             "refused: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
            id=f"5 a policy's denial with {code}",
        )
        for code in (401, 403, 422)
    ],
    pytest.param(
        422, 'Pod "a" is invalid: spec.containers[0].image: Required value',
        ("InvalidPodSpec", FAIL, "the Pod is invalid: spec.containers[0].image: Required value"),
        id="5 an invalid Pod",
    ),
    pytest.param(
        422, 'Pod "a" is invalid: spec.priorityClassName: Invalid value: "exceeded quota: timeout"',
        ("InvalidPodSpec", FAIL,
         'the Pod is invalid: spec.priorityClassName: Invalid value: "exceeded quota: timeout"'),
        id="5 an invalid Pod with words in it that mean something elsewhere",
    ),
    pytest.param(
        400, "strict decoding error: unknown field serviceaccount",
        ("InvalidPodSpec", FAIL, ("the API server cannot read the Pod: strict decoding error: unknown "
         "field serviceaccount")),
        id="5 a Pod that cannot be read",
    ),
    pytest.param(
        413, "Request entity too large: limit is 3145728",
        ("InvalidPodSpec", FAIL, ("the Pod is too large for the API server: Request entity too large: "
         "limit is 3145728")),
        id="5 a Pod that is too large",
    ),
    pytest.param(403, "no\nway", ("AdmissionDenied", FAIL, "refused: no way"), id="5 any other 403"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "expected"), [*TROUBLE, *SETTINGS])
def test_what_to_make_of_an_answer(status, message, expected):
    assert refusals.classify(refusals.Answer(status, "", message)) == expected


def test_what_is_waited_with_is_what_tasks_without_a_pod_may_say():
    said = {reason.name for reason in reasons_elsewhere.said_of(reasons_elsewhere.TASK)}
    assert said >= refusals.WAITS


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (10**9, 60)]
)
def test_the_wait_grows_up_to_a_minute(tries, seconds):
    assert refusals.wait_seconds(tries) == seconds
