"""Logs that are read while their Pod goes."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import attempts, rows, snapshot
from kubedag.shell.store import Store
from support.builders import a_pod, a_row, a_status, an_attempt, as_stored, ended
from support.objects import a_run


@pytest.mark.parametrize(
    ("captured", "log"),
    [
        (snapshot.CapturedLog(b"last line"), rows.LogTail("PodLog", "last line")),
        (snapshot.CapturedLog(None), rows.LogTail("TerminationMessage", "said at its end")),
    ],
    ids=["read", "could not be read"],
)
def test_a_log_is_not_lost_when_its_pod_goes_while_it_is_read(captured, log):
    pod = a_pod(phase="Failed", main=ended(1, message="said at its end"))
    gone = msgspec.structs.replace(pod, gone=True)
    failed = an_attempt(1, "Failed", failure_class="User")
    stored = a_status(a_row("a", "Failed", attempt=1, attempts=(failed,)))
    store = Store(lambda _key: None)
    store.put_run(as_stored(a_run("run")))
    entry = store.runs["ns", "run"]
    store.pod_changed(None, pod)
    entry.capturing.add(pod.metadata.uid)
    store.pod_changed(pod, gone)
    store.put_run(as_stored(a_run("run"), 2, status=stored))

    def log_now():
        snap = store.run_snapshot(entry)
        return (
            attempts.complete(snap.status.tasks[0], snap.pods.get("a", ()), snap).attempts[0].log
        )

    before = log_now()
    entry.logs[pod.metadata.uid] = captured
    entry.capturing.clear()
    assert (before, log_now()) == (None, log)
