"""Debian file systems, from the mirror that this machine's own apt uses.

Made once and kept in the cache. debootstrap runs in namespaces of its own: when it is killed, what
it started dies with it, and what it mounted is gone.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import packages, paths, processes
from .locks import lock
from .problem import Problem
from .progress import step
from .run import GENTLY, run

if TYPE_CHECKING:
    from collections.abc import Iterator

ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """Give a build a folder that is gone afterwards (after a kill: with the next ``down``)."""
    top = paths.cache() / "build" / processes.current()
    top.mkdir(parents=True, exist_ok=True)
    folder = top / processes.new_token()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            top.rmdir()


def debian(suite: str, include: tuple[str, ...]) -> Path:
    """Return the folder of a Debian with some packages; copy it, do not change it."""
    key = paths.digest(suite, *include)
    folder = paths.cache() / "rootfs" / f"{suite}-{key}"
    if folder.exists():
        return folder
    with lock(f"rootfs-{suite}-{key}"):
        if not folder.exists():
            packages.install(
                {
                    "debootstrap": "debootstrap",
                    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
                }
            )
            _bootstrap(suite, include, folder)
    return folder


def _bootstrap(suite: str, include: tuple[str, ...], folder: Path) -> None:
    log = paths.log(f"debootstrap-{suite}-{folder.name[-4:]}")
    options = ["--variant=minbase", f"--include={','.join(include)}"] if include else []
    options = options or ["--variant=minbase"]
    with workshop() as aside:
        new = aside / "debian"
        new.mkdir(mode=0o755)
        with step(f"install Debian {suite} in a folder", lambda: last_line(log)):
            run(*GENTLY, *ALONE, "debootstrap", *options, suite, new, mirror(), log=log)
        folder.parent.mkdir(parents=True, exist_ok=True)
        new.replace(folder)


def last_line(log: Path) -> str:
    """Tell how far a program is by the last thing it said."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].removeprefix("I: ").rstrip(".")[:90] if lines else ""


def mirror() -> str:
    """Return the address that apt here has Debian from."""
    release = Path("/etc/os-release").read_text()
    codename = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    if not codename or not re.search(r"^ID=debian$", release, re.MULTILINE):
        raise Problem(
            "no registry answers, and images can be made from source on Debian only",
            "work where a registry is reachable, or name a cluster: CONTEXT=name",
        )
    apt = Path("/etc/apt")
    files = [*sorted((apt / "sources.list.d").glob("*")), apt / "sources.list"]
    for file in files:
        if file.is_file() and (found := find_mirror(file.read_text(), codename[1])):
            return found
    raise Problem(f"no source of apt has Debian {codename[1]}, main", "look into /etc/apt")


def find_mirror(sources: str, codename: str) -> str | None:
    """Find the address of a suite's main part in a file of apt, of either format."""
    for line in sources.splitlines():
        one = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
        if one and one[2] == codename and "main" in one[3].split():
            return one[1]
    for stanza in re.split(r"\n\s*\n", sources):
        lines = (x.partition(":") for x in stanza.splitlines() if not x.startswith(("#", " ")))
        fields = {name.lower(): value.split() for name, _, value in lines}
        wanted = codename in fields.get("suites", []) and "main" in fields.get("components", [])
        if wanted and "deb" in fields.get("types", []) and fields.get("uris"):
            return fields["uris"][0]
    return None
