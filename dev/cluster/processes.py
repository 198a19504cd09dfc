"""Who started what, so that exactly that can be ended.

Every run of this program has a token. It is written down before anything is started, and is in
the environment of everything the run starts, however deep. Whoever comes later (``down`` after a
Ctrl-C, or after the run itself was killed) ends the processes that carry the token of a dead
run: no name is ever guessed at, and a process id that was given to somebody else is safe.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import signal
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from . import kernel, paths

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "KUBEDAG_DEV_RUN"


@dataclass(frozen=True)
class Process:
    """A process id, and the kernel's start time, which makes it unique until the next boot."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Look a living process up."""
        if (started := kernel.started(pid)) is None:
            return None
        return cls(pid, started, kernel.boot())

    def alive(self) -> bool:
        """Tell whether this very process, and no later one of the same id, is there."""
        return self.boot == kernel.boot() and kernel.started(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process, or to none."""
        with contextlib.suppress(ProcessLookupError):
            if not hasattr(os, "pidfd_open"):
                if self.alive():
                    os.kill(self.pid, number)
                return
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive():  # checked with the handle held: the id cannot change hands
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)

    def end(self, grace: float = 10.0) -> None:
        """Ask it to end, wait, and insist."""
        end_all([self], grace)


def end_all(processes: list[Process], grace: float = 10.0) -> None:
    """End processes: SIGTERM, time to clean up, SIGKILL to those that are still there."""
    for number, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        for process in processes:
            process.signal(number)
        until = time.monotonic() + wait
        while processes and time.monotonic() < until:
            processes = [p for p in processes if p.alive()]
            time.sleep(0.05)


def with_token(token: str) -> list[Process]:
    """Find every living process that carries a token in its environment."""
    carriers = [pid for pid in kernel.pids() if kernel.has_in_environment(pid, VARIABLE, token)]
    return [process for process in map(Process.of, carriers) if process]


@dataclass(frozen=True)
class Run:
    """One run of this program, by the record it wrote before it started anything."""

    token: str
    process: Process

    def dead(self) -> bool:
        """Tell whether the run itself is over, whatever it left behind."""
        return not self.process.alive()


def _records() -> Path:
    folder = paths.cache() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_token() -> str:
    """Draw a token that no other process carries."""
    return secrets.token_hex(8)


_current: list[str] = []


def current() -> str:
    """Return this run's token; the first call writes it down and hands it to all children."""
    if not _current:
        token = new_token()
        me = Process.of(os.getpid())
        assert me is not None
        write_json(_records() / token, asdict(me))
        _current.append(token)
        atexit.register(finished)
    return _current[0]


def patient(token: str = "") -> str:
    """Return the mark of what is waited for instead of ended (a package installation)."""
    return f"{token or current()}-wait"


_interrupted: list[bool] = []


def interrupted() -> None:
    """Note that this run is stopped half way: its record stays, and the next one looks after it."""
    _interrupted.append(True)


def finished() -> None:
    """Forget this run: nothing it started is left."""
    if _current and not _interrupted and not with_token(_current[0]):
        (_records() / _current[0]).unlink(missing_ok=True)


def dead_runs() -> list[Run]:
    """List the runs that ended without saying so."""
    runs = []
    for record in _records().iterdir():
        try:
            run = Run(record.name, Process(**json.loads(record.read_text())))
        except (OSError, ValueError, TypeError):
            continue
        if run.dead():
            runs.append(run)
    return runs


def forget(run: Run) -> None:
    """Delete the record of a run that has nothing left."""
    (_records() / run.token).unlink(missing_ok=True)


def write_json(file: Path, content: object) -> None:
    """Write a file that is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.replace(file)


def in_session(leader: int) -> list[Process]:
    """Find the living processes of a session whose leader we started and have not waited for."""
    found = []
    for pid in kernel.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader and (process := Process.of(pid)):
                found.append(process)
    return found
