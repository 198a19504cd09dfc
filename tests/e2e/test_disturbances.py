"""Real Pods that somebody or something interferes with: the attempt says who, and a retry heals.

All runs are started before the first one is disturbed, so that their waits overlap.
"""

from __future__ import annotations

import contextlib
import json

import pytest

from e2e import kube, obstacles, outcomes
from e2e.conftest import a_namespace
from kubedag.core import naming

SLOT = "kubedag.example/slot"
GATE = "kubedag.example/queue"
SCHEDULED = 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].status}=True'
PENDING_SECONDS = 15
PATIENT = {"limit": 0, "infraLimit": 2, "backoffSeconds": 1}


def task(script="true", **fields):
    return kube.task("only", script, **{"retry": PATIENT, **fields})


def on_ghost(node, **toleration):
    return {
        "spec": {
            "nodeSelector": {"kubedag-e2e": node},
            "tolerations": [{"operator": "Exists", **toleration}],
        }
    }


def slot(**priority):
    claimed = {"limits": {SLOT: "1"}}
    return {"resources": claimed, "podTemplate": {"spec": priority}}


def dags(tainted, lost):
    once = {"limit": 0, "infraLimit": 0}
    gated = {"spec": {"schedulingGates": [{"name": GATE}]}}
    late = outcomes.variable("secretKeyRef", "late", "key")
    return {
        "deleted": task(kube.BLOCKS_ONCE),
        "evicted": task(kube.BLOCKS_ONCE),
        "only-once": task(kube.BLOCKS_ONCE, idempotent=False),
        "preempted": task(kube.BLOCKS_ONCE, **slot()),
        "deadline": task(kube.sleep(300)),
        "gated": task(pendingTimeoutSeconds=PENDING_SECONDS, podTemplate=gated),
        "secret-in-time": task(env=late),
        "tainted": task(retry=once, podTemplate=on_ghost(tainted, effect="NoSchedule")),
        "node-lost": task(retry=once, podTemplate=on_ghost(lost)),
    }


def attempts(run):
    """How each attempt of the only task ended."""
    return [
        (each["state"], each.get("reason", ""), each.get("class", ""))
        for each in kube.row(run, "only")["attempts"]
    ]


def pod_of(namespace, run_name):
    return namespace.pods(run_name)[-1]["metadata"]["name"]


def a_pod_of(namespace, run_name):
    """The name of a run's Pod, once there is one."""
    namespace.wait(f"dagrun/{run_name}", "jsonpath={.status.tasks[0].attempt}=1")
    return pod_of(namespace, run_name)


@pytest.fixture(scope="module")
def ghosts(kubectl):
    """The names of two Nodes that exist on paper only."""
    with a_namespace(kubectl, "ghost") as named:  # for a name that is nobody else's
        names = [f"{named.kubectl.namespace}-{which}" for which in ("tainted", "lost")]
        status = ("--subresource=status", "--type=merge", "-p", obstacles.GHOST_STATUS)
        for name in names:
            kubectl("create", "-f", "-", text=json.dumps(obstacles.ghost_node(name)))
            kubectl("patch", "node", name, *status)
        try:
            yield names
        finally:
            kubectl("delete", "node", *names, "--ignore-not-found")


@pytest.fixture(scope="module")
def slots(kubectl):
    """One piece of a resource that only these tests know, on the real node."""
    node = kubectl.get("nodes")["items"][0]["metadata"]["name"]

    def offer(amount):
        status = {"capacity": {SLOT: amount}, "allocatable": {SLOT: amount}}
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        kubectl("patch", "node", node, *patch)

    offer("1")
    yield
    offer(None)


@pytest.fixture(scope="module")
def place(kubectl, slots, ghosts):
    """A namespace in which one run of each DAG is under way, and named like it."""
    del slots
    with a_namespace(kubectl, "disturbed") as made:
        listed = {"apiVersion": "v1", "kind": "List"}
        wanted = dags(*ghosts)
        made.apply({**listed, "items": [kube.dag(name, one) for name, one in wanted.items()]})
        runs = [{**kube.run(name), "metadata": {"name": name}} for name in wanted]
        made.apply({**listed, "items": runs})
        made.wait(f"pod/{a_pod_of(made, 'node-lost')}", SCHEDULED)
        # Now, since the garbage collector of Pods takes a minute; the test that wants it is last.
        kubectl("delete", "node", ghosts[1])
        yield made


def test_a_deleted_pod_is_made_anew(place):
    place.until("deleted", "only", "Running")
    place.kubectl("delete", "pod", pod_of(place, "deleted"))

    run = place.finish("deleted")

    assert attempts(run) == [("Failed", "PodDeleted", "Infra"), ("Succeeded", "", "")]
    assert "deleted" in kube.row(run, "only")["attempts"][0]["message"]
    assert run["status"]["retries"] == 1


