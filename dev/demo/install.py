"""Bring the cluster up and kubedag into it, as a user would: an image, a chart, ``helm``.

The cluster is ``dev.cluster``'s, the same that ``make cluster`` starts; the end-to-end tests
install through here too, so that both see what a user gets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import existing, images, kindcluster, tools
from dev.cluster.engine import Engine
from dev.cluster.problem import Problem
from dev.cluster.run import run

from .kubectl import Kubectl

if TYPE_CHECKING:
    from dev.cluster.kindcluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "kubedag-system"
IMAGE = "kubedag:dev"
REPOSITORY, TAG = IMAGE.split(":")
HELM_WORDS = (
    *("upgrade", "--install", "kubedag", "charts/kubedag"),
    *("--namespace", NAMESPACE, "--create-namespace"),
    *("--set", f"image.repository={REPOSITORY}", "--set", f"image.tag={TAG}"),
    *("--wait", "--timeout", "180s"),
)
OPERATOR = "app.kubernetes.io/instance=kubedag,app.kubernetes.io/component=operator"


def cluster() -> Cluster:
    """Start this clone's cluster, or use it if it runs; CONTEXT=name takes that one instead."""
    context = os.environ.get("CONTEXT")
    return existing.use(context) if context else kindcluster.up()


def image(where: Cluster) -> None:
    """Build the operator's image from the Dockerfile, and put it into the nodes."""
    images.build_and_load(where, IMAGE, None, ROOT)


def helm_words(where: Cluster) -> tuple[str, ...]:
    """What Helm is told."""
    # The tag stays while its image changes; the annotation tells Kubernetes that it has.
    identity = Engine(where.docker).docker("image", "inspect", "--format", "{{.Id}}", IMAGE)
    return (*HELM_WORDS, "--set-string", f"podAnnotations.image={identity.strip()}")


def helm(where: Cluster) -> str:
    """Install the chart or upgrade it, and wait until the operator is ready."""
    words = helm_words(where)
    program = tools.ensure("helm")["helm"]
    try:
        return run(program, *words, env={**os.environ, **where.environment()}, cwd=ROOT)
    except Problem as problem:
        raise Problem(f"{problem.what}\n{diagnosis(where)}") from problem


def diagnosis(where: Cluster) -> str:
    """Say what the operator's Pods are up to, and what they said last."""
    kubectl = connect(where, NAMESPACE)
    try:
        pods = kubectl("get", "pods", "-o", "wide")
        return pods + kubectl("logs", "-l", OPERATOR, "--tail=20", "--prefix")
    except Problem as problem:
        return str(problem)


def connect(where: Cluster, namespace: str = "default") -> Kubectl:
    """Give kubectl for a cluster and a namespace of it; no other context is read."""
    return Kubectl(where.kubectl_path(), where.kubeconfig, namespace)
