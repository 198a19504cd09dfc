"""A clone's own kind cluster: made, found again, and taken down without a trace.

    from dev.cluster import kindcluster
    cluster = kindcluster.up()                    # this clone's; or up("kubedag-mine")
    cluster.kubectl("get", "nodes")
    kindcluster.down(cluster.name)

The kubeconfig is a file of the clone. Nobody's own kubeconfig is read or written.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import baseimages, daemon, engine, nodeimage, paths, processes, sweep, tools
from .engine import Engine
from .locks import lock
from .problem import Problem
from .progress import say, step
from .run import Failed, run

NODE_IMAGE = "KUBEDAG_NODE_IMAGE"
PATIENCE = 180  # seconds for a node to be ready, on a slow and busy machine


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers, and how to reach it."""

    name: str
    context: str
    kubeconfig: Path
    docker: str = ""  # the address of our own engine; otherwise the user's settings stand
    ours: bool = True  # whether `down` deletes it: not a cluster that was named with a context

    def environment(self, *more: str) -> dict[str, str]:
        """Return what makes kubectl, docker, kind and more tools in a shell mean this cluster."""
        programs = [*tools.ensure("kind", *more).values(), self.kubectl_path()]
        base = Engine(self.docker).environment()
        known = base.get("PATH", os.environ.get("PATH", "")).split(os.pathsep)
        folders = dict.fromkeys(str(p.parent) for p in programs)
        path = os.pathsep.join([*(f for f in folders if f not in known), *known])
        return {**base, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *args: str, text: str | None = None, timeout: float | None = None) -> str:
        """Run kubectl on this cluster."""
        words = (self.kubectl_path(), "--kubeconfig", self.kubeconfig, "--context", self.context)
        return run(*words, *args, text=text, timeout=timeout)

    def kubectl_path(self) -> Path:
        """Return a kubectl: the user's, ours, or the one in the node."""
        own = folder(self.name) / "bin" / "kubectl"
        return own if own.exists() else tools.ensure("kubectl")["kubectl"]


def folder(name: str) -> Path:
    """Return where the clone keeps what belongs to a cluster."""
    return paths.state() / "clusters" / name


def find(name: str | None = None) -> Cluster | None:
    """Return a cluster that has been made (this clone's current one, if none is named)."""
    record = folder(name or _current()) / "cluster.json"
    try:
        return Cluster(
            **{**(told := json.loads(record.read_text())), "kubeconfig": Path(told["kubeconfig"])}
        )
    except FileNotFoundError:
        return None


def _current() -> str:
    try:
        return (paths.state() / "current").read_text().strip()
    except FileNotFoundError:
        return paths.cluster_name()


def remember(cluster: Cluster, *, current: bool) -> None:
    """Write down that a cluster is complete."""
    processes.write_json(
        folder(cluster.name) / "cluster.json",
        {**vars(cluster), "kubeconfig": str(cluster.kubeconfig)},
    )
    if current:
        (paths.state() / "current").write_text(cluster.name)


def up(name: str | None = None) -> Cluster:
    """Make a cluster, or find the one that is there, with the base images in it."""
    wanted = name or paths.cluster_name()
    with lock(f"cluster-{wanted}"):
        sweep.sweep()
        docker = engine.obtain(wanted)
        cluster = _reuse(wanted, docker)
        if not cluster:
            cluster = _create(wanted, docker)
            remember(cluster, current=name is None)
        baseimages.ensure(docker)
        for base in (baseimages.BUSYBOX, baseimages.PYTHON):
            load(cluster, base)
        return cluster


def _kind(docker: Engine, *args: str | Path, log: str = "kind") -> str:
    program = tools.ensure("kind")["kind"]
    return run(program, *args, env=_kind_environment(docker), log=paths.log(log))


def _kind_environment(docker: Engine) -> dict[str, str]:
    # kind merges into whatever KUBECONFIG names, so it is given a file of its own on top of the flag
    own = str(paths.state() / "kubeconfig-unused")
    return {"KIND_EXPERIMENTAL_PROVIDER": "docker", "KUBECONFIG": own, **docker.environment()}


def clusters(docker: Engine) -> list[str]:
    """List the kind clusters that an engine has."""
    labels = '{{.Label "io.x-k8s.kind.cluster"}}'
    return sorted(set(docker.docker("ps", "-a", "--filter", LABEL, "--format", labels).split()))


LABEL = "label=io.x-k8s.kind.cluster"


def containers(docker: Engine, name: str) -> list[str]:
    """List the containers of a cluster, also of one that was only half made."""
    return docker.docker("ps", "-aq", "--filter", f"{LABEL}={name}").split()


def _reuse(name: str, docker: Engine) -> Cluster | None:
    """Return the cluster if it was completed and answers, woken up if need be."""
    nodes = containers(docker, name)
    cluster = find(name)
    if nodes and cluster and cluster.docker == docker.address:
        if _answers(cluster, 5):
            say(f"the cluster {name} is there already")
            return cluster
        with step(f"wake the cluster {name}"):
            docker.docker("start", *nodes)
            if _answers(cluster, 90):
                return cluster
    if nodes:
        with step(f"delete the cluster {name}, which is not complete"):
            _delete(name, docker)
    return None


