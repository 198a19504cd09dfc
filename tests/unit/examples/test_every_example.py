"""What holds for every example, whatever it shows."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest
import yaml

from kubedag.cli import validate

EXAMPLES = Path(__file__).parents[3] / "examples"
FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir())
IMAGES = {"busybox:1.37", "python:3.13-slim"}


def each_example(*having):
    """Once for each example that has these files."""
    folders = [f for f in FOLDERS if all((f / name).exists() for name in having)]
    return pytest.mark.parametrize("folder", folders, ids=lambda folder: folder.name)


def read(file):
    return yaml.safe_load(file.read_text())


def commands(readme):
    """The lines of a README that a reader is meant to type."""
    for block in re.findall(r"```sh\n(.*?)```", readme.read_text(), re.DOTALL):
        yield from (line for line in block.splitlines() if line.strip())


@each_example()
def test_every_object_is_valid(folder):
    said = io.StringIO()

    validate.run([str(folder)], io.StringIO(), said)

    assert re.fullmatch(r"[1-9] objects?, 0 with problems\n", said.getvalue())


@each_example("dag.yaml")
def test_the_dag_is_called_what_its_folder_is_called(folder):
    assert read(folder / "dag.yaml")["metadata"]["name"] == folder.name


@each_example("run.yaml")
def test_a_run_by_hand_takes_three_lines_or_fewer(folder):
    run = read(folder / "run.yaml")
    spec = (folder / "run.yaml").read_text().partition("spec:\n")[2]

    assert run["spec"]["dagName"] == folder.name
    assert len(spec.splitlines()) <= 3


@each_example()
def test_the_images_are_the_two_that_are_small_and_pinned(folder):
    text = "".join(file.read_text() for file in folder.glob("*.yaml"))

    assert set(re.findall(r'image: "?([^"\s}]+)', text)) <= IMAGES


@each_example()
def test_the_readme_tells_how_to_apply_and_run_it(folder):
    typed = "\n".join(commands(folder / "README.md"))

    assert f"kubectl apply -{'k' if (folder / 'kustomization.yaml').exists() else 'f'}" in typed
    if (folder / "run.yaml").exists():
        assert f"kubectl create -f examples/{folder.name}/run.yaml" in typed


@each_example()
def test_the_files_that_the_readme_names_exist(folder):
    words = [
        word.rstrip(")")
        for line in commands(folder / "README.md")
        for word in shlex.split(line, comments=True)
    ]
    named = [word for word in words if word.startswith("examples/")]

    assert [name for name in named if not (EXAMPLES.parent / name).exists()] == []


def test_the_overview_lists_every_example_once():
    listed = re.findall(
        r"^\| \[([a-z-]+)\]\(\1/\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE
    )

    assert sorted(listed) == [folder.name for folder in FOLDERS]
