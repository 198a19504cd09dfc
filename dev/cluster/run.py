"""Run programs: never through a shell, always with a reason when they fail.

A program gets a session of its own, so that Ctrl-C reaches this program alone, which then ends
the other in an orderly way.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from typing import IO, TYPE_CHECKING

from . import processes
from .problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GENTLY = ("nice", "-n", "10")


class Failed(Problem):
    """A program ended with an error; the message has the end of what it wrote."""

    def __init__(self, args: Sequence[str], code: int, output: str, log: Path | None) -> None:
        """Keep the exit code and the output for those who want to look closer."""
        self.code = code
        self.output = output
        last = "\n".join(f"  | {line}" for line in output.strip().splitlines()[-15:])
        what = f"`{shlex.join(args)}` ended with exit code {code}:\n{last}"
        super().__init__(what, f"look into {log}" if log else "")


def run(
    *args: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text: str | None = None,
    log: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program and return what it wrote; with ``log``, all its output goes there."""
    words = [str(a) for a in args]
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as out:
            code, _, _ = _finish(_start(words, env, cwd, out, out), text, timeout)
        said = log.read_text(errors="replace")
        complaint = said
    else:
        child = _start(words, env, cwd, subprocess.PIPE, subprocess.PIPE)
        code, said, complaint = _finish(child, text, timeout)
    if code:
        raise Failed(words, code, complaint or said, log)
    return said


def succeeds(*args: str | Path, env: Mapping[str, str] | None = None, timeout: float = 30) -> bool:
    """Tell whether a program ends well, and in time."""
    try:
        run(*args, env=env, timeout=timeout)
    except Problem:
        return False
    return True


def finish_first(*args: str | Path, env: Mapping[str, str] | None = None, log: Path) -> None:
    """Run what must not be stopped half way (dpkg): Ctrl-C takes effect after it."""
    words = [str(a) for a in args]
    with log.open("w") as out:
        child = _start(
            words, {**(env or {}), processes.VARIABLE: processes.patient()}, None, out, out
        )
        interrupted: BaseException | None = None
        while child.returncode is None:
            try:
                child.wait()
            except (KeyboardInterrupt, SystemExit) as stop:
                interrupted = stop
    if interrupted:
        raise interrupted
    if child.returncode:
        raise Failed(words, child.returncode, log.read_text(errors="replace"), log)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of everything that is started: ours, marked with our token."""
    return {**os.environ, processes.VARIABLE: processes.current(), **(extra or {})}


def _start(
    words: list[str],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    out: int | IO[str],
    err: int | IO[str],
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            words,
            env=environment(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise Problem(f"the program {words[0]} is not there") from None


def _finish(
    child: subprocess.Popen[str], text: str | None, timeout: float | None
) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(text, timeout)
    except subprocess.TimeoutExpired:
        _abandon(child)
        return 124, "", f"no answer within {timeout:.0f} s"
    except BaseException:
        _abandon(child)
        raise
    return child.returncode, out or "", err or ""


def stop(child: subprocess.Popen[str]) -> None:
    """End a program and all it started."""
    processes.end_all(processes.in_session(child.pid), 5)
    child.wait()


def _abandon(child: subprocess.Popen[str]) -> None:
    stop(child)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
