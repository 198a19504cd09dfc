from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from kubedag.core import actions
from kubedag.shell.errors import ApiError, NotLeader, Unreachable
from kubedag.shell.recorder import QUEUE_EVENTS_MAX, Recorder, shortened
from support import virtual_loop

SAID = actions.Note("Warning", "TaskFailed", "task a failed")


class Events:
    """The API server's events, and faults to come before they are touched."""

    def __init__(self, faults: list[Exception] | None = None) -> None:
        self.faults = faults or []
        self.stored: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[float, str]] = []

    async def request(self, method, path, *, body=None, **_: Any) -> bytes:
        self.calls.append((asyncio.get_running_loop().time(), method))
        if self.faults:
            raise self.faults.pop(0)
        if method == "POST":
            event = orjson.loads(body)
            path = f"{path}/{event['metadata']['name']}"
            if path in self.stored:
                raise ApiError(409, "AlreadyExists")
            self.stored[path] = event
        elif path not in self.stored:
            raise ApiError(404, "NotFound")
        elif method == "PATCH":
            self.stored[path] |= orjson.loads(body)
        return orjson.dumps(self.stored[path])

    def watch(self, *_: Any) -> Any:
        raise NotImplementedError

    @property
    def counts(self) -> dict[str, int]:
        return {event["message"]: event["count"] for event in self.stored.values()}


class LoopClock:
    def now(self) -> datetime:
        seconds = asyncio.get_running_loop().time()
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def record(events: Events, *steps: Any, seconds: float = 60, **options: Any) -> Recorder:
    """Note what the steps say, or do it, or let seconds pass."""

    async def scenario() -> Recorder:
        recorder = Recorder(
            events, wall_clock=LoopClock(), chance=random.Random(1), instance="pod-1", **options
        )
        task = asyncio.create_task(recorder.run())
        for step in steps:
            if isinstance(step, actions.Note):
                recorder.note("DAGRun", "ns", "run-1", "uid-1", step)
            elif callable(step):
                step()
            else:
                await asyncio.sleep(step)
        await asyncio.wait([task], timeout=seconds)
        assert not task.done()
        return recorder

    return virtual_loop.run(scenario())


def test_an_event_says_what_happened_to_what_and_when():
    events = Events()
    record(events, SAID)
    ((path, event),) = events.stored.items()
    assert path.startswith("/api/v1/namespaces/ns/events/run-1-")
    del event["metadata"]["name"]
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "ns"},
        "involvedObject": {
            "apiVersion": "kubedag.dev/v1alpha1",
            "kind": "DAGRun",
            "namespace": "ns",
            "name": "run-1",
            "uid": "uid-1",
        },
        "type": "Warning",
        "reason": "TaskFailed",
        "message": "task a failed",
        "count": 1,
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "source": {"component": "kubedag"},
        "reportingComponent": "kubedag",
        "reportingInstance": "pod-1",
    }


def test_a_repetition_raises_the_count_and_makes_no_second_object():
    events = Events()
    recorder = record(events, SAID, 5, SAID, 5, SAID)
    (event,) = events.stored.values()
    assert event["count"] == 3
    assert event["lastTimestamp"] == "2026-01-01T00:00:10Z"
    assert (recorder.sent, recorder.repeated) == (1, 2)


def test_repetitions_that_still_wait_cost_one_request():
    events = Events()
    record(events, *[SAID] * 50)
    assert events.counts == {"task a failed": 50}
    assert len(events.calls) == 1


def test_a_repetition_after_a_restart_finds_the_event_of_before():
    events = Events()
    record(events, SAID, 5, SAID)
    record(events, SAID)
    assert events.counts == {"task a failed": 3}


def test_an_event_that_has_expired_is_told_anew():
    events = Events()
    recorder = record(events, SAID, 5, events.stored.clear, SAID)
    assert events.counts == {"task a failed": 1}
    assert (recorder.sent, recorder.repeated) == (2, 0)


def test_bursts_pass_at_once_and_then_five_a_second():
    events = Events()
    record(events, *[actions.Note("Normal", "R", str(n)) for n in range(50)], seconds=60)
    times = [at for at, _ in events.calls]
    assert times[24] == 0
    assert times[25] == pytest.approx(0.2)
    assert times[49] == pytest.approx(5.0)


def test_a_flood_is_dropped_and_counted_and_costs_bounded_memory():
    events = Events()
    notes = [actions.Note("Normal", "R", str(n)) for n in range(QUEUE_EVENTS_MAX + 7)]
    assert record(events, *notes, seconds=1).dropped == 7


@pytest.mark.parametrize(
    ("fault", "times", "sent", "failed"),
    [
        (Unreachable("cut", maybe_applied=True), 3, 1, 0),
        (ApiError(500), 3, 1, 0),
        (ApiError(500), 4, 0, 1),
        (ApiError(403), 1, 0, 1),
        (ApiError(404, "NotFound"), 1, 0, 1),
        (NotLeader(), 1, 0, 1),
    ],
    ids=["cut", "500", "500 for ever", "forbidden", "namespace gone", "not leader"],
)
def test_trouble_is_tried_again_a_few_times_and_then_given_up(fault, times, sent, failed):
    events = Events([fault] * times)
    recorder = record(events, SAID)
    assert (recorder.sent, recorder.failed, len(events.stored)) == (sent, failed, sent)


def test_an_event_whose_creation_was_answered_by_silence_is_not_made_twice():
    class Silent(Events):
        async def request(self, method, path, **rest: Any) -> bytes:
            answer = await super().request(method, path, **rest)
            if len(self.calls) == 1:
                raise Unreachable("cut", maybe_applied=True)
            return answer

    events = Silent()
    record(events, SAID)
    assert len(events.stored) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("short", "short"), ("x" * 10, "x" * 10), ("x" * 11, "x" * 7 + "…"), ("é" * 6, "ééé…")],
    ids=["short", "exact", "one over", "never half a letter"],
)
def test_a_message_is_cut_to_so_many_bytes(text, expected):
    assert shortened(text, 10) == expected


def test_a_flush_waits_for_what_is_queued_and_under_way():
    async def scenario() -> tuple[int, float]:
        events = Events()
        recorder = Recorder(events, per_second=1, burst=1)
        _task = [asyncio.create_task(recorder.run())]
        await recorder.flush(10)
        for n in range(3):
            recorder.note("DAG", "ns", "d", "u", actions.Note("Normal", "R", str(n)))
        await recorder.flush(10)
        return recorder.sent, asyncio.get_running_loop().time()

    assert virtual_loop.run(scenario()) == (3, 2.0)


def test_a_flush_gives_up_in_time_and_counts_what_it_left():
    async def scenario() -> int:
        recorder = Recorder(Events(), per_second=1, burst=1)
        _task = [asyncio.create_task(recorder.run())]
        for n in range(10):
            recorder.note("DAG", "ns", "d", "u", actions.Note("Normal", "R", str(n)))
        await recorder.flush(4.5)
        return recorder.dropped

    assert virtual_loop.run(scenario()) == 5
