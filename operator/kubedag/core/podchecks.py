"""What can be wrong with a podTemplate that no cluster is needed to know.

Two kinds of mistakes are found here: shapes that could not be merged with the fields of a task, and
settings that would take from kubedag what it promises, such as one Pod for each attempt. Everything
else the API server judges, with its own version, when it is asked to try the Pod.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kubedag.api.common import LABEL_LENGTH_MAX
from kubedag.api.group import GROUP
from kubedag.api.kube import RESERVED_ENV_PREFIX
from kubedag.api.problems import Problem
from kubedag.core import podtemplate, quantities
from kubedag.core.pods import LABEL_MANAGED_BY, MAIN_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", re.ASCII)
_QUALIFIED: Final = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)

_METADATA: Final = ("labels", "annotations")
_METADATA_IS_OURS: Final[Mapping[str, str]] = {
    "name": "kubedag names the Pods",
    "generateName": "kubedag names the Pods, so that none is created twice",
    "namespace": "a Pod lives in the namespace of its run",
    "ownerReferences": "a Pod belongs to its run",
    "finalizers": "a Pod with a finalizer would outlive its run",
}

_SPEC_IS_OURS: Final[Mapping[str, str]] = {
    "activeDeadlineSeconds": "use the task's timeoutSeconds",
    "ephemeralContainers": "they can only be added to a Pod that runs",
}

_LISTS_OF_OBJECTS: Final = (
    "initContainers",
    "containers",
    "volumes",
    "imagePullSecrets",
    "resourceClaims",
    "schedulingGates",
    "hostAliases",
    "topologySpreadConstraints",
    "tolerations",
    "readinessGates",
)
_OBJECTS: Final = ("securityContext", "affinity", "nodeSelector", "dnsConfig", "os", "overhead")
_CONTAINER_LISTS_OF_OBJECTS: Final = ("env", "envFrom", "ports", "volumeMounts", "volumeDevices")
_CONTAINER_LISTS_OF_STRINGS: Final = ("command", "args")
_CONTAINER_STRINGS: Final = ("image", "imagePullPolicy", "workingDir")
_CONTAINER_OBJECTS: Final = ("resources", "securityContext", "lifecycle")

_ENV_NAME: Final = re.compile("[ -<>-~]*", re.ASCII)
"""As since Kubernetes 1.34; an older one says itself what else it does not take."""

LIST_LENGTH_MAX: Final = 500
"""No Pod comes near it, and what is done with a list may take the square of its length."""

_OPTIONAL_KEYS: Final = frozenset({"protocol"})
_NUMBERS: Final = frozenset({"containerPort"})


def problems(path: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a podTemplate on its own; one without any can be merged."""
    yield from _metadata(f"{path}.metadata", template.get("metadata") or {})
    yield from _spec(f"{path}.spec", template.get("spec") or {})


# --- Metadata ---------------------------------------------------------------------------------


