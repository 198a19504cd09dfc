"""Ports nobody else takes between our choosing one and a server binding it.

Asking the kernel for a free port and letting it go again is a race between test workers, and one
that any outgoing connection can win. So ports come from below the range the kernel gives to
connections, and each is reserved by a locked file for as long as the cluster lives: a restarted
API server finds its port free. The lock goes with the process that holds it, whatever ends that.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20000, 29999


class Port:
    """A reserved port on 127.0.0.1."""

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self._lock: int | None = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @classmethod
    def reserve(cls) -> Port:
        # System randomness: test runs seed the shared generator, and would all start at one port.
        for number in random.SystemRandom().sample(range(FIRST, LAST + 1), 200):
            lock = _try_lock(number)
            if lock is None:
                continue
            if _is_free(number):
                return cls(number, lock)
            os.close(lock)
        raise RuntimeError(f"no free port among 200 tried between {FIRST} and {LAST}")


def _try_lock(number: int) -> int | None:
    folder = Path(tempfile.gettempdir()) / f"kubedag-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
