"""Processes that end when we do, and that are ended by identity, never by name.

Several clusters run on one machine at once, and a process id may be used again by a stranger.
So a process is killed either through the handle of our own unreaped child (its id cannot have
been given away yet) or, after a crash, through a record of id *and* start time (`state`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GUARD = Path(__file__).with_name("_guarded.py")

# The parent-death signal fires when the *thread* that forked ends. This one lives until the
# interpreter does, so a cluster may be started, or its API server restarted, from any thread.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-cluster")


class Process:
    """One running program, its output in a file."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._popen.pid

    def start(self, argv: Sequence[str | Path], env: Mapping[str, str]) -> None:
        """Start it, in a session of its own: Ctrl-C in a terminal is ours to handle."""
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *map(str, argv)]
        _SPAWNER.submit(self._spawn, guard, dict(env)).result()

    def _spawn(self, argv: list[str], env: dict[str, str]) -> None:
        # Assigned here and not by the caller, whom Ctrl-C may interrupt while it waits.
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def returncode(self) -> int | None:
        """Tell how it ended; None while it runs."""
        return self._popen.poll() if self._popen else None

    def kill(self) -> None:
        """SIGKILL to its group, and wait until it is gone. Nothing here is worth a goodbye."""
        if self._popen is None or self._popen.poll() is not None:
            return
        os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(timeout=30)

    def tail(self, lines: int = 15) -> str:
        """Return the end of its output, for the message of an error."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
