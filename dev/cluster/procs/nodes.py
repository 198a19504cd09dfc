"""Nodes that exist only in the API server, played by KWOK.

They carry no taint and ask for no selector: on a cluster that is ours alone, the Pods of whatever
is tested must land on them as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dev.cluster.procs.client import Client

NODES = "/api/v1/nodes"
# Room for a benchmark on a single node: the scheduler is to find a place, never to search for one.
CAPACITY = {"cpu": "10000", "memory": "100Ti", "ephemeral-storage": "100Ti", "pods": "100000"}


def create(client: Client, count: int) -> set[str]:
    """Create that many more; returns their names."""
    taken = {node["metadata"]["name"] for node in client.get(NODES)["items"]}
    free = (name for i in range(len(taken) + count) if (name := f"fake-{i}") not in taken)
    names = {next(free) for _ in range(count)}
    for name in sorted(names):
        client.create(NODES, _node(name))
    return names


def ready(client: Client, names: set[str]) -> bool:
    """Tell whether they all are Ready and the `not-ready` taint of a new node is gone."""
    found = {node["metadata"]["name"]: node for node in client.get(NODES)["items"]}
    return all(_is_ready(found[name]) for name in names)


def _node(name: str) -> dict[str, Any]:
    labels = {
        "type": "kwok",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    info = {"operatingSystem": "linux", "architecture": "amd64", "kubeletVersion": "fake"}
    info |= dict.fromkeys(
        (
            "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion",
            "machineID", "osImage", "systemUUID",
        ),
        "",
    )  # fmt: skip
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": CAPACITY, "allocatable": CAPACITY, "nodeInfo": info},
    }


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")
