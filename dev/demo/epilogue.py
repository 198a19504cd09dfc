"""What is left to look at when the run is over, and what to type next."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from . import promises
from .picture import milliseconds
from .steps import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .kubectl import Kubectl
    from .picture import Picture
    from .steps import Steps

EVENT_COLUMNS = "custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message"


def objects(kubectl: Kubectl, run: str) -> Iterator[str]:
    """What a user sees who asks for everything, once the DAG tells of the run's end.

    Its status is written a little later than that of the run.
    """
    yield ""
    told = f"--for=jsonpath={{.status.lastRun.name}}={run}"
    yield from _typed(kubectl, "wait", "dag/umbrellas", told, "--timeout=60s")
    yield from _typed(kubectl, "get", "dags,dagruns")


def failure(picture: Picture) -> Iterator[str]:
    """The failed task as the run's status tells it; its Pod is not asked."""
    row = picture.rows.get(promises.DOOMED, {})
    last = (row.get("attempts") or [{}])[-1]
    yield f"\nWhy {promises.DOOMED} failed, from .status of {picture.run['metadata']['name']}:"
    yield f"  exit code {last.get('exitCode')} on node {last.get('nodeName')}; its log ended with"
    yield from (f"  | {line}" for line in promises.log_tail(row).splitlines())


def events(kubectl: Kubectl, run: str) -> Iterator[str]:
    """The Events of the run, oldest first."""
    chosen = f"involvedObject.kind=DAGRun,involvedObject.name={run}"
    words = ("--field-selector", chosen, "--sort-by", ".metadata.creationTimestamp")
    yield ""
    yield from _typed(kubectl, "get", "events", *words, "-o", EVENT_COLUMNS)


def times(picture: Picture, steps: Steps) -> Iterator[str]:
    """How long each step of the demo took, and each task of the run."""
    yield "\nHow long it took"
    for what, took in steps.took:
        yield f"  {seconds(took):>10}  {what}"
    yield f"\n  {'TASK':<14} {'ATTEMPT':<8} {'POD AFTER UPSTREAMS':<20} {'START':<8} RAN"
    for pod in picture.pods.values():
        attempts = picture.rows.get(pod.task, {}).get("attempts", ())
        attempt = next((a for a in attempts if a["number"] == pod.attempt), dict[str, Any]())
        gap = picture.gap_seconds(pod)
        shown = "" if gap is None else milliseconds(gap)
        start = _between(attempt, "createTime", "startTime")
        ran = _between(attempt, "startTime", "finishTime")
        yield f"  {pod.task:<14} {pod.attempt:<8} {shown:<20} {start:<8} {ran}"


def kept(promised: list[promises.Promise]) -> Iterator[str]:
    """What was promised, and whether it happened."""
    yield "\nWhat was promised"
    for promise in promised:
        yield f"  {'✓' if promise.kept else '✗'} {promise.text}"


def next_commands(kubectl: Kubectl, run: str) -> Iterator[str]:
    """What to type next, ready to be copied."""
    yield f"""
Look around:
  export KUBECONFIG={kubectl.kubeconfig}
  kubectl -n {kubectl.namespace} get dagrun {run} -o yaml
  kubectl -n {kubectl.namespace} describe dagrun {run}
  kubectl -n {kubectl.namespace} create -f dev/demo/run.yaml      # run it again
  kubectl explain dag.spec.tasks

The umbrella pipeline, with real code, a volume and a prediction (examples/umbrella-sales):
  kubectl apply -k examples/umbrella-sales
  run=$(kubectl create -f examples/umbrella-sales/run.yaml -o name)
  kubectl wait $run --for=condition=Succeeded --timeout=120s
  kubectl logs -l kubedag.dev/run=${{run#*/}},kubedag.dev/task=publish --tail=-1

End it, and everything in it:
  make cluster-down"""


def _typed(kubectl: Kubectl, *words: str) -> Iterator[str]:
    """A command as a person would type it, and what it says."""
    yield f"$ {kubectl.shown(*words)}"
    yield from (f"  {line}".rstrip() for line in kubectl(*words).splitlines())


def _between(attempt: dict[str, Any], first: str, last: str) -> str:
    """The time between two of an attempt's instants, which are whole seconds."""
    if not (attempt.get(first) and attempt.get(last)):
        return ""
    began, ended = (dt.datetime.fromisoformat(attempt[name]) for name in (first, last))
    return f"{(ended - began).total_seconds():.0f} s"
