"""Everything that can go wrong in a world, each with a knob of its own.

A knob is a rate or a number; at 0 the fault does not exist. Faults end at `ends_at`, and what must
come true in the end is judged only after that.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates are per request, per event or per Pod."""

    kills: int = 0
    """How often the operator is killed: at once, at any await, nothing is cleaned up."""
    overlaps: int = 0
    """How often a second operator leads before the first one knows that it leads no more."""
    clock_jumps: int = 0
    """How often the clock of an operator's machine is set; Pods are stamped by another clock."""
    feed_late: float = 0.0
    """A custom resource's event takes seconds."""
    feed_doubled: float = 0.0
    feed_lost: float = 0.0
    """Until the next full list; a lost DELETED is told by nobody else."""
    feed_stale: float = 0.0
    """An old state of the object is told again, after newer ones."""
    watch_late: float = 0.0
    watch_doubled: float = 0.0
    watch_lost: float = 0.0
    watch_cut: float = 0.0
    """The connection breaks."""
    watch_closed: float = 0.0
    """The server ends the watch at once, and politely."""
    watch_expired: float = 0.0
    """410: history was compacted."""
    refused: float = 0.0
    """429, 500, 503: nothing was done."""
    conflicts: float = 0.0
    """409 on a write, although nobody else wrote."""
    unanswered: float = 0.0
    """It was done, and the answer was lost."""
    unsent: float = 0.0
    """It was not done, and nobody says so."""
    applied_late: float = 0.0
    """Nobody waits for the answer any more when it is done."""
    not_found: float = 0.0
    """404 for an object that has just been created."""
    lists_late: float = 0.0
    """A list is half a minute old when it is read."""
    hanging: float = 0.0
    """No answer until the caller's time-out; half of them were done."""
    slow: float = 0.0
    """An answer that takes a second or two."""
    nonsense: float = 0.0
    """A proxy answers in the API server's place, with JSON of its own; half of it was done."""
    pods_deleted: float = 0.0
    """By a person, at any moment of the Pod's life."""
    pods_forced: float = 0.0
    """By a person, with no grace period: the object goes at once."""
    pods_foreign: float = 0.0
    """Per run: somebody's Pod has the name that an attempt will have."""
    labels_broken: float = 0.0
    """Of a Pod, by a person."""
    statuses_broken: float = 0.0
    """Per run: its status is edited by hand."""
    revisions_deleted: float = 0.0
    reruns: float = 0.0
    """Per change of a run: somebody asks that it runs again, and maybe thinks better of it."""
    runs_deleted: float = 0.0
    """Per change of a run: it is deleted soon afterwards."""
    slices_deleted: float = 0.0
    too_large: int = 0
    """A run's status with more bytes of rows than this is refused, and a slice holds two rows."""
    quota: float = 0.0
    """A Pod is refused because the namespace's quota is used up."""
    outages: int = 0
    """Times in which the API server answers nothing but 503."""
    ends_at: float = 300.0

    def calmed(self) -> Faults:
        """After the end of all faults."""
        return Faults(ends_at=self.ends_at)

    def told(self) -> str:
        """The knobs that are not at 0, as Python."""
        said = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        return ", ".join(f"{name}={value!r}" for name, value in said.items()) or "none"


LEVELS: Mapping[str, tuple[float, ...]] = {
    "kills": (1, 2, 4, 8, 30),
    "overlaps": (1, 3, 8),
    "clock_jumps": (1, 3),
    "feed_late": (0.2, 0.6),
    "feed_doubled": (0.2, 0.6),
    "feed_lost": (0.1, 0.4),
    "feed_stale": (0.1, 0.3),
    "watch_late": (0.1, 0.5),
    "watch_doubled": (0.2, 0.6),
    "watch_lost": (0.05, 0.2),
    "watch_cut": (0.2, 0.6),
    "watch_closed": (0.3, 0.7),
    "watch_expired": (0.2, 0.6),
    "refused": (0.05, 0.3),
    "conflicts": (0.05, 0.3),
    "unanswered": (0.05, 0.3),
    "unsent": (0.05, 0.3),
    "applied_late": (0.05, 0.3),
    "not_found": (0.05, 0.3),
    "lists_late": (0.3, 0.8),
    "hanging": (0.05, 0.2),
    "slow": (0.1, 0.5),
    "nonsense": (0.05, 0.3),
    "pods_deleted": (0.1, 0.3, 0.6),
    "pods_forced": (0.1, 0.3, 0.6),
    "pods_foreign": (0.5, 1.0),
    "labels_broken": (0.1, 0.4),
    "statuses_broken": (0.5, 1.0),
    "revisions_deleted": (0.3, 1.0),
    "reruns": (0.1, 0.5, 1.0),
    "runs_deleted": (0.02, 0.1),
    "slices_deleted": (0.2, 1.0),
    "too_large": (900, 3000, 1),
    "quota": (0.2, 0.6),
    "outages": (1, 3),
}
"""The settings a world can draw, by knob."""


DISTURBING = (
    "pods_deleted", "pods_forced", "pods_foreign", "watch_lost", "clock_jumps", "labels_broken",
)  # fmt: skip
"""Those that change how a task ends, so that no script can say it."""
UNDRAWN = ("nonsense",)
"""What is only tried alone: to draw one more would make another world of each seed."""


def alone(knob: str) -> Faults:
    """One fault, as bad as it gets."""
    chosen = {knob: LEVELS[knob][-1]}
    if knob == "slices_deleted":
        chosen["too_large"] = LEVELS["too_large"][0]
    return Faults(**chosen, ends_at=120.0)  # type: ignore[arg-type]


def draw(chance: random.Random) -> Faults:
    """None, one alone, a crash with lost and doubled events, or a few together."""
    mode = chance.random()
    names = [name for name in LEVELS if name not in UNDRAWN]
    if mode < 0.15:
        chosen = []
    elif mode < 0.4:
        chosen = [chance.choice(names)]
    elif mode < 0.45:
        chosen = ["kills", "pods_deleted"]
    elif mode < 0.6:
        chosen = ["kills", *chance.sample(["feed_lost", "feed_doubled", "watch_doubled"], 2)]
    else:
        chosen = chance.sample(names, chance.randint(2, 6))
        if "slices_deleted" in chosen and "too_large" not in chosen:
            chosen.append("too_large")
        if "kills" not in chosen and chance.random() < 0.5:
            chosen.append("kills")
    knobs = {name: chance.choice(LEVELS[name]) for name in chosen}
    return Faults(**knobs, ends_at=float(chance.choice([60, 120, 300])))  # type: ignore[arg-type]
