"""A Pod and what its table rows ask of it, found once; and the form of their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedag.core import instants, pods, reasons, rows, states, words

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt stands. `failure_class` is empty unless it failed."""

    state: str
    reason: str = ""
    message: str = ""
    failure_class: str = ""
    exit_code: int | None = None
    container: str = ""
    since: str | None = None
    """Since when it may have waited for this, where waiting has a limit of its own."""


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

    @property
    def deleted(self) -> bool:
        """Is it on its way out, or gone?"""
        return self.pod.gone or bool(self.pod.metadata.deletion_timestamp)

    @property
    def told_to_end(self) -> bool:
        """Did the task's container end once the Pod was to be deleted?"""
        return self.ended_on_request(self.terminated)

    def ended_on_request(self, ended: pods.Terminated | None) -> bool:
        """Did a container end at or after the second in which the Pod's deletion was asked for?

        The API server adds the grace period to the time of the request (`BeforeDelete`). It gives
        none to a Pod whose end it knows (`CheckGracefulDelete`), so that second is then the Pod's.
        But a kubelet that is done with a Pod deletes it without grace, and that moves the time: then
        it counts whether the status that tells of the end was written by a kubelet that knew of the
        request, which raises the Pod's generation (KEP-5067).
        """
        meta = self.pod.metadata
        until, grace_seconds = meta.deletion_timestamp, meta.deletion_grace_period_seconds
        if ended is None or not ended.finished_at or not until or grace_seconds is None:
            return False
        observed = self.status.observed_generation
        if grace_seconds == 0 and observed and meta.generation:
            return observed >= meta.generation
        asked = instants.text(instants.after(until, -grace_seconds))
        return ended.finished_at > asked or (ended.finished_at == asked and grace_seconds > 0)

    @property
    def exit_code(self) -> int | None:
        """That of the task's container; of one that the kubelet does not find it makes one up."""
        ended = self.terminated
        return None if ended is None or ended.reason == NOT_FOUND else ended.exit_code

    def condition(self, type_: str) -> pods.PodCondition | None:
        """The Pod's condition of that type, or None."""
        for condition in self.pod.status.conditions:
            if condition.type == type_:
                return condition
        return None

    def became_true(self, type_: str) -> str | None:
        """When the condition of that type became true, if it is."""
        condition = self.condition(type_)
        if condition is None or condition.status != rows.TRUE:
            return None
        return condition.last_transition_time

    def disruption(self) -> pods.PodCondition | None:
        """The condition that says that something outside of the Pod ends it (KEP-3329)."""
        condition = self.condition("DisruptionTarget")
        return condition if condition is not None and condition.status == rows.TRUE else None

    def stopped_by_queue(self) -> pods.PodCondition | None:
        """The condition that Kueue sets on a Pod before it deletes it; others know it not."""
        condition = self.condition("TerminationTarget")
        return condition if condition is not None and condition.status == rows.TRUE else None

    def init_containers(self) -> Iterator[pods.ContainerStatus]:
        """Those that must end before the task starts: not the native sidecars among them."""
        native = self._native()
        return (one for one in self.status.init_container_statuses if one.name not in native)

    def native_sidecars(self) -> Iterator[pods.ContainerStatus]:
        """The init containers that go on beside the task (KEP-753)."""
        native = self._native()
        return (one for one in self.status.init_container_statuses if one.name in native)

    def _native(self) -> set[str]:
        return {
            container.name
            for container in self.pod.spec.init_containers
            if container.restart_policy == "Always"
        }

    def memory_limit(self, name: str) -> str:
        """The memory limit of a container, as it was written; empty without one."""
        spec = self.pod.spec
        for container in (*spec.containers, *spec.init_containers):
            if container.name == name and container.resources and container.resources.limits:
                return container.resources.limits.memory
        return ""

    def pod_memory_limit(self) -> str:
        """The memory limit of the Pod as a whole (KEP-2837); empty without one."""
        resources = self.pod.spec.resources
        return resources.limits.memory if resources and resources.limits else ""


def gather(pod: pods.Pod, ask_reason: str = "") -> Evidence:
    """The evidence that a Pod is."""
    for status in pod.status.container_statuses:
        if status.name == pods.MAIN_CONTAINER:
            return Evidence(pod, ask_reason, status, _terminated(status))
    return Evidence(pod, ask_reason, None, None)


def _terminated(status: pods.ContainerStatus) -> pods.Terminated | None:
    return status.state.terminated if status.state else None


def failed(
    evidence: Evidence, reason: reasons.Reason, message: str, container: str = ""
) -> Outcome:
    """It failed, for that reason; with the exit code of the container to blame."""
    code = evidence.exit_code
    if container:
        code = next(
            (ended.exit_code for status, ended in ended_containers(evidence)
             if status.name == container),
            code,
        )  # fmt: skip
    said = words.one_line(message)
    return Outcome(states.FAILED, reason.name, said, reason.failure_class, code, container)


def ended_containers(
    evidence: Evidence,
) -> Iterator[tuple[pods.ContainerStatus, pods.Terminated]]:
    """The containers of either kind that have ended."""
    status = evidence.status
    for container in (*status.init_container_statuses, *status.container_statuses):
        ended = _terminated(container)
        if ended is not None:
            yield container, ended


def how_it_ended(evidence: Evidence, name: str, ended: pods.Terminated) -> str:
    """What made a container end, in words."""
    if ended.reason == "OOMKilled":
        return words.out_of_memory(evidence.memory_limit(name), evidence.pod_memory_limit())
    if ended.reason in NOT_STARTABLE:
        return words.not_startable(ended.message)
    return words.exit_code(ended.exit_code)


NOT_FOUND = "ContainerStatusUnknown"
"""How the kubelet calls the end of a container that is not there, also if it never was."""

NOT_STARTABLE = ("StartError", "ContainerCannotRun")
"""How the runtimes call it when they cannot even start the program."""
