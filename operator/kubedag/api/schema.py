"""From pydantic's JSON schema to the structural schema that the API server asks of a CRD.

The two differ in a dozen small ways, and the API server answers some of them with an error and
others with silence. Whatever this module does not know how to translate, it refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

Schema = dict[str, Any]

_INT32_MAX: Final = 2**31 - 1
_DEPTH_MAX: Final = 20
_NULL: Final = {"type": "null"}

# The order is that of a reader's questions: what is it, what is it for, what may it be?
_COPIED: Final = (
    "type",
    "format",
    "description",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "required",
)
# `title` repeats the name, and pruning does what `additionalProperties: false` says, which is
# forbidden beside `properties`.
_DROPPED: Final = frozenset({"title", "default", "const", "$defs"})
_WALKED: Final = frozenset({"properties", "items", "additionalProperties"})


def structural(model: type[BaseModel], *, defaults: bool) -> Schema:
    """The structural schema of a model, complete in itself.

    With `defaults`, those of scalars and of objects are kept, but never inside a list: the API
    server would write them into every item, and GitOps tools, which see a list as one value,
    would report a difference that no sync removes.
    """
    raw = model.model_json_schema(by_alias=True)
    return _convert(raw, raw.get("$defs", {}), defaults=defaults, depth=0)


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node of a structural schema with its path, such as `spec.tasks[].env[].name`."""
    stack = [(path, schema)]
    while stack:
        at, node = stack.pop()
        yield at, node
        children = [
            (f"{at}.{name}" if at else name, child)
            for name, child in node.get("properties", {}).items()
        ]
        if "items" in node:
            children.append((f"{at}[]", node["items"]))
        if "additionalProperties" in node:
            children.append((f"{at}{{}}", node["additionalProperties"]))
        stack.extend(reversed(children))


def _convert(node: Schema, defs: Mapping[str, Schema], *, defaults: bool, depth: int) -> Schema:
    if depth > _DEPTH_MAX:
        raise ValueError(f"the schema refers to itself, or is too deep: {node}")
    node = _resolved(node, defs)
    unknown = node.keys() - {*_COPIED, *_DROPPED, *_WALKED}
    if unknown:
        raise ValueError(f"no translation for {sorted(unknown)} in {node}")
    found: Schema = {key: node[key] for key in _COPIED if key in node}
    if "const" in node:
        found["enum"] = [node["const"]]
    if "description" in found:
        found["description"] = _reflowed(found["description"])
    if found.get("type") == "integer":
        found["format"] = "int32" if node["maximum"] <= _INT32_MAX else "int64"
    if defaults and (default := _said(node.get("default"))) is not None:
        found["default"] = default
    for key, within in (("items", False), ("additionalProperties", defaults)):
        if isinstance(node.get(key), dict):
            found[key] = _convert(node[key], defs, defaults=within, depth=depth + 1)
    if "properties" in node:
        found["properties"] = {
            name: _convert(child, defs, defaults=defaults, depth=depth + 1)
            for name, child in node["properties"].items()
        }
    return found


def _resolved(node: Schema, defs: Mapping[str, Schema]) -> Schema:
    """The node with what it refers to in it, and without the null of an optional field."""
    for _ in range(_DEPTH_MAX):
        if "$ref" in node:
            target = defs[node["$ref"].removeprefix("#/$defs/")]
            node = {**target, **{key: node[key] for key in node if key != "$ref"}}
        elif "anyOf" in node:
            choices = [choice for choice in node["anyOf"] if choice != _NULL]
            if len(choices) != 1:
                raise ValueError(f"no translation for a union: {node}")
            node = {**choices[0], **{key: node[key] for key in node if key != "anyOf"}}
        else:
            return node
    raise ValueError(f"the schema refers to itself: {node}")


def _reflowed(text: str) -> str:
    """Paragraphs without the line breaks of the source they were written in."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _said(default: Any) -> Any:
    """A default without its empty lists, which say no more than their absence."""
    if isinstance(default, dict):
        return {key: value for key, value in default.items() if value not in (None, [], ())}
    return None if default in ([], ()) else default
