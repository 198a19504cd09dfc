"""What Pods that have not ended wait for: rows 1, 6 to 10, 20, 23 and 25 of the table of outcomes."""

from __future__ import annotations

import pytest

from kubedag.core import outcomes, reasons
from support.pod_json import (
    COLLECTED,
    DELETED,
    EVICTED,
    INITIALIZED,
    NATIVE_SIDECAR,
    NO_IMAGE,
    NO_NODE,
    NO_ROOM,
    PREEMPTED,
    PRESSED,
    QUEUED_OUT,
    SCHEDULED,
    TAINTED,
    UNHEARD_OF,
    a_pod,
    condition,
    crashes,
    ended,
    ends,
    judged,
    pending,
    runs,
    status,
    waits,
    works,
)

UNSCHEDULED = [
    pytest.param(
        a_pod(status("Pending", conditions=()), nodeName=""),
        pending("Scheduling", "waits for a node"),
        id="1 created, and nobody has looked at it",
    ),
    pytest.param(
        a_pod(status("Pending", conditions=[
            condition("PodScheduled", "False", "Unschedulable", NO_ROOM)])),
        pending("Unschedulable", "cluster has no room: 0/3 nodes are available: 1 node(s) had "
                "untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient memory"),
        id="6 no node has room",
    ),
    pytest.param(
        a_pod(status("Pending", conditions=[
            condition("PodScheduled", "False", "Unschedulable", NO_NODE)])),
        pending("Unschedulable", "no node suits: 0/3 nodes are available: 3 node(s) didn't match "
                "Pod's node affinity/selector"),
        id="6 no node suits",
    ),
    pytest.param(
        a_pod(status("Pending", conditions=[
            condition("PodScheduled", "False", "SchedulerError", "binding rejected")])),
        pending("Unschedulable", "cannot be placed: binding rejected"),
        id="6 the scheduler itself failed",
    ),
    pytest.param(
        a_pod(
            status("Pending", conditions=[
                condition("PodScheduled", "False", "SchedulingGated",
                          "Scheduling is blocked due to non-empty scheduling gates")]),
            schedulingGates=[{"name": "kueue.x-k8s.io/admission"}],
        ),
        pending("SchedulingGated",
                "waits for its scheduling gate kueue.x-k8s.io/admission to be removed"),
        id="7 held back by a gate",
    ),
    pytest.param(
        a_pod(
            status("Pending", conditions=[condition("PodScheduled", "False", "SchedulingGated")]),
            metadata={"labels": {"kueue.x-k8s.io/queue-name": "team-a"}},
            schedulingGates=[{"name": "kueue.x-k8s.io/admission"}],
        ),
        pending("SchedulingGated", "waits for Kueue's queue team-a to remove its scheduling gate "
                "kueue.x-k8s.io/admission"),
        id="7 held back by a queue",
    ),
    pytest.param(
        a_pod(
            status("Pending", conditions=[condition("PodScheduled", "False", "SchedulingGated")]),
            metadata={"labels": {"kueue.x-k8s.io/queue-name": "team-a"}},
            schedulingGates=[{"name": "example.com/hold"}],
        ),
        pending("SchedulingGated", "waits for its scheduling gate example.com/hold to be removed"),
        id="7 held back by what is no queue",
    ),
]  # fmt: skip

