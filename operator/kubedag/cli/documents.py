"""Reads YAML as kubectl does, and nothing that would keep it busy for ever.

PyYAML and the library of kubectl (go-yaml 2) disagree about one plain word in three: `1e3` is a
number, `12:30` is a string, and `y` is true only to kubectl. What is judged here must be what the
API server will be sent. And a file may be hostile: deeper than any stack, or small only as long as
its aliases are not followed.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

import orjson
import yaml
from yaml.constructor import ConstructorError

from kubedag.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Hashable

_PLAIN: Final = "!plain"
_MERGE: Final = "tag:yaml.org,2002:merge"

VALUES_MAX: Final = 2_000_000
LEVELS_MAX: Final = 300
MERGED_KEYS_MAX: Final = 100_000

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(
        ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True
    ),
    **dict.fromkeys(
        ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False
    ),
}
_INTEGER: Final = re.compile(
    r"([-+]?)0([xX][0-9a-fA-F]+|[bB][01]+|[oO]?[0-7]+)|[-+]?(0|[1-9][0-9]*)"
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_JSON: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BASES: Final = {"x": 16, "b": 2, "o": 8}
_UINT64_MAX: Final = 2**64 - 1
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


def read(text: str) -> list[Any] | Problem:
    """The documents of a file; or what is wrong with it."""
    try:
        found = _parse(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        what = getattr(error, "problem", None) or "it cannot be read"
        return Problem(f"YAML{line}", "NotYAML", f"must be valid: {what}")
    except RecursionError:
        return Problem("YAML", "TooDeep", f"must have at most {LEVELS_MAX} levels")
    return _too_much(found) or found


class _TwiceError(Exception):
    """A key is there twice, of which a reader of JSON takes the last."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError
    return found


def _parse(text: str) -> list[Any]:
    if text.lstrip()[:1] == "{":  # most likely JSON, which is read a hundred times faster
        try:
            found = orjson.loads(text)
            json.loads(text, object_pairs_hook=_once)
        except (orjson.JSONDecodeError, _TwiceError):
            pass  # YAML's reader says in which line
        else:
            return [found]
    return list(yaml.load_all(text, Loader=_Loader))


def _too_much(documents: list[Any]) -> Problem | None:
    """Aliases are followed as often as they are written, which only a walk can tell from a loop."""
    pending: list[tuple[Any, int]] = [(documents, -1)]
    values = 0
    while pending:
        value, level = pending.pop()
        values += 1
        if level > LEVELS_MAX:
            return Problem("YAML", "TooDeep", f"must have at most {LEVELS_MAX} levels")
        if isinstance(value, dict):
            pending.extend((child, level + 1) for child in value.values())
        elif isinstance(value, list):
            pending.extend((child, level + 1) for child in value)
        if values + len(pending) > VALUES_MAX:
            must = f"must have at most {VALUES_MAX} values, with its aliases followed"
            return Problem("YAML", "TooMany", must)
    return None


def plain(text: str) -> str | int | float | bool | None:
    """What a word without quotes says. Raises `ValueError` for what JSON has no word for."""
    if text in _WORDS:
        return _WORDS[text]
    if _NO_JSON.fullmatch(text):
        raise ValueError(f"{text} is no number of JSON")
    digits = text.replace("_", "") if text[0] in "+-.0123456789" else ""
    integer = _INTEGER.fullmatch(digits)
    if integer is not None:
        number = _integer(digits, integer)
        if _INT64_MIN <= number <= _UINT64_MAX:
            return number if number <= _INT64_MAX else float(number)
    if _FLOAT.fullmatch(digits):
        value = float(digits)
        return text if math.isinf(value) else whole(value)
    return text


def whole(value: float) -> int | float:
    """JSON has one kind of number: the API server takes 60.0 for 60, if it fits in 64 bits."""
    fits = value.is_integer() and _INT64_MIN <= value <= _INT64_MAX
    return int(value) if fits else value


def _integer(digits: str, match: re.Match[str]) -> int:
    sign, based = match[1], match[2]
    if based is None:
        return int(digits)
    base = _BASES.get(based[0].lower())
    value = int(based, 8) if base is None else int(based[1:], base)
    return -value if sign == "-" else value


def write(value: Any) -> str:
    """An object as YAML that says the same to kubectl: what it would take for no string is quoted."""
    said: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return said


class _Dumper(yaml.SafeDumper):
    """Words without quotes only where kubectl reads them as they are; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """What is there twice is written twice."""
        del data
        return True

    def represent_word(self, text: str) -> yaml.Node:
        """A string, quoted if it is another value without."""
        try:
            is_plain = plain(text) == text
        except ValueError:
            is_plain = False
        return self.represent_scalar(
            "tag:yaml.org,2002:str", text, style=None if is_plain else "'"
        )


_Dumper.add_representer(str, _Dumper.represent_word)


class _Loader(yaml.SafeLoader):
    """The grammar of PyYAML, the words of kubectl."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._flat: set[yaml.Node] = set()
        self._merged = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """The tag of a node that has none."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _MERGE if value == "<<" else _PLAIN
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]

    def construct_plain(self, node: yaml.Node) -> Any:
        """A word without quotes."""
        try:
            return plain(node.value)
        except ValueError as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """An object with its keys as JSON has them, none of them twice: each reader takes another."""
        found = super().construct_mapping(node, deep)
        return {_as_key(key): value for key, value in found.items()}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in what `<<` names, each key once: repeated, they are ten times as many each level.

        It comes before all else, and once: what has been taken in is no mistake of the writer.
        """
        if node in self._flat:
            return
        _check_keys(node)
        merges = [value for key, value in node.value if key.tag == _MERGE]
        if not merges:
            return
        for merge in merges:
            for source in merge.value if isinstance(merge, yaml.SequenceNode) else [merge]:
                if isinstance(source, yaml.MappingNode):
                    self.flatten_mapping(source)
                    self._merged += len(source.value)
        if self._merged > MERGED_KEYS_MAX:
            problem = f"its merge keys (<<) bring in more than {MERGED_KEYS_MAX} keys"
            raise ConstructorError(None, None, problem, node.start_mark)
        super().flatten_mapping(node)
        node.value = list({(pair[0].tag, pair[0].value): pair for pair in node.value}.values())
        self._flat.add(node)


_Loader.add_constructor(_PLAIN, _Loader.construct_plain)


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problem = "a key must be a word"
            raise ConstructorError(None, None, problem, key.start_mark)
        if key.value in seen and key.tag != _MERGE:
            problem = f"{key.value!r} is there twice"
            raise ConstructorError(None, None, problem, key.start_mark)
        seen.add(key.value)


def _as_key(key: Hashable) -> str:
    return key if isinstance(key, str) else orjson.dumps(key).decode()
