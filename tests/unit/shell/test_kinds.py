"""An operator does not begin to watch before there is everything to watch."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kubedag.shell import kinds
from kubedag.shell.errors import ApiError, Unreachable
from support import virtual_loop
from support.answering_api import AnsweringApi

NAMES = [
    "dags",
    "dags/status",
    "dagruns",
    "dagruns/status",
    "dagrunslices",
    "backfills",
    "taskpools",
]
NONE = ApiError(404, "NotFound", "the server could not find the requested resource")


def knowing(*names):
    return {"kind": "APIResourceList", "resources": [{"name": name} for name in names]}


def waited(*answers, stops_after=None):
    """What came of it, after how many seconds and questions."""
    api = AnsweringApi(*answers)

    async def scenario():
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        if stops_after is not None:
            loop.call_later(stops_after, stop.set)
        return await kinds.served(api, stop), loop.time(), len(api.calls)

    return virtual_loop.run(scenario())


def test_where_all_are_there_it_begins_at_once():
    assert waited(knowing(*NAMES)) == (True, 0.0, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NONE, id="none"),
        pytest.param(knowing(*NAMES[:1]), id="some"),
        pytest.param(knowing(), id="an empty group"),
        pytest.param(Unreachable("down", maybe_applied=False), id="no answer"),
        pytest.param({"kind": "Status"}, id="an answer of a proxy"),
        pytest.param(
            ApiError(503, "ServiceUnavailable", "starting"), id="an API server that starts"
        ),
    ],
)
def test_as_long_as_one_is_missing_it_asks_again(answer):
    said, seconds, questions = waited(answer, answer, answer, knowing(*NAMES))
    assert (said, questions) == (True, 4)
    assert seconds == pytest.approx(3 * kinds.PAUSE_SECONDS)


def test_what_is_missing_is_said_once(caplog):
    caplog.set_level(logging.WARNING)
    some = knowing(*(name for name in NAMES if "runs" not in name))
    waited(NONE, NONE, some, some, some, knowing(*NAMES))
    assert [record.getMessage() for record in caplog.records] == [
        "Waits for CRDs that are not there: DAG, DAGRun, DAGRunSlice, Backfill, TaskPool",
        "Waits for CRDs that are not there: DAGRun, DAGRunSlice",
    ]


def test_who_may_not_ask_is_left_to_try():
    assert waited(ApiError(403, "Forbidden", "no"))[0]


def test_it_is_told_to_stop_while_it_waits():
    said, seconds, _ = waited(NONE, stops_after=5)
    assert (said, seconds) == (False, 5)
