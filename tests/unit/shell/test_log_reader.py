"""The end of a failed container's log: read once, masked, and kept small."""

from __future__ import annotations

import asyncio

import pytest

from kubedag.core import actions, masks, snapshot
from kubedag.shell import log_reader
from kubedag.shell.errors import ApiError, Unreachable
from support import virtual_loop
from support.answering_api import AnsweringApi

WANTED = actions.CaptureLog("p", "uid-p", "main")
CUT = Unreachable("cut", maybe_applied=True)
FULL = b"x" * log_reader.BYTES_MAX
NOTHING = snapshot.CapturedLog(None)


def read(*answers, patterns=()):
    """What was kept, and how many lines each request asked for."""
    api = AnsweringApi(*answers)
    reader = log_reader.LogReader(api)
    captured = virtual_loop.run(reader.read("ns", WANTED, masks.Masks(patterns)))
    return captured, [call.params["tailLines"] for call in api.calls], api


def test_a_log_is_asked_for_with_bounds():
    captured, _, api = read(b"last words\n")
    (call,) = api.calls
    assert captured == snapshot.CapturedLog(b"last words")
    assert (call.path, call.params) == (
        "/api/v1/namespaces/ns/pods/p/log",
        {"container": "main", "tailLines": "200", "limitBytes": "65536"},
    )


@pytest.mark.parametrize(
    ("answers", "captured", "asked"),
    [
        pytest.param((ApiError(500),), NOTHING, 2, id="given up after two tries"),
        pytest.param((CUT, b"x"), snapshot.CapturedLog(b"x"), 2, id="read the second time"),
        pytest.param((b"",), snapshot.CapturedLog(b""), 1, id="empty"),
    ],
)
def test_a_log_that_cannot_be_read_is_not_asked_for_for_ever(answers, captured, asked):
    found, lines, _ = read(*answers)
    assert (found, len(lines)) == (captured, asked)


@pytest.mark.parametrize(
    ("answer", "captured"),
    [
        (b"unable to retrieve container logs for containerd://8cdfe489333df0", NOTHING),
        (
            b'failed to try resolving symlinks in path "/var/log/pods/p/0.log": no file', NOTHING,
        ),
        (b'failed to open log file "/var/log/pods/ns_p_1/main/0.log": permission denied', NOTHING),
        (
            b"unable to retrieve container logs for containerd://8cdfe489333df0\n",
            snapshot.CapturedLog(
                b"unable to retrieve container logs for containerd://8cdfe489333df0"
            ),
        ),
        (b"failed to open log file", snapshot.CapturedLog(b"failed to open log file")),
    ],
    ids=["no container", "no file", "not allowed", "a program that says so", "another that fails"],
)  # fmt: skip
def test_what_the_kubelet_says_of_a_log_it_cannot_read_is_no_log(answer, captured):
    assert read(answer)[0] == captured


def test_a_log_of_long_lines_is_asked_for_again_with_fewer():
    """The limit cuts off the end, and the end is what is wanted."""
    captured, lines, _ = read(FULL, FULL, b"y" * 5000)
    assert lines == ["200", "40", "3"]
    assert captured == snapshot.CapturedLog(b"y" * 2048, cut=True)


def test_a_log_of_more_lines_than_were_asked_for_is_said_to_be_cut():
    assert read(b"x\n" * 200)[0] == snapshot.CapturedLog(b"\n".join([b"x"] * 200), cut=True)


def test_a_log_is_masked_before_it_is_cut():
    """The secret lies across the place where the kept part begins."""
    log = b"begin\n" + b"k" * 100 + b"\n" + b"-" * 2000 + b"\n"
    captured, _, _ = read(log, patterns=("k{100}",))
    assert captured == snapshot.CapturedLog(b"begin\n***\n" + b"-" * 2000)


def test_many_logs_are_read_a_few_at_a_time():
    async def scenario():
        api = AnsweringApi(b"x", seconds=1.0)
        reader = log_reader.LogReader(api)
        async with asyncio.TaskGroup() as group:
            for _ in range(log_reader.READS_AT_ONCE_MAX + 1):
                group.create_task(reader.read("ns", WANTED, masks.NO_MASKS))
        return [call.at for call in api.calls]

    assert virtual_loop.run(scenario()) == [0.0] * log_reader.READS_AT_ONCE_MAX + [1.0]
