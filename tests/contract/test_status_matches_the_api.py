"""What the operator writes and what the API takes are two descriptions of one thing.

The core stores plain records, because a decision looks at ten thousand of them; the CRD is made
from pydantic models. A field that one has and the other has not would be pruned without a word.
"""

from __future__ import annotations

import msgspec
import pytest

from kubedag.api import backfill, common, dag, dagrun, enums, notification, runslice, taskpool
from kubedag.core import backfill_rows, logtail, outcomes, pool_rows, rows, slices, states
from support import full_status, structural
from support.builders import a_finished_status, a_row, an_attempt

PAIRS = [
    (rows.LogTail, dagrun.LogTail),
    (rows.Attempt, dagrun.AttemptStatus),
    (rows.TaskRow, dagrun.TaskStatus),
    (rows.Counts, dagrun.Counts),
    (rows.RunStatus, dagrun.DAGRunStatus),
    (rows.Condition, common.Condition),
    (rows.LastRun, dag.LastRun),
    (rows.DAGStatus, dag.DAGStatus),
    (rows.Interval, dag.Interval),
    (rows.NextRun, dag.NextRun),
    (rows.SkippedIntervals, dag.SkippedIntervals),
    (rows.Rerun, dagrun.RerunStatus),
    (rows.Notification, notification.NotificationStatus),
    (backfill_rows.IntervalCounts, backfill.IntervalCounts),
    (backfill_rows.IntervalRange, backfill.IntervalRange),
    (backfill_rows.BackfillFailure, backfill.BackfillFailure),
    (backfill_rows.BackfillStatus, backfill.BackfillStatus),
    (pool_rows.SlotHolder, taskpool.SlotHolder),
    (pool_rows.SlotWaiter, taskpool.SlotWaiter),
    (pool_rows.PoolStatus, taskpool.TaskPoolStatus),
]


@pytest.mark.parametrize(("record", "model"), PAIRS, ids=lambda kind: kind.__name__)
def test_a_record_has_the_fields_of_its_model(record, model):
    stored = {field.encode_name for field in msgspec.structs.fields(record)}
    declared = {field.alias or name for name, field in model.model_fields.items()}
    assert stored == declared


def test_a_slice_has_the_fields_of_its_model():
    stored = {field.encode_name for field in msgspec.structs.fields(slices.Slice)}
    declared = {field.alias or name for name, field in runslice.DAGRunSlice.model_fields.items()}
    assert stored == declared - {"apiVersion", "kind", "metadata"}


@pytest.mark.parametrize(
    ("words", "enum"),
    [
        (
            {value for name, value in vars(states).items() if isinstance(value, str)
             and name.isupper()},
            enums.TaskState,
        ),
        (states.ATTEMPT_ENDS | states.ACTIVE, enums.AttemptState),
        ({outcomes.USER, outcomes.INFRA, outcomes.CONFIG}, enums.FailureClass),
        ({logtail.POD_LOG, logtail.TERMINATION_MESSAGE, logtail.NONE}, enums.LogSource),
        ({rows.TRUE, rows.FALSE, rows.UNKNOWN}, enums.ConditionStatus),
    ],
    ids=["states of a task", "states of an attempt", "classes", "sources of logs", "truth"],
)  # fmt: skip
def test_the_core_uses_the_words_of_the_api(words, enum):
    assert words == {member.value for member in enum}


# --- Statuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "plural", "model"),
    [
        (full_status.of_a_run(), "dagruns", dagrun.DAGRunStatus),
        (full_status.of_a_dag(), "dags", dag.DAGStatus),
        (full_status.of_a_backfill(), "backfills", backfill.BackfillStatus),
        (full_status.of_a_pool(), "taskpools", taskpool.TaskPoolStatus),
        (rows.RunStatus(), "dagruns", dagrun.DAGRunStatus),
        (rows.DAGStatus(), "dags", dag.DAGStatus),
        (
            a_finished_status(a_row("a", "Failed", attempts=(an_attempt(1, "Failed"),))),
            "dagruns",
            dagrun.DAGRunStatus,
        ),
    ],
    ids=[
        "full run",
        "full DAG",
        "full Backfill",
        "full TaskPool",
        "new run",
        "new DAG",
        "finished run",
    ],
)
def test_the_api_takes_a_status_whole(status, plural, model):
    written = full_status.stored(status)
    assert list(structural.complaints(written, structural.status_schema(plural))) == []
    read = model.model_validate(written).model_dump(mode="json", exclude_unset=True)
    assert read == written


def test_a_full_status_leaves_nothing_out():
    assert len(full_status.stored(full_status.of_a_run())) == len(rows.RunStatus.__struct_fields__)
    assert len(full_status.stored(full_status.of_a_dag())) == len(rows.DAGStatus.__struct_fields__)
    (row,) = full_status.stored(full_status.of_a_run())["tasks"]
    assert len(row) == len(rows.TaskRow.__struct_fields__)
    assert len(row["attempts"][0]) == len(rows.Attempt.__struct_fields__)


@pytest.mark.parametrize(
    ("text", "field"),
    [("m" * rows.MESSAGE_CHARS_MAX, "message"), ("r" * rows.REASON_CHARS_MAX, "reason")],
    ids=["message", "reason"],
)
def test_the_longest_words_of_the_core_fit(text, field):
    status = rows.RunStatus(tasks=(rows.TaskRow("a", "Failed", **{field: text}),))
    assert (
        list(
            structural.complaints(full_status.stored(status), structural.status_schema("dagruns"))
        )
        == []
    )


def test_the_longest_log_fits():
    tail = logtail.trim(b"\xff" * 10_000, logtail.POD_LOG)
    row = a_row("a", "Failed", attempts=(an_attempt(1, "Failed", log=tail),))
    written = full_status.stored(rows.RunStatus(tasks=(row,)))
    assert list(structural.complaints(written, structural.status_schema("dagruns"))) == []


@pytest.mark.parametrize(
    ("status", "complaint"),
    [
        ({"unheardOf": 1}, "status.unheardOf: would be pruned"),
        ({"retries": "1"}, "status.retries: '1' is no integer"),
        ({"retries": -1}, "status.retries: -1 is out of range"),
        ({"tasks": [{"name": "a"}]}, "status.tasks[0].state: is missing"),
        ({"startTime": "now"}, "status.startTime: 'now' is no time"),
        ({"progress": "x" * 64}, "status.progress: has 64 characters"),
    ],
    ids=["unknown", "type", "range", "missing", "time", "length"],
)
def test_the_judge_of_these_tests_does_judge(status, complaint):
    found = list(structural.complaints(status, structural.status_schema("dagruns")))
    assert found == [complaint]
