"""What the API server would say, or silently do, to an object under a structural schema.

Only as much of OpenAPI v3 as our CRDs use. Unlike the API server it complains about what would be
pruned: a field that is written and never comes back is a mistake of the operator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kubedag.api import crds

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def status_schema(plural: str) -> dict[str, Any]:
    """The generated schema of the status of a kind."""
    manifest = crds.all_manifests()[f"{plural}.kubedag.dev.yaml"]
    schema = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["status"]


def complaints(value: Any, schema: dict[str, Any], path: str = "status") -> Iterator[str]:
    """Everything that is wrong with a value."""
    kind = TYPES[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif kind is dict:
        yield from _object(value, schema, path)
    elif kind is list:
        if len(value) > schema.get("maxItems", len(value)):
            yield f"{path}: has {len(value)} items"
        for index, item in enumerate(value):
            yield from complaints(item, schema["items"], f"{path}[{index}]")
    else:
        yield from _scalar(value, schema, path)


def _object(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in set(schema.get("required", ())) - set(value):
        yield f"{path}.{name}: is missing"
    for name, item in value.items():
        if name not in properties:
            yield f"{path}.{name}: would be pruned"
        else:
            yield from complaints(item, properties[name], f"{path}.{name}")


def _scalar(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{path}: has {len(value)} characters"
        if not re.search(schema.get("pattern", ""), value):
            yield f"{path}: {value!r} does not match {schema['pattern']}"
        if schema.get("format") == "date-time" and not re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value
        ):
            yield f"{path}: {value!r} is no time"
    elif not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"
