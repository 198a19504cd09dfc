"""Pods that the cluster ended or lost, each with what it says of itself and what is made of that."""

from __future__ import annotations

import pytest

from support.pod_json import (
    COLLECTED,
    DELETED,
    EVICTED,
    LOW,
    PREEMPTED,
    PRESSED,
    QUEUED_OUT,
    SHUT_DOWN,
    TAINTED,
    UNHEARD_OF,
    a_pod,
    ended,
    infra,
    status,
    user,
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
