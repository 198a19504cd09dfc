"""What must not be told: the parts of logs and messages that a DAG's patterns match become `***`.

The patterns are RE2's, which takes time in proportion to the text and to the size of the pattern,
whatever they are; both are bounded here, so that no pattern can hold up the operator.

All patterns look at the text as it was, so their order does not matter. Where the text is the end of
a longer one, a secret may have begun before it: the first part of it is then looked at, not shown.
What the kubelet has cut is too short for that, and is not shown at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import re2  # type: ignore[import-untyped]

from kubedag.core import logtail, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubedag.core import pods

replace = msgspec.structs.replace

MASK: Final = "***"
PROGRAM_SIZE_MAX: Final = 5000
"""Of all patterns of a DAG together, in RE2's instructions: at worst 0.1 s for LOOKED_AT_BYTES_MAX."""
LOOKED_AT_BYTES_MAX: Final = 16 * 1024 + rows.LOG_TAIL_BYTES_MAX
"""16 KiB before what is shown of a longer text, which is no more than a log tail."""
MATCHES_MAX: Final = 1000
"""Of one pattern in one text; whatever follows the last one is masked as a whole."""
KUBELET_CUTS_FROM_BYTES: Final = 2000
KUBELET_CUTS_FROM_LINES: Final = 79
"""A termination message of this size is the end of something longer: the kubelet takes the last 2048
bytes or 80 lines of a log, and the last 4096 bytes of a file."""
MATCHES_NOTHING: Final = "must not match the empty text"
_SHARE_NOT_SHOWN: Final = 4
_MEMORY_BYTES_MAX: Final = 4 * 1024 * 1024

Span = tuple[int, int]


class Masks:
    """The patterns of a DAG, compiled; none of them must have a problem."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = tuple(map(compiled, patterns))

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def text(self, text: str, *, cut: bool = False) -> str:
        """A text without what the patterns match; `cut` says that there was more before it."""
        if not self._patterns or not text:
            return text
        data = text.encode("utf-8", "replace")
        if len(data) > LOOKED_AT_BYTES_MAX:
            data, cut = _whole(data[-LOOKED_AT_BYTES_MAX:]), True
        begin = _first_shown(data) if cut else 0
        spans = [span for pattern in self._patterns for span in _spans(pattern, data)]
        return b"".join(_pieces(data, begin, spans)).decode("utf-8", "ignore")

    def pod(self, pod: pods.Pod) -> pods.Pod:
        """A Pod whose messages may be told."""
        status = pod.status
        return replace(
            pod,
            status=replace(
                status,
                message=self._message(status.message),
                conditions=tuple(
                    replace(one, message=self._message(one.message)) for one in status.conditions
                ),
                container_statuses=tuple(map(self._container, status.container_statuses)),
                init_container_statuses=tuple(
                    map(self._container, status.init_container_statuses)
                ),
            ),
        )

    def _container(self, container: pods.ContainerStatus) -> pods.ContainerStatus:
        state = container.state
        if state is None:
            return container
        waiting, ended = state.waiting, state.terminated
        if waiting is not None:
            waiting = replace(waiting, message=self._message(waiting.message))
        if ended is not None:
            told = "" if self and _is_cut(ended.message) else self._message(ended.message)
            ended = replace(ended, message=told)
        return replace(container, state=replace(state, waiting=waiting, terminated=ended))

    def _message(self, message: str) -> str:
        return self.text(logtail.clean(message)) if message else ""


def problems(patterns: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The patterns that cannot be used, by their position, and what each of them must be."""
    size = 0
    for index, pattern in enumerate(patterns):
        found = judged(pattern)
        if isinstance(found, str):
            yield index, found
            continue
        if found.search(b"") is not None:
            yield index, MATCHES_NOTHING
        size += found.programsize
        if size > PROGRAM_SIZE_MAX:
            yield (
                index,
                f"must be simpler, or repeat less often than {{1,1000}}: {_too_large(size)}",
            )
            return


def judged(pattern: str) -> re2._Regexp | str:
    """The pattern compiled, or what it must be."""
    try:
        return compiled(pattern)
    except re2.error as error:
        said = error.args[0]
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"must be a regular expression as RE2 knows them; it says: {text}"


def _too_large(size: int) -> str:
    return f"with those before it, it takes {size} steps of at most {PROGRAM_SIZE_MAX}"


def compiled(pattern: str) -> re2._Regexp:
    """A pattern as RE2 has it, within the memory that it may take; raises `re2.error`."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MEMORY_BYTES_MAX
    return re2.compile(pattern.encode("utf-8", "replace"), options)


def _spans(pattern: re2._Regexp, data: bytes) -> Iterator[Span]:
    position = found = 0
    while position < len(data):
        match = pattern.search(data, position)
        if match is None:
            return
        begin, end = match.span()
        if found == MATCHES_MAX:
            yield begin, len(data)
            return
        if end > begin:
            yield begin, end
        found += 1
        position = max(end, position + 1)


def _pieces(data: bytes, begin: int, spans: list[Span]) -> Iterator[bytes]:
    """What is left from `begin` on; spans that touch or overlap make one mask."""
    masked_to = -1
    for first, last in sorted(spans):
        if last <= begin:
            continue
        if first > masked_to:
            yield data[max(begin, masked_to) : max(begin, first)]
            yield MASK.encode()
        masked_to = max(masked_to, last)
    yield data[max(begin, masked_to) :]


def _first_shown(data: bytes) -> int:
    """Where to begin showing the end of a longer text: at a line, if one begins soon enough."""
    least = max(len(data) // _SHARE_NOT_SHOWN, len(data) - rows.LOG_TAIL_BYTES_MAX)
    newline = data.find(b"\n", least, least + (len(data) - least) // 3)
    return newline + 1 if newline >= 0 else least


def _whole(data: bytes) -> bytes:
    """The same without half a letter at its beginning."""
    return data.decode("utf-8", "ignore").encode()


def _is_cut(message: str) -> bool:
    long = len(message.encode("utf-8", "replace")) >= KUBELET_CUTS_FROM_BYTES
    return long or message.count("\n") >= KUBELET_CUTS_FROM_LINES


def has_words(pod: pods.Pod) -> bool:
    """Does a Pod say anything at all that might have to be masked?"""
    status = pod.status
    if status.message or any(one.message for one in status.conditions):
        return True
    for container in (*status.container_statuses, *status.init_container_statuses):
        state = container.state
        if state is not None and (
            (state.waiting is not None and state.waiting.message)
            or (state.terminated is not None and state.terminated.message)
        ):
            return True
    return False


NO_MASKS: Final = Masks()
