"""A run of many tasks on a very bad day, and what a witness from outside says of it.

On a whole day of 200 tasks the operator is killed twenty times, the API server restarted three times
and the container runtime once, and Pods are deleted all the while: ``DAY=whole SEED=5 pytest
tests/e2e/test_chaos.py -s``. Without that it is a third of a day.
By its name this comes first: the watch that other tests share would not outlive the API server.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from dataclasses import dataclass

import pytest

from dev.demo.install import OPERATOR
from dev.demo.kubectl import path
from e2e import chaos, kube, laws, node, witness

pytestmark = pytest.mark.alone

SEED = int(os.environ.get("SEED", "1"))
WIDTHS = (1, 24, 12, 30, 1, 20, 30, 16, 1, 40, 24, 1) if chaos.WHOLE else (1, 16, 8, 20, 1, 20, 1)
TASKS = sum(WIDTHS)
SECONDS_MAX = 900  # some six minutes for a whole day, on a machine that does nothing else
LEASE_SECONDS = "KUBEDAG_LEASE_SECONDS"


def layered(chance):
    """Layers that fan out and in: the names of the tasks, each with its upstreams."""
    upstream = {}
    above = []
    for depth, width in enumerate(WIDTHS):
        names = [f"l{depth:02}-{number:02}" for number in range(width)]
        for name in names:
            some = above if width == 1 else chance.sample(above, min(len(above), 3))
            upstream[name] = sorted(some)
        above = names
    return upstream


def long_day(chance):
    upstream = layered(chance)
    tasks = [
        kube.task(name, kube.sleep(round(chance.uniform(0.2, 3), 1)), above)
        for name, above in upstream.items()
    ]
    retry = {"limit": 0, "infraLimit": 100, "backoffSeconds": 1, "backoffSecondsMax": 2}
    definition = kube.dag(
        "long-day",
        *tasks,
        maxActiveTasks=30,
        taskDefaults={"retry": retry},
        retention={"keepPods": "All"},
    )
    return definition, upstream


@dataclass
class Day:
    """What is left of the day: the run, what was seen of it, and what was done to it."""

    run: dict
    upstream: dict
    pods: list
    runs: list
    chaos: chaos.Chaos
    seconds: float


@pytest.fixture
def quick_lease(expendable, system):
    """An operator that died is followed by the next one in seconds; its default is 15."""
    del expendable
    deployment = system.kubectl("get", "deployment", "-l", OPERATOR, "-o", "name").strip()
    system.kubectl("set", "env", deployment, f"{LEASE_SECONDS}=3")
    system.kubectl("rollout", "status", deployment, "--timeout=60s")
    yield
    system.kubectl("set", "env", deployment, f"{LEASE_SECONDS}-")
    system.kubectl("rollout", "status", deployment, "--timeout=120s")


@pytest.fixture
def day(cluster, kubectl, namespace, system, quick_lease):
    del quick_lease
    where = node.control_plane(cluster, kubectl)
    where.spare_the_others()
    definition, upstream = long_day(random.Random(SEED))
    namespace.apply(definition)
    namespace.wait("dag/long-day", "Ready")
    name, home = namespace.kubectl.namespace, system.kubectl.namespace
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases"
    operators = f"/api/v1/namespaces/{home}/pods?labelSelector={OPERATOR.replace('=', '%3D')}"
    began = time.monotonic()
    with (
        witness.Witness(kubectl, path(name, "pods")).watching() as pods,
        witness.Witness(kubectl, path(name, "dagruns")).watching() as runs,
        witness.Witness(kubectl, operators).watching() as ours,
        witness.Witness(kubectl, leases).watching() as leading,
    ):
        run = namespace.create(kube.run("long-day"))
        hands = chaos.Chaos(SEED, TASKS, namespace, system, where, pods, ours, leading)
        with contextlib.suppress(TimeoutError), hands.at_work():
            runs.until(lambda: finished(runs), SECONDS_MAX, "the end of the run")
        seconds = time.monotonic() - began
        with contextlib.suppress(TimeoutError):
            pods.until(lambda: hands.done() == TASKS, 10, "the end of each task")
    return Day(namespace.run(run), upstream, pods.sights, runs.sights, hands, seconds)


def finished(runs):
    return any(kube.condition(run, "Finished").get("status") == "True" for run in runs.objects())


@pytest.mark.timeout(1200)
def test_a_run_goes_through_a_day_of_disasters(day):
    score = day.chaos.score
    print(  # noqa: T201
        f"\nseed {SEED}: {day.seconds:.0f} s, {score}, Pods {len({s.uid for s in day.pods})}"
    )
    print(*score.story, sep="\n")  # noqa: T201
    assert laws.in_order(day.pods, day.upstream) == []
    assert laws.never_twice_at_once(day.pods) == []
    assert laws.stays_ended(day.runs) == []
    assert day.chaos.troubles == []
    assert kube.condition(day.run, "Succeeded")["status"] == "True"
    assert day.run["status"]["progress"] == f"{TASKS}/{TASKS}"
    recorded = laws.recorded_successes(day.run)
    assert laws.succeeds_once(day.pods, day.upstream, recorded) == []
    assert laws.remembers(day.pods, day.run) == []
    assert (score.kills, score.api_server_restarts) == (chaos.KILLS, chaos.API_SERVER_RESTARTS)
    assert (score.containerd_restarts, score.deleted()) == (1, chaos.DELETIONS)
