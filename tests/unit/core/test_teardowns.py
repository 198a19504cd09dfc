"""When teardowns run, what comes after them, and what runs again with them."""

from __future__ import annotations

import pytest

from kubedag.core import advance, decide_run, describe, rerun_choice, restrict, rows, teardowns
from kubedag.core import snapshot as snapshots
from support.builders import (
    a_finished_status,
    a_plan,
    a_row,
    a_snapshot,
    a_status,
    at,
)
from support.objects import a_task

AROUND = a_plan(
    a_task("up"),
    a_task("work", dependsOn=["up"]),
    a_task("side", dependsOn=["up"]),
    a_task("down", dependsOn=["work"], teardownOf=["up"]),
    a_task("after", dependsOn=["work", "down"]),
    a_task("last", dependsOn=["down"]),
)


def step(plan, *tasks):
    snap = a_snapshot(plan, status=a_status(*tasks))
    return advance.advance(snap, plan, at(20))


def become(plan, **given):
    """The rows of the tasks that are not given, once those that are have become this."""
    tasks = [a_row(task.name, given.get(task.name, "Waiting")) for task in plan.tasks]
    found = step(plan, *tasks)
    return {row.name: row.state for row in found.tasks if row.name not in given}


@pytest.mark.parametrize(
    ("up", "work", "down"),
    [
        pytest.param("Succeeded", "Succeeded", "Queued", id="after the work"),
        pytest.param("Succeeded", "Failed", "Queued", id="also if that failed"),
        pytest.param("Succeeded", "Skipped", "Queued", id="or was skipped"),
        pytest.param("Succeeded", "Waiting", "Waiting", id="not before"),
        pytest.param("Succeeded", "AwaitingRetry", "Waiting", id="nor while it may run again"),
        pytest.param("Failed", "UpstreamFailed", "Skipped", id="not if nothing was set up"),
        pytest.param("Skipped", "Skipped", "Skipped", id="nor if that was skipped"),
        pytest.param("Running", "Succeeded", "Waiting", id="a setup that goes on is waited for"),
    ],
)
def test_a_teardown_runs_once_all_above_is_done_if_its_setups_succeeded(up, work, down):
    assert become(AROUND, up=up, work=work, side="Succeeded")["down"] == down


@pytest.mark.parametrize(
    ("one", "other", "down"),
    [
        ("Succeeded", "Succeeded", "Queued"),
        ("Succeeded", "Failed", "Skipped"),
        ("Skipped", "Succeeded", "Skipped"),
    ],
)
def test_of_several_setups_all_must_have_succeeded(one, other, down):
    plan = a_plan(
        a_task("a"),
        a_task("b"),
        a_task("down", dependsOn=["a", "b"], teardownOf=["b", "a"]),
    )
    assert become(plan, a=one, b=other) == {"down": down}


def test_a_teardown_says_what_there_is_not_to_take_down():
    tasks = (a_row("up", "Failed"), a_row("work", "UpstreamFailed"), a_row("side", "Succeeded"))
    row = step(AROUND, *tasks, a_row("down"), a_row("after"), a_row("last")).tasks[3]
    assert (row.reason, row.message) == (
        "TriggerRule",
        "nothing to take down: up did not succeed",
    )


@pytest.mark.parametrize(
    ("work", "down", "after", "last"),
    [
        pytest.param("Succeeded", "Succeeded", "Queued", "Queued", id="both went well"),
        pytest.param(
            "Succeeded", "Failed", "Queued", "Queued", id="it failed, and blocks nothing"
        ),
        pytest.param("Succeeded", "Running", "Waiting", "Waiting", id="it is waited for"),
        pytest.param("Succeeded", "Skipped", "Queued", "Skipped", id="one that was skipped"),
        pytest.param("Failed", "Succeeded", "UpstreamFailed", "Queued", id="the work failed"),
        pytest.param("Failed", "Running", "UpstreamFailed", "Waiting", id="and that is known"),
    ],
)
def test_a_teardown_counts_only_where_nothing_else_does(work, down, after, last):
    found = become(AROUND, up="Succeeded", side="Succeeded", work=work, down=down)
    assert found == {"after": after, "last": last}


