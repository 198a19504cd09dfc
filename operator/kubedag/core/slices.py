"""The rows of a run that is too large for one object, spread over several (ADR 0013).

A decision knows nothing of this: it is made from all rows, and gives all rows. Only what is stored
is in parts, and a part is always the same tasks, so that a write touches only the parts that changed.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api import runslice
from kubedag.core import describe, rows, states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedag.core import plan as plans

replace = msgspec.structs.replace

ROWS_PER_SLICE: Final = runslice.ROWS_MAX
BYTES_MAX: Final = 900 * 1024
"""Of the rows in one object; etcd refuses objects of more than 1.5 MiB, and metadata takes its part."""
BYTES_MIN: Final = 16 * 1024
"""However little an API server takes, less than this is not tried."""

Tasks = tuple[rows.TaskRow, ...]


class Slice(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a DAGRunSlice says, beside its metadata."""

    run_name: str
    first_task: int
    counts: rows.Counts
    tasks: Tasks


def generation(status: rows.RunStatus) -> int:
    """Which slices a status counts on: each time that a run runs again, it has others."""
    return status.rerun.number if status.rerun is not None else 0


def needed(tasks: int) -> int:
    """How many slices so many tasks take."""
    return -(-tasks // ROWS_PER_SLICE)


def parts(tasks: Tasks) -> tuple[Tasks, ...]:
    """The rows, slice by slice."""
    return tuple(
        tasks[first : first + ROWS_PER_SLICE] for first in range(0, len(tasks), ROWS_PER_SLICE)
    )


def main(status: rows.RunStatus) -> rows.RunStatus:
    """What the run itself stores of a status."""
    return replace(status, tasks=()) if status.slices and status.tasks else status


def split(status: rows.RunStatus) -> tuple[rows.RunStatus, tuple[Tasks, ...]]:
    """What the run itself stores, and what its slices do."""
    return main(status), parts(status.tasks) if status.slices else ()


def join(stored: rows.RunStatus, found: Mapping[int, Tasks]) -> rows.RunStatus:
    """The whole status, from what the run stores and the slices that were found, by their place."""
    if not stored.slices:
        return stored
    tasks = tuple(chain.from_iterable(found[index] for index in sorted(found)))
    return replace(stored, tasks=tasks)


def aligned(status: rows.RunStatus, plan: plans.Plan | None) -> rows.RunStatus:
    """The status with a row for each task; one that was in a lost slice is as if never begun."""
    if plan is None or not status.tasks or len(status.tasks) == len(plan.tasks):
        return status
    known = {row.name: row for row in status.tasks}
    tasks = (
        known.get(task.name) or rows.TaskRow(task.name, states.WAITING) for task in plan.tasks
    )
    return replace(status, tasks=tuple(tasks))


def of(run_name: str, index: int, tasks: Tasks) -> Slice:
    """What the slice at a place says."""
    return Slice(run_name, index * ROWS_PER_SLICE, describe.count(tasks), tasks)
