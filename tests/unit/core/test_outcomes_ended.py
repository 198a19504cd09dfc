"""How Pods end: rows 10 to 25 of the table of outcomes, each with what a real Pod says of itself."""

from __future__ import annotations

import pytest

from kubedag.core import attempts, outcomes, reasons, refusals, rows
from support.pod_json import (
    COLLECTED,
    DELETED,
    DELETED_AFTERWARDS,
    EVICTED,
    LOW,
    NATIVE_SIDECAR,
    NO_NAMESPACE,
    NO_PROGRAM,
    PREEMPTED,
    PRESSED,
    QUEUED_OUT,
    SHUT_DOWN,
    TAINTED,
    UNHEARD_OF,
    a_pod,
    config,
    container,
    ended,
    infra,
    judged,
    status,
    user,
    waits,
    works,
)

DISRUPTIONS = [
    pytest.param(
        a_pod(status("Failed", containers=[ended(143)], conditions=[PREEMPTED]), metadata=DELETED),
        infra("PreemptionByScheduler", "a Pod of higher priority took its place "
              "(default-scheduler: preempting to accommodate a higher priority pod)"),
        id="11 preemption",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137)], conditions=[TAINTED]), metadata=DELETED),
        infra("DeletionByTaintManager", "its node got a taint that it does not tolerate "
              "(Taint manager: deleting due to NoExecute taint)"),
        id="11 taint",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(143)], conditions=[EVICTED]), metadata=DELETED),
        infra("EvictionByEvictionAPI",
              "evicted through the API, as by draining a node (Eviction API: evicting)"),
        id="11 eviction by the API",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[works()], conditions=[COLLECTED]), metadata=DELETED),
        infra("DeletionByPodGC", "its node is gone (PodGC: node no longer exists)"),
        id="11 its node was removed",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "ContainerStatusUnknown")], reason="Evicted",
                     message=LOW, conditions=[PRESSED])),
        infra("TerminationByKubelet", f"its node ended it ({LOW.rstrip('. ')})"),
        id="11 eviction by a node that is short of memory",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(143)], reason="Terminated",
                     message="Pod was terminated in response to imminent node shutdown.",
                     conditions=[SHUT_DOWN])),
        infra("TerminationByKubelet", "its node ended it (Pod was terminated in response to "
              "imminent node shutdown)"),
        id="11 node shutdown",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)], conditions=[UNHEARD_OF])),
        infra("Disrupted", "the cluster ended it: BySomethingNew: x"),
        id="11 a disruption that nobody knows",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)], conditions=[QUEUED_OUT]), metadata=DELETED),
        infra("StoppedByKueue", "Kueue stopped it: Preempted to accommodate a workload"),
        id="12 preempted by Kueue",
    ),
    pytest.param(
        a_pod(status("Succeeded", containers=[ended(0)], conditions=[QUEUED_OUT]),
              metadata=DELETED),
        infra("StoppedByKueue", "Kueue stopped it: Preempted to accommodate a workload"),
        id="12 preempted by Kueue, and exit code 0",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[QUEUED_OUT]), gone=True),
        infra("StoppedByKueue", "Kueue stopped it: Preempted to accommodate a workload"),
        id="12 gone by Kueue's doing",
    ),
    pytest.param(
        a_pod(
            status("Succeeded", containers=[ended(0)], conditions=[{
                **QUEUED_OUT, "reason": "WorkloadEvictedDueToPreempted",
                "message": "Preempted to accommodate a workload (UID: 27, JobUID: 44) due to "
                           "prioritization in the ClusterQueue; preemptor path: /shared"}]),
            metadata=DELETED,
        ),
        infra("StoppedByKueue", "Kueue stopped it: Preempted to accommodate a workload (UID: 27, "
              "JobUID: 44) due to prioritization in the ClusterQueue; preemptor path: /shared"),
        id="12 preempted, as Kueue 0.19 says it",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(0)], conditions=[EVICTED])),
        infra("EvictionByEvictionAPI",
              "evicted through the API, as by draining a node (Eviction API: evicting)"),
        id="17 a disruption, and exit code 0",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()], conditions=[TAINTED]), gone=True),
        infra("DeletionByTaintManager", "its node got a taint that it does not tolerate "
              "(Taint manager: deleting due to NoExecute taint)"),
        id="22 gone by a disruption",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "OOMKilled")], conditions=[PREEMPTED])),
        infra("PreemptionByScheduler", "a Pod of higher priority took its place "
              "(default-scheduler: preempting to accommodate a higher priority pod)"),
        id="11 a disruption before a lack of memory",
    ),
]  # fmt: skip

