"""What a Pod says about its attempt: a table of small questions, asked in order.

The first row that answers wins, so the order is the policy: a Pod that something ended from outside
is never called the user's failure, and a container's exit code alone never makes a success.
Each row is one function `(Evidence) -> Outcome | None`; a new way to end is a new row.
The cases follow KEP-3329 (Pod failure policy) and the Pod lifecycle of the API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kubedag.core import pods, reasons, rows, states

USER: Final = reasons.USER
INFRA: Final = reasons.INFRA
CONFIG: Final = reasons.CONFIG


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt stands. `failure_class` is empty unless it failed."""

    state: str
    reason: str = ""
    message: str = ""
    failure_class: str = ""
    exit_code: int | None = None
    container: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A Pod, with the parts that the rows ask for found once."""

    pod: pods.Pod
    ask_reason: str
    main: pods.ContainerStatus | None
    terminated: pods.Terminated | None

    @property
    def status(self) -> pods.PodStatus:
        """The Pod's status."""
        return self.pod.status

    def condition(self, type_: str) -> pods.PodCondition | None:
        """The Pod's condition of that type, or None."""
        for condition in self.pod.status.conditions:
            if condition.type == type_:
                return condition
        return None


Row = Callable[[Evidence], Outcome | None]

_NODE_REASONS: Final = frozenset(
    {"NodeShutdown", "Terminated", "NodeAffinity", "UnexpectedAdmissionError", "NodeLost"}
)


def classify(pod: pods.Pod, ask_reason: str = "") -> Outcome:
    """The outcome of a Pod; `ask_reason` is why we asked it to end, if we did."""
    main = _container(pod.status.container_statuses, pods.MAIN_CONTAINER)
    terminated = main.state.terminated if main and main.state else None
    evidence = Evidence(pod, ask_reason, main, terminated)
    table = ENDED if _has_ended(pod) else ALIVE
    for row in table:
        outcome = row(evidence)
        if outcome is not None:
            return outcome
    raise AssertionError("the last row of each table answers always")


def failed_container(pod: pods.Pod) -> str:
    """The name of the container whose log explains a failed Pod."""
    return classify(pod).container or pods.MAIN_CONTAINER


def _has_ended(pod: pods.Pod) -> bool:
    return pod.gone or pod.status.phase in ("Succeeded", "Failed")


# --- Pods that have ended ---------------------------------------------------------------------


def _success(evidence: Evidence) -> Outcome | None:
    """Phase Succeeded: every container ended with 0, as the kubelet saw it."""
    if evidence.status.phase != "Succeeded":
        return None
    code = evidence.terminated.exit_code if evidence.terminated else None
    return Outcome(states.SUCCEEDED, exit_code=code)


def _asked_to_end(evidence: Evidence) -> Outcome | None:
    """We asked for it, so whatever the Pod says is a consequence of that."""
    ask = ASKS.get(evidence.ask_reason)
    if ask is None:
        return None
    code = evidence.terminated.exit_code if evidence.terminated else None
    return Outcome(states.FAILED, evidence.ask_reason, ask.message, ask.failure_class, code)


@dataclass(frozen=True, slots=True)
class Ask:
    """Why we end a Pod, in words, and whose fault that is."""

    message: str
    failure_class: str


TASK_TIMED_OUT: Final = "TaskTimedOut"
PENDING_TIMED_OUT: Final = "PendingTimedOut"
RUN_TIMED_OUT: Final = "RunTimedOut"
RUN_REPLACED: Final = "RunReplaced"

ASKS: Final[Mapping[str, Ask]] = {
    TASK_TIMED_OUT: Ask("ran longer than its timeoutSeconds", USER),
    PENDING_TIMED_OUT: Ask("did not start within its pendingTimeoutSeconds", USER),
    RUN_TIMED_OUT: Ask("the run took longer than the DAG's timeoutSeconds", USER),
    RUN_REPLACED: Ask("a newer run replaced this one", USER),
    "InvalidImageName": Ask("the image's name must be a valid reference", CONFIG),
    "ErrImageNeverPull": Ask("the image is not on the node and must not be pulled", CONFIG),
    "ImagePullBackOff": Ask("the image cannot be pulled", CONFIG),
    "CreateContainerConfigError": Ask("the container cannot be configured", CONFIG),
}

