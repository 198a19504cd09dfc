"""The page of known failures names tests that there are, and all that runs on a real node."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "known-failures.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
ON_A_NODE = ("test_disturbances.py", "test_node_in_trouble.py", "test_outcomes.py")


@functools.cache
def _tests_in(file: Path) -> frozenset[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return frozenset(
        one.name
        for one in body
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    )


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(file, name):
    assert name in _tests_in(TESTS / file)


def test_every_row_names_a_test():
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [A-Z]", line)]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize("file", ON_A_NODE)
def test_everything_that_a_real_node_is_made_to_do_is_on_the_page(file):
    there = _tests_in(TESTS / "e2e" / file)
    assert there - {name for where, name in NAMED if where == f"e2e/{file}"} == set()
