"""What every kind's types are made of: the base models and the bounded scalars.

Each scalar carries its bound in its name or its constant, because an unbounded field is a way to
fill etcd, and because the API server refuses CEL over what has no bound.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

from kubedag.api import enums
from kubedag.api.lists import map_list
from kubedag.api.rules import Rule, matching

TASKS_MAX: Final = 10_000
DAG_NAME_LENGTH_MAX: Final = 52
"""Leaves 11 characters for what a run appends to it, as with CronJobs and their Jobs."""

LABEL_LENGTH_MAX: Final = 63
"""A run's name is the value of a label of its Pods."""

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"


class Spec(BaseModel):
    """Something a user writes: what is not known is refused, and nothing is changed afterwards."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )


class Status(Spec):
    """Something the operator writes: an older reader passes over what a newer writer added."""

    model_config = ConfigDict(extra="ignore")


def is_time(text: str) -> bool:
    """Is it a date, a time and an offset, as in RFC 3339, and in UTC still within our calendar?"""
    if len(text) < len("2026-01-01T00:00:00Z"):
        return False
    try:
        time = datetime.fromisoformat(text)
        return time.tzinfo is not None and time.astimezone(UTC).tzinfo is UTC
    except (ValueError, OverflowError):
        return False


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_OBJECT_NAME = f"^{_LABEL}([.]{_LABEL})*$"
_IS_LABEL = matching(
    f"^{_LABEL}$",
    "be lowercase letters, digits and '-', and begin and end with a letter or a digit",
)

DNSLabel = Annotated[str, StringConstraints(min_length=1, max_length=LABEL_LENGTH_MAX), _IS_LABEL]
DAGName = Annotated[
    str, StringConstraints(min_length=1, max_length=DAG_NAME_LENGTH_MAX), _IS_LABEL
]
# A pattern: CEL would explain better, and for 10,000 tasks costs 87 times what the server allows.
ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    Field(json_schema_extra={"pattern": _OBJECT_NAME}),
    Rule(
        "be lowercase letters, digits, '-' and '.', and begin and end with a letter or a digit",
        holds=lambda name: re.fullmatch(_OBJECT_NAME, name) is not None,
    ),
]
Time = Annotated[
    str,
    StringConstraints(max_length=64),
    Field(json_schema_extra={"format": "date-time"}),
    Rule("be a time with an offset, such as 2026-01-01T00:00:00Z", holds=is_time),
]

Switch = Annotated[bool, Field(strict=True)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=31_536_000)]
"""At least one second, at most a year."""
Attempts = Annotated[int, Field(strict=True, ge=0, le=100)]
AMOUNT_MAX: Final = 1_000_000
Amount = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_MAX)]
Generation = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Markdown = Annotated[str, StringConstraints(max_length=16 * 1024)]
Word = Annotated[str, StringConstraints(max_length=63)]
Reason = Annotated[str, StringConstraints(max_length=128)]
Message = Annotated[str, StringConstraints(max_length=32 * 1024)]
ShortMessage = Annotated[str, StringConstraints(max_length=4 * 1024)]
Argument = Annotated[str, StringConstraints(max_length=128 * 1024)]
"""The kernel passes no longer one to a program (MAX_ARG_STRLEN)."""
Path = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Opaque = Annotated[
    dict[str, Any],
    Field(max_length=100),
    WithJsonSchema({"type": "object", "maxProperties": 100, PRESERVE: True}),
]
"""An object whose schema is Kubernetes' own: what the cluster knows of it passes through."""


class Condition(Status):
    """One fact about an object, in the form that every Kubernetes tool understands."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """type names the condition, unique within the object."""
    status: enums.ConditionStatus
    """status is True, False or Unknown."""
    observed_generation: Generation | None = None
    """observedGeneration is the metadata.generation that the condition was judged by."""
    last_transition_time: Time
    """lastTransitionTime is when the status last changed."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """reason is one CamelCase word for programs."""
    message: Message
    """message is a sentence for people."""


Conditions = Annotated[tuple[Condition, ...], *map_list("type", most=16)]


class ObjectMeta(BaseModel):
    """The metadata that kubedag reads; the API server owns its schema."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, frozen=True
    )

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


Metadata = Annotated[
    ObjectMeta, WithJsonSchema({"type": "object", "properties": {"name": {"type": "string"}}})
]
"""The API server has the schema itself; the name is there for the rule that points to it."""


def name_rule(length_max: int) -> Rule:
    """The rule for an object's own name, which becomes part of the names of what is made of it."""
    return Rule(
        f"be at most {length_max} lowercase letters, digits and '-',"
        " and begin and end with a letter or a digit",
        cel=(
            f"self.metadata.name.size() <= {length_max}"
            f" && self.metadata.name.matches('^{_LABEL}$')"
        ),
        holds=lambda obj: _is_name(obj.metadata, length_max),
        field="metadata.name",
    )


def _is_name(metadata: ObjectMeta, length_max: int) -> bool:
    name = metadata.name or f"{metadata.generate_name}12345"
    return len(name) <= length_max and re.fullmatch(_LABEL, name) is not None
