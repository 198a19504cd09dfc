"""What is taken of each limit that runs share: by Pods that may be alive, and by creations under way.

It follows from the Pods that were last seen and from what we have asked for, so a restart, or a
doubled event, leaves nothing behind. A Pod is counted by its name, however it came to be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kubedag.core import limits, pods, states, waits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedag.core import rows
    from kubedag.shell.entries import RunEntry

Name = tuple[str, str]


class Holding(NamedTuple):
    """What one Pod takes, and what it is of."""

    run: str
    task: str
    takes: tuple[tuple[limits.LimitKey, int], ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A Pod that nobody sees, and that may be there all the same."""

    entry: RunEntry
    task: str
    attempt: int
    uid: str = ""
    """Of one that was seen before."""
    recorded: bool = False
    """The status tells of it."""

    def stands(self, pod: str, runs: Mapping[Name, RunEntry]) -> bool:
        """May it still be there?"""
        entry = self.entry
        if entry.creating.get(self.task) == pod:
            return True
        if runs.get((entry.facts.namespace, entry.facts.name)) is not entry:
            return False
        if entry.status.finished:
            return False
        if self.uid:
            return self.uid not in entry.gone
        if self.recorded:
            return pod not in entry.gone and pod in alive(entry.newest)
        refusal = entry.refusals.get(self.task)
        return (
            refusal is not None
            and refusal.transient
            and refusal.attempt == self.attempt
            and refusal.reason in waits.SAYS_NOTHING
        )


def alive(status: rows.RunStatus) -> dict[str, tuple[str, int]]:
    """The Pods that may be alive by what is stored, with their tasks and attempts."""
    return {
        row.attempts[-1].pod_name: (row.name, row.attempts[-1].number)
        for row in status.tasks
        if row.attempts and row.attempts[-1].state not in states.ATTEMPT_ENDS
    }


def holding(
    namespace: str, dag: str, run: str, task: str, pool: tuple[str, str, int] | None
) -> Holding:
    """What a Pod of that task takes."""
    takes: tuple[tuple[limits.LimitKey, int], ...] = (
        ((limits.OPERATOR,), 1),
        ((limits.NAMESPACE, namespace), 1),
        ((limits.DAG, namespace, dag), 1),
        ((limits.TASK, namespace, dag, task), 1),
    )
    if pool is not None:
        home, name, slots = pool
        takes += (((limits.POOL, home, name), slots),)
    return Holding(run, task, takes)


def of_pod(pod: pods.Pod) -> Holding:
    """What a Pod takes, by its labels."""
    namespace, pool = pod.metadata.namespace, None
    if name := pod.label(pods.LABEL_POOL):
        home = pod.label(pods.LABEL_POOL_NAMESPACE) or namespace
        pool = (home, name, pods.pool_slots(pod))
    dag, run, task = map(pod.label, (pods.LABEL_DAG, pods.LABEL_RUN, pods.LABEL_TASK))
    return holding(namespace, dag, run, task, pool)


class Holders:
    """Of all limits; `freed` is called with what a Pod has given back, `told` with a pool's key."""

    def __init__(
        self,
        runs: Mapping[Name, RunEntry],
        freed: Callable[[Holding], None],
        told: Callable[[limits.LimitKey], None],
    ) -> None:
        self._runs = runs
        self._freed = freed
        self._told = told
        self._of: dict[Name, Holding] = {}
        self._used: dict[limits.LimitKey, int] = {}
        self._pods: dict[limits.LimitKey, set[Name]] = {}
        """Of pools only: nobody asks who has the places of the others."""
        self._doubts: dict[Name, dict[Name, Doubt]] = {}
        """By the run's name, since whoever has it next is woken when a creation is over."""
        self._doubted: dict[Name, Name] = {}
        """The run of each Pod that is in doubt."""

    def used(self, key: limits.LimitKey) -> int:
        """How much of a limit is taken."""
        return self._used.get(key, 0)

    def has_places(self, namespace: str, pod: str) -> bool:
        """Is a Pod of that name among those that are counted?"""
        return (namespace, pod) in self._of

    def of_pool(self, namespace: str, name: str) -> list[tuple[Name, Holding, int]]:
        """The Pods that take slots of a pool, and how many."""
        key = (limits.POOL, namespace, name)
        return [
            (pod, self._of[pod], dict(self._of[pod].takes)[key]) for pod in self._pods.get(key, ())
        ]

    def pod_changed(self, pod: pods.Pod, entry: RunEntry | None) -> None:
        """A Pod was seen, changed or went."""
        name = (pod.metadata.namespace, pod.metadata.name)
        if not pods.has_ended(pod):
            self._settle(name)
            self._hold(name, of_pod(pod))
        elif name not in self._of:
            return
        elif pod.gone and pod.status.phase not in pods.TERMINAL_PHASES and entry is not None:
            # Gone is only what the API, asked by name, says is gone (`core.vanished`).
            task, attempt = pod.label(pods.LABEL_TASK), pods.attempt_number(pod)
            self._doubt(name, Doubt(entry, task, attempt, pod.metadata.uid))
        else:
            self._settle(name)
            self._release(name)

    def creating(self, entry: RunEntry, pod: str, attempt: int, found: Holding) -> None:
        """A Pod is being created."""
        name = (entry.facts.namespace, pod)
        if name not in self._of:
            self._hold(name, found)
            self._doubt(name, Doubt(entry, found.task, attempt))

    def recall(self, entry: RunEntry, pod: str, attempt: int, found: Holding) -> None:
        """The status tells of a Pod; unless it is seen, it may be there all the same."""
        name = (entry.facts.namespace, pod)
        if name not in self._of and pod not in entry.gone:
            self._hold(name, found)
            self._doubt(name, Doubt(entry, found.task, attempt, recorded=True))

    def look_again(self, run: Name) -> None:
        """What was in doubt of a run, or of one that had its name before, may be known by now."""
        for name, doubt in tuple(self._doubts.get(run, {}).items()):
            if not doubt.stands(name[1], self._runs):
                self._settle(name)
                self._release(name)

    def look_at_all(self) -> None:
        """A term begins: nobody has looked at what has gone since the last one."""
        for run in tuple(self._doubts):
            self.look_again(run)

    def _doubt(self, name: Name, doubt: Doubt) -> None:
        run = (doubt.entry.facts.namespace, doubt.entry.facts.name)
        self._settle(name)
        self._doubted[name] = run
        self._doubts.setdefault(run, {})[name] = doubt
        if doubt.uid:
            self.look_again(run)

    def _settle(self, name: Name) -> None:
        run = self._doubted.pop(name, None)
        if run is None:
            return
        doubts = self._doubts[run]
        del doubts[name]
        if not doubts:
            del self._doubts[run]

    def _hold(self, name: Name, found: Holding) -> None:
        if self._of.get(name) == found:
            return
        self._release(name)
        self._of[name] = found
        for key, slots in found.takes:
            self._used[key] = self._used.get(key, 0) + slots
            if key[0] == limits.POOL:
                self._pods.setdefault(key, set()).add(name)
                self._told(key)

    def _release(self, name: Name) -> None:
        found = self._of.pop(name, None)
        if found is None:
            return
        for key, slots in found.takes:
            left = self._used[key] - slots
            if left:
                self._used[key] = left
            else:
                del self._used[key]
            if key[0] == limits.POOL:
                self._pods[key].discard(name)
                if not self._pods[key]:
                    del self._pods[key]
                self._told(key)
        self._freed(found)
