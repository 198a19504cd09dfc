"""The rows of a large run in parts, and together again."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import describe, naming, rows, slices, states
from support.builders import a_plan, a_row, a_status
from support.objects import a_task


def some(count: int) -> tuple[rows.TaskRow, ...]:
    return tuple(a_row(f"t{n}", states.SUCCEEDED) for n in range(count))


def in_slices(count: int) -> rows.RunStatus:
    return a_status(*some(count), slices=slices.needed(count))


@pytest.mark.parametrize(
    ("tasks", "needed"), [(0, 0), (1, 1), (99, 1), (100, 1), (101, 2), (10_000, 100)]
)
def test_a_slice_holds_a_hundred_rows(tasks, needed):
    assert slices.needed(tasks) == needed
    assert len(slices.parts(some(tasks))) == needed


def test_a_run_in_slices_keeps_all_but_the_rows_in_its_own_object():
    status = in_slices(250)
    main, parts = slices.split(status)
    assert main == msgspec.structs.replace(status, tasks=())
    assert [part[0].name for part in parts] == ["t0", "t100", "t200"]


def test_a_run_that_fits_has_no_slices():
    status = a_status(*some(3))
    assert slices.split(status) == (status, ())
    assert slices.main(status) is status


def test_what_is_joined_is_what_was_split():
    status = in_slices(250)
    main, parts = slices.split(status)
    assert slices.join(main, dict(enumerate(parts))) == status


def test_rows_that_a_run_has_itself_are_not_replaced_by_slices_that_were_left():
    status = a_status(*some(3))
    assert slices.join(status, {0: some(1)}) is status


def test_a_slice_tells_where_it_belongs_and_how_its_tasks_stand():
    found = slices.of("run", 2, some(7))
    assert found == slices.Slice("run", 200, describe.count(some(7)), some(7))


def test_the_tasks_of_a_lost_slice_are_as_if_they_had_never_begun():
    plan = a_plan(*(a_task(f"t{n}", image="i") for n in range(250)))
    main, parts = slices.split(in_slices(250))
    found = slices.aligned(slices.join(main, {0: parts[0], 2: parts[2]}), plan)
    assert [row.name for row in found.tasks] == [task.name for task in plan.tasks]
    assert {row.name for row in found.tasks if row.state == states.WAITING} == {
        f"t{n}" for n in range(100, 200)
    }


@pytest.mark.parametrize("count", [0, 3], ids=["not begun", "complete"])
def test_a_status_that_lacks_nothing_stays_the_very_same(count):
    plan = a_plan(*(a_task(f"t{n}", image="i") for n in range(3)))
    status = a_status(*some(count))
    assert slices.aligned(status, plan) is status
    assert slices.aligned(status, None) is status


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("nightly", "nightly-slice-07-"),
        ("nightly.v2", "nightly-v2-slice-07-"),
        ("x" * 63, "x" * 45 + "-slice-07-"),
    ],
)
def test_a_slice_is_named_after_its_run_and_its_place(run, name):
    found = naming.slice_name(run, "uid", 7)
    assert found.startswith(name)
    assert len(found) <= 63
    assert found != naming.slice_name(run, "another", 7)
