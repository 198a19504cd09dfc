"""Tasks that may not safely run twice: what counts as started, and what is not retried."""

from __future__ import annotations

import pytest

from kubedag.core import actions, advance, ending, idempotence, pods, rows
from support.builders import (
    a_condition,
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    ended,
    running,
    waiting,
)
from support.objects import a_task

RETRY = {"limit": 5, "infraLimit": 5, "backoffSeconds": 1}
ONCE = a_plan(a_task("a", idempotent=False, retry=RETRY))
TWICE = a_plan(a_task("a", retry=RETRY))
PREEMPTED = (a_condition("DisruptionTarget", reason="PreemptionByScheduler"),)
NODE_GONE = (a_condition("DisruptionTarget", reason="DeletionByPodGC"),)

NOT_STARTED = pods.ContainerState(
    terminated=pods.Terminated(
        128, "StartError", "lstat /proc/0/ns/ipc: no such file or directory",
        started_at="1970-01-01T00:00:00Z", finished_at="2026-01-01T00:00:10Z",
    )
)  # fmt: skip


def failed(**fields):
    return a_pod(phase="Failed", node="node-1", **fields)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(failed(main=ended(143), conditions=PREEMPTED), True, id="it ran"),
        pytest.param(a_pod(phase="Running", node="node-1", gone=True), True, id="ran, and is gone"),
        pytest.param(failed(main=running(), conditions=NODE_GONE), True, id="ran on a lost node"),
        pytest.param(
            failed(main=ended(137, "ContainerStatusUnknown")), True,
            id="nobody knows what became of the container",
        ),
        pytest.param(failed(conditions=NODE_GONE), True, id="its node is gone without a word"),
        pytest.param(
            failed(main=waiting("ContainerCreating"), conditions=NODE_GONE), True,
            id="its node is gone, and was at it",
        ),
        pytest.param(
            a_pod(node="node-1", gone=True, deleted=5), True, id="gone from a node without a word",
        ),
        pytest.param(a_pod(gone=True), True, id="gone, and may have got a node unseen"),
        pytest.param(failed(reason="OutOfcpu"), False, id="the node refused it"),
        pytest.param(failed(reason="NodeAffinity"), False, id="the node refused it later"),
        pytest.param(
            failed(main=waiting("ContainerCreating"), conditions=PREEMPTED), False,
            id="preempted before its container was there",
        ),
        pytest.param(failed(main=NOT_STARTED), False, id="its runtime failed to start it"),
        pytest.param(failed(conditions=PREEMPTED), False, id="preempted before anything was"),
        pytest.param(a_pod(deleted=5), False, id="deleted before it had a node"),
        pytest.param(a_pod(deleted=5, gone=True), False, id="and gone"),
    ],
)  # fmt: skip
def test_what_may_have_started_is_not_retried_and_what_cannot_have_is(pod, expected):
    kept = advance.advance(a_snapshot(ONCE, pod), ONCE, at(20)).tasks[0]
    assert kept.attempts[0].failure_class == "Infra"
    assert kept.state == ("Failed" if expected else "AwaitingRetry")
    assert (
        kept.message.endswith(
            "; not retried: it may have run, and the task says idempotent: false"
        )
        is expected
    )
    free = advance.advance(a_snapshot(TWICE, pod), TWICE, at(20)).tasks[0]
    assert (free.state, free.infra_failures) == ("AwaitingRetry", 1)


def test_a_start_that_was_recorded_counts_whatever_the_pod_says_now():
    """A kubelet that was started anew refuses a Pod that it had run, and forgets its containers."""
    old = a_row(
        state="Running", attempt=1, attempts=(an_attempt(1, start_time="2026-01-01T00:00:02Z"),)
    )
    snap = a_snapshot(ONCE, failed(reason="NodeAffinity"), status=a_status(old))
    assert advance.advance(snap, ONCE, at(20)).tasks[0].state == "Failed"