NODES = [
    pytest.param(
        a_pod(status("Failed", reason="Evicted", message=LOW)),
        infra("TerminationByKubelet", f"its node ended it ({LOW.rstrip('. ')})"),
        id="12 evicted for the node's sake, by a kubelet that sets no condition",
    ),
    pytest.param(
        a_pod(status("Failed", reason="Evicted",
                     message="Pod was rejected: The node had condition: [DiskPressure]. ")),
        infra("NodeRefused", "the node refused it: The node had condition: [DiskPressure]"),
        id="13 refused by a node that is short of disk, which is called Evicted, too",
    ),
    *[
        pytest.param(
            a_pod(status("Failed", reason=reason, message=f"Pod was rejected: {message}")),
            infra("NodeRefused", f"the node refused it: {message}"),
            id=f"13 {reason}",
        )
        for reason, message in (
            ("OutOfcpu", "Node didn't have enough resource: cpu, requested: 500, used: 9, capacity: 9"),
            ("OutOfmemory", "Node didn't have enough resource: memory"),
            ("OutOfpods", "Node didn't have enough resource: pods"),
            ("NodeAffinity", "Predicate NodeAffinity failed"),
            ("UnexpectedAdmissionError", "Allocate failed due to no healthy devices present"),
            ("TopologyAffinityError", "Resources cannot be allocated with Topology locality"),
            ("SomethingNew", "the kubelet knows why"),
        )
    ],
    pytest.param(
        a_pod(status("Failed", reason="NodeAffinity", message="Predicate NodeAffinity failed")),
        infra("NodeRefused", "the node refused it: Predicate NodeAffinity failed"),
        id="13 NodeAffinity, by an older kubelet",
    ),
    *[
        pytest.param(
            a_pod(status("Failed", containers=[ended(143)], reason=reason,
                         message="Pod was terminated in response to imminent node shutdown.")),
            infra("NodeShutdown", "Pod was terminated in response to imminent node shutdown."),
            id=f"13 node shutdown, called {reason}",
        )
        for reason in ("Terminated", "NodeShutdown")
    ],
    pytest.param(
        a_pod(status("Failed", containers=[ended(143)], reason="Preempting",
                     message="Preempted in order to admit critical pod")),
        infra("TerminationByKubelet",
              "its node ended it (Preempted in order to admit critical pod)"),
        id="13 preempted by the kubelet",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[works()], reason="NodeLost",
                     message="Node node-1 which was running pod x is unresponsive")),
        infra("NodeLost", "Node node-1 which was running pod x is unresponsive"),
        id="23 node lost",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[
            ended(137, "ContainerStatusUnknown", "The container could not be located")])),
        infra("NodeLost", "the node lost the container, as by a restart"),
        id="23 the kubelet does not find the container",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(255, "Unknown")])),
        infra("NodeLost", "the node lost the container, as by a restart"),
        id="23 the runtime does not know how the container ended",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(255)])), user("ExitCode", "exit code 255"),
        id="16 255 can be the program's own word",
    ),
]  # fmt: skip

