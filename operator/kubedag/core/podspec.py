"""The Pod of one attempt: what the task asks for, and by what the Pod can be found again.

Everything that tells one attempt from another is in the metadata and in the environment; the rest
is the same for all attempts of a task (`podtemplate`). Nothing is added that would run beside the
task: no init container, no sidecar, no Secret, no ConfigMap.

Merging takes some 10 µs, a hundredth of what creating the Pod costs, so nothing is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kubedag.api.group import API_VERSION, DAG_RUN
from kubedag.core import instants, naming, podretry, pods

if TYPE_CHECKING:
    from kubedag.core.plan import Plan, TaskPlan

ENV_PREFIX: Final = "KUBEDAG_"
PARAM_PREFIX: Final = "PARAM_"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What a Pod needs to know of its run. Times are RFC 3339 in UTC."""

    name: str
    namespace: str
    uid: str
    revision: str
    run_type: str
    logical_time: str
    interval_start: str | None = None
    interval_end: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    rerun: int = 0
    """How often it has run again."""
    state: str = ""
    """What has become of the run so far, for tasks that run at its end."""


def build(
    plan: Plan,
    task: TaskPlan,
    run: RunIdentity,
    attempt: int,
    map_index: int | None = None,
    amendment: podretry.Amendment | None = None,
) -> dict[str, Any]:
    """The manifest of the Pod. It shares parts with the plan, so encode it and change nothing."""
    template = plan.layers.under(task.template)
    metadata, spec = template["metadata"], template["spec"]
    env = _environment(plan, task, run, attempt, map_index)
    for key in ("initContainers", "containers"):
        if key in spec:
            spec[key] = [
                {**container, "env": [*env, *(container.get("env") or ())]}
                for container in spec[key]
            ]
    if amendment is not None:
        podretry.amend(spec, task.retry, amendment)
    ours = telling_labels(run) | labels_of(plan, task, run, attempt, map_index)
    labels = metadata.get("labels", {}) | ours
    if run.rerun:
        labels[pods.LABEL_RERUN] = str(run.rerun)
    found: dict[str, Any] = {
        "name": naming.pod_name(run.name, run.uid, task.name, map_index, attempt),
        "namespace": run.namespace,
        "labels": labels,
        "ownerReferences": [owner(run)],
    }
    if not task.idempotent:
        found["finalizers"] = [pods.FINALIZER]
    found["annotations"] = metadata.get("annotations", {}) | _annotations(run)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": found, "spec": spec}


def labels_of(
    plan: Plan, task: TaskPlan, run: RunIdentity, attempt: int, map_index: int | None = None
) -> dict[str, str]:
    """By what the Pod is found again, by kubedag and by people with `kubectl -l`."""
    labels = {
        pods.LABEL_MANAGED_BY: pods.MANAGED_BY,
        pods.LABEL_DAG: plan.dag_name,
        pods.LABEL_RUN: naming.label_value(run.name),
        pods.LABEL_RUN_UID: run.uid,
        pods.LABEL_TASK: task.name,
        pods.LABEL_ATTEMPT: str(attempt),
        pods.LABEL_REVISION: run.revision,
    }
    if map_index is not None:
        labels[pods.LABEL_MAP_INDEX] = str(map_index)
    if task.pool is not None:
        labels[pods.LABEL_POOL] = task.pool.name
        labels[pods.LABEL_POOL_SLOTS] = str(task.pool.slots or 1)
        if task.pool.namespace not in (None, run.namespace):
            labels[pods.LABEL_POOL_NAMESPACE] = str(task.pool.namespace)
    return labels


def telling_labels(run: RunIdentity) -> dict[str, str]:
    """What `kubectl -l` can ask for, and no Pod is found by."""
    labels = {pods.LABEL_RUN_TYPE: run.run_type}
    if logical_time := _label_time(run.logical_time):
        labels[pods.LABEL_LOGICAL_TIME] = logical_time
    return labels


@lru_cache(maxsize=4096)
def _label_time(stamp: str) -> str:
    """The instant as a label may have it; empty for one that no calendar has."""
    try:
        return instants.compact(instants.parse(stamp))
    except (ValueError, OverflowError):
        return ""


def _annotations(run: RunIdentity) -> dict[str, str]:
    """For people and their tools, in the form that the labels cannot have."""
    told = {pods.ANNOTATION_LOGICAL_TIME: run.logical_time}
    if run.interval_start is not None and run.interval_end is not None:
        told[pods.ANNOTATION_INTERVAL_START] = run.interval_start
        told[pods.ANNOTATION_INTERVAL_END] = run.interval_end
    return told


def _environment(
    plan: Plan, task: TaskPlan, run: RunIdentity, attempt: int, map_index: int | None
) -> list[dict[str, str]]:
    """Before the user's own variables, which can then refer to these: `$(KUBEDAG_RUN)`."""
    said = {
        "NAMESPACE": run.namespace,
        "DAG": plan.dag_name,
        "RUN": run.name,
        "RUN_TYPE": run.run_type,
        "TASK": task.name,
        "ATTEMPT": str(attempt),
        "LOGICAL_TIME": run.logical_time,
    }
    if map_index is not None:
        said["MAP_INDEX"] = str(map_index)
    if run.state:
        said["RUN_STATE"] = run.state
    if run.interval_start is not None and run.interval_end is not None:
        said["DATA_INTERVAL_START"] = run.interval_start
        said["DATA_INTERVAL_END"] = run.interval_end
    said.update((PARAM_PREFIX + name.upper(), value) for name, value in run.params)
    return [{"name": ENV_PREFIX + name, "value": value} for name, value in said.items()]


def owner(run: RunIdentity) -> dict[str, Any]:
    """The run, with which the Pod is deleted; blocking that would only delay it."""
    return {
        "apiVersion": API_VERSION,
        "kind": DAG_RUN.kind,
        "name": run.name,
        "uid": run.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
