"""Names are for reading, fit, and are never given twice."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kubedag.core import naming

UID = "0b9d1c1e-3f6a-4c1d-9d70-6d2f6e0c9a11"


@pytest.mark.parametrize(
    ("run", "task", "map_index", "attempt", "name"),
    [
        pytest.param(
            "sales-20260131", "fetch-weather", None, 1,
            "sales-20260131-fetch-weather-1-",
            id="a name says the run, the task and the attempt",
        ),
        pytest.param(
            "sales-20260131", "fetch", 7, 2, "sales-20260131-fetch-7-2-", id="and the map index"
        ),
        pytest.param("a.b", "t", None, 1, "a-b-t-1-", id="a dot becomes a hyphen"),
        pytest.param(
            "r" * 30, "t" * 60, None, 1, "r" * 25 + "-" + "t" * 26 + "-1-",
            id="two long names share the room",
        ),
        pytest.param(
            "r" * 200, "load", None, 1, "r" * 47 + "-load-1-", id="a short task is kept in full"
        ),
        pytest.param(
            "run", "t" * 63, None, 1, "run-" + "t" * 48 + "-1-", id="a short run is kept in full"
        ),
        pytest.param(
            "r" * 24 + "-x" + "r" * 20, "t" * 60, None, 1, "r" * 24 + "-" + "t" * 27 + "-1-",
            id="no hyphen is left where a name was cut",
        ),
    ],
)  # fmt: skip
def test_a_pod_is_named_after_its_attempt(run, task, map_index, attempt, name):
    made = naming.pod_name(run, UID, task, map_index, attempt)
    assert (made[:-8], len(made) <= 63) == (name, True)


def test_the_name_of_a_pod_never_changes_because_it_is_the_lock():
    assert (
        naming.pod_name("sales-20260131", UID, "load", None, 1) == "sales-20260131-load-1-swysgb4e"
    )
    assert (
        naming.pod_name("sales-20260131", UID, "load", 0, 1) == "sales-20260131-load-0-1-rwmgpksa"
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("run", "uid-2", "task", None, 1), id="another run of the same name"),
        pytest.param(("run", "uid-1", "task", None, 2), id="another attempt"),
        pytest.param(("run", "uid-1", "task", 0, 1), id="one of many instead of the only one"),
        pytest.param(("run", "uid-1", "task-1", None, 1), id="another task"),
        pytest.param(("run", "uid-1", "task", 1, 1), id="index and attempt are not confused"),
    ],
)
def test_two_attempts_never_share_a_name(other):
    assert naming.pod_name("run", "uid-1", "task", None, 1) != naming.pod_name(*other)


def test_index_and_attempt_keep_their_places():
    assert naming.pod_name("r", UID, "t", 1, 12) != naming.pod_name("r", UID, "t", 11, 2)
    assert naming.pod_name("r", UID, "t-1", None, 1) != naming.pod_name("r", UID, "t", 1, 1)


def test_long_tasks_that_begin_alike_have_different_names():
    tasks = [f"{'extract-' * 6}{number:05}" for number in range(10_000)]
    assert len({naming.pod_name("r" * 60, UID, task, None, 1) for task in tasks}) == len(tasks)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2026-01-01T06:00", "2026-01-02T06:00", "sales-20260101t0600-1d"),
        ("2026-01-01T06:00", "2026-01-01T07:00", "sales-20260101t0600-1h"),
        ("2026-03-28T23:00", "2026-03-29T22:00", "sales-20260328t2300-23h"),
        ("2026-10-24T22:00", "2026-10-25T23:00", "sales-20261024t2200-1d1h"),
        ("2026-01-01T06:00", "2026-01-01T06:15", "sales-20260101t0600-15m"),
        ("2026-01-01", "2026-02-01", "sales-20260101t0000-31d"),
        ("1930-01-01T00:19:32", "1930-01-02T00:19:32", "sales-19300101t001932-1d"),
        ("2026-01-01T00:00", "2026-01-02T03:04:05", "sales-20260101t0000-1d3h4m5s"),
    ],
    ids=["day", "hour", "short day", "long day", "minutes", "month", "seconds", "every unit"],
)
def test_a_run_is_named_after_its_interval(start, end, name):
    assert naming.run_name("sales", utc(start), utc(end)) == name


def test_a_run_is_named_alike_whatever_the_time_zone_its_interval_is_told_in():
    zone = ZoneInfo("Asia/Kolkata")
    start, end = (utc(text).astimezone(zone) for text in ("2026-01-01T18:30", "2026-01-02T18:30"))
    assert naming.run_name("sales", start, end) == "sales-20260101t1830-1d"


def test_the_name_of_a_run_that_does_not_fit_is_cut_at_its_beginning_and_told_apart():
    start, end = utc("2026-01-01"), utc("2026-01-02")
    fits = naming.run_name("d" * 46, start, end)
    first, second = (naming.run_name("d" * 51 + last, start, end) for last in "ab")
    assert fits == "d" * 46 + "-20260101t0000-1d"
    assert first == "d" * 37 + "-20260101t0000-1d-w54qndux"
    assert (len(first), len(second), first == second) == (63, 63, False)


def test_a_revision_is_named_after_its_dag_and_its_content():
    assert naming.revision_name("sales", b"{}") == "sales-gkakwkdmgh"
    assert naming.revision_name("sales", b"{} ") != naming.revision_name("sales", b"{}")


def test_the_same_content_of_two_dags_is_two_revisions_though_both_names_are_cut():
    first, second = (naming.revision_name("d" * 60 + end, b"{}") for end in "ab")
    assert (len(first), first[:52]) == (63, second[:52])
    assert first != second


def test_an_event_is_named_after_what_it_tells_of_what():
    names = {
        naming.event_name("run", UID, "RunStarted", "a"),
        naming.event_name("run", UID, "RunStarted", "b"),
        naming.event_name("run", UID, "RunFinished", "a"),
        naming.event_name("run", "other", "RunStarted", "a"),
    }
    assert len(names) == 4
    assert len(naming.event_name("r" * 200, UID, "RunStarted", "a")) == 63
    assert {name[:4] for name in names} == {"run-"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("sales.2026", "sales.2026", id="a name that fits is its own label"),
        pytest.param("x" * 63, "x" * 63, id="up to the last character"),
    ],
)
def test_a_label_is_the_name_where_it_fits(name, value):
    assert naming.label_value(name) == value


def test_a_name_too_long_for_a_label_is_cut_and_told_apart():
    first, second = (naming.label_value("x" * 99 + end) for end in "ab")
    assert (len(first), first[:55]) == (63, "x" * 54 + "-")
    assert first != second


OURS = naming.revision_name("sales", b"{}")


@pytest.mark.parametrize(
    ("name", "labelled", "dag"),
    [
        pytest.param(OURS, "sales", "sales", id="as it was made"),
        pytest.param(OURS, "other", "sales", id="with an edited label"),
        pytest.param(OURS, "", "sales", id="without its label"),
        pytest.param(naming.revision_name("a.b", b"{}"), "a.b", "a.b", id="of a name with a dot"),
        pytest.param("by-hand", "sales", "sales", id="with a name that we do not give"),
    ],
)
def test_which_dag_a_revision_is_of_follows_from_its_name(name, labelled, dag):
    assert naming.dag_of_revision(name, labelled) == dag
