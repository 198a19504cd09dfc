"""The life of an attempt on a real API server: what holds a Pod, and whether it is really gone.

The tests play the scheduler and the kubelet, except where a run is deleted: that needs the garbage
collector of a real cluster.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from kubedag.core.pods import FINALIZER
from support import operators, real_loop
from support.kinds import install
from support.objects import API_VERSION, a_dag, a_run, a_task

pytestmark = pytest.mark.integration

SECONDS_MAX = 60
ONCE = a_dag(
    a_task("a", retry={"infraLimit": 3, "backoffSeconds": 1}),
    taskDefaults={"image": "busybox", "idempotent": False},
)
TWICE = a_dag(
    a_task("a", retry={"infraLimit": 3, "backoffSeconds": 1}), taskDefaults={"image": "busybox"}
)


class User:
    """What a user does with kubectl, what a scheduler and a kubelet do with Pods."""

    def __init__(self, cluster, namespace):
        self.client, self.name, self.kubeconfig = cluster.client, namespace, cluster.kubeconfig

    def path(self, kind, name=""):
        base = "/api/v1" if kind in ("pods", "serviceaccounts") else f"/apis/{API_VERSION}"
        return f"{base}/namespaces/{self.name}/{kind}" + (f"/{name}" if name else "")

    def begin(self, dag):
        self.client.create(self.path("dags"), dag)
        return self.client.create(self.path("dagruns"), a_run())

    def pods(self):
        found = self.client.get(self.path("pods"))["items"]
        return {pod["metadata"]["name"]: pod for pod in found}

    def place(self, pod):
        """As a scheduler binds it; there need be no such node."""
        target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
        body = {"metadata": {"name": pod}, "target": target}
        self.client.create(self.path("pods", pod) + "/binding", body)

    def report(self, pod, phase, **state):
        main = {
            "name": "main", "state": state, "ready": False, "restartCount": 0,
            "image": "busybox", "imageID": "",
        }  # fmt: skip
        body = {"status": {"phase": phase, "containerStatuses": [main]}}
        self.client.patch(self.path("pods", pod) + "/status", body)

    def starts(self, pod):
        self.report(pod, "Running", running={"startedAt": _now()})

    def ends(self, pod, code):
        ended = {"exitCode": code, "startedAt": _now(), "finishedAt": _now(), "containerID": "c"}
        self.report(pod, "Failed" if code else "Succeeded", terminated=ended)

    def label(self, pod, **labels):
        self.client.patch(self.path("pods", pod), {"metadata": {"labels": labels}})

    def labels(self, pod):
        return self.pods()[pod]["metadata"]["labels"]

    def finalizers(self, pod):
        return self.pods()[pod]["metadata"].get("finalizers", [])

    def row(self):
        rows = self.client.get(self.path("dagruns", "run")).get("status", {}).get("tasks")
        return rows[0] if rows else {}

    def run_has_ended(self):
        return self.row().get("state") in ("Succeeded", "Failed")


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


async def until(what):
    """Wait for it in a thread, while an engine works in this one."""
    deadline = time.monotonic() + SECONDS_MAX
    while not (found := await asyncio.to_thread(what)):
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.05)
    return found


async def only_pod(user):
    return next(iter(await until(user.pods)))


@pytest.fixture
def user(api_server, namespace):
    install(api_server.client)
    return User(api_server, namespace)


def told(user, story):
    """A story that goes on beside an engine."""

    async def scenario():
        async with operators.acting(user.kubeconfig, user.name) as acting:
            await story()
        assert (acting.engine.reconciler.bugs, acting.engine.tasks.bugs) == (0, 0)

    real_loop.run(scenario(), seconds_max=120)


# --- Labels that people change ---------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        {"kubedag.dev/task": "other"},
        {"kubedag.dev/attempt": "7"},
        {"kubedag.dev/run-uid": "x"},
        {"app.kubernetes.io/managed-by": "somebody"},
        {"app.kubernetes.io/managed-by": None, "kubedag.dev/task": None, "kubedag.dev/run": None},
    ],
    ids=["the task", "the attempt", "the run", "what the watch selects by", "many"],
)
def test_a_pod_whose_labels_somebody_changes_gets_them_back_and_no_twin(user, broken):
    async def story():
        user.begin(TWICE)
        pod = await only_pod(user)
        before = user.labels(pod)
        user.place(pod)
        user.starts(pod)
        await until(lambda: user.row().get("state") == "Running")
        user.label(pod, **broken)
        await until(lambda: user.labels(pod) == before)
        user.ends(pod, 0)
        await until(user.run_has_ended)
        assert list(user.pods()) == [pod]
        assert (user.row()["state"], user.row()["attempt"]) == ("Succeeded", 1)
        events = user.client.get(f"/api/v1/namespaces/{user.name}/events")["items"]
        assert "PodLabelsRestored" in {event["reason"] for event in events}

    told(user, story)


def test_labels_that_were_changed_while_nobody_looked_are_put_right_at_the_start(user):
    async def first():
        user.begin(TWICE)
        pod = await only_pod(user)
        user.place(pod)
        user.starts(pod)
        await until(lambda: user.row().get("state") == "Running")

    async def second():
        (pod,) = user.pods()
        await until(lambda: user.labels(pod) == before)
        user.ends(pod, 0)
        await until(user.run_has_ended)
        assert (list(user.pods()), user.row()["state"]) == ([pod], "Succeeded")

    told(user, first)
    (pod,) = user.pods()
    before = user.labels(pod)
    user.label(pod, **{"kubedag.dev/attempt": "2"})
    told(user, second)


def test_a_pod_that_is_really_gone_is_made_anew_under_another_name(user):
    async def story():
        user.begin(TWICE)
        pod = await only_pod(user)
        await until(lambda: user.row().get("state") == "Pending")
        user.client.delete(user.path("pods", pod))
        await until(lambda: set(user.pods()) - {pod})
        (again,) = user.pods()
        assert again != pod
        first = (await until(lambda: user.row().get("attempts")))[0]
        assert (first["reason"], first["class"]) == ("PodDeleted", "Infra")

    told(user, story)


# --- Pods that are held ----------------------------------------------------------------------


def test_a_pod_that_may_not_run_twice_is_held_until_its_end_is_stored(user):
    async def story():
        user.begin(ONCE)
        pod = await only_pod(user)
        assert user.finalizers(pod) == [FINALIZER]
        user.place(pod)
        user.starts(pod)
        await until(lambda: user.row().get("state") == "Running")
        assert user.finalizers(pod) == [FINALIZER]
        user.ends(pod, 0)
        await until(lambda: not user.finalizers(pod))
        assert user.row()["state"] == "Succeeded"

    told(user, story)


def test_an_end_that_happened_while_nobody_looked_is_not_lost_with_a_deletion(user):
    async def first():
        user.begin(ONCE)
        pod = await only_pod(user)
        user.place(pod)
        user.starts(pod)

    async def second():
        await until(user.run_has_ended)
        assert (user.row()["state"], user.row()["attempt"]) == ("Succeeded", 1)
        await until(lambda: not user.pods())

    told(user, first)
    (pod,) = user.pods()
    user.ends(pod, 0)
    user.client.delete(user.path("pods", pod))
    assert user.finalizers(pod) == [FINALIZER]
    told(user, second)


def test_a_pod_that_is_deleted_before_it_has_a_node_is_let_go_and_made_anew(user):
    async def story():
        user.begin(ONCE)
        pod = await only_pod(user)
        user.client.delete(user.path("pods", pod))
        await until(lambda: pod not in user.pods() and user.pods())
        first = (await until(lambda: user.row().get("attempts")))[0]
        assert (first["reason"], first["class"]) == ("PodDeleted", "Infra")

    told(user, story)


def test_a_pod_that_ran_is_not_made_anew(user):
    async def story():
        user.begin(ONCE)
        pod = await only_pod(user)
        user.place(pod)
        user.starts(pod)
        await until(lambda: user.row().get("state") == "Running")
        user.client.delete(user.path("pods", pod))
        await until(lambda: user.row().get("state") == "Terminating")
        user.ends(pod, 143)
        await until(user.run_has_ended)
        row = user.row()
        assert (row["state"], row["reason"], row["attempt"]) == ("Failed", "PodDeleted", 1)
        assert row["message"].endswith("the task says idempotent: false")

    told(user, story)


# --- Runs that go ----------------------------------------------------------------------------


@pytest.fixture
def owner(scale_cluster, scale_namespace):
    install(scale_cluster.client)
    return User(scale_cluster, scale_namespace)


def never_ends(**fields):
    """A task whose Pod has no node to go to."""
    template = {"spec": {"nodeSelector": {"no": "such"}}}
    return a_dag(
        a_task("a", podTemplate=template, **fields),
        taskDefaults={"image": "busybox", "idempotent": False},
    )


@pytest.mark.parametrize("away", [False, True], ids=["beside an operator", "while none was there"])
def test_the_pods_of_a_run_that_is_deleted_are_let_go(owner, away):
    async def begin():
        owner.begin(never_ends())
        pod = await only_pod(owner)
        await until(lambda: owner.row().get("state") == "Pending")
        assert owner.finalizers(pod) == [FINALIZER]
        if not away:
            owner.client.delete(owner.path("dagruns", "run"))
            await until(lambda: not owner.pods())

    async def come_back():
        await until(lambda: not owner.pods())

    told(owner, begin)
    if away:
        owner.client.delete(owner.path("dagruns", "run"))
        told(owner, come_back)


def test_a_command_lets_all_pods_go_for_which_there_is_no_operator(owner):
    async def begin():
        owner.begin(never_ends())
        await only_pod(owner)

    told(owner, begin)
    (pod,) = owner.pods()
    done = subprocess.run(
        [sys.executable, "-m", "kubedag.cli.main", "release-pods", "-n", owner.name],
        env={**os.environ, "KUBECONFIG": str(owner.kubeconfig)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("released 1 Pod\n", "")
    assert owner.finalizers(pod) == []


# --- What is waited for ----------------------------------------------------------------------


def patient(**fields):
    return a_dag(a_task("a", pendingTimeoutSeconds=3, **fields), taskDefaults={"image": "busybox"})


def test_time_behind_a_gate_does_not_count(owner):
    template = {"spec": {"schedulingGates": [{"name": "example.com/queue"}]}}

    async def story():
        owner.begin(patient(podTemplate=template))
        pod = await only_pod(owner)
        await until(lambda: owner.row().get("reason") == "SchedulingGated")
        await asyncio.sleep(5)
        assert (owner.row()["state"], owner.row()["reason"]) == ("Pending", "SchedulingGated")
        owner.client.patch(owner.path("pods", pod), {"spec": {"schedulingGates": []}})
        await until(owner.run_has_ended)
        (attempt,) = owner.row()["attempts"]
        assert (owner.row()["state"], attempt["createTime"] < attempt["ungateTime"]) == (
            "Succeeded",
            True,
        )

    told(owner, story)


def test_a_service_account_that_comes_a_moment_later_is_waited_for(owner):
    async def story():
        owner.begin(patient(serviceAccountName="late"))
        await until(lambda: owner.row().get("reason") == "WaitingForServiceAccount")
        assert owner.row()["waitTime"]
        owner.client.create(owner.path("serviceaccounts"), {"metadata": {"name": "late"}})
        await until(owner.run_has_ended)
        assert (owner.row()["state"], owner.row().get("waitTime")) == ("Succeeded", None)

    told(owner, story)


def test_a_service_account_that_does_not_come_is_not_waited_for_longer_by_a_restart(owner):
    async def first():
        owner.begin(patient(serviceAccountName="never"))
        await until(lambda: owner.row().get("reason") == "WaitingForServiceAccount")

    async def second():
        await until(owner.run_has_ended)

    told(owner, first)
    time.sleep(4)
    began = time.monotonic()
    told(owner, second)
    assert time.monotonic() - began < 20
    (attempt,) = owner.row()["attempts"]
    assert (attempt["reason"], attempt["class"]) == ("ServiceAccountNotFound", "Config")
    assert "since" in attempt["message"]
