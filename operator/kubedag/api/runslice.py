"""A DAGRunSlice: part of the rows of a run that has too many for one object."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from kubedag.api.common import Amount, Metadata, ObjectMeta, Status, Word
from kubedag.api.dagrun import Counts, TaskStatus
from kubedag.api.lists import atomic_list

ROWS_MAX: Final = 100


class DAGRunSlice(Status):
    """A DAGRunSlice holds some of the tasks of a DAGRun that is too large for one object."""

    api_version: Literal["kubedag.dev/v1alpha1"] = "kubedag.dev/v1alpha1"
    kind: Literal["DAGRunSlice"] = "DAGRunSlice"
    metadata: Metadata = ObjectMeta()
    run_name: Word
    """runName is the DAGRun that the tasks are of."""
    first_task: Amount
    """firstTask is the place of the first of these tasks among all tasks of the DAG, from 0."""
    counts: Counts | None = None
    """counts is how many of these tasks are in which state."""
    tasks: Annotated[tuple[TaskStatus, ...], *atomic_list(most=ROWS_MAX)] = ()
    """tasks has a row for each task, the same as status.tasks of a smaller DAGRun."""
