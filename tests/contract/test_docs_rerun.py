"""What the page on reruns and marks claims, asked of the code that decides about them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from kubedag.api import control
from kubedag.core import decide_run, rows, snapshot
from support import builders, objects, pages

PAGE = (Path(__file__).parents[2] / "docs" / "rerun.md").read_text(encoding="utf-8")
NAMES = ("extract", "load", "report")
CHAIN = builders.a_chain(*NAMES)
FORKED = builders.a_plan(
    objects.a_task("load"),
    objects.a_task("report", dependsOn=["load"]),
    objects.a_task("fallback", dependsOn=["load"], triggerRule="AllFailed"),
)
NOW = builders.at(1000)
NOBODY = "\N{EN DASH}"


def a_row(name, state, **fields):
    if state in ("UpstreamFailed", "Skipped", "Waiting"):
        rule = {"UpstreamFailed": "UpstreamFailed", "Skipped": "TriggerRule"}.get(state, "")
        return builders.a_row(name, state, **{"reason": rule} | fields)
    log = rows.LogTail("None") if state == "Failed" else None
    attempt = builders.an_attempt(1, state, task=name, finish_time=builders.stamp(50), log=log)
    return builders.a_row(name, state, attempt=1, attempts=(attempt,), **fields)


def an_end(plan, *states, reason=""):
    tasks = [a_row(task.name, state) for task, state in zip(plan.tasks, states, strict=True)]
    return builders.a_finished_status(*tasks, succeeded="Failed" not in states, reason=reason)


DONE = an_end(CHAIN, "Succeeded", "Succeeded", "Succeeded")
FAILED = an_end(CHAIN, "Succeeded", "Failed", "UpstreamFailed")
BROKEN = an_end(FORKED, "Failed", "UpstreamFailed", "Succeeded")
FINE = an_end(FORKED, "Succeeded", "Succeeded", "Skipped")


def decided(plan, status, *pods, now=NOW, **spec):
    run = builders.run_facts(builders.RUN, **spec)
    return decide_run.decide(builders.a_snapshot(plan, *pods, status=status, run=run), now).status


def a_mark(state="Succeeded", id_="1"):
    return snapshot.MarkRequest(id_, state, "ann@example.com", "loaded by hand")


def begun(status):
    return [row.name for row in status.tasks if row.state in {"Waiting", "Queued"}]


def state_of(status, name):
    return next(row.state for row in status.tasks if row.name == name)


def verdict(status):
    told = status.condition("Succeeded")
    return told.status, told.reason


# --- Reruns ----------------------------------------------------------------------------------


def test_every_field_is_told_of():
    table = pages.table(PAGE, "field", "")
    assert {name for row in table.rows for name in pages.code(row[0])} == {
        field.alias or name for name, field in control.Rerun.model_fields.items()
    } - {"tasks"}


CHOICES = pages.table(PAGE, "`scope`", "`include`")
CELLS = [
    (row[0], row[1], head, cell)
    for row in CHOICES.rows
    for head, cell in zip(CHOICES.header[2:], row[2:], strict=True)
]


@pytest.mark.parametrize(
    ("scope", "include", "head", "cell"), CELLS, ids=[" ".join(one[:3]) for one in CELLS]
)
def test_these_tasks_run_again(scope, include, head, cell):
    (scope,), (include,) = pages.code(scope), pages.code(include)
    tasks = ("load",) if scope == "Tasks" else ()
    wish = snapshot.RerunRequest("1", scope, tasks, include=include)

    found = begun(decided(CHAIN, FAILED if "failed" in head else DONE, rerun=wish))

    assert ", ".join(found) == ("" if cell == NOBODY else cell)


def test_a_dry_run_says_what_the_page_says():
    wish = snapshot.RerunRequest("2", "Failed", dry_run=True)

    told = decided(CHAIN, FAILED, rerun=wish).condition("RerunPending")

    assert told.reason == "DryRun"
    assert f"`{told.message}`" in PAGE
    real = wish._replace(dry_run=False)
    assert begun(decided(CHAIN, decided(CHAIN, FAILED, rerun=wish), rerun=real)) == [
        "load", "report",
    ]  # fmt: skip


def test_a_run_that_is_to_be_shut_down_does_not_run_again():
    wish = snapshot.RerunRequest("1", "All")

    told = decided(CHAIN, DONE, rerun=wish, shutdown="Stop").condition("RerunPending")

    assert f"`RerunPending` has the reason `{told.reason}`." in PAGE


@pages.claim(
    "A run remembers the last 20 wishes that were fulfilled, in `status.rerun.fulfilled`, and fulfils "
    "none of them again, whatever else was asked for since."
)
def test_a_manifest_may_be_applied_whatever_was_asked_for_since():
    status = DONE
    for number in range(20):
        wish = snapshot.RerunRequest(f"p{number}", "Failed")
        status = decided(CHAIN, status, rerun=wish)
    assert status.rerun.number == len(status.rerun.fulfilled) == 20
    assert decided(CHAIN, status, rerun=snapshot.RerunRequest("p0", "Failed")) == status


@pages.claim(
    "If an `id` that was fulfilled is used for something else, nothing runs again, and `RerunPending` "
    "is `False` with the reason `AlreadyDone`."
)
def test_an_id_is_for_one_thing():
    status = decided(CHAIN, DONE, rerun=snapshot.RerunRequest("1", "Failed"))
    found = decided(CHAIN, status, rerun=snapshot.RerunRequest("1", "All"))
    told = found.condition("RerunPending")
    assert (told.status, told.reason, begun(found)) == ("False", "AlreadyDone", [])


@pages.claim(
    "The API server refuses an `id` that begins with `mark:`, as `status.rerun.id` does where a run "
    "went on only because of a mark."
)
def test_an_id_that_begins_like_those_of_marks_is_refused():
    with pytest.raises(ValueError, match="must not begin with 'mark:'"):
        control.Rerun(id="mark:1")
    assert decided(FORKED, BROKEN, marks={"load": a_mark()}).rerun.id == "mark:1"


@pages.claim(
    "A run that is created with `spec.rerun` runs, and once it has ended it runs again: leave the "
    "wish out until there is something to run again."
)
def test_a_wish_of_a_run_that_has_not_started_waits_for_its_end():
    wish = snapshot.RerunRequest("1", "All")
    told = decided(CHAIN, rows.RunStatus(), rerun=wish).condition("RerunPending")
    assert (told.status, told.reason) == ("True", "RunActive")
    assert begun(decided(CHAIN, DONE, rerun=wish)) == [*NAMES]


def test_a_manifest_with_every_field_takes_the_place_of_any_other():
    (full,) = [
        one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "tasks: []" in one
    ]
    wish = yaml.safe_load(full)["spec"]["rerun"]
    assert wish.keys() == {
        field.alias or name for name, field in control.Rerun.model_fields.items()
    }
    assert control.Rerun.model_validate(wish).tasks == ()
    with pytest.raises(ValueError, match="must name tasks") as refused:
        control.Rerun.model_validate(wish | {"tasks": ["load"]})
    message = refused.value.errors()[0]["msg"]
    assert f"`spec.rerun.tasks: {message}`" in PAGE


# --- Marks of tasks --------------------------------------------------------------------------


def test_it_is_said_who_and_why():
    (row, *_) = decided(FORKED, BROKEN, marks={"load": a_mark()}).tasks
    assert f"says `{row.message}`;" in PAGE


STORIES = {
    "waits, or is between two attempts": (
        builders.a_status(a_row("load", "Waiting"), a_row("report", "Waiting"), a_row("fallback", "Waiting")),
        (), "Succeeded",
    ),
    "has a Pod": (
        builders.a_status(a_row("load", "Running"), a_row("report", "Waiting"), a_row("fallback", "Waiting")),
        (builders.a_pod("load", 1, "Running"),), "Terminating",
    ),
    "has ended": (BROKEN, (), "Succeeded"),
}  # fmt: skip


def test_the_page_tells_of_these_tasks():
    assert [row[0] for row in pages.table(PAGE, "the task").rows] == list(STORIES)


@pytest.mark.parametrize(("status", "pods", "state"), STORIES.values(), ids=STORIES)
def test_a_mark_is_set_at_once_or_when_the_pod_has_ended(status, pods, state):
    found = decided(FORKED, status, *pods, marks={"load": a_mark()})
    assert (state_of(found, "load"), found.tasks[0].mark.id) == (state, "1")


FOLLOWS = [
    (story, *row)
    for story, table in zip(
        (BROKEN, FINE),
        [one for one in pages.tables(PAGE) if one.header[0] == "`load` is marked"],
        strict=True,
    )
    for row in table.rows
]
WORDS = {"runs": {"Queued"}, "is skipped": {"Skipped"}}


@pytest.mark.parametrize(
    ("status", "state", "report", "fallback", "run"),
    FOLLOWS,
    ids=[f"{'failed' if one[0] is BROKEN else 'succeeded'} {one[1]}" for one in FOLLOWS],
)
def test_what_depends_on_it_follows(status, state, report, fallback, run):
    found = decided(FORKED, status, marks={"load": a_mark(*pages.code(state))})

    for name, said in (("report", report), ("fallback", fallback)):
        assert state_of(found, name) in WORDS.get(said, {state_of(status, name)})
    assert found.finished == (run != "goes on")
    if found.finished:
        assert found.succeeded == (run == "has succeeded")


@pages.claim(
    "What has succeeded, or has failed by itself, never runs again because of a mark; a rerun is for "
    "that. Only the tasks of `finally` do, after what the mark has let run."
)
def test_what_has_succeeded_stays_but_for_what_comes_last():
    plan = builders.a_plan(
        objects.a_task("load"),
        objects.a_task("report", dependsOn=["load"]),
        objects.a_task("other"),
        **{"finally": [objects.a_task("tidy")]},
    )
    status = an_end(plan, "Failed", "UpstreamFailed", "Succeeded", "Succeeded")
    found = decided(plan, status, marks={"load": a_mark()})
    assert begun(found) == ["report", "tidy"]


@pages.claim(
    "A run that was ended from outside, such as by `timeoutSeconds` or by hand, stays so if nothing is "
    "to run, whatever its tasks are marked as."
)
def test_a_run_that_was_ended_stays_so():
    late = an_end(FORKED, "Failed", "Failed", "Succeeded", reason="TimedOut")
    assert verdict(decided(FORKED, late, marks={"load": a_mark()})) == (
        "False", "TimedOut",
    )  # fmt: skip


@pages.claim(
    "A run that `failFast` ended has not succeeded because its failure is marked, as long as tasks "
    "never ran for that: run again what failed, or mark them, too."
)
def test_a_run_that_failed_fast_has_not_succeeded_by_a_mark_alone():
    plan = builders.a_plan(*map(objects.a_task, ("load", "other")), failFast=True)
    status = an_end(plan, "Failed", "Skipped")
    other = msgspec.structs.replace(status.tasks[1], reason="RunFailedFast")
    status = msgspec.structs.replace(status, tasks=(status.tasks[0], other))
    marks = {"load": a_mark()}
    marked = decided(plan, status, marks=marks)
    assert verdict(marked) == ("False", "Failed")
    again = decided(plan, marked, marks=marks, rerun=snapshot.RerunRequest("1"))
    assert begun(again) == ["other"]
    both = marks | {"other": a_mark("Skipped")}
    assert verdict(decided(plan, status, marks=both)) == ("True", "Succeeded")


@pages.claim(
    "A task that runs again is free of its mark, and the same `id` does not mark it again."
)
def test_a_mark_does_not_outlive_a_rerun():
    marks = {"load": a_mark("Skipped")}
    marked = decided(FORKED, BROKEN, marks=marks)
    again = decided(FORKED, marked, marks=marks, rerun=snapshot.RerunRequest("1", "All"))
    assert state_of(again, "load") == "Queued"


@pages.claim(
    "A mark of a task that the run does not have is told in the condition `MarksPending`, and holds "
    "nothing up."
)
def test_a_mark_of_nothing_is_told():
    found = decided(FORKED, FINE, marks={"nothing": a_mark()})
    assert found.condition("MarksPending").reason == "TaskNotFound"
    assert verdict(found) == ("True", "Succeeded")


# --- Marks of runs ---------------------------------------------------------------------------

RUNS = {
    "has not started": (rows.RunStatus(), (), ("True", "MarkedSucceeded")),
    "goes on": (
        builders.a_status(a_row("load", "Running"), a_row("report", "Waiting"), a_row("fallback", "Waiting")),
        (builders.a_pod("load", 1, "Running"),), ("Unknown", "MarkedSucceeded"),
    ),
    "has ended": (BROKEN, (), ("True", "MarkedSucceeded")),
}  # fmt: skip


def test_the_page_tells_of_these_runs():
    assert [row[0] for row in pages.table(PAGE, "the run").rows] == list(RUNS)


@pytest.mark.parametrize(("status", "pods", "expected"), RUNS.values(), ids=RUNS)
def test_a_run_is_what_its_mark_says(status, pods, expected):
    found = decided(FORKED, status, *pods, mark=a_mark())
    assert verdict(found) == expected
    if status is BROKEN:
        assert found.tasks == status.tasks


@pages.claim(
    "The mark of a run is the last word: marks of tasks that are set together with it change rows, "
    "and nothing runs because of them."
)
def test_the_mark_of_a_run_is_the_last_word():
    found = decided(FORKED, BROKEN, mark=a_mark(), marks={"load": a_mark()})
    assert (state_of(found, "load"), found.finished, begun(found)) == ("Succeeded", True, [])


@pages.claim("A run that is marked can run again, and is then what becomes of it.")
def test_a_marked_run_can_run_again():
    marked = decided(FORKED, BROKEN, mark=a_mark())
    again = decided(FORKED, marked, mark=a_mark(), rerun=snapshot.RerunRequest("1", "All"))
    assert verdict(again) == ("Unknown", "Running")


def test_every_claim_of_these_tests_stands_on_the_page():
    assert set(pages.claims(Path(__file__))) <= set(pages.bullets(PAGE))
