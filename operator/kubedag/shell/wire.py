"""Decodes lists and watch lines straight into records, with one decoder per shape.

The whole hot path of the operator's reading is here: naming the type to msgspec up front makes an
event cost microseconds. What does not fit is looked at a second time, more patiently, because one
odd object must never hide all the others.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from kubedag.core.pods import Metadata  # noqa: TC001  # msgspec reads it at run time
from kubedag.shell import nesting
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable


class Record(Protocol):
    """What the cache needs to know of a kind; a frozen `msgspec.Struct` has all of it."""

    @property
    def metadata(self) -> Metadata: ...

    @property
    def gone(self) -> bool: ...


R = TypeVar("R", bound=Record)
T = TypeVar("T")

Key = tuple[str, str]

_OTHER_TYPES: Final = frozenset({"ERROR", "BOOKMARK"})


class UndecodableError(Exception):
    """A watch line is not what the kind promises."""


class _ListMeta(msgspec.Struct, frozen=True):
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    continue_: str = msgspec.field(default="", name="continue")


class _RawPage(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[msgspec.Raw]


class _Bare(msgspec.Struct, frozen=True):
    metadata: Metadata


class _Other(msgspec.Struct, frozen=True):
    """The object of a BOOKMARK (only metadata) or of an ERROR (a Status)."""

    metadata: _ListMeta = _ListMeta()
    code: int = 0
    reason: str = ""
    message: str = ""


class _OtherLine(msgspec.Struct, frozen=True):
    type: str
    object: _Other = _Other()


class Page(NamedTuple, Generic[R]):
    """Part of a list; `unread` are the keys of objects that could not be decoded."""

    items: list[R]
    resource_version: str
    continue_token: str
    unread: list[Key]


class Change(NamedTuple, Generic[R]):
    """A watch event; `record` is None for a bookmark."""

    type: str
    record: R | None
    resource_version: str


@cache
def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """The one of a kind; making it, and the types below, takes longer than most watches ever say."""
    return nesting.tolerant(msgspec.json.Decoder(kind).decode)


@cache
def _line_of(kind: type) -> type:
    return msgspec.defstruct("Line", [("type", str), ("object", kind)], gc=False)


@cache
def _page_of(kind: type) -> type:
    return msgspec.defstruct("Page", [("metadata", _ListMeta), ("items", list[kind])])  # type: ignore[valid-type]


class Decoders(Generic[R]):
    """The decoders of one kind."""

    def __init__(self, kind: type[R]) -> None:
        self._kind: Final = kind
        self._line = decoder(_line_of(kind))
        self._page = decoder(_page_of(kind))
        self._item: Callable[[bytes], R] = decoder(kind)

    def page(self, body: bytes) -> Page[R]:
        """Decode one page of a list. Raises `UndecodableError` if it is no list at all."""
        try:
            page = self._page(body)
        except msgspec.DecodeError:
            return self._page_one_by_one(body)
        return _told(page.metadata, page.items, [])

    def change(self, line: bytes) -> Change[R]:
        """Decode a watch line. Raises `ApiError` for an ERROR event, or `UndecodableError`."""
        try:
            event = self._line(line)
        except msgspec.DecodeError as error:
            return self._other(line, error)
        if event.type in _OTHER_TYPES:
            return self._other(line, None)
        record = event.object
        return _changed(event.type, record, record.metadata.resource_version)

    @staticmethod
    def _other(line: bytes, cause: Exception | None) -> Change[R]:
        try:
            event = decoder(_OtherLine)(line)
        except msgspec.DecodeError as error:
            raise UndecodableError(str(error)) from error
        if event.type == "BOOKMARK":
            return _changed(event.type, None, event.object.metadata.resource_version)
        if event.type == "ERROR":
            said = event.object
            raise ApiError(said.code or 500, said.reason, said.message)
        raise UndecodableError(str(cause))

    def _page_one_by_one(self, body: bytes) -> Page[R]:
        try:
            page = decoder(_RawPage)(body)
        except msgspec.DecodeError as error:
            raise UndecodableError(str(error)) from error
        items: list[R] = []
        unread: list[Key] = []
        for raw in page.items:
            try:
                items.append(self._item(raw))
            except msgspec.DecodeError:
                unread.extend(_key_of(raw))
        return _told(page.metadata, items, unread)


def _told(meta: _ListMeta, items: list[R], unread: list[Key]) -> Page[R]:
    """A page of a list as an API server makes it: it says of which moment it is."""
    if not meta.resource_version:
        raise UndecodableError("a list without a resourceVersion")
    return Page(items, meta.resource_version, meta.continue_, unread)


def _changed(kind: str, record: R | None, version: str) -> Change[R]:
    if not version:
        raise UndecodableError("an event without a resourceVersion")
    return Change(kind, record, version)


def _key_of(raw: msgspec.Raw) -> list[Key]:
    try:
        metadata = decoder(_Bare)(raw).metadata
    except msgspec.DecodeError:
        return []
    return [(metadata.namespace, metadata.name)]


def older(one: str, other: str) -> bool:
    """Whether one resourceVersion is older; they are ordered if both are numbers (KEP-5504)."""
    return one.isdecimal() and other.isdecimal() and int(one) < int(other)
