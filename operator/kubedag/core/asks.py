"""Why we end a Pod ourselves, in words, and whose failure that is.

The word is stored with the row before the Pod is deleted, so that whoever looks later knows that its
end is a consequence of ours, whatever the Pod says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kubedag.core import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ask:
    """Why we end a Pod, in words, and whose fault that is."""

    message: str
    failure_class: str


_SAID: Final = (
    (reasons.TASK_TIMED_OUT, "ran longer than its timeoutSeconds"),
    (reasons.PENDING_TIMED_OUT, "did not start within its pendingTimeoutSeconds"),
    (reasons.RUN_TIMED_OUT, "the run took longer than the DAG's timeoutSeconds"),
    (reasons.RUN_REPLACED, "a newer run replaced this one"),
    (reasons.MARKED, "somebody marked the task"),
    (reasons.RUN_MARKED, "somebody marked the run"),
    (reasons.RUN_STOPPED, "somebody stopped the run"),
    (reasons.RUN_TERMINATED, "somebody terminated the run"),
    (reasons.RUN_FAILED_FAST, "another task failed, and failFast ends the run"),
    (reasons.INVALID_IMAGE_NAME, "the image's name must be a valid reference"),
    (reasons.ERR_IMAGE_NEVER_PULL, "the image is not on the node and must not be pulled"),
    (reasons.IMAGE_PULL_BACK_OFF, "the image cannot be pulled"),
    (reasons.CREATE_CONTAINER_CONFIG_ERROR, "the container cannot be configured"),
    (reasons.VOLUME_NOT_MOUNTED, "a volume cannot be mounted"),
)

ASKS: Final[Mapping[str, Ask]] = {
    reason.name: Ask(message, reason.failure_class) for reason, message in _SAID
}

ENDED_AT_ONCE: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""What a container waits for in vain, however long; the other asks of class Config have a grace."""

ASKED_BEFORE_THE_START: Final = ASKS.keys() - {
    reasons.TASK_TIMED_OUT.name,
    reasons.RUN_TIMED_OUT.name,
    reasons.RUN_REPLACED.name,
    reasons.MARKED.name,
    reasons.RUN_MARKED.name,
    reasons.RUN_STOPPED.name,
    reasons.RUN_TERMINATED.name,
    reasons.RUN_FAILED_FAST.name,
}
"""Why a Pod is ended that has not started."""
