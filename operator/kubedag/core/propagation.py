"""Which tasks may run, by what has become of the tasks before them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kubedag.api.enums import TriggerRule
from kubedag.core import approvals, finals, rows, states, teardowns, triggers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubedag.core import plan as plans
    from kubedag.core.step import Step


def propagate(step: Step) -> None:
    """All tasks but the final ones."""
    _judge(step, step.plan.order[: step.plan.body])


def propagate_to_the_end(step: Step) -> None:
    """The final tasks; and the teardowns, if all that goes before them has been stopped."""
    plan, tasks = step.plan, step.tasks
    if step.stop_reason:
        step.ready = []
        _judge(step, [index for index in plan.order[: plan.body] if index in plan.spared])
    if plan.body == len(tasks):
        return
    if finals.may_run(step):
        _judge(step, plan.order[plan.body :])
        return
    for index in plan.order[plan.body :]:
        if tasks[index].state not in states.TERMINAL and not tasks[index].begun:
            tasks[index] = _waiting(tasks[index], finals.WAITS)


def _judge(step: Step, order: Iterable[int]) -> None:
    """In topological order, so that a whole cascade settles in one pass."""
    tasks = step.tasks
    for index in order:
        row = tasks[index]
        if row.state in states.TERMINAL or row.begun:
            continue
        if row.name in step.snap.creating:
            step.ready.append(index)  # nobody can call back what is on its way to the API
            continue
        task = step.plan.tasks[index]
        if row.state == states.AWAITING_APPROVAL and task.approval is not None:
            tasks[index] = approvals.heard(step, task, row)
            continue
        verdict, open_upstreams = _verdict(task, tasks)
        if verdict is triggers.Verdict.RUN and task.approval is not None:
            tasks[index] = approvals.asked(step, task, row)
        elif verdict is triggers.Verdict.RUN:
            step.ready.append(index)
        elif verdict is triggers.Verdict.SKIP:
            message = teardowns.why_skipped(task, tasks)
            tasks[index] = rows.unbegun(row, states.SKIPPED, "TriggerRule", message)
        elif verdict is triggers.Verdict.UPSTREAM_FAILED:
            tasks[index] = rows.unbegun(
                row, states.UPSTREAM_FAILED, "UpstreamFailed", _blockers(task, step)
            )
        else:
            tasks[index] = _waiting(row, _waits_for(open_upstreams))


def _verdict(task: plans.TaskPlan, tasks: Sequence[rows.TaskRow]) -> tuple[triggers.Verdict, int]:
    if task.is_teardown:
        return teardowns.verdict(task, tasks)
    if task.teardowns:
        return teardowns.verdict_after(task, tasks)
    succeeded = failed = skipped = upstream_failed = 0
    for above in task.upstream:
        state = tasks[above].state
        if state == states.SUCCEEDED:
            succeeded += 1
        elif state == states.FAILED:
            failed += 1
        elif state == states.SKIPPED:
            skipped += 1
        elif state == states.UPSTREAM_FAILED:
            upstream_failed += 1
    total = len(task.upstream)
    done = succeeded + failed + skipped + upstream_failed
    if not done and total and task.rule != TriggerRule.ALWAYS:
        return triggers.Verdict.WAIT, total  # by every other rule, and the commonest case by far
    tally = triggers.Tally(succeeded, failed, skipped, upstream_failed, total)
    return triggers.evaluate(task.rule, tally), total - done


def _waiting(row: rows.TaskRow, message: str) -> rows.TaskRow:
    if row.state == states.WAITING and row.message == message:
        return row
    return rows.unbegun(row, states.WAITING, "Upstream", message)


@lru_cache(maxsize=1024)
def _waits_for(open_upstreams: int) -> str:
    return f"waits for {open_upstreams} upstream" + ("s" if open_upstreams != 1 else "")


def _blockers(task: plans.TaskPlan, step: Step) -> str:
    failed = [
        step.tasks[above].name
        for above in task.upstream
        if step.tasks[above].state in (states.FAILED, states.UPSTREAM_FAILED)
    ]
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return rows.clip("upstream " + ", ".join(failed[:3]) + more + " did not succeed")
