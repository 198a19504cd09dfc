"""What a Pod says about its attempt; features.md calls it the decision table of Pod outcomes."""

from __future__ import annotations

import pytest

from kubedag.core import outcomes
from support.builders import a_condition, a_container, a_pod, ended, running, waiting

LONG = "x" * 2000


def judged(pod, ask=""):
    found = outcomes.classify(pod, ask)
    return (found.state, found.reason, found.failure_class)


DISRUPTED = (a_condition("DisruptionTarget", reason="PreemptionByScheduler", message="by it"),)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(
            a_pod(phase="Succeeded"), ("Succeeded", "", ""),
            id="phase Succeeded is a success",
        ),
        pytest.param(
            a_pod(phase="Succeeded", conditions=DISRUPTED, gone=True), ("Succeeded", "", ""),
            id="even of a Pod that was about to be preempted and is gone",
        ),
        pytest.param(
            a_pod(phase="Failed", exit_code=1), ("Failed", "ExitCode", "User"),
            id="an exit code is the user's failure",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(128, "StartError")), ("Failed", "StartError", "Config"),
            id="a program that there is not can never be started",
        ),
        pytest.param(
            a_pod(phase="Failed", exit_code=137), ("Failed", "ExitCode", "User"),
            id="137 alone is neither a lack of memory nor a disruption",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(137, "OOMKilled")), ("Failed", "OOMKilled", "User"),
            id="a lack of memory is what the kubelet calls so",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(137, "OOMKilled"), conditions=DISRUPTED),
            ("Failed", "PreemptionByScheduler", "Infra"),
            id="a disruption explains whatever else is said",
        ),
        pytest.param(
            a_pod(phase="Failed", exit_code=0, conditions=DISRUPTED),
            ("Failed", "PreemptionByScheduler", "Infra"),
            id="exit code 0 in a failed Pod is no success",
        ),
        pytest.param(
            a_pod(phase="Failed", exit_code=1,
                  conditions=(a_condition("DisruptionTarget", "False", "Over"),)),
            ("Failed", "ExitCode", "User"),
            id="a disruption that is not true is none",
        ),
        pytest.param(
            a_pod(phase="Failed", exit_code=1, conditions=(a_condition("DisruptionTarget"),)),
            ("Failed", "Disrupted", "Infra"),
            id="a disruption need not say why",
        ),
        pytest.param(
            a_pod(phase="Failed", reason="Evicted", exit_code=137),
            ("Failed", "EvictedByLimit", "User"),
            id="evicted without a disruption: over a limit of its own",
        ),
        pytest.param(
            a_pod(phase="Failed", reason="Evicted", conditions=DISRUPTED),
            ("Failed", "PreemptionByScheduler", "Infra"),
            id="evicted by the node's own trouble",
        ),
        pytest.param(
            a_pod(phase="Failed", reason="DeadlineExceeded", exit_code=143),
            ("Failed", "DeadlineExceeded", "User"),
            id="an activeDeadlineSeconds of the podTemplate",
        ),
        pytest.param(
            a_pod(phase="Failed", sidecars=(a_container("proxy", ended(2)),), exit_code=0),
            ("Failed", "SidecarFailed", "User"),
            id="a sidecar failed and the task did not",
        ),
        pytest.param(
            a_pod(phase="Failed", sidecars=(a_container("proxy", ended(2)),), exit_code=3),
            ("Failed", "ExitCode", "User"),
            id="both failed: the task's own word counts",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("fetch", ended(4)),)),
            ("Failed", "InitContainerFailed", "User"),
            id="an init container failed before the task could start",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("proxy", ended(143)),), exit_code=1),
            ("Failed", "ExitCode", "User"),
            id="a sidecar that is killed at the end is not to blame",
        ),
        pytest.param(
            a_pod(phase="Failed"), ("Failed", "PodFailed", "User"),
            id="a Pod that failed and says nothing",
        ),
        pytest.param(
            a_pod(phase="Failed", reason="Odd"), ("Failed", "Odd", "User"),
            id="or something that nobody knows",
        ),
        *[
            pytest.param(
                a_pod(phase="Failed", reason=reason, exit_code=137), ("Failed", reason, "Infra"),
                id=f"the kubelet's {reason}",
            )
            for reason in (
                "NodeShutdown", "Terminated", "NodeAffinity", "UnexpectedAdmissionError",
                "OutOfcpu", "OutOfmemory", "NodeLost",
            )
        ],
    ],
)  # fmt: skip
def test_how_a_pod_that_has_ended_did_so(pod, expected):
    assert judged(pod) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(
            a_pod(phase="Running", gone=True), ("Failed", "PodDeleted", "Infra"),
            id="gone while it ran",
        ),
        pytest.param(
            a_pod(phase="Pending", gone=True), ("Failed", "PodDeleted", "Infra"),
            id="gone before it ran",
        ),
        pytest.param(
            a_pod(phase="Running", gone=True, conditions=DISRUPTED),
            ("Failed", "PreemptionByScheduler", "Infra"),
            id="gone by a disruption",
        ),
        pytest.param(
            a_pod(phase="Failed", gone=True, exit_code=2), ("Failed", "ExitCode", "User"),
            id="gone after it had failed",
        ),
        *[
            pytest.param(
                a_pod(phase="Failed", deleted=5, exit_code=code),
                ("Failed", "PodDeleted", "Infra"),
                id=f"deleted while it ran, and ended with {code}",
            )
            for code in (0, 137, 143)
        ],
        pytest.param(
            a_pod(phase="Failed", deleted=5, exit_code=1), ("Failed", "ExitCode", "User"),
            id="deleted while it ran, and ended by its own will",
        ),
    ],
)  # fmt: skip
def test_a_pod_that_somebody_deleted_is_not_the_users_failure(pod, expected):
    assert judged(pod) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(a_pod(), ("Pending", "", ""), id="no word yet"),
        pytest.param(a_pod(phase=""), ("Pending", "", ""), id="no status at all"),
        pytest.param(a_pod(phase="Running"), ("Running", "", ""), id="runs"),
        pytest.param(
            a_pod(phase="Running", deleted=5), ("Terminating", "PodDeleted", ""),
            id="is being deleted, not by us",
        ),
        pytest.param(
            a_pod(main=waiting("ContainerCreating")), ("Pending", "", ""),
            id="creates its containers, which is nothing to tell",
        ),
        pytest.param(
            a_pod(main=waiting("ImagePullBackOff", "back-off")),
            ("Pending", "ImagePullBackOff", ""),
            id="cannot pull an image, which may come right",
        ),
        pytest.param(
            a_pod(main=waiting("CreateContainerConfigError", "no secret")),
            ("Pending", "CreateContainerConfigError", ""),
            id="waits for a Secret",
        ),
        pytest.param(
            a_pod(main=waiting("InvalidImageName")), ("Terminating", "InvalidImageName", "Config"),
            id="waits for an image whose name is none",
        ),
        pytest.param(
            a_pod(main=waiting("PodInitializing"), init=(
                a_container("i", waiting("ErrImageNeverPull")),)),
            ("Terminating", "ErrImageNeverPull", "Config"),
            id="waits in its init container for what will not come",
        ),
        pytest.param(
            a_pod(conditions=(a_condition("PodScheduled", "False", "Unschedulable", "0/3"),)),
            ("Pending", "Unschedulable", ""),
            id="fits on no node",
        ),
        pytest.param(
            a_pod(conditions=(a_condition("PodScheduled"),)), ("Pending", "", ""),
            id="has its node",
        ),
        pytest.param(
            a_pod(phase="Unknown", main=running()), ("Pending", "", ""),
            id="a phase that the kubelet has given up is no end",
        ),
    ],
)  # fmt: skip
def test_how_a_pod_that_is_alive_stands(pod, expected):
    assert judged(pod) == expected


