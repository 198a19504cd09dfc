"""A real node that has no memory left, or goes down: what it takes with it is made anew.

Pods are disturbed here by their kubelet, as one does it that is in need, with the words that it has
for that. The operator may be among them, since it is on the same node.
"""

from __future__ import annotations

import pytest

from dev.demo.install import OPERATOR
from e2e import kube, node

pytestmark = pytest.mark.alone

SECONDS_MAX = 240
ONE_MORE = {"limit": 0, "infraLimit": 1, "backoffSeconds": 1}


@pytest.fixture
def where(expendable, kubectl, system):
    """The node; afterwards the operator is there again."""
    yield node.control_plane(expendable, kubectl)
    kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=120s")
    deployment = system.kubectl("get", "deployment", "-l", OPERATOR, "-o", "name").strip()
    system.kubectl("rollout", "status", deployment, "--timeout=180s")
    # What is left of one that had to go would be found by the tests that look for the operator.
    system.kubectl("delete", "pods", "--field-selector=status.phase=Failed")


def under_way(namespace, **fields):
    """The name of a run whose only task blocks the first time, and that of its first Pod."""
    once = kube.task("only", kube.BLOCKS_ONCE, retry=ONE_MORE, **fields)
    run = namespace.start(kube.dag("blocks", once))
    namespace.until(run, "only", "Running")
    return run, namespace.pods(run)[0]["metadata"]["name"]


def failed(namespace, pod):
    namespace.wait(f"pod/{pod}", "jsonpath={.status.phase}=Failed", SECONDS_MAX)


def why_it_was_made_anew(namespace, run, pod):
    """What is said of the first attempt, for whose end the kubelet is to blame."""
    first, second = kube.row(namespace.finish(run, SECONDS_MAX), "only")["attempts"]
    assert (first["reason"], first["class"]) == ("TerminationByKubelet", "Infra")
    assert (first["podName"], second["state"]) == (pod, "Succeeded")
    return first["message"]


def test_a_pod_that_its_node_has_no_memory_for_is_made_anew(namespace, where):
    little = {"requests": {"memory": "64Ki"}}  # without any it would not even be admitted
    run, pod = under_way(namespace, resources=little)

    with where.short_of_memory():
        failed(namespace, pod)

    assert "The node was low on resource: memory" in why_it_was_made_anew(namespace, run, pod)


def test_a_pod_whose_node_goes_down_is_made_anew(namespace, where):
    run, pod = under_way(namespace)

    with where.heeding_shutdown():
        namespace.apply(lingering())
        namespace.wait("pod/lingering", "Ready")
        where.begin_shutdown()
        failed(namespace, pod)

    assert "node shutdown" in why_it_was_made_anew(namespace, run, pod)


def lingering():
    """As long as this has not ended, the Pods of the system are spared."""
    script = "trap 'sleep 110' TERM; sleep 300 & wait"
    container = {"name": "main", "image": kube.BUSYBOX, "command": ["sh", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lingering"},
        "spec": {
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 115,
        },
    }
