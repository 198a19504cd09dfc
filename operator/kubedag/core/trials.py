"""The Pods that the API server is asked about before a DAG is called ready.

Whether a podTemplate is valid only the API server can say, with its own version and its own
admission. Tasks that differ in what they run but not in what their Pods are share one question. A
variable that comes from elsewhere is part of what a Pod is, unless it is plain that it can be had.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from kubedag.core import levels, pods, podspec
from kubedag.core import plan as plans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubedag.api.task import TaskTemplate

_PLAIN: Final = frozenset(
    {
        "name",
        "description",
        "depends_on",
        "trigger_rule",
        "teardown_of",
        "command",
        "args",
        "script",
        "env",
        "retry",
        "idempotent",
        "timeout_seconds",
        "pending_timeout_seconds",
        "priority",
    }
)
"""The fields that do not change the shape of a task's Pod, but for whether there is a script."""

_KEY: Final = re.compile(r"(?!\.\.?$)[-._a-zA-Z0-9]{1,253}", re.ASCII)
_OBJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)

TRIALS_MAX: Final = 32
"""Of a DAG with more shapes of Pod than this, the first are asked about; a run tells the rest."""


class Trial(NamedTuple):
    """A Pod to ask about, and what says something about it: the task first that it speaks for."""

    key: str
    task_index: int
    manifest: dict[str, Any]
    levels: tuple[levels.Level, ...]


def trials(
    plan: plans.Plan, namespace: str, dag_uid: str, common: TaskTemplate | None = None
) -> tuple[Trial, ...]:
    """One Pod for each shape, in the order of the tasks; `common` is their `taskDefaults`."""
    below = () if common is None else (levels.defaults(common),)
    run = podspec.RunIdentity(
        name=f"{plan.dag_name}-trial"[:52].rstrip("-."),
        namespace=namespace,
        uid=dag_uid,
        revision="trial",
        run_type="Manual",
        logical_time="2000-01-01T00:00:00Z",
        interval_start=None,
        interval_end=None,
    )
    found: dict[str, Trial] = {}
    plain: set[bool] = set()
    for task in plan.tasks:
        if task.approval is not None:
            continue
        said = task.template.model_fields_set
        if said <= _PLAIN and not any(_odd(task.template.env)):
            scripted = "script" in said
            if scripted in plain:
                continue  # ten thousand alike must not cost ten thousand Pods
            plain.add(scripted)
        manifest = podspec.build(plan, task, run, 1)
        key = shape(manifest)
        if key not in found:
            own = levels.Level(levels.path_of(task.index, plan.body), task.template)
            found[key] = Trial(key, task.index, manifest, (own, *below))
        if len(found) >= TRIALS_MAX:
            break
    return tuple(found.values())


def shape(manifest: dict[str, Any]) -> str:
    """A digest of what the API server judges, without what differs from task to task."""
    spec = dict(manifest["spec"])
    spec["containers"] = [_judged(container) for container in spec["containers"]]
    metadata = manifest.get("metadata", {})
    judged = {
        "spec": spec,
        "annotations": sorted(metadata.get("annotations", {})),
        "labels": [
            item
            for item in sorted(metadata.get("labels", {}).items())
            if not item[0].startswith("kubedag.dev/")
        ],
    }
    return hashlib.sha256(msgspec.json.encode(judged)).hexdigest()[:16]


def _judged(container: dict[str, Any]) -> dict[str, Any]:
    if container.get("name") != pods.MAIN_CONTAINER:
        return container
    told = {key: value for key, value in container.items() if key not in ("command", "args")}
    return told | {"env": list(_odd(container.get("env", ())))}


def _odd(variables: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """The variables of which the API server has to say whether there can be such."""
    return (one for one in variables if "valueFrom" in one and not _is_plain(one["valueFrom"]))


def _is_plain(source: Any) -> bool:
    """Is it a key of a Secret or a ConfigMap, of a name that there can be?"""
    if not isinstance(source, dict) or len(source) != 1:
        return False
    ((kind, found),) = source.items()
    return (
        kind in ("secretKeyRef", "configMapKeyRef")
        and isinstance(found, dict)
        and found.keys() <= {"name", "key", "optional"}
        and isinstance(found.get("optional", False), bool)
        and _matches(_OBJECT_NAME, found.get("name"))
        and _matches(_KEY, found.get("key"))
    )


def _matches(pattern: re.Pattern[str], said: Any) -> bool:
    return isinstance(said, str) and pattern.fullmatch(said) is not None
