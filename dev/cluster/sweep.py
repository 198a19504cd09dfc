"""Clean up after runs that were killed: what they started, mounted and left half made."""

from __future__ import annotations

import shutil
import time

from . import daemon, packages, paths, processes
from .progress import step

ENGINE_SETTLES = 2.0  # seconds; an engine completes what it was asked by a client that is gone


def sweep() -> None:
    """Undo everything that dead runs have left; safe at any time, also beside living runs."""
    dead = processes.dead_runs()
    for run in dead:
        if late := processes.with_token(processes.patient(run.token)):
            with step("wait for the package installation of a run that was killed"):
                while any(p.alive() for p in late):
                    time.sleep(0.5)
        packages.lift_policy()
        while left := processes.with_token(run.token):  # again: some may have been just starting
            processes.end_all(left, 5)
        build = paths.cache() / "build" / run.token
        daemon.unmount(build)
        shutil.rmtree(build, ignore_errors=True)
        for part in (paths.cache() / "tools").glob(f".*-{run.token}"):
            shutil.rmtree(part, ignore_errors=True)
        processes.forget(run)
    if dead:
        time.sleep(ENGINE_SETTLES)


def leftovers() -> list[str]:
    """List what dead runs have left, as a person would name it."""
    found = []
    for run in processes.dead_runs():
        found.append(f"record of a run that was killed: {run.token}")
        tokens = (run.token, processes.patient(run.token))
        found += [f"process {p.pid} of run {t}" for t in tokens for p in processes.with_token(t)]
        build = paths.cache() / "build" / run.token
        found += [f"folder {build}"] if build.exists() else []
        found += [f"mount {m}" for m in daemon.mounts(build)]
    return found
