from __future__ import annotations

import msgspec
import pytest

from kubedag.core import fit, logtail, rows, slices, states
from support.builders import a_row, a_snapshot, a_status, an_attempt, stamp

NOW = stamp(99)


def a_failure(name: str, at: int, tail: str = "") -> rows.TaskRow:
    attempt = an_attempt(
        state=states.FAILED,
        message="exit code 1",
        finish_time=stamp(at),
        log=rows.LogTail(logtail.POD_LOG, tail),
        task=name,
    )
    return a_row(name, states.FAILED, attempt=1, user_failures=1, attempts=(attempt,))


def a_success(name: str) -> rows.TaskRow:
    attempt = an_attempt(state=states.SUCCEEDED, finish_time=stamp(1), task=name)
    return a_row(name, states.SUCCEEDED, attempt=1, attempts=(attempt,))


def tails(tasks: tuple[rows.TaskRow, ...]) -> list[tuple[str, bool]]:
    logs = [attempt.log for row in tasks for attempt in row.attempts if attempt.log is not None]
    return [(log.tail, log.truncated) for log in logs]


def fitted(status: rows.RunStatus, stored: rows.RunStatus | None = None, **known: object):
    """What becomes of a status of the run `run`, of which `stored` is stored."""
    return fit.fit(status, a_snapshot(status=stored, **known), NOW)


def size(tasks: tuple[rows.TaskRow, ...]) -> int:
    return len(msgspec.json.encode(tasks))


def told(status: rows.RunStatus) -> tuple[str, str]:
    condition = status.condition(rows.STATUS_TRUNCATED)
    assert condition is not None
    assert condition.status == "True"
    return condition.reason, condition.message


def test_what_fits_stays_the_very_same():
    status = a_status(a_failure("a", 1, "tail"), a_success("b"))
    assert fitted(status) is status


def test_the_newest_log_tails_win_and_the_others_say_that_they_were_cut():
    tasks = (a_failure("a", 2, "x" * 40), a_failure("b", 1, "y" * 40), a_failure("c", 3, "z" * 40))
    assert tails(fit.bound_logs(tasks, bytes_max=80)) == [
        ("x" * 40, False),
        ("", True),
        ("z" * 40, False),
    ]


def test_a_run_whose_oldest_log_tails_were_left_out_says_so_and_goes_on_to_say_so():
    tail = "x" * rows.LOG_TAIL_BYTES_MAX
    count = rows.LOG_TAILS_OF_RUN_BYTES_MAX // rows.LOG_TAIL_BYTES_MAX
    failures = tuple(a_failure(f"t{number}", number, tail) for number in range(count + 1))
    status = fitted(a_status(*failures))
    assert tails(status.tasks)[:2] == [("", True), (tail, False)]
    assert told(status) == (
        "DetailsLeftOut", "the oldest log tails are left out: a run has 128 KiB of them",
    )  # fmt: skip
    assert fitted(status, stored=status) == status
    assert fitted(a_status(*failures[1:])).condition(rows.STATUS_TRUNCATED) is None


def test_the_bound_of_log_tails_counts_bytes_and_not_letters():
    tasks = (a_failure("a", 1, "ä" * 40), a_failure("b", 2, "z" * 40))
    assert tails(fit.bound_logs(tasks, bytes_max=100)) == [("", True), ("z" * 40, False)]


def test_a_tail_that_was_dropped_is_dropped_once():
    tasks = tuple(a_failure(f"t{n}", n, "x" * 2000) for n in range(100))
    once = fit.bound_logs(tasks)
    assert fit.bound_logs(once) is once
    assert sum(len(tail) for tail, _ in tails(once)) <= rows.LOG_TAILS_OF_RUN_BYTES_MAX


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (a_success("a"), 0),
        (a_failure("a", 1), 1),
        (a_row("a", states.AWAITING_RETRY, attempts=a_failure("a", 1).attempts), 1),
        (a_row("a", states.SUCCEEDED, reason="Marked"), 0),
    ],
    ids=["has succeeded", "has failed", "is tried again", "is marked"],
)
def test_for_want_of_room_only_what_has_succeeded_forgets_its_attempts(row, expected):
    assert len(fit._success_in_brief(row).attempts) == expected


# --- Rows ------------------------------------------------------------------------------------

MANY = {
    "all succeeded": tuple(a_success(f"task-{n:05}") for n in range(10_000)),
    "all wait": tuple(
        a_row(f"task-{n:05}", states.WAITING, reason="Upstream", message="waits for 9 " * 8)
        for n in range(10_000)
    ),
    "all failed": tuple(a_failure(f"task-{n:05}", n % 60, "x" * 2048) for n in range(5_000)),
}


@pytest.mark.parametrize("tasks", MANY.values(), ids=MANY)
def test_rows_that_are_too_large_for_one_object_go_into_slices_and_none_is_lost(tasks):
    found = fitted(a_status(*tasks))
    assert found.slices == slices.needed(len(tasks))
    assert found.tasks == fit.bound_logs(tasks)
    assert max(map(size, slices.parts(found.tasks))) <= slices.BYTES_MAX


