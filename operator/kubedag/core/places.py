"""Finds where in a DAG the part of a Pod was said that the API server does not like.

The API server knows Pods: `spec.containers[0].env[9].name`. Who wrote the DAG knows the second
variable of a task, or of `taskDefaults`. What nobody said, kubedag added, and it has no place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kubedag.api import parse
from kubedag.core import podtemplate
from kubedag.core.pods import MAIN_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedag.core.levels import Level

Step = str | int


class Cause(NamedTuple):
    """A field of the Pod, empty if none is named, and what is wrong with it."""

    field: str
    message: str


_STEP: Final = re.compile(r"\[(\d+)\]|\[([^\]]*)\]|([^.\[\]]+)")
_UNKNOWN_FIELD: Final = re.compile(r'unknown field "([^"]+)"')
_WRONG_TYPE: Final = re.compile(r"Go struct field \w+\.([\w.]+) of type")

_SPELT_OUTSIDE: Final[Mapping[str, str]] = {
    "image": "image",
    "imagePullPolicy": "image_pull_policy",
    "command": "command",
    "args": "args",
    "workingDir": "working_dir",
    "env": "env",
    "envFrom": "env_from",
    "resources": "resources",
    "volumeMounts": "volume_mounts",
}
"""The fields of the container `main` that a task has, too."""

_LEAST: Final = 2
"""That a level has a podTemplate with a spec says nothing about a field of it."""


def causes_in(message: str) -> tuple[Cause, ...]:
    """The fields that a message names: those of a Pod that could not even be read have no causes."""
    fields = [*_UNKNOWN_FIELD.findall(message), *_WRONG_TYPE.findall(message)]
    return tuple(Cause(field, message) for field in fields)


def said_at(levels: Sequence[Level], pod: Mapping[str, Any], field: str) -> str | None:
    """The path of what was said of this field, the task's own before that of `taskDefaults`."""
    steps = _steps(field)
    best: tuple[int, str] | None = None
    for level in levels:
        for found in (_outside(level, pod, steps), _in_template(level, pod, steps)):
            if found is not None and (best is None or found[0] > best[0]):
                best = found
    return best[1] if best is not None else None


def _steps(field: str) -> list[Step]:
    return [int(index) if index else (key or name) for index, key, name in _STEP.findall(field)]


def _outside(level: Level, pod: Mapping[str, Any], steps: list[Step]) -> tuple[int, str] | None:
    """A field of the container `main` that the task spells without a podTemplate."""
    template = level.template
    if steps[:2] == ["spec", "serviceAccountName"]:
        said = template.service_account_name is not None
        return (2, f"{level.path}.serviceAccountName") if said else None
    match steps:
        case ["spec", "containers", int(index), str(key), *rest] if key in _SPELT_OUTSIDE:
            containers = pod["spec"]["containers"]
            value = getattr(template, _SPELT_OUTSIDE[key])
            if not value or index >= len(containers):
                return None
            if containers[index].get("name") != MAIN_CONTAINER:
                return None
            return _walk(f"{level.path}.{key}", key, value, containers[index].get(key), rest, 4)
    return None


def _in_template(
    level: Level, pod: Mapping[str, Any], steps: list[Step]
) -> tuple[int, str] | None:
    template = level.template.pod_template
    if template is None:
        return None
    found = _walk(f"{level.path}.podTemplate", "", template, pod, steps, 0)
    return found if found is not None and found[0] >= _LEAST else None


def _walk(
    path: str, name: str, said: Any, built: Any, steps: Sequence[Step], depth: int
) -> tuple[int, str] | None:
    """As far as the steps lead in what was said; items of lists are found by their keys."""
    for step in steps:
        if isinstance(step, int):
            inside = (
                built[step] if isinstance(built, (list, tuple)) and step < len(built) else None
            )
            index = _index(name, said, inside, step)
            if index is None:
                return None
            path, said, built = parse.path((index,), path), said[index], inside
        else:
            if not isinstance(said, dict):
                return depth, path
            if step not in said:  # which may be what is wrong
                return depth, parse.path((step,), path)
            path, said = parse.path((step,), path), said[step]
            built = built.get(step) if isinstance(built, dict) else None
            name = step
        depth += 1
    return depth, path


def _index(name: str, said: Any, inside: Any, step: int) -> int | None:
    if not isinstance(said, (list, tuple)):
        return None
    keys = podtemplate.MERGE_KEYS.get(name)
    if keys is None or not isinstance(inside, dict):
        return step if step < len(said) else None
    wanted = [inside.get(key) for key in keys]
    for index, item in enumerate(said):
        if isinstance(item, dict) and [item.get(key) for key in keys] == wanted:
            return index
    return None
