"""Certificates, tokens and the kubeconfig of a cluster.

kubeadm makes the certificates: it comes with the cluster's own build, so there is nothing to
install, and with elliptic keys it is as quick as reading them from a cache would be.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from typing import TYPE_CHECKING

from dev.cluster import tools

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dev.cluster.procs.components import Layout


def make_certificates(layout: Layout, env: Mapping[str, str]) -> None:
    """Write the CA, the API server's certificate and the service account key."""
    config = layout.dir / "kubeadm.json"
    documents: list[dict[str, object]] = [
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            # kubeadm refuses loopback here; an address of documentation is nobody's.
            "localAPIEndpoint": {"advertiseAddress": "192.0.2.1", "bindPort": layout.api_port},
            # Both named, so that kubeadm neither asks the machine nor looks for a runtime.
            "nodeRegistration": {"name": "procs", "criSocket": "unix:///run/no-such-runtime.sock"},
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": tools.KUBERNETES,
            "certificatesDir": str(layout.pki),
            "encryptionAlgorithm": "ECDSA-P256",
            "apiServer": {"certSANs": ["127.0.0.1", "localhost"]},
        },
    ]
    config.write_text("\n---\n".join(json.dumps(document, indent=2) for document in documents))
    command = [str(layout.tools["kubeadm"]), "init", "phase", "certs", "all", f"--config={config}"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubeadm made no certificates:\n{done.stdout}{done.stderr}")


def make_tokens(layout: Layout) -> str:
    """Write the token file; returns the administrator's."""
    token = secrets.token_hex(16)
    layout.tokens.touch(mode=0o600)
    layout.tokens.write_text(f'{token},kubernetes-admin,admin,"system:masters"\n')
    return token


def write_kubeconfig(layout: Layout, url: str, token: str, name: str = "kubeconfig") -> Path:
    """Write a kubeconfig that can be copied anywhere: it names no other file."""
    authority = base64.b64encode((layout.pki / "ca.crt").read_bytes()).decode()
    file = layout.dir / name
    file.touch(mode=0o600)
    file.write_text(f"""\
apiVersion: v1
kind: Config
current-context: procs
contexts:
- name: procs
  context: {{cluster: procs, user: user, namespace: default}}
clusters:
- name: procs
  cluster:
    server: {url}
    certificate-authority-data: {authority}
users:
- name: user
  user: {{token: {token}}}
""")
    return file
