"""What truly happened to one Pod."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.cluster import ENDED, stamp

if TYPE_CHECKING:
    from simulation.cluster import Object
    from simulation.facts import RunFacts

SUCCESS = "S"
IN_FLIGHT_SECONDS_MAX = 3.0
"""A creation that was on its way already when something else was decided, or stored."""


@dataclass
class PodFacts:
    """One Pod, from its creation to its end."""

    name: str
    uid: str
    attempt: int
    created_at: float
    revision: str
    way: str
    """How it ends by itself."""
    phase: str = "Pending"
    exists: bool = True
    ended_at: float | None = None
    """When it ended, or went without having ended."""
    may_count_as: set[str] = field(default_factory=set)
    """`S` or a class of failure; more than one where it depends on what was seen first."""
    asked: str = ""
    """The class of failure of a stored wish to end it."""
    held: bool = False
    """A finalizer keeps it until its end is stored."""
    began: bool = False
    hidden: bool = False
    """Somebody has broken the labels that it is known by."""
    alone: bool = False
    """Somebody has taken its owner away: it stays if its run goes before it has that again."""
    labels: Object = field(default_factory=dict)
    unplaced: bool = False
    """Deleted before it had a node: it is only there until its finalizers are off."""
    recorded: bool = False
    """Its end is in the stored status."""
    late: bool = False
    """Made by a request that nobody waited for any more."""
    deleted_by: str = ""
    deleted_at: float | None = None

    @property
    def only_once(self) -> bool:
        """Has something begun that must not begin twice?"""
        return self.held and self.began

    @property
    def live(self) -> bool:
        return self.exists and self.phase not in ENDED and not self.unplaced


def come_again(seen: list[PodFacts]) -> set[str]:
    """Names of Pods that were made by creations given up, when others had come and gone."""
    return {pod.name for at, pod in enumerate(seen) if pod.name in (old.name for old in seen[:at])}


def adopt(run: RunFacts, task: str, attempt: Object) -> None:
    """It is stored as alive, and the Pod of that name had gone unseen: a later one is what it was.

    Asked by name whether the first is gone, the API server spoke of a Pod that a late request made.
    """
    seen, name = run.pods.get(task, []), attempt.get("podName", "")
    gone = seen and seen[-1].name == name and not (seen[-1].exists or seen[-1].recorded)
    if gone and attempt["state"] in ("Pending", "Running"):
        later = [pod for pod in run.strays if pod.name == name and pod.exists]
        run.strays = [pod for pod in run.strays if pod not in later]
        seen.extend(later)


def disown(run: RunFacts, task: str, attempt: Object) -> None:
    """It is stored as failed, before the Pod of that name was made: it was the one before it.

    This was on its way to be stored when a late request made the other one, which is a stray.
    """
    seen, name = run.pods.get(task, []), attempt.get("podName")
    if attempt["state"] != "Failed" or [pod.name for pod in seen[-2:]] != [name, name]:
        return
    first, last = seen[-2:]
    went = not (first.exists or first.recorded)
    is_as_made = last.exists and not (last.recorded or last.deleted_by or last.asked)
    is_good = last.ended_at is None or last.may_count_as == {SUCCESS}
    before = attempt.get("finishTime", "") <= stamp(last.created_at)
    if went and last.late and not last.held and is_as_made and is_good and before:
        first.recorded = True
        seen.remove(last)
        run.strays.append(last)
