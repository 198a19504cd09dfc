"""Locks between processes and between clones.

``flock`` goes away with the process that holds it, however that ends: a killed build never
leaves a lock that somebody has to delete.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from . import paths
from .progress import step

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the cache's lock of that name; say so when somebody else has it."""
    folder = paths.cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            with step(f"wait for {holder}, which holds {name}"):
                fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} of {paths.CLONE}")
        file.flush()
        yield


def held(pattern: str) -> bool:
    """Tell whether somebody has one of the locks that a pattern names; none is taken, or written to."""
    for path in (paths.cache() / "locks").glob(f"{pattern}.lock"):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # ends with the file
            except BlockingIOError:
                return True
    return False
