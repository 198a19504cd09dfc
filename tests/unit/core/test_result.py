"""How a run ended, from how its tasks ended."""

from __future__ import annotations

import pytest

from kubedag.core import result
from support.builders import a_plan, a_row
from support.objects import a_task


def unhandled(rule, below, *, above="Failed"):
    plan = a_plan(a_task("a"), a_task("b", dependsOn=["a"], triggerRule=rule))
    return result.unhandled(plan, [a_row("a", above), a_row("b", below)])


@pytest.mark.parametrize(
    ("rule", "below", "expected"),
    [
        pytest.param("AllFailed", "Succeeded", (), id="a fall-back took over"),
        pytest.param("OneFailed", "Succeeded", (), id="so did one for any failure"),
        pytest.param("OneSucceeded", "Succeeded", (), id="an alternative did"),
        pytest.param("AllDoneMinOneSucceeded", "Succeeded", (), id="enough others did"),
        pytest.param("AllDone", "Succeeded", (0,), id="a clean-up handles nothing"),
        pytest.param("Always", "Succeeded", (0,), id="nor does what runs always"),
        pytest.param("AllFailed", "Failed", (0, 1), id="a fall-back that fails, either"),
        pytest.param("AllFailed", "Skipped", (0,), id="nor one that did not run"),
        pytest.param("AllSucceeded", "UpstreamFailed", (0,), id="a task was blocked"),
    ],
)
def test_a_failure_is_handled_by_a_task_that_was_made_for_it(rule, below, expected):
    assert unhandled(rule, below) == expected


def test_a_run_without_failures_has_nothing_to_handle():
    assert unhandled("AllSucceeded", "Skipped", above="Succeeded") == ()


def test_a_failure_that_blocked_a_task_is_not_handled_by_another():
    plan = a_plan(
        a_task("a"),
        a_task("b", dependsOn=["a"]),
        a_task("c", dependsOn=["a"], triggerRule="OneFailed"),
    )
    rows = [a_row("a", "Failed"), a_row("b", "UpstreamFailed"), a_row("c", "Succeeded")]
    assert result.unhandled(plan, rows) == (0,)


def test_a_run_that_failed_fast_says_which_task_failed_although_another_made_up_for_it():
    plan = a_plan(a_task("a"), a_task("b", dependsOn=["a"], triggerRule="OneFailed"))
    rows = [a_row("a", "Failed", message="exit code 1"), a_row("b", "Succeeded")]
    assert result.message(plan, rows) == "1 of 2 tasks failed: a (exit code 1)"


def test_a_failure_at_the_end_is_never_handled():
    assert result.unhandled(a_plan(a_task("a")), [a_row("a", "Failed")]) == (0,)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (a_row("a", "Failed", message="exit code 1", attempt=1), "a (exit code 1)"),
        (a_row("a", "Failed", reason="OOMKilled"), "a (OOMKilled)"),
        (a_row("a", "Failed"), "a"),
        (
            a_row("a", "Failed", message="exit code 1", attempt=3),
            "a (exit code 1; after 3 attempts)",
        ),
        (a_row("a", "Failed", attempt=3), "a (after 3 attempts)"),
    ],
    ids=["message", "reason", "nothing", "attempts", "attempts, but no reason"],
)
def test_it_is_said_which_task_failed_and_why(row, said):
    assert result.message(a_plan(a_task("a")), [row]) == f"1 of 1 tasks failed: {said}"


def test_only_a_few_of_many_failures_are_named():
    names = [f"t{number}" for number in range(9)]
    rows = [a_row(name, "Failed") for name in names]
    assert result.message(a_plan(*map(a_task, names)), rows) == (
        "9 of 9 tasks failed: t0, t1, t2, t3, t4, and 4 more"
    )