OWN_FAULTS = [
    *[
        pytest.param(
            a_pod(status("Failed", containers=[ended(137)], reason="Evicted", message=message)),
            user("EvictedByLimit", f"evicted: {message.rstrip('. ')}"),
            id=f"12 over its limit of {what}",
        )
        for what, message in (
            ("an emptyDir", 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". '),
            ("a container", 'Container main exceeded its local ephemeral storage limit "1Gi". '),
            ("the Pod", "Pod ephemeral local storage usage exceeds the total limit of 1Gi. "),
        )
    ],
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "OOMKilled")])),
        user("OOMKilled", "killed: used more than its 512Mi of memory"),
        id="14 over its limit of memory",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "OOMKilled")]),
              containers=[container("main")]),
        user("OOMKilled", "killed: the node ran out of memory, and the container has no memory limit"),
        id="14 without a limit",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "OOMKilled")]),
              containers=[container("main")], resources={"limits": {"memory": "1Gi"}}),
        user("OOMKilled", "killed: the Pod used more than its 1Gi of memory"),
        id="14 over the limit of the Pod",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "OOMKilled")]), metadata=DELETED),
        user("OOMKilled", "killed: used more than its 512Mi of memory"),
        id="14 and deleted by somebody",
    ),
    pytest.param(
        a_pod(status("Running", containers=[ended(137, "OOMKilled")]), gone=True),
        user("OOMKilled", "killed: used more than its 512Mi of memory"),
        id="14 and gone before its Pod had failed",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)])), user("ExitCode", "exit code 1"),
        id="16 an exit code",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137)])),
        user("ExitCode", "exit code 137 (killed by SIGKILL)"),
        id="16 137 alone",
    ),
    pytest.param(
        a_pod(status("Running", containers=[ended(2)]), gone=True),
        user("ExitCode", "exit code 2"),
        id="16 an exit code, and gone before its Pod had failed",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(128, "StartError", NO_PROGRAM)])),
        config("StartError",
               'the program cannot be started: "loader": executable file not found in $PATH'),
        id="16 a program that there is not",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(128, "StartError", NO_NAMESPACE)])),
        infra("ContainerNotStarted",
              f"the container could not be started: {NO_NAMESPACE.removesuffix(': unknown')}"),
        id="16 a runtime that fails for a cause of its own",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(128, "StartError", NO_NAMESPACE, "fetch")])),
        infra("ContainerNotStarted", "init container fetch: the container could not be started: "
              f"{NO_NAMESPACE.removesuffix(': unknown')}"),
        id="10 an init container that the runtime could not start",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(143)], reason="DeadlineExceeded",
                     message="Pod was active on the node longer than the specified deadline")),
        user("DeadlineExceeded", "ran longer than its podTemplate's activeDeadlineSeconds"),
        id="19 deadline",
    ),
    pytest.param(
        a_pod(status("Failed", reason="DeadlineExceeded")),
        user("DeadlineExceeded", "ran longer than its podTemplate's activeDeadlineSeconds"),
        id="19 deadline, before it had started",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(1, name="fetch")], containers=[waits("PodInitializing")])),
        user("InitContainerFailed", "init container fetch: exit code 1"),
        id="10 an init container failed",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(137, "OOMKilled", name="fetch")]),
              initContainers=[container("fetch", "64Mi")]),
        user("InitContainerFailed",
             "init container fetch: killed: used more than its 64Mi of memory"),
        id="10 an init container used too much memory",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(128, "StartError", NO_PROGRAM, "fetch")])),
        config("StartError", "init container fetch: the program cannot be started: "
               '"loader": executable file not found in $PATH'),
        id="10 an init container whose program there is not",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(143, name="proxy"), ended(4, name="fetch")]),
              initContainers=[NATIVE_SIDECAR, container("fetch")]),
        user("InitContainerFailed", "init container fetch: exit code 4"),
        id="10 a native sidecar that was ended is not the one",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(0), ended(2, name="proxy")])),
        user("SidecarFailed", "container proxy: exit code 2"),
        id="17 a sidecar failed",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(0), ended(137, "OOMKilled", name="proxy")]),
              containers=[container("main"), container("proxy", "32Mi")]),
        user("SidecarFailed", "container proxy: killed: used more than its 32Mi of memory"),
        id="17 a sidecar used too much memory",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(0), ended(128, "StartError", "", "proxy")])),
        infra("ContainerNotStarted", "container proxy: the container could not be started"),
        id="17 a sidecar of which nothing tells why it was not started",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(0), ended(128, "StartError", NO_PROGRAM, "proxy")])),
        config("StartError", "container proxy: the program cannot be started: "
               '"loader": executable file not found in $PATH'),
        id="17 a sidecar whose program there is not",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(0)])),
        user("PodFailed", "the Pod failed although its program ended with exit code 0"),
        id="17 exit code 0 and nothing to explain the failure",
    ),
    pytest.param(
        a_pod(status("Failed", reason="SomethingNew", message="it broke")),
        user("PodFailed", "SomethingNew: it broke"),
        id="a failure that nobody knows",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[{**ended(3), "restartCount": 4}])),
        user("ExitCode", "exit code 3"), id="24 restarts, which nobody can ask for, change nothing",
    ),
]  # fmt: skip

