from __future__ import annotations

import msgspec
import pytest

from kubedag.core import fit, logtail, rows, states
from support.builders import a_row, a_status, an_attempt, stamp

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


def size(status: rows.RunStatus) -> int:
    return len(msgspec.json.encode(status.tasks))


def test_what_fits_stays_the_very_same():
    status = a_status(a_failure("a", 1, "tail"), a_success("b"))
    assert fit.fit(status, NOW) is status


def test_the_newest_log_tails_win_and_the_others_say_that_they_were_cut():
    tasks = (a_failure("a", 2, "x" * 40), a_failure("b", 1, "y" * 40), a_failure("c", 3, "z" * 40))
    assert tails(fit.bound_logs(tasks, bytes_max=80)) == [
        ("x" * 40, False),
        ("", True),
        ("z" * 40, False),
    ]


def test_the_bound_of_log_tails_counts_bytes_and_not_letters():
    tasks = (a_failure("a", 1, "ä" * 40), a_failure("b", 2, "z" * 40))
    assert tails(fit.bound_logs(tasks, bytes_max=100)) == [("", True), ("z" * 40, False)]


def test_a_tail_that_was_dropped_is_dropped_once():
    tasks = tuple(a_failure(f"t{n}", n, "x" * 2000) for n in range(100))
    once = fit.bound_logs(tasks)
    assert fit.bound_logs(once) is once
    assert sum(len(tail) for tail, _ in tails(once)) <= rows.LOG_TAILS_OF_RUN_BYTES_MAX


@pytest.mark.parametrize(
    "tasks",
    [
        pytest.param(tuple(a_success(f"task-{n:05}") for n in range(10_000)), id="all succeeded"),
        pytest.param(
            tuple(
                a_row(
                    f"task-{n:05}", states.WAITING, reason="Upstream", message="waits for 9 " * 8
                )
                for n in range(10_000)
            ),
            id="all wait",
        ),
        pytest.param(
            tuple(a_failure(f"task-{n:05}", n % 60, "x" * 2048) for n in range(3_000)),
            id="all failed",
        ),
        pytest.param(
            tuple(
                a_row(
                    f"task-{n:05}",
                    states.AWAITING_RETRY,
                    attempt=10,
                    user_failures=10,
                    message="m" * 1024,
                    attempts=a_failure("a", 1, "x" * 2048).attempts * 10,
                )
                for n in range(1_000)
            ),
            id="all on their tenth attempt",
        ),
    ],
)
def test_a_status_that_is_too_large_is_trimmed_and_says_so(tasks):
    trimmed = fit.fit(a_status(*tasks), NOW)
    assert size(trimmed) <= fit.STATUS_BYTES_MAX
    told = trimmed.condition(rows.STATUS_TRUNCATED)
    assert told is not None
    assert (told.status, told.reason) == ("True", "TooLarge")


def test_what_decisions_need_survives_all_trims():
    tasks = tuple(a_failure(f"task-{n:05}", 1, "x" * 2048) for n in range(3_000))
    needed = [(row.name, row.state, row.attempt, row.user_failures) for row in tasks]
    kept = fit.fit(a_status(*tasks), NOW).tasks
    assert [(row.name, row.state, row.attempt, row.user_failures) for row in kept] == needed


def test_trimming_is_done_once():
    status = a_status(*(a_success(f"task-{n:05}") for n in range(10_000)))
    once = fit.fit(status, NOW)
    assert fit.fit(once, stamp(100)) is once
