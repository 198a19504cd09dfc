"""Why a task waits although nothing but a limit keeps it from starting; part of the closed list."""

from __future__ import annotations

from typing import Final

from kubedag.core.reasons import TASK, Reason, names

POOL: Final = "TaskPool"


def _task(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(TASK,))


POOL_FULL: Final = _task(
    "PoolFull",
    "it waits for slots of its pool; the message says how many are before it",
    "raise the slots of the TaskPool, or see in its status who has them",
)
POOL_NOT_FOUND: Final = _task(
    "PoolNotFound",
    "there is no TaskPool of that name; the task waits until there is",
    "create it, or mend pool",
)
POOL_NOT_SHARED: Final = _task(
    "PoolNotShared",
    "the TaskPool is in another namespace and does not permit this one; the task waits",
    "add the namespace to shareWith of the TaskPool",
)
POOL_TOO_SMALL: Final = _task(
    "PoolTooSmall",
    "the task takes more slots than its pool has; it waits until the pool is larger",
    "raise the slots of the TaskPool, or lower pool.slots",
)
POOL_PAUSED: Final = _task(
    "PoolPaused",
    "its pool is paused: it has 0 slots, so nothing that takes any starts",
    "raise the slots of the TaskPool when its tasks are to go on",
)
MAX_ACTIVE_ACROSS_RUNS: Final = _task(
    "MaxActiveAcrossRuns",
    "as many runs of the DAG have a Pod of this task as may",
    "raise maxActiveAcrossRuns",
)
MAX_ACTIVE_TASKS_ACROSS_RUNS: Final = _task(
    "MaxActiveTasksAcrossRuns",
    "the runs of the DAG have together as many Pods as they may",
    "raise maxActiveTasksAcrossRuns",
)
MAX_ACTIVE_TASKS_OF_NAMESPACE: Final = _task(
    "MaxActiveTasksOfNamespace",
    "the namespace has as many Pods of tasks as it may",
    "ask whoever runs the operator to raise limits.maxActiveTasksPerNamespace",
)
MAX_ACTIVE_TASKS_OF_OPERATOR: Final = _task(
    "MaxActiveTasksOfOperator",
    "there are as many Pods of tasks as the operator may have",
    "ask whoever runs the operator to raise limits.maxActiveTasks",
)

SLOTS_FREE: Final = Reason("SlotsFree", "some slots are not taken", said_of=(POOL,))
ALL_SLOTS_TAKEN: Final = Reason(
    "AllSlotsTaken", "as many slots are taken as there are, or more", said_of=(POOL,)
)
NO_SLOTS: Final = Reason(
    "NoSlots", "slots is 0, so nothing that takes any starts", said_of=(POOL,)
)

_TASKS: Final[tuple[Reason, ...]] = (
    POOL_FULL,
    POOL_NOT_FOUND,
    POOL_NOT_SHARED,
    POOL_TOO_SMALL,
    POOL_PAUSED,
    MAX_ACTIVE_ACROSS_RUNS,
    MAX_ACTIVE_TASKS_ACROSS_RUNS,
    MAX_ACTIVE_TASKS_OF_NAMESPACE,
    MAX_ACTIVE_TASKS_OF_OPERATOR,
)
OF_LIMITS: Final[tuple[Reason, ...]] = (*_TASKS, SLOTS_FREE, ALL_SLOTS_TAKEN, NO_SLOTS)
WAITS: Final = names(*_TASKS)
"""What a row says of a task that waits for a limit."""
MISTAKES: Final = names(POOL_NOT_FOUND, POOL_NOT_SHARED, POOL_TOO_SMALL)
"""Those that no end of another task ends: a person has to mend the task or the pool."""
