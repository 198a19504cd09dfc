"""Where the table of outcomes leads; its rows are in the files beside this one."""

from __future__ import annotations

import pytest

from kubedag.core import outcomes
from support import pod_json
from support.builders import a_condition, a_container, a_pod, ended, running, waiting

LONG = "x" * 2000
SUCCEEDED = pod_json.status("Succeeded", containers=[pod_json.ended(0)])
DISRUPTED = (a_condition("DisruptionTarget", reason="PreemptionByScheduler", message="by it"),)


def judged(pod, ask=""):
    found = outcomes.classify(pod, ask)
    return (found.state, found.reason, found.failure_class)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(a_pod(phase=""), ("Pending", "Scheduling", ""), id="no status at all"),
        pytest.param(
            a_pod(phase="SomethingNew", conditions=(a_condition("PodScheduled"),)),
            ("Pending", "Starting", ""),
            id="a phase that nobody knows",
        ),
        pytest.param(
            a_pod(phase="Unknown", main=running()), ("Running", "NodeUnreachable", ""),
            id="a phase that the kubelet has given up is no end",
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
            a_pod(phase="Failed", sidecars=(a_container("proxy", ended(2)),), exit_code=3),
            ("Failed", "ExitCode", "User"),
            id="both failed: the task's own word counts",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("proxy", ended(143)),), exit_code=1),
            ("Failed", "ExitCode", "User"),
            id="what is killed at the end is not to blame",
        ),
    ],
)  # fmt: skip
def test_the_order_of_the_rows_is_the_policy(pod, expected):
    assert judged(pod) == expected


@pytest.mark.parametrize("ask", [*outcomes.ASKS])
@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_pod(phase="Failed", exit_code=137, deleted=5), id="killed"),
        pytest.param(a_pod(phase="Failed", exit_code=3, deleted=5), id="exits"),
        pytest.param(a_pod(phase="Failed", main=ended(137, "OOMKilled")), id="out of memory"),
        pytest.param(a_pod(phase="Failed", conditions=DISRUPTED, gone=True), id="disrupted"),
        pytest.param(a_pod(phase="Running", gone=True), id="gone"),
    ],
)
def test_21_what_we_asked_to_end_ended_because_we_asked(ask, pod):
    assert judged(pod, ask) == ("Failed", ask, outcomes.ASKS[ask].failure_class)


def test_what_we_asked_to_end_is_terminating_until_it_has():
    assert judged(a_pod(phase="Running"), "TaskTimedOut") == ("Terminating", "TaskTimedOut", "")


def test_a_task_that_succeeded_while_we_asked_it_to_end_has_succeeded():
    before = pod_json.a_pod(SUCCEEDED, metadata=pod_json.DELETED_AFTERWARDS)
    for pod in (a_pod(phase="Succeeded"), before):
        assert judged(pod, "TaskTimedOut") == ("Succeeded", "", "")


@pytest.mark.parametrize("ask", [*outcomes.ASKS])
def test_a_program_that_ends_with_0_because_it_is_told_to_has_not_done_its_work(ask):
    told = pod_json.a_pod(SUCCEEDED, metadata=pod_json.DELETED)
    assert judged(told, ask) == ("Failed", ask, outcomes.ASKS[ask].failure_class)


def test_being_deleted_by_somebody_is_no_word_of_ours():
    failed = a_pod(phase="Failed", exit_code=1)
    assert judged(failed, "PodDeleted") == ("Failed", "ExitCode", "User")


@pytest.mark.parametrize(
    ("pod", "code", "container"),
    [
        pytest.param(a_pod(phase="Succeeded"), 0, "main", id="success"),
        pytest.param(a_pod(phase="Failed", exit_code=7), 7, "main", id="the task's container"),
        pytest.param(
            a_pod(phase="Failed", exit_code=0, sidecars=(a_container("proxy", ended(2)),)),
            2, "proxy", id="the sidecar that failed",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(a_container("fetch", ended(4)),)),
            4, "fetch", id="the init container that failed",
        ),
        pytest.param(a_pod(phase="Running", gone=True), None, "main", id="none is known"),
    ],
)  # fmt: skip
def test_the_exit_code_and_the_log_are_those_of_the_container_to_blame(pod, code, container):
    assert outcomes.classify(pod).exit_code == code
    assert outcomes.failed_container(pod) == container


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Failed", reason="Evicted", message=LONG),
        a_pod(phase="Failed", reason=LONG, message=LONG),
        a_pod(phase="Failed", reason="NodeLost", message=LONG),
        a_pod(main=waiting("ImagePullBackOff", LONG)),
        a_pod(main=waiting(LONG, LONG)),
        a_pod(conditions=(a_condition("PodScheduled", "False", "Unschedulable", LONG),)),
        a_pod(phase="Failed", conditions=(a_condition("DisruptionTarget", "True", LONG, LONG),)),
    ],
    ids=["evicted", "failed", "lost", "image", "container", "unscheduled", "disrupted"],
)
def test_what_the_cluster_says_is_kept_but_bounded(pod):
    said = outcomes.classify(pod).message
    assert len(said) <= 1024
    assert "xxx" in said
    assert said.count("…") >= 1
