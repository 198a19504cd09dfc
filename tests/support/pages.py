"""What a page of the documentation claims, in the forms that a test can take at its word."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

F = TypeVar("F", bound=Callable[..., Any])


class Table(NamedTuple):
    """A table of Markdown; cells are as they are written."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(text: str) -> list[Table]:
    """All tables of a page."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    parsed = [[_cells(line) for line in block.splitlines()] for block in blocks]
    return [Table(lines[0], tuple(lines[2:])) for lines in parsed]


def table(text: str, *header: str) -> Table:
    """The table whose header begins with these words."""
    (found,) = [one for one in tables(text) if one.header[: len(header)] == header]
    return found


def bullets(text: str) -> list[str]:
    """All items of all lists."""
    return re.findall(r"^- (.*)$", text, re.MULTILINE)


def code(cell: str) -> list[str]:
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def claim(_sentence: str) -> Callable[[F], F]:
    """Says of a test that it is about this item of a list; `claims` finds it."""
    return lambda test: test


def claims(*files: Path) -> list[str]:
    """What the tests of these files are about."""
    found = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
                found += [
                    ast.literal_eval(call.args[0])
                    for call in calls
                    if isinstance(call.func, ast.Attribute) and call.func.attr == "claim"
                ]
    return found
