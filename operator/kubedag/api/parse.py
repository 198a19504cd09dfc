"""From what a user wrote to a value of our types, or to what is wrong with it.

Most objects come from the API server, which has refused what its schema can refuse; those that do
not, come from a file on the way to it. Both get the same answer.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from kubedag.api import schema
from kubedag.api.hints import did_you_mean, nearest
from kubedag.api.problems import PROBLEMS_MAX, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CHOICE = re.compile(r"'([^']*)'")
_INPUT_SHOWN_MAX: Final = 60

# By pydantic's name for the mistake: our name for it, and the message with its context filled in.
_MESSAGES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("Required", "must be set"),
    "greater_than_equal": ("TooSmall", "must be at least {ge}"),
    "less_than_equal": ("TooLarge", "must be at most {le}"),
    "string_too_short": ("TooShort", "must have at least {min_length} characters"),
    "string_too_long": ("TooLong", "must have at most {max_length} characters"),
    "too_long": ("TooMany", "must have at most {max_length} items"),
    "string_type": ("WrongType", "must be a string"),
    "int_type": ("WrongType", "must be a whole number"),
    "bool_type": ("WrongType", "must be true or false"),
    "tuple_type": ("WrongType", "must be a list"),
    "dict_type": ("WrongType", "must be an object"),
    "model_type": ("WrongType", "must be an object"),
    "enum": ("NotSupported", "must be {expected}"),
    "literal_error": ("NotSupported", "must be {expected}"),
    "must": ("Invalid", "{must}"),
}


def parse(model: type[M], raw: object, at: str = "") -> M | tuple[Problem, ...]:
    """The value that `raw`, which is found at the path `at`, says; or what is wrong with it."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        return problems_of(error, model, at)


def problems_of(
    error: ValidationError, model: type[BaseModel], at: str = ""
) -> tuple[Problem, ...]:
    """Pydantic's findings in the words of the API, below the path `at`, PROBLEMS_MAX at most."""
    details = error.errors(include_url=False)
    return tuple(_problem(detail, model, at) for detail in details[:PROBLEMS_MAX])


def path(parts: Sequence[str | int], at: str = "") -> str:
    """A path as the API server writes it: `spec.tasks[3].resources.limits[example.com/gpu]`."""
    found = at
    for part in parts:
        if isinstance(part, str) and _WORD.fullmatch(part):
            found += f".{part}" if found else part
        else:
            found += f"[{part}]"
    return found


def _problem(detail: ErrorDetails, model: type[BaseModel], at: str) -> Problem:
    context: dict[str, Any] = detail.get("ctx") or {}
    where = path([*detail["loc"], *_parts(context.get("field"))], at)
    if detail["type"] == "extra_forbidden":
        *parents, name = detail["loc"]
        hint = _similar(str(name), _fields_at(model, parents))
        return Problem(where, "Unknown", f"must not be set: there is no such field here{hint}")
    if detail["type"] not in _MESSAGES:
        return Problem(where, "Invalid", f"must be valid: {detail['msg']}")
    reason, message = _MESSAGES[detail["type"]]
    said = message.format_map(context) + _found(reason, detail["input"])
    return Problem(where, reason, said + _meant(reason, detail["input"], context))


def _similar(name: str, known: Sequence[str]) -> str:
    return did_you_mean(nearest(name, known))


def _meant(reason: str, value: object, context: Mapping[str, Any]) -> str:
    """Which of the words of a choice is like this one; others write `all_done` for `AllDone`."""
    if reason != "NotSupported" or not isinstance(value, str) or len(value) > _INPUT_SHOWN_MAX:
        return ""
    plain = {_letters(word): word for word in _CHOICE.findall(str(context.get("expected", "")))}
    near = nearest(_letters(value), plain) if len(plain) > 1 else None
    return did_you_mean(plain[near] if near else None)


def _letters(word: str) -> str:
    return word.replace("_", "").replace("-", "").casefold()


def _fields_at(model: type[BaseModel], parts: Sequence[str | int]) -> list[str]:
    """The fields that the schema knows at a place, if there is a schema for it."""
    node = schema_of(model)
    for part in parts:
        below = (
            node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        )
        node = below or {}
    return list(node.get("properties", {}))


@functools.cache
def schema_of(model: type[BaseModel]) -> schema.Schema:
    """The structural schema of a model, without defaults."""
    return schema.structural(model, defaults=False)


def _parts(field: str | None) -> list[str]:
    return field.split(".") if field else []


def _found(reason: str, value: object) -> str:
    """What is there instead, if that fits in a line and helps."""
    if reason not in {"TooSmall", "TooLarge", "NotSupported", "WrongType"}:
        return ""
    try:
        shown = json.dumps(value, default=str, ensure_ascii=False)
    except (RecursionError, ValueError):
        return ""
    return f"; it is {shown}" if len(shown) <= _INPUT_SHOWN_MAX else ""
