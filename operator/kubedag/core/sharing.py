"""What a step of one run has to do with the limits that it shares with other runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import limits, naming, reasons_elsewhere, reasons_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedag.core import reasons, rows
    from kubedag.core.step import Step


class Sharing:
    """Asks for the tasks of a run, in the order of all who wait, and notes those that have to."""

    __slots__ = ("_gate", "_has_places_by_name", "_held", "_ones", "_step")

    def __init__(self, step: Step, view: limits.View) -> None:
        self._step = step
        self._gate = limits.Gate(view, step.snap.run.uid, step.now)
        self._has_places_by_name = view.has_places
        self._ones = {index: _waiter(step, index, view) for index in step.ready}
        self._held: list[int] = []

    def since(self, index: int) -> str | None:
        """Since when a task waits; None if it keeps to no limit that other runs keep to as well."""
        return self._ones[index].since if self.is_bound(index) else None

    def withdrawn(self) -> list[int]:
        """Those that were held, and now wait for the run itself: nobody is to reckon with them."""
        ones = {id(self._ones[index]) for index in self._held}
        self._step.waiters = [one for one in self._step.waiters if id(one) not in ones]
        return self._held

    def in_order(self) -> list[int]:
        """The tasks that are ready, in the order in which they may be asked for."""
        return sorted(self._ones, key=lambda index: self._ones[index].order)

    def is_bound(self, index: int) -> bool:
        """Does the task keep to any limit that other runs keep to as well?"""
        return bool(self._ones[index].wants)

    def hindrance(self, index: int) -> tuple[str, str, str] | None:
        """The reason, the message and the time since which a task waits; None if it may start."""
        one = self._ones[index]
        found = self._gate.ask(one)
        if found is None or self._has_places(one, index):
            return None
        self.promise(index)
        self._held.append(index)
        obstacle, before = found
        return obstacle.reason.name, told(obstacle, before), one.since

    def _has_places(self, one: limits.Waiter, index: int) -> bool:
        """Is its Pod there, though nobody knows it by its labels? Then to ask for it finds it."""
        number = self._step.tasks[index].attempt + 1
        name = naming.pod_name(one.run, one.run_uid, one.task, None, number)
        return self._has_places_by_name(name)

    def promise(self, index: int) -> None:
        """A task is to be reckoned with although it does not start now."""
        if self.is_bound(index):
            self._step.waiters.append(self._ones[index])


def of(step: Step) -> Sharing | None:
    """None if none of the run's tasks shares a limit with other runs."""
    view = step.snap.limits
    return Sharing(step, view) if view is not None and step.ready else None


def is_waiting(row: rows.TaskRow) -> bool:
    """Does a task wait for nothing but a limit that runs share?"""
    return row.reason in reasons_limits.WAITS


def keeps_since(row: rows.TaskRow) -> bool:
    """Does its row say since when it waits for limits? Also while it waits for the run's own."""
    is_held = is_waiting(row) or row.reason == reasons_elsewhere.MAX_ACTIVE_TASKS.name
    return row.wait_time is not None and is_held


def let_go(row: rows.TaskRow) -> rows.TaskRow:
    """The row of a task that starts: it waits for nothing any more."""
    if not keeps_since(row):
        return row
    creating = reasons_elsewhere.CREATING_POD.name
    return msgspec.structs.replace(row, reason=creating, message="", wait_time=None)


def _waiter(step: Step, index: int, view: limits.View) -> limits.Waiter:
    row, plan = step.tasks[index], step.plan
    since = view.since.get(row.name)
    if since is None:
        since = (row.wait_time if keeps_since(row) else None) or step.stamp
    return limits.waiter(plan.tasks[index], plan, step.snap.run, since, view)


def told(obstacle: limits.Obstacle, before: int) -> str:
    """What is in the way, in words for people."""
    want, kind = obstacle.want, obstacle.want.key[0]
    if obstacle.reason in _OF_POOLS:
        return _OF_POOLS[obstacle.reason](obstacle)
    if kind == limits.POOL:
        slots = "a slot" if want.slots == 1 else f"{want.slots} slots"
        said = f"waits for {slots} of the TaskPool {_pool(want)}, which has {obstacle.size}"
    else:
        said = f"waits for one of {obstacle.size} {_PODS_OF[kind]} to end"
    return f"{said}; {_place(before)}"


def _place(before: int) -> str:
    if before > limits.PLACES_TOLD_MAX:
        return f"more than {limits.PLACES_TOLD_MAX} are before it"
    if before == 0:
        return "it is next"
    return f"{before} is before it" if before == 1 else f"{before} are before it"


def _pool(want: limits.Want) -> str:
    namespace, name = want.key[1:]
    return f"{namespace}/{name}"


def _too_small(obstacle: limits.Obstacle) -> str:
    has, want = obstacle.size, obstacle.want
    return f"pool.slots: takes {want.slots} slots of the TaskPool {_pool(want)}, which has {has}"


_OF_POOLS: Final[Mapping[reasons.Reason, Callable[[limits.Obstacle], str]]] = {
    reasons_limits.POOL_NOT_FOUND: lambda one: (
        f"pool: must name a TaskPool; there is no {_pool(one.want)}"
    ),
    reasons_limits.POOL_NOT_SHARED: lambda one: (
        f"pool: the TaskPool {_pool(one.want)} does not permit this namespace in shareWith"
    ),
    reasons_limits.POOL_TOO_SMALL: _too_small,
    reasons_limits.POOL_PAUSED: lambda one: (
        f"waits for the TaskPool {_pool(one.want)}, which is paused: its slots are 0"
    ),
}

_PODS_OF: Final = {
    limits.TASK: "Pods of this task, of all runs of the DAG,",
    limits.DAG: "Pods of all runs of the DAG",
    limits.NAMESPACE: "Pods of tasks in the namespace",
    limits.OPERATOR: "Pods of tasks in all namespaces",
}
