"""Bring the cluster up and kubedag into it, as a user would: an image, a chart, ``helm``.

The cluster is ``dev.cluster``'s, the program that ``make cluster`` runs; the end-to-end tests
install through here too, so that both see what a user gets.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from dev.cluster import tools
from dev.cluster.problem import Problem
from dev.cluster.run import environment, run, stop

from .kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "kubedag-system"
IMAGE = "kubedag:dev"
CHART = ROOT / "charts" / "kubedag"
HELM_WORDS = (
    *("upgrade", "--install", "kubedag", "charts/kubedag"),
    *("--namespace", NAMESPACE, "--create-namespace"),
    *("--set", "image.repository=kubedag", "--set", "image.tag=dev"),
    *("--wait", "--timeout", "180s"),
)


def cluster(*words: str) -> None:
    """Run a verb of ``python -m dev.cluster``; it tells itself what it does."""
    child = subprocess.Popen(
        [sys.executable, "-m", "dev.cluster", *words],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        code = child.wait()
    except BaseException:
        stop(child)
        raise
    if code:
        raise Problem(f"`python -m dev.cluster {shlex.join(words)}` ended with exit code {code}")


def connect(namespace: str = "default") -> Kubectl:
    """Give kubectl for the throw-away cluster, and for no other."""
    said = run(sys.executable, "-m", "dev.cluster", "env", cwd=ROOT)
    words = (word for line in said.splitlines() for word in shlex.split(line))
    values = dict(word.split("=", 1) for word in words if "=" in word)
    return Kubectl(tools.ensure("kubectl")["kubectl"], Path(values["KUBECONFIG"]), namespace)


def helm(kubectl: Kubectl) -> str:
    """Install or upgrade the chart, and wait until the operator is ready."""
    program = tools.ensure("helm")["helm"]
    kubeconfig = {"KUBECONFIG": str(kubectl.kubeconfig)}
    return run(program, *HELM_WORDS, env={**os.environ, **kubeconfig}, cwd=ROOT)


def restart(kubectl: Kubectl) -> None:
    """Let the operator's Pods take the image that was loaded last: its name has not changed."""
    system = Kubectl(kubectl.program, kubectl.kubeconfig, NAMESPACE)
    chosen = ("deployment", "--selector", "app.kubernetes.io/instance=kubedag")
    system("rollout", "restart", *chosen)
    system("rollout", "status", *chosen, "--timeout=120s")
