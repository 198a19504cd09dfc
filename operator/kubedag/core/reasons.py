"""Why an attempt stands as it does or ended: the closed list that rows, tests and the docs share.

A reason is for programs, so it must be one of a known few: what the cluster says in words of its own
goes into the message. The names are those of Kubernetes where it has one. The reference page
`docs/reference/reasons.md` is made from this table and from `reasons_elsewhere`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

USER: Final = "User"
INFRA: Final = "Infra"
CONFIG: Final = "Config"

ENDED: Final = "attempt that failed"
ALIVE: Final = "attempt that goes on"
TASK: Final = "task without a Pod"
RUN: Final = "run"
DAG: Final = "DAG"
EVENT: Final = "Event"
BACKFILL: Final = "Backfill"
INTERVAL: Final = "interval of a Backfill"
NOTIFICATION: Final = "notification"


class Reason(NamedTuple):
    """One word, where it is said, whose failure it is if it ends an attempt, and what to do."""

    name: str
    means: str
    remedy: str = ""
    failure_class: str = ""
    said_of: tuple[str, ...] = (ENDED,)


def names(*those: Reason) -> frozenset[str]:
    """By what a status says them."""
    return frozenset(reason.name for reason in those)


def _user(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, USER)


def _infra(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, INFRA)


def _config(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, CONFIG)


def _alive(reason: Reason) -> Reason:
    """One that is said while the Pod is there, and of its end."""
    return reason._replace(said_of=(ALIVE, ENDED))


def _goes_on(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(ALIVE,))


# --- The task's own failures -----------------------------------------------------------------

EXIT_CODE: Final = _user(
    "ExitCode", "the program ended with an exit code other than 0", "read the end of its log"
)
OOM_KILLED: Final = _user(
    "OOMKilled",
    "the container used more memory than its limit, or than the node had",
    "raise resources.limits.memory, and requests with it",
)
EVICTED_BY_LIMIT: Final = _user(
    "EvictedByLimit",
    "the Pod wrote more to its disks than its own limits allow",
    "raise the ephemeral-storage limit or the volume's sizeLimit",
)
DEADLINE_EXCEEDED: Final = _user(
    "DeadlineExceeded",
    "the Pod's activeDeadlineSeconds were over, which a webhook or somebody by hand has set: in a "
    "podTemplate they are refused",
    "ask whoever sets them, and use timeoutSeconds",
)
INIT_CONTAINER_FAILED: Final = _user(
    "InitContainerFailed",
    "an init container failed, so the program never started",
    "read the log of the container that the message names",
)
SIDECAR_FAILED: Final = _user(
    "SidecarFailed",
    "the program ended with 0, but a container beside it did not",
    "read the log of the container that the message names",
)
POD_FAILED: Final = _user(
    "PodFailed",
    "the Pod failed for a reason that kubedag does not know",
    "look at the message, and at the Pod if it is kept",
)
TASK_TIMED_OUT: Final = _alive(
    _user("TaskTimedOut", "it ran longer than its timeoutSeconds", "raise them, or mend the task")
)
PENDING_TIMED_OUT: Final = _alive(
    _user(
        "PendingTimedOut",
        "it did not start within its pendingTimeoutSeconds",
        "the message says what it waited for",
    )
)
RUN_TIMED_OUT: Final = _user(
    "RunTimedOut", "the run took longer than the DAG's timeoutSeconds; it is not retried"
)._replace(said_of=(ENDED, ALIVE, TASK))
RUN_REPLACED: Final = _user(
    "RunReplaced", "a newer run took the place of this one; it is not retried"
)._replace(said_of=(ENDED, ALIVE, TASK))
MARKED: Final = _user("Marked", "somebody said in spec.marks what has become of it")._replace(
    said_of=(ENDED, ALIVE, TASK)
)
RUN_MARKED: Final = _user(
    "RunMarked", "somebody said in spec.mark what has become of the run; it is not retried"
)._replace(said_of=(ENDED, ALIVE, TASK))
RUN_STOPPED: Final = _user(
    "RunStopped", "somebody stopped the run with spec.shutdown; it is not retried"
)._replace(said_of=(ENDED, ALIVE, TASK))
RUN_TERMINATED: Final = _user(
    "RunTerminated", "somebody terminated the run with spec.shutdown; it is not retried"
)._replace(said_of=(ENDED, ALIVE, TASK))
RUN_FAILED_FAST: Final = _user(
    "RunFailedFast",
    "another task of the run failed, and the DAG's failFast ended the rest; it is not retried",
)._replace(said_of=(ENDED, ALIVE, TASK))

# --- The cluster's doing ---------------------------------------------------------------------

PREEMPTION_BY_SCHEDULER: Final = _alive(
    _infra("PreemptionByScheduler", "a Pod of higher priority needed its place")
)
DELETION_BY_TAINT_MANAGER: Final = _alive(
    _infra("DeletionByTaintManager", "its node got a taint that the Pod does not tolerate")
)
EVICTION_BY_EVICTION_API: Final = _alive(
    _infra("EvictionByEvictionAPI", "somebody evicted it, as a rule by draining its node")
)
DELETION_BY_POD_GC: Final = _alive(
    _infra("DeletionByPodGC", "its node is gone from the cluster, or out of service")
)
TERMINATION_BY_KUBELET: Final = _alive(
    _infra(
        "TerminationByKubelet",
        "its node ended it: short of memory or disk, shutting down, or for a critical Pod",
        "if the node was short of memory, give the task a request that tells what it needs",
    )
)
STOPPED_BY_KUEUE: Final = _alive(
    _infra(
        "StoppedByKueue",
        "Kueue took its place away: for a workload of higher priority, or because its queue was "
        "stopped or changed",
        "raise retry.infraLimit if it happens often, or give it a priority in its queue",
    )
)
DISRUPTED: Final = _alive(_infra("Disrupted", "the cluster ended it for another reason"))
NODE_SHUTDOWN: Final = _infra("NodeShutdown", "its node was shut down")
NODE_REFUSED: Final = _infra(
    "NodeRefused",
    "the node did not take the Pod that was meant for it",
    "if it always happens, look at what else runs on the node",
)
NODE_LOST: Final = _infra(
    "NodeLost", "its node, or the container on it, was lost without a word about its end"
)
CONTAINER_NOT_STARTED: Final = _infra(
    "ContainerNotStarted",
    "the node's container runtime failed to start a container, and not for want of its program",
    "if it always happens, the message says what the runtime lacks",
)
POD_DELETED: Final = _alive(
    _infra("PodDeleted", "somebody deleted the Pod", "the audit log of the API server tells who")
)

# --- What no retry mends ---------------------------------------------------------------------

INVALID_IMAGE_NAME: Final = _alive(
    _config("InvalidImageName", "the image's name is not a valid reference", "mend image")
)
ERR_IMAGE_NEVER_PULL: Final = _alive(
    _config(
        "ErrImageNeverPull",
        "the image is not on the node, and imagePullPolicy is Never",
        "load the image into the nodes, or use another imagePullPolicy",
    )
)
IMAGE_PULL_BACK_OFF: Final = _alive(
    _config(
        "ImagePullBackOff",
        "the image cannot be pulled; that is waited with for 5 minutes, then the attempt fails",
        "mend image, imagePullSecrets or the registry",
    )
)
CREATE_CONTAINER_CONFIG_ERROR: Final = _alive(
    _config(
        "CreateContainerConfigError",
        "a Secret, a ConfigMap or a key of one is missing, or the container's settings contradict "
        "each other; that is waited with for 2 minutes, then the attempt fails",
        "create what the message names",
    )
)
VOLUME_NOT_MOUNTED: Final = _alive(
    _config(
        "VolumeNotMounted",
        "the node fails to mount a volume; where a Secret, a ConfigMap or a key of one is missing, "
        "the attempt fails after 2 minutes, else after pendingTimeoutSeconds",
        "create or mend what the message names",
    )
)
START_ERROR: Final = _config(
    "StartError",
    "the program could not be executed, as a rule because there is none of that name",
    "mend command, script.interpreter or workingDir, or the image",
)
SERVICE_ACCOUNT_NOT_FOUND: Final = _config(
    "ServiceAccountNotFound",
    "the ServiceAccount did not come to exist within 2 minutes",
    "create it, or mend serviceAccountName",
)
INVALID_POD_SPEC: Final = _config(
    "InvalidPodSpec", "the API server takes no such Pod", "mend the field that the message names"
)
ADMISSION_DENIED: Final = _config(
    "AdmissionDenied",
    "a LimitRange, Pod Security, a quota's demands, a policy or a webhook refused the Pod",
    "the message says who and why",
)._replace(said_of=(ENDED, DAG, EVENT))
NAMESPACE_TERMINATING: Final = _config(
    "NamespaceTerminating", "the namespace is being deleted"
)._replace(said_of=(ENDED, DAG, EVENT))
NAMESPACE_NOT_FOUND: Final = _config("NamespaceNotFound", "the namespace is gone")._replace(
    said_of=(ENDED, DAG, EVENT)
)
NAME_CONFLICT: Final = _config(
    "NameConflict",
    "a Pod of that name exists and is not this run's; kubedag leaves it alone",
    "delete or rename the other Pod, then start a new run",
)

# --- While the Pod is there ------------------------------------------------------------------

SCHEDULING: Final = _goes_on("Scheduling", "the Pod has been created and has no node yet")
UNSCHEDULABLE: Final = _goes_on(
    "Unschedulable",
    "no node has room for the Pod, or none suits it",
    "ask for less, add nodes, or mend selectors and tolerations",
)
SCHEDULING_GATED: Final = _goes_on(
    "SchedulingGated",
    "a scheduling gate holds the Pod back, such as a queue for jobs; that time does not count "
    "towards pendingTimeoutSeconds",
    "ask whatever set the gate",
)
INITIALIZING: Final = _goes_on("Initializing", "an init container is at work")
STARTING: Final = _goes_on(
    "Starting",
    "the node sets up volumes and network, pulls the image and creates the container",
    "if it takes more than 10 seconds, the message says what the newest Warning Event tells",
)
SANDBOX_NOT_CREATED: Final = _goes_on(
    "SandboxNotCreated",
    "the node fails to set up the Pod's network or its sandbox, and tries again",
    "ask whoever runs the cluster's network and nodes",
)
CONTAINER_NOT_CREATED: Final = _goes_on(
    "ContainerNotCreated", "the node fails to create a container of the Pod, and tries again"
)
CONTAINER_CRASHING: Final = _goes_on(
    "ContainerCrashing",
    "a native sidecar ends again and again, so the program is not started; the node waits longer "
    "each time before it starts it anew, and the attempt fails after pendingTimeoutSeconds",
    "read the log of the container that the message names",
)
NODE_UNREACHABLE: Final = _goes_on(
    "NodeUnreachable",
    "the node does not answer; the Pod may go on running, so no other one is started",
    "the cluster deletes the Pod after 5 minutes by default; it ends when the node is back, "
    "or deleted, or tainted as out of service",
)
SIDECAR_RUNNING: Final = _goes_on(
    "SidecarRunning",
    "the program has ended, and a container beside it has not",
    "make it a native sidecar: an init container with restartPolicy Always",
)

OF_ATTEMPTS: Final[tuple[Reason, ...]] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, Reason)
)
"""In the order in which they stand above."""

BY_NAME: Final = {reason.name: reason for reason in OF_ATTEMPTS}


def failure_class(name: str) -> str:
    """Whose failure that reason is, or an empty string if it ends no attempt."""
    found = BY_NAME.get(name)
    return found.failure_class if found is not None else ""
