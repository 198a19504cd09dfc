"""The page on control says what the operator does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kubedag.api import dag as api
from kubedag.core import decide_run, finals, plan, reasons_elsewhere, rows, shutdown, states, stops
from support import builders
from support.objects import a_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
SPECS = [
    yaml.safe_load(block)["spec"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


def table(title):
    """The rows of the table whose first line begins so."""
    body = PAGE[PAGE.index(f"\n| {title}") :].split("\n|---", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip("|").split("|") for line in body.split("\n")[1:]]
    return [[cell.strip().strip("`") for cell in line] for line in lines]


def ids(row):
    return " and ".join(row[:2])


@pytest.mark.parametrize("raw", SPECS, ids=str)
def test_what_it_shows_is_valid(raw):
    tasks, fields = raw.get("tasks") or [a_task()], {k: v for k, v in raw.items() if k != "tasks"}
    assert plan.validate(builders.a_spec(*tasks, **fields)) == ()


@pytest.mark.parametrize("row", table("the setup"), ids=ids)
def test_a_teardown_does_what_the_table_says(row):
    setup, between, teardown = row
    spec = next(spec for spec in SPECS if "teardownOf" in str(spec))
    of = builders.a_plan(*spec["tasks"])
    became = [builders.a_row("create-database", setup), builders.a_row("query", between)]
    status = builders.a_status(*became, builders.a_row("drop-database"))
    found = decide_run.decide(builders.a_snapshot(of, status=status), builders.at(20))
    expected = {"runs": states.QUEUED, "waits": states.WAITING}.get(teardown, teardown)
    assert found.status.tasks[2].state == expected


BECAUSE = table("because of")
LAST = builders.a_plan(a_task("a"), **{"finally": [a_task("tidy")]})


def test_every_stop_that_a_run_can_come_to_is_in_the_table():
    said = {row[1] for row in BECAUSE}
    assert said == {*stops.STOPS.values()} - {stops.RUN_MARKED}


@pytest.mark.parametrize("row", BECAUSE, ids=lambda row: row[1])
def test_a_stopped_run_ends_as_the_table_says(row):
    _, stop, end, told = row
    condition = rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, stops.reason(stop, None))

    def decided(last):
        tasks = (builders.a_row("a", "Failed"), builders.a_row("tidy", last))
        status = builders.a_status(*tasks, conditions=(condition,))
        return decide_run.decide(builders.a_snapshot(LAST, status=status), builders.at(20))

    ended = decided("Skipped").status.condition(rows.SUCCEEDED_CONDITION)
    assert (ended.status, ended.reason) == ("False", end)
    assert [one.run_state for one in decided("Waiting").actions] == [told] * bool(told)


def test_the_values_of_the_run_state_are_these():
    said = {row[0] for row in table("value")}
    assert said == {finals.SUCCEEDED, finals.FAILED, finals.STOPPED}


def test_the_numbers_are_those_that_hold():
    assert shutdown.TIDYING_SECONDS_MAX == 600
    assert "**Ten minutes** is what" in PAGE
    assert f"at most {api.FINALLY_MAX} of them" in PAGE


def test_the_words_of_the_page_are_reasons():
    names = {reason.name for reason in reasons_elsewhere.ALL}
    assert {row[1] for row in BECAUSE} | {row[2] for row in BECAUSE} | {"Late", "RunLate"} <= names
