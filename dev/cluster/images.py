"""Build an image from a Dockerfile as it is, and put it into the cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import baseimages, existing, kindcluster, paths, tools
from .engine import Engine
from .problem import Problem
from .progress import step
from .run import run, succeeds

if TYPE_CHECKING:
    from pathlib import Path

    from .kindcluster import Cluster

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def build_and_load(cluster: Cluster, name: str, dockerfile: Path | None, context: Path) -> None:
    """Build an image and load it into the cluster's nodes, unless they have it."""
    target = cluster if cluster.ours else existing.with_nodes(cluster)
    if not target:
        raise Problem(
            f"{cluster.context} is your own cluster: images cannot be put into its nodes",
            f"build {name}, push it to a registry that the cluster pulls from, and use that name",
        )
    docker = Engine(target.docker)
    baseimages.ensure(docker)
    with step(f"build the image {name}"):
        build(docker, name, dockerfile or context / "Dockerfile", context)
        if docker.ours:
            docker.docker("image", "prune", "--force")  # what the same name meant before
    kindcluster.load(target, name)


def build(docker: Engine, name: str, dockerfile: Path, context: Path) -> None:
    """Build an image; it is the engine's then."""
    words: list[str | Path] = ["docker", "build", "--tag", name, "--file", dockerfile]
    if docker.ours:  # it has no network but kind's; a build may reach what this machine reaches
        words += ["--network", "host"]
    for variable in PROXIES:
        if variable in os.environ:
            words += ["--build-arg", variable]
    env = {**docker.environment(), **_builder(docker)}
    run(*words, context, env=env, log=paths.log("docker-build"))


def _builder(docker: Engine) -> dict[str, str]:
    """Choose the builder: BuildKit, except with a newer client that lacks it."""
    if "DOCKER_BUILDKIT" in os.environ:
        return {}
    said = docker.docker("version", "--format", "{{.Client.Version}}")
    part_of_client = tools.read_version(f"v{said.strip()}") < (23, 0)
    plugin = succeeds("docker", "buildx", "version", env=docker.environment())
    return {"DOCKER_BUILDKIT": "1" if part_of_client or plugin else "0"}
