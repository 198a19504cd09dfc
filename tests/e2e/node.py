"""What only somebody with the node in his hands can do: kill, restart, look at processes.

Nodes of kind are containers, so this goes through ``docker exec``. Programs are found in ``/proc``
and not by asking the container runtime, which may be the very thing that is being restarted.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dev.cluster import existing
from dev.cluster.engine import Engine

MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"

KILL = """
for pid in $(grep -ls "$1" /proc/[0-9]*/cgroup | cut -d/ -f3); do
  if kill -9 "$pid"; then echo "$pid"; fi
done
"""

KILL_API_SERVER = "kill -9 $(pgrep -x kube-apiserver)"

# A static Pod that is only killed is started again at once, and then after ever longer pauses. One
# whose manifest has changed, as an upgrade does it, is another Pod, and begins anew.
UPGRADE_API_SERVER = """
set -e
mark="kubedag-e2e-restarted: \\"$(date +%s)\\""
sed -e '/kubedag-e2e-restarted/d' -e "s|^  annotations:\\$|&\\n    $mark|" "$1" > /etc/kubernetes/new
mv /etc/kubernetes/new "$1"
pkill -9 -x kube-apiserver
"""

# They elect a leader among one, and end themselves when the API server is away for ten seconds;
# the kubelet would start them again after ever longer pauses, and nothing is scheduled meanwhile.
SPARE_THE_OTHERS = """
set -e
for name in kube-controller-manager kube-scheduler; do
  manifest=/etc/kubernetes/manifests/$name.yaml
  if grep -q -- --leader-elect=true $manifest; then
    sed -e 's/--leader-elect=true/--leader-elect=false/' $manifest > /etc/kubernetes/new
    mv /etc/kubernetes/new $manifest
    echo "$name"
  fi
done
"""


@dataclass(frozen=True)
class Node:
    """One node of a kind cluster."""

    docker: Engine
    name: str

    def shell(self, script: str, *args: str) -> str:
        return self.docker.docker("exec", self.name, "sh", "-c", script, "sh", *args, timeout=60)

    def kill(self, container_id: str) -> list[str]:
        """SIGKILL to all processes of a container; returns those that were alive to get it."""
        return self.shell(KILL, container_id).split()

    def kill_api_server(self) -> None:
        """SIGKILL; the kubelet starts it again."""
        self.shell(KILL_API_SERVER)

    def upgrade_api_server(self) -> None:
        """Another manifest, and SIGKILL to the old process."""
        self.shell(UPGRADE_API_SERVER, MANIFEST)

    def spare_the_others(self) -> list[str]:
        """Let the rest of the control plane outlive the API server; returns what was changed."""
        return self.shell(SPARE_THE_OTHERS).split()

    def restart_containerd(self) -> None:
        self.shell("systemctl restart containerd")


def control_plane(cluster, kubectl) -> Node:
    """The node of the API server; skips the test where nodes are out of reach."""
    within = cluster if cluster.ours else existing.with_nodes(cluster)
    if within is None:
        pytest.skip("needs the nodes of a kind cluster, to kill what runs in them")
    role = "node-role.kubernetes.io/control-plane"
    node = kubectl.get("nodes", "-l", role)["items"][0]["metadata"]["name"]
    return Node(Engine(within.docker), node)
