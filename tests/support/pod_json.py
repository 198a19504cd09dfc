"""Pods by their JSON, with what real kubelets, schedulers and controllers write into it."""

from __future__ import annotations

import msgspec

from kubedag.core import outcomes, pods

SCHEDULED = {
    "type": "PodScheduled",
    "status": "True",
    "lastTransitionTime": "2026-01-01T10:40:00Z",
}
INITIALIZED = {
    "type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T10:42:05Z",
}  # fmt: skip
DELETED = {"deletionTimestamp": "2026-01-01T10:49:00Z", "deletionGracePeriodSeconds": 30}
"""Half a minute before its program ended."""
DELETED_AFTERWARDS = {
    "deletionTimestamp": "2026-01-01T10:49:31Z", "deletionGracePeriodSeconds": 30,
}  # fmt: skip
"""A second after it."""
NATIVE_SIDECAR = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}


def container(name, memory=None):
    resources = {"limits": {"cpu": "1", "memory": memory}} if memory else {}
    return {"name": name, "image": f"{name}:1", "resources": resources}


LIMITED = container("main", "512Mi")


def a_pod(status, *, metadata=None, containers=(LIMITED,), gone=False, **spec):
    """A Pod by its JSON."""
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "sales-load-2-0a1b2c3d",
            "labels": {pods.LABEL_TASK: "load", pods.LABEL_ATTEMPT: "2"},
            "creationTimestamp": "2026-01-01T10:39:59Z",
            **(metadata or {}),
        },
        "spec": {"nodeName": "node-1", "containers": list(containers), **spec},
        "status": status,
        "gone": gone,
    }
    return msgspec.convert(document, pods.Pod)


def status(phase, *, containers=(), init=(), conditions=(SCHEDULED,), **rest):
    return {
        "phase": phase,
        "conditions": list(conditions),
        "containerStatuses": list(containers),
        "initContainerStatuses": list(init),
        **rest,
    }


def ended(code, reason=None, message="", name="main"):
    return {
        "name": name,
        "restartCount": 0,
        "state": {
            "terminated": {
                "exitCode": code,
                "reason": reason or ("Error" if code else "Completed"),
                "message": message,
                "startedAt": "2026-01-01T10:42:10Z",
                "finishedAt": "2026-01-01T10:49:00Z",
                "containerID": "containerd://abc",
            }
        },
    }


def works(name="main"):
    return {"name": name, "state": {"running": {"startedAt": "2026-01-01T10:42:10Z"}}}


def crashes(name, code, restarts):
    """It waits to be started again; the kubelet puts the Pod's UID into its message."""
    said = f"back-off 40s restarting failed container={name} pod=x_ns(6f1b)"
    last = {"terminated": {"exitCode": code, "message": "secret"}} if code is not None else {}
    return waits("CrashLoopBackOff", said, name) | {"restartCount": restarts, "lastState": last}


def waits(reason, message="", name="main"):
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


def condition(type_, truth, reason="", message=""):
    return {"type": type_, "status": truth, "reason": reason, "message": message}


def target(reason, message):
    return condition("DisruptionTarget", "True", reason, message)


def judged(pod, ask=""):
    found = outcomes.classify(pod, ask)
    return (found.state, found.reason, found.failure_class, found.message)


def pending(reason, message=""):
    return ("Pending", reason, "", message)


def runs(reason="", message=""):
    return ("Running", reason, "", message)


def ends(reason, message, class_=""):
    return ("Terminating", reason, class_, message)


def user(reason, message):
    return ("Failed", reason, "User", message)


def infra(reason, message):
    return ("Failed", reason, "Infra", message)


def config(reason, message):
    return ("Failed", reason, "Config", message)


PREEMPTED = target(
    "PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"
)
EVICTED = target("EvictionByEvictionAPI", "Eviction API: evicting")
TAINTED = target("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
COLLECTED = target("DeletionByPodGC", "PodGC: node no longer exists")
SHUT_DOWN = target(
    "TerminationByKubelet", "Pod was terminated in response to imminent node shutdown."
)
PRESSED = target("TerminationByKubelet", "The node was low on resource: memory. ")
QUEUED_OUT = {
    "type": "TerminationTarget",
    "status": "True",
    "reason": "WorkloadEvicted",
    "message": "Preempted to accommodate a workload",
}
"""As Kueue says it, before it deletes a Pod."""
UNHEARD_OF = target("BySomethingNew", "x")
LOW = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container "
    "main was using 300Mi, request is 0, has larger consumption of memory. "
)
NO_ROOM = (
    "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane"
    ": }, 2 Insufficient memory. preemption: 0/3 nodes are available: 1 Preemption is not helpful "
    "for scheduling, 2 No preemption victims found for incoming pod."
)
NO_NODE = (
    "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 "
    "nodes are available: 3 Preemption is not helpful for scheduling."
)
NO_IMAGE = (
    'Back-off pulling image "no.example/x:1": ErrImagePull: rpc error: code = NotFound desc = failed '
    'to pull and unpack image "no.example/x:1": failed to resolve reference "no.example/x:1": '
    "no.example/x:1: not found"
)
NO_NAMESPACE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    "create failed: unable to create new parent process: namespace path: lstat /proc/0/ns/ipc: no "
    "such file or directory: unknown"
)
NO_PROGRAM = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    "create failed: unable to start container process: error during container init: exec: "
    '"loader": executable file not found in $PATH: unknown'
)
