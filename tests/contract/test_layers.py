"""The shape of the code: who may import whom, and what a file must not name.

A contract that never fires is a comment, so each is shown to fire on a copy that breaks it.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("operator", "dev")

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
LAYERS, PURE = (contract["name"] for contract in CONTRACTS)


def lint_imports(root):
    """Whether the contracts hold for the package below a folder, and the report."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "operator"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


# What must not be, as (module, statement, the import in the linter's report).
FORBIDDEN = (
    ("core/naming.py", "import time", "core.naming -> time"),
    ("core/naming.py", "import random", "core.naming -> random"),
    ("core/naming.py", "from asyncio import sleep", "core.naming -> asyncio"),
    ("core/naming.py", "import os.path", "core.naming -> os"),
    ("core/graph.py", "def late():\n    import logging", "core.graph -> logging"),
    ("api/common.py", "import aiohttp", "api.common -> aiohttp"),
    ("core/naming.py", "from kubedag.shell import client", "core.naming -> kubedag.shell.client"),
    ("api/common.py", "from kubedag.core import naming", "api.common -> kubedag.core.naming"),
    ("shell/queue.py", "from kubedag.cli import main", "shell.queue -> kubedag.cli.main"),
)


@pytest.fixture(scope="module")
def report_on_a_broken_copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("broken")
    shutil.copy(ROOT / "pyproject.toml", root)
    without = shutil.ignore_patterns("__pycache__", "ui", "static")
    shutil.copytree(ROOT / "operator", root / "operator", ignore=without)
    for module, statement, _ in FORBIDDEN:
        with (root / "operator" / "kubedag" / module).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{statement}\n")
    held, report = lint_imports(root)
    assert not held
    return " ".join(report.split())


@pytest.mark.parametrize("contract", [LAYERS, PURE])
def test_a_contract_fires(report_on_a_broken_copy, contract):
    assert f"{contract} BROKEN" in report_on_a_broken_copy


@pytest.mark.parametrize("statement", FORBIDDEN, ids=lambda statement: statement[2])
def test_an_import_is_forbidden(report_on_a_broken_copy, statement):
    assert f"kubedag.{statement[2]} (l." in report_on_a_broken_copy


def test_the_source_root_is_no_package():
    """A package called `operator` would take the place of the standard library's module."""
    assert not (ROOT / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("flags", [[], ["-S"]], ids=["with site", "without site"])
def test_the_standard_library_keeps_its_operator(flags):
    program = (
        "import collections, operator; print(operator.itemgetter(0)('ab'), operator.__file__)"
    )
    done = subprocess.run(
        [sys.executable, *flags, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    first, file = done.stdout.split()
    assert first == "a"
    assert not Path(file).is_relative_to(ROOT / "operator")


def sources():
    return [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]


def test_every_module_says_why_it_is_there():
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.stat().st_size and ast.get_docstring(ast.parse(path.read_bytes())) is None
    ]
    assert silent == []


# In pieces, so that this file does not hold what it looks for.
_MACHINE = ("/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "Users/[a-z]")
_REGISTRIES = (
    "docker" + r"\.io",
    "ghcr" + r"\.io",
    "quay" + r"\.io",
    "gcr" + r"\.io",
    "registry" + r"\.k8s\.io",
    "registry" + r"\.npmjs\.org",
    "pypi" + r"\.org",
    "pythonhosted" + r"\.org",
    "proxy" + r"\.golang\.org",
)
UNWANTED = re.compile("|".join((*_MACHINE, *_REGISTRIES)))

# The file, the word, and why it has to be there.
ALLOWED: tuple[tuple[str, str, str], ...] = ()


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_file_names_a_registry_or_a_machine():
    """Where things come from is configuration, and a path of one machine is a mistake."""
    found = set()
    for path in tracked():
        if not path.is_file():
            continue
        text = path.read_bytes().decode(errors="ignore")
        found |= {(str(path.relative_to(ROOT)), hit) for hit in UNWANTED.findall(text)}
    assert found == {(file, word) for file, word, _ in ALLOWED}


@pytest.mark.parametrize(
    "text",
    ["/" + "work/main/x", "cd /" + "home/someone", "image: docker" + ".io/library/busybox"],
)
def test_what_must_not_be_named_is_recognised(text):
    assert UNWANTED.search(text)
