"""The last lines of a log, made safe to keep in a status.

A status is read by people, terminals and browsers, so control characters and broken UTF-8 must not
survive, and the cut is at a line where that leaves enough.
"""

from __future__ import annotations

import re
from typing import Final

from kubedag.core import rows

POD_LOG: Final = "PodLog"
TERMINATION_MESSAGE: Final = "TerminationMessage"
NONE: Final = "None"

_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[@-_])"
)
# The last ones turn the direction of the text round (UAX 9), which makes it read as it is not.
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


# What the kubelet writes, with status 200 and no line end, in place of a log that it cannot read
# (kuberuntime_container.go of the kubelet, logs.go of k8s.io/cri-client).
_NOT_A_LOG: Final = re.compile(
    r"(?:rpc error: code = \w+ desc = .*)?"
    r"(?:unable to retrieve container logs for [a-z.-]+://"
    r"|failed to try resolving symlinks in path \"/"
    r"|failed to open log file \"/"
    r"|an error occurred when try to find container \")"
)


def is_log(raw: bytes) -> bool:
    """Is it what the program wrote, and not what the kubelet says of a log that it cannot read?"""
    return b"\n" in raw or _NOT_A_LOG.match(raw[:400].decode("utf-8", "replace")) is None


def clean(raw: bytes | str) -> str:
    """Text that does nothing to whoever reads it: valid UTF-8 without control characters."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", _ESCAPES.sub("", text))
    return text.encode("utf-8", "replace").decode()


def trim(
    raw: bytes | str,
    source: str,
    bytes_max: int = rows.LOG_TAIL_BYTES_MAX,
    *,
    already_cut: bool = False,
) -> rows.LogTail:
    """The end of `raw`, at most `bytes_max` bytes of UTF-8, cut at a line where one is near."""
    text = clean(raw).rstrip()
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return rows.LogTail(source, text, already_cut)
    tail = encoded[-bytes_max:].decode("utf-8", "ignore")
    newline = tail.find("\n")
    if 0 <= newline < len(tail) // 2:
        tail = tail[newline + 1 :]
    return rows.LogTail(source, tail, truncated=True)