def test_what_must_not_run_twice_is_not_made_anew_and_its_pod_is_let_go(place):
    place.until("only-once", "only", "Running")
    pod = pod_of(place, "only-once")
    held = place.kubectl.get("pod", pod)["metadata"]["finalizers"]
    place.kubectl("delete", "pod", pod, "--force", "--grace-period=0")

    run = place.finish("only-once")

    assert held == ["kubedag.dev/record"]
    assert attempts(run) == [("Failed", "PodDeleted", "Infra")]
    assert "idempotent: false" in kube.row(run, "only")["message"]
    place.kubectl("wait", f"pod/{pod}", "--for=delete", "--timeout=30s")


def test_a_pod_that_is_evicted_through_the_api_is_made_anew(place):
    place.until("evicted", "only", "Running")
    meta = {"name": pod_of(place, "evicted"), "namespace": place.kubectl.namespace}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/eviction"
    place.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))

    run = place.finish("evicted")

    assert attempts(run) == [("Failed", "EvictionByEvictionAPI", "Infra"), ("Succeeded", "", "")]
    assert "evicted through the API" in kube.row(run, "only")["attempts"][0]["message"]


def test_a_pod_that_makes_way_for_a_more_important_one_is_made_anew(place, kubectl, ghosts):
    name = ghosts[0]  # of which there is no other
    place.until("preempted", "only", "Running")
    kubectl("create", "-f", "-", text=json.dumps(obstacles.priority_class(name, 1000)))
    try:
        urgent = kube.dag("urgent", task("sleep 2", **slot(priorityClassName=name)))
        second = place.finish(place.start(urgent))
        first = place.finish("preempted")
    finally:
        kubectl("delete", "priorityclass", name)

    assert attempts(second) == [("Succeeded", "", "")]
    assert attempts(first) == [("Failed", "PreemptionByScheduler", "Infra"), ("Succeeded", "", "")]
    assert "higher priority" in kube.row(first, "only")["attempts"][0]["message"]


def test_a_deadline_that_somebody_puts_on_the_pod_is_told_as_such(place):
    place.until("deadline", "only", "Running")
    limit = json.dumps({"spec": {"activeDeadlineSeconds": 1}})
    place.kubectl("patch", "pod", pod_of(place, "deadline"), "-p", limit)

    run = place.finish("deadline")

    assert attempts(run) == [("Failed", "DeadlineExceeded", "User")]
    assert "activeDeadlineSeconds" in kube.row(run, "only")["message"]


def test_a_secret_that_comes_in_time_lets_the_task_go_on(place):
    reason = '{.status.tasks[?(@.name=="only")].reason}'
    place.wait("dagrun/secret-in-time", f"jsonpath={reason}=CreateContainerConfigError")
    waiting = kube.row(place.run("secret-in-time"), "only")
    place.kubectl("create", "secret", "generic", "late", "--from-literal=key=1")

    run = place.finish("secret-in-time")

    assert waiting["state"] == "Pending"
    assert waiting["message"].startswith('Secret "late" not found (attempt 1, since ')
    assert attempts(run) == [("Succeeded", "", "")]


def test_a_pod_on_a_node_that_gets_a_taint_is_lost_to_the_taint(place, kubectl, ghosts):
    """The node is of paper, so nobody there ends the Pod; an administrator forces it."""
    pod = a_pod_of(place, "tainted")
    place.wait(f"pod/{pod}", SCHEDULED)
    kubectl("taint", "node", ghosts[0], "kubedag-e2e=gone:NoExecute")
    place.until("tainted", "only", "Terminating")
    leaving = kube.row(place.run("tainted"), "only")
    place.kubectl("delete", "pod", pod, "--force", "--grace-period=0")

    run = place.finish("tainted")

    assert leaving["reason"] == "DeletionByTaintManager"
    assert ghosts[0] in leaving["message"]
    assert attempts(run) == [("Failed", "DeletionByTaintManager", "Infra")]
    assert "taint" in kube.row(run, "only")["message"]


def test_time_behind_a_scheduling_gate_is_not_time_spent_pending(place):
    """The other run begins to wait later and for as long as this one may, and has given up."""
    reason = '{.status.tasks[?(@.name=="only")].reason}'
    place.wait("dagrun/gated", f"jsonpath={reason}=SchedulingGated")
    hopeless = task(pendingTimeoutSeconds=PENDING_SECONDS, **slot_of("nobody"))
    place.finish(place.start(kube.dag("hopeless", hopeless)))
    held = kube.row(place.run("gated"), "only")
    opened = [{"op": "remove", "path": "/spec/schedulingGates"}]
    pod = pod_of(place, "gated")
    place.kubectl("patch", "pod", pod, "--type=json", "-p", json.dumps(opened))

    run = place.finish("gated")

    assert (held["state"], held["reason"]) == ("Pending", "SchedulingGated")
    assert GATE in held["message"]
    assert attempts(run) == [("Succeeded", "", "")]
    assert "ungateTime" in kube.row(run, "only")["attempts"][0]


