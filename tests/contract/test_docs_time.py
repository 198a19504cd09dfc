"""The page on time: each row of its tables is a case, and is decided by the code that it is about."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from kubedag.api import crds
from kubedag.api import schedule as api
from kubedag.core import instants, naming, podspec, zones
from kubedag.core import schedule as schedules
from support import builders, pages
from support.objects import a_task

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
INSTANT = timedelta(seconds=1)


def rows(*header):
    """The rows of a table as cases, called by their first cells."""
    found = pages.table(PAGE, *header).rows
    return pytest.mark.parametrize("row", found, ids=[" ".join(row[:2]) for row in found])


def a_schedule(*crons, zone="Etc/UTC"):
    return schedules.compile(api.Schedule(crons=crons, time_zone=zone))


def following(schedule, start, count):
    """So many instants of a schedule from one on."""
    found = [schedule.after(start - INSTANT)]
    while len(found) < count:
        found.append(schedule.after(found[-1]))
    return found


# --- The drawing ------------------------------------------------------------------------------

DAY_WIDTH = 24
MARGIN = 12


def line(label, texts, first=0):
    """A line of the drawing: a text at the beginning of each day."""
    columns = {MARGIN + DAY_WIDTH * (first + day): text for day, text in enumerate(texts)}
    drawn = label
    for column, text in columns.items():
        drawn = drawn.ljust(column) + text
    return drawn


def drawing():
    """Three days of data, and the three runs that come after them."""
    schedule = a_schedule("@daily")
    monday = instants.parse("2026-01-05T00:00:00Z")
    days = schedules.intervals(schedule, monday, monday + timedelta(days=3), 10)
    ends = [day.end for day in days]
    return "\n".join(
        [
            line("data", [f"{day.start:%a} {day.start.day} {day.start:%B}" for day in days]),
            line("", ["|".ljust(DAY_WIDTH, "-")] * len(days) + ["|"]),
            line("clock", [f"{at:%H:%M}" for at in (days[0].start, *ends)]),
            line("runs", ["#####"] * len(days), first=1),
            line("", [naming.run_name("sales", *day) for day in days], first=1),
        ]
    )


def test_the_two_clocks_are_drawn_as_the_schedule_has_them():
    assert drawing() in PAGE


SCHEMAS = [
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for crd in crds.all_manifests().values()
]


def leads_somewhere(path, schema):
    node = schema
    for name in path.split("."):
        node = node.get("properties", {}).get(name)
        if node is None:
            return False
    return True


def fields():
    """Every field of the API by its name, wherever it is."""
    pending, found = list(SCHEMAS), {}
    while pending:
        node = pending.pop()
        for name, child in node.get("properties", {}).items():
            found.setdefault(name, []).append(child)
            pending.append(child)
        pending += [node["items"]] if "items" in node else []
    return found


def test_every_path_that_the_page_names_leads_somewhere():
    named = set(re.findall(r"`((?:spec|status)(?:\.[a-zA-Z]+)+)`", PAGE))

    lost = {p for p in named if not any(leads_somewhere(p, schema) for schema in SCHEMAS)}

    assert lost == set()
    assert len(named) > 8


def test_the_times_of_an_attempt_are_those_of_its_status():
    (row,) = [
        row for row in pages.table(PAGE, "", "its data is about").rows if row[0] == "an attempt"
    ]

    lists = [node for node in fields()["attempts"] if "items" in node]
    assert lists
    for node in lists:
        assert set(pages.code(row[2])) <= set(node["items"]["properties"])


@pytest.mark.parametrize("first", ["Airflow 3", "CronJob"])
def test_what_others_have_is_here_where_the_page_says(first):
    table = pages.table(PAGE, first)
    here = [row[table.header.index("here")] for row in table.rows]
    named = [code.removeprefix("spec.") for cell in here for code in pages.code(cell)]
    known = fields()

    for code in named:
        field, _, value = code.partition(": ")
        assert field in known or field == "Backfill"
        assert not value or any(value in node.get("enum", ()) for node in known[field])


@pytest.mark.parametrize("first", ["Airflow 3", "CronJob"])
def test_what_is_had_without_saying_so_is_what_the_page_says(first):
    table = pages.table(PAGE, first)
    known = fields()
    said = {
        field: re.match(r"(\w+), if you do not say", row[-1])[1]
        for row in table.rows
        for field in pages.code(row[table.header.index("here")])
        if "if you do not say" in row[-1]
    }

    assert said
    for field, default in said.items():
        assert default in {str(node.get("default")) for node in known[field]}


def test_the_schedule_that_is_shown_has_every_field_of_one():
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    schedule = api.Schedule.model_validate(yaml.safe_load(shown)["schedule"])

    assert list(schedules.problems(schedule)) == []
    assert set(yaml.safe_load(shown)["schedule"]) >= {"cron", "timeZone", "startTime", "endTime"}


# --- Schedules --------------------------------------------------------------------------------


@rows("schedule", "first")
def test_the_instants_of_a_schedule_are_those_of_the_table(row):
    told, *cells = row
    schedule = a_schedule(*pages.code(told))
    expected = [instants.parse(f"2026-{cell.replace(' ', 'T')}:00Z") for cell in cells]

    found = following(schedule, instants.parse("2026-01-01T00:00:00Z"), len(cells))

    assert found == expected


@rows("cron", "time zone", "what must be")
def test_a_schedule_that_cannot_be_meant_is_refused_with_these_words(row):
    (cron,), (zone,), words = pages.code(row[0]), pages.code(row[1]), row[2]

    said = [str(one) for one in schedules.problems(api.Schedule(cron=cron, time_zone=zone))]

    assert len(said) == 1
    assert words in said[0]


@rows("cron", "time zone", "what the clock does")
def test_the_instants_around_a_change_of_the_clock_are_those_of_the_table(row):
    (cron,), (zone,) = pages.code(row[0]), pages.code(row[1])
    schedule = a_schedule(cron, zone=zone)
    expected = row[3].split(", ")

    found = following(schedule, datetime.fromisoformat(expected[0]), len(expected))

    clock = zones.load(zone)
    assert [at.astimezone(clock).isoformat(timespec="minutes") for at in found] == expected
    assert [schedule.before(at) for at in found[1:]] == found[:-1]


def test_the_table_has_the_zones_that_are_hardest():
    table = pages.table(PAGE, "cron", "time zone", "what the clock does")

    assert {pages.code(row[1])[0] for row in table.rows} >= {
        "America/New_York",
        "Australia/Lord_Howe",
        "Europe/Zurich",
        "Pacific/Apia",
    }


# --- Names and what a task is told ------------------------------------------------------------


@rows("DAG", "from", "to", "name")
def test_a_run_is_called_what_the_table_says(row):
    dag, start, end, name = row

    assert [naming.run_name(dag, instants.parse(start), instants.parse(end))] == pages.code(name)


def a_pod(run_type="Scheduled", params=(), interval=True):
    """The Pod of the run that the page speaks of."""
    run = podspec.RunIdentity(
        name="sales-20260101t0600-1d",
        namespace="shop",
        uid="uid",
        revision="sales-abcdefghij",
        run_type=run_type,
        logical_time="2026-01-01T06:00:00Z",
        interval_start="2026-01-01T06:00:00Z" if interval else None,
        interval_end="2026-01-02T06:00:00Z" if interval else None,
        params=params,
    )
    plan = builders.a_plan(a_task("load"))
    return podspec.build(dataclasses.replace(plan, dag_name="sales"), plan.tasks[0], run, 1)


def environment(pod):
    (container,) = pod["spec"]["containers"]
    return {item["name"]: item["value"] for item in container["env"]}


def test_a_task_finds_in_its_environment_what_the_table_says():
    table = pages.table(PAGE, "variable", "value")
    expected = {pages.code(row[0])[0]: pages.code(row[1])[0] for row in table.rows}

    assert environment(a_pod(params=(("region", "eu"),))) == expected


@rows("on the Pod", "key")
def test_a_pod_says_what_the_table_says(row):
    kind, (key,), (value,) = row[0], pages.code(row[1]), pages.code(row[2])

    assert a_pod()["metadata"][f"{kind}s"][key] == value


@pages.claim(
    "A run that was made by hand without an interval has neither `KUBEDAG_DATA_INTERVAL_START` nor "
    "`_END`."
)
def test_a_run_without_an_interval_has_no_variables_for_it():
    found = environment(a_pod("Manual", interval=False))

    assert not {name for name in found if "INTERVAL" in name}


# --- The whole page --------------------------------------------------------------------------------


def test_every_item_of_a_list_is_what_a_test_is_about():
    files = Path(__file__).parent.glob("test_docs_time*.py")

    assert sorted(set(pages.claims(*files))) == sorted(pages.bullets(PAGE))


def test_every_table_is_one_that_a_test_reads():
    sources = [file.read_text() for file in Path(__file__).parent.glob("test_docs_time*.py")]
    read = {
        words.split(", ")[0].strip('"')
        for source in sources
        for words in re.findall(r'(?:rows|table)\((?:PAGE, )?("[^)]*")\)', source)
    } | {"Airflow 3", "CronJob"}

    assert {table.header[0] for table in pages.tables(PAGE)} == read
