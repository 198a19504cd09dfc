"""What the API server makes of a document before it looks for mistakes in it.

Where it knows the type of a field, a null is no value at all, and 60.0 is 60. In the parts that are
Kubernetes' own, such as a podTemplate, a null is kept: there it takes away what lies below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubedag.api import parse
from kubedag.cli import documents

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kubedag.api.schema import Schema

_Pending = tuple[Any, Any, "Schema"]
_PRESERVED: Final = "x-kubernetes-preserve-unknown-fields"


def as_stored(model: type[BaseModel], document: dict[str, Any]) -> dict[str, Any]:
    """The document as it would be judged; the given one is not changed."""
    found: dict[str, Any] = {}
    pending: list[_Pending] = [(document, found, parse.schema_of(model))]
    while pending:
        given, made, node = pending.pop()
        pairs = given.items() if isinstance(given, dict) else enumerate(given)
        for key, value in pairs:
            schema = _below(node, key)
            if value is None and isinstance(given, dict) and schema is not None:
                continue
            read = value if schema is None else _read(value, schema, pending)
            if isinstance(made, list):
                made.append(read)
            else:
                made[key] = read
    return found


def _read(value: Any, schema: Schema, pending: list[_Pending]) -> Any:
    if isinstance(value, float) and schema.get("type") == "integer":
        return documents.whole(value)
    if isinstance(value, dict | list) and _is_known(schema):
        inner: Any = {} if isinstance(value, dict) else []
        pending.append((value, inner, schema))
        return inner
    return value


def _below(node: Schema, key: str | int) -> Schema | None:
    found: Schema | None = (
        node.get("items")
        if isinstance(key, int)
        else node.get("properties", {}).get(key, node.get("additionalProperties"))
    )
    return found


def _is_known(schema: Schema) -> bool:
    return not schema.get(_PRESERVED) and schema.get("type") in ("object", "array")
