"""What a person is told, from what changed between two stored statuses."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import notes, rows
from support.builders import a_finished_status, a_row, a_status, an_attempt, stamp

NOTHING = rows.RunStatus()
RUNNING = a_status(a_row("a", "Running"))


def told(found):
    return [(note.type, note.reason) for note in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(NOTHING, NOTHING, [], id="nothing"),
        pytest.param(NOTHING, RUNNING, [("Normal", "RunStarted")], id="it started"),
        pytest.param(RUNNING, RUNNING, [], id="it goes on"),
        pytest.param(
            RUNNING, a_finished_status(a_row("a", "Succeeded")), [("Normal", "RunSucceeded")],
            id="it succeeded",
        ),
        pytest.param(
            RUNNING, a_finished_status(a_row("a", "Failed"), succeeded=False),
            [("Warning", "TaskFailed"), ("Warning", "RunFailed")],
            id="it failed, the task first",
        ),
        pytest.param(
            RUNNING, a_finished_status(a_row("a", "Skipped"), succeeded=False, reason="TimedOut"),
            [("Warning", "RunTimedOut")],
            id="it took too long",
        ),
        pytest.param(
            NOTHING, a_finished_status(a_row("a", "Succeeded")),
            [("Normal", "RunSucceeded")], id="all of it between two writes",
        ),
        pytest.param(
            a_finished_status(a_row("a", "Failed"), succeeded=False),
            a_finished_status(a_row("a", "Failed", message="late"), succeeded=False), [],
            id="the end is told once",
        ),
        pytest.param(
            RUNNING, a_status(a_row("a", "AwaitingRetry", attempt=1)),
            [("Warning", "TaskRetryScheduled")], id="a task will be tried again",
        ),
        pytest.param(
            a_status(a_row("a", "AwaitingRetry", attempt=1)),
            a_status(a_row("a", "AwaitingRetry", attempt=1, message="waits for a place")), [],
            id="which is told once for each attempt",
        ),
        pytest.param(
            a_status(a_row("a", "AwaitingRetry", attempt=1)),
            a_status(a_row("a", "AwaitingRetry", attempt=2)),
            [("Warning", "TaskRetryScheduled")], id="and the next time again",
        ),
    ],
)  # fmt: skip
def test_what_is_told_of_a_run(old, new, expected):
    assert told(notes.of_run(old, new)) == expected


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        (
            "ExitCode",
            "exit code 3; the next attempt has 2Gi",
            "exit code 3; the next attempt has 2Gi",
        ),
        ("MaxActiveTasks", "waits for one of 1 active tasks", "exit code 3"),
    ],
    ids=["and what follows from that", "and not what it waits for already"],
)
def test_why_a_task_is_tried_again_is_told(reason, message, said):
    failed = an_attempt(1, "Failed", reason="ExitCode", message="exit code 3")
    row = a_row(
        "a", "AwaitingRetry", reason=reason, message=message, attempts=(failed,), attempt=1
    )
    (note,) = notes.of_run(RUNNING, a_status(row))
    assert note.message == f"task a: attempt 1 failed ({said}); another one follows"


def test_a_failed_task_is_told_with_its_reason_and_the_end_of_its_log():
    log = rows.LogTail("PodLog", "x" * 1000 + "the end")
    row = a_row(
        "a",
        "Failed",
        message="exit code 1",
        attempt=2,
        attempts=(an_attempt(2, "Failed", log=log),),
    )
    (note,) = notes.of_run(RUNNING, a_status(row))
    assert note.message == (
        "task a failed: exit code 1 (after 2 attempts); its log ends with: …"
        + "x" * 292
        + "the end"
    )


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (rows.LogTail("PodLog", "oh no"), "; its log ends with: oh no"),
        (rows.LogTail("TerminationMessage", "oh no"), "; its log ends with: oh no"),
        (rows.LogTail("PodLog", ""), ""),
        (rows.LogTail("PodLog", "\n \n"), ""),
        (rows.LogTail("None"), ""),
        (rows.LogTail("TerminationMessage", "no such\nfile"), ""),
        (rows.LogTail("PodLog", "a" * 50 + "\n" + "b" * 300), "; its log ends with: " + "b" * 300),
        (
            rows.LogTail("PodLog", "a" * 50 + "\n" + "b" * 299),
            "; its log ends with: " + "b" * 299,
        ),
        (
            rows.LogTail("PodLog", "a" * 50 + "\n" + "b" * 290),
            "; its log ends with: …aaaaaa ⏎ " + "b" * 290,
        ),
    ],
    ids=["log", "message", "empty", "blank", "none", "said already", "at a line", "at its mark",
         "within a line"],
)  # fmt: skip
def test_only_a_log_that_says_something_is_told(log, said):
    attempt = an_attempt(1, "Failed", log=log)
    why = "the program cannot be started: no such ⏎ file"
    row = a_row("a", "Failed", message=why, attempts=(attempt,))
    (note,) = notes.of_run(RUNNING, a_status(row))
    assert note.message == f"task a failed: {why}{said}"


def test_a_log_of_several_lines_is_told_in_one():
    log = rows.LogTail("PodLog", "Traceback:\n  line 3\n\n\x1b[31mValueError\x1b[0m: no rows\n")
    row = a_row("a", "Failed", message="exit code 1", attempts=(an_attempt(1, "Failed", log=log),))
    (note,) = notes.of_run(RUNNING, a_status(row))
    assert note.message == (
        "task a failed: exit code 1; its log ends with: Traceback: ⏎ line 3 ⏎ ValueError: no rows"
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Pending", ["task a waits: image cannot be pulled"]),
        ("Terminating", ["task a waits: image cannot be pulled"]),
        ("Failed", ["task a failed: image cannot be pulled"]),
    ],
)
def test_what_a_pod_waits_for_is_told_where_a_person_can_mend_it(state, expected):
    row = a_row("a", state, reason="ImagePullBackOff", message="image cannot be pulled")
    assert [note.message for note in notes.of_run(RUNNING, a_status(row))] == expected
    assert notes.of_run(a_status(row), a_status(a_row("a", state, reason=row.reason))) == ()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("PoolNotFound", [("Warning", "TaskWaiting")]),
        ("PoolNotShared", [("Warning", "TaskWaiting")]),
        ("PoolTooSmall", [("Warning", "TaskWaiting")]),
        ("PoolPaused", []),
        ("PoolFull", []),
    ],
)
def test_what_is_wrong_with_a_pool_is_told_once_and_a_pause_that_somebody_wanted_is_not(
    reason, expected
):
    row = a_row("a", "Queued", reason=reason, message="pool: it is as it is")
    assert told(notes.of_run(RUNNING, a_status(row))) == expected
    later = a_status(a_row("a", "Queued", reason=reason, message="pool: in other words"))
    assert notes.of_run(a_status(row), later) == ()


def test_a_failed_task_is_told_once_its_log_is_there():
    def failed(log):
        attempt = an_attempt(1, "Failed", pod_name="a-1", log=log)
        return a_row("a", "Failed", message="exit code 1", attempt=1, attempts=(attempt,))

    unread, read = a_status(failed(None)), a_status(failed(rows.LogTail("PodLog", "oh no")))

    assert told(notes.of_run(RUNNING, unread)) == []
    (note,) = notes.of_run(unread, read)
    assert note.message == "task a failed: exit code 1; its log ends with: oh no"
    assert told(notes.of_run(read, a_status(failed(rows.LogTail("PodLog", "oh no"))))) == []


def test_a_retry_is_told_with_its_time():
    row = a_row("a", "AwaitingRetry", message="exit code 1", attempt=1, next_attempt_time=stamp(9))
    (note,) = notes.of_run(RUNNING, a_status(row))
    assert note.message == (
        "task a: attempt 1 failed (exit code 1); next one at 2026-01-01T00:00:09Z"
    )


def tried(state, *ends, **fields):
    """A task with an attempt for each of these ends."""
    attempts = tuple(
        an_attempt(number, end, message=f"exit code {number}", create_time=stamp(10 * number),
                   log=rows.LogTail("None"))
        for number, end in enumerate(ends, 1)
    )  # fmt: skip
    last = {"message": attempts[-1].message, "attempt": len(attempts)}
    return a_row("a", state, attempts=attempts, **(last | fields))


def retried(number):
    return (
        f"task a: attempt {number} failed (exit code {number}); "
        f"next one at {stamp(10 * number + 10)}"
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            tried("Running", "Running"), tried("Running", "Failed", "Running"), [retried(1)],
            id="a back-off between two writes",
        ),
        pytest.param(
            a_row("a", "Waiting"), tried("Pending", "Failed", "Failed", "Pending"),
            [retried(1), retried(2)], id="two of them",
        ),
        pytest.param(
            tried("AwaitingRetry", "Failed"), tried("Running", "Failed", "Running"), [],
            id="one that was told",
        ),
        pytest.param(
            tried("Running", "Failed", "Running"), tried("Running", "Failed", "Failed", "Running"),
            [retried(2)], id="the next one",
        ),
        pytest.param(
            tried("Running", "Running"),
            tried("AwaitingRetry", "Failed", "Failed", next_attempt_time=stamp(30)),
            [retried(1), retried(2)], id="and one that is still to come",
        ),
        pytest.param(
            tried("Running", "Running"), tried("Failed", "Failed", "Failed"),
            [retried(1), "task a failed: exit code 2 (after 2 attempts)"], id="the last is no retry",
        ),
        pytest.param(
            tried("Running", "Running"), tried("Succeeded", "Failed", "Succeeded"), [retried(1)],
            id="made good",
        ),
        pytest.param(
            tried("Running", "Running"),
            a_row("a", "Failed", attempt=2, message="no", attempts=(
                an_attempt(1, "Failed", message="m"), an_attempt(2, "Failed", create_time=None,
                                                                 pod_name=""))),
            ["task a: attempt 1 failed (m); another one follows",
             "task a failed: no (after 2 attempts)"],
            id="one that the API does not take",
        ),
    ],
)  # fmt: skip
def test_a_retry_is_told_however_soon_the_next_attempt_follows(before, after, expected):
    found = notes.of_run(a_status(before), a_status(after))
    assert [note.message for note in found] == expected


def test_the_retries_of_a_run_are_told_as_little_as_all_else():
    many = tried("Running", *["Failed"] * 50, "Running")
    assert len(notes.of_run(RUNNING, a_status(many))) <= notes.NOTES_MAX


@pytest.mark.parametrize("failed", [5, 18, 19, 20, 21, 500])
def test_of_many_changes_the_first_are_told_the_last_and_how_many_more_there_were(failed):
    before = a_status(*[a_row(f"t{n}", "Running") for n in range(failed)])
    after = a_finished_status(*[a_row(f"t{n}", "Failed") for n in range(failed)], succeeded=False)
    found = notes.of_run(before, after)
    assert len(found) <= notes.NOTES_MAX
    assert found[-1].reason == "RunFailed"
    named = sum(note.reason == "TaskFailed" for note in found)
    more = [note.message for note in found if note.reason == "MoreEvents"]
    assert more == ([f"{failed - named} more tasks changed"] if named < failed else [])


# --- DAGs -------------------------------------------------------------------------------------


def ready(status, message="m", reason="R"):
    return rows.DAGStatus(conditions=(rows.Condition("Ready", status, reason, message),))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(rows.DAGStatus(), ready("Unknown"), [], id="it is being checked"),
        pytest.param(rows.DAGStatus(), ready("True"), [("Normal", "DAGAccepted")], id="good"),
        pytest.param(rows.DAGStatus(), ready("False", reason="Cycle"), [("Warning", "Cycle")],
                     id="bad"),
        pytest.param(ready("Unknown"), ready("True"), [("Normal", "DAGAccepted")], id="checked"),
        pytest.param(ready("True"), ready("True"), [], id="still good"),
        pytest.param(ready("False", "a"), ready("False", "b"), [("Warning", "R")], id="else bad"),
        pytest.param(ready("True"), rows.DAGStatus(), [], id="no word"),
    ],
)  # fmt: skip
def test_what_is_told_of_a_dag(old, new, expected):
    assert told(notes.of_dag(old, new)) == expected


def again(status, wish, tasks, number=1):
    return msgspec.structs.replace(status, rerun=rows.Rerun(wish, number, stamp(9), tasks))


BEFORE = a_finished_status(a_row("a", "Failed"), a_row("b", "Succeeded"), succeeded=False)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        pytest.param(
            again(a_status(a_row("a", "Queued"), a_row("b", "Succeeded")), "x", 1),
            ["rerun x: 1 of 2 tasks run again, with revision pipeline-rev"], id="a part",
        ),
        pytest.param(
            again(a_status(a_row("a", "Queued"), a_row("b", "Waiting")), "x", 2),
            ["rerun x: all tasks run again, with revision pipeline-rev"], id="all",
        ),
        pytest.param(
            again(a_status(a_row("a", "Queued")), "x", 1),
            ["rerun x: its task runs again, with revision pipeline-rev"], id="all there is",
        ),
        pytest.param(
            again(BEFORE, "x", 0), ["rerun x: nothing is left to run again"], id="nothing",
        ),
    ],
)  # fmt: skip
def test_a_rerun_is_told_with_what_runs_again(new, expected):
    found = notes.of_run(BEFORE, new)
    assert [note.message for note in found if note.reason == "RunRerun"] == expected
    assert told(found) == [("Normal", "RunRerun")]


def test_the_end_of_a_rerun_is_told_and_what_was_told_before_is_not():
    begun = again(a_status(a_row("a", "Queued"), a_row("b", "Succeeded")), "x", 1)
    ended = again(a_finished_status(a_row("a", "Succeeded"), a_row("b", "Succeeded")), "x", 1)
    assert told(notes.of_run(begun, ended)) == [("Normal", "RunSucceeded")]
    assert told(notes.of_run(ended, ended)) == []


def test_a_rerun_that_ends_as_it_begins_is_told_with_its_end():
    ended = a_finished_status(a_row("b", "Succeeded"), completed=200)
    found = notes.of_run(BEFORE, again(ended, "x", 0))
    assert told(found) == [("Normal", "RunRerun"), ("Normal", "RunSucceeded")]


def test_attempts_of_before_are_not_told_again_when_rows_move():
    row = a_row("b", "Succeeded", attempt=2, attempts=(
        an_attempt(1, "Failed", log=rows.LogTail("None")), an_attempt(2, "Succeeded")))  # fmt: skip
    old = a_finished_status(a_row("a", "Failed"), row, succeeded=False)
    moved = msgspec.structs.replace(a_status(row), revision="other")
    assert told(notes.of_run(old, again(moved, "x", 1))) == [("Normal", "RunRerun")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"event": "RunFailed", "key": "RunFailed/0", "cause": "ExitCode"},
            "team has been told of RunFailed: the run failed (ExitCode)",
        ),
        (
            {"event": "TaskFailed", "key": "TaskFailed/a/2", "task": "a", "cause": "OOMKilled",
             "more": 3},
            ("team has been told of TaskFailed: task a of the run failed (OOMKilled)"
            " (and 3 more tasks)"),
        ),
        (
            {"event": "BackfillDone", "key": "BackfillDone", "cause": "Succeeded"},
            "team has been told of BackfillDone: the Backfill is over (Succeeded)",
        ),
        (
            {"event": "RunLate", "key": "RunLate/0", "state": "Failed",
             "last_error": "it answered 404"},
            "team could not be told of RunLate, that the run is late: it answered 404",
        ),
    ],
    ids=["a run", "tasks", "a Backfill", "in vain"],
)  # fmt: skip
def test_what_somebody_was_told_is_said_in_words_and_not_by_its_key(fields, said):
    one = rows.Notification("team", **{"state": "Delivered", "create_time": stamp(1), **fields})
    waiting = msgspec.structs.replace(one, state="Pending")
    before, after = (a_status(notifications=(found,)) for found in (waiting, one))
    assert [note.message for note in notes.of_run(before, after)] == [said]
    assert notes.of_run(after, after) == ()
