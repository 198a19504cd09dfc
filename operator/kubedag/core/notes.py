"""What a person would want to be told: the Events that follow from a change of status.

A pure comparison of the status that was stored before with the one that has been stored now, so
that nothing is told twice and nothing is told that did not happen.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from kubedag.core import (
    actions,
    approvals,
    marks,
    notes_notices,
    reasons,
    reasons_limits,
    rows,
    schedule_notes,
    states,
    stops,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
NOTES_MAX: Final = 20
_TAIL_CHARS_MAX: Final = 300
_MARKED: Final = reasons.MARKED.name
_LINE_END: Final = " ⏎ "
"""As `words.lines_in_one` writes it."""


TOLD_WAITS: Final = reasons_limits.MISTAKES | frozenset(
    {
        "WaitingForQuota",
        "WaitingForServiceAccount",
        "OperatorNotAllowed",
        "WebhookUnavailable",
        "ImagePullBackOff",
        "CreateContainerConfigError",
    }
)
"""What a task waits for that a person as a rule has to do something about; a pause is what one wanted."""


def of_run(old: rows.RunStatus, new: rows.RunStatus) -> tuple[actions.Note, ...]:
    """What became of a run between two of its stored statuses."""
    told = [*_tasks(old, new), *notes_notices.of(old, new), *_run(old, new)]
    if len(told) > NOTES_MAX:
        more = actions.Note(
            NORMAL, "MoreEvents", f"{len(told) - NOTES_MAX + 1} more tasks changed"
        )
        told = [*told[: NOTES_MAX - 2], more, told[-1]]  # how a run ended comes last
    return tuple(map(_in_one_line, told))


def _in_one_line(note: actions.Note) -> actions.Note:
    """Whatever it quotes: a line break would break the table of `kubectl get events`."""
    return actions.Note(note.type, note.reason, words.one_line(note.message))


def of_dag(old: rows.DAGStatus, new: rows.DAGStatus) -> tuple[actions.Note, ...]:
    """What became of a DAG: whether it was accepted, and what its schedule did."""
    return (*_judged(old, new), *schedule_notes.of_dag(old, new))


def _judged(old: rows.DAGStatus, new: rows.DAGStatus) -> tuple[actions.Note, ...]:
    before, after = old.condition(rows.READY), new.condition(rows.READY)
    if after is None or after.status == rows.UNKNOWN:
        return ()
    same = before is not None and (before.status, before.message) == (after.status, after.message)
    if same:
        return ()
    if after.status == rows.TRUE:
        return (actions.Note(NORMAL, "DAGAccepted", f"{after.message}; runs use it from now on"),)
    return (_in_one_line(actions.Note(WARNING, after.reason, after.message)),)


def _run(old: rows.RunStatus, new: rows.RunStatus) -> Iterator[actions.Note]:
    again = new.rerun is not None and (old.rerun is None or old.rerun.number != new.rerun.number)
    if again:
        yield actions.Note(NORMAL, "RunRerun", _again(old, new))
    elif new.start_time and not old.start_time and not new.finished:
        yield actions.Note(NORMAL, "RunStarted", f"started with revision {new.revision}")
    late = new.condition(rows.LATE)
    if late is not None and old.condition(rows.LATE) is None:
        yield actions.Note(WARNING, "RunLate", late.message)
    if new.mark is not None and new.mark != old.mark:
        yield actions.Note(NORMAL, "RunMarked", marks.said(new.mark))
    if not new.finished or (old.finished and old.completion_time == new.completion_time):
        return
    ended = new.condition(rows.SUCCEEDED_CONDITION)
    assert ended is not None
    if ended.status == rows.TRUE:
        took = f" in {new.duration}" if new.duration else ""
        yield actions.Note(NORMAL, "RunSucceeded", ended.message + took)
    elif ended.reason in stops.MARKED.values():
        yield actions.Note(WARNING, "RunFailed", ended.message)
    else:
        yield actions.Note(WARNING, f"Run{ended.reason}", ended.message)


def _again(old: rows.RunStatus, new: rows.RunStatus) -> str:
    assert new.rerun is not None
    wish, tasks = new.rerun, len(new.tasks)
    if wish.id.startswith(marks.RERUN_ID_PREFIX) or (old.rerun and old.rerun.id == wish.id):
        return f"it goes on after a mark: {wish.tasks} of {tasks} tasks are to run"
    if not wish.tasks:
        return f"rerun {wish.id}: nothing is left to run again"
    what = "all tasks run" if wish.tasks == tasks else f"{wish.tasks} of {tasks} tasks run"
    what = "its task runs" if tasks == 1 else what
    return f"rerun {wish.id}: {what} again, with revision {new.revision}"


def _tasks(old: rows.RunStatus, new: rows.RunStatus) -> Iterator[actions.Note]:
    before: Sequence[rows.TaskRow | None] = old.tasks
    if len(old.tasks) != len(new.tasks) or old.revision != new.revision:
        known = {row.name: row for row in old.tasks}
        before = [known.get(row.name) for row in new.tasks]
    for was, row in zip(before, new.tasks, strict=True):
        if was is row:
            continue
        yield from _retries(was, row)
        if row.mark is not None and row.mark != (was.mark if was else None):
            said = f"task {row.name}: {marks.said(row.mark)}"
            yield actions.Note(NORMAL, "TaskMarked", said)
        if asked := approvals.told(was, row):
            yield asked
            continue
        moved = was is None or (was.attempt, was.state) != (row.attempt, row.state)
        if row.state == states.AWAITING_RETRY and moved:
            yield actions.Note(
                WARNING,
                "TaskRetryScheduled",
                _retry(row.name, row.attempt, _why(row), row.next_attempt_time),
            )
        elif _waits(row) and not (was and was.reason == row.reason):
            yield actions.Note(
                WARNING, "TaskWaiting", f"task {words.waits(row.name, row.message)}"
            )
        elif _failed_and_said_why(row) and not (was and _failed_and_said_why(was)):
            yield actions.Note(WARNING, "TaskFailed", _failure(row))


def _retries(was: rows.TaskRow | None, row: rows.TaskRow) -> Iterator[actions.Note]:
    """The attempts that failed and were followed by another one before that could be stored."""
    told = {one.number for one in was.attempts if one.state == states.FAILED} if was else ()
    for one, later in pairwise(row.attempts):
        if one.state == states.FAILED and one.number not in told:
            said = _retry(row.name, one.number, one.message or one.reason, later.create_time)
            yield actions.Note(WARNING, "TaskRetryScheduled", said)


def _why(row: rows.TaskRow) -> str:
    """Why its last attempt failed: the row may say already what the next one waits for."""
    last = row.attempts[-1] if row.attempts else None
    if last is None or last.reason == row.reason:
        return row.message or row.reason
    return last.message or last.reason


def _retry(task: str, attempt: int, why: str, when: str | None) -> str:
    said = f"task {task}: attempt {attempt} failed ({why}); "
    return said + (f"next one at {when}" if when else "another one follows")


def _waits(row: rows.TaskRow) -> bool:
    return row.reason in TOLD_WAITS and row.state not in states.TERMINAL


def _failed_and_said_why(row: rows.TaskRow) -> bool:
    """Its log is read a moment after the failure is known, and an Event is told but once."""
    last = row.attempts[-1] if row.attempts else None
    silent = last is not None and last.log is None and last.pod_name != ""
    return row.state == states.FAILED and not silent and row.reason != _MARKED


def _failure(row: rows.TaskRow) -> str:
    said = f"task {row.name} failed: {row.message or row.reason}"
    if row.tries > 1:
        said += f" (after {row.tries} attempts)"
    log = row.attempts[-1].log if row.attempts else None
    end = _last_lines(log.tail) if log is not None else ""
    return f"{said}; its log ends with: {end}" if end and end not in said else said


def _last_lines(tail: str) -> str:
    """As much as an Event has room for; it begins with … where its first line is not whole."""
    told = words.lines_in_one(tail)
    begin = len(told) - _TAIL_CHARS_MAX
    if begin <= 0:
        return told
    mark = len(_LINE_END)
    found = told.find(_LINE_END, max(begin - mark, 0), begin + mark)
    return told[found + mark :] if found >= 0 else "…" + told[begin + 1 :]
