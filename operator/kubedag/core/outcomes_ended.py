"""How Pods end: small questions, asked in order, first answer wins.

The order is the policy. What something outside of the task did to its Pod explains whatever else the
Pod says, so it comes before exit codes; and an exit code of 0 alone never makes a success.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kubedag.core import asks, evidence, reasons, states, words
from kubedag.core.evidence import Evidence, Outcome, failed

if TYPE_CHECKING:
    from kubedag.core import pods

Row = Callable[[Evidence], Outcome | None]

KILLED: Final = frozenset({137, 143})
"""SIGKILL and SIGTERM, which is how a kubelet ends a container."""

_DISRUPTIONS: Final = {
    reason.name: reason
    for reason in (
        reasons.PREEMPTION_BY_SCHEDULER,
        reasons.DELETION_BY_TAINT_MANAGER,
        reasons.EVICTION_BY_EVICTION_API,
        reasons.DELETION_BY_POD_GC,
        reasons.TERMINATION_BY_KUBELET,
    )
}


def disruption_reason(name: str) -> reasons.Reason:
    """The reason of a `DisruptionTarget` condition; one that nobody knows is `Disrupted`."""
    return _DISRUPTIONS.get(name, reasons.DISRUPTED)


def success(seen: Evidence) -> Outcome | None:
    """Phase Succeeded, and nobody had told the program to end: one that obeys ends with 0, too."""
    if seen.status.phase != "Succeeded" or seen.told_to_end:
        return None
    return Outcome(states.SUCCEEDED, exit_code=seen.exit_code)


def asked_to_end(seen: Evidence) -> Outcome | None:
    """We asked for it, so whatever the Pod says is a consequence of that."""
    ask = asks.ASKS.get(seen.ask_reason)
    if ask is None:
        return None
    return Outcome(
        states.FAILED, seen.ask_reason, ask.message, ask.failure_class, seen.exit_code
    )  # fmt: skip


def disrupted(seen: Evidence) -> Outcome | None:
    """Something outside of the task ended it: preemption, taint, drain, API eviction."""
    condition = seen.disruption()
    if condition is None:
        return None
    message = seen.status.message or condition.message
    said = words.disrupted(condition.reason, message)
    return failed(seen, disruption_reason(condition.reason), said)


def stopped_by_queue(seen: Evidence) -> Outcome | None:
    """Kueue evicted or preempted it: it says so in a condition, then deletes the Pod."""
    condition = seen.stopped_by_queue()
    if condition is None or not seen.deleted:
        return None
    said = words.stopped_by_queue(condition.reason, condition.message)
    return failed(seen, reasons.STOPPED_BY_KUEUE, said)


_REFUSED: Final = frozenset({
    "NodeAffinity", "UnexpectedAdmissionError", "TopologyAffinityError", "NodePorts", "NodeName",
    "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch", "SysctlForbidden", "AppArmor",
    "InvalidNodeInfo", "UnexpectedPredicateFailureType", "TaintToleration",
})  # fmt: skip


def node_refused(seen: Evidence) -> Outcome | None:
    """The kubelet did not admit it; also for lack of disk, which it calls Evicted, too."""
    status = seen.status
    refused = (
        status.reason in _REFUSED
        or status.reason.startswith("OutOf")
        or status.message.startswith(("Pod was rejected: ", "Pod The node had condition: "))
    )
    if status.phase != "Failed" or not refused:
        return None
    return failed(seen, reasons.NODE_REFUSED, words.rejected(status.reason, status.message))


_SHUT_DOWN: Final = frozenset({"NodeShutdown", "Terminated", "Shutdown"})


def node_shut_down(seen: Evidence) -> Outcome | None:
    """As kubelets say it that do not set `DisruptionTarget`."""
    if seen.status.phase != "Failed" or seen.status.reason not in _SHUT_DOWN:
        return None
    return failed(seen, reasons.NODE_SHUTDOWN, seen.status.message or "the node was shut down")


def node_lost(seen: Evidence) -> Outcome | None:
    """The node went away with the Pod on it."""
    if seen.status.reason != "NodeLost" or seen.status.phase == "Succeeded":
        return None
    return failed(seen, reasons.NODE_LOST, seen.status.message or "the node was lost")


def ended_by_kubelet(seen: Evidence) -> Outcome | None:
    """The node was short of something: kubelets before 1.26 set no `DisruptionTarget` for it."""
    status = seen.status
    low = status.reason == "Evicted" and status.message.startswith("The node was low on resource")
    if not low and status.reason != "Preempting":
        return None
    said = words.disrupted(reasons.TERMINATION_BY_KUBELET.name, status.message)
    return failed(seen, reasons.TERMINATION_BY_KUBELET, said)


def evicted_for_its_use(seen: Evidence) -> Outcome | None:
    """Evicted without DisruptionTarget: the Pod went over a limit of its own."""
    if seen.status.reason != "Evicted":
        return None
    return failed(seen, reasons.EVICTED_BY_LIMIT, words.evicted(seen.status.message))


def out_of_memory(seen: Evidence) -> Outcome | None:
    """The kernel killed it; 137 alone would not say so."""
    if seen.main is None or seen.terminated is None or seen.terminated.reason != "OOMKilled":
        return None
    said = evidence.how_it_ended(seen, seen.main.name, seen.terminated)
    return failed(seen, reasons.OOM_KILLED, said)


def deadline(seen: Evidence) -> Outcome | None:
    """The Pod's own activeDeadlineSeconds."""
    if seen.status.reason != "DeadlineExceeded":
        return None
    return failed(
        seen, reasons.DEADLINE_EXCEEDED, "ran longer than the activeDeadlineSeconds of its Pod"
    )


