"""How Pods end: rows 10 to 25 of the table of outcomes, each with what a real Pod says of itself."""

from __future__ import annotations

import pytest

from kubedag.core import attempts, outcomes, reasons, refusals, rows
from support.pod_disruptions import DISRUPTIONS, NODES
from support.pod_json import (
    DELETED,
    DELETED_AFTERWARDS,
    NATIVE_SIDECAR,
    NO_NAMESPACE,
    NO_PROGRAM,
    PREEMPTED,
    a_pod,
    config,
    container,
    ended,
    infra,
    judged,
    status,
    user,
    waits,
)

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
        user("DeadlineExceeded", "ran longer than the activeDeadlineSeconds of its Pod"),
        id="19 deadline",
    ),
    pytest.param(
        a_pod(status("Failed", reason="DeadlineExceeded")),
        user("DeadlineExceeded", "ran longer than the activeDeadlineSeconds of its Pod"),
        id="19 deadline, before it had started",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(1, name="fetch")], containers=[waits("PodInitializing")])),
        user("InitContainerFailed", "init container fetch: exit code 1"),
        id="10 an init container failed",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(0, name="prepare"), ended(1, name="fetch")])),
        user("InitContainerFailed", "init container fetch: exit code 1"),
        id="10 the second of two init containers failed",
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
