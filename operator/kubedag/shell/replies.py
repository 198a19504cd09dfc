"""Reads an answer of the API as what was asked for; anything else counts as no answer, whoever asks.

A proxy may answer in the API server's place, with the code 200 and whatever JSON it likes. Nothing
follows from that: a write may have been applied, and of what was asked about nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from kubedag.shell import client, nesting, wire
from kubedag.shell.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R", bound=wire.Record)

Object = dict[str, Any]
_Word = Annotated[str, msgspec.Meta(min_length=1)]


async def ask(
    api: client.Api, read: Callable[[bytes], T], method: str, path: str, **options: Any
) -> T:
    """The answer to a request, read; `options` are those of `Api.request`."""
    answer = await api.request(method, path, **options)
    try:
        return read(answer)
    except (msgspec.MsgspecError, wire.UndecodableError, ValueError, RecursionError) as error:
        message = f"{method} {path}: the answer is not what was asked for: {error}"
        maybe_applied = method in client.MUTATING_METHODS
        raise Unreachable(message, maybe_applied=maybe_applied) from error


class _Kind(msgspec.Struct, frozen=True):
    kind: _Word


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: _Word


class _Stored(msgspec.Struct, frozen=True):
    metadata: _Version


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: _Word
    namespace: _Word
    uid: _Word
    resource_version: _Word
    creation_timestamp: _Word
    deletion_timestamp: str | None = None
    generation: int = 1
    labels: dict[str, str] | None = None


class _Custom(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: Object | None = None
    status: Object | None = None


class _ListMeta(msgspec.Struct, frozen=True):
    resource_version: _Word = msgspec.field(name="resourceVersion")
    continue_: str = msgspec.field(default="", name="continue")


class _CustomList(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[_Custom]


class _Sketch(msgspec.Struct, frozen=True):
    metadata: _Meta


class _Event(msgspec.Struct, frozen=True):
    type: _Word
    object: _Sketch


class _Bookmark(msgspec.Struct, frozen=True):
    object: _Stored


class Page(NamedTuple):
    """Part of a list of custom resources."""

    items: list[Object]
    resource_version: str
    continue_token: str


class Kept(NamedTuple):
    """An object as a record, and with all that the record leaves out."""

    record: Any
    raw: Object


_kind: Final = wire.decoder(_Kind)
_stored: Final[Callable[[bytes], _Stored]] = wire.decoder(_Stored)
_event: Final = wire.decoder(_Event)
_bookmark: Final = wire.decoder(_Bookmark)
_BOOKMARK_BEGINS: Final = b'{"type":"BOOKMARK"'


def anything(answer: bytes) -> None:
    """An object of the API, whichever, or its word that something is done."""
    _kind(answer)


def version(answer: bytes) -> str:
    """The resourceVersion of an object that was stored."""
    return _stored(answer).metadata.resource_version


def custom(answer: bytes) -> Object:
    """An object that is stored, with all that there is of it."""
    found: Object = nesting.loads(answer)
    msgspec.convert(found, _Custom)
    return found


def customs(answer: bytes) -> Page:
    """A page of a list of custom resources."""
    return page_of(nesting.loads(answer))


def page_of(found: Any) -> Page:
    """A page of a list of custom resources, from the value of its JSON; raises `ValidationError`."""
    meta = msgspec.convert(found, _CustomList).metadata
    return Page(found["items"], meta.resource_version, meta.continue_)


def is_event(line: bytes) -> bool:
    """Is that a word of a watch of custom resources, but for those on its own end?"""
    try:
        (_bookmark if line.startswith(_BOOKMARK_BEGINS) else _event)(line)
    except msgspec.MsgspecError:
        return False
    return True


def record(kind: type[R]) -> Callable[[bytes], R]:
    """An object of a kind that a cache keeps."""
    decode: Callable[[bytes], R] = wire.decoder(kind)

    def read(answer: bytes) -> R:
        found = decode(answer)
        meta = found.metadata
        if not (meta.name and meta.namespace and meta.uid and meta.resource_version):
            raise wire.UndecodableError("an object has a name, a UID and a resourceVersion")
        return found

    return read


def kept(kind: type[R]) -> Callable[[bytes], Kept]:
    """An object of a kind that a cache keeps, and with all that this leaves out."""
    decode = record(kind)
    return lambda answer: Kept(decode(answer), nesting.loads(answer))
