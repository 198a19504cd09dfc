"""What holds for every example, whatever it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from kubedag.api import dag as api_dag
from kubedag.api import dagrun as api_dagrun
from kubedag.core import plan

EXAMPLES = Path(__file__).parents[3] / "examples"
FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if (folder / "dag.yaml").exists())
IMAGES = {"busybox:1.37", "python:3.13-slim"}

each_example = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def read(file):
    return yaml.safe_load(file.read_text())


def commands(readme):
    """The lines of a README that a reader is meant to type."""
    for block in re.findall(r"```sh\n(.*?)```", readme.read_text(), re.DOTALL):
        yield from (line for line in block.splitlines() if line.strip())


@each_example
def test_the_dag_is_valid(folder):
    dag = api_dag.DAG.model_validate(read(folder / "dag.yaml"))

    assert plan.validate(dag.spec) == ()


@each_example
def test_the_dag_is_called_what_its_folder_is_called(folder):
    assert read(folder / "dag.yaml")["metadata"]["name"] == folder.name


@each_example
def test_the_run_is_valid_and_takes_three_lines_or_fewer(folder):
    run = read(folder / "run.yaml")
    spec = (folder / "run.yaml").read_text().partition("spec:\n")[2]

    api_dagrun.DAGRun.model_validate(run)

    assert run["spec"]["dagName"] == folder.name
    assert len(spec.splitlines()) <= 3


@each_example
def test_the_images_are_the_two_that_are_small_and_pinned(folder):
    text = (folder / "dag.yaml").read_text()

    assert set(re.findall(r'image: "?([^"\s}]+)', text)) <= IMAGES


@each_example
def test_the_readme_tells_how_to_apply_and_run_it(folder):
    typed = "\n".join(commands(folder / "README.md"))

    assert f"kubectl apply -{'k' if (folder / 'kustomization.yaml').exists() else 'f'}" in typed
    assert f"kubectl create -f examples/{folder.name}/run.yaml" in typed


@each_example
def test_the_files_that_the_readme_names_exist(folder):
    words = [
        word.rstrip(")")
        for line in commands(folder / "README.md")
        for word in shlex.split(line, comments=True)
    ]
    named = [word for word in words if word.startswith("examples/")]

    assert [name for name in named if not (EXAMPLES.parent / name).exists()] == []


def test_the_overview_lists_every_example_once():
    listed = re.findall(r"^\| \[([a-z-]+)\]\(\1/\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)

    assert sorted(listed) == [folder.name for folder in FOLDERS]
