"""How Pods end that somebody deletes while they run: what their programs then say counts for little."""

from __future__ import annotations

import pytest

from support.pod_json import (
    DELETED,
    DELETED_AFTERWARDS,
    NO_PROGRAM,
    PREEMPTED,
    a_pod,
    ended,
    infra,
    judged,
    status,
    user,
    works,
)

THE_LAST_DELETION = {
    "deletionTimestamp": "2026-01-01T10:49:02Z", "deletionGracePeriodSeconds": 0, "generation": 2,
}  # fmt: skip
"""By a kubelet that is done with a Pod, after its program ended; or by somebody, of an ended Pod."""
DELETIONS = [
    pytest.param(
        a_pod(status("Failed", containers=[ended(code)]), metadata=DELETED),
        infra("PodDeleted", "the Pod was deleted while it ran"),
        id=f"15 deleted by somebody, ended with {code}",
    )
    for code in (137, 143)
] + [
    *[
        pytest.param(
            a_pod(status(phase, containers=[ended(0)]), metadata=DELETED, gone=gone),
            infra("PodDeleted", "the Pod was deleted while it ran, and its program then ended with "
                  "exit code 0: its work may be incomplete"),
            id=f"15 deleted by somebody, and its program took the hint ({phase}, {gone=})",
        )
        for phase, gone in (("Succeeded", False), ("Succeeded", True), ("Failed", False),
                            ("Running", True))
    ],
    *[
        pytest.param(
            a_pod(status(phase, containers=[ended(1)]), metadata=DELETED, gone=gone),
            infra("PodDeleted",
                  "the Pod was deleted while it ran, and its program then ended with exit code 1"),
            id=f"15 deleted by somebody, and its program then failed ({phase})",
        )
        for phase, gone in (("Failed", False), ("Running", True))
    ],
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)]), metadata=DELETED_AFTERWARDS),
        user("ExitCode", "exit code 1"),
        id="15 deleted by somebody, after it had failed by itself",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)]),
              metadata={"deletionTimestamp": "2026-01-01T10:49:00Z"}),
        user("ExitCode", "exit code 1"),
        id="15 deleted by somebody, and nothing tells when",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)]),
              metadata={"deletionTimestamp": "2026-01-01T10:49:01Z",
                        "deletionGracePeriodSeconds": 1}),
        infra("PodDeleted",
              "the Pod was deleted while it ran, and its program then ended with exit code 1"),
        id="15 deleted by somebody within the second in which it ended",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)]),
              metadata={"deletionTimestamp": "2026-01-01T10:49:00Z",
                        "deletionGracePeriodSeconds": 0}),
        user("ExitCode", "exit code 1"),
        id="15 deleted within that second, and the API server knew already that it had ended",
    ),
    *[
        pytest.param(
            a_pod(status(phase, containers=[ended(code)], observedGeneration=2),
                  metadata=THE_LAST_DELETION, gone=gone),
            infra("PodDeleted", f"the Pod was deleted while it ran, and its program then ended with "
                  f"exit code {code}" + ("" if code else ": its work may be incomplete")),
            id=f"15 deleted by somebody, and then by its kubelet ({phase}, {gone=})",
        )
        for phase, code in (("Succeeded", 0), ("Failed", 1)) for gone in (False, True)
    ],
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)], observedGeneration=1),
              metadata=THE_LAST_DELETION),
        user("ExitCode", "exit code 1"),
        id="15 deleted by somebody, after it had failed: its kubelet did not know of it",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(1)], observedGeneration=1),
              metadata=THE_LAST_DELETION | {"deletionTimestamp": "2026-01-01T10:49:00Z"}),
        user("ExitCode", "exit code 1"),
        id="15 the same within the second in which it ended",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(128, "StartError", NO_PROGRAM)]),
              metadata=DELETED),
        infra("PodDeleted", "the Pod was deleted while it ran"),
        id="15 deleted by somebody while it was about to start",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(1, name="fetch")]), metadata=DELETED),
        infra("PodDeleted", "the Pod was deleted while it ran"),
        id="15 deleted by somebody, and its init container then failed",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(1, name="fetch")]), metadata=DELETED_AFTERWARDS),
        user("InitContainerFailed", "init container fetch: exit code 1"),
        id="15 deleted by somebody, after its init container had failed",
    ),
    pytest.param(
        a_pod(status("Succeeded", containers=[ended(0)], conditions=[PREEMPTED]),
              metadata=DELETED),
        infra("PreemptionByScheduler", "a Pod of higher priority took its place "
              "(default-scheduler: preempting to accommodate a higher priority pod)"),
        id="15 preempted, and its program took the hint",
    ),
    pytest.param(
        a_pod(status("Failed", init=[ended(143, name="fetch")]), metadata=DELETED),
        infra("PodDeleted", "the Pod was deleted while it ran"),
        id="15 deleted by somebody during its init container",
    ),
    pytest.param(
        a_pod(status("Failed", containers=[ended(137, "ContainerStatusUnknown")]),
              metadata=DELETED),
        infra("PodDeleted", "the Pod was deleted while it ran"),
        id="15 deleted by somebody, and then not found",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()]), gone=True),
        infra("PodDeleted", "the Pod was deleted before it had ended"),
        id="22 gone while it ran",
    ),
    pytest.param(
        a_pod(status("Pending", conditions=()), gone=True),
        infra("PodDeleted", "the Pod was deleted before it had ended"),
        id="22 gone before it ran",
    ),
    pytest.param(
        a_pod(
            status("Failed", conditions=[]),
            metadata={**DELETED, "finalizers": ["kueue.x-k8s.io/managed"]}, nodeName="",
            schedulingGates=[{"name": "kueue.x-k8s.io/admission"}],
        ),
        infra("PodDeleted", "the Pod was deleted before it had ended"),
        id="22 deleted behind its gate, and held by Kueue's finalizer",
    ),
    pytest.param(
        a_pod(status("Running", containers=[works()]), metadata=DELETED, gone=True),
        infra("PodDeleted", "the Pod was deleted before it had ended"),
        id="22 deleted by force from a node that does not answer",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "expected"), DELETIONS)
def test_how_a_pod_ended_that_was_deleted(pod, expected):
    assert judged(pod) == expected
