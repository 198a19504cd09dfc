"""Where the log of a failed attempt comes from, and when."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import logs, rows, snapshot
from support.builders import a_pod, a_snapshot, an_attempt, ended

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
