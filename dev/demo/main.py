"""The demo's story: a cluster, an image, a chart, a pipeline, and what became of it.

It uses a kubeconfig of its own, so the cluster you are connected to is neither read nor changed.
Everything it makes lives in the throw-away cluster, which ``make cluster-down`` removes, also after
a Ctrl-C. The exit code is 0 only if everything it promises was seen to happen.
"""

from __future__ import annotations

import contextlib
import queue
import shlex
import sys
import time

from dev.cluster import processes
from dev.cluster.problem import Problem

from . import epilogue, install, promises
from .kubectl import Kubectl, path
from .picture import Picture
from .steps import Steps
from .table import Screen

NAMESPACE = "demo"
HERE = "dev/demo"
APPLY = (
    ("apply", "-f", f"{HERE}/pipeline.yaml"),
    ("wait", "dag/umbrellas", "--for=condition=Ready", "--timeout=60s"),
)
RUN = ("create", "-f", f"{HERE}/run.yaml", "-o", "name")
NAMESPACE_WORDS = ("create", "namespace", NAMESPACE)
USE = 'eval "$(python3 -m dev.cluster env)"'  # whoever types the commands below needs it
RUN_SECONDS_MAX = 300.0


def main() -> int:
    """Show it all; return the exit code."""
    try:
        return show()
    except KeyboardInterrupt:
        say("\nstopped; `make cluster-down` removes what there is")
        return 130
    except Problem as problem:
        say(f"\ndemo: {problem}\n`make cluster-down` removes what there is")
        return 1
    finally:
        processes.finished()


def say(text: str) -> None:
    """Write a line at once: whoever reads along in a pipe should not wait either."""
    print(text, flush=True)


def show() -> int:
    """Do every step of the story, then tell what to look at."""
    say("kubedag: a pipeline on a throw-away Kubernetes. Nothing outside of it is touched.")
    steps = Steps(total=5, say=say)
    kubectl = prepare(steps)
    with steps.step("Apply the pipeline", *(kubectl.shown(*words) for words in APPLY)):
        for words in APPLY:
            kubectl(*words)
    with steps.step("Run it", kubectl.shown(*RUN)):
        picture = follow(kubectl)
    return tell(kubectl, steps, picture)


def prepare(steps: Steps) -> Kubectl:
    """A cluster with kubedag in it, and a namespace."""
    with steps.step("Start the cluster, or use it if it runs", "make cluster", USE):
        cluster = install.cluster()
    with steps.step(
        "Build the image and load it", f"python3 -m dev.cluster image {install.IMAGE}"
    ):
        install.image(cluster)
    kubectl = install.connect(cluster, NAMESPACE)
    helm = shlex.join(["helm", *install.helm_words(cluster)])
    with steps.step("Install the chart", helm, kubectl.shown(*NAMESPACE_WORDS)):
        install.helm(cluster)
        with contextlib.suppress(Problem):  # it exists from the last time
            kubectl(*NAMESPACE_WORDS)
    return kubectl


def follow(kubectl: Kubectl) -> Picture:
    """Create a run and show it until it is over; raises Problem if that takes too long."""
    picture = Picture.of(kubectl.get("dag", "umbrellas"), time.monotonic())
    screen = Screen(sys.stdout)
    run = kubectl(*RUN).strip().partition("/")[2]
    say(f"      {run}\n")
    pods = path(NAMESPACE, "pods", selector=f"kubedag.dev/run={run}")
    runs = path(NAMESPACE, "dagruns", field=f"metadata.name={run}")
    with kubectl.watch(pods, runs) as events:
        deadline = time.monotonic() + RUN_SECONDS_MAX
        while not picture.finished and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                screen.show(picture, picture.take(events.get(timeout=0.2)))
                continue
            screen.show(picture, [])
        with contextlib.suppress(queue.Empty):  # the Pods' watch may lag behind the run's
            while True:
                screen.show(picture, picture.take(events.get(timeout=0.5)))
    screen.finish(picture)
    if not picture.finished:
        raise Problem(f"{run} was not over after {RUN_SECONDS_MAX:.0f} s")
    return picture


def tell(kubectl: Kubectl, steps: Steps, picture: Picture) -> int:
    """Say what there is to see, and whether it is what was promised."""
    run = picture.run["metadata"]["name"]
    promised = promises.check(picture)
    for part in (
        epilogue.objects(kubectl, run),
        epilogue.failure(picture),
        epilogue.events(kubectl, run),
        epilogue.times(picture, steps),
        epilogue.kept(promised),
        epilogue.next_commands(kubectl, run),
    ):
        for line in part:
            say(line)
    broken = [promise for promise in promised if not promise.kept]
    if broken:
        say(f"\ndemo: {len(broken)} of {len(promised)} promises were not kept")
    return 1 if broken else 0
