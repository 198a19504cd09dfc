"""The cluster of processes is what other tests stand on, so it is tested itself."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dev.cluster import tools
from dev.cluster.processes import Process
from dev.cluster.procs import ApiError, Client, Component, ProcessCluster
from dev.cluster.procs.state import base_dir, sweep

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SAYS = "kwok.kubedag.dev/"


def until(what: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return result


def pod(name: str, **annotations: str) -> dict[str, Any]:
    says = {SAYS + key.replace("_", "-"): value for key, value in annotations.items()}
    return {
        "metadata": {"name": name, "annotations": says},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "none"}, {"name": "side", "image": "none"}],
        },
    }


def pods_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def ended(cluster: ProcessCluster, namespace: str, name: str) -> dict[str, Any]:
    """Wait for a Pod's end; return its status."""

    def status() -> dict[str, Any] | None:
        found = cluster.client.get(f"{pods_path(namespace)}/{name}")["status"]
        return found if found["phase"] in ("Succeeded", "Failed") else None

    result: dict[str, Any] = until(status)
    return result


class TestApiServer:
    def test_stores_objects(self, api_server: ProcessCluster, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        api_server.client.create(path, {"metadata": {"name": "a"}, "data": {"key": "value"}})
        assert api_server.client.get(f"{path}/a")["data"] == {"key": "value"}

    def test_admits_pods_though_nobody_runs_them(
        self, api_server: ProcessCluster, namespace: str
    ) -> None:
        created = api_server.client.create(pods_path(namespace), pod("a"))
        assert created["status"]["phase"] == "Pending"

    def test_kubectl_can_use_the_kubeconfig(
        self, api_server: ProcessCluster, namespace: str
    ) -> None:
        kubectl = tools.ensure("kubectl")["kubectl"]
        said = subprocess.run(
            [kubectl, "--kubeconfig", api_server.kubeconfig, "get", "ns", namespace, "-o", "name"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == f"namespace/{namespace}"

    def test_refuses_strangers(self, api_server: ProcessCluster) -> None:
        stranger = Client(api_server.url, api_server.dir / "pki" / "ca.crt", "wrong")
        with pytest.raises(ApiError, match="Unauthorized") as refused:
            stranger.get("/api/v1/namespaces")
        stranger.close()
        assert refused.value.status == 401

    def test_a_service_account_has_its_own_rights(
        self, api_server: ProcessCluster, namespace: str
    ) -> None:
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        api_server.client.create(accounts, {"metadata": {"name": "robot"}})
        kubeconfig = api_server.service_account_kubeconfig(namespace, "robot")
        kubectl = tools.ensure("kubectl")["kubectl"]
        said = subprocess.run(
            [kubectl, "--kubeconfig", kubeconfig, "get", "pods"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert f'User "system:serviceaccount:{namespace}:robot" cannot list' in said.stderr

    def test_checks_rights(self, api_server: ProcessCluster, namespace: str) -> None:
        review = api_server.client.create(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {
                "spec": {
                    "user": f"system:serviceaccount:{namespace}:default",
                    "resourceAttributes": {"verb": "create", "resource": "pods"},
                }
            },
        )
        assert review["status"]["allowed"] is False

    def test_keeps_its_address_and_data_through_a_crash(
        self, api_server: ProcessCluster, namespace: str
    ) -> None:
        url, before = api_server.url, api_server.pids
        crash = threading.Thread(target=api_server.restart_apiserver)
        crash.start()
        crash.join()
        after = api_server.pids
        assert api_server.url == url
        assert after["etcd"] == before["etcd"]
        assert after["kube-apiserver"] != before["kube-apiserver"]
        assert api_server.client.exists(f"/api/v1/namespaces/{namespace}")


class TestFakeNodes:
    def test_pods_run_to_their_end(
        self, scale_cluster: ProcessCluster, scale_namespace: str
    ) -> None:
        for number in range(50):
            scale_cluster.client.create(pods_path(scale_namespace), pod(f"p{number}"))
        for number in range(50):
            status = ended(scale_cluster, scale_namespace, f"p{number}")
            assert status["phase"] == "Succeeded"
            codes = [c["state"]["terminated"]["exitCode"] for c in status["containerStatuses"]]
            assert codes == [0, 0]

    @pytest.mark.parametrize(("attempt", "phase"), [("1", "Failed"), ("2", "Succeeded")])
    def test_an_attempt_of_a_task_fails_as_it_says(
        self, scale_cluster: ProcessCluster, scale_namespace: str, attempt: str, phase: str
    ) -> None:
        wanted = pod("a", exit_code_of_attempt_1="3")
        wanted["metadata"]["labels"] = {"kubedag.dev/attempt": attempt}
        scale_cluster.client.create(pods_path(scale_namespace), wanted)
        assert ended(scale_cluster, scale_namespace, "a")["phase"] == phase

    def test_a_pod_fails_as_it_says(
        self, scale_cluster: ProcessCluster, scale_namespace: str
    ) -> None:
        wanted = pod("a", exit_code="3", reason="OOMKilled", termination_message='{"rows": 7}')
        scale_cluster.client.create(pods_path(scale_namespace), wanted)
        status = ended(scale_cluster, scale_namespace, "a")
        main, side = (c["state"]["terminated"] for c in status["containerStatuses"])
        assert status["phase"] == "Failed"
        assert (main["exitCode"], main["reason"]) == (3, "OOMKilled")
        assert json.loads(main["message"]) == {"rows": 7}
        assert side["exitCode"] == 0

    def test_a_pod_takes_its_time(
        self, scale_cluster: ProcessCluster, scale_namespace: str
    ) -> None:
        begun = time.monotonic()
        scale_cluster.client.create(pods_path(scale_namespace), pod("a", run_seconds="1.5"))
        assert ended(scale_cluster, scale_namespace, "a")["phase"] == "Succeeded"
        assert time.monotonic() - begun >= 1.5

    def test_a_pod_never_starts(self, scale_cluster: ProcessCluster, scale_namespace: str) -> None:
        path = pods_path(scale_namespace)
        scale_cluster.client.create(path, pod("a", waiting_reason="ImagePullBackOff"))
        statuses = until(
            lambda: scale_cluster.client.get(f"{path}/a")["status"].get("containerStatuses")
        )
        assert statuses[0]["state"] == {"waiting": {"reason": "ImagePullBackOff"}}
        assert scale_cluster.client.get(f"{path}/a")["status"]["phase"] == "Pending"

    def test_a_deleted_pod_goes(self, scale_cluster: ProcessCluster, scale_namespace: str) -> None:
        path = pods_path(scale_namespace)
        scale_cluster.client.create(path, pod("a", run_seconds="60"))
        until(lambda: scale_cluster.client.get(f"{path}/a")["status"]["phase"] == "Running")
        scale_cluster.client.delete(f"{path}/a")
        until(lambda: not scale_cluster.client.exists(f"{path}/a"))

    def test_more_nodes_can_be_added(self, scale_cluster: ProcessCluster) -> None:
        before = len(scale_cluster.client.get("/api/v1/nodes")["items"])
        scale_cluster.add_fake_nodes(2)
        assert len(scale_cluster.client.get("/api/v1/nodes")["items"]) == before + 2


class TestControllers:
    def test_garbage_is_collected(
        self, scale_cluster: ProcessCluster, scale_namespace: str
    ) -> None:
        path = f"/api/v1/namespaces/{scale_namespace}/configmaps"
        owner = scale_cluster.client.create(path, {"metadata": {"name": "owner"}})
        reference = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "owner",
            "uid": owner["metadata"]["uid"],
        }
        scale_cluster.client.create(
            path, {"metadata": {"name": "owned", "ownerReferences": [reference]}}
        )
        scale_cluster.client.delete(f"{path}/owner")
        until(lambda: not scale_cluster.client.exists(f"{path}/owned"))

    def test_quota_is_kept(self, scale_cluster: ProcessCluster, scale_namespace: str) -> None:
        path = f"/api/v1/namespaces/{scale_namespace}/resourcequotas"
        scale_cluster.client.create(
            path, {"metadata": {"name": "a"}, "spec": {"hard": {"pods": "1"}}}
        )
        until(lambda: scale_cluster.client.get(f"{path}/a").get("status", {}).get("used"))
        scale_cluster.client.create(pods_path(scale_namespace), pod("a", run_seconds="60"))
        with pytest.raises(ApiError, match="exceeded quota") as refused:
            scale_cluster.client.create(pods_path(scale_namespace), pod("b"))
        assert refused.value.status == 403


IN_THE_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""As a shell without job control starts a program with `&`: Ctrl-C is ignored from birth."""


class TestLeavesNothingBehind:
    def test_two_at_once_and_then_none(self) -> None:
        with ProcessCluster() as one, ProcessCluster() as other:
            processes = [living(c.pids) for c in (one, other)]
            folders = [one.dir, other.dir]
            one.client.create("/api/v1/namespaces", {"metadata": {"name": "only-one"}})
            assert not other.client.exists("/api/v1/namespaces/only-one")
        for process in (p for each in processes for p in each):
            assert not process.alive()
        assert not any(folder.exists() for folder in folders)

    def test_after_an_exception(self) -> None:
        cluster = ProcessCluster()
        with suppress(ZeroDivisionError), cluster:
            processes, folder = living(cluster.pids), cluster.dir
            raise ZeroDivisionError
        assert not any(process.alive() for process in processes)
        assert not folder.exists()

    def test_after_a_start_that_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = tools.ensure(*(c.value for c in (Component.ETCD, Component.APISERVER)), "kubeadm")
        broken = real | {Component.APISERVER.value: Path("/bin/false")}
        monkeypatch.setattr(tools, "ensure", lambda *_names: broken)
        before = ours()
        with pytest.raises(RuntimeError, match="kube-apiserver ended with 1"):
            ProcessCluster().start()
        assert ours() == before

    @pytest.mark.parametrize("prefix", [(), IN_THE_BACKGROUND], ids=["before", "behind"])
    def test_after_ctrl_c(self, prefix: tuple[str, ...]) -> None:
        with command_line(prefix) as (process, kubeconfig, processes):
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert not any(p.alive() for p in processes)
            assert not kubeconfig.parent.exists()

    def test_after_an_owner_that_forgot(self) -> None:
        script = (
            "from dev.cluster.procs import ProcessCluster\n"
            "cluster = ProcessCluster()\n"
            "cluster.start()\n"
            "print(cluster.dir, *cluster.pids.values())"
        )
        said = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        folder, *pids = said.stdout.split()
        assert not Path(folder).exists()
        assert not any(Process.of(int(pid)) for pid in pids)

    def test_after_sigkill_of_the_owner(self) -> None:
        with command_line() as (process, kubeconfig, processes):
            process.kill()
            until(lambda: not any(p.alive() for p in processes), seconds=10)

            def is_swept() -> bool:
                sweep(base_dir())  # which leaves alone what another one is sweeping just then
                return not kubeconfig.parent.exists()

            until(is_swept, seconds=10)


def living(pids: dict[str, int]) -> list[Process]:
    found = [Process.of(pid) for pid in pids.values()]
    assert found
    return [process for process in found if process is not None]


def ours() -> set[int]:
    """Return the children of this very process."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for thread in children for pid in thread.read_text().split()}


@contextmanager
def command_line(
    prefix: tuple[str, ...] = (),
) -> Iterator[tuple[subprocess.Popen[str], Path, list[Process]]]:
    """Run `up` in a process of its own; yield it, its kubeconfig and the processes it started."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", "dev.cluster.procs", "up"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            kubeconfig = Path(process.stdout.readline().strip().partition("=")[2])
            record = json.loads((kubeconfig.parent / "processes.json").read_text())
            assert len(record) == 2
            yield process, kubeconfig, [Process(**fields) for fields in record]
        finally:
            process.kill()
