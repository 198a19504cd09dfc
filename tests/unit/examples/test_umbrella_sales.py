"""The umbrella example without a cluster: its code, and the pipeline run in the DAG's order."""

from __future__ import annotations

import datetime as dt
import graphlib
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "examples" / "umbrella-sales"
STEPS = FOLDER / "steps"
EXPECTED = {
    "umbrellas": {
        "2026-04-01": 32,
        "2026-04-02": 81,
        "2026-04-03": 21,
        "2026-04-04": 34,
        "2026-04-05": 37,
        "2026-04-06": 19,
        "2026-04-07": 18,
    },
    "meanErrorUmbrellas": 2.57,
    "trainedOnDays": 62,
}


@pytest.fixture
def step(monkeypatch):
    """Import a step by name, as Python does where the steps lie side by side."""
    monkeypatch.syspath_prepend(STEPS)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def dag():
    return yaml.safe_load((FOLDER / "dag.yaml").read_text())["spec"]


def in_order(dag):
    """The DAG's tasks, every one after those it depends on."""
    graph = {task["name"]: task.get("dependsOn", []) for task in dag["tasks"]}
    tasks = {task["name"]: task for task in dag["tasks"]}
    return [tasks[name] for name in graphlib.TopologicalSorter(graph).static_order()]


def execute(task, data):
    environment = os.environ | {
        "DATA_DIR": str(data),
        "KUBEDAG_RUN": "a-run",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, *task["command"][1:]]
    subprocess.run(command, cwd=STEPS, env=environment, check=True, capture_output=True)


def test_the_pipeline_publishes_the_same_prediction_everywhere(dag, tmp_path):
    for task in in_order(dag):
        execute(task, tmp_path)

    published = json.loads((tmp_path / "published" / "prediction.json").read_text())

    assert published == EXPECTED


def test_a_step_that_is_run_again_leaves_the_same_files(dag, tmp_path):
    for task in in_order(dag):
        execute(task, tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    for task in in_order(dag):
        execute(task, tmp_path)

    assert {file: file.read_bytes() for file in before} == before


def test_days_without_a_rain_reading_are_dropped_and_fahrenheit_is_converted(step):
    records = [
        {"day": "2026-01-01", "rain_mm": None, "temperature": 5.0, "unit": "C"},
        {"day": "2026-01-02", "rain_mm": 1.5, "temperature": 50.0, "unit": "F"},
        {"day": "2026-01-03", "rain_mm": 0.0, "temperature": 4.0, "unit": "C"},
    ]

    tidy = step("clean_weather").clean(records)

    assert tidy == [
        {"day": "2026-01-02", "rain_mm": 1.5, "celsius": 10.0},
        {"day": "2026-01-03", "rain_mm": 0.0, "celsius": 4.0},
    ]


def test_lines_sent_twice_count_once_and_incomplete_days_not_at_all(step):
    lines = [
        ["2026-01-01", "harbour", "3"],
        ["2026-01-01", "harbour", "3"],
        ["2026-01-01", "market", "4"],
        ["2026-01-02", "harbour", "5"],
        ["2026-01-02", "market", "n/a"],
    ]

    assert step("clean_sales").clean(lines) == {"2026-01-01": 7}


def test_only_days_that_both_sources_know_are_joined(step):
    weather = [{"day": "2026-01-01", "rain_mm": 1.0}, {"day": "2026-01-02", "rain_mm": 2.0}]

    rows = step("join").join(weather, {"2026-01-02": 9, "2026-01-03": 7})

    assert rows == [{"day": "2026-01-02", "rain_mm": 2.0, "umbrellas": 9}]


@pytest.mark.parametrize("weights", [[1.0, 2.0], [-3.0, 0.5], [0.0, 0.0]], ids=str)
def test_least_squares_finds_the_line_that_the_points_lie_on(step, weights):
    x = [[1.0, float(n)] for n in range(5)]
    y = [weights[0] + weights[1] * n for n in range(5)]

    found = step("train").least_squares(x, y)

    assert found == pytest.approx(weights, abs=1e-9)


def true_rows(world, days):
    """Days as they really were, which is what cleaning and joining should come close to."""
    for day in (dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(days)):
        lines = set(world.tills(day, 1))
        if all(umbrellas != "n/a" for _, _, umbrellas in lines):
            rain_mm, celsius = world.true_weather(day)
            sold = sum(int(umbrellas) for _, _, umbrellas in lines)
            yield {"day": str(day), "rain_mm": rain_mm, "celsius": celsius, "umbrellas": sold}


def test_the_model_finds_the_rule_that_the_shops_follow(step):
    """They sell 24, and 9 more per mm of rain, and 18 more at weekends, give or take some noise."""
    model = step("train").train(list(true_rows(step("world"), days=365)))

    constant, per_mm, _, weekend = model["weights"]

    assert [constant, per_mm, weekend] == pytest.approx([24, 9, 18], abs=1)


def test_every_step_is_shipped_to_the_cluster():
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    (generator,) = kustomization["configMapGenerator"]

    assert generator["files"] == sorted(f"steps/{file.name}" for file in STEPS.glob("*.py"))


def test_the_volumes_name_what_the_manifests_create(dag):
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    claim = yaml.safe_load((FOLDER / "storage.yaml").read_text())
    volumes = {v["name"]: v for v in dag["taskDefaults"]["podTemplate"]["spec"]["volumes"]}

    assert (
        volumes["steps"]["configMap"]["name"],
        volumes["data"]["persistentVolumeClaim"]["claimName"],
    ) == (kustomization["configMapGenerator"][0]["name"], claim["metadata"]["name"])
