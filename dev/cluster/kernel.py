"""What the system tells about processes: from /proc where there is one, else (macOS) from ps."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

PROC = Path("/proc")


def boot() -> str:
    """Return the id of this boot: process ids and mounts do not outlive it."""
    if _linux():
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return _ask("sysctl", "-n", "kern.bootsessionuuid")


def started(pid: int) -> int | None:
    """Return when a process started, in whatever unit; nothing if it has ended."""
    if not _linux():
        state, _, since = _ask("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
        running = state and state[0] != "Z"
        return (
            int(hashlib.sha256(since.strip().encode()).hexdigest()[:12], 16) if running else None
        )
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def pids() -> list[int]:
    """List all processes but this one."""
    if _linux():
        found = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    else:
        found = [int(pid) for pid in _ask("ps", "-A", "-o", "pid=").split()]
    return [pid for pid in found if pid != os.getpid()]


def has_in_environment(pid: int, variable: str, value: str) -> bool:
    """Tell whether a process was started with a variable of this value."""
    setting = f"{variable}={value}"
    if not _linux():
        return setting in _ask("ps", "-E", "-w", "-w", "-o", "command=", "-p", str(pid)).split()
    try:
        return setting.encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _linux() -> bool:
    return (PROC / "self").exists()


def _ask(*args: str) -> str:
    answer = subprocess.run(args, capture_output=True, text=True, errors="replace", check=False)
    return answer.stdout.strip()
