"""The end of a failed container's log: read once, masked, and kept small."""

from __future__ import annotations

import asyncio
import re

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


def node_with(log):
    """A kubelet: the last lines that are asked for, of which the API server cuts off the end.

    It counts the pieces of at most 16 KiB that the container runtime makes of lines.
    """
    lines = re.findall(rb"[^\n]{1,16384}\n?|\n", log)

    def answer(call):
        wanted = b"".join(lines[-int(call.params["tailLines"]) :])
        return wanted[: int(call.params["limitBytes"])]

    return answer


KEY_LINE = b"SECRET" * 7 + b"\n"
KEY = r"(?s)-----BEGIN.*?-----END[^-]*-----"


def a_key(lines):
    return b"-----BEGIN KEY-----\n" + KEY_LINE * lines + b"-----END KEY-----\n"


@pytest.mark.parametrize(
    ("log", "reads_max"),
    [
        pytest.param(a_key(202), 1, id="a long key"),
        pytest.param(b"x\n" * 9000 + a_key(202), 3, id="a long key after many short lines"),
        pytest.param(a_key(52) + b"y\n" * 170, 1, id="short lines after it"),
        pytest.param(a_key(52) + b"y\n" * 380, 2, id="so many that the first cut is in it"),
        pytest.param(a_key(300) + b"y\n" * 150, 2, id="a key that is longer than the first read"),
        pytest.param(a_key(202) + b"\n" * 3000 + b"y\n", 3, id="nearly empty lines after it"),
        pytest.param(b"z" * 700 + b"\n" + a_key(202) + b"y" * 900 + b"\n", 1, id="long lines"),
        pytest.param((b"z" * 700 + b"\n") * 400 + a_key(202), 8, id="many long lines before it"),
        pytest.param((b"z" * 9000 + b"\n") * 90 + a_key(202), 8, id="very long ones"),
        pytest.param(a_key(52) + (b"y" * 900 + b"\n") * 90, 5, id="many long lines after it"),
        pytest.param(a_key(52) * 100 + b"y\n" * 40, 3, id="many keys"),
    ],
)
def test_no_part_of_a_key_is_told_wherever_the_log_is_cut(log, reads_max):
    captured, lines, _ = read(node_with(log), patterns=(KEY,))
    assert captured.text is not None
    assert len(lines) <= reads_max
    assert b"SECRET" not in captured.text


def test_as_much_is_looked_at_before_what_is_shown_as_is_promised():
    """A key of 16 KiB, wherever it ends in what is shown."""
    for after in range(0, 2000, 190):
        log = b"x" * 90_000 + b"\n" + a_key(380) + b"y" * after + b"\n"
        captured, _, _ = read(node_with(log), patterns=(KEY,))
        assert captured.text is not None
        assert b"SECRET" not in captured.text


def test_a_log_of_nothing_but_colours_is_not_told_where_it_would_have_to_be_masked():
    log = (b"\x1b[1;31m" * 100 + b"x\n") * 200
    captured, lines, _ = read(node_with(log), patterns=(KEY,))
    assert (captured, len(lines) < 20) == (NOTHING, True)
    assert read(node_with(log))[0].text is not None


def test_where_a_log_is_masked_and_a_part_cannot_be_read_none_of_it_is_told():
    """What was read is too little to know a secret in."""
    captured, _, _ = read(b"x\n" * 400, ApiError(500), patterns=(KEY,))
    assert captured == NOTHING


def test_many_logs_are_read_a_few_at_a_time():
    async def scenario():
        api = AnsweringApi(b"x", seconds=1.0)
        reader = log_reader.LogReader(api)
        async with asyncio.TaskGroup() as group:
            for _ in range(log_reader.READS_AT_ONCE_MAX + 1):
                group.create_task(reader.read("ns", WANTED, masks.NO_MASKS))
        return [call.at for call in api.calls]

    assert virtual_loop.run(scenario()) == [0.0] * log_reader.READS_AT_ONCE_MAX + [1.0]
