"""What the status of a run says, in the form in which it is stored."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import rows
from support.builders import a_finished_status, a_row, a_status, an_attempt, stamp

OLD = rows.Condition("Ready", "True", "Accepted", "1 task", stamp(1), 1)
OTHER = rows.Condition("Other", "True", "R", "m", stamp(3), 1)


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        pytest.param(
            (), rows.Condition("Ready", "True", "R"),
            (rows.Condition("Ready", "True", "R", "", stamp(9)),), id="the first",
        ),
        pytest.param(
            (OLD,), rows.Condition("Ready", "True", "R", "other words", "", 2),
            (rows.Condition("Ready", "True", "R", "other words", stamp(1), 2),),
            id="other words move no time",
        ),
        pytest.param(
            (OLD,), rows.Condition("Ready", "False", "R"),
            (rows.Condition("Ready", "False", "R", "", stamp(9)),), id="another status does",
        ),
        pytest.param(
            (OTHER, OLD), rows.Condition("Ready", "False", "R"),
            (rows.Condition("Ready", "False", "R", "", stamp(9)), OTHER),
            id="those of others stay, in a fixed order",
        ),
    ],
)  # fmt: skip
def test_a_condition_is_replaced_by_type(before, new, after):
    assert rows.set_condition(before, new, stamp(9)) == after


def test_succeeded_comes_before_finished_whichever_is_set_first():
    finished, succeeded = (
        rows.Condition(type_, "True", "R") for type_ in ("Finished", "Succeeded")
    )
    found = rows.set_condition(rows.set_condition((), finished, stamp(1)), succeeded, stamp(1))
    assert [condition.type for condition in found] == ["Succeeded", "Finished"]


@pytest.mark.parametrize(
    ("status", "finished", "succeeded"),
    [
        (rows.RunStatus(), False, False),
        (a_finished_status(), True, True),
        (a_finished_status(succeeded=False), True, False),
    ],
    ids=["new", "good", "bad"],
)
def test_a_run_is_finished_when_its_condition_says_so(status, finished, succeeded):
    assert (status.finished, status.succeeded) == (finished, succeeded)


def test_what_is_not_known_is_not_stored():
    stored = msgspec.json.decode(msgspec.json.encode(a_status(a_row(attempts=(an_attempt(),)))))
    assert stored["tasks"] == [
        {
            "name": "a",
            "state": "Waiting",
            "attempts": [
                {
                    "number": 1,
                    "state": "Running",
                    "podName": "run-a-1-w6jc6lk7",
                    "createTime": "2026-01-01T00:00:00Z",
                }
            ],
        }
    ]


def test_a_count_of_zero_is_stored_because_people_read_it():
    assert msgspec.to_builtins(rows.Counts(total=1))["failed"] == 0


def test_what_is_stored_is_read_back():
    log = rows.LogTail("PodLog", "x", truncated=True)
    attempt = an_attempt(1, "Failed", failure_class="User", exit_code=1, log=log)
    status = a_finished_status(a_row("a", "Failed", attempts=(attempt,)), succeeded=False)
    assert msgspec.json.decode(msgspec.json.encode(status), type=rows.RunStatus) == status


def test_a_newer_operators_fields_are_passed_over():
    assert msgspec.convert({"revision": "r", "unheardOf": 1}, rows.RunStatus) == rows.RunStatus(
        revision="r"
    )


@pytest.mark.parametrize(
    ("text", "clipped"),
    [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abc…")],
    ids=["short", "just fits", "too long"],
)
def test_a_text_is_bounded(text, clipped):
    assert rows.clip(text, 4) == clipped
