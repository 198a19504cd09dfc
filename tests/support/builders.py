"""What decisions are made from, with only that said which a test is about.

All times are seconds after `START`, the moment at which the run of these tests was created.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kubedag.api import dag as api
from kubedag.api import parse
from kubedag.core import (
    decide_dag,
    history,
    instants,
    naming,
    plan,
    pods,
    rows,
    snapshot,
)
from support.objects import a_task

START = datetime(2026, 1, 1, tzinfo=UTC)
RUN, RUN_UID, DAG, NAMESPACE, REVISION = "run", "uid-run", "pipeline", "ns", "pipeline-rev"
PROGRAM_FAILED = {"phase": "Failed", "exit_code": 1, "finished": 10}
"""What says of a Pod that its program ended with 1, ten seconds after `START`."""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    return instants.text(at(seconds))


def a_spec(*tasks: dict[str, Any], **fields: Any) -> api.DAGSpec:
    """A spec of these tasks; without any, of one."""
    raw = {"taskDefaults": {"image": "busybox"}, "tasks": list(tasks) or [a_task()], **fields}
    found = parse.parse(api.DAGSpec, raw)
    assert isinstance(found, api.DAGSpec), [str(problem) for problem in found]
    return found


def a_plan(*tasks: dict[str, Any], **fields: Any) -> plan.Plan:
    spec = a_spec(*tasks, **fields)
    assert plan.validate(spec) == ()
    return plan.compile_plan(DAG, spec)


def a_chain(*names: str, **fields: Any) -> plan.Plan:
    """Each task waits for the one before it."""
    tasks = [
        a_task(name, dependsOn=list(names[index - 1 : index])) for index, name in enumerate(names)
    ]
    return a_plan(*tasks, **fields)


def ended(
    code: int = 0, reason: str = "", message: str = "", started: int = 2, finished: int = 10
) -> pods.ContainerState:
    return pods.ContainerState(
        terminated=pods.Terminated(
            exit_code=code,
            reason=reason,
            message=message,
            started_at=stamp(started),
            finished_at=stamp(finished),
        )
    )


def running(started: int = 2) -> pods.ContainerState:
    return pods.ContainerState(running=pods.Running(stamp(started)))


def waiting(reason: str, message: str = "") -> pods.ContainerState:
    return pods.ContainerState(waiting=pods.Waiting(reason, message))


def a_container(name: str, state: pods.ContainerState) -> pods.ContainerStatus:
    return pods.ContainerStatus(name, state=state)


def a_condition(
    type_: str, status: str = "True", reason: str = "", message: str = "", when: int = 1
) -> pods.PodCondition:
    return pods.PodCondition(type_, status, reason, message, stamp(when))


def state_of_main(
    phase: str, exit_code: int | None, started: int, finished: int
) -> pods.ContainerState | None:
    """The state of a task's container in a Pod of which no more is said than this."""
    if exit_code is not None:
        return ended(exit_code, started=started, finished=finished)
    if phase == "Running":
        return running(started)
    return ended(0, started=started, finished=finished) if phase == "Succeeded" else None


def a_pod(
    task: str = "a",
    attempt: int = 1,
    phase: str = "Pending",
    *,
    exit_code: int | None = None,
    main: pods.ContainerState | None = None,
    sidecars: tuple[pods.ContainerStatus, ...] = (),
    init: tuple[pods.ContainerStatus, ...] = (),
    conditions: tuple[pods.PodCondition, ...] = (),
    reason: str = "",
    message: str = "",
    created: int = 0,
    started: int = 2,
    finished: int = 10,
    deleted: int | None = None,
    grace: int | None = None,
    gone: bool = False,
    node: str = "",
    uid: str = "",
    run: str = RUN,
    run_uid: str = RUN_UID,
) -> pods.Pod:
    """The Pod of an attempt; `main` is the state of its task's container."""
    name = naming.pod_name(run, run_uid, task, None, attempt)
    if main is None:
        main = state_of_main(phase, exit_code, started, finished)
    containers = ((a_container("main", main),) if main else ()) + sidecars
    metadata = pods.Metadata(
        name=name,
        namespace=NAMESPACE,
        uid=uid or f"uid-{name}",
        resource_version="1",
        creation_timestamp=stamp(created),
        deletion_timestamp=None if deleted is None else stamp(deleted),
        deletion_grace_period_seconds=grace,
        labels=labels(task, attempt, run_uid, run),
        owner_references=(pods.OwnerReference(run_uid, "DAGRun", run, controller=True),),
    )
    status = pods.PodStatus(
        phase=phase,
        reason=reason,
        message=message,
        conditions=conditions,
        init_container_statuses=init,
        container_statuses=containers,
    )
    return pods.Pod(metadata, pods.PodSpec(node), status, gone)


def labels(task: str, attempt: int, run_uid: str = RUN_UID, run: str = RUN) -> dict[str, str]:
    return {
        pods.LABEL_MANAGED_BY: pods.MANAGED_BY,
        pods.LABEL_DAG: DAG,
        pods.LABEL_RUN: run,
        pods.LABEL_RUN_UID: run_uid,
        pods.LABEL_TASK: task,
        pods.LABEL_ATTEMPT: str(attempt),
        pods.LABEL_REVISION: REVISION,
    }


