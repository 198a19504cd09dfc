"""What one decision costs, without any cluster: 10,000 tasks, half of them done."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dev.bench import shapes
from kubedag.api import dag as api
from kubedag.api import parse
from kubedag.core import attempts, decide_run, pods, rows, snapshot
from kubedag.core import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

ROUNDS = 9
STAMP = "2026-01-01T00:00:01Z"
NOW = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


def table() -> str:
    """The cost of parsing, compiling and deciding, in milliseconds."""
    shape = shapes.layers(10, 1000)
    manifest = shape.manifest()
    parse_ms, spec = _timed(lambda: parse.parse(api.DAGSpec, manifest["spec"], "spec"))
    assert not isinstance(spec, tuple), spec
    validate_ms, found = _timed(lambda: plans.validate(spec))
    assert not found, found
    compile_ms, plan = _timed(lambda: plans.compile_plan("bench", spec))
    first = _snapshot(plan, rows.RunStatus())
    decision = decide_run.decide(first, NOW)
    later = _snapshot(plan, decision.status)
    decide_ms, _ = _timed(lambda: decide_run.decide(later, NOW), ROUNDS)
    encode_ms, body = _timed(lambda: msgspec.json.encode(decision.status), ROUNDS)
    return (
        f"10,000 tasks: parse {parse_ms:.0f} ms, validate {validate_ms:.0f} ms, "
        f"compile {compile_ms:.0f} ms, decide {decide_ms:.1f} ms (5,000 done, 1,000 running), "
        f"encode {encode_ms:.1f} ms for {len(body) / 1e6:.2f} MB of status"
    )


def _timed(work: Callable[[], T], rounds: int = 1) -> tuple[float, T]:
    """The median cost in milliseconds, and what came out last."""
    costs = []
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        costs.append(time.perf_counter() - began)
    return median(costs) * 1000, result


def _snapshot(plan: plans.Plan, status: rows.RunStatus) -> snapshot.RunSnapshot:
    seen = {}
    for task in plan.tasks[:6000]:
        seen[task.name] = (_pod(task.name, done=task.index < 5000),)
    return snapshot.RunSnapshot(
        run=snapshot.RunFacts("run", "bench", "uid", "bench", "2026-01-01T00:00:00Z"),
        status=status,
        dag=snapshot.DAGFacts(1, ready=True, revision="bench-1"),
        plan=plan,
        plan_revision="bench-1",
        pods=seen,
        observed={pod.metadata.uid: attempts.observe(pod) for (pod,) in seen.values()},
    )


def _pod(task: str, *, done: bool) -> pods.Pod:
    running = pods.ContainerState(running=pods.Running(STAMP))
    ended = pods.ContainerState(terminated=pods.Terminated(0, "Completed", "", 0, STAMP, STAMP))
    labels = {pods.LABEL_TASK: task, pods.LABEL_ATTEMPT: "1"}
    return pods.Pod(
        pods.Metadata(f"run-{task}-1", "bench", f"uid-{task}", "1", STAMP, labels=labels),
        pods.PodSpec("node"),
        pods.PodStatus(
            phase="Succeeded" if done else "Running",
            conditions=(pods.PodCondition("PodScheduled", "True", "", "", STAMP),),
            container_statuses=(
                pods.ContainerStatus(pods.MAIN_CONTAINER, 0, ended if done else running),
            ),
        ),
    )
