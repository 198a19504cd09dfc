"""How the cluster can fail us, told apart by what a caller does next.

Everything an `Api` raises is a `ClusterError`; anything else that comes out of it is a bug of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.core import refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE_CHARS_MAX: Final = 2048

_TOO_LARGE: Final = (
    "request is too large",  # etcd, above --max-request-bytes (1.5 MiB)
    "request entity too large",  # the API server, above 3 MiB; proxies
    "trying to send message larger than max",  # the API server's client of etcd, above 2 MiB
)


class ClusterError(Exception):
    """The cluster did not do what was asked; the request may be repeated later."""


class NotLeader(ClusterError):  # noqa: N818  # a state of affairs, not a fault
    """A write was stopped in this process, because another replica may be leading."""


class Unreachable(ClusterError):  # noqa: N818  # a state of affairs, not a fault
    """No answer came; `maybe_applied` is False only if the API server cannot have acted."""

    def __init__(self, message: str, *, maybe_applied: bool) -> None:
        super().__init__(message)
        self.message = message
        self.maybe_applied = maybe_applied


class Cause(msgspec.Struct, frozen=True):
    """One reason of a refusal; `field` is a path such as `spec.containers[0].image`."""

    reason: str = ""
    message: str = ""
    field: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: tuple[Cause, ...] | None = None
    retry_after_seconds: float | None = msgspec.field(default=None, name="retryAfterSeconds")


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_decode_status: Final = msgspec.json.Decoder(_Status, strict=False).decode


class ApiError(ClusterError):
    """The API server said no; the fields are those of its `Status` object (meta/v1)."""

    def __init__(
        self,
        status: int,
        reason: str = "",
        message: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        self.retry_after_seconds = retry_after_seconds

    @property
    def not_found(self) -> bool:
        """The object, or its kind, does not exist."""
        return self.status == 404

    @property
    def already_exists(self) -> bool:
        """A create met an object of that name."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def conflict(self) -> bool:
        """A precondition (resourceVersion, uid) no longer holds: read again, decide again."""
        return self.status == 409 and self.reason != "AlreadyExists"

    @property
    def expired(self) -> bool:
        """A resourceVersion or a continue token is too old: list again from the start."""
        return self.status == 410

    @property
    def invalid(self) -> bool:
        """The object itself is refused: repeating the request cannot help."""
        return self.status in {400, 413, 422}

    @property
    def too_large(self) -> bool:
        """The object is larger than the API server, or the store behind it, takes."""
        return self.status == 413 or (
            self.status in {400, 422, 500}
            and any(words in self.message.lower() for words in _TOO_LARGE)
        )


def api_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ApiError:
    """Read an HTTP error; a body that is no `Status` (a proxy's page) becomes the message."""
    retry_after_seconds = _header_seconds(headers)
    try:
        said = _decode_status(body)
    except msgspec.DecodeError:
        text = body[:MESSAGE_CHARS_MAX].decode(errors="replace").strip()
        return ApiError(status, "", text, (), retry_after_seconds)
    details = said.details or _Details()
    if retry_after_seconds is None:
        retry_after_seconds = details.retry_after_seconds
    return ApiError(
        status or said.code,
        said.reason,
        said.message[:MESSAGE_CHARS_MAX],
        details.causes or (),
        retry_after_seconds,
    )


def answer_of(error: ClusterError) -> refusals.Answer:
    """What the API server said to a request that failed, as the core judges it."""
    if isinstance(error, ApiError):
        return refusals.Answer(error.status, error.reason, error.message)
    return refusals.Answer(0, "", str(error))


def _header_seconds(headers: Mapping[str, str] | None) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is never sent by Kubernetes."""
    text = headers.get("Retry-After", "") if headers else ""
    return float(text) if text.isascii() and text.isdigit() else None