ALL = [*DISRUPTIONS, *NODES, *OWN_FAULTS]


@pytest.mark.parametrize(("pod", "expected"), ALL)
def test_how_a_pod_ended(pod, expected):
    assert judged(pod) == expected


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_pod(status("Succeeded", containers=[ended(0)])), id="18 all is well"),
        pytest.param(
            a_pod(status("Succeeded", containers=[ended(0)], conditions=[PREEMPTED]), gone=True),
            id="18 about to be preempted, and gone",
        ),
        pytest.param(
            a_pod(status("Succeeded", containers=[ended(0)], init=[ended(143, name="proxy")]),
                  initContainers=[NATIVE_SIDECAR]),
            id="25 its native sidecar was ended with it",
        ),
        pytest.param(
            a_pod(status("Succeeded", containers=[ended(0)]), metadata=DELETED_AFTERWARDS),
            id="18 deleted after it had ended",
        ),
        pytest.param(
            a_pod(status("Succeeded", containers=[ended(0)], reason="NodeLost")),
            id="18 on a node that was lost afterwards",
        ),
    ],
)  # fmt: skip
def test_a_pod_that_succeeded(pod):
    assert judged(pod) == ("Succeeded", "", "", "")


def test_a_failure_names_the_container_whose_log_explains_it():
    init = a_pod(status("Failed", init=[ended(4, name="fetch")]))
    sidecar = a_pod(status("Failed", containers=[ended(0), ended(2, name="proxy")]))
    assert outcomes.classify(init).container == "fetch"
    assert (outcomes.classify(sidecar).container, outcomes.classify(sidecar).exit_code) == (
        "proxy",
        2,
    )


def test_the_row_of_an_attempt_has_the_words_of_its_outcome():
    row = attempts.observe(a_pod(status("Failed", containers=[ended(137, "OOMKilled")])))
    assert (row.reason, row.message, row.failure_class, row.exit_code) == (
        "OOMKilled", "killed: used more than its 512Mi of memory", "User", 137,
    )  # fmt: skip


def test_a_container_that_the_kubelet_does_not_find_has_no_exit_code():
    """Its 137 is made up, also for one that never started."""
    lost = a_pod(status("Failed", containers=[ended(137, "ContainerStatusUnknown")]))
    asked = attempts.observe(lost, rows.Attempt(1, "Terminating", "PendingTimedOut"))
    assert (attempts.observe(lost).exit_code, asked.exit_code) == (None, None)


def test_every_end_that_a_pod_can_have_by_itself_is_in_the_table():
    ends = {reason.name for reason in reasons.OF_ATTEMPTS if reasons.ENDED in reason.said_of}
    without_a_pod = {row.reason.name for row in refusals.ROWS} | {"NameConflict"}
    by_us = {*outcomes.ASKS, "ServiceAccountNotFound"}
    deleted = {"PodDeleted"}  # in the file beside this one
    assert ends - without_a_pod - by_us - deleted == {pod.values[1][1] for pod in ALL}
