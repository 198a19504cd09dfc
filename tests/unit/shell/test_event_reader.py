"""The Warning Events of single Pods: read once at a time, masked, forgotten, and done without."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kubedag.core import actions, masks, rows, snapshot
from kubedag.shell import event_reader
from kubedag.shell.entries import RunEntry
from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.store import Store
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import AnsweringApi, LoopClock
from support.builders import a_pod, as_stored, run_facts, stamp
from support.objects import a_run

WANTED = actions.ReadEvents("p", "uid-p")
NO_SECRET = {
    "type": "Warning", "reason": "FailedMount", "message": 'secret "x" not found',
    "lastTimestamp": stamp(5), "involvedObject": {"uid": "uid-p"},
}  # fmt: skip
TOLD = ("FailedMount", 'secret "x" not found', stamp(5))
KNOWN = snapshot.PodWarning(stamp(0), *TOLD)
FORBIDDEN = ApiError(403, "Forbidden", "events is forbidden")
CUT = Unreachable("cut", maybe_applied=False)


def a_list(*items):
    return {"kind": "EventList", "metadata": {"resourceVersion": "1"}, "items": list(items)}


class Read:
    """What there is to see after some questions, at these seconds."""

    def __init__(self, *answers, at=(7,), wanted=(WANTED,), known=None, patterns=(), seconds=0.0):
        self.api, self.woken = AnsweringApi(*answers, seconds=seconds), []
        self.entry = RunEntry(run_facts(), "1", rows.RunStatus())
        self.entry.warnings |= known or {}
        virtual_loop.run(self._do(at, wanted, masks.Masks(patterns)))

    async def _do(self, at, wanted, masked):
        tasks = Tasks()
        reader = event_reader.EventReader(self.api, self.woken.append, LoopClock(), tasks)
        now = 0
        for moment in at:
            await asyncio.sleep(moment - now)
            now = moment
            for action in wanted:
                reader.read(self.entry, action, masked)
        await asyncio.sleep(1000)
        assert (len(tasks), tasks.bugs, self.entry.reading) == (0, 0, set())

    @property
    def warning(self):
        return self.entry.warnings["uid-p"]


def test_the_warnings_of_one_pod_are_asked_for_with_bounds():
    done = Read(a_list(NO_SECRET))
    (call,) = done.api.calls
    assert (call.method, call.path) == ("GET", "/api/v1/namespaces/ns/events")
    assert call.params == {
        "fieldSelector": "involvedObject.uid=uid-p,type=Warning",
        "limit": "50",
    }
    assert (done.warning, done.woken) == (snapshot.PodWarning(stamp(7), *TOLD), [done.entry.key])


@pytest.mark.parametrize(
    ("answer", "known", "told"),
    [
        pytest.param(a_list(), None, ("", "", ""), id="there are none"),
        pytest.param(a_list(), KNOWN, ("", "", ""), id="there are none any more"),
        pytest.param(FORBIDDEN, None, ("", "", ""), id="not allowed"),
        pytest.param(FORBIDDEN, KNOWN, TOLD, id="not allowed any more"),
        pytest.param(CUT, None, ("", "", ""), id="nobody knows"),
        pytest.param(CUT, KNOWN, TOLD, id="nobody knows more"),
        pytest.param(ApiError(500), KNOWN, TOLD, id="an error"),
        pytest.param(b"no JSON", KNOWN, TOLD, id="no answer at all"),
    ],
)
def test_what_cannot_be_read_counts_as_read_so_that_it_is_not_asked_for_at_once(
    answer, known, told
):
    done = Read(answer, known={"uid-p": known} if known else None)
    assert done.warning == snapshot.PodWarning(stamp(7), *told)
    assert (len(done.api.calls), done.woken) == (1, [done.entry.key])


def test_a_namespace_where_that_is_not_allowed_is_told_of_once_and_left_alone(caplog):
    with caplog.at_level(logging.WARNING):
        done = Read(FORBIDDEN, at=(0, 60, 599, 601, 700))
    assert [call.at for call in done.api.calls] == [0, 601]
    (record,) = caplog.records
    assert "May not list the Events of namespace ns" in record.getMessage()


def test_a_right_that_is_given_later_is_used(caplog):
    with caplog.at_level(logging.WARNING):
        done = Read(FORBIDDEN, a_list(NO_SECRET), FORBIDDEN, at=(0, 601, 700))
    assert [call.at for call in done.api.calls] == [0, 601, 700]
    assert len(caplog.records) == 2


def test_what_must_not_be_told_is_masked():
    assert Read(a_list(NO_SECRET), patterns=("x",)).warning.message == 'secret "***" not found'


def test_one_question_about_a_pod_is_asked_at_a_time():
    assert len(Read(a_list(), wanted=(WANTED, WANTED)).api.calls) == 1


def test_few_questions_are_under_way_at_once():
    wanted = [actions.ReadEvents(f"p{n}", f"uid-{n}") for n in range(event_reader.AT_ONCE_MAX + 1)]
    done = Read(a_list(), at=(0,), wanted=wanted, seconds=1.0)
    assert [call.at for call in done.api.calls] == [0] * event_reader.AT_ONCE_MAX + [1]


def test_only_so_many_pods_are_remembered():
    names = [f"uid-{n}" for n in range(event_reader.KEPT_OF_RUN_MAX)]
    done = Read(a_list(), known=dict.fromkeys(names, KNOWN))
    assert list(done.entry.warnings) == [*names[1:], "uid-p"]


@pytest.mark.parametrize(
    ("pod", "kept"),
    [
        (a_pod(), True),
        (a_pod(phase="Running"), False),
        (a_pod(phase="Failed", exit_code=1), False),
        (a_pod(gone=True), False),
    ],
    ids=["pending", "running", "failed", "gone"],
)
def test_what_was_read_is_forgotten_with_the_pod_or_when_it_has_started(pod, kept):
    store = Store(lambda _key: None)
    store.put_run(as_stored(a_run()))
    (entry,) = store.runs.values()
    store.pod_changed(None, a_pod())
    entry.warnings[pod.metadata.uid] = KNOWN
    assert store.run_snapshot(entry).warnings == entry.warnings
    store.pod_changed(a_pod(), pod)
    assert (pod.metadata.uid in entry.warnings) is kept