def test_a_task_that_runs_always_does_not_wait_for_a_teardown_either():
    plan = a_plan(
        a_task("up"),
        a_task("down", dependsOn=["up"], teardownOf=["up"]),
        a_task("now", dependsOn=["down"], triggerRule="Always"),
    )
    assert become(plan, up="Running") == {"down": "Waiting", "now": "Queued"}


def test_a_teardown_that_fails_does_not_fail_the_run():
    ends = {"down": "Failed"}
    tasks = [a_row(task.name, ends.get(task.name, "Succeeded")) for task in AROUND.tasks]
    snap = a_snapshot(AROUND, status=a_status(*tasks))
    decision = decide_run.decide(snap, at(20))
    assert decision.status.succeeded
    assert describe.count(decision.status.tasks).failed == 1


# --- What runs with them ---------------------------------------------------------------------

NESTED = a_plan(
    a_task("outer"),
    a_task("inner", dependsOn=["outer"]),
    a_task("work", dependsOn=["inner"]),
    a_task("aside", dependsOn=["outer"]),
    a_task("inner-down", dependsOn=["work"], teardownOf=["inner"]),
    a_task("outer-down", dependsOn=["inner-down", "aside"], teardownOf=["outer"]),
    a_task("other"),
    **{"finally": [a_task("tell"), a_task("tidy", dependsOn=["tell"])]},
)
ALL_INNER = ["outer", "inner", "work", "inner-down", "outer-down"]


@pytest.mark.parametrize(
    ("chosen", "with_them"),
    [
        pytest.param(["work"], ALL_INNER, id="between two pairs"),
        pytest.param(["aside"], ["outer", "aside", "outer-down"], id="between one"),
        pytest.param(
            ["inner-down"], ["outer", "inner-down", "outer-down"], id="a teardown between a pair"
        ),
        pytest.param(["outer-down"], ["outer-down"], id="a teardown is not between itself"),
        pytest.param(["other"], ["other"], id="beside them"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_what_is_between_a_setup_and_its_teardown_runs_with_both(chosen, with_them):
    found = teardowns.with_both_ends(NESTED, [NESTED.index[name] for name in chosen])
    assert sorted(NESTED.tasks[index].name for index in found) == sorted(with_them)


def again(include, *names):
    status = a_finished_status(*(a_row(task.name, "Succeeded") for task in NESTED.tasks))
    wish = snapshots.RerunRequest("1", "Tasks", names, include=include)
    found = rerun_choice.chosen(NESTED, status, wish)
    return [NESTED.tasks[index].name for index in sorted(found)]


def test_a_rerun_sets_up_and_takes_down_again_and_tells_of_it():
    assert again("None", "work") == [*ALL_INNER, "tell", "tidy"]
    assert again("None", "other") == ["other", "tell", "tidy"]
    assert again("Downstream", "aside") == ["outer", "aside", "outer-down", "tell", "tidy"]


def test_a_run_that_is_limited_has_what_is_around_its_tasks_and_what_comes_last():
    found = restrict.restricted(NESTED, ["work"])
    assert [task.name for task in found.tasks] == [*ALL_INNER, "tell", "tidy"]
    assert (found.body, found.spared) == (5, {3, 4, 5, 6})
    down = found.tasks[3]
    assert [found.tasks[setup].name for setup in down.setups] == ["inner"]
    assert [found.tasks[above].name for above in found.tasks[4].teardowns] == ["inner-down"]


def test_a_teardown_alone_has_nothing_that_it_depends_on():
    found = restrict.restricted(NESTED, ["outer-down"])
    (down,) = found.tasks[: found.body]
    assert (down.is_teardown, down.setups, down.upstream) == (True, (), ())
    assert become(found)["outer-down"] == "Queued"


@pytest.mark.parametrize(
    ("setups", "named"), [(2, "s0, s1"), (3, "s0, s1, s2"), (5, "s0, s1, s2 and 2 more")]
)
def test_a_condition_is_told_in_words_that_name_no_more_than_three(setups, named):
    names = [f"s{number}" for number in range(setups)]
    plan = a_plan(
        *(a_task(name) for name in names), a_task("down", dependsOn=names, teardownOf=names)
    )
    tasks: list[rows.TaskRow] = [a_row(name, "Failed") for name in names]
    found = step(plan, *tasks, a_row("down")).tasks[-1]
    assert found.message == f"nothing to take down: {named} did not succeed"
