"""A TaskPool on a real API server: many runs share it, and its operator is killed meanwhile.

What is claimed of every instant is checked from a watch stream outside of the operator.
"""

from __future__ import annotations

import pytest

from dev.cluster.procs import ApiError
from support import operators
from support.kinds import install, until
from support.objects import API_VERSION, a_dag, a_run, a_task
from support.run_watch import condition, is_over, watching

pytestmark = pytest.mark.integration

RUNS, SLOTS, SECONDS_MAX = 30, 3, 60
FAST = {"metadata": {"annotations": {"kwok.kubedag.dev/run-seconds": "0.3"}}}
ENDED = ("Succeeded", "Failed")


class Place:
    """A namespace of the cluster."""

    def __init__(self, cluster, name, log):
        self.cluster, self.client, self.name, self.log = cluster, cluster.client, name, log

    def path(self, kind, name=""):
        return f"/apis/{API_VERSION}/namespaces/{self.name}/{kind}/{name}".rstrip("/")

    def create(self, kind, document):
        return self.client.create(self.path(kind), document)

    def status(self):
        return self.client.get(self.path("taskpools", "warehouse")).get("status", {})

    def runs(self):
        return self.client.get(self.path("dagruns"))["items"]

    def operator(self):
        env = {"LEASE_NAME": self.name, "NAMESPACE": self.name, "WATCH_NAMESPACES": self.name}
        return operators.process(self.cluster.kubeconfig, self.log, **env)


@pytest.fixture
def place(scale_cluster, scale_namespace, tmp_path):
    install(scale_cluster.client)
    return Place(scale_cluster, scale_namespace, tmp_path / "log")


def a_pool(slots):
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskPool",
        "metadata": {"name": "warehouse"},
        "spec": {"description": "of a test", "slots": slots},
    }


def alive(pods):
    return sum(pod.get("status", {}).get("phase") not in ENDED for pod in pods.values())


def test_thirty_runs_share_three_slots_although_the_operator_is_killed(place, tmp_path):
    task = a_task("a", pool={"name": "warehouse"}, podTemplate=FAST)
    place.create("dags", a_dag(task, taskDefaults={"image": "busybox"}, concurrencyPolicy="Allow"))
    pods = f"/api/v1/namespaces/{place.name}/pods"
    watched = watching(place.cluster.kubeconfig, place.name, tmp_path / "watch", "pods")
    with watched as seen:
        with place.operator() as running:
            for number in range(RUNS):
                place.create("dagruns", a_run(f"run-{number:02}"))
            until(lambda: any("PoolNotFound" in str(run.get("status")) for run in place.runs()))
            place.create("taskpools", a_pool(SLOTS))
            until(lambda: sum(map(is_over, place.runs())) >= RUNS // 3, SECONDS_MAX, pause=0.2)
            running.kill()
            running.wait()
        with place.operator():
            until(lambda: all(map(is_over, place.runs())), SECONDS_MAX, pause=0.2)
            until(lambda: place.status().get("free") == SLOTS, pause=0.2)
        seen.catch_up(place.client, pods)
    moments = [alive(there) for there in seen.moments()]
    assert max(moments) == SLOTS
    assert {condition(run, "Succeeded") for run in place.runs()} == {("True", "Succeeded")}
    status = place.status()
    assert (status["used"], status["waiting"], "holders" in status) == (0, 0, False)
    assert "Traceback" not in place.log.read_text()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"slots": -1}, "spec.slots"),
        ({"slots": 1, "shareWith": {"scope": "Listed"}}, "list namespaces if scope is Listed"),
        ({"slots": 1, "shareWith": {"scope": "All", "namespaces": ["x"]}}, "list namespaces"),
        ({"slots": 1, "shareWith": {"namespaces": ["Not_A_Name"]}}, "lowercase letters"),
    ],
    ids=["fewer than none", "with nobody", "with all and some", "with no namespace"],
)
def test_the_api_server_refuses_a_pool_that_makes_no_sense(place, spec, said):
    document = a_pool(0)
    with pytest.raises(ApiError, match=said):
        place.create("taskpools", document | {"spec": spec})
    assert place.create("taskpools", document)["spec"] == {"slots": 0, "description": "of a test"}
