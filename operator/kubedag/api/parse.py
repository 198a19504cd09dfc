"""From what the API server holds to our types; what does not fit becomes problems, never a crash.

The API server has judged an object by the CRD that it has, which may be older or newer than this
code, so the operator judges once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from kubedag.api.dag import DAGSpec
from kubedag.api.problems import PROBLEMS_MAX, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_WORDS: Final[Mapping[str, str]] = {
    "missing": "must be set",
    "extra_forbidden": "must not be set: there is no such field",
}
_INPUT_CHARS_MAX: Final = 60


def dag_spec(raw: Any) -> tuple[DAGSpec | None, tuple[Problem, ...]]:
    """The spec of a DAG, or what is wrong with it."""
    return model(DAGSpec, raw, "spec")


def model(kind: type[M], raw: Any, path: str) -> tuple[M | None, tuple[Problem, ...]]:
    """A value of that type, or the problems that keep `raw` from being one."""
    try:
        return kind.model_validate(raw), ()
    except ValidationError as error:
        return None, tuple(_problems(error.errors(include_url=False), path))


def _problems(errors: Iterable[ErrorDetails], root: str) -> Iterable[Problem]:
    for number, error in enumerate(errors):
        if number >= PROBLEMS_MAX:
            return
        yield Problem(_path(root, error), "InvalidSpec", _message(error))


def _path(root: str, error: ErrorDetails) -> str:
    path = root
    for step in error["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    field = (error.get("ctx") or {}).get("field")
    return f"{path}.{field}" if field else path


def _message(error: ErrorDetails) -> str:
    if error["type"] == "must":
        return error["msg"]
    known = _WORDS.get(error["type"])
    if known is not None:
        return known
    said = error["msg"].removeprefix("Input should ").removeprefix("Value error, ")
    said = said if said.startswith("must") else f"must {said}"
    shown = repr(error["input"])
    return f"{said}, not {shown}" if len(shown) <= _INPUT_CHARS_MAX else said