def slot_of(nobody):
    return {"resources": {"limits": {f"kubedag.example/{nobody}": "1"}}}


def test_a_pod_of_the_same_name_is_left_alone(namespace):
    namespace.apply(kube.dag("conflict", task()))
    namespace.wait("dag/conflict", "Ready")
    held = namespace.create(kube.run("conflict", suspend=True))
    uid = namespace.run(held)["metadata"]["uid"]
    name = naming.pod_name(held, uid, "only", None, 1)
    namespace.apply(obstacles.bystander(name))
    before = namespace.kubectl.get("pod", name)["metadata"]["uid"]
    namespace.patch(f"dagrun/{held}", suspend=False)

    run = namespace.finish(held)

    assert attempts(run) == [("Failed", "NameConflict", "Config")]
    assert name in kube.row(run, "only")["message"]
    after = namespace.kubectl.get("pod", name)["metadata"]
    assert (after["uid"], "deletionTimestamp" in after) == (before, False)


def test_a_quota_that_is_used_up_is_waited_for(namespace):
    namespace.apply(kube.dag("modest", task()))
    namespace.wait("dag/modest", "Ready")
    namespace.apply(obstacles.bystander("greedy"))
    namespace.apply(obstacles.quota(1))
    namespace.wait("resourcequota/few", "jsonpath={.status.used.pods}=1")
    run = namespace.create(kube.run("modest"))
    reason = '{.status.tasks[?(@.name=="only")].reason}'
    namespace.wait(f"dagrun/{run}", f"jsonpath={reason}=WaitingForQuota")
    waiting = kube.row(namespace.run(run), "only")
    namespace.kubectl("delete", "pod", "greedy")

    ended = namespace.finish(run)

    assert waiting["state"] == "Queued"
    assert "pods=1" in waiting["message"]
    assert attempts(ended) == [("Succeeded", "", "")]


@pytest.fixture
def slow_webhook(kubectl, tmp_path):
    """A namespace whose Pods a webhook is asked about that never answers."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(a_namespace(kubectl, "webhook"))
        asking = stack.enter_context(a_namespace(kubectl, "asking"))
        server, ca = obstacles.webhook_server(home.kubectl.namespace, tmp_path)
        home.apply({"apiVersion": "v1", "kind": "List", "items": server})
        asking.apply(kube.dag("asked", task()))
        asking.wait("dag/asked", "Ready")
        home.wait("pod/webhook", "Ready")
        name = asking.kubectl.namespace
        asking.apply(obstacles.webhook(name, home.kubectl.namespace, ca, "/slow"))
        words = ("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")
        stack.callback(kubectl, *words)
        yield asking


def test_a_webhook_that_does_not_answer_is_waited_for(slow_webhook, kubectl):
    """A Pod may slip through in the moment before the API server knows of the webhook."""
    obstacles.refused_by_now(slow_webhook)
    run = slow_webhook.create(kube.run("asked"))
    reason = '{.status.tasks[?(@.name=="only")].reason}'
    slow_webhook.wait(f"dagrun/{run}", f"jsonpath={reason}=WebhookUnavailable")
    waiting = kube.row(slow_webhook.run(run), "only")
    kubectl("delete", "validatingwebhookconfiguration", slow_webhook.kubectl.namespace)

    ended = slow_webhook.finish(run)

    assert waiting["state"] == "Queued"
    assert "audit.kubedag.example" in waiting["message"]
    assert attempts(ended) == [("Succeeded", "", "")]


def test_a_dag_whose_pod_is_invalid_is_not_ready_and_says_where(namespace):
    odd = task(podTemplate={"spec": {"dnsPolicy": "Sometimes"}})
    namespace.apply(kube.dag("odd", odd))

    namespace.wait("dag/odd", "condition=Ready=False")

    ready = kube.condition(namespace.kubectl.get("dag", "odd"), "Ready")
    assert ready["message"].startswith("spec.tasks[0].podTemplate.spec.dnsPolicy: must"), ready
    assert "Sometimes" in ready["message"]


def test_a_pod_on_a_node_that_goes_from_the_cluster_is_lost_with_it(place):
    run = place.finish("node-lost", 150)

    assert attempts(run) == [("Failed", "DeletionByPodGC", "Infra")]
    assert "its node is gone" in kube.row(run, "only")["message"]