STARTING = [
    pytest.param(
        a_pod(status("Pending", containers=[waits("ContainerCreating")], conditions=[
            SCHEDULED, condition("PodReadyToStartContainers", "False")])),
        pending("Starting", "waits for the node to set up its volumes and network"),
        id="1 waits for its volumes and its network",
    ),
    pytest.param(
        a_pod(status("Pending", containers=[waits("ContainerCreating")])), pending("Starting"),
        id="1 pulls its image, or creates its container",
    ),
    *[
        pytest.param(
            a_pod(status("Pending", containers=[waits(reason, NO_IMAGE)],
                         conditions=[SCHEDULED, INITIALIZED])),
            pending("ImagePullBackOff", "image cannot be pulled: no.example/x:1: not found "
                    "(attempt 2, since 2026-01-01 10:42:05 UTC)"),
            id=f"8 {reason}",
        )
        for reason in ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable",
                       "ImageInspectError", "SignatureValidationFailed")
    ],
    pytest.param(
        a_pod(status("Pending", init=[waits("ImagePullBackOff", NO_IMAGE, "fetch")],
                     containers=[waits("PodInitializing")])),
        pending("ImagePullBackOff", "container fetch: image cannot be pulled: no.example/x:1: not "
                "found (attempt 2, since 2026-01-01 10:40:00 UTC)"),
        id="8 the image of an init container",
    ),
    pytest.param(
        a_pod(status("Pending", containers=[works(), waits("ErrImagePull", "denied", "proxy")])),
        pending("ImagePullBackOff", "container proxy: image cannot be pulled: denied (attempt 2, "
                "since 2026-01-01 10:40:00 UTC)"),
        id="8 the image of a sidecar, while the task runs already",
    ),
    pytest.param(
        a_pod(status("Pending", containers=[
            waits("InvalidImageName", 'Failed to apply default image tag "UPPER:": couldn\'t parse '
                  'image name "UPPER:": invalid reference format')])),
        ends("InvalidImageName", '"UPPER:" is not the name of an image: invalid reference format',
             "Config"),
        id="9 a bad image name",
    ),
    pytest.param(
        a_pod(status("Pending", containers=[
            waits("ErrImagePull", "denied", "proxy"),
            waits("ErrImageNeverPull", 'Container image "x" is not present with pull policy of Never'
                  )])),
        ends("ErrImageNeverPull", 'image "x" is not on the node, and imagePullPolicy is Never',
             "Config"),
        id="9 an image that must not be pulled, beside one that cannot be",
    ),
    pytest.param(
        a_pod(status("Pending", containers=[
            waits("CreateContainerConfigError", 'secret "db" not found')])),
        pending("CreateContainerConfigError", 'Secret "db" not found (attempt 2, '
                "since 2026-01-01 10:40:00 UTC)"),
        id="9 a missing Secret",
    ),
    pytest.param(
        a_pod(status("Pending", containers=[
            waits("CreateContainerConfigError", "couldn't find key url in ConfigMap ns/db")])),
        pending("CreateContainerConfigError", 'ConfigMap "db" has no key "url" (attempt 2, '
                "since 2026-01-01 10:40:00 UTC)"),
        id="9 a missing key of a ConfigMap",
    ),
    *[
        pytest.param(
            a_pod(status("Pending", containers=[waits(reason, "context deadline exceeded")])),
            pending("ContainerNotCreated",
                    f"container cannot be created: {reason}: context deadline exceeded "
                    "(attempt 2, since 2026-01-01 10:40:00 UTC)"),
            id=f"9 {reason}",
        )
        for reason in ("CreateContainerError", "RunContainerError", "CreatePodSandboxError",
                       "PreStartHookError", "SomethingNew")
    ],
    pytest.param(
        a_pod(status("Pending", init=[works("fetch")], containers=[waits("PodInitializing")])),
        pending("Initializing", "init container fetch runs"),
        id="10 an init container at work",
    ),
    pytest.param(
        a_pod(status("Pending", init=[works("proxy")], containers=[waits("ContainerCreating")]),
              initContainers=[NATIVE_SIDECAR]),
        pending("Starting"),
        id="25 a native sidecar at work holds up nothing",
    ),
    pytest.param(
        a_pod(status("Pending", init=[works("proxy") | {"started": True}],
                     containers=[waits("ContainerCreating")]),
              initContainers=[NATIVE_SIDECAR]),
        pending("Starting"),
        id="25 nor one that is started",
    ),
    pytest.param(
        a_pod(status("Pending", init=[works("proxy") | {"started": False}],
                     containers=[waits("PodInitializing")]),
              initContainers=[NATIVE_SIDECAR]),
        pending("Starting", "waits for container proxy to be started"),
        id="25 a native sidecar whose startup probe has not passed",
    ),
    pytest.param(
        a_pod(status("Pending", init=[works("fetch") | {"started": False}],
                     containers=[waits("PodInitializing")])),
        pending("Initializing", "init container fetch runs"),
        id="10 an init container has no startup probe",
    ),
    *[
        pytest.param(
            a_pod(status("Pending", init=[crashes("proxy", code, restarts)],
                         containers=[waits("PodInitializing")]),
                  initContainers=[NATIVE_SIDECAR]),
            pending("ContainerCrashing", f"container proxy keeps crashing: {said}"),
            id=f"25 a native sidecar that crashes, {said}",
        )
        for code, restarts, said in (
            (1, 3, "exit code 1, 3 restarts"),
            (137, 1, "exit code 137 (killed by SIGKILL), 1 restart"),
            (0, 2, "exit code 0, 2 restarts"),
            (None, 2, "2 restarts"),
        )
    ],
]  # fmt: skip

