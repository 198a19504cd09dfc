"""Statuses in which every field is said: whatever the API would prune or refuse shows here."""

from __future__ import annotations

from typing import Any

import msgspec

from kubedag.core import backfill_rows, pool_rows, rows
from support.builders import stamp


def full(record: Any, **known: Any) -> Any:
    """A record in which every field is said."""
    values = {
        int: 1, str: "Word", bool: True, int | None: 1, str | None: stamp(1),
    }  # fmt: skip
    fields = msgspec.structs.fields(record)
    return record(**{one.name: known.get(one.name, values.get(one.type)) for one in fields})


def a_notification() -> rows.Notification:
    """The same of an entry of an outbox."""
    return full(
        rows.Notification, event="RunFailed", state="Failed", failure_class="User",
        create_time=stamp(1),
    )  # fmt: skip


def of_a_run() -> rows.RunStatus:
    """A status of a run with every field filled."""
    attempt = full(
        rows.Attempt, state="Failed", failure_class="User", node_name="node-1", pod_name="pod-1",
        log=full(rows.LogTail, source="PodLog"),
    )  # fmt: skip
    mark = full(rows.Mark, state="Failed")
    done = full(rows.FulfilledRerun, start_time=stamp(1))
    rerun = full(rows.Rerun, start_time=stamp(1), fulfilled=(done,))
    row = full(
        rows.TaskRow, name="a", state="Failed", attempts=(attempt,), mark=mark,
        approval=full(rows.ApprovalRow, decision="Approved"),
    )  # fmt: skip
    condition = full(rows.Condition, status="True", last_transition_time=stamp(1))
    return full(
        rows.RunStatus, conditions=(condition,), tasks=(row,), counts=full(rows.Counts),
        revision="pipeline-rev", rerun=rerun, mark=mark,
        notifications=(a_notification(),),
    )  # fmt: skip


def of_a_dag() -> rows.DAGStatus:
    """The same of a DAG."""
    condition = full(rows.Condition, type="Ready", status="True", last_transition_time=stamp(1))
    last = full(rows.LastRun, name="run")
    ends = {"start_time": stamp(1), "end_time": stamp(2)}
    return full(
        rows.DAGStatus, conditions=(condition,), last_run=last, revision="pipeline-rev",
        next_run=full(rows.NextRun, **ends, create_time=stamp(2)),
        last_interval=full(rows.Interval, **ends),
        last_skipped=full(rows.SkippedIntervals, **ends, skip_time=stamp(3)),
    )  # fmt: skip


def of_a_backfill() -> backfill_rows.BackfillStatus:
    """The same of a Backfill."""
    condition = full(rows.Condition, type="Ready", status="True", last_transition_time=stamp(1))
    of_range = full(
        backfill_rows.IntervalRange, start_time=stamp(1), end_time=stamp(2), state="Failed",
    )  # fmt: skip
    return full(
        backfill_rows.BackfillStatus, conditions=(condition,), revision="pipeline-rev",
        intervals=full(backfill_rows.IntervalCounts), ranges=(of_range,),
        failures=(full(backfill_rows.BackfillFailure, start_time=stamp(1)),),
        notifications=(a_notification(),),
    )  # fmt: skip


def of_a_pool() -> pool_rows.PoolStatus:
    """The same of a TaskPool."""
    holder = full(pool_rows.SlotHolder, namespace="ns", pod_name="pod", run_name="run")
    waiter = full(pool_rows.SlotWaiter, namespace="ns", run_name="run", wait_time=stamp(1))
    condition = full(rows.Condition, status="True", last_transition_time=stamp(1))
    return full(
        pool_rows.PoolStatus, conditions=(condition,), holders=(holder,), waiters=(waiter,)
    )


def stored(
    status: rows.RunStatus | rows.DAGStatus | backfill_rows.BackfillStatus | pool_rows.PoolStatus,
) -> dict[str, Any]:
    """As the API has it."""
    return msgspec.json.decode(msgspec.json.encode(status))
