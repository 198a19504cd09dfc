"""Reads JSON that anybody may have written, however deeply it is nested.

The API server stores up to 10,000 levels, and every parser of ours gives up long before that: one
DAG of one user would end the operator of a whole cluster, and end it again after each restart. So
what is too deep is cut off before it is parsed. What is left is still too deep to be a DAG, and is
refused as one (`core.validation`), while all other objects are read as if nothing had happened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

T = TypeVar("T")

LEVELS_KEPT: Final = 260
"""More than what `orjson` writes (254), so that a document that was cut can be told from a good one;
far less than what Python's parsers read, which is some 900."""

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_OPENING: Final = (b"{", b"[")
_CLOSING: Final = (b"}", b"]")
_NEWLINE: Final = b"\n"


def loads(text: bytes) -> Any:
    """The value of a JSON document, without what is nested too deeply."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        shallow = cut(text)
        if shallow == text:
            raise
        return orjson.loads(shallow)


def tolerant(decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """A decoder that has a second look, at what it can read of a document that is too deep."""

    def read(text: bytes) -> T:
        try:
            return decode(text)
        except RecursionError:
            return decode(cut(bytes(text)))

    return read


def bounded(text: bytes) -> bytes:
    """A document that every parser can read; the same one if it is not nested too deeply."""
    if text.count(b"{") + text.count(b"[") <= LEVELS_KEPT:
        return text
    try:
        orjson.dumps(orjson.loads(text))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return cut(text)
    return text


def cut(text: bytes) -> bytes:
    """The document with null in the place of whatever lies below LEVELS_KEPT."""
    kept: list[bytes] = []
    level = start = resumed = 0
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in _OPENING:
            if level == LEVELS_KEPT:
                start = token.start()
            level += 1
        elif word in _CLOSING:
            level -= 1
            if level == LEVELS_KEPT:
                kept += (text[resumed:start], b"null")
                resumed = token.end()
    return b"".join((*kept, text[resumed:]))


class BoundedResponse(aiohttp.ClientResponse):
    """An answer whose documents have a bounded depth: the one of `json`, or each line of a watch."""

    async def start(self, connection: Any) -> BoundedResponse:
        """Take in the head of the answer."""
        await super().start(connection)
        self.content: Any = _Lines(self.content)
        return self

    async def json(self, **options: Any) -> Any:
        """The whole answer as a value."""
        return await super().json(**options, loads=lambda text: loads(text.encode()))


class _Lines:
    """A stream that gives whole lines to those who ask for chunks."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, bytes_max: int) -> AsyncIterator[bytes]:
        """Lines with their ends; what ends without one is a cut line, and dropped."""
        parts: list[bytes] = []
        async for chunk in self._stream.iter_chunked(bytes_max):
            whole, newline, rest = chunk.rpartition(_NEWLINE)
            if not newline:
                parts.append(chunk)
                continue
            for line in b"".join((*parts, whole)).split(_NEWLINE):
                yield bounded(line) + _NEWLINE
            parts = [rest] if rest else []
