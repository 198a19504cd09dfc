"""From what a DAG and a task say about a Pod to one PodTemplateSpec, as Kubernetes would merge them.

There is one mechanism. The fields of a task (`image`, `env`, …) are another spelling of the
container `main` of its podTemplate, and lie over it; the whole of a task then lies over the whole
of `taskDefaults`. Each layer lies over the one below like a strategic merge patch:

* objects are merged key by key, and null takes a key away;
* lists with a key (MERGE_KEYS) keep their order; an item replaces the one with the same key, except
  that containers are merged, and what is new comes after what was there;
* `envFrom` has no key and is added to; every other list and every scalar is replaced.

What the container runs is one thing: a task with a command or a script of its own, in either
spelling, takes neither command nor args nor script from the defaults.

Values are shared with the input, so nothing here may be changed after it was built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubedag.core.pods import MAIN_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubedag.api.task import Script, TaskTemplate

SCRIPT_ANNOTATION: Final = "kubedag.dev/script"
SCRIPT_VOLUME: Final = "kubedag-script"
SCRIPT_FOLDER: Final = "/kubedag/script"
SCRIPT_PATH: Final = f"{SCRIPT_FOLDER}/source"

MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "claims": ("name",),
}
"""The lists of a PodSpec that merge, and by what: k8s.io/api/core/v1, `listMapKey`."""

_MERGED_WITHIN: Final = frozenset({"containers", "initContainers"})
_ADDED_TO: Final = "envFrom"


def _foundation(message_policy: str) -> dict[str, Any]:
    """What holds where nobody says otherwise. `main` comes first, where kubectl looks for it."""
    return {
        "metadata": {},
        "spec": {
            "restartPolicy": "Never",
            "enableServiceLinks": False,
            "containers": [{"name": MAIN_CONTAINER, "terminationMessagePolicy": message_policy}],
        },
    }


_SCRIPT_VOLUME: Final = {
    "name": SCRIPT_VOLUME,
    "downwardAPI": {
        "items": [
            {
                "path": "source",
                "fieldRef": {"fieldPath": f"metadata.annotations['{SCRIPT_ANNOTATION}']"},
            }
        ]
    },
}
_SCRIPT_MOUNT: Final = {"name": SCRIPT_VOLUME, "mountPath": SCRIPT_FOLDER, "readOnly": True}

_PROGRAM: Final = {"command": (), "args": (), "script": None}


class Layers:
    """What lies under every task of a DAG: the foundation, and `taskDefaults` over it."""

    __slots__ = ("_message_policy", "_with_program", "_without_program")

    def __init__(self, defaults: TaskTemplate | None, *, fallback_to_logs: bool = True) -> None:
        self._message_policy = "FallbackToLogsOnError" if fallback_to_logs else "File"
        base = _foundation(self._message_policy)
        self._with_program = self._without_program = base
        if defaults is not None:
            self._with_program = lay(base, defaults)
            self._without_program = lay(base, _without_program(defaults))

    def under(self, task: TaskTemplate) -> dict[str, Any]:
        """The PodTemplateSpec of the task, all layers merged."""
        base = self._without_program if _has_program(task) else self._with_program
        return _finish(lay(base, task), self._message_policy)


def lay(base: Mapping[str, Any], level: TaskTemplate) -> dict[str, Any]:
    """The base with what a level says over it: first its podTemplate, then its own fields."""
    template = level.pod_template
    if template is not None:
        base = merge(base, template)
    return merge(base, _spelled_out(level))


def main_container(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container `main` of a podTemplate, empty if it says nothing about it."""
    for container in (template.get("spec") or {}).get("containers") or ():
        if container.get("name") == MAIN_CONTAINER:
            found: Mapping[str, Any] = container
            return found
    return {}


def _has_program(level: TaskTemplate) -> bool:
    if level.command or level.script is not None:
        return True
    return level.pod_template is not None and "command" in main_container(level.pod_template)


def _without_program(level: TaskTemplate) -> TaskTemplate:
    changes: dict[str, Any] = dict(_PROGRAM)
    if level.pod_template is not None:
        nothing = {"name": MAIN_CONTAINER, "command": None, "args": None}
        changes["pod_template"] = merge(level.pod_template, {"spec": {"containers": [nothing]}})
    return level.model_copy(update=changes)


def _spelled_out(level: TaskTemplate) -> dict[str, Any]:
    """The fields of a level as a PodTemplateSpec that says only what they say."""
    main: dict[str, Any] = {
        "name": MAIN_CONTAINER,
        "image": level.image,
        "imagePullPolicy": level.image_pull_policy,
        "command": level.command,
        "args": level.args,
        "workingDir": level.working_dir,
        "env": level.env,
        "envFrom": level.env_from,
        "resources": level.resources,
        "volumeMounts": level.volume_mounts,
    }
    main = {key: value for key, value in main.items() if value}
    spec: dict[str, Any] = {"containers": (main,)}
    if level.service_account_name is not None:
        spec["serviceAccountName"] = level.service_account_name
    if level.script is None:
        return {"spec": spec}
    return _with_script(level.script, main, spec)


def _with_script(script: Script, main: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """The script travels in an annotation and arrives as a file: no ConfigMap, no helper."""
    main["command"] = [*script.interpreter, SCRIPT_PATH]
    main["volumeMounts"] = [*main.get("volumeMounts", ()), _SCRIPT_MOUNT]
    spec["volumes"] = (_SCRIPT_VOLUME,)
    return {"metadata": {"annotations": {SCRIPT_ANNOTATION: script.source}}, "spec": spec}


def _finish(template: dict[str, Any], message_policy: str) -> dict[str, Any]:
    """Add what depends on the whole: a token only for a named account, and why containers end."""
    spec = template["spec"]
    if "serviceAccountName" not in spec:
        spec.setdefault("automountServiceAccountToken", False)
    for key in ("initContainers", "containers"):
        containers = spec.get(key, ())
        if len(containers) > (key == "containers"):
            spec[key] = [
                {"terminationMessagePolicy": message_policy, **container}
                for container in containers
            ]
    return template


def merge(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A strategic merge of two objects of a PodTemplateSpec, neither of which is changed."""
    result = dict(base)
    pending = [(result, patch)]
    while pending:
        target, changes = pending.pop()
        for key, value in changes.items():
            old = target.get(key)
            if value is None:
                target.pop(key, None)
            elif isinstance(old, dict) and isinstance(value, dict):
                target[key] = inner = dict(old)
                pending.append((inner, value))
            elif isinstance(old, (list, tuple)) and isinstance(value, (list, tuple)):
                target[key], inside = _merge_lists(key, old, value)
                pending.extend(inside)
            else:
                target[key] = value
    return result


def _merge_lists(
    name: str, old: Sequence[Any], new: Sequence[Any]
) -> tuple[Sequence[Any], Iterable[tuple[dict[str, Any], Mapping[str, Any]]]]:
    """The merged list, and the pairs of its items that have still to be merged themselves."""
    if name == _ADDED_TO:
        return [*old, *(item for item in new if item not in old)], ()
    keys = MERGE_KEYS.get(name)
    if keys is None:
        return new, ()
    merged = {tuple(map(item.get, keys)): item for item in old}
    inside = []
    for item in new:
        identity = tuple(map(item.get, keys))
        if name in _MERGED_WITHIN and identity in merged:
            merged[identity] = copy = dict(merged[identity])
            inside.append((copy, item))
        else:
            merged[identity] = item
    return list(merged.values()), inside
