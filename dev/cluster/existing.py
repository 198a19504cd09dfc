"""A cluster that somebody already has, used because its context was named, and only then."""

from __future__ import annotations

import json
from dataclasses import replace

from . import engine, kindcluster, tools
from .engine import Engine
from .kindcluster import Cluster
from .problem import Problem
from .progress import step
from .run import run

NAME = "existing"


def use(context: str) -> Cluster:
    """Copy one context into a kubeconfig of the clone, and make it the current cluster."""
    kubectl = tools.ensure("kubectl")["kubectl"]
    view = ("config", "view", "--minify", "--flatten", "--raw", "--context", context)
    try:
        config = run(kubectl, *view, "-o", "json")
    except Problem as problem:
        raise Problem(
            f"your kubeconfig has no context {context}", "kubectl config get-contexts"
        ) from problem
    own = kindcluster.folder(NAME)
    own.mkdir(parents=True, exist_ok=True)
    file = own / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps({**json.loads(config), "current-context": context}))
    cluster = Cluster(NAME, context, file, ours=False)
    with step(f"ask the cluster of {context} for its version"):
        cluster.kubectl("version", timeout=30)
    kindcluster.remember(cluster, current=True)
    return cluster


def with_nodes(cluster: Cluster) -> Cluster | None:
    """Return the kind cluster on the user's engine that a context means, if it means one."""
    name = cluster.context.removeprefix("kind-")
    if name == cluster.context or not engine.theirs_answers():
        return None
    there = name in kindcluster.clusters(Engine())
    return replace(cluster, name=name, docker="") if there else None


def forget() -> None:
    """Forget the context; the cluster stays as it is."""
    kindcluster.forget(NAME)
