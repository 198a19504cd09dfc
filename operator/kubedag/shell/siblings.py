"""The runs of one DAG: those that go on, and those that are over, of which there may be thousands.

Only the first are ever looked at one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.core import snapshot
from kubedag.core.history import History

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedag.core import plan as plans
    from kubedag.shell.entries import RunEntry
    from kubedag.shell.pod_index import PodIndex


class Siblings:
    """The runs of one DAG."""

    __slots__ = ("_pods", "active", "history", "reruns")

    def __init__(self, pods: PodIndex) -> None:
        self._pods = pods
        self.active: dict[str, RunEntry] = {}
        self.reruns: dict[str, RunEntry] = {}
        """Those that are over, and are to run again."""
        self.history = History()

    def __bool__(self) -> bool:
        return bool(self.active or self.history)

    def put(self, run: RunEntry) -> None:
        """Know a run as it is stored now."""
        name = run.facts.name
        self.reruns.pop(name, None)
        if run.is_to_rerun:
            self.reruns[name] = run
        if not run.status.finished:
            self.history.drop(name)
            self.active[name] = run
        else:
            self.active.pop(name, None)
            self.history.put(run.summary(self._pods.revision(run.facts.uid)))

    def drop(self, name: str) -> None:
        """A run that is gone."""
        self.active.pop(name, None)
        self.reruns.pop(name, None)
        self.history.drop(name)

    @property
    def waiting(self) -> Iterator[RunEntry]:
        """Those that are not over, or are to run again: all that may wait for something."""
        yield from self.active.values()
        yield from self.reruns.values()

    def peers(
        self, run: RunEntry, plan: plans.Plan, *, dag_suspended: bool
    ) -> Iterator[snapshot.Peer]:
        """The other runs, as far as limits between runs ask for them."""
        if plan.depends_on_past:
            past = self.history.before(run.facts.order)
            if past is not None and past.name not in self.reruns:
                yield snapshot.Peer(
                    past.name, past.order, started=True, finished=True, succeeded=past.succeeded
                )
        elif plan.concurrency_policy == "Allow":
            return
        for other in self.waiting:
            if other is not run:
                seen = bool(self._pods.of(other.facts.uid))
                yield other.peer(seen, dag_suspended=dag_suspended)
