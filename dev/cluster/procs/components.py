"""The command line of each component, with the reason for each flag that isn't obvious."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KWOK_CONFIG_NAME = "kwok.yaml"


class Profile(Enum):
    """How much of a cluster to start."""

    API = "api"
    CONTROLLERS = "controllers"
    SCALE = "scale"


class Component(Enum):
    """A process of the cluster; the value is the program's name."""

    ETCD = "etcd"
    APISERVER = "kube-apiserver"
    CONTROLLERS = "kube-controller-manager"
    SCHEDULER = "kube-scheduler"
    KWOK = "kwok"


PROFILE_COMPONENTS: Mapping[Profile, tuple[Component, ...]] = {
    Profile.API: (Component.ETCD, Component.APISERVER),
    Profile.CONTROLLERS: (Component.ETCD, Component.APISERVER, Component.CONTROLLERS),
    Profile.SCALE: tuple(Component),
}


@dataclass(frozen=True)
class Layout:
    """Where everything of one cluster is; what a command line is made from."""

    profile: Profile
    dir: Path
    tools: Mapping[str, Path]
    etcd_port: int
    api_port: int

    @property
    def pki(self) -> Path:
        return self.dir / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.dir / "kubeconfig"

    @property
    def tokens(self) -> Path:
        return self.dir / "tokens.csv"

    @property
    def scheduler_config(self) -> Path:
        return self.dir / "scheduler.json"

    def argv(self, component: Component) -> list[str]:
        flags = {
            Component.ETCD: etcd_flags,
            Component.APISERVER: apiserver_flags,
            Component.CONTROLLERS: controller_manager_flags,
            Component.SCHEDULER: scheduler_flags,
            Component.KWOK: kwok_flags,
        }[component](self)
        return [str(self.tools[component.value]), *flags]


def etcd_flags(layout: Layout) -> list[str]:
    url = f"http://127.0.0.1:{layout.etcd_port}"
    return [
        "--name=default",
        f"--data-dir={layout.dir / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        # Any port will do: a cluster of one has no peers.
        "--listen-peer-urls=http://127.0.0.1:0",
        # Nothing has to survive a power cut.
        "--unsafe-no-fsync",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    ]


def apiserver_flags(layout: Layout) -> list[str]:
    pki = layout.pki
    flags = [
        f"--etcd-servers=http://127.0.0.1:{layout.etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.api_port}",
        # Nobody reaches it through the `kubernetes` Service, and loopback isn't allowed in one.
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        # Tokens need no certificate per user, and no key files in the clients.
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--allow-privileged=true",
        "--profiling=false",
    ]
    if layout.profile is Profile.API:
        # Without controllers nobody makes a namespace's `default` account: no Pod would get in.
        flags.append("--disable-admission-plugins=ServiceAccount")
    if layout.profile is Profile.SCALE:
        # A benchmark asks what the controller can do; with the defaults (400 and 200 in flight,
        # shared out among flow schemas) it would measure the server's protection against it.
        flags += ["--max-requests-inflight=3000", "--max-mutating-requests-inflight=1500"]
    return flags


def controller_manager_flags(layout: Layout) -> list[str]:
    pki = layout.pki
    return [
        f"--kubeconfig={layout.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        # The default of 20 requests a second makes a test wait for its garbage to be collected.
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--kube-api-content-type=application/vnd.kubernetes.protobuf",
        "--profiling=false",
    ]


def scheduler_flags(layout: Layout) -> list[str]:
    config = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {
            "kubeconfig": str(layout.kubeconfig),
            "contentType": "application/vnd.kubernetes.protobuf",
            # The default of 50 a second is a ceiling of about 50 Pods a second.
            "qps": 5000,
            "burst": 10000,
        },
        "enableProfiling": False,
    }
    layout.scheduler_config.write_text(json.dumps(config, indent=2))
    return [f"--config={layout.scheduler_config}", "--secure-port=0"]


def kwok_flags(layout: Layout) -> list[str]:
    config = Path(__file__).with_name(KWOK_CONFIG_NAME)
    # By default it writes a kilobyte of log for each Pod.
    return [f"--kubeconfig={layout.kubeconfig}", f"--config={config}", "--v=warn"]
