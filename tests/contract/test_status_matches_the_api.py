"""What the operator writes and what the API takes are two descriptions of one thing.

The core stores plain records, because a decision looks at ten thousand of them; the CRD is made
from pydantic models. A field that one has and the other has not would be pruned without a word.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest

import kubedag.core
from kubedag.api import common, dag, dagrun, enums
from kubedag.core import logtail, outcomes, refusals, rows, states
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
]


@pytest.mark.parametrize(("record", "model"), PAIRS, ids=lambda kind: kind.__name__)
def test_a_record_has_the_fields_of_its_model(record, model):
    stored = {field.encode_name for field in msgspec.structs.fields(record)}
    declared = {field.alias or name for name, field in model.model_fields.items()}
    assert stored == declared


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


# --- Reasons ----------------------------------------------------------------------------------

# Which argument of these is a reason.
TELLERS = {
    "_held": 1,
    "_ended_unstarted": 1,
    "_conclude": 3,
    "_failed": 1,
    "_queued": 1,
    "Outcome": 1,
    "Note": 1,
    "Problem": 1,
    "Condition": 2,
    "Refusal": 1,
    "Admission": 1,
    "TaskRow": 2,
}
TELLERS_BY_FILE = {("refusals", "Verdict"): 0, ("decide_dag", "Verdict"): 1}


def told_in(node, stem):
    """The expressions of a node that are reasons."""
    if isinstance(node, ast.Assign):
        targets = [getattr(target, "id", "") for target in node.targets]
        return [node.value] if "reason" in targets else []
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    position = TELLERS_BY_FILE.get((stem, name), TELLERS.get(name))
    told = [word.value for word in node.keywords if word.arg == "reason"]
    return told if position is None else [*told, *node.args[position : position + 1]]


def reasons_in(path):
    """Every literal that is a reason, wherever it is told."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for value in told_in(node, path.stem):
            for part in ast.walk(value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                    yield part.value


CORE = Path(kubedag.core.__file__).parent
FILES = sorted(
    [*CORE.glob("*.py"), *CORE.parent.glob("api/*.py"), *CORE.parent.glob("shell/*.py")]
)
REASONS = sorted({reason for path in FILES for reason in reasons_in(path)} - {"Run"})


def test_the_reasons_are_found():
    assert len(REASONS) > 60
    assert {"DAGNotFound", "OOMKilled", "MaxActiveTasks", "WaitingForQuota"} <= set(REASONS)


@pytest.mark.parametrize("reason", [*REASONS, *outcomes.ASKS, refusals.NAME_CONFLICT])
def test_a_reason_is_one_camel_case_word(reason):
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]{1,127}", reason)


# --- Statuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "plural", "model"),
    [
        (full_status.of_a_run(), "dagruns", dagrun.DAGRunStatus),
        (full_status.of_a_dag(), "dags", dag.DAGStatus),
        (rows.RunStatus(), "dagruns", dagrun.DAGRunStatus),
        (rows.DAGStatus(), "dags", dag.DAGStatus),
        (
            a_finished_status(a_row("a", "Failed", attempts=(an_attempt(1, "Failed"),))),
            "dagruns",
            dagrun.DAGRunStatus,
        ),
    ],
    ids=["full run", "full DAG", "new run", "new DAG", "finished run"],
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
