"""What becomes of each interval of a Backfill, by the runs that there are for it already."""

from __future__ import annotations

import pytest

from kubedag.core import actions
from support.backfills import (
    ID,
    a_backfill,
    a_run_of,
    a_wish,
    day,
    decide,
    ours,
    starts,
    states,
)

WANTS = {"None": a_wish(1), "Failed": a_wish(1, reprocess="Failed")}
WANTS["Completed"] = a_wish(1, reprocess="Completed")


@pytest.mark.parametrize(
    ("runs", "reprocess", "state", "reason", "todo"),
    [
        ([], "None", "Planned", "", [("create", day(0))]),
        ([a_run_of(0)], "None", "Skipped", "RunExists", []),
        ([a_run_of(0, "Failed")], "None", "Skipped", "RunExists", []),
        ([a_run_of(0)], "Failed", "Skipped", "AlreadySucceeded", []),
        ([a_run_of(0, "Failed")], "Failed", "Planned", "RunsAgain", [("again", "run-0")]),
        ([a_run_of(0)], "Completed", "Planned", "RunsAgain", [("again", "run-0")]),
        ([a_run_of(0, "Running")], "Completed", "Active", "Existing", []),
        ([a_run_of(0, "Queued")], "None", "Queued", "Existing", []),
        ([a_run_of(0, rerun_wanted="by-hand")], "Completed", "Queued", "Existing", []),
        ([a_run_of(0, rerun_wanted=ID)], "Completed", "Queued", "", []),
        ([a_run_of(0, "Running", rerun_wanted=ID, rerun_id=ID)], "Completed", "Active", "", []),
        ([a_run_of(0, rerun_wanted=ID, rerun_id=ID)], "Completed", "Succeeded", "", []),
        ([a_run_of(0, "Failed", rerun_wanted=ID, rerun_id=ID)], "Failed", "Failed", "", []),
        ([a_run_of(0, rerun_id="by-hand", reruns_done=(ID, "by-hand"))], "Completed", "Succeeded", "", []),
        ([ours(0, "Queued")], "None", "Queued", "", []),
        ([ours(0, "Running")], "None", "Active", "", []),
        ([ours(0)], "Completed", "Succeeded", "", []),
        ([ours(0, "Failed")], "Failed", "Failed", "", []),
        ([a_run_of(0, deleting=True)], "None", "Planned", "RunDeleted", []),
        ([a_run_of(0, days=3)], "None", "Skipped", "RunExists", []),
        ([a_run_of(0, interval_end=day(0.5))], "None", "Planned", "", [("create", day(0))]),
        ([a_run_of(0, interval_start="", interval_end="")], "None", "Planned", "",
         [("create", day(0))]),
        ([a_run_of(0), ours(0, "Failed", name="x")], "None", "Failed", "", []),
        ([a_run_of(0), a_run_of(0, "Running", name="x")], "None", "Active", "Existing", []),
    ],
)  # fmt: skip
def test_an_interval_stands_as_its_run_does(runs, reprocess, state, reason, todo):
    found = decide(a_backfill(WANTS[reprocess], *runs))
    assert (states(found.status), starts(found.actions)) == ([(state, reason, 1)], todo)


@pytest.mark.parametrize(
    ("wish", "run", "scope"),
    [
        (a_wish(1, reprocess="Failed"), a_run_of(0, "Failed"), "Failed"),
        (a_wish(1, reprocess="Completed"), a_run_of(0, "Failed"), "All"),
        (a_wish(1, reprocess="Completed", tasks=("a",)), a_run_of(0), "Tasks"),
    ],
    ids=["what failed", "all", "some tasks"],
)
def test_a_run_runs_again_as_far_as_is_asked_for(wish, run, scope):
    (action,) = decide(a_backfill(wish, run)).actions
    assert action == actions.RequestRerun("run-0", "uid-run-0", ID, scope, wish.tasks, "Newest")


def test_a_run_that_covers_several_intervals_runs_again_once():
    wish = a_wish(5, reprocess="Completed")
    found = decide(a_backfill(wish, a_run_of(0, days=5), a_run_of(2, "Running")))
    assert starts(found.actions) == [("again", "run-0")]
    assert states(found.status) == [
        ("Planned", "RunsAgain", 2), ("Active", "Existing", 1), ("Planned", "RunsAgain", 2),
    ]  # fmt: skip


def test_several_intervals_that_follow_each_other_become_one_run():
    wish = a_wish(10, intervals_per_run=3, tasks=("a",), params=(("x", "y"),))
    found = decide(a_backfill(wish, a_run_of(4)))
    made = [(one.start_time, one.end_time) for one in found.actions]
    assert made == [
        (day(0), day(3)), (day(3), day(4)), (day(5), day(8)), (day(8), day(10)),
    ]  # fmt: skip
    assert {(one.tasks, one.params) for one in found.actions} == {(("a",), (("x", "y"),))}
    assert found.actions[0].name == "pipeline-20260301t0000-3d"


def test_the_newest_come_first_where_that_is_asked_for():
    wish = a_wish(order="NewestFirst", reprocess="Completed", max_active_runs=3)
    found = decide(a_backfill(wish, a_run_of(3)))
    assert starts(found.actions) == [("create", day(4)), ("again", "run-3"), ("create", day(2))]


def test_a_name_that_belongs_to_something_else_skips_its_intervals():
    found = decide(a_backfill(taken={(day(1), day(2))}, wish=a_wish(3)))
    assert states(found.status) == [
        ("Planned", "", 1), ("Skipped", "NameTaken", 1), ("Planned", "", 1),
    ]  # fmt: skip
    assert starts(found.actions) == [("create", day(0)), ("create", day(2))]