def _metadata(path: str, metadata: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in metadata.items():
        if key not in _METADATA and value is not None:
            why = _METADATA_IS_OURS.get(key, "only labels and annotations are taken over")
            yield Problem(f"{path}.{key}", "NotYours", f"must not be set: {why}")
    for part in _METADATA:
        pairs = metadata.get(part)
        if pairs is None:
            continue
        if not isinstance(pairs, dict):
            yield Problem(f"{path}.{part}", "WrongType", "must be an object")
            continue
        for key, value in pairs.items():
            yield from _pair(f"{path}.{part}[{key}]", part, key, value)


def _pair(path: str, part: str, key: str, value: Any) -> Iterator[Problem]:
    if key == LABEL_MANAGED_BY or key.partition("/")[0] == GROUP:
        yield Problem(path, "NotYours", "must not be set: by it kubedag finds its Pods")
    elif not _QUALIFIED.fullmatch(key):
        yield Problem(
            path, "InvalidName", "must be a name of at most 63 characters, or domain/name"
        )
    if value is None:
        return
    if not isinstance(value, str):
        yield Problem(path, "WrongType", f"must be a string: write {_quoted(value)}")
    elif part == "labels" and (len(value) > LABEL_LENGTH_MAX or not _LABEL_VALUE.fullmatch(value)):
        yield Problem(
            path,
            "InvalidLabel",
            "must be at most 63 letters, digits, '-', '_' and '.', and begin and end with a letter or a"
            " digit",
        )


def _quoted(value: Any) -> str:
    plain = isinstance(value, (bool, int, float))
    return f'"{str(value).lower() if isinstance(value, bool) else value}"' if plain else "a string"


# --- Spec -------------------------------------------------------------------------------------


def _spec(path: str, spec: Mapping[str, Any]) -> Iterator[Problem]:
    for key, why in _SPEC_IS_OURS.items():
        if spec.get(key) is not None:
            yield Problem(f"{path}.{key}", "NotYours", f"must not be set: {why}")
    if spec.get("restartPolicy") not in (None, "Never"):
        yield Problem(
            f"{path}.restartPolicy", "NotYours", "must be Never: use the task's retry instead"
        )
    yield from _objects(path, spec, _OBJECTS)
    yield from _strings(path, spec, ("serviceAccountName",))
    for key in _LISTS_OF_OBJECTS:
        yield from _list_of_objects(f"{path}.{key}", key, spec.get(key))
    for key in ("initContainers", "containers"):
        for place, container in _items(f"{path}.{key}", spec.get(key)):
            yield from _container(place, container, is_init=key == "initContainers")
    for place, volume in _items(f"{path}.volumes", spec.get("volumes")):
        yield from _name(place, volume.get("name"))
        if volume.get("name") == podtemplate.SCRIPT_VOLUME:
            yield Problem(
                f"{place}.name", "NotYours", "must be another name: scripts use this one"
            )


def _container(path: str, container: Mapping[str, Any], *, is_init: bool) -> Iterator[Problem]:
    name = container.get("name")
    yield from _name(path, name)
    if name == MAIN_CONTAINER and is_init:
        yield Problem(f"{path}.name", "NotYours", "must not be main: that is the task's container")
    if name == MAIN_CONTAINER:
        yield from _never_restarted(path, container)
    yield from _objects(path, container, _CONTAINER_OBJECTS)
    yield from _strings(path, container, _CONTAINER_STRINGS)
    for key in _CONTAINER_LISTS_OF_OBJECTS:
        yield from _list_of_objects(f"{path}.{key}", key, container.get(key))
    for key in _CONTAINER_LISTS_OF_STRINGS:
        yield from _list_of_strings(f"{path}.{key}", container.get(key))
        yield from no_nul(f"{path}.{key}", container.get(key))
    yield from no_nul(f"{path}.workingDir", container.get("workingDir"))
    for place, variable in _items(f"{path}.env", container.get("env")):
        yield from _variable(place, variable)
    resources = container.get("resources")
    if isinstance(resources, dict):
        yield from quantities.problems(f"{path}.resources", resources)
        yield from _list_of_objects(f"{path}.resources.claims", "claims", resources.get("claims"))


def _never_restarted(path: str, container: Mapping[str, Any]) -> Iterator[Problem]:
    """Kubernetes can restart single containers (KEP-5307); an attempt is to run only once."""
    must = "use the task's retry instead"
    if container.get("restartPolicy") not in (None, "Never"):
        yield Problem(f"{path}.restartPolicy", "NotYours", f"must be Never: {must}")
    if container.get("restartPolicyRules"):
        yield Problem(f"{path}.restartPolicyRules", "NotYours", f"must not be set: {must}")


def _variable(path: str, variable: Mapping[str, Any]) -> Iterator[Problem]:
    name = variable.get("name")
    if isinstance(name, str) and name.startswith(RESERVED_ENV_PREFIX):
        must = f"must not begin with {RESERVED_ENV_PREFIX}: these variables are kubedag's own"
        yield Problem(f"{path}.name", "NotYours", must)
    yield from variable_itself(path, variable)


def variable_itself(path: str, variable: Mapping[str, Any]) -> Iterator[Problem]:
    """A variable has a name and a value that a program can be given, and not two values."""
    name = variable.get("name")
    if isinstance(name, str) and not _ENV_NAME.fullmatch(name):
        must = "must be printable ASCII characters other than '='"
        yield Problem(f"{path}.name", "InvalidName", must)
    yield from no_nul(f"{path}.value", variable.get("value"))
    if variable.get("value") and variable.get("valueFrom") is not None:
        yield Problem(f"{path}.valueFrom", "Contradiction", "must not be set beside value")


def no_nul(path: str, value: Any) -> Iterator[Problem]:
    """Strings for a program, which end at the first NUL; the API server takes them as they are."""
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _no_nul(f"{path}[{index}]", item)
    else:
        yield from _no_nul(path, value)


def _no_nul(path: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, str) and "\0" in value:
        yield Problem(path, "Invalid", "must not contain a NUL: a program cannot be given one")


def _name(path: str, name: Any) -> Iterator[Problem]:
    if isinstance(name, str) and not (len(name) <= LABEL_LENGTH_MAX and _LABEL.fullmatch(name)):
        yield Problem(
            f"{path}.name",
            "InvalidName",
            "must be at most 63 lowercase letters, digits and '-', and begin and end with a letter"
            " or a digit",
        )


# --- Shapes -----------------------------------------------------------------------------------


def _objects(path: str, parent: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Problem]:
    for key in keys:
        if not isinstance(parent.get(key, {}), (dict, type(None))):
            yield Problem(f"{path}.{key}", "WrongType", "must be an object")


def _strings(path: str, parent: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Problem]:
    for key in keys:
        if not isinstance(parent.get(key, ""), (str, type(None))):
            yield Problem(f"{path}.{key}", "WrongType", "must be a string")


def _list_of_strings(path: str, value: Any) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        yield Problem(path, "WrongType", "must be a list of strings")


def _list_of_objects(path: str, name: str, value: Any) -> Iterator[Problem]:
    """A list that merges by a key needs it in every item, and every value of it once."""
    if value is None:
        return
    if not isinstance(value, (list, tuple)):
        yield Problem(path, "WrongType", "must be a list")
        return
    if len(value) > LIST_LENGTH_MAX:
        yield Problem(path, "TooLong", f"must have at most {LIST_LENGTH_MAX} items")
        return
    keys = podtemplate.MERGE_KEYS.get(name, ())
    seen: set[tuple[Any, ...]] = set()
    for index, item in enumerate(value):
        place = f"{path}[{index}]"
        if not isinstance(item, dict):
            yield Problem(place, "WrongType", "must be an object")
            continue
        found = list(_identity(place, item, keys))
        yield from found
        if keys and not found:
            identity = tuple(map(item.get, keys))
            if identity in seen:
                yield Problem(
                    f"{place}.{keys[0]}",
                    "Duplicate",
                    f"must be unique in its list; {identity[0]!r} is there before",
                )
            seen.add(identity)


def _identity(path: str, item: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Problem]:
    for key in keys:
        value = item.get(key)
        if value is None and key not in _OPTIONAL_KEYS:
            yield Problem(f"{path}.{key}", "Required", "must be set")
        elif value is not None and not isinstance(value, int if key in _NUMBERS else str):
            kind = "a number" if key in _NUMBERS else "a string"
            yield Problem(f"{path}.{key}", "WrongType", f"must be {kind}")


def _items(path: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list with their places; what is none has been told already."""
    for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
        if isinstance(item, dict):
            yield f"{path}[{index}]", item
