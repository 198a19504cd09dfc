"""The Docker engine that kind works with: the one that answers, or one of our own.

Where no engine answers, a private dockerd is started from Debian's packages. All clones on a
machine share it, and its images stay in the cache. Each cluster that needs it has a claim on it;
whoever takes the last one away stops the daemon and undoes what it did to the machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import claims, daemon
from .locks import lock
from .problem import Problem
from .progress import say, step
from .run import run, succeeds

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Engine:
    """A Docker engine: the user's (no address: the user's own settings stand) or ours."""

    address: str = ""

    @property
    def ours(self) -> bool:
        """Tell whether it is the private one."""
        return self.address == daemon.address()

    def environment(self) -> dict[str, str]:
        """Return what makes docker and kind talk to this engine."""
        return daemon.client() if self.ours else {}

    def docker(
        self, *args: str | Path, timeout: float | None = None, text: str | None = None
    ) -> str:
        """Run the docker command with this engine."""
        return run("docker", *args, env=self.environment(), timeout=timeout, text=text)

    def has_image(self, name: str) -> bool:
        """Tell whether the engine has an image."""
        words = ("docker", "image", "inspect", name)
        return succeeds(*words, env=self.environment())

    def has_network(self, name: str) -> bool:
        """Tell whether the engine has a network."""
        return succeeds("docker", "network", "inspect", name, env=self.environment())


def obtain(user: str) -> Engine:
    """Return an engine for a cluster: the user's own if it answers, else ours, started if need be."""
    return Engine() if theirs_answers() else obtain_own(user)


def theirs_answers() -> bool:
    """Tell whether the user has an engine that answers, which is not ours."""
    if os.environ.get("DOCKER_HOST") == daemon.address() or not shutil.which("docker"):
        return False
    return succeeds("docker", "version", timeout=15)


def obtain_own(user: str) -> Engine:
    """Return our engine, started if need be, with a claim on it."""
    with lock("dockerd"):
        if not daemon.running():
            _can_run()
        claims.make(user)
        if not daemon.running():
            with step("start a private Docker engine"):
                daemon.start()
    return Engine(daemon.address())


def release(user: str) -> None:
    """Take a cluster's claim on our engine back; the last one to leave stops it."""
    with lock("dockerd"):
        claims.drop(user)
        for name, clone in claims.lapsed().items():
            say(f"the claim of {name} has lapsed: {clone} is gone, and nothing of it runs")
            claims.drop(name)
        if users() or not daemon.recorded():
            return
        with step("stop the private Docker engine, and undo what it did to the network"):
            daemon.stop()


def users() -> dict[str, str]:
    """List the clusters that need our engine, each with its clone."""
    return claims.living()


def private() -> Engine | None:
    """Return our own engine if it runs."""
    return Engine(daemon.address()) if daemon.running() else None


def _can_run() -> None:
    mend = "start Docker (https://docs.docker.com/engine/install), or name a cluster: CONTEXT=name"
    if sys.platform != "linux":
        raise Problem("no Docker engine answers", mend)
    if os.geteuid() != 0:
        raise Problem("no Docker engine answers, and only root may start one", mend)