def _answers(cluster: Cluster, patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            cluster.kubectl("get", "--raw", "/readyz", timeout=10)
        except Problem:
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        else:
            return True


def _create(name: str, docker: Engine) -> Cluster:
    image = os.environ.get(NODE_IMAGE) or _built_or_stock(docker)
    try:
        cluster = _kind_create(name, docker, image)
    except Failed as failed:
        if image or "pull" not in failed.output:
            raise
        say("kind's own node image cannot be pulled")
        cluster = _kind_create(name, docker, nodeimage.ensure(docker))
    return cluster


def _built_or_stock(docker: Engine) -> str:
    """Return the image we build where no registry answers; nothing means kind's own."""
    if docker.has_image(nodeimage.name()):
        return nodeimage.name()
    if baseimages.pull(docker, baseimages.BUSYBOX):
        return ""
    return nodeimage.ensure(docker)


def _kind_create(name: str, docker: Engine, image: str) -> Cluster:
    own = folder(name)
    own.mkdir(parents=True, exist_ok=True)
    config = own / "kind.yaml"
    config.write_text(_config())
    cluster = Cluster(name, f"kind-{name}", own / "kubeconfig", docker.address)
    cluster.kubeconfig.unlink(missing_ok=True)
    words: list[str | Path] = [
        "create",
        "cluster",
        "--name",
        name,
        "--config",
        config,
        "--wait",
        f"{PATIENCE}s",
    ]
    words += ["--kubeconfig", cluster.kubeconfig, *(["--image", image] if image else [])]
    _note_network(docker)
    log = paths.log(f"kind-create-{name}")
    with step(f"create the kind cluster {name}", lambda: last_step(log)):
        _kind(docker, *words, log=log.stem)
    _bring_kubectl(cluster, docker)
    with step("wait for cluster DNS"):
        cluster.kubectl(
            *("-n", "kube-system", "rollout", "status", "deployment/coredns"),
            *("--timeout", f"{PATIENCE}s"),
        )
    return cluster


def last_step(log: Path) -> str:
    """Tell what kind is doing."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1].strip(" •✓") if lines else ""


def _config() -> str:
    """Return kind's configuration; on a machine with cgroup v1 the kubelet must be told."""
    text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"
    if Path("/sys/fs/cgroup").exists() and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        text += "kubeadmConfigPatches:\n- |\n  kind: KubeletConfiguration\n  failCgroupV1: false\n"
    return text


def _bring_kubectl(cluster: Cluster, docker: Engine) -> None:
    """Take kubectl out of the node where the machine has none that will do."""
    if tools.available("kubectl"):
        return
    target = folder(cluster.name) / "bin" / "kubectl"
    target.parent.mkdir(exist_ok=True)
    docker.docker("cp", f"{cluster.name}-control-plane:/usr/bin/kubectl", target)


def load(cluster: Cluster, image: str) -> None:
    """Copy an image from the engine into the cluster's nodes, unless it is there."""
    docker = Engine(cluster.docker)
    with step(f"load {image} into the cluster"):
        _kind(docker, "load", "docker-image", image, "--name", cluster.name, log="kind-load")


def down(name: str | None = None) -> None:
    """Delete a cluster and all that was started for it."""
    wanted = name or paths.cluster_name()
    with lock(f"cluster-{wanted}"):
        sweep.sweep()
        for docker in _engines(wanted):
            if containers(docker, wanted):
                with step(f"delete the cluster {wanted}"):
                    _delete(wanted, docker)
            _delete_network(docker)
        engine.release(wanted)
        forget(wanted)


def forget(name: str) -> None:
    """Delete what the clone knows of a cluster."""
    shutil.rmtree(folder(name), ignore_errors=True)
    if _current() == name:
        (paths.state() / "current").unlink(missing_ok=True)


def leftovers() -> list[str]:
    """List what is there of this clone's clusters, as a person would name it."""
    found = [f"claim of {n}" for n, clone in engine.users().items() if clone == str(paths.CLONE)]
    names = {paths.cluster_name(), *(f.name for f in folder("").glob("*"))}
    docker = daemon.running() and Engine(daemon.address())
    for place in [docker, engine.theirs_answers() and Engine()]:
        if place:
            found += [f"container {c} of {n}" for n in sorted(names) for c in containers(place, n)]
    return found


def _network_note() -> Path:
    return paths.state() / "made-docker-network"


def _note_network(docker: Engine) -> None:
    """Write down that the network `kind` is going to be ours; our own engine is emptied anyway."""
    if not docker.ours and not docker.has_network("kind"):
        _network_note().touch()


def _delete_network(docker: Engine) -> None:
    if docker.ours or not _network_note().exists():
        return
    if docker.has_network("kind") and not clusters(docker):
        with contextlib.suppress(Problem):  # somebody else's container is in it
            docker.docker("network", "rm", "kind")
    _network_note().unlink()


def _engines(name: str) -> list[Engine]:
    """List the engines that may have something of a cluster; ours is started if it must be."""
    found = []
    if engine.theirs_answers():
        found.append(Engine())
    if name in engine.users() and daemon.recorded():
        found.append(engine.obtain_own(name))
    return found


def _delete(name: str, docker: Engine) -> None:
    own = folder(name) / "kubeconfig"
    with daemon.thawing():
        _kind(docker, "delete", "cluster", "--name", name, "--kubeconfig", own)
    (folder(name) / "cluster.json").unlink(missing_ok=True)
