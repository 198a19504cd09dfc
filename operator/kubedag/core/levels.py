"""What can be wrong with one level of a spec on its own: with `taskDefaults`, or with one task.

The fields of a level are another spelling of the container `main` of its podTemplate, so the two
must not say different things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kubedag.api.problems import Problem
from kubedag.api.task import SCRIPT_LENGTH_MAX
from kubedag.core import podchecks, podtemplate, quantities
from kubedag.core.pods import MAIN_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubedag.api.dag import DAGSpec
    from kubedag.api.task import Task, TaskTemplate

_SPELT_TWICE: Final[Mapping[str, str]] = {
    "image": "image",
    "imagePullPolicy": "image_pull_policy",
    "command": "command",
    "args": "args",
    "workingDir": "working_dir",
}
_REPLACED_BY_SCRIPT: Final = ("command", "args")
_FOR_PROGRAMS: Final = ("command", "args", "workingDir")
_SOURCES: Final = ("configMapRef", "secretRef")


class Level(NamedTuple):
    """A part of a spec that says something about Pods, and where it is."""

    path: str
    template: TaskTemplate


def of(spec: DAGSpec) -> Iterator[Level]:
    """`taskDefaults`, if there are any, and every task."""
    if spec.task_defaults is not None:
        yield defaults(spec.task_defaults)
    for index, task in enumerate(tasks(spec)):
        yield Level(path_of(index, len(spec.tasks)), task)


def tasks(spec: DAGSpec) -> tuple[Task, ...]:
    """All tasks; those of `finally` come last."""
    return (*spec.tasks, *spec.finally_)


def path_of(index: int, body: int) -> str:
    """Where the task is that has this place among all, of which so many are not in `finally`."""
    return f"spec.tasks[{index}]" if index < body else f"spec.finally[{index - body}]"


def defaults(template: TaskTemplate) -> Level:
    """`taskDefaults` as a level."""
    return Level("spec.taskDefaults", template)


def problems(level: Level) -> Iterator[Problem]:
    """What is wrong with a level; one without any can be merged with others."""
    path, template = level
    yield from _image(f"{path}.image", template.image)
    if template.script is not None:
        yield from podchecks.no_nul(f"{path}.script.interpreter", template.script.interpreter)
        yield from _script(f"{path}.script.source", template.script.source)
    if template.resources is not None:
        yield from quantities.problems(f"{path}.resources", template.resources)
    for field in _FOR_PROGRAMS:
        yield from podchecks.no_nul(f"{path}.{field}", getattr(template, _SPELT_TWICE[field]))
    yield from _lists(path, template)
    if template.pod_template is not None:
        found = list(podchecks.problems(f"{path}.podTemplate", template.pod_template))
        yield from found or _spelt_twice(path, template, template.pod_template)


def _image(path: str, image: str | None) -> Iterator[Problem]:
    if image is not None and any(map(str.isspace, image)):
        yield Problem(path, "InvalidImage", "must not contain spaces")


def _script(path: str, source: str) -> Iterator[Problem]:
    """The types count characters, and annotations are counted in bytes."""
    if len(source.encode()) > SCRIPT_LENGTH_MAX:
        must = f"must be at most {SCRIPT_LENGTH_MAX // 1024} KiB long in UTF-8"
        yield Problem(path, "TooLarge", f"{must}; larger programs belong into the image")


def _lists(path: str, template: TaskTemplate) -> Iterator[Problem]:
    for index, variable in enumerate(template.env):
        yield from podchecks.variable_itself(f"{path}.env[{index}]", variable)
    for index, source in enumerate(template.env_from):
        if sum(key in source for key in _SOURCES) != 1:
            must = "must have either a configMapRef or a secretRef"
            yield Problem(f"{path}.envFrom[{index}]", "Contradiction", must)
    for index, mount in enumerate(template.volume_mounts):
        if mount["mountPath"] == podtemplate.SCRIPT_FOLDER:
            must = "must be another path: scripts appear at this one"
            yield Problem(f"{path}.volumeMounts[{index}].mountPath", "NotYours", must)


def _spelt_twice(
    path: str, template: TaskTemplate, pod_template: Mapping[str, Any]
) -> Iterator[Problem]:
    spec = pod_template.get("spec") or {}
    account, said = spec.get("serviceAccountName"), template.service_account_name
    if account and said and account != said:
        yield _twice(f"{path}.podTemplate.spec", "serviceAccountName")
    for index, container in enumerate(spec.get("containers") or ()):
        if container["name"] == MAIN_CONTAINER:
            place = f"{path}.podTemplate.spec.containers[{index}]"
            yield from _main_twice(place, template, container)


def _main_twice(
    path: str, template: TaskTemplate, container: Mapping[str, Any]
) -> Iterator[Problem]:
    for key, attribute in _SPELT_TWICE.items():
        said, said_again = getattr(template, attribute), container.get(key)
        if said and said_again and list(said) != list(said_again):
            yield _twice(path, key)
    for key in _REPLACED_BY_SCRIPT:
        if template.script is not None and container.get(key):
            must = "must not be set beside script: it is what runs instead"
            yield Problem(f"{path}.{key}", "Contradiction", must)


def _twice(path: str, key: str) -> Problem:
    must = f"must be left out or the same as the {key} beside podTemplate"
    return Problem(f"{path}.{key}", "Contradiction", must)
