"""An operator that is there before its CRDs, or beside which they go, is not deaf afterwards."""

from __future__ import annotations

import pytest

from dev.cluster.procs import ProcessCluster, Profile
from support import operators
from support.kinds import CRDS, install, until
from support.objects import API_VERSION, a_dag, a_run, a_task

pytestmark = pytest.mark.integration

DAG = a_dag(a_task("a", image="busybox"))


@pytest.fixture(scope="module")
def bare():
    """An API server of its own: the others have our kinds, which cannot be taken away under them."""
    with ProcessCluster(Profile.API) as cluster:
        yield cluster


def starts(client, namespace, run):
    """Does a run get its first Pod?"""
    ours = f"/apis/{API_VERSION}/namespaces/{namespace}"
    if not client.exists(f"{ours}/dags/pipeline"):
        client.create(f"{ours}/dags", DAG)
    client.create(f"{ours}/dagruns", a_run(run))
    labels = f"kubedag.dev/run={run}"
    pods = f"/api/v1/namespaces/{namespace}/pods"
    return until(lambda: client.get(pods, labelSelector=labels)["items"])


def test_runs_are_seen_whenever_their_kind_has_come(bare, tmp_path):
    client, log = bare.client, tmp_path / "log"
    namespace = bare.create_namespace()
    env = {"NAMESPACE": namespace, "WATCH_NAMESPACES": namespace}
    with operators.kept_running(bare.kubeconfig, log, **env):
        until(lambda: "Waits for CRDs that are not there: DAG, DAGRun," in log.read_text())
        install(client)
        assert starts(client, namespace, "first")
        said = len(log.read_text())
        client.delete(f"{CRDS}/dagruns.kubedag.dev")
        until(lambda: "Waits for CRDs that are not there: DAGRun" in log.read_text()[said:])
        install(client)
        assert starts(client, namespace, "second")
