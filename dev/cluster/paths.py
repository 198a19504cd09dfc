"""Where everything lies.

Two places only: the cache of this user, which all clones share, and ``.kubedag-dev`` in the
clone, which git ignores. Both may be deleted once ``cluster-down`` has run.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

FILES = Path(__file__).resolve().parent / "files"
CLONE = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """Return the folder of everything that is worth keeping between clones."""
    if own := os.environ.get("KUBEDAG_CACHE"):
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "kubedag"


def state() -> Path:
    """Return the clone's own folder; it tells git itself to look away."""
    folder = CLONE / ".kubedag-dev"
    if not (folder / ".gitignore").exists():
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
    return folder


def log(name: str) -> Path:
    """Return the file that the output of a long command of this clone goes to."""
    folder = state() / "log"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.log"


def cluster_name() -> str:
    """Name this clone's cluster after its place, so that two clones have two clusters."""
    return f"kubedag-{hashlib.sha256(str(CLONE).encode()).hexdigest()[:8]}"


def digest(*parts: str | bytes | Path) -> str:
    """Hash versions, and the content of files and folders, into the key of a cached build."""
    total = hashlib.sha256()
    for part in parts:
        for chunk in _chunks(part):
            total.update(len(chunk).to_bytes(8, "big") + chunk)
    return total.hexdigest()[:12]


def _chunks(part: str | bytes | Path) -> list[bytes]:
    if isinstance(part, bytes):
        return [part]
    if isinstance(part, str):
        return [part.encode()]
    if part.is_dir():
        files = sorted(f for f in part.rglob("*") if f.is_file())
        return [
            c for f in files for c in (f.relative_to(part).as_posix().encode(), f.read_bytes())
        ]
    return [part.read_bytes()]