def test_a_pod_of_which_only_the_status_tells_may_have_started():
    attempt = an_attempt(1, "Pending")
    assert idempotence.may_have_started(attempt, None)
    row = a_row(state="Pending", attempt=1, attempts=(attempt,))
    snap = a_snapshot(ONCE, status=a_status(row), gone=frozenset({attempt.pod_name}))
    assert advance.advance(snap, ONCE, at(20)).tasks[0].state == "Failed"


def test_a_failure_of_the_program_is_retried_as_its_author_said():
    snap = a_snapshot(ONCE, failed(exit_code=1))
    assert advance.advance(snap, ONCE, at(11)).tasks[0].state == "AwaitingRetry"


def test_what_was_decided_about_an_attempt_stands_when_its_log_comes_late():
    never = failed(reason="OutOfcpu")
    first = advance.advance(a_snapshot(ONCE, never), ONCE, at(20)).tasks
    later = a_snapshot(ONCE, status=a_status(*first))
    (row,) = advance.advance(later, ONCE, at(20)).tasks
    assert (row.state, row.next_attempt_time) == (first[0].state, first[0].next_attempt_time)
    assert row.attempts[0].log == rows.LogTail("None")


# --- Letting its Pods go ----------------------------------------------------------------------


def held(**fields):
    pod = a_pod(**fields)
    meta = pods.Metadata(
        **{
            name: getattr(pod.metadata, name)
            for name in pod.metadata.__struct_fields__
            if name != "finalizers"
        },
        finalizers=("example.com/theirs", pods.FINALIZER),
    )
    return pods.Pod(meta, pod.spec, pod.status, pod.gone)


LOG = rows.LogTail("PodLog")
ENDED = held(phase="Failed", exit_code=1)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(rows.RunStatus(), False, id="nothing is stored"),
        pytest.param(a_status(a_row(attempts=(an_attempt(),))), False, id="it goes on"),
        pytest.param(
            a_status(a_row(attempts=(an_attempt(1, "Failed"),))), False, id="its log is missing",
        ),
        pytest.param(
            a_status(a_row(attempts=(an_attempt(1, "Failed", log=LOG),))), True, id="it failed",
        ),
        pytest.param(
            a_status(a_row(attempts=(an_attempt(1, "Succeeded"),))), True, id="it succeeded",
        ),
        pytest.param(
            a_status(a_row(attempts=(an_attempt(2, "Running"),))), True,
            id="it is too long ago to be kept",
        ),
        pytest.param(a_status(a_row(state="Skipped")), True, id="it came too late"),
        pytest.param(a_finished_status(a_row()), True, id="the run is over"),
    ],
)  # fmt: skip
def test_a_pod_may_go_once_it_is_stored_how_it_ended(status, expected):
    meta = ENDED.metadata
    release = actions.ReleasePod(
        meta.name, meta.uid, meta.resource_version, ("example.com/theirs",)
    )
    found = ending.releases(a_snapshot(ONCE, ENDED, status=status))
    assert found == ([release] if expected else [])


def test_a_run_that_is_being_deleted_keeps_nothing():
    assert len(ending.releases(a_snapshot(ONCE, held(phase="Running"), deleting=True))) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (a_status(a_row(attempts=(an_attempt(1, "Running"),))), False),
        (a_status(a_row(attempts=(an_attempt(1, "Succeeded"),))), True),
        (a_status(a_row()), False),
        (a_status(a_row(attempts=(an_attempt(2, "Succeeded"),))), False),
        (a_finished_status(a_row()), True),
    ],
    ids=["goes on", "has ended", "unknown", "another has ended", "finished"],
)
def test_a_pod_whose_labels_were_changed_is_known_by_its_name(status, expected):
    assert ending.may_go(status, ENDED) is expected


def test_a_pod_that_is_gone_is_not_held():
    assert pods.is_held(ENDED)
    assert not pods.is_held(held(gone=True))
    assert not pods.is_held(a_pod())
