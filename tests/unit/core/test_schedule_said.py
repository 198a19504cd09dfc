"""What a DAG says of its schedule: how it is read, described and refused."""

import pytest

from kubedag.api.dag import DAGSpec
from kubedag.api.schedule import Schedule as Said
from kubedag.core import plan, schedule
from support import ticks
from support.clocks import AMSTERDAM, SYDNEY, ZURICH, at


def said(**fields):
    return Said.model_validate(fields)


def test_a_schedule_is_read():
    read = schedule.compile(
        said(
            crons=["0 6 * * *", "@daily"],
            timeZone=ZURICH,
            startTime="2026-01-01T00:00:00+01:00",
            endTime="2027-01-01T00:00:00Z",
        )
    )
    start, end = at("2025-12-31T23:00+00:00"), at("2027-01-01T00:00+00:00")
    expected = ticks.schedule_of("0 6 * * *", "@daily", zone=ZURICH, start=start, end=end)
    assert read == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"cron": "0 6 * * *"}, "0 6 * * * Etc/UTC", id="one"),
        pytest.param(
            {"crons": ["0  6 * * *", "0 18 * * *"], "timeZone": AMSTERDAM},
            "0 6 * * *, 0 18 * * * Europe/Amsterdam",
            id="several, in order",
        ),
    ],
)
def test_a_schedule_is_described(fields, expected):
    assert schedule.describe(schedule.compile(said(**fields))) == expected


def test_a_long_description_keeps_its_zone():
    every = ",".join(map(str, range(40)))
    of = schedule.compile(said(crons=[f"{every} {hour} * * *" for hour in range(8)]))
    text = schedule.describe(of)
    assert len(text) == 512
    assert text.endswith("… Etc/UTC")


def spec_with(**fields):
    task = {"name": "one", "image": "busybox", "command": ["true"]}
    return DAGSpec.model_validate({"tasks": [task], "schedule": fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"cron": "0 6 * * *", "timeZone": SYDNEY}, [], id="a good one"),
        pytest.param(
            {"crons": ["@daily", "0 0 * * *"]}, [], id="the same in other words is no mistake"
        ),
        pytest.param(
            {"cron": "0 0 30 2 *"}, [("spec.schedule.cron", "InvalidCron")], id="30 February"
        ),
        pytest.param(
            {"crons": ["@daily", "@reboot"]},
            [("spec.schedule.crons[1]", "InvalidCron")],
            id="one of several",
        ),
        pytest.param(
            {"cron": "x", "timeZone": "Europe/Nowhere"},
            [
                ("spec.schedule.cron", "InvalidCron"),
                ("spec.schedule.timeZone", "UnknownTimeZone"),
            ],
            id="everything at once",
        ),
    ],
)
def test_mistakes_of_a_schedule_are_those_of_its_dag(fields, expected):
    found = plan.validate(spec_with(**fields))
    assert [(problem.path, problem.reason) for problem in found] == expected
    assert all(problem.message.startswith("must ") for problem in found)


def test_a_plan_knows_its_schedule():
    compiled = plan.compile_plan("daily", spec_with(cron="@daily", timeZone=ZURICH))
    assert compiled.schedule == ticks.schedule_of("@daily", zone=ZURICH)
