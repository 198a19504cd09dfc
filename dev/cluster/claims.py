"""Who needs our engine: each cluster that does has a file that names its clone.

A clone may be lost with its claim still standing: its folder deleted, its disk not there any more.
Nobody would ever take that claim back, and the engine would go on for ever. So a claim lapses
once nothing is left of its cluster: no folder, no process, no container that runs. A clone that
is only out of sight, in another mount namespace, shares the cache with us, and so its locks.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from . import daemon, locks, paths, processes


def _folder() -> Path:
    return daemon.home() / "users"


def make(user: str) -> None:
    """Claim the engine for a cluster of this clone."""
    processes.write_json(_folder() / user, {"clone": str(paths.CLONE)})


def drop(user: str) -> None:
    """Take a claim away."""
    (_folder() / user).unlink(missing_ok=True)


def living() -> dict[str, str]:
    """List the clusters that need the engine, each with its clone."""
    return {name: clone for name, clone in _all().items() if _needed(name, clone)}


def lapsed() -> dict[str, str]:
    """List the clusters of which nothing but the claim is left, each with its clone."""
    return {name: clone for name, clone in _all().items() if not _needed(name, clone)}


def _all() -> dict[str, str]:
    with contextlib.suppress(FileNotFoundError):
        files = [file for file in _folder().iterdir() if file.name[0] != "."]
        return {file.name: json.loads(file.read_text())["clone"] for file in files}
    return {}


def _needed(name: str, clone: str) -> bool:
    return _there(Path(clone)) or locks.held(f"*-{name}") or daemon.runs_containers_of(name)


def _there(clone: Path) -> bool:
    """Tell whether a folder is there, or might be: only the kernel's plain no counts as one."""
    try:
        clone.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