@pytest.mark.parametrize(
    ("ask", "failure_class"),
    [
        ("TaskTimedOut", "User"),
        ("PendingTimedOut", "User"),
        ("RunTimedOut", "User"),
        ("RunReplaced", "User"),
        ("InvalidImageName", "Config"),
        ("ErrImageNeverPull", "Config"),
    ],
)
@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Failed", exit_code=137),
        a_pod(phase="Running", gone=True),
        a_pod(phase="Failed", deleted=5, conditions=DISRUPTED),
    ],
    ids=["failed", "gone", "disrupted"],
)
def test_what_we_asked_to_end_ended_because_we_asked(ask, failure_class, pod):
    assert judged(pod, ask) == ("Failed", ask, failure_class)


def test_what_we_asked_to_end_is_terminating_until_it_has():
    assert judged(a_pod(phase="Running"), "TaskTimedOut") == ("Terminating", "TaskTimedOut", "")


def test_a_task_that_succeeded_while_we_asked_it_to_end_has_succeeded():
    assert judged(a_pod(phase="Succeeded"), "TaskTimedOut") == ("Succeeded", "", "")


def test_being_deleted_by_somebody_is_no_word_of_ours():
    assert judged(a_pod(phase="Failed", exit_code=1), "PodDeleted") == (
        "Failed",
        "ExitCode",
        "User",
    )


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        pytest.param(a_pod(phase="Succeeded"), 0, id="success"),
        pytest.param(a_pod(phase="Failed", exit_code=7), 7, id="of the task's container"),
        pytest.param(
            a_pod(phase="Failed", exit_code=0, sidecars=(a_container("proxy", ended(2)),)), 2,
            id="of the sidecar that failed",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("fetch", ended(4)),)), 4,
            id="of the init container that failed",
        ),
        pytest.param(a_pod(phase="Running", gone=True), None, id="none is known"),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_container_to_blame(pod, code):
    assert outcomes.classify(pod).exit_code == code


@pytest.mark.parametrize(
    ("pod", "container"),
    [
        pytest.param(a_pod(phase="Failed", exit_code=7), "main", id="the task's"),
        pytest.param(
            a_pod(phase="Failed", exit_code=0, sidecars=(a_container("proxy", ended(2)),)),
            "proxy",
            id="the sidecar's",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("fetch", ended(4)),)), "fetch",
            id="the init container's",
        ),
        pytest.param(a_pod(phase="Failed"), "main", id="in doubt the task's"),
    ],
)  # fmt: skip
def test_the_log_that_explains_a_failure_is_that_of_the_container_to_blame(pod, container):
    assert outcomes.failed_container(pod) == container


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Failed", reason="Evicted", message=LONG),
        a_pod(main=waiting("ImagePullBackOff", LONG)),
        a_pod(conditions=(a_condition("PodScheduled", "False", "Unschedulable", LONG),)),
        a_pod(phase="Failed", conditions=(a_condition("DisruptionTarget", message=LONG),)),
    ],
    ids=["evicted", "waiting", "unscheduled", "disrupted"],
)
def test_what_the_cluster_says_is_kept_but_bounded(pod):
    assert outcomes.classify(pod).message == "x" * 1023 + "…"
