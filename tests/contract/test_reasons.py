"""The reasons are a closed list: nothing else is said, and everything on it is."""

import ast
import re
from pathlib import Path

import pytest

import kubedag.core
from kubedag.core import (
    actions,
    asks,
    notes,
    reasons,
    reasons_elsewhere,
    reasons_limits,
    refusals,
    rows,
    stops,
)

# Which argument of these is a reason.
TELLERS = {
    "_held": 1,
    "_ended_early": 1,
    "conclude": 3,
    "_conclude": 3,
    "_queued": 1,
    "Outcome": 1,
    "Note": 1,
    "Problem": 1,
    "Condition": 2,
    "Refusal": 1,
    "Admission": 1,
    "TaskRow": 2,
    "Word": 0,
    "Standing": 1,
}
TELLERS_BY_FILE = {("decide_dag", "Verdict"): 1}
LISTS = ("reasons", "reasons_elsewhere", "reasons_backfill", "reasons_limits", "reasons_notices")
CORE = Path(kubedag.core.__file__).parent
FILES = sorted(
    [*CORE.glob("*.py"), *CORE.parent.glob("api/*.py"), *CORE.parent.glob("shell/*.py")]
)
NAMES = {reason.name for reason in reasons_elsewhere.ALL}
VARIABLES = {
    name: value.name
    for module in (reasons, reasons_elsewhere, reasons_limits)
    for name, value in vars(module).items()
    if isinstance(value, reasons.Reason)
}


def told_in(node, stem):
    """The expressions of a node that are reasons."""
    if isinstance(node, ast.Assign):
        return [node.value] if named_reason(node.targets) else []
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    position = TELLERS_BY_FILE.get((stem, name), TELLERS.get(name))
    told = [word.value for word in node.keywords if word.arg == "reason"]
    return told if position is None else [*told, *node.args[position : position + 1]]


def named_reason(targets):
    return "reason" in [getattr(target, "id", "") for target in targets]


def words_in(value):
    """The literals of an expression, apart from what is only compared with."""
    if isinstance(value, ast.IfExp):
        return [*words_in(value.body), *words_in(value.orelse)]
    if isinstance(value, ast.BoolOp):
        return [word for part in value.values for word in words_in(part)]
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
        return [value.value]
    return []


def literals(path):
    """Every literal that is a reason, wherever it is told."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for value in told_in(node, path.stem):
            yield from words_in(value)


LITERALS = {word: path.name for path in FILES for word in literals(path)}
FAULTS = [fault.value for fault in kubedag.core.graph.Fault]


def test_the_literals_are_found():
    assert {"DAGNotFound", "MaxActiveTasks", "NoImage", "TaskFailed", "Accepted"} <= set(LITERALS)


def test_every_reason_that_is_told_is_on_the_list():
    """Whoever tells a new one adds it to `core/reasons_elsewhere.py`, and says what it means."""
    told = {
        *LITERALS,
        *FAULTS,
        *asks.ASKS,
        refusals.NAME_CONFLICT,
        *stops.STOPS,
    }
    assert {word: LITERALS.get(word) for word in told - NAMES} == {}


def test_every_reason_on_the_list_is_told():
    """By a literal, or by the name of its variable, outside of the list itself."""
    sources = [path.read_text("utf-8") for path in FILES if path.stem not in LISTS]
    used = {word for text in sources for word in re.findall(r"\b(?:\w+\.)([A-Z][A-Z_]+)\b", text)}
    written = {word for text in sources for word in re.findall(r'"([A-Z][A-Za-z]+)"', text)}
    told = {*written, *FAULTS, *(name for key, name in VARIABLES.items() if key in used)}
    told |= {f"Run{reason.name}" for reason in reasons_elsewhere.ENDS_OF_RUNS}
    assert NAMES - told == set()


def test_a_reason_is_explained_once():
    names = [reason.name for reason in reasons_elsewhere.ALL]
    twice = {name for name in names if names.count(name) > 1}
    of_attempts = {*stops.STOPS.values()} - {stops.RUN_FAILED_FAST}
    assert twice == of_attempts | {"DryRun"}  # each is an Event, too


@pytest.mark.parametrize("reason", reasons_elsewhere.ALL, ids=lambda reason: reason.name)
def test_a_reason_is_one_camel_case_word_that_says_where_and_whose_failure_it_is(reason):
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]{1,63}", reason.name)
    assert len(reason.name) <= rows.REASON_CHARS_MAX
    assert reason.means
    assert reason.said_of
    ends = reasons.ENDED in reason.said_of
    assert (reason.failure_class in (reasons.USER, reasons.INFRA, reasons.CONFIG)) == ends
    assert "|" not in reason.means + reason.remedy


def test_how_a_run_ended_is_an_event_of_its_own():
    ends = {f"Run{reason.name}" for reason in reasons_elsewhere.ENDS_OF_RUNS}
    assert ends <= NAMES
    ended = (
        rows.Condition("Finished", "True", "x"),
        rows.Condition("Succeeded", "False", "Forbidden"),
    )
    (note,) = notes.of_run(rows.RunStatus(), rows.RunStatus(conditions=ended))
    assert isinstance(note, actions.Note)
    assert note.reason in ends
