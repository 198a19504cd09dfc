"""What is wrong with a Pod only once all that is said about it has been put together.

Each mistake is told where the user has to look: at the task if it says the offending part itself,
and at `taskDefaults` otherwise, where it is told once however many tasks inherit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubedag.api.hints import did_you_mean, nearest
from kubedag.api.problems import Problem
from kubedag.core import levels, podtemplate, quantities, retry_checks
from kubedag.core.pods import MAIN_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kubedag.api.dag import DAGSpec
    from kubedag.api.task import TaskTemplate

ANNOTATIONS_BYTES_MAX: Final = 256 * 1024
"""Of all annotations of an object: k8s.io/apimachinery/pkg/api/validation/objectmeta.go."""

Levels = tuple[levels.Level, ...]
"""The task and then what lies under it."""


def problems(spec: DAGSpec) -> Iterator[Problem]:
    """What is wrong with the merged Pods of a spec whose levels are each without problems.

    Tasks that say nothing but what they run differ in nothing that is checked here but the image,
    so that one of them stands for all.
    """
    layers = podtemplate.Layers(spec.task_defaults)
    below = (levels.defaults(spec.task_defaults),) if spec.task_defaults is not None else ()
    plain_image: bool | None = None
    for index, task in enumerate(levels.tasks(spec)):
        path = levels.path_of(index, len(spec.tasks))
        if task.approval is not None:
            continue  # it has no Pod
        if _is_plain(task) and plain_image is not None:
            if not (plain_image or task.image):
                yield _no_image(path)
            continue
        template = layers.under(task)
        if _is_plain(task):
            plain_image = _inherits_image(below)
        if not _main(template).get("image"):
            yield _no_image(path)
        found = (levels.Level(path, task), *below)
        for check in CHECKS:
            yield from check(found, template)


def _is_plain(task: TaskTemplate) -> bool:
    if task.retry is not None and (task.retry.memory_factor or task.retry.memory_max):
        return False
    return not (task.pod_template or task.volume_mounts or task.resources or task.script)


def _inherits_image(below: Levels) -> bool:
    for _, template in below:
        spelt = podtemplate.main_container(template.pod_template or {})
        if template.image or spelt.get("image"):
            return True
    return False


def _no_image(path: str) -> Problem:
    must = "must be set here, in taskDefaults or for the container main of a podTemplate"
    return Problem(f"{path}.image", "NoImage", must)


def _main(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return podtemplate.main_container(template)


# --- Checks -----------------------------------------------------------------------------------


def _unique_names(found: Levels, template: Mapping[str, Any]) -> Iterator[Problem]:
    """Containers and init containers share their names."""
    names = {container["name"] for container in template["spec"]["containers"]}
    for container in template["spec"].get("initContainers") or ():
        if container["name"] in names:
            path = _container_path(found, container["name"], "initContainers")
            must = f"must be unique among all containers; {container['name']!r} is one already"
            yield Problem(f"{path}.name", "Duplicate", must)


def _known_volumes(found: Levels, template: Mapping[str, Any]) -> Iterator[Problem]:
    spec = template["spec"]
    known = {volume["name"] for volume in spec.get("volumes") or ()}
    for kind, container in _containers(spec):
        for mount in container.get("volumeMounts") or ():
            name = mount.get("name")
            if not isinstance(name, str) or name not in known:
                path = _mount_path(found, kind, container["name"], mount["mountPath"])
                hint = did_you_mean(nearest(str(name), known))
                must = f"must name a volume of the podTemplate; {name!r} is none{hint}"
                yield Problem(f"{path}.name", "UnknownVolume", must)


def _within_limits(found: Levels, template: Mapping[str, Any]) -> Iterator[Problem]:
    for kind, container in _containers(template["spec"]):
        for name in quantities.excessive(container.get("resources") or {}):
            path = _resources_path(found, kind, container["name"])
            limit = container["resources"]["limits"][name]
            must = f"must be at most the limit, which is {limit}"
            yield Problem(f"{path}.requests[{name}]", "AboveLimit", must)


def _annotations_fit(found: Levels, template: Mapping[str, Any]) -> Iterator[Problem]:
    annotations = template["metadata"].get("annotations") or {}
    size = sum(
        len(key.encode()) + len((value or "").encode()) for key, value in annotations.items()
    )
    if size > ANNOTATIONS_BYTES_MAX:
        must = f"must have at most {ANNOTATIONS_BYTES_MAX // 1024} KiB of annotations and script"
        yield Problem(f"{found[0].path}.podTemplate.metadata.annotations", "TooLarge", must)


CHECKS: Final[tuple[Callable[[Levels, Mapping[str, Any]], Iterator[Problem]], ...]] = (
    _unique_names,
    _known_volumes,
    _within_limits,
    _annotations_fit,
    retry_checks.of_memory,
)


# --- Places -----------------------------------------------------------------------------------


def _containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            yield kind, container


def _said(level: levels.Level, kind: str) -> Sequence[Mapping[str, Any]]:
    template = level.template.pod_template or {}
    return (template.get("spec") or {}).get(kind) or ()


def _container_path(found: Levels, name: str, kind: str) -> str:
    for level in found:
        for index, container in enumerate(_said(level, kind)):
            if container["name"] == name:
                return f"{level.path}.podTemplate.spec.{kind}[{index}]"
    return found[0].path


def _mount_path(found: Levels, kind: str, name: str, mount_path: str) -> str:
    for level in found:
        own = level.template.volume_mounts if name == MAIN_CONTAINER else ()
        for index, mount in enumerate(own):
            if mount["mountPath"] == mount_path:
                return f"{level.path}.volumeMounts[{index}]"
        for position, container in enumerate(_said(level, kind)):
            for index, mount in enumerate(container.get("volumeMounts") or ()):
                if (container["name"], mount["mountPath"]) == (name, mount_path):
                    place = f"{level.path}.podTemplate.spec.{kind}[{position}]"
                    return f"{place}.volumeMounts[{index}]"
    return found[0].path


def _resources_path(found: Levels, kind: str, name: str) -> str:
    for level in found:
        if name == MAIN_CONTAINER and level.template.resources:
            return f"{level.path}.resources"
        for index, container in enumerate(_said(level, kind)):
            if container["name"] == name and container.get("resources"):
                return f"{level.path}.podTemplate.spec.{kind}[{index}].resources"
    return found[0].path
