"""Install what the machine lacks from its distribution, or name the command that does."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths, run
from .locks import lock
from .problem import Problem
from .progress import step

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "# kubedag's cluster is installing packages; delete this if it is not"
# /usr/sbin is not in everybody's PATH, but that is where Debian puts iptables and debootstrap
SEARCH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def missing(wanted: dict[str, str]) -> list[str]:
    """Say which packages hold the programs (or absolute paths) that are not there."""
    return sorted({package for program, package in wanted.items() if not _there(program)})


def install(wanted: dict[str, str]) -> None:
    """Make programs available, each from its package; where that cannot be done, say how."""
    if not (need := missing(wanted)):
        return
    command = f"apt-get install --no-install-recommends {' '.join(need)}"
    if not shutil.which("apt-get"):
        names = ", ".join(p for p in wanted if not _there(p))
        raise Problem(f"{names}: not there", "install them with this system's package manager")
    if os.geteuid() != 0:
        raise Problem(f"the Debian packages {', '.join(need)} are missing", f"sudo {command}")
    with lock("apt"), step(f"install the Debian packages {' '.join(need)}"):
        _apt(need)
    if left := missing(wanted):
        raise Problem(f"the packages {', '.join(left)} are installed, yet incomplete", command)


def _apt(need: list[str]) -> None:
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    if not _has_lists():
        run.run("apt-get", *options, "update", log=paths.log("apt-update"))
    words = ["apt-get", *options, "install", "--no-install-recommends", *need]
    with _services_stay_off():
        try:
            run.finish_first(*words, env=env, log=paths.log("apt-install"))
        except run.Failed:  # lists that are too old name packages that are gone
            run.run("apt-get", *options, "update", log=paths.log("apt-update"))
            run.finish_first(*words, env=env, log=paths.log("apt-install"))


@contextlib.contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keep Debian from starting the services it installs: we start our own, or none."""
    if POLICY.exists():
        yield  # the machine has its own rule
        return
    POLICY.write_text(f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        lift_policy()


def lift_policy() -> None:
    """Take our rule away again, also after a run that was killed while installing."""
    if POLICY.exists() and POLICY_MARK in POLICY.read_text():
        POLICY.unlink()


def _has_lists() -> bool:
    return any(Path("/var/lib/apt/lists").glob("*_Packages*"))


def _there(program: str) -> bool:
    return (
        Path(program).exists() if program[0] == "/" else bool(shutil.which(program, path=SEARCH))
    )
