"""Where the log of a failed attempt comes from, and when."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import logs, rows, snapshot
from support.builders import a_container, a_pod, a_snapshot, an_attempt, ended

NO_LOG = rows.LogTail("None")
FAILED = a_pod(phase="Failed", main=ended(1, message="last words"))
GONE = msgspec.structs.replace(FAILED, gone=True)
UID = FAILED.metadata.uid


def log_of(pod, captured=None, **facts):
    read = {} if captured is None else {pod.metadata.uid: captured}
    return logs.with_log(
        an_attempt(1, "Failed"), pod, a_snapshot(None, pod, logs=read, **facts)
    ).log


@pytest.mark.parametrize(
    ("captured", "log"),
    [
        (None, None),
        (snapshot.CapturedLog(b"all of it"), rows.LogTail("PodLog", "all of it")),
        (snapshot.CapturedLog(None), rows.LogTail("TerminationMessage", "last words")),
    ],
    ids=["not yet", "read", "could not be read"],
)
def test_a_log_that_is_being_read_is_waited_for_though_its_pod_is_gone(captured, log):
    assert log_of(GONE, captured, capturing={UID}) == log


def test_of_a_pod_that_is_gone_and_whose_log_nobody_reads_the_last_words_are_taken_at_once():
    assert log_of(GONE) == rows.LogTail("TerminationMessage", "last words")


UNREAD = snapshot.CapturedLog(None)
FILLER = "The container could not be located when the pod was terminated"
PROXY = a_container("proxy", ended(2, message="proxy says"))
FETCH = a_container("fetch", ended(3, message="fetch says"))


@pytest.mark.parametrize(
    ("pod", "captured", "log"),
    [
        pytest.param(
            a_pod(phase="Failed", reason="Evicted", message="used too much"), UNREAD, NO_LOG,
            id="what a node says of a Pod",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(137, "ContainerStatusUnknown", FILLER)), UNREAD,
            NO_LOG, id="what the kubelet says of a container that is not there",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(128, "StartError", "runc: no such file")), UNREAD,
            NO_LOG, id="what the runtime says of a program that it cannot start",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(127, "ContainerCannotRun", "no such file")), UNREAD,
            NO_LOG, id="or another runtime",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(0, message="main says"), sidecars=(PROXY,)), UNREAD,
            rows.LogTail("TerminationMessage", "proxy says"), id="a sidecar that failed",
        ),
        pytest.param(
            a_pod(phase="Failed", init=(FETCH,)), UNREAD,
            rows.LogTail("TerminationMessage", "fetch says"), id="an init container that failed",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(1), sidecars=(PROXY,)), snapshot.CapturedLog(b""),
            rows.LogTail("PodLog"), id="not what another container says",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(1, message="\n \n")), snapshot.CapturedLog(b"\n \n"),
            rows.LogTail("PodLog"), id="nothing but white space was printed",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(1, message="\n \n")), snapshot.CapturedLog(b""),
            rows.LogTail("PodLog"), id="and nothing but that is what the kubelet has",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(1, message="\n \n")), UNREAD, NO_LOG,
            id="of which nothing can be read",
        ),
        pytest.param(
            a_pod(phase="Failed", main=ended(1, message="of its own")), snapshot.CapturedLog(b""),
            rows.LogTail("TerminationMessage", "of its own"), id="a file instead of a log",
        ),
    ],
)  # fmt: skip
def test_only_what_a_container_said_is_told_for_its_log(pod, captured, log):
    assert log_of(pod, captured) == log