RUNNING = [
    pytest.param(a_pod(status("Running", containers=[works()])), runs(), id="runs"),
    pytest.param(
        a_pod(status("Running", containers=[ended(0), works("proxy")])),
        runs("SidecarRunning",
             "its program ended with exit code 0; waits for container proxy to end"),
        id="25 only a sidecar goes on",
    ),
    pytest.param(
        a_pod(status("Running", containers=[ended(3)], init=[works("proxy")]),
              initContainers=[NATIVE_SIDECAR]),
        runs("SidecarRunning",
             "its program ended with exit code 3; waits for container proxy to end"),
        id="25 a native sidecar is being ended",
    ),
    pytest.param(
        a_pod(status("Running", containers=[ended(0)])), runs(),
        id="between the end of the last container and that of the Pod",
    ),
    pytest.param(
        a_pod(status("Unknown", containers=[works()])),
        runs("NodeUnreachable", "node node-1 does not answer"),
        id="23 phase Unknown",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[
            SCHEDULED, condition("Ready", "False"), condition("ContainersReady", "True")])),
        runs("NodeUnreachable", "node node-1 does not answer"),
        id="23 the control plane has marked it as not ready",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[
            SCHEDULED, condition("Ready", "False", "ReadinessGatesNotReady"),
            condition("ContainersReady", "True")])),
        runs(),
        id="23 not ready for a reason of the Pod's own",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()]), metadata=DELETED),
        ends("PodDeleted", "somebody deleted the Pod; waits for the Pod on node node-1 to end"),
        id="20 deleted by somebody, not ended yet",
    ),
    *[
        pytest.param(
            a_pod(status("Running", containers=[works()], conditions=[SCHEDULED, found]),
                  metadata=DELETED),
            ends(found["reason"],
                 f"{why} ({found['message'].rstrip('. ')}); waits for the Pod on node node-1 to end"),
            id=f"20 {found['reason']}, not ended yet",
        )
        for found, why in (
            (PREEMPTED, "a Pod of higher priority took its place"),
            (EVICTED, "evicted through the API, as by draining a node"),
            (TAINTED, "its node got a taint that it does not tolerate"),
            (COLLECTED, "its node is gone"),
            (PRESSED, "its node ended it"),
        )
    ],
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[UNHEARD_OF]), metadata=DELETED),
        ends("Disrupted", "the cluster ended it: BySomethingNew: x; waits for the Pod on node node-1 "
             "to end"),
        id="20 a disruption that nobody knows, not ended yet",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[QUEUED_OUT]), metadata=DELETED),
        ends("StoppedByKueue", "Kueue stopped it: Preempted to accommodate a workload; waits for the "
             "Pod on node node-1 to end"),
        id="20 stopped by Kueue, not ended yet",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[PREEMPTED])), runs(),
        id="20 about to be preempted, and not deleted yet",
    ),
]  # fmt: skip


ALL = [*UNSCHEDULED, *STARTING, *RUNNING]


@pytest.mark.parametrize(("pod", "expected"), ALL)
def test_what_a_pod_that_is_alive_waits_for(pod, expected):
    assert judged(pod) == expected


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["one"], "container one"),
        (["one", "two"], "containers one, two"),
        (list("abcdef"), "containers a, b, c, d, e, f"),
    ],
)
def test_the_containers_that_are_waited_for_are_named(names, said):
    pod = a_pod(status("Running", containers=[ended(0), *map(works, names)]))
    assert outcomes.classify(pod).message == (
        f"its program ended with exit code 0; waits for {said} to end"
    )


def test_an_image_is_waited_with_from_the_moment_it_could_have_been_pulled():
    image = waits("ImagePullBackOff", NO_IMAGE)
    both = a_pod(status("Pending", containers=[image], conditions=[SCHEDULED, INITIALIZED]))
    init = a_pod(status("Pending", init=[image], conditions=[SCHEDULED, INITIALIZED]))
    assert outcomes.classify(both).since == "2026-01-01T10:42:05Z"
    assert outcomes.classify(init).since == "2026-01-01T10:40:00Z"


def test_every_reason_of_a_pod_that_is_alive_is_in_the_table():
    reached = {pod.values[1][1] for pod in ALL} - {""}
    alive = {reason.name for reason in reasons.OF_ATTEMPTS if reasons.ALIVE in reason.said_of}
    asked_after_a_while = outcomes.ASKS.keys() - reached
    told_by_events_alone = {reasons.SANDBOX_NOT_CREATED.name}
    assert alive - asked_after_a_while - told_by_events_alone == reached
