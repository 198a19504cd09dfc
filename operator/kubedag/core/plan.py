"""What a run works by: a DAG's spec with all defaults filled in and all names turned into numbers.

A decision looks at every task of a run each time, so whatever follows from the spec alone is
worked out here, once for each revision. A plan never changes and holds no state of any run.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kubedag.api import defaults
from kubedag.api.enums import AvoidNodes, LogCapture
from kubedag.core import audience, graph, levels, masks, podtemplate, schedule, teardowns
from kubedag.core.validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedag.api.approval import Approval
    from kubedag.api.dag import DAGSpec, Retention
    from kubedag.api.enums import ConcurrencyPolicy, TriggerRule
    from kubedag.api.pooluse import PoolUse
    from kubedag.api.retry import RetryRule, RetrySpec
    from kubedag.api.task import Task, TaskTemplate

__all__ = ["Plan", "RetryPolicy", "TaskPlan", "compile_plan", "validate"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is followed by another one; `retries` has the rules."""

    limit: int = defaults.RETRY_LIMIT
    infra_limit: int = defaults.RETRY_INFRA_LIMIT
    backoff_seconds: int = defaults.RETRY_BACKOFF_SECONDS
    backoff_factor: int = defaults.RETRY_BACKOFF_FACTOR
    backoff_seconds_max: int = defaults.RETRY_BACKOFF_SECONDS_MAX
    avoid_nodes: str = AvoidNodes.NEVER.value
    memory_factor: str = ""
    """A decimal number; empty if the memory stays as it is."""
    memory_max: str = ""
    """A quantity; empty if nothing but a default bounds it."""
    on_failure: tuple[RetryRule, ...] = ()
    """The first that matches decides."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task; a task is known by its position in the spec, which is its index."""

    index: int
    name: str
    upstream: tuple[int, ...]
    rule: TriggerRule
    retry: RetryPolicy
    timeout_seconds: int | None
    pending_timeout_seconds: int
    priority: int
    idempotent: bool
    """May it run a second time although it may have run once?"""
    approval: Approval | None
    """What it asks, if it asks a person; then it has no Pod."""
    template: TaskTemplate
    """What the task says of its Pods; `Plan.layers` lays it over what all tasks have in common."""
    final: bool = False
    """Does it run at the end of any run, once all that are not are done?"""
    is_teardown: bool = False
    setups: tuple[int, ...] = ()
    """What it takes down, if it is a teardown."""
    teardowns: tuple[int, ...] = ()
    """Those of its upstreams that are teardowns."""
    pool: PoolUse | None = None
    """What it takes of a TaskPool."""
    max_active_across_runs: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One revision of a DAG."""

    dag_name: str
    tasks: tuple[TaskPlan, ...]
    index: Mapping[str, int]
    """Of each task, by its name."""
    order: tuple[int, ...]
    """Topological; of tasks that could come next, the one declared first."""
    downstream: graph.Edges
    depth: tuple[int, ...]
    """The number of edges on the longest way to each task from one without upstreams."""
    timeout_seconds: int | None
    max_active_tasks: int | None
    concurrency_policy: ConcurrencyPolicy
    max_active_runs: int
    depends_on_past: bool
    retention: Retention
    captures_logs: bool
    masks: masks.Masks
    layers: podtemplate.Layers
    schedule: schedule.Schedule | None
    body: int
    """How many tasks are not final; the final ones come after them, also in `order`."""
    spared: frozenset[int]
    """The final ones and the teardowns: what runs also when the run is stopped."""
    fail_fast: bool = False
    late_after_seconds: int | None = None
    notices: tuple[audience.Notice, ...] = ()
    max_active_tasks_across_runs: int | None = None
    shares_limits: bool = False
    """Does any of its tasks keep to a limit that other runs keep to as well?"""


def compile_plan(dag_name: str, spec: DAGSpec) -> Plan:
    """The plan of a spec in which `validate` finds no problem."""
    declared = levels.tasks(spec)
    names = [task.name for task in declared]
    links = graph.link(names, [task.depends_on for task in declared])
    downstream = graph.reverse(links.upstream)
    order = graph.order(links.upstream, downstream)
    captures = spec.failure_logs.capture == LogCapture.ON_FAILURE
    index = MappingProxyType({name: index for index, name in enumerate(names)})
    tasks = teardowns.marked(_tasks(spec, declared, links.upstream), declared, index)
    return Plan(
        dag_name=dag_name,
        tasks=tasks,
        index=index,
        order=order,
        downstream=downstream,
        depth=graph.depth(links.upstream, order),
        timeout_seconds=spec.timeout_seconds,
        max_active_tasks=spec.max_active_tasks,
        concurrency_policy=spec.concurrency_policy,
        max_active_runs=spec.max_active_runs,
        depends_on_past=spec.depends_on_past,
        retention=spec.retention,
        captures_logs=captures,
        masks=masks.Masks(spec.failure_logs.mask_patterns),
        layers=podtemplate.Layers(spec.task_defaults, fallback_to_logs=captures),
        schedule=schedule.compile(spec.schedule) if spec.schedule else None,
        notices=audience.compiled(spec.notifications),
        body=len(spec.tasks),
        spared=teardowns.spared(tasks),
        fail_fast=spec.fail_fast,
        late_after_seconds=spec.late_after_seconds,
        max_active_tasks_across_runs=spec.max_active_tasks_across_runs,
        shares_limits=bool(spec.max_active_tasks_across_runs) or any(map(_shares_limits, tasks)),
    )


def _tasks(spec: DAGSpec, declared: Sequence[Task], upstream: graph.Edges) -> tuple[TaskPlan, ...]:
    common = spec.task_defaults
    retry = _Retries(common.retry if common else None)
    timeout = common.timeout_seconds if common else None
    pending = (common and common.pending_timeout_seconds) or defaults.PENDING_TIMEOUT_SECONDS
    priority = (common and common.priority) or defaults.PRIORITY
    idempotent = common.idempotent is not False if common else defaults.IDEMPOTENT
    return tuple(
        TaskPlan(
            index=index,
            name=task.name,
            upstream=upstream[index],
            rule=task.trigger_rule,
            retry=retry.over(task.retry),
            timeout_seconds=task.timeout_seconds or timeout,
            pending_timeout_seconds=task.pending_timeout_seconds or pending,
            priority=priority if task.priority is None else task.priority,
            idempotent=idempotent if task.idempotent is None else task.idempotent,
            approval=task.approval,
            template=task,
            final=index >= len(spec.tasks),
            is_teardown=bool(task.teardown_of),
            pool=task.pool or (common.pool if common else None),
            max_active_across_runs=task.max_active_across_runs
            or (common.max_active_across_runs if common else None),
        )
        for index, task in enumerate(declared)
    )


def _shares_limits(task: TaskPlan) -> bool:
    return task.pool is not None or task.max_active_across_runs is not None


class _Retries:
    """The retry policies of a DAG: field by field the task's, else the common, else the default."""

    __slots__ = ("_common", "_policy")

    def __init__(self, common: RetrySpec | None) -> None:
        self._common = _said(common)
        self._policy = RetryPolicy(**self._common)

    def over(self, own: RetrySpec | None) -> RetryPolicy:
        """The policy of a task that says this itself."""
        return RetryPolicy(**(self._common | _said(own))) if own else self._policy


def _said(policy: RetrySpec | None) -> dict[str, Any]:
    """What a policy says, by field."""
    if policy is None:
        return {}
    said = policy.model_fields_set  # an empty list that is written says something, too
    return {field: value for field, value in policy if value is not None and field in said}