def test_a_condition_says_where_the_rows_are():
    assert told(fitted(a_status(*MANY["all succeeded"]))) == (
        "RowsInSlices",
        (
            "the rows of 10000 tasks are in 100 further objects: "
            "kubectl -n ns get dagrunslices -l kubedag.dev/run=run"
        ),
    )


def test_rows_that_fit_go_into_slices_once_the_api_has_refused_them():
    found = fitted(a_status(a_success("a")), slice_bytes_max=slices.BYTES_MAX)
    assert (found.slices, found.tasks) == (1, (a_success("a"),))


def test_rows_that_are_in_slices_stay_there():
    stored = fitted(a_status(*MANY["all succeeded"]))
    few = msgspec.structs.replace(stored, tasks=stored.tasks[:150])
    assert fitted(few, stored).slices == 2


def test_a_run_that_has_no_rows_yet_has_no_slices():
    status = a_status()
    assert fitted(status, slice_bytes_max=slices.BYTES_MAX) is status


def test_fitting_is_done_once():
    once = fitted(a_status(*MANY["all failed"]))
    assert fitted(once, once) == once


# --- Slices that are too large ---------------------------------------------------------------


def talkative(name: str, attempts: int = 10) -> rows.TaskRow:
    """The row of a task that failed time and again, with much to say."""
    log = rows.LogTail(logtail.POD_LOG, "x" * 100)
    tries = tuple(
        an_attempt(n, states.FAILED, message="m" * 1024, log=log, finish_time=stamp(n))
        for n in range(attempts)
    )
    return a_row(name, states.FAILED, attempt=attempts, user_failures=attempts, attempts=tries)


def test_a_slice_that_is_too_large_leaves_details_out_and_says_so():
    tasks = tuple(talkative(f"task-{n:05}") for n in range(300))
    found = fitted(a_status(*tasks))
    assert max(map(size, slices.parts(found.tasks))) <= slices.BYTES_MAX
    reason, message = told(found)
    assert reason == "DetailsLeftOut"
    assert ", some without log tails and other details, for which there was no room: " in message
    assert message.endswith("get dagrunslices -l kubedag.dev/run=run")
    assert told(fitted(found, found)) == (reason, message)


def test_log_tails_are_what_goes_first():
    tasks = tuple(talkative(f"task-{n:05}", attempts=1) for n in range(100))
    bytes_max = size(tasks) - 1
    found = fitted(a_status(*tasks), slice_bytes_max=bytes_max).tasks
    assert {tail for tail, _ in tails(found)} == {""}
    assert [row.attempts[0].message for row in found] == ["m" * 1024] * 100


def test_only_the_slice_that_is_too_large_loses_anything():
    tasks = (
        *(a_failure(f"small-{n:03}", n % 60, "tail") for n in range(100)),
        *(talkative(f"large-{n:03}") for n in range(100)),
    )
    found = fitted(a_status(*tasks))
    assert found.tasks[:100] == tasks[:100]
    assert size(found.tasks[100:]) <= slices.BYTES_MAX


def test_what_decisions_need_survives_all_trims():
    tasks = tuple(talkative(f"task-{n:05}") for n in range(100))
    needed = [(row.name, row.state, row.attempt, row.user_failures) for row in tasks]
    kept = fitted(a_status(*tasks), slice_bytes_max=slices.BYTES_MIN).tasks
    assert [(row.name, row.state, row.attempt, row.user_failures) for row in kept] == needed
    assert size(kept) < size(tasks) / 30


def test_who_marked_a_task_survives_when_there_is_no_room_for_why():
    mark = rows.Mark("1", "Succeeded", "ann", "c" * 1024)
    tasks = tuple(
        a_row(f"t{n:03}", "Succeeded", reason="Marked", message="m" * 600, mark=mark)
        for n in range(100)
    )
    kept = fitted(a_status(*tasks), slice_bytes_max=size(tasks) // 2).tasks
    assert size(kept) <= size(tasks) // 2
    assert {(row.mark.id, row.mark.by, len(row.mark.comment)) for row in kept} == {
        ("1", "ann", 100)
    }


def test_what_the_api_has_taken_is_not_trimmed_when_it_takes_less_than_before():
    tasks = (*(talkative(f"t{n:05}", 1) for n in range(100)), a_failure("last", 1, "tail"))
    stored = fitted(a_status(*tasks), slice_bytes_max=slices.BYTES_MAX)
    found = fitted(stored, stored, slice_bytes_max=slices.BYTES_MIN)
    assert found.tasks == stored.tasks


def test_for_how_long_a_task_may_still_wait_survives_all_trims():
    """What has a limit is known by its reason, and would else begin anew with each look."""
    said, since = "no such account " * 60, stamp(5)
    waits = a_row("a", "Queued", reason="WaitingForServiceAccount", message=said, wait_time=since)
    others = (a_row(f"t{n}", "Skipped", reason="TriggerRule", message=said) for n in range(99))
    found = fitted(a_status(waits, *others), slice_bytes_max=slices.BYTES_MIN)
    row = found.tasks[0]
    assert (row.reason, row.message, row.wait_time) == ("WaitingForServiceAccount", "", since)
    assert {(row.reason, row.message) for row in found.tasks[1:]} == {("", "")}
    assert fitted(found, slice_bytes_max=slices.BYTES_MIN).tasks == found.tasks
