"""How long a file and a function may be, tests and all: what is longer is searched, not read.

A file that is too long is to be split by theme, a function to be drawn apart or to become a table.
"""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


def tracked():
    """The Python files that git knows and that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def too_long(name, source):
    """What of a file is longer than allowed; the decorators of a function do not count."""
    found = []
    if (lines := len(source.splitlines())) > FILE_LINES_MAX:
        found.append(f"{name}: {lines} lines, and a file may have {FILE_LINES_MAX}")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (lines := node.end_lineno - node.lineno + 1) > FUNCTION_LINES_MAX:
            where = f"{name}:{node.lineno} {node.name}"
            found.append(f"{where}: {lines} lines, and a function may have {FUNCTION_LINES_MAX}")
    return found


def test_nothing_is_too_long():
    names = tracked()
    assert "dev/test.py" in names
    found = [one for name in names for one in too_long(name, (ROOT / name).read_bytes())]
    assert found == [], "\n".join(found)


BODY = b"    pass\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"\n" * 400, []),
        (b"\n" * 401, ["x.py: 401 lines, and a file may have 400"]),
        (b"def f():\n" + BODY * 49, []),
        (b"def f():\n" + BODY * 50, ["x.py:1 f: 51 lines, and a function may have 50"]),
        (
            b"class C:\n  async def f():\n" + BODY * 50,
            ["x.py:2 f: 51 lines, and a function may have 50"],
        ),
        (b"@one\n@other\ndef f():\n" + BODY * 49, []),
    ],
    ids=["a file", "a long file", "a function", "a long function", "a long method", "decorators"],
)
def test_what_is_too_long_is_named_with_what_is_allowed(source, expected):
    assert too_long("x.py", source) == expected
