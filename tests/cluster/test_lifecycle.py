"""The throw-away cluster itself: it works, and whatever happens to it, nothing is left.

Each test works in a clone of its own. Where the Docker engine is one that we start, it gets a
cache and a network of its own as well, so that the whole machine can be compared with before
while another clone's cluster goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dev.cluster import engine, paths

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

PROBE = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: web
    image: busybox:1.37
    command: [sh, -c, "echo from the volume >/data/index.html; exec httpd -f -p 8080 -h /data"]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: v1
kind: Pod
metadata: {name: ask}
spec:
  restartPolicy: OnFailure
  containers:
  - name: ask
    image: python:3.13-slim
    command:
    - python
    - -c
    - import urllib.request as u; print(u.urlopen("http://web.default.svc.cluster.local").read())
"""


@dataclass
class Clone:
    """A clone that runs the cluster's command as a person would."""

    place: Path
    prefix: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def start(self, *verb: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "dev.cluster", *verb],
            cwd=self.place,
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *verb: str) -> str:
        child = self.start(*verb)
        said, _ = child.communicate(timeout=600)
        assert child.returncode == 0, said
        return said

    def kubectl(self, *words: str, text: str | None = None) -> str:
        kubeconfig = next(self.place.glob(".kubedag-dev/clusters/*/kubeconfig"))
        record = json.loads(kubeconfig.with_name("cluster.json").read_text())
        call = [
            *self.prefix,
            shutil.which("kubectl") or "kubectl",
            "--kubeconfig",
            str(kubeconfig),
        ]
        call += ["--context", record["context"], *words]
        return subprocess.run(
            call, input=text, capture_output=True, text=True, check=True, timeout=300
        ).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    place = tmp_path_factory.mktemp("clone")
    shutil.copytree(
        paths.CLONE / "dev", place / "dev", ignore=shutil.ignore_patterns("__pycache__")
    )
    with contextlib.ExitStack() as undo:
        clone = Clone(place)
        if not engine.theirs_answers():
            clone = undo.enter_context(_apart(place, tmp_path_factory.mktemp("cache")))
        undo.callback(clone.run, "down")
        yield clone


@contextlib.contextmanager
def _apart(place: Path, cache: Path):
    """Give a clone a cache (with what has been built) and a network of its own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and only root may start one")
    for part in ("go", "rootfs", "tools"):
        (paths.cache() / part).mkdir(parents=True, exist_ok=True)
        (cache / part).symlink_to(paths.cache() / part)
    name = f"kubedag-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        enter = ("nsenter", f"--net=/run/netns/{name}")
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
        yield Clone(place, enter, {"KUBEDAG_CACHE": str(cache), "CONTEXT": ""})
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
        shutil.rmtree(cache)  # it holds an engine's images: too much to be kept with the results


def _when(
    child: subprocess.Popen[str], line: str, after: float, strike: Callable[[], None]
) -> str:
    """Strike some time after a step has begun; return all that was said until the end."""
    said = []
    for text in child.stdout:
        said.append(text)
        if line in text and text.rstrip().endswith(" ..."):
            threading.Timer(after, strike).start()
            break
    rest, _ = child.communicate(timeout=300)
    return "".join(said) + rest


STEPS = [
    ("start a private Docker engine", 0.0, signal.SIGKILL),
    ("make the node image", 4.0, signal.SIGTERM),
    ("create the kind cluster", 1.0, signal.SIGKILL),
    ("create the kind cluster", 9.0, signal.SIGINT),
    ("load python:3.13-slim", 0.5, signal.SIGKILL),
]


@pytest.mark.parametrize(("line", "after", "number"), STEPS)
def test_whenever_up_is_killed_down_clears_up(clone, line, after, number):
    child = clone.start("up")
    said = _when(child, line, after, lambda: child.send_signal(number))
    if line not in said:
        clone.run("down")
        pytest.skip("this machine does not need that step")
    assert child.returncode != 0, said
    assert "nothing is left" in clone.run("down")
    assert clone.run("leftovers") == ""


def test_a_killed_engine_is_cleared_up_too(clone):
    if not clone.prefix:
        pytest.skip("the engine is the user's own")
    child = clone.start("up")
    record = Path(clone.env["KUBEDAG_CACHE"]) / "docker" / "daemon.json"

    def strike() -> None:
        os.kill(json.loads(record.read_text())["process"]["pid"], signal.SIGKILL)

    said = _when(child, "create the kind cluster", 9.0, strike)
    assert child.returncode == 1, said
    assert "nothing is left" in clone.run("down")
    assert clone.run("leftovers") == ""


def test_pods_find_services_by_name_and_volumes_bind_and_nothing_is_left(clone):
    clone.run("up")
    began = time.monotonic()
    assert "is there already" in clone.run("up")
    assert time.monotonic() - began < 60

    clone.kubectl("apply", "-f", "-", text=PROBE)
    clone.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/ask", "--timeout=120s")
    assert "from the volume" in clone.kubectl("logs", "ask")
    assert clone.kubectl("get", "pvc", "data", "-o", "jsonpath={.status.phase}") == "Bound"

    assert "nothing is left" in clone.run("down")
    assert clone.run("leftovers") == ""
