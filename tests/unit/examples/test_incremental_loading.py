"""The two examples about time without a cluster: their code, and the numbers in the file."""

from __future__ import annotations

import ast
import datetime as dt
import importlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).parents[3] / "examples"
LOADING, BACKFILL = EXAMPLES / "incremental-loading", EXAMPLES / "backfill"
CATCHUP = [dt.date(2025, 12, day) for day in range(25, 32)]


def read(file):
    return yaml.safe_load(file.read_text())


def shown(readme, after):
    """The rows that a README shows after these words."""
    text = readme.read_text().partition(after)[2]
    return [ast.literal_eval(row) for row in re.findall(r"^\(.+\)$", text, re.MULTILINE)]


class Shop:
    """The volume of a cluster: the code as kustomize would put it there, and the file."""

    def __init__(self, folder):
        self.steps, self.file = folder / "steps", folder / "shop.db"
        self.deploy(LOADING)

    def deploy(self, example):
        shutil.copytree(example / "steps", self.steps, dirs_exist_ok=True)

    def run(self, first, days=1, tasks=("load", "revenue")):
        """The tasks in the DAG's order, each a program of its own."""
        start, end = (f"{first + dt.timedelta(days=n)}T00:00:00Z" for n in (0, days))
        environment = os.environ | {
            "DATABASE": str(self.file),
            "KUBEDAG_RUN": f"from-{first}",
            "KUBEDAG_DATA_INTERVAL_START": start,
            "KUBEDAG_DATA_INTERVAL_END": end,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for task in tasks:
            command = [sys.executable, f"{task}.py"]
            subprocess.run(
                command, cwd=self.steps, env=environment, check=True, capture_output=True
            )

    def query(self, sql):
        connection = sqlite3.connect(self.file)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def revenue(self):
        (words,) = read(LOADING / "report.yaml")["spec"]["containers"][0]["args"]
        return self.query(words)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def source(monkeypatch):
    monkeypatch.syspath_prepend(LOADING / "steps")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("source")
    del sys.modules["source"]


def test_the_days_that_are_caught_up_on_bring_the_numbers_of_the_readme(shop):
    for day in CATCHUP:
        shop.run(day)

    assert shop.revenue() == shown(LOADING / "README.md", "What you will see in the file")


def test_the_days_that_are_caught_up_on_are_the_last_of_the_schedule():
    schedule = read(LOADING / "dag.yaml")["spec"]["schedule"]
    end = dt.datetime.fromisoformat(schedule["endTime"]).date()

    last = [end - dt.timedelta(days=n + 1) for n in range(schedule["catchupLimit"], -1, -1)]

    assert last == CATCHUP


def test_the_readme_shows_the_schedule_to_the_letter():
    (shown,) = re.findall(r"```yaml\n(.*?)```", (LOADING / "README.md").read_text(), re.DOTALL)

    assert shown in textwrap.dedent((LOADING / "dag.yaml").read_text().partition("spec:\n")[2])


def test_a_run_leaves_other_days_alone(shop):
    shop.run(CATCHUP[0])
    before = shop.query("SELECT * FROM orders")

    shop.run(CATCHUP[1])

    day = str(CATCHUP[0])
    assert shop.query(f"SELECT * FROM orders WHERE date(placed) = '{day}'") == before
    assert [row[0] for row in shop.revenue()] == [str(day) for day in CATCHUP[:2]]


def test_a_run_of_the_same_day_again_leaves_the_same_rows(shop):
    shop.run(CATCHUP[0])
    before = shop.query("SELECT * FROM orders"), shop.query("SELECT * FROM revenue")

    shop.run(CATCHUP[0])

    assert (shop.query("SELECT * FROM orders"), shop.query("SELECT * FROM revenue")) == before


def test_several_days_in_one_run_bring_what_they_bring_one_by_one(shop, tmp_path):
    (tmp_path / "other").mkdir()
    together = Shop(tmp_path / "other")
    together.run(CATCHUP[0], days=3)

    for day in CATCHUP[2::-1]:
        shop.run(day)

    assert together.revenue() == shop.revenue()


def test_runs_may_write_at_the_same_time(shop):
    with ThreadPoolExecutor(max_workers=7) as pool:
        list(pool.map(shop.run, CATCHUP))

    assert shop.revenue() == shown(LOADING / "README.md", "What you will see in the file")


def test_a_step_that_fails_half_way_leaves_the_file_as_it_was(shop):
    shop.run(CATCHUP[0])
    before = shop.query("SELECT * FROM orders")
    load = shop.steps / "load.py"
    load.write_text(load.read_text().replace("shop.executemany", "raise SystemExit(1)  # "))

    with pytest.raises(subprocess.CalledProcessError):
        shop.run(CATCHUP[0])

    assert shop.query("SELECT * FROM orders") == before


def test_the_mended_revenue_is_the_one_of_the_readme(shop):
    for day in CATCHUP:
        shop.run(day)
    shop.deploy(BACKFILL)

    for day in CATCHUP:
        shop.run(day, tasks=read(BACKFILL / "reprocess.yaml")["spec"]["tasks"])

    assert shop.revenue() == shown(BACKFILL / "README.md", "The same days again")


def test_the_mended_revenue_is_in_euros(shop):
    shop.run(CATCHUP[0])
    before = shop.query("SELECT cents, currency FROM orders")
    shop.deploy(BACKFILL)

    shop.run(CATCHUP[0], tasks=["revenue"])

    worth = {"EUR": 1000, "USD": 862, "GBP": 1150, "SEK": 90}
    euros = sum(cents * worth[currency] for cents, currency in before) // 1000
    assert [row[2] for row in shop.revenue()] == [euros]
    assert euros != sum(cents for cents, _ in before)


def test_every_order_has_a_currency_that_is_converted(source):
    worth = set(re.findall(r"\('([A-Z]{3})', \d+\)", (BACKFILL / "steps/revenue.py").read_text()))

    assert worth == set(source.CURRENCIES)


def test_the_orders_of_a_year_are_those_of_its_days_each_in_its_own(source):
    year = list(source.of_year(2025))
    days = {order.placed[:10] for order in year}

    assert len(year) == 5754
    assert len(days) == 365
    assert len({order.id for order in year}) == len(year)
    assert [order.placed for order in year] == sorted(order.placed for order in year)


def test_an_interval_has_its_first_instant_and_not_its_last(source):
    first, *_, last = source.of_day(CATCHUP[0])

    found = source.between(first.placed, last.placed)

    assert found == source.of_day(CATCHUP[0])[:-1]


def test_the_steps_of_both_examples_are_shipped_to_the_cluster():
    for folder in (LOADING, BACKFILL):
        (generator,) = read(folder / "kustomization.yaml")["configMapGenerator"]
        files = sorted(f"steps/{file.name}" for file in (folder / "steps").glob("*.py"))
        assert (generator["name"], generator["files"]) == ("incremental-loading-steps", files)


def test_the_two_revenues_differ_in_nothing_but_the_sum_and_its_name():
    old, new = (
        (folder / "steps/revenue.py").read_text().splitlines() for folder in (LOADING, BACKFILL)
    )

    assert [line for line in old if line not in new] == [
        '"""Compute the revenue of each day of the interval."""',
        "# It adds kronor to euros. examples/backfill finds out, and mends the past.",
        "SELECT date(placed), count(*), sum(cents), :run",
        "FROM orders WHERE placed >= :start AND placed < :end",
        '        print(f"{day}: {orders} orders, {cents / 100:.2f}")',
    ]


def test_the_volumes_name_what_the_manifests_create():
    dag = read(LOADING / "dag.yaml")["spec"]["taskDefaults"]["podTemplate"]["spec"]
    report = read(LOADING / "report.yaml")["spec"]
    claims = {v["persistentVolumeClaim"]["claimName"] for v in report["volumes"]}
    claims |= {
        v["persistentVolumeClaim"]["claimName"] for v in dag["volumes"] if v["name"] == "data"
    }

    assert claims == {read(LOADING / "storage.yaml")["metadata"]["name"]}
    (generator,) = read(LOADING / "kustomization.yaml")["configMapGenerator"]
    assert dag["volumes"][0]["configMap"]["name"] == generator["name"]


@pytest.mark.parametrize("name", ["fill", "reprocess"])
def test_a_backfill_is_about_the_month_and_the_dag_of_the_story(name):
    spec = read(BACKFILL / f"{name}.yaml")["spec"]

    assert (spec["dagName"], spec["startTime"], spec["endTime"]) == (
        read(LOADING / "dag.yaml")["metadata"]["name"],
        "2025-12-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    )
