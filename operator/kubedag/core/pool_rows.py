"""The status of a TaskPool, as it is stored; `api.taskpool` has the same as types for readers."""

from __future__ import annotations

from kubedag.core import rows


class SlotHolder(rows.Record, frozen=True, order=True):
    """A Pod that takes slots, or that is being created."""

    namespace: str
    pod_name: str
    run_name: str
    task: str
    slots: int


class SlotWaiter(rows.Record, frozen=True):
    """A task that waits for slots."""

    namespace: str
    run_name: str
    task: str
    slots: int
    wait_time: str


class PoolStatus(rows.Record, frozen=True):
    """The whole status of a TaskPool."""

    observed_generation: int = 0
    conditions: tuple[rows.Condition, ...] = ()
    used: int | None = None
    free: int | None = None
    waiting: int | None = None
    holders: tuple[SlotHolder, ...] = ()
    waiters: tuple[SlotWaiter, ...] = ()
