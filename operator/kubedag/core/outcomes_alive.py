"""What Pods that have not ended wait for, or do: small questions, asked in order.

An answer says what keeps the attempt where it is, in one word of the closed list and one line of
text. A cause that no waiting mends is answered with `Terminating`, upon which the Pod is ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kubedag.core import asks, evidence, pods, reasons, rows, states, words
from kubedag.core.evidence import Evidence, Outcome
from kubedag.core.outcomes_ended import disruption_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = Callable[[Evidence], Outcome | None]


def _says(state: str, reason: reasons.Reason, message: str = "") -> Outcome:
    return Outcome(state, reason.name, words.one_line(message))


# --- On its way out --------------------------------------------------------------------------


def asked_to_end(seen: Evidence) -> Outcome | None:
    """We ask it to end, and it has not yet."""
    ask = asks.ASKS.get(seen.ask_reason)
    return Outcome(states.TERMINATING, seen.ask_reason, ask.message) if ask else None


def being_deleted(seen: Evidence) -> Outcome | None:
    """Something else ended it, and its node has not said that it has ended."""
    if not seen.pod.metadata.deletion_timestamp:
        return None
    node, condition = seen.pod.spec.node_name, seen.disruption()
    if condition is None and (queue := seen.stopped_by_queue()) is not None:
        said = words.waits_to_end(words.stopped_by_queue(queue.reason, queue.message), node)
        return _says(states.TERMINATING, reasons.STOPPED_BY_KUEUE, said)
    if condition is None:
        said = words.waits_to_end("somebody deleted the Pod", node)
        return _says(states.TERMINATING, reasons.POD_DELETED, said)
    said = words.waits_to_end(words.disrupted(condition.reason, condition.message), node)
    return _says(states.TERMINATING, disruption_reason(condition.reason), said)


# --- Running ---------------------------------------------------------------------------------


def unreachable(seen: Evidence) -> Outcome | None:
    """The node does not answer, so nobody knows; another Pod beside this one would be a twin.

    The control plane takes away `Ready` alone and gives no reason; a kubelet always gives one.
    """
    lost = seen.status.phase == "Unknown"
    if seen.status.phase == "Running":
        ready, whole = seen.condition("Ready"), seen.condition("ContainersReady")
        lost = (
            ready is not None and ready.status == rows.FALSE and not ready.reason
            and whole is not None and whole.status == rows.TRUE
        )  # fmt: skip
    if not lost:
        return None
    node = seen.pod.spec.node_name
    said = f"node {node} does not answer" if node else "its node does not answer"
    return _says(states.RUNNING, reasons.NODE_UNREACHABLE, said)


def only_others_run(seen: Evidence) -> Outcome | None:
    """The program has ended, and the Pod has not: another container keeps it alive."""
    if seen.status.phase != "Running" or seen.exit_code is None:
        return None
    names = [status.name for status in _running(_containers(seen))]
    if not names:
        return Outcome(states.RUNNING)
    said = f"{_end_of_program(seen)}; waits for {_listed(names)} to end"
    return _says(states.RUNNING, reasons.SIDECAR_RUNNING, said)


def runs(seen: Evidence) -> Outcome | None:
    """As it should be, which needs no words."""
    return Outcome(states.RUNNING) if seen.status.phase == "Running" else None


# --- Pending ---------------------------------------------------------------------------------

_NOTHING_TO_TELL: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_NOT_PULLED: Final = frozenset({
    "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable",
    "SignatureValidationFailed",
})  # fmt: skip


def never_starts(seen: Evidence) -> Outcome | None:
    """A container that waits for what will never come right by itself."""
    for status, waiting in _waiting(seen):
        ask = asks.ASKS.get(waiting.reason)
        if ask is not None and waiting.reason in asks.ENDED_AT_ONCE:
            said = words.unusable_image(waiting.message) if waiting.message else ask.message
            said = words.one_line(_named(status, said))
            return Outcome(states.TERMINATING, waiting.reason, said, ask.failure_class)
    return None


def cannot_start(seen: Evidence) -> Outcome | None:
    """A container that waits for what may come right, for as long as that is waited with."""
    for status, waiting in _waiting(seen):
        since, attempt = _waits_since(seen, status), pods.attempt_number(seen.pod)
        if waiting.reason in _NOT_PULLED:
            reason = reasons.IMAGE_PULL_BACK_OFF
            said = words.image(waiting.message, attempt, since)
        elif waiting.reason == "CreateContainerConfigError":
            reason = reasons.CREATE_CONTAINER_CONFIG_ERROR
            said = words.settings(waiting.message, attempt, since)
        elif waiting.reason == "CrashLoopBackOff":
            reason = reasons.CONTAINER_CRASHING
            said = _crashing(status)
        else:
            reason = reasons.CONTAINER_NOT_CREATED
            said = words.not_created(waiting.reason, waiting.message, attempt, since)
        named = said if reason is reasons.CONTAINER_CRASHING else _named(status, said)
        return Outcome(states.PENDING, reason.name, words.one_line(named), since=since)
    return None


def has_no_node(seen: Evidence) -> Outcome | None:
    """The scheduler has not found a node, may not look for one, or has not got round to it."""
    condition = seen.condition("PodScheduled")
    if condition is None:
        placed = seen.pod.spec.node_name or seen.status.container_statuses
        return None if placed else _says(states.PENDING, reasons.SCHEDULING, "waits for a node")
    if condition.status != rows.FALSE:
        return None
    if condition.reason == "SchedulingGated":
        gates = tuple(gate.name for gate in seen.pod.spec.scheduling_gates)
        queue = seen.pod.label(pods.LABEL_QUEUE) if pods.GATE_OF_QUEUE in gates else ""
        return _says(states.PENDING, reasons.SCHEDULING_GATED, words.gated(gates, queue))
    return _says(states.PENDING, reasons.UNSCHEDULABLE, words.unschedulable(condition.message))


def initializes(seen: Evidence) -> Outcome | None:
    """An init container is at work, which can take as long as the program itself."""
    for status in seen.init_containers():
        if status.state is not None and status.state.running is not None:
            return _says(
                states.PENDING, reasons.INITIALIZING, f"init container {status.name} runs"
            )
    return None


def starts(seen: Evidence) -> Outcome:
    """The node is at it."""
    ready = seen.condition("PodReadyToStartContainers")
    if ready is not None and ready.status == rows.FALSE:
        said = "waits for the node to set up its volumes and network"
        return _says(states.PENDING, reasons.STARTING, said)
    waited_for = [one.name for one in _running(seen.native_sidecars()) if one.started is False]
    said = f"waits for {_listed(waited_for)} to be started" if waited_for else ""
    return _says(states.PENDING, reasons.STARTING, said)


ROWS: Final[tuple[Row, ...]] = (
    asked_to_end,
    being_deleted,
    unreachable,
    only_others_run,
    runs,
    never_starts,
    cannot_start,
    has_no_node,
    initializes,
    starts,
)


# --- Helpers ---------------------------------------------------------------------------------


def _containers(seen: Evidence) -> tuple[pods.ContainerStatus, ...]:
    return (*seen.status.init_container_statuses, *seen.status.container_statuses)


def _running(containers: Iterable[pods.ContainerStatus]) -> Iterator[pods.ContainerStatus]:
    return (status for status in containers if status.state and status.state.running)


def _listed(names: list[str]) -> str:
    return f"container{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _end_of_program(seen: Evidence) -> str:
    ended = seen.terminated
    if ended is not None and ended.reason in evidence.NOT_STARTABLE:
        return words.not_startable(ended.message)
    return f"its program ended with {words.exit_code(seen.exit_code or 0)}"


def _crashing(status: pods.ContainerStatus) -> str:
    last = status.last_state.terminated if status.last_state else None
    code = last.exit_code if last is not None else None
    return words.crashing(status.name, code, status.restart_count)


def _waiting(seen: Evidence) -> Iterator[tuple[pods.ContainerStatus, pods.Waiting]]:
    for status in _containers(seen):
        waiting = status.state.waiting if status.state else None
        if waiting is not None and waiting.reason not in _NOTHING_TO_TELL:
            yield status, waiting


def _named(status: pods.ContainerStatus, said: str) -> str:
    return said if status.name == pods.MAIN_CONTAINER else f"container {status.name}: {said}"


def _waits_since(seen: Evidence, status: pods.ContainerStatus) -> str | None:
    """Since when a container may have waited: it had a node, and its turn had come."""
    placed = seen.became_true("PodScheduled")
    if status not in seen.status.container_statuses:
        return placed
    initialized = seen.became_true("Initialized")
    return max(filter(None, (placed, initialized)), default=None)