ENDED_AT_ONCE: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""What a container waits for in vain, however long; the other asks of class Config have a grace."""

ASKED_BEFORE_THE_START: Final = ASKS.keys() - {TASK_TIMED_OUT, RUN_TIMED_OUT, RUN_REPLACED}
"""Why a Pod is ended that has not started."""


def _disrupted(evidence: Evidence) -> Outcome | None:
    """Something outside of the task ended it: preemption, taint, drain, API eviction."""
    condition = evidence.condition("DisruptionTarget")
    if condition is None or condition.status != rows.TRUE:
        return None
    return _failed(
        evidence, condition.reason or "Disrupted", condition.message or "the cluster ended the Pod",
        INFRA,
    )  # fmt: skip


def _node_refused_or_left(evidence: Evidence) -> Outcome | None:
    """The node went down or did not admit the Pod; the task had no part in it."""
    reason = evidence.status.reason
    if evidence.status.phase != "Failed":
        return None
    if reason in _NODE_REASONS or reason.startswith("OutOf"):
        return _failed(evidence, reason, evidence.status.message, INFRA)
    return None


def _evicted_for_its_use(evidence: Evidence) -> Outcome | None:
    """Evicted without DisruptionTarget: the Pod went over a limit of its own."""
    if evidence.status.reason != "Evicted":
        return None
    return _failed(evidence, "EvictedByLimit", evidence.status.message, USER)


def _out_of_memory(evidence: Evidence) -> Outcome | None:
    """The kernel killed it; 137 alone would not say so."""
    terminated = evidence.terminated
    if terminated is None or terminated.reason != "OOMKilled":
        return None
    return _failed(evidence, "OOMKilled", "used more memory than its limit", USER)


def _deadline(evidence: Evidence) -> Outcome | None:
    if evidence.status.reason != "DeadlineExceeded":
        return None
    return _failed(evidence, "DeadlineExceeded", evidence.status.message, USER)


def _init_container(evidence: Evidence) -> Outcome | None:
    """One failed before the task could start; a sidecar killed at the end is not to blame."""
    if evidence.terminated is not None:
        return None
    for status in evidence.status.init_container_statuses:
        ended = status.state.terminated if status.state else None
        if ended is not None and ended.exit_code != 0:
            message = f"init container {status.name!r} ended with exit code {ended.exit_code}"
            return Outcome(
                states.FAILED, "InitContainerFailed", message, USER, ended.exit_code, status.name
            )
    return None


def _deleted(evidence: Evidence) -> Outcome | None:
    """Gone, or on its way out, without a verdict of its own and without our asking."""
    if evidence.pod.gone and evidence.status.phase not in ("Succeeded", "Failed"):
        return _failed(evidence, "PodDeleted", "the Pod was deleted before it had ended", INFRA)
    code = evidence.terminated.exit_code if evidence.terminated else None
    if evidence.pod.metadata.deletion_timestamp and code in (None, 0, 137, 143):
        return _failed(evidence, "PodDeleted", "the Pod was deleted while it ran", INFRA)
    return None


def _not_startable(evidence: Evidence) -> Outcome | None:
    """The runtime could not even start the program, as a rule because there is none of that name."""
    terminated = evidence.terminated
    if terminated is None or terminated.reason not in ("StartError", "ContainerCannotRun"):
        return None
    message = terminated.message or "the program could not be started"
    return _failed(evidence, "StartError", message, CONFIG)


def _exit_code(evidence: Evidence) -> Outcome | None:
    terminated = evidence.terminated
    if terminated is None or terminated.exit_code == 0:
        return None
    return _failed(evidence, "ExitCode", f"exit code {terminated.exit_code}", USER)


def _sidecar(evidence: Evidence) -> Outcome | None:
    """The task itself ended with 0, yet the Pod failed: another container did not."""
    for status in evidence.status.container_statuses:
        ended = status.state.terminated if status.state else None
        if status.name != pods.MAIN_CONTAINER and ended is not None and ended.exit_code != 0:
            message = f"container {status.name!r} ended with exit code {ended.exit_code}"
            return Outcome(
                states.FAILED, "SidecarFailed", message, USER, ended.exit_code, status.name
            )
    return None


def _unexplained(evidence: Evidence) -> Outcome:
    status = evidence.status
    message = status.message or "the Pod failed and said no more"
    return _failed(evidence, status.reason or "PodFailed", message, USER)


ENDED: Final[tuple[Row, ...]] = (
    _success,
    _asked_to_end,
    _disrupted,
    _node_refused_or_left,
    _evicted_for_its_use,
    _out_of_memory,
    _deadline,
    _init_container,
    _deleted,
    _not_startable,
    _exit_code,
    _sidecar,
    _unexplained,
)


# --- Pods that are alive ----------------------------------------------------------------------


def _terminating(evidence: Evidence) -> Outcome | None:
    ask = ASKS.get(evidence.ask_reason)
    if ask is not None:
        return Outcome(states.TERMINATING, evidence.ask_reason, ask.message)
    if evidence.pod.metadata.deletion_timestamp:
        return Outcome(states.TERMINATING, "PodDeleted", "somebody deleted the Pod")
    return None


def _running(evidence: Evidence) -> Outcome | None:
    return Outcome(states.RUNNING) if evidence.status.phase == "Running" else None


def _cannot_start(evidence: Evidence) -> Outcome | None:
    """A container that waits for what will never come right by itself."""
    for status in (*evidence.status.init_container_statuses, *evidence.status.container_statuses):
        waiting = status.state.waiting if status.state else None
        if waiting is None or waiting.reason in ("", "ContainerCreating", "PodInitializing"):
            continue
        if waiting.reason in ENDED_AT_ONCE:
            message = waiting.message or ASKS[waiting.reason].message
            return Outcome(states.TERMINATING, waiting.reason, rows.clip(message), CONFIG)
        return Outcome(states.PENDING, waiting.reason, rows.clip(waiting.message))
    return None


def _unscheduled(evidence: Evidence) -> Outcome | None:
    condition = evidence.condition("PodScheduled")
    if condition is None or condition.status != rows.FALSE:
        return None
    return Outcome(states.PENDING, condition.reason, rows.clip(condition.message))


def _starting(_evidence: Evidence) -> Outcome:
    return Outcome(states.PENDING)


ALIVE: Final[tuple[Row, ...]] = (_terminating, _running, _cannot_start, _unscheduled, _starting)


# --- Helpers ----------------------------------------------------------------------------------


def _failed(evidence: Evidence, reason: str, message: str, failure_class: str) -> Outcome:
    terminated = evidence.terminated
    code = terminated.exit_code if terminated else None
    return Outcome(states.FAILED, reason, rows.clip(message), failure_class, code)


def _container(
    statuses: tuple[pods.ContainerStatus, ...], name: str
) -> pods.ContainerStatus | None:
    for status in statuses:
        if status.name == name:
            return status
    return None
