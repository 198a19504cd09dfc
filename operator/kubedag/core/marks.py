"""What people say has become of tasks and of a run, and what follows from that (ADR 19).

A mark has an id, and the row, or the run, remembers the last one that was set, so that none is set
twice. A Pod that lives is ended first: the row says so, with the mark, before it is; from then on the
mark counts, though it be withdrawn. No Pod is created in the step that sets a mark: what follows from
it is done once it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.api import control
from kubedag.core import (
    actions,
    finals,
    graph,
    instants,
    propagation,
    reasons,
    reasons_elsewhere,
    rerun_choice,
    rerun_memory,
    rows,
    states,
    words,
)
from kubedag.core import step as steps

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from kubedag.core import plan as plans
    from kubedag.core import snapshot

replace = msgspec.structs.replace

COMMENT_CHARS_MAX: Final = 512
"""As much of it as a message has room for; the whole is in the mark."""
RERUN_ID_PREFIX: Final = control.MARK_ID_PREFIX
"""So that no wish is taken for fulfilled because a mark has the same id."""
RERUN_ID_CHARS_MAX: Final = 63


# --- Which are to be set ---------------------------------------------------------------------


def of_run(run: snapshot.RunFacts, status: rows.RunStatus) -> snapshot.MarkRequest | None:
    """The mark of the run itself, if it is still to be set."""
    return run.mark if run.mark is not None and not _is_set(run.mark, status.mark) else None


def of_stop(snap: snapshot.RunSnapshot, stop: str, now: datetime) -> rows.Mark | None:
    """The mark of a run that goes on: the last that was set, or the one that ends it from now on."""
    mark = of_run(snap.run, snap.status)
    if mark is None or stop != reasons.RUN_MARKED.name:
        return snap.status.mark
    return recorded(mark, instants.text(now))


def _is_set(mark: snapshot.MarkRequest, last: rows.Mark | None) -> bool:
    return last is not None and last.id == mark.id


def _of_tasks(
    run: snapshot.RunFacts, index_of: Mapping[str, int], tasks: Sequence[rows.TaskRow]
) -> dict[int, snapshot.MarkRequest]:
    """By the places of their tasks."""
    found = {index_of[name]: mark for name, mark in run.marks.items() if name in index_of}
    return {
        index: mark
        for index, mark in sorted(found.items())
        if not _is_set(mark, tasks[index].mark)
    }


def awaits(run: snapshot.RunFacts, status: rows.RunStatus) -> bool:
    """Has a run that has ended marks of tasks that are still to be set?

    As long as its rows are not known, it may have: if its spec has changed, or if it has said so.
    """
    if not run.marks or not status.finished:
        return False
    if status.tasks:
        known = run.marks.get
        return any(
            (mark := known(row.name)) is not None and not _is_set(mark, row.mark)
            for row in status.tasks
        )
    if not status.slices:
        return False
    if run.generation != status.observed_generation or _has_put_off(status):
        return True
    told = status.condition(rows.RERUN_PENDING)
    return told is not None and told.reason not in _NO_WAIT


_NO_WAIT: Final = (reasons_elsewhere.DRY_RUN.name, reasons_elsewhere.ALREADY_DONE.name)
"""What RerunPending says of a run that waits for nothing."""


def is_unstored(run: snapshot.RunFacts, stored: rows.RunStatus, newest: rows.RunStatus) -> bool:
    """Is there more in the newest status than in the stored one because of a mark of a task?"""
    if not run.marks or newest is stored:
        return False
    before = {row.name: row.mark for row in stored.tasks}
    return any(row.mark not in (None, before.get(row.name)) for row in newest.tasks)


# --- What they make of a row -----------------------------------------------------------------


def recorded(mark: snapshot.MarkRequest, stamp: str) -> rows.Mark:
    """The mark as it is remembered."""
    return rows.Mark(mark.id, mark.state, mark.by, mark.comment, stamp)


def said(mark: rows.Mark) -> str:
    """Who has marked what as what, and why."""
    by = f" by {mark.by}" if mark.by else ""
    comment = words.one_line(mark.comment, COMMENT_CHARS_MAX)
    return f"marked {mark.state}{by}" + (f": {comment}" if comment else "")


def _marked(row: rows.TaskRow, mark: rows.Mark) -> rows.TaskRow:
    return replace(
        row,
        state=mark.state,
        reason=reasons.MARKED.name,
        message=said(mark),
        mark=mark,
        next_attempt_time=None,
        wait_time=None,
    )


def _ending(row: rows.TaskRow, mark: rows.Mark) -> rows.TaskRow:
    """Its Pod is told to end once this is stored."""
    ends = {"state": states.TERMINATING, "reason": reasons.MARKED.name, "message": said(mark)}
    last = replace(row.attempts[-1], **ends)
    return replace(row, **ends, mark=mark, attempts=(*row.attempts[:-1], last))


def _is_ending(row: rows.TaskRow) -> bool:
    return (
        row.state == states.TERMINATING
        and row.reason == reasons.MARKED.name
        and row.mark is not None
    )


def _has_ended(row: rows.TaskRow) -> bool:
    """Is its last Pod over, though its log may be still to be read?"""
    return row.attempts[-1].state in states.ATTEMPT_ENDS


# --- While the run goes on -------------------------------------------------------------------


def apply(step: steps.Step) -> None:
    """Set what can be set, and have the Pods ended of what cannot yet."""
    changed = _ended_for_it(step)
    wanted = _of_tasks(step.snap.run, step.plan.index, step.tasks) if step.snap.run.marks else {}
    for index, mark in wanted.items():
        row = step.tasks[index]
        if row.name in step.snap.creating:
            continue  # its Pod is told to end once it is there
        if index < step.plan.body and finals.have_begun(step):
            continue  # what follows would run beside them: it does once the run has ended
        record = recorded(mark, step.stamp)
        if row.state not in states.ACTIVE or _has_ended(row):
            step.tasks[index] = _marked(row, record)
            changed.append(index)
        elif row.state != states.TERMINATING or _is_ending(row):
            step.tasks[index] = _ending(row, record)
            step.marked = True
        # Else it is being ended for something else, and no other attempt follows.
    step.marked |= bool(changed)
    if changed:
        _let_follow(step, changed)


def _ended_for_it(step: steps.Step) -> list[int]:
    """Set the marks for which Pods were told to end that have; what they said at last is nothing."""
    stored, changed = step.snap.status.tasks, []
    for index in step.folded if stored else ():
        mark = stored[index].mark
        if mark is None or not _is_ending(stored[index]):
            continue
        row = step.tasks[index]
        if row.state not in states.ACTIVE or _has_ended(row):
            step.tasks[index] = _marked(row, mark)
            changed.append(index)
        elif not _is_ending(row):
            step.tasks[index] = _ending(row, mark)
    return changed


def _let_follow(step: steps.Step, changed: Collection[int]) -> frozenset[int]:
    """Have the rules judge anew what they had judged below: all that has not run because of them."""
    below = graph.reachable(step.plan.downstream, changed) - frozenset(changed)
    judged = frozenset(index for index in below if _is_judged_by_rule(step, step.tasks[index]))
    for index in judged:
        row = step.tasks[index]
        if row.attempt > row.earlier_attempts:  # it has asked: its number is taken
            row = replace(row, earlier_attempts=row.attempt, approval=None)
        step.tasks[index] = rows.unbegun(row, states.WAITING)
    return judged


def _is_judged_by_rule(step: steps.Step, row: rows.TaskRow) -> bool:
    if row.state == states.UPSTREAM_FAILED:
        return True
    if row.state != states.SKIPPED or row.begun:
        return False
    if row.reason:
        return row.reason in _RULES
    by_hand = row.mark is not None and row.mark.state == row.state
    return not by_hand and rerun_choice.ended_by_itself(step.snap.status)


_RULES: Final = frozenset({reasons_elsewhere.TRIGGER_RULE.name, reasons.RUN_FAILED_FAST.name})


def hold_back(step: steps.Step) -> None:
    """Create nothing that follows from a mark as long as that is not stored."""
    if step.marked:
        step.actions = [one for one in step.actions if not isinstance(one, actions.CreatePod)]


# --- Once the run has ended ------------------------------------------------------------------


class Effect(NamedTuple):
    """What marks make of the rows of a run that has ended."""

    tasks: tuple[rows.TaskRow, ...]
    opened: int
    """How many tasks are to run that could not."""
    id: str
    """Of the first of the marks; empty if all were set, and only their consequence may be not."""


def effect(
    snap: snapshot.RunSnapshot, plan: plans.Plan, now: datetime, *, alone: bool = False
) -> Effect | None:
    """What marks that are still to be set make of the tasks; None if there are none.

    `alone` leaves everything else as it is: that the run itself is marked is the last word on it.
    """
    stored = snap.status.tasks
    if not snap.run.marks or len(stored) != len(plan.tasks):
        return None
    wanted = _of_tasks(snap.run, plan.index, stored)
    if not wanted:
        # Slices are stored before the run is, which may not say yet how it has ended by them.
        seen = snap.run.generation == snap.status.observed_generation
        late = snap.status.slices and (not seen or _has_put_off(snap.status))
        whole = late and all(row.state in states.TERMINAL for row in stored)
        return Effect(stored, 0, "") if whole else None
    step = steps.Step(snap, plan, now, tasks=list(stored))
    for index, mark in wanted.items():
        step.tasks[index] = _marked(stored[index], recorded(mark, step.stamp))
    below: frozenset[int] = frozenset()
    if not alone:
        below = _let_follow(step, wanted)
        propagation.propagate(step)
        propagation.propagate_to_the_end(step)
    tasks = tuple(
        step.tasks[index] if index in below or index in wanted else row
        for index, row in enumerate(stored)
    )
    opened = sum(tasks[index].state not in states.TERMINAL for index in below)
    return Effect(tasks, opened, next(iter(wanted.values())).id)


def begun_again(status: rows.RunStatus, found: Effect, now: datetime) -> rows.RunStatus:
    """The status of a run that goes on because of marks: as good as run again, but by no wish."""
    before, stamp = status.rerun, instants.text(now)
    ended = status.condition(rows.SUCCEEDED_CONDITION)
    rerun = rows.Rerun(
        id=before.id
        if before is not None
        else rows.clip(RERUN_ID_PREFIX + found.id, RERUN_ID_CHARS_MAX),
        number=before.number + 1 if before is not None else 1,
        start_time=stamp,
        tasks=found.opened,
        after=ended.reason if ended is not None else "",
        fulfilled=rerun_memory.remembered(before),
    )
    return replace(
        status,
        rerun=rerun,
        tasks=found.tasks,
        start_time=stamp,
        completion_time=None,
        duration="",
    )


# --- What is not set -----------------------------------------------------------------------


def announced(status: rows.RunStatus, snap: snapshot.RunSnapshot, now: datetime) -> rows.RunStatus:
    """The status with a word on marks that are not set yet, or of tasks that the run has not."""
    run, told = snap.run, status.condition(rows.MARKS_PENDING)
    if run.deleting or (not run.marks and told is None):
        return status
    known = _names(status, snap)
    if known is None:
        return status
    missing = [name for name in run.marks if name not in known]
    put_off = [
        row.name
        for row in status.tasks
        if (mark := run.marks.get(row.name)) is not None and not _is_set(mark, row.mark)
    ]
    if missing:
        reason = reasons_elsewhere.TASK_NOT_FOUND.name
        message = words.no_such_tasks("spec.marks", missing)
    elif put_off:
        reason = reasons_elsewhere.RUN_ACTIVE.name
        message = f"waits for the run to end: {words.some_of(put_off)}"
    else:
        kept = tuple(one for one in status.conditions if one is not told)
        return status if told is None else replace(status, conditions=kept)
    condition = rows.Condition(
        rows.MARKS_PENDING,
        rows.TRUE,
        reason,
        rows.clip(message),
        observed_generation=run.generation,
    )
    return replace(
        status, conditions=rows.set_condition(status.conditions, condition, instants.text(now))
    )


def _has_put_off(status: rows.RunStatus) -> bool:
    """Did it say, when its rows were last known, that marks were still to be set?"""
    told = status.condition(rows.MARKS_PENDING)
    return told is not None and told.reason == reasons_elsewhere.RUN_ACTIVE.name


def _names(status: rows.RunStatus, snap: snapshot.RunSnapshot) -> Collection[str] | None:
    """The tasks of the run, if they are known."""
    if not status.finished:
        return snap.plan.index.keys() if snap.plan is not None else None
    if status.tasks or not status.start_time:
        return {row.name for row in status.tasks}
    return None
