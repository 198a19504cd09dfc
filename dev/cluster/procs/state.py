"""Where a cluster keeps its files, and how what a killed run left there is found and removed.

An owner holds a lock on its folder. A folder whose lock is free has lost its owner to SIGKILL or
a power cut: the next cluster that starts ends whatever is recorded there and deletes it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from dev.cluster.processes import Process, write_json

PREFIX = "kubedag-procs-"
RECORD = "processes.json"
# etcd at benchmark size writes about 1 GiB; a container's default /dev/shm has 64 MiB.
ROOM_NEEDED = 4 << 30
GRACE_SECONDS = 600


def base_dir() -> Path:
    """Memory if there is plenty of it: etcd's write-ahead log is most of the disk traffic."""
    shm = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
    if os.access(shm, os.W_OK) and shutil.disk_usage(shm).free >= ROOM_NEEDED:
        return shm
    return Path(tempfile.gettempdir())


class StateDir:
    """A locked temporary folder with a record of the processes that live on it."""

    def __init__(self) -> None:
        base = base_dir()
        sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        self._lock: int | None = _lock(self.path, fcntl.LOCK_EX)
        self._recorded: list[Process] = []

    def record(self, pid: int) -> None:
        """Note a process, so that a later sweep can end it if we cannot."""
        started = Process.of(pid)
        alive = [process for process in self._recorded if process.alive()]
        self._recorded = [*alive, started] if started else alive
        write_json(self.path / RECORD, [asdict(process) for process in self._recorded])

    def remove(self) -> None:
        shutil.rmtree(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def sweep(base: Path) -> None:
    """End and delete what owners that no longer exist have left."""
    for folder in base.glob(PREFIX + "*"):
        try:
            lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another user's, or just deleted
            continue
        if lock is None:
            continue
        try:
            _sweep_one(folder)
        finally:
            os.close(lock)


def _sweep_one(folder: Path) -> None:
    record = folder / RECORD
    if record.exists():
        for fields in json.loads(record.read_text()):
            Process(**fields).signal(signal.SIGKILL)
    elif time.time() - folder.stat().st_mtime < GRACE_SECONDS:
        return  # its owner may be about to lock it
    shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path, how: int) -> int | None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
