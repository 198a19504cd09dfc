"""Somebody is told, by the operator as it is installed, in a cluster with its own names and network."""

from __future__ import annotations

import yaml

from e2e import kube

EXAMPLE = kube.EXAMPLES / "notifications"


def test_a_web_server_in_the_cluster_is_told_that_a_run_failed(namespace):
    namespace.apply(EXAMPLE / "listener.yaml")
    kubectl = namespace.kubectl
    kubectl("rollout", "status", "deployment/kubedag-listener", "--timeout=180s")
    definition = yaml.safe_load((EXAMPLE / "dag.yaml").read_text())
    (told,) = definition["spec"]["notifications"]
    told["webhook"]["url"] = f"http://kubedag-listener.{kubectl.namespace}.svc:8080/"

    run = namespace.start(definition)
    namespace.finish(run)
    namespace.wait(f"dagrun/{run}", "jsonpath={.status.notifications[0].state}=Delivered")

    look = f"kubectl -n {kubectl.namespace} describe dagrun {run}"
    (line,) = kubectl("logs", "deployment/kubedag-listener").splitlines()
    assert line == f"RunFailed: DAG notifications: run {run} failed (ExitCode) | {look}"


def test_a_secret_that_nobody_granted_is_told_in_the_status_of_the_run(namespace):
    namespace.kubectl(
        "create", "secret", "generic", "chat", "--from-literal=url=http://127.0.0.1/"
    )
    slack = {"urlFrom": {"secretKeyRef": {"name": "chat", "key": "url"}}}
    told = [{"name": "team", "events": ["RunFailed"], "slack": slack}]

    run = namespace.start(kube.dag("secret", kube.task("a", "exit 1"), notifications=told))
    namespace.finish(run)

    namespace.wait(f"dagrun/{run}", "jsonpath={.status.notifications[0].reason}=SecretForbidden")
