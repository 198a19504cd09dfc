"""Build Go programs from the modules that the Go proxy delivers.

Modules and compiled packages are kept in the cache rather than in the user's own Go folders, so
that deleting the cache undoes everything.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
from pathlib import Path

from . import packages, paths
from .locks import lock
from .problem import Problem
from .run import GENTLY, run

MINIMUM = (1, 26)  # what helm and KWOK ask for
TOOLCHAIN = "1.26.0"


def version(said: str) -> tuple[int, int]:
    """Read the version out of what ``go version`` says."""
    found = re.search(r"\bgo(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@functools.cache
def go() -> str:
    """Return a Go command that is new enough, installing one where that can be done."""
    found = shutil.which("go")
    if not found:
        packages.install({"go": "golang-go"})
        found = shutil.which("go") or "go"
    if version(run(found, "version", env={"GOTOOLCHAIN": "local"}, cwd=Path("/"))) >= MINIMUM:
        return found
    return str(_toolchain(found))


def _toolchain(old: str) -> Path:
    """Fetch a newer Go, which the Go proxy delivers as a module, with the old one."""
    system = run(old, "env", "GOOS", "GOARCH", cwd=Path("/")).split()
    module = f"golang.org/toolchain@v0.0.1-go{TOOLCHAIN}.{'-'.join(system)}"
    try:
        with lock("go-toolchain"):
            folder = Path(_download(old, module))
    except Problem as problem:
        need = ".".join(map(str, MINIMUM))
        raise Problem(
            f"Go {need} or newer is needed, {old} is older, and a newer one could not be fetched"
            f" ({problem.what})",
            f"install Go {need} or newer and put it first in PATH",
        ) from problem
    for program in (folder / "bin", folder / "pkg" / "tool"):
        for file in program.rglob("*"):
            if file.is_file():
                file.chmod(0o755)  # modules carry no permissions
    return folder / "bin" / "go"


def environment() -> dict[str, str]:
    """Return what makes a build the same for everyone and keeps it in the cache."""
    home = paths.cache() / "go"
    flags = [f for f in os.environ.get("GOFLAGS", "").split() if not f.startswith("-mod=")]
    return {
        "CGO_ENABLED": "0",
        "GOCACHE": str(home / "build"),
        "GOFLAGS": " ".join([*flags, "-modcacherw", "-buildvcs=false", "-trimpath"]),
        "GOMODCACHE": str(home / "mod"),
        "GOWORK": "off",
    }


def module(path: str, release: str) -> Path:
    """Return the folder with a module's source."""
    return Path(_download(go(), f"{path}@{release}"))


def _download(command: str, what: str) -> str:
    # from the root folder: a go.mod of wherever we are must have no say
    answer = run(command, "mod", "download", "-json", what, env=environment(), cwd=Path("/"))
    return str(json.loads(answer)["Dir"])


def build(source: Path, out: Path, defines: dict[str, str], log: Path) -> None:
    """Build the program of a folder that has its own go.mod and go.sum."""
    flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in defines.items())])
    words: list[str | Path] = ["build", "-v", "-mod=readonly", f"-ldflags={flags}", "-o", out, "."]
    run(*GENTLY, go(), *words, env=environment(), cwd=source, log=log)


def install(package: str, release: str, folder: Path, log: Path) -> None:
    """Build a program that is published as a Go module."""
    env = {**environment(), "GOBIN": str(folder)}
    words = ["install", "-v", "-ldflags=-s -w", f"{package}@{release}"]
    run(*GENTLY, go(), *words, env=env, cwd=Path("/"), log=log)


def how_far(log: Path) -> str:
    """Tell how many packages a running build has compiled (``-v`` names each)."""
    try:
        return f"{len(log.read_text(errors='replace').splitlines())} packages so far"
    except OSError:
        return ""
