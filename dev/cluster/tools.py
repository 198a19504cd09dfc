"""The programs a cluster is made of, each built once per machine and version.

    from dev.cluster import tools
    paths = tools.ensure("kube", "helm")      # {"kube": Path, "helm": Path}
    etcd = tools.ensure("etcd")["etcd"]       # a name of the multi-call binary

``kube`` is one static binary that is etcd and every Kubernetes program; its other names lie beside
it, so ``tools.ensure("kube")["kube"].parent`` is a folder for ``PATH``. A suitable ``kind``,
``helm`` or ``kubectl`` that is already on ``PATH`` is taken as it is. What has to be built goes
to ``<cache>/tools/NAME-VERSION-KEY/``, where KEY is a hash of what it is built from: it appears there
whole or not at all, and two processes never build the same thing at once.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import golang, packages, paths, processes
from .locks import lock
from .problem import Problem
from .progress import step
from .run import run

KUBERNETES = "v1.35.4"
KUBE_NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubeadm",
    "kubectl",
    "kubelet",
)


@dataclass(frozen=True)
class Tool:
    """A program, and how it comes about: from a published package or from a folder of ours."""

    name: str
    release: str
    package: str = ""  # a Go package to install; without it, files/NAME is built
    accept: tuple[int, int] | None = None  # what is on PATH will do from this version on

    def key(self) -> str:
        """Hash what the program is built from."""
        source = paths.FILES / self.name
        return paths.digest(self.name, self.release, self.package or source)

    def folder(self) -> Path:
        """Return where the program is kept."""
        return paths.cache() / "tools" / f"{self.name}-{self.release}-{self.key()}"


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("kube", KUBERNETES),
        Tool("coredns", "v1.13.1"),
        Tool("pause", "1"),
        Tool("kind", "v0.33.0", "sigs.k8s.io/kind", accept=(0, 30)),
        Tool("kwok", "v0.8.0", "sigs.k8s.io/kwok/cmd/kwok"),
        Tool("helm", "v4.3.1", "helm.sh/helm/v4/cmd/helm", accept=(3, 17)),
    )
}
KUBECTL_MINIMUM = (1, 30)


def ensure(*names: str) -> dict[str, Path]:
    """Return where programs are, building those that are not there."""
    return {name: _ensure(name) for name in names}


def available(name: str) -> bool:
    """Tell whether a Kubernetes program is there without building anything."""
    return (TOOLS["kube"].folder() / name).exists() or bool(
        name == "kubectl" and _on_path(name, KUBECTL_MINIMUM)
    )


def _ensure(name: str) -> Path:
    if name == "kubectl" and (there := _on_path(name, KUBECTL_MINIMUM)):
        return there
    if name in KUBE_NAMES:
        return _ensure("kube").parent / name
    if name not in TOOLS:
        known = ", ".join(sorted([*TOOLS, *KUBE_NAMES]))
        raise Problem(f"there is no tool called {name}; there are {known}")
    tool = TOOLS[name]
    if tool.accept and (there := _on_path(name, tool.accept)):
        return there
    program = tool.folder() / name
    if not program.exists():
        with lock(f"tool-{name}"):
            if not program.exists():
                _make(tool)
    return program


def _on_path(name: str, minimum: tuple[int, int]) -> Path | None:
    """Find a program of the user's that is new enough."""
    found = shutil.which(name)
    if not found:
        return None
    words = {"kubectl": ["version", "--client"]}.get(name, ["version"])
    try:
        said = run(found, *words, timeout=10)
    except Problem:
        return None
    return Path(found) if read_version(said) >= minimum else None


def read_version(said: str) -> tuple[int, int]:
    """Read the first version out of what a program says about itself."""
    found = re.search(r"v(\d+)\.(\d+)\.\d+", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _make(tool: Tool) -> None:
    """Build a tool aside, then move it to its place in one go."""
    part = paths.cache() / "tools" / f".{tool.name}-{processes.current()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    log = paths.log(f"build-{tool.name}")
    log.write_text("")  # its lines tell how far this build is, not an earlier one
    try:
        with step(f"build {tool.name} {tool.release}", lambda: golang.how_far(log)):
            _compile(tool, part, log)
        shutil.rmtree(tool.folder(), ignore_errors=True)
        part.replace(tool.folder())
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _compile(tool: Tool, part: Path, log: Path) -> None:
    source = paths.FILES / tool.name
    if tool.package:
        golang.install(tool.package, tool.release, part, log)
    elif tool.name == "pause":
        packages.install({"gcc": "gcc", "/usr/include/stdlib.h": "libc6-dev"})
        run("gcc", "-Os", "-static", "-s", "-o", part / tool.name, source / "pause.c", log=log)
    else:
        golang.build(source, part / tool.name, _defines(tool), log)
    if tool.name == "kube":
        for name in KUBE_NAMES:
            (part / name).symlink_to(tool.name)


def _defines(tool: Tool) -> dict[str, str]:
    """Tell Kubernetes its version: kubeadm and the API server refuse to work without."""
    if tool.name != "kube":
        return {}
    major, minor = read_version(tool.release)
    told = {
        "gitVersion": tool.release,
        "gitMajor": str(major),
        "gitMinor": str(minor),
        "gitTreeState": "clean",
    }
    where = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{package}.{name}": value for package in where for name, value in told.items()}


def search_path(*names: str) -> str:
    """Return a ``PATH`` on which programs are found, ahead of the user's own."""
    folders = dict.fromkeys(str(path.parent) for path in ensure(*names).values())
    return os.pathsep.join([*folders, packages.SEARCH])
