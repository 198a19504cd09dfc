"""The pieces of a container that a task may say directly, under Kubernetes' own names.

They stay plain dicts, because they are copied into the Pod as they are. What they declare is what
`kubectl explain` shows and what a typo is held against; anything that Kubernetes adds to a
container can be said in `podTemplate`, which passes through whatever the cluster knows.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Required

from pydantic import ConfigDict, Field, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from kubedag.api.common import PRESERVE, ObjectName, Opaque, Path, Switch
from kubedag.api.lists import map_list
from kubedag.api.rules import Rule

_KUBERNETES_OWN = ConfigDict(extra="forbid", use_attribute_docstrings=True)

RESERVED_ENV_PREFIX: Final = "KUBEDAG_"

# What resource.Quantity parses: k8s.io/apimachinery/pkg/api/resource/quantity.go
_QUANTITY = re.compile(
    r"[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII
)


def is_quantity(value: Any) -> bool:
    """Is it an amount such as 500m, 2Gi, 1 or 0.5, as a string or as a number?"""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and _QUANTITY.fullmatch(value) is not None


# No type in the schema: Kubernetes takes `cpu: 0.5` in a Pod, and "integer or string" does not.
Quantity = Annotated[
    Any,
    Rule("be a quantity such as 500m, 0.5 or 2Gi", holds=is_quantity),
    WithJsonSchema({PRESERVE: True}),
]
Quantities = Annotated[dict[str, Quantity], Field(max_length=32)]

EnvName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    Rule(
        f"not begin with {RESERVED_ENV_PREFIX}: these variables are kubedag's own",
        cel=f"!self.startsWith('{RESERVED_ENV_PREFIX}')",
        holds=lambda name: not name.startswith(RESERVED_ENV_PREFIX),
    ),
]


class EnvVar(TypedDict, total=False):
    """An environment variable."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    name: Required[EnvName]
    """name of the environment variable, unique within the container."""
    value: Annotated[str, StringConstraints(max_length=32 * 1024)]
    """value of the variable; `$(OTHER)` is replaced by Kubernetes."""
    valueFrom: Opaque
    """valueFrom is an EnvVarSource of Kubernetes: a ConfigMap's, a Secret's, the Pod's field."""


class EnvReference(TypedDict, total=False):
    """A reference to a ConfigMap or a Secret of the same namespace."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    name: Required[ObjectName]
    """name of the ConfigMap or Secret."""
    optional: Switch
    """optional lets the container start although the object or its key does not exist."""


class EnvFrom(TypedDict, total=False):
    """A source of many environment variables."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    prefix: Annotated[str, StringConstraints(max_length=253)]
    """prefix is put before each key to make the variable's name."""
    configMapRef: EnvReference
    """configMapRef names the ConfigMap to take the variables from."""
    secretRef: EnvReference
    """secretRef names the Secret to take the variables from."""


class ResourceClaim(TypedDict, total=False):
    """A claim of the Pod that the container uses."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    name: Required[ObjectName]
    """name of an entry of the Pod's resourceClaims."""
    request: Annotated[str, StringConstraints(max_length=253)]
    """request chosen within the claim; empty means all of them."""


class Resources(TypedDict, total=False):
    """The compute resources of a container."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    requests: Quantities
    """requests are what the scheduler sets aside, such as `cpu: 500m` or `memory: 1Gi`."""
    limits: Quantities
    """limits are the most that the container may use; more memory than that kills it."""
    claims: Annotated[tuple[ResourceClaim, ...], *map_list("name", most=32)]
    """claims lists the Pod's resource claims that the container uses."""


class VolumeMount(TypedDict, total=False):
    """A place in the container where a volume of the Pod appears."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    name: Required[ObjectName]
    """name of the volume, which the podTemplate declares."""
    mountPath: Required[Path]
    """mountPath is where the container sees the volume."""
    readOnly: Switch
    """readOnly keeps the container from writing to the volume."""
    recursiveReadOnly: Annotated[str, StringConstraints(max_length=32)]
    """recursiveReadOnly says whether readOnly holds for mounts below this one, too."""
    subPath: Annotated[str, StringConstraints(max_length=4096)]
    """subPath is the part of the volume that is mounted instead of its root."""
    subPathExpr: Annotated[str, StringConstraints(max_length=4096)]
    """subPathExpr is a subPath in which `$(VARIABLE)` is replaced."""
    mountPropagation: Annotated[str, StringConstraints(max_length=32)]
    """mountPropagation says which later mounts the host and the container share."""


class PodTemplate(TypedDict, total=False):
    """A PodTemplateSpec of Kubernetes."""

    __pydantic_config__ = _KUBERNETES_OWN  # type: ignore[misc]

    metadata: Opaque
    """metadata of the Pod: its labels and annotations."""
    spec: Opaque
    """spec of the Pod, as Kubernetes documents it: volumes, nodeSelector, tolerations, …"""
