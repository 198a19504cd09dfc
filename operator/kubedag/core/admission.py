"""Which runs of a DAG may be active at once.

Limits are computed from the runs as they are, never from a counter: a crash cannot leak a place.
The policies are those of `batch/v1` CronJob, and `Queue`, the one that pipelines want.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubedag.core import plan as plans
    from kubedag.core import snapshot

QUEUED: Final = "Queued"
FORBIDDEN: Final = "Forbidden"


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a run may start now; if not, why, and whether waiting can help."""

    admitted: bool
    reason: str = ""
    message: str = ""
    final: bool = False


YES: Final = Admission(admitted=True)


def admit(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan) -> Admission:
    """May `run`, which has not started, start beside `peers`?"""
    past = _past(run, peers) if plan.depends_on_past else YES
    if not past.admitted:
        return past
    return POLICIES[plan.concurrency_policy](run, peers, plan.max_active_runs)


def replaced_by(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan) -> str:
    """The name of the newer run that takes the place of this started one; empty if none does."""
    if plan.concurrency_policy != "Replace":
        return ""
    newer = sorted(
        peer.order for peer in peers
        if not peer.finished and not peer.suspended and peer.order > run.order
    )  # fmt: skip
    return newer[-1][2] if len(newer) >= plan.max_active_runs else ""


def _active(peers: Sequence[snapshot.Peer]) -> int:
    return sum(peer.started and not peer.finished for peer in peers)


def _past(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer]) -> Admission:
    earlier = [peer for peer in peers if peer.order < run.order]
    if not earlier:
        return YES
    last = max(earlier, key=lambda peer: peer.order)
    if last.succeeded:
        return YES
    said = "has failed" if last.finished else "has not ended"
    return Admission(
        admitted=False,
        reason="DependsOnPast",
        message=f"waits for run {last.name!r} to succeed, which {said}",
    )


def _allow(_run: snapshot.RunFacts, _peers: Sequence[snapshot.Peer], _most: int) -> Admission:
    return YES


def _queue(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], most: int) -> Admission:
    active = _active(peers)
    ahead = sum(
        not peer.started and not peer.finished and not peer.suspended and peer.order < run.order
        for peer in peers
    )
    if active + ahead < most:
        return YES
    # Without figures: a message that changes with every run that ends costs a write each time.
    message = f"waits for its turn: the DAG allows {most} active run" + ("s" if most != 1 else "")
    return Admission(admitted=False, reason=QUEUED, message=message)


def _forbid(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], most: int) -> Admission:
    del run
    active = _active(peers)
    if active < most:
        return YES
    message = f"the DAG forbids more than {most} active runs, and {active} are active"
    return Admission(admitted=False, reason=FORBIDDEN, message=message, final=True)


def _replace(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], most: int) -> Admission:
    newer = sum(
        not peer.finished and not peer.suspended and peer.order > run.order for peer in peers
    )
    if newer >= most:
        message = "a newer run takes its place"
        return Admission(admitted=False, reason="Replaced", message=message, final=True)
    active = _active(peers)
    if active < most:
        return YES
    message = f"waits for {active} older runs to end, which it replaces"
    return Admission(admitted=False, reason=QUEUED, message=message)


POLICIES: Final[
    Mapping[str, Callable[[snapshot.RunFacts, Sequence[snapshot.Peer], int], Admission]]
] = {"Allow": _allow, "Queue": _queue, "Forbid": _forbid, "Replace": _replace}