def run_facts(name: str = RUN, **fields: Any) -> snapshot.RunFacts:
    plain: dict[str, Any] = {"uid": f"uid-{name}", "created": stamp(0)}
    return snapshot.RunFacts(name=name, namespace=NAMESPACE, dag_name=DAG, **(plain | fields))


def a_snapshot(
    of: plan.Plan | None = None,
    *seen: pods.Pod,
    status: rows.RunStatus | None = None,
    suspend: bool = False,
    deleting: bool = False,
    **fields: Any,
) -> snapshot.RunSnapshot:
    """The snapshot of a run of this plan, and of its Pods; those that are gone are known to be."""
    by_task: dict[str, tuple[pods.Pod, ...]] = {}
    for pod in sorted(seen, key=pods.attempt_number):
        task = pod.label(pods.LABEL_TASK)
        by_task[task] = (*by_task.get(task, ()), pod)
    plain: dict[str, Any] = {
        "run": run_facts(suspend=suspend, deleting=deleting),
        "status": status or rows.RunStatus(),
        "dag": snapshot.DAGFacts(generation=1, ready=True, revision=REVISION),
        "plan": of,
        "plan_revision": REVISION if of is not None else "",
        "plan_generation": 1 if of is not None else 0,
        "pods": by_task,
        "gone": frozenset(pod.metadata.uid for pod in seen if pod.gone),
        "held": tuple(pod for pod in seen if pods.is_held(pod)),
    }
    return snapshot.RunSnapshot(**(plain | fields))


def an_attempt(number: int = 1, state: str = "Running", **fields: Any) -> rows.Attempt:
    """As it is recorded of the Pod that `a_pod` makes."""
    plain: dict[str, Any] = {
        "pod_name": naming.pod_name(RUN, RUN_UID, fields.pop("task", "a"), None, number),
        "create_time": stamp(0),
    }
    return rows.Attempt(number=number, state=state, **(plain | fields))


def a_row(name: str = "a", state: str = "Waiting", **fields: Any) -> rows.TaskRow:
    return rows.TaskRow(name, state, **fields)


def a_status(*tasks: rows.TaskRow, started: int = 0, **fields: Any) -> rows.RunStatus:
    """Of a run that has started."""
    return rows.RunStatus(
        revision=REVISION, start_time=stamp(started), tasks=tuple(tasks), **fields
    )


def a_finished_status(
    *tasks: rows.TaskRow, succeeded: bool = True, completed: int = 100, reason: str = ""
) -> rows.RunStatus:
    said = reason or ("Succeeded" if succeeded else "Failed")
    truth = rows.TRUE if succeeded else rows.FALSE
    conditions = (
        rows.Condition(rows.SUCCEEDED_CONDITION, truth, said, "m", stamp(completed), 1),
        rows.Condition(rows.FINISHED, rows.TRUE, said, "m", stamp(completed), 1),
    )
    return a_status(*tasks, conditions=conditions, completion_time=stamp(completed))


def a_summary(name: str, completed: int | None = None, **fields: Any) -> history.RunSummary:
    """A run as its DAG sees it; one that was completed has succeeded."""
    plain: dict[str, Any] = {
        "uid": f"uid-{name}",
        "order": (stamp(0), stamp(0), name),
        "started": True,
        "revision": REVISION,
    }
    if completed is not None:
        plain |= {
            "finished": True,
            "succeeded": True,
            "state": "Succeeded",
            "completion_time": stamp(completed),
        }
    return history.RunSummary(name=name, **(plain | fields))


def a_history(*runs: history.RunSummary) -> history.History:
    """Those of the runs that have ended."""
    ended = history.History()
    for run in runs:
        if run.finished:
            ended.put(run)
    return ended


def a_definition(of: plan.Plan | None = None, **fields: Any) -> decide_dag.Definition:
    """A DAG of this plan; without one, there must be problems."""
    plain: dict[str, Any] = {
        "uid": "uid-dag",
        "generation": 1,
        "suspend": False,
        "retention": of.retention if of is not None else api.Retention(),
        "task_count": len(of.tasks) if of is not None else 0,
        "revision": REVISION if of is not None else "",
        "plan": of,
    }
    return decide_dag.Definition(**(plain | fields))


def encoded(pod: pods.Pod) -> bytes:
    """As the API server says it."""
    return msgspec.json.encode(pod)


def as_stored(
    document: dict[str, Any],
    version: int = 1,
    *,
    uid: str = "",
    generation: int = 1,
    status: rows.RunStatus | rows.DAGStatus | None = None,
    deleting: bool = False,
) -> dict[str, Any]:
    """What a user wrote, as the API has it."""
    name = document["metadata"]["name"]
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "generation": generation,
        "creationTimestamp": stamp(0),
    }
    if deleting:
        metadata["deletionTimestamp"] = stamp(1)
    found = document | {"metadata": metadata}
    if status is not None:
        found["status"] = msgspec.json.decode(msgspec.json.encode(status))
    return found


def a_ready_status(generation: int = 1) -> rows.DAGStatus:
    condition = rows.Condition("Ready", "True", "Accepted", "1 task", stamp(0), generation)
    return rows.DAGStatus(conditions=(condition,), observed_generation=generation)
