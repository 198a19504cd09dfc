"""Which runs of a DAG may be active at once.

Limits are computed from the runs as they are, never from a counter: a crash cannot leak a place.
The policies are those of `batch/v1` CronJob, and `Queue`, the one that pipelines want.

The limit holds for all runs together, but a run of a Backfill gives way: it gets a place after all
others, and under `Forbid` and `Replace` it neither ends nor skips others, nor do they that to it.

Runs are created side by side, so a later one may be there first. One that is being created has its
place in the queue already, until it is there or is known not to come.
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
    if plan.concurrency_policy == "Allow":
        return YES
    policy = "Queue" if run.of_backfill else plan.concurrency_policy
    return POLICIES[policy](run, peers, plan)


def admit_again(
    run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan
) -> Admission:
    """May `run`, which has ended, run again beside `peers`? It can wait whatever the policy is."""
    past = _past(run, peers) if plan.depends_on_past else YES
    if not past.admitted or plan.concurrency_policy == "Allow":
        return past
    return _queue(run, peers, plan)


def replaced_by(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan) -> str:
    """The name of the newer run that takes the place of this started one; empty if none does."""
    if plan.concurrency_policy != "Replace" or run.of_backfill:
        return ""
    newer = sorted(peer.order for peer in peers if _takes_the_place(peer, run))
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


def _queue(run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan) -> Admission:
    place = _place(run.order, plan, of_backfill=run.of_backfill)
    ahead = sum(
        _waits(peer)
        and _place(peer.order, plan, of_backfill=peer.of_backfill) < place
        and not peer.waits_for_past
        for peer in peers
    )
    return _if(_active(peers) + ahead < plan.max_active_runs, plan)


def _forbid(
    _run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan
) -> Admission:
    most = plan.max_active_runs
    active = sum(peer.started and not (peer.finished or peer.of_backfill) for peer in peers)
    if active < most:
        return _if(_active(peers) < most, plan)
    message = f"the DAG forbids more than {most} active runs, and {active} are active"
    return Admission(admitted=False, reason=FORBIDDEN, message=message, final=True)


def _replace(
    run: snapshot.RunFacts, peers: Sequence[snapshot.Peer], plan: plans.Plan
) -> Admission:
    if sum(_takes_the_place(peer, run) for peer in peers) >= plan.max_active_runs:
        message = "a newer run takes its place"
        return Admission(admitted=False, reason="Replaced", message=message, final=True)
    active = _active(peers)
    if active < plan.max_active_runs:
        return YES
    older = "1 older run" if active == 1 else f"{active} older runs"
    message = f"waits for {older} to end, which it replaces"
    if any(peer.of_backfill and peer.started and not peer.finished for peer in peers):
        return _if(False, plan)
    return Admission(admitted=False, reason=QUEUED, message=message)


def _if(free: bool, plan: plans.Plan) -> Admission:
    """Yes, if a place is free."""
    if free:
        return YES
    # Without figures: a message that changes with every run that ends costs a write each time.
    most = plan.max_active_runs
    message = f"waits for its turn: the DAG allows {most} active run" + ("s" if most != 1 else "")
    return Admission(admitted=False, reason=QUEUED, message=message)


def _waits(peer: snapshot.Peer) -> bool:
    """Does it wait for its turn?"""
    return not (peer.started or peer.finished or peer.suspended)


def _takes_the_place(peer: snapshot.Peer, run: snapshot.RunFacts) -> bool:
    """Is it one of the newer runs that replace this one? None does before it is there."""
    out_of_it = peer.coming or peer.finished or peer.suspended or peer.reruns or peer.of_backfill
    return not out_of_it and not peer.waits_for_past and peer.order > run.order


def _place(
    order: tuple[str, str, str], plan: plans.Plan, *, of_backfill: bool
) -> tuple[bool, tuple[str, str, str]]:
    """Who is served first. Where runs wait for earlier ones, those must not wait for them."""
    return (of_backfill and not plan.depends_on_past, order)


POLICIES: Final[
    Mapping[str, Callable[[snapshot.RunFacts, Sequence[snapshot.Peer], plans.Plan], Admission]]
] = {"Queue": _queue, "Forbid": _forbid, "Replace": _replace}
