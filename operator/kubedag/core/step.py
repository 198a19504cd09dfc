"""The working state of one step of an active run, which its parts hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedag.core import instants

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core import actions, limits, pods, rows
    from kubedag.core import plan as plans
    from kubedag.core import snapshot as snapshots


@dataclass(slots=True)
class Step:
    """The working state of one step; it lives no longer than the step."""

    snap: snapshots.RunSnapshot
    plan: plans.Plan
    now: datetime
    stop_reason: str = ""
    tasks: list[rows.TaskRow] = field(default_factory=list)
    folded: list[int] = field(default_factory=list)
    """The tasks that have Pods and are not recorded as ended: all that can change by itself."""
    actions: list[actions.RunAction] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    overdue: list[int] = field(default_factory=list)
    """The tasks that asked a person whose time for an answer is over."""
    ready: list[int] = field(default_factory=list)
    waiters: list[limits.Waiter] = field(default_factory=list)
    """The tasks that only limits keep from starting which the run shares with others."""
    active: int = 0
    run_state: str = ""
    """What has become of all but the final tasks, once that is asked."""
    stopped: bool = False
    """Something was left to stop; a run that has ended by itself is not stopped any more."""
    marked: bool = False
    """A mark has an effect that is not stored yet."""

    @property
    def held(self) -> bool:
        """Does nothing start because the run is suspended? A stop brings it to its end all the same."""
        return self.snap.run.suspend and not self.stop_reason

    def pod_of(self, row: rows.TaskRow) -> pods.Pod | None:
        """The Pod of the last attempt of a task, if it is seen."""
        name = row.attempts[-1].pod_name
        for pod in self.snap.pods.get(row.name, ()):
            if pod.metadata.name == name:
                return pod
        return None

    @property
    def stamp(self) -> str:
        """`now` as it is recorded."""
        return instants.text(self.now)
