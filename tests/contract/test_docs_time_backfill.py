"""What the page on time claims of Backfills, asked of the code that decides about them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from kubedag.api import enums
from kubedag.core import (
    actions,
    backfill_facts,
    backfill_rows,
    backfill_standing,
    instants,
    restrict,
    rows,
    snapshot,
)
from support import backfills, builders, pages
from support.objects import a_task

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
NOW = instants.parse("2026-03-01T12:00:00Z")
UID = "0f3a51c2-0000-4000-8000-000000000000"


def day(number):
    """The start of a day of February."""
    return instants.text(instants.parse("2026-02-01T00:00:00Z") + timedelta(days=number - 1))


def a_dag(*tasks, cron="@daily", **fields):
    return builders.a_plan(*tasks, schedule={"cron": cron}, **({"maxActiveRuns": 10} | fields))


def a_wish(first=1, days=10, **fields):
    return backfill_facts.Wish(
        name="february",
        namespace=builders.NAMESPACE,
        uid=UID,
        dag_name=builders.DAG,
        start_time=day(first),
        end_time=day(first + days),
        **fields,
    )


def a_run(number, state="", days=1, **fields):
    """The run of a day: without a state, one that waits; `mine` if this Backfill created it."""
    if fields.pop("mine", False):
        fields |= {"run_type": "Backfill", "backfill_uid": UID}
    ended = state in {"Succeeded", "Failed"}
    return builders.a_summary(
        f"run-{number}",
        100 if ended else None,
        order=(day(number), day(number), f"run-{number}"),
        started=bool(state),
        interval_start=day(number),
        interval_end=day(number + days),
        **({"state": state, "succeeded": state == "Succeeded"} if ended else {}),
        **fields,
    )


def decided(wish, *runs, dag=None, pinned=None, status=None):
    """What is decided once the plan is stored."""
    dag = dag or a_dag()
    facts = {
        "wish": wish,
        "dag": snapshot.DAGFacts(generation=1, ready=True, revision=builders.REVISION),
        "current": dag,
        "pinned": pinned or dag,
        "runs": [run for run in runs if not run.finished],
        "ended": [run for run in runs if run.finished],
    }
    if status is None:
        empty = backfill_rows.BackfillStatus()
        first = backfill_facts.BackfillSnapshot(status=empty, **facts)
        status = backfills.decide(first, NOW).status
    return backfills.decide(backfill_facts.BackfillSnapshot(status=status, **facts), NOW)


def of_kind(kind, decision):
    return [action for action in decision.actions if isinstance(action, kind)]


def created(decision):
    """The intervals that get a new run, as numbers of days."""
    return [
        (instants.parse(run.start_time).day, (_length(run)).days)
        for run in of_kind(actions.CreateRun, decision)
    ]


def _length(run):
    return instants.parse(run.end_time) - instants.parse(run.start_time)


def reason(decision):
    return decision.status.condition(rows.SUCCEEDED_CONDITION).reason


TABLE = pages.table(PAGE, "the interval has")
STATES = {
    "no run": (),
    "an active run": ("Running",),
    "a run that succeeded": ("Succeeded",),
    "a run that failed": ("Failed",),
}
CELLS = [
    (row[0], pages.code(head)[0].partition(": ")[2], cell)
    for row in TABLE.rows
    for head, cell in zip(TABLE.header[1:], row[1:], strict=True)
]


@pytest.mark.parametrize(("has", "reprocess", "said"), CELLS, ids=map(" ".join, CELLS))
def test_an_interval_fares_as_the_table_says(has, reprocess, said):
    runs = [a_run(1, state) for state in STATES[has]]

    found = decided(a_wish(days=1, reprocess=reprocess), *runs).actions

    kinds = {actions.CreateRun: "a new run", actions.RequestRerun: "runs again"}
    assert [kinds[type(action)] for action in found] == ([] if said == "left alone" else [said])


def test_the_table_has_every_case():
    assert len(CELLS) == len(STATES) * len(pages.code(" ".join(TABLE.header))) == 12


def of_states(wish, *runs, **options):
    planned = decided(wish, *runs).status
    wish = dataclasses.replace(wish, **options)
    return {one.state for one in decided(wish, *runs, status=planned).status.ranges}


CASES = {
    "Planned": (lambda: of_states(a_wish(days=1, suspend=True))),
    "Queued": (lambda: of_states(a_wish(days=1), a_run(1, mine=True))),
    "Active": (lambda: of_states(a_wish(days=1), a_run(1, "Running", mine=True))),
    "Succeeded": (lambda: of_states(a_wish(days=1), a_run(1, "Succeeded", mine=True))),
    "Failed": (lambda: of_states(a_wish(days=1), a_run(1, "Failed", mine=True))),
    "Skipped": (lambda: of_states(a_wish(days=1), a_run(1, "Failed"))),
    "Cancelled": (lambda: of_states(a_wish(days=1), cancel=True)),
    "Mixed": (lambda: of_states(a_wish(-1200, 1200), *map(a_run, range(-1200, 0, 2)))),
}


@pytest.mark.parametrize("row", pages.table(PAGE, "state").rows, ids=lambda row: row[0])
def test_an_interval_is_in_the_state_that_the_table_says(row):
    (state,) = pages.code(row[0])

    assert CASES[state]() == {state}


def test_the_table_has_all_states():
    told = [pages.code(row[0])[0] for row in pages.table(PAGE, "state").rows]

    assert told == [state.value for state in enums.IntervalState]


@pages.claim(
    "It follows the schedule of the DAG as it is when the Backfill is planned; a later change of "
    "the schedule does not change it."
)
def test_a_later_schedule_does_not_change_the_plan():
    daily, hourly = a_dag(), a_dag(cron="@hourly")
    planned = decided(a_wish(), dag=daily).status

    later = decided(a_wish(), dag=hourly, pinned=daily, status=planned)

    assert later.status.intervals.total == planned.intervals.total == 10
    assert created(later) == [(number, 1) for number in range(1, 11)]


@pages.claim("Only intervals that had ended when it was planned belong to it.")
def test_a_range_that_reaches_into_the_future_ends_now():
    decision = decided(a_wish(first=27, days=30))

    assert created(decision) == [(27, 1), (28, 1)]


@pages.claim(
    "It covers only what lies within `startTime` and `endTime` of the schedule, whatever its own "
    "range is."
)
def test_what_is_outside_of_the_schedule_is_left_out():
    dag = builders.a_plan(
        schedule={"cron": "@daily", "startTime": day(3), "endTime": day(6)}, maxActiveRuns=10
    )

    assert created(decided(a_wish(), dag=dag)) == [(3, 1), (4, 1), (5, 1)]


@pages.claim("It has at most 10,000 intervals; for more, create several.")
@pytest.mark.parametrize(("days", "said"), [(0, "InProgress"), (1, "TooManyIntervals")])
def test_a_backfill_has_a_bound(days, said):
    end = instants.text(instants.parse("1950-01-01T00:00:00Z") + timedelta(days=10_000 + days))
    wish = dataclasses.replace(a_wish(), start_time="1950-01-01T00:00:00Z", end_time=end)

    assert reason(decided(wish)) == said


@pages.claim(
    "A run that `retention` has deleted is as good as none: a new Backfill runs its interval again, "
    "with `reprocess: None`, too; so let the DAG keep as many runs as are to be remembered."
)
def test_what_nobody_remembers_runs_again():
    kept, deleted = a_run(1, "Succeeded"), a_run(2, "Succeeded")

    before = decided(a_wish(days=2), kept, deleted)
    after = decided(a_wish(days=2), kept)

    assert (created(before), created(after)) == ([], [(2, 1)])


@pages.claim(
    "A run that runs again goes by the newest revision of the DAG; with `revision: Same`, by the "
    "one it had."
)
def test_a_rerun_goes_by_the_revision_that_was_asked_for():
    asked = [
        of_kind(actions.RequestRerun, decided(wish, a_run(1, "Succeeded")))[0].revision
        for wish in (
            a_wish(days=1, reprocess="Completed"),
            a_wish(days=1, reprocess="Completed", revision="Same"),
        )
    ]

    assert asked == ["Newest", "Same"]


@pages.claim(
    "`maxActiveRuns` of the Backfill holds beside that of the DAG, which holds for all runs together."
)
@pytest.mark.parametrize(
    ("of_backfill", "of_dag", "others", "most"),
    [(3, 10, 0, 3), (10, 3, 0, 3), (None, 4, 0, 4), (10, 4, 1, 3), (2, 4, 1, 2), (4, 4, 4, 0)],
)
def test_both_limits_hold(of_backfill, of_dag, others, most):
    active = [a_run(20 + number, "Running") for number in range(others)]

    decision = decided(
        a_wish(max_active_runs=of_backfill), *active, dag=a_dag(maxActiveRuns=of_dag)
    )

    assert len(created(decision)) == most


@pages.claim("`order: NewestFirst` begins with the newest interval.")
def test_newest_first_begins_with_the_newest():
    wish = a_wish(order="NewestFirst", max_active_runs=2)

    assert created(decided(wish)) == [(10, 1), (9, 1)]


@pages.claim("`order: NewestFirst` cannot be had with `dependsOnPast`, and the Backfill says so.")
def test_newest_first_is_refused_where_runs_depend_on_the_past():
    decision = decided(a_wish(order="NewestFirst"), dag=a_dag(dependsOnPast=True))

    assert decision.actions == ()
    assert decision.status.finished
    assert "OldestFirst" in decision.status.condition(rows.SUCCEEDED_CONDITION).message


@pages.claim(
    "`intervalsPerRun: 7` makes one run of up to seven intervals that follow each other, with the "
    "interval of all of them."
)
def test_several_intervals_become_one_run():
    decision = decided(a_wish(days=20, intervals_per_run=7), a_run(3, "Succeeded"))

    assert created(decision) == [(1, 2), (4, 7), (11, 7), (18, 3)]


@pages.claim("With `tasks`, only these tasks run, and those that depend on them.")
def test_only_some_tasks_run():
    dag = a_dag(a_task("a"), a_task("b", dependsOn=["a"]), a_task("c", dependsOn=["b"]))
    wish = a_wish(days=2, tasks=("b",), reprocess="Completed")

    decision = decided(wish, a_run(1, "Succeeded"), dag=dag)

    (new,) = of_kind(actions.CreateRun, decision)
    (again,) = of_kind(actions.RequestRerun, decision)
    assert (again.scope, again.tasks) == ("Tasks", ("b",))
    assert [task.name for task in restrict.restricted(dag, new.tasks).tasks] == ["b", "c"]


@pages.claim(
    "A Backfill whose `tasks` the DAG does not have ends with `TaskNotFound`; once the DAG has them, "
    "it takes another Backfill."
)
def test_a_backfill_of_unknown_tasks_is_over_for_good():
    wish, with_it = a_wish(tasks=("b",)), a_dag(a_task("a"), a_task("b"))
    over = decided(wish, dag=a_dag(a_task("a")))

    later = decided(wish, dag=with_it, status=over.status)

    assert (over.status.finished, reason(over)) == (True, "TaskNotFound")
    assert "create another Backfill" in over.status.condition(rows.SUCCEEDED_CONDITION).message
    assert (later.status, later.actions) == (over.status, ())
    assert len(created(decided(wish, dag=with_it))) == 10


@pages.claim(
    "Set `dryRun` to false in the manifest, and not beside Git: applied again with `dryRun: true`, "
    "it begins nothing more."
)
def test_one_that_becomes_dry_again_begins_nothing_more():
    going = decided(a_wish(max_active_runs=1), a_run(1, "Succeeded", mine=True))
    dry = decided(
        a_wish(dry_run=True, max_active_runs=1),
        a_run(1, "Succeeded", mine=True),
        status=going.status,
    )

    assert (created(going), dry.actions) == ([(2, 1)], ())


@pages.claim("With `dryRun`, the status has the plan, and nothing runs until it is set to false.")
def test_a_dry_run_plans_and_does_nothing():
    dry = decided(a_wish(dry_run=True, reprocess="Failed"), a_run(1, "Succeeded"))
    real = decided(a_wish(reprocess="Failed"), a_run(1, "Succeeded"), status=dry.status)
    begun = decided(a_wish(reprocess="Failed"), a_run(1, "Succeeded"), status=real.status)

    assert (dry.actions, dry.status.intervals.planned, dry.status.intervals.skipped) == ((), 9, 1)
    assert len(created(begun)) == 9


@pages.claim("`suspend` starts no further runs; what is active goes on.")
def test_a_suspended_backfill_starts_nothing_and_ends_nothing():
    decision = decided(a_wish(suspend=True), a_run(1, "Running", mine=True))

    assert (decision.actions, decision.status.intervals.active) == ((), 1)


@pages.claim(
    "`cancel` deletes those of its runs that have not started, and takes back wishes to run again; "
    "what is active goes on."
)
def test_nothing_of_a_cancelled_backfill_is_left_waiting():
    wish = a_wish(reprocess="Completed")
    asked = a_run(3, "Succeeded", rerun_wanted=wish.rerun_id)
    runs = [a_run(1, "Running", mine=True), a_run(2, mine=True), asked, a_run(4)]
    planned = decided(wish, *runs).status

    decision = decided(a_wish(reprocess="Completed", cancel=True), *runs, status=planned)

    assert [(type(action), action.name) for action in decision.actions] == [
        (actions.DeleteRun, "run-2"),
        (actions.WithdrawRerun, "run-3"),
    ]
    assert not decision.status.finished


@pages.claim("To delete a Backfill does to its runs what `cancel` does.")
def test_nothing_of_a_deleted_backfill_is_left_waiting():
    asked = a_run(3, "Succeeded", rerun_wanted=backfill_facts.rerun_id(UID))
    runs = [a_run(1, "Running", mine=True), a_run(2, mine=True), asked, a_run(4)]

    back = [backfill_standing.abandoned(run, frozenset()) for run in runs]
    kept = [backfill_standing.abandoned(run, frozenset([UID])) for run in runs]

    assert [action and type(action) for action in back] == [
        None,
        actions.DeleteRun,
        actions.WithdrawRerun,
        None,
    ]
    assert kept == [None] * 4


@pages.claim("A Backfill that has finished does nothing any more; it may stay in Git.")
@pytest.mark.parametrize("reprocess", ["None", "Failed", "Completed"])
def test_a_finished_backfill_is_left_alone_whatever_becomes_of_its_runs(reprocess):
    wish = a_wish(days=1, reprocess=reprocess)
    over = decided(wish, a_run(1, "Succeeded", mine=True)).status

    later = [decided(wish, *runs, status=over) for runs in ([], [a_run(1, "Failed")])]

    assert over.finished
    assert [decision.actions for decision in later] == [(), ()]
    assert all(decision.status.intervals == over.intervals for decision in later)
