"""What only somebody with the node in his hands can do: kill, restart, look at processes.

Nodes of kind are containers, so this goes through ``docker exec``. Programs are found in ``/proc``
and not by asking the container runtime, which may be the very thing that is being restarted.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dev.cluster import existing
from dev.cluster.engine import Engine
from dev.cluster.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

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

# What an aborted test has left is not taken for what was there before.
SET_UP_KUBELET = """
set -e
config=/var/lib/kubelet/config.yaml
[ -e $config.before ] || cp $config $config.before
{ cat $config.before; printf '%s\\n' "$1"; } > $config.new
mv $config.new $config
systemctl restart kubelet
"""
RESTORE_KUBELET = """
set -e
mv /var/lib/kubelet/config.yaml.before /var/lib/kubelet/config.yaml
systemctl restart kubelet
"""

# Pods use more than this, so the kubelet finds too little left; nothing of the memory is reserved
# for it, as it would be with a hard threshold, so that all Pods are admitted once more.
SHORT_OF_MEMORY = """evictionSoft: {{memory.available: {kib}Ki}}
evictionSoftGracePeriod: {{memory.available: 1s}}
evictionMaxPodGracePeriod: 1"""
SPARE_KIB = 64 * 1024
TOTAL_KIB = "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"

GRACEFUL = """shutdownGracePeriodByPodPriority:
- {priority: 0, shutdownGracePeriodSeconds: 120}
- {priority: 2000000000, shutdownGracePeriodSeconds: 10}"""
LISTENS = """
for _ in $(seq 60); do
  if systemd-inhibit --list --no-pager | grep -q kubelet; then exit; fi
  sleep 0.5
done
echo "the kubelet does not wait for a shutdown" >&2
exit 1
"""
BEGIN_SHUTDOWN = (
    "busctl emit /org/freedesktop/login1 org.freedesktop.login1.Manager PrepareForShutdown b true"
)
FORGET_SHUTDOWN = "rm -rf /etc/systemd/logind.conf.d; systemctl stop systemd-logind"


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

    @contextlib.contextmanager
    def short_of_memory(self) -> Iterator[None]:
        """The kubelet wants nearly all of it to be free, and evicts one Pod after the other."""
        kib = int(self.shell(TOTAL_KIB)) - SPARE_KIB
        with self._kubelet(SHORT_OF_MEMORY.format(kib=kib)):
            yield

    @contextlib.contextmanager
    def heeding_shutdown(self) -> Iterator[None]:
        """The kubelet ends Pods in time when the machine goes down, those of the system last.

        A Pod that was admitted since then tells that all others were, too: it denies them later.
        """
        try:
            self.shell("systemctl start systemd-logind")
        except Problem as error:
            pytest.skip(f"needs a node with systemd-logind: {error}")
        try:
            with self._kubelet(GRACEFUL):
                self.shell(LISTENS)
                yield
        finally:
            self.shell(FORGET_SHUTDOWN)

    def begin_shutdown(self) -> None:
        """The kubelet is told that the machine goes down, which it does not."""
        self.shell(BEGIN_SHUTDOWN)

    @contextlib.contextmanager
    def _kubelet(self, settings: str) -> Iterator[None]:
        """Restarted with more settings, and again without."""
        self.shell(SET_UP_KUBELET, settings)
        try:
            yield
        finally:
            self.shell(RESTORE_KUBELET)


def control_plane(cluster, kubectl) -> Node:
    """The node of the API server; skips the test where nodes are out of reach."""
    within = cluster if cluster.ours else existing.with_nodes(cluster)
    if within is None:
        pytest.skip("needs the nodes of a kind cluster, to kill what runs in them")
    role = "node-role.kubernetes.io/control-plane"
    node = kubectl.get("nodes", "-l", role)["items"][0]["metadata"]["name"]
    return Node(Engine(within.docker), node)