def init_container(seen: Evidence) -> Outcome | None:
    """One failed before the task could start; what a deletion killed is not to blame."""
    if seen.terminated is not None:
        return None
    for status in seen.init_containers():
        ended = status.state.terminated if status.state else None
        if ended is None or ended.exit_code == 0:
            continue
        if ended.reason != "OOMKilled" and _by_its_deletion(seen, ended):
            return None
        said = f"init container {status.name}: {evidence.how_it_ended(seen, status.name, ended)}"
        reason = _not_started(ended) or reasons.INIT_CONTAINER_FAILED
        return failed(seen, reason, said, status.name)
    return None


def _by_its_deletion(seen: Evidence, ended: pods.Terminated) -> bool:
    return seen.ended_on_request(ended) or (seen.deleted and ended.exit_code in KILLED)


def deleted(seen: Evidence) -> Outcome | None:
    """Gone, or on its way out, without a verdict of its own and without our asking.

    What its program says once it is told to end says nothing about its work (ADR 15).
    """
    if seen.terminated is not None and seen.told_to_end:
        began = seen.terminated.reason not in evidence.NOT_STARTABLE
        return failed(seen, reasons.POD_DELETED, words.deleted(seen.exit_code if began else None))
    if not seen.deleted or seen.exit_code not in (None, 0, *KILLED):
        return None
    # Without a node it never ran: the control plane lets it fail where a finalizer holds it.
    unplaced = not seen.pod.spec.node_name
    if unplaced or seen.status.phase not in ("Succeeded", "Failed"):
        return failed(seen, reasons.POD_DELETED, "the Pod was deleted before it had ended")
    if seen.pod.metadata.deletion_timestamp:
        return failed(seen, reasons.POD_DELETED, words.deleted(None))
    return None


def container_lost(seen: Evidence) -> Outcome | None:
    """The node came back, and nobody knows what had become of the container on it.

    `ContainerStatusUnknown` is the kubelet's word for it, `Unknown` with 255 that of containerd.
    """
    ended = seen.terminated
    if ended is None:
        return None
    unknown = ended.reason == evidence.NOT_FOUND
    if not unknown and (ended.reason, ended.exit_code) != ("Unknown", 255):
        return None
    return failed(seen, reasons.NODE_LOST, "the node lost the container, as by a restart")


def not_startable(seen: Evidence) -> Outcome | None:
    """The runtime could not even start the program: there is none of that name, or it failed itself."""
    reason = _not_started(seen.terminated) if seen.terminated is not None else None
    if reason is None or seen.terminated is None:
        return None
    return failed(seen, reason, words.not_startable(seen.terminated.message))


def _not_started(ended: pods.Terminated) -> reasons.Reason | None:
    if ended.reason not in evidence.NOT_STARTABLE:
        return None
    if words.cannot_be_executed(ended.message):
        return reasons.START_ERROR
    return reasons.CONTAINER_NOT_STARTED


def exit_code(seen: Evidence) -> Outcome | None:
    """The program's own word."""
    if not seen.exit_code:
        return None
    return failed(seen, reasons.EXIT_CODE, words.exit_code(seen.exit_code))


def sidecar(seen: Evidence) -> Outcome | None:
    """The task itself did not fail, yet the Pod did: another container is to blame."""
    for status in seen.status.container_statuses:
        ended = status.state.terminated if status.state else None
        if status is seen.main or ended is None or ended.exit_code == 0:
            continue
        said = f"container {status.name}: {evidence.how_it_ended(seen, status.name, ended)}"
        reason = _not_started(ended) or reasons.SIDECAR_FAILED
        return failed(seen, reason, said, status.name)
    return None


def unexplained(seen: Evidence) -> Outcome:
    """It failed; what else it says, if anything, is told as it stands."""
    said = ": ".join(filter(None, (seen.status.reason, seen.status.message)))
    if not said and seen.exit_code == 0:
        said = "the Pod failed although its program ended with exit code 0"
    return failed(seen, reasons.POD_FAILED, said or "the Pod failed and said no more")


ROWS: Final[tuple[Row, ...]] = (
    success,
    asked_to_end,
    disrupted,
    stopped_by_queue,
    node_refused,
    node_shut_down,
    node_lost,
    ended_by_kubelet,
    evicted_for_its_use,
    out_of_memory,
    deadline,
    init_container,
    deleted,
    container_lost,
    not_startable,
    exit_code,
    sidecar,
    unexplained,
)
