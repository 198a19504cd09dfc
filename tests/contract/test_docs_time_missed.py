"""What the page on time says of intervals that were missed: each cell of its table is lived through."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path

import pytest

from kubedag.api import schedule as api
from kubedag.core import instants, pauses, rows
from support import backfills, pages
from support.scheduled_dag import ScheduledDAG

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
TABLE = pages.table(PAGE, "what happened")
SUNDAY = instants.parse("2026-01-04T00:00:00Z")
DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri")
NAMES = {"Sunday": 0, "Monday": 1, "Tuesday": 2, "Wednesday": 3, "Thursday": 4, "Friday": 5}


def when(words):
    """The instant of `Tuesday 12:00`, in the week of the table."""
    day, clock = words.split()
    hours, minutes = clock.split(":")
    return SUNDAY + timedelta(days=NAMES[day], hours=int(hours), minutes=int(minutes))


NOBODY = "\N{EN DASH}"
NOON = when("Friday 12:00")
MODES = {
    "None": {"catchup": "None"},
    "Latest": {"catchup": "Latest"},
    "All": {"catchup": "All"},
    "All, `catchupLimit: 1`": {"catchup": "All", "catchupLimit": 1},
}


def stamp(words):
    return instants.text(when(words))


def a_daily(mode, created="Sunday 00:00", cron="@daily", **fields):
    """The DAG of the table, which has worked since before the week began."""
    return ScheduledDAG(stamp(created), {"cron": cron, **mode, **fields})


def working(mode, until, **fields):
    dag = a_daily(mode, **fields)
    dag.up(SUNDAY, when(until))
    return dag


def told(dag, before=()):
    """The days whose runs were created, but for those that were there before."""
    return " ".join(
        DAYS[(instants.parse(run.interval_start) - SUNDAY).days]
        for name, run in dag.runs.items()
        if name not in before
    )


def created_on_friday(mode, start=None):
    dag = a_daily(mode, "Friday 09:00", **({"startTime": stamp(start)} if start else {}))
    dag.up(when("Friday 09:00"), NOON)
    return dag, ()


def replaced(mode, begin, end):
    dag = working(mode, begin)
    before = set(dag.runs)
    dag.status, dag.created = rows.DAGStatus(), stamp(end)
    dag.up(when(end), NOON)
    return dag, before


def down(mode, begin, end, **fields):
    dag = working(mode, begin, **fields)
    before = set(dag.runs)
    dag.up(when(end), NOON)
    return dag, before


def suspended(mode, begin, end=None, *, also_down=False):
    dag = working(mode, begin)
    before = set(dag.runs)
    dag.suspend = True
    if not also_down:
        dag.up(when(begin), when(end) if end else NOON)
    if end:
        dag.suspend = False
        dag.up(when(end), NOON)
    return dag, before


def was(mode, cron, until):
    dag = working(mode, until, cron=cron)
    before = set(dag.runs)
    dag.edit(dag.schedule | {"cron": "@daily"})
    dag.up(when(until), NOON)
    return dag, before


TUESDAY = ("Tuesday 12:00", "Friday 10:00")
"""Down as above."""
HAPPENINGS = (
    (r"created on Friday 09:00, without `startTime`", created_on_friday),
    (r"created on Friday 09:00, `startTime` is on (\w+ \S+)", created_on_friday),
    (
        r"deleted on (\w+ \S+) with its runs left, and created again on (\w+ \S+)",
        replaced,
    ),
    (r"the operator was down from (\w+ \S+) to (\w+ \S+)", down),
    (r"suspended from (\w+ \S+) to (\w+ \S+)", suspended),
    (r"suspended since (\w+ \S+)", suspended),
    (
        r"suspended and the operator was down, both from (\w+ \S+) to (\w+ \S+)",
        lambda mode, *words: suspended(mode, *words, also_down=True),
    ),
    (
        r"down as above, and `startingDeadlineSeconds: (\d+)` \(.*\)",
        lambda mode, most: down(mode, *TUESDAY, startingDeadlineSeconds=int(most)),
    ),
    (
        r"`endTime` was on (\w+ \S+), and down from (\w+ \S+) to (\w+ \S+)",
        lambda mode, end, *words: down(mode, *words, endTime=stamp(end)),
    ),
    (r"was `(@\w+)` until (\w+ \S+)", was),
)
CELLS = [
    (row[0], mode, cell)
    for row in TABLE.rows
    for mode, cell in zip(TABLE.header[1:], row[1:], strict=True)
]


def happened(words, mode):
    """The story of a row."""
    for pattern, story in HAPPENINGS:
        match = re.fullmatch(pattern, words)
        if match is not None:
            return story(MODES[mode], *match.groups())
    raise AssertionError(f"nobody knows how to do this: {words}")


@pytest.mark.parametrize(
    ("words", "mode", "cell"), CELLS, ids=[f"{mode}: {words}" for words, mode, _ in CELLS]
)
def test_those_days_run_that_the_table_says(words, mode, cell):
    dag, before = happened(words, mode)

    assert told(dag, before) == ("" if cell == NOBODY else cell)


def test_the_table_has_every_mode_and_every_way_to_miss_an_interval():
    assert set(TABLE.header[1:]) == set(MODES)
    words = " ".join(row[0] for row in TABLE.rows)
    assert all(way in words for way in ("startTime", "down", "suspended", "was `@"))


def told_as_events(dag):
    return [note.reason for note in dag.events]


@pages.claim(
    "What does not run is skipped: `status.lastSkipped` has how many and why, and an Event "
    "`IntervalsSkipped` says it once."
)
@pytest.mark.parametrize(
    ("mode", "count", "reason"), [("None", 3, "CatchupNone"), ("Latest", 2, "CatchupLatest")]
)
def test_what_does_not_run_is_told(mode, count, reason):
    dag, _ = down(MODES[mode], *TUESDAY)

    skipped = dag.status.last_skipped

    assert (skipped.start_time, skipped.intervals, skipped.reason) == (
        stamp("Tuesday 00:00"),
        count,
        reason,
    )
    assert told_as_events(dag).count("IntervalsSkipped") == 1


@pages.claim("A Backfill can still run what was skipped.")
def test_a_backfill_runs_what_was_skipped():
    dag, _ = down(MODES["Latest"], *TUESDAY)
    dag.plan = dataclasses.replace(dag.plan, max_active_runs=10)
    wish = dataclasses.replace(
        backfills.a_wish(), start_time=stamp("Sunday 00:00"), end_time=stamp("Friday 00:00")
    )

    decision = backfills.decide(backfills.a_backfill(wish, *dag.runs.values(), plan=dag.plan))

    skipped = [stamp("Tuesday 00:00"), stamp("Wednesday 00:00")]
    assert backfills.starts(decision.actions) == [("create", start) for start in skipped]


@pages.claim(
    "`catchup` is `Latest` if you do not say, and `catchupLimit` is 100; it does not count the newest "
    "interval, which is due and not missed."
)
def test_catchup_is_latest_and_the_limit_does_not_count_the_newest():
    plain = api.Schedule(cron="@daily")
    assert (str(plain.catchup), plain.catchup_limit) == ("Latest", 100)

    dag, before = down({"catchup": "All", "catchupLimit": 2}, *TUESDAY)

    assert told(dag, before) == "Tue Wed Thu"


def late_by(seconds, mode, **fields):
    """The days that run when the operator comes back so long after midnight."""
    dag = working(mode, "Thursday 12:00", **fields)
    before = set(dag.runs)
    dag.look(when("Friday 00:00") + timedelta(seconds=seconds))
    return told(dag, before)


@pages.claim(
    "With `None`, a run is created if that happens within 300 seconds of the end of its interval, or "
    "within `startingDeadlineSeconds`."
)
def test_with_none_a_run_is_created_for_a_while():
    none = MODES["None"]

    assert [late_by(300, none), late_by(301, none)] == ["Thu", ""]
    assert [late_by(s, none, startingDeadlineSeconds=900) for s in (900, 901)] == ["Thu", ""]


@pages.claim("`startingDeadlineSeconds` holds for all three.")
@pytest.mark.parametrize("mode", MODES)
def test_a_deadline_holds_for_all_modes(mode):
    found = [late_by(s, MODES[mode], startingDeadlineSeconds=60) for s in (60, 61)]

    assert found == ["Thu", ""]


@pages.claim(
    "The run of the newest interval is `Scheduled`, those of older ones are `Catchup`; the oldest "
    "comes first."
)
def test_older_intervals_are_caught_up_on_in_order():
    dag, before = down(MODES["All"], *TUESDAY)

    types = [run.run_type for name, run in dag.runs.items() if name not in before]

    assert types == ["Catchup", "Catchup", "Scheduled"]
    assert told(dag, before) == "Tue Wed Thu"


@pages.claim(
    "When a schedule has changed, an Event `ScheduleChanged` says so; the first interval of the new one "
    "is that in which the handled time ends; it may have begun before, so no data is left out."
)
def test_the_first_interval_of_a_new_schedule_begins_where_the_old_one_ended_or_before():
    dag, before = was(MODES["All"], "@hourly", "Friday 10:00")
    dag.up(NOON, when("Friday 12:00") + timedelta(days=1))

    (new,) = [run for name, run in dag.runs.items() if name not in before]

    assert "ScheduleChanged" in told_as_events(dag)
    assert dag.runs[max(before)].interval_end == stamp("Friday 10:00")
    assert (new.interval_start, new.interval_end) == (
        stamp("Friday 00:00"),
        "2026-01-10T00:00:00Z",
    )


@pages.claim(
    "At most 100 runs of a schedule wait to start; no more are created until some have started, and "
    "none is lost."
)
def test_a_hundred_runs_wait_and_the_others_come_later():
    dag = a_daily(MODES["All"] | {"catchupLimit": 1000}, cron="*/15 * * * *")
    dag.look(SUNDAY)
    dag.run_state = ""
    dag.look(when("Tuesday 00:00"))

    waiting = len(dag.runs)
    said = dag.scheduled.reason
    for name, run in list(dag.runs.items()):
        dag.add(name, run.run_type, run.interval_start, run.interval_end, SUNDAY, "Succeeded")
    dag.look(when("Tuesday 00:00"))

    assert (waiting, said) == (pauses.UNSTARTED_MAX, "TooManyQueued") == (100, "TooManyQueued")
    assert len(dag.runs) == 2 * 24 * 4
    assert dag.scheduled.status == rows.TRUE


@pages.claim("Without `startTime`, the first interval is the one in which the DAG was created.")
def test_a_dag_without_a_start_begins_with_the_interval_that_it_was_created_in():
    dag, _ = created_on_friday(MODES["All"])
    assert dag.runs == {}
    dag.look(when("Friday 00:00") + timedelta(days=1))

    assert told(dag) == "Fri"


@pages.claim(
    "A DAG that is deleted and created again goes on after the last scheduled run that is left of "
    "the one before it, so nothing is lost when a tool replaces it."
)
def test_a_dag_that_is_created_again_goes_on_after_the_runs_that_are_left():
    dag, before = replaced(MODES["All"], "Tuesday 12:00", "Friday 09:00")
    assert told(dag, before) == "Tue Wed Thu"


@pages.claim("What has its run already, from a Backfill for example, is not skipped.")
def test_what_has_its_run_is_not_skipped():
    dag = working(MODES["Latest"], "Tuesday 12:00")
    dag.add("x", "Backfill", stamp("Tuesday 00:00"), stamp("Thursday 00:00"), NOON)
    dag.look(NOON)

    assert (dag.status.last_skipped, list(dag.runs)[-2]) == (None, "x")
    assert "IntervalsSkipped" not in told_as_events(dag)


@pages.claim("A run is created when its interval has ended, and never before.")
def test_a_run_is_created_when_its_interval_has_ended():
    dag = working(MODES["Latest"], "Wednesday 23:59")
    before = set(dag.runs)

    dag.look(when("Thursday 00:00") - timedelta(seconds=1))
    early = told(dag, before)
    dag.look(when("Thursday 00:00"))

    assert (early, told(dag, before)) == ("", "Wed")


@pages.claim(
    "`spec.suspend` creates no scheduled runs, and holds back those that have not started."
)
def test_a_suspended_dag_gets_no_runs():
    dag, before = suspended(MODES["All"], "Tuesday 12:00")

    assert told(dag, before) == ""
    assert (dag.scheduled.status, dag.scheduled.reason) == (rows.FALSE, "Suspended")


@pages.claim(
    "With `suspendAfterConsecutiveFailures: 3`, three runs in a row that failed have the same effect, "
    "until one succeeds or the DAG is changed; the condition `Scheduled` says `TooManyFailures`."
)
@pytest.mark.parametrize("mended_by", ["success", "change"])
def test_after_failures_nothing_is_scheduled_until_something_has_changed(mended_by):
    spec = {"suspendAfterConsecutiveFailures": 3}
    dag = ScheduledDAG(instants.text(SUNDAY), {"cron": "@daily"}, **spec)
    dag.run_state = "Failed"
    dag.up(SUNDAY, when("Friday 10:00"))
    assert (told(dag), dag.scheduled.reason) == ("Sun Mon Tue", "TooManyFailures")

    dag.run_state = "Succeeded"
    if mended_by == "success":
        hand = instants.text(when("Friday 10:00"))
        dag.add("by-hand", "Manual", hand, hand, when("Friday 10:00"))
        before = set(dag.runs)
    else:
        before = set(dag.runs)
        dag.edit(dag.schedule, description="mended", **spec)
    dag.look(when("Friday 10:01"))

    assert told(dag, before) == "Thu"
    assert dag.scheduled.status == rows.TRUE


@pages.claim(
    "Runs of a Backfill do not count for it, and neither do runs that a Backfill has run again."
)
@pytest.mark.parametrize(
    ("run_type", "rerun_id"),
    [("Backfill", ""), ("Catchup", "backfill-01234567-89ab-cdef-0123-456789abcdef")],
    ids=["its own", "run again"],
)
def test_failures_of_a_backfill_do_not_count(run_type, rerun_id):
    dag = ScheduledDAG(
        instants.text(SUNDAY), {"cron": "@daily"}, suspendAfterConsecutiveFailures=1
    )
    dag.look(SUNDAY)
    dag.add("old", run_type, "2025-12-01T00:00:00Z", "2025-12-02T00:00:00Z", SUNDAY, "Failed")
    dag.runs["old"] = dag.runs["old"]._replace(rerun_id=rerun_id)
    before = set(dag.runs)

    dag.look(when("Monday 00:00"))

    assert told(dag, before) == "Sun"
