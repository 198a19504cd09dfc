"""What it means that the API server did not create a Pod: wait, or the Pod is wrong for ever.

A table in order, first match wins. The texts are those of the Kubernetes API server, and are looked
for only where it writes them: a message can quote the Pod and a webhook's author, and so have any
word in it. What is not known to pass by itself, but was not said to be wrong either, is waited with.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.core import reasons, words
from kubedag.core import reasons_elsewhere as waits

if TYPE_CHECKING:
    from collections.abc import Callable

NAME_CONFLICT: Final = reasons.NAME_CONFLICT.name


TEXT_CHARS_MAX: Final = 4096
"""Of what the API server says, so that looking for patterns in it has a bound."""


class Verdict(NamedTuple):
    """Why a Pod was not created, whether trying again can help, and the same in words."""

    reason: str
    transient: bool
    message: str = ""


class Answer(NamedTuple):
    """What the API server answered; status 0 stands for no answer."""

    status: int
    reason: str
    message: str


class Row(NamedTuple):
    """One cause: how it is known (its text or None), what it is, and how to say it.

    `cause` returns what is to be said about it, so that it is found and told by the same text.
    """

    cause: Callable[[Answer], str | None]
    reason: reasons.Reason
    says: str


def _status(*codes: int) -> Callable[[Answer], str | None]:
    return lambda answer: answer.message if answer.status in codes else None


def _server_trouble(answer: Answer) -> str | None:
    troubled = answer.status == 429 or answer.status >= 500
    return answer.message.removeprefix("Internal error occurred: ") if troubled else None


def _text(pattern: str, codes: range = range(400, 500)) -> Callable[[Answer], str | None]:
    """The text from the beginning of the message; its group is what is to be said."""
    compiled = re.compile(pattern, re.DOTALL)

    def cause(answer: Answer) -> str | None:
        found = compiled.match(answer.message) if answer.status in codes else None
        return found[1] if found else None

    return cause


def _forbidden(pattern: str, codes: range = range(400, 500)) -> Callable[[Answer], str | None]:
    """What the API server or one of its own admission plug-ins says, whatever code it gives."""
    return _text(r'(?:pods(?: "[^"]*")? is forbidden: )?' + pattern, codes)


_SERVER: Final = range(500, 600)
_FAILED_CALL: Final = r'(?:Internal error occurred: )?failed calling webhook ("[^"]*": .*)'
_DENIED: Final = r'(admission webhook "[^"]*" denied the request.*)'

ROWS: Final = (
    Row(_status(0), waits.API_UNREACHABLE, "the API server does not answer: {}"),
    Row(_text(_FAILED_CALL, range(400, 600)), waits.WEBHOOK_UNAVAILABLE,
        "a webhook cannot be asked: {}"),
    Row(_text(_DENIED, _SERVER), waits.WEBHOOK_UNAVAILABLE, "a webhook failed: {}"),
    Row(_server_trouble, waits.API_OVERLOADED, "the API server is in trouble: {}"),
    Row(_text(_DENIED), reasons.ADMISSION_DENIED, "refused: {}"),
    Row(_forbidden(r"(ValidatingAdmissionPolicy .*)"), reasons.ADMISSION_DENIED, "refused: {}"),
    Row(_status(400), reasons.INVALID_POD_SPEC, "the API server cannot read the Pod: {}"),
    Row(_status(413), reasons.INVALID_POD_SPEC, "the Pod is too large for the API server: {}"),
    Row(_text(r'Pod "[^"]*" is invalid: (.*)', range(422, 423)), reasons.INVALID_POD_SPEC,
        "the Pod is invalid: {}"),
    Row(_status(422), reasons.INVALID_POD_SPEC, "the Pod is invalid: {}"),
    Row(_forbidden(r"exceeded quota(?:: )?(.*)"), waits.WAITING_FOR_QUOTA,
        "namespace's quota is used up: {}"),
    Row(_forbidden(r"((?:status unknown for|insufficient) quota.*)"), waits.WAITING_FOR_QUOTA,
        "waits for the namespace's quota: {}"),
    Row(_forbidden(r"failed quota: (.*)"), reasons.ADMISSION_DENIED,
        "refused by the namespace's quota: {}"),
    Row(_forbidden(r"(unable to create new content in namespace \S+ because it is being terminated)"),
        reasons.NAMESPACE_TERMINATING, "{}"),
    Row(_forbidden(r"error looking up service account \S+: (.*)"),
        waits.WAITING_FOR_SERVICE_ACCOUNT, "{}"),
    Row(_forbidden(r"(no API token found for service account .*)"),
        waits.WAITING_FOR_SERVICE_ACCOUNT, "{}"),
    Row(_forbidden(r'(User "[^"]*" cannot create resource .*)'), waits.OPERATOR_NOT_ALLOWED,
        "kubedag may not create Pods here: {}"),
    Row(_forbidden(r"(not yet ready to handle request)"), waits.API_OVERLOADED,
        "the API server is in trouble: {}"),
    Row(_forbidden(r"(\[?(?:maximum|minimum) \S+ usage per .*|\[?\S+ max limit to request ratio .*)"),
        reasons.ADMISSION_DENIED, "refused by a LimitRange of the namespace: {}"),
    Row(_forbidden("(.*)", range(403, 404)), reasons.ADMISSION_DENIED, "refused: {}"),
    Row(_text(r'(namespaces "[^"]*" not found)', range(404, 405)), reasons.NAMESPACE_NOT_FOUND, "{}"),
    Row(_status(409), waits.CONFLICT, "another change came first: {}"),
    Row(lambda answer: f"{answer.status} {answer.message}", waits.API_REFUSED,
        "the API server refused: {}"),
)  # fmt: skip
"""The last one answers always."""


WAITS: Final = frozenset(row.reason.name for row in ROWS if not row.reason.failure_class)
"""The reasons for which a Pod is waited with, until the API takes it."""


def classify(answer: Answer) -> Verdict:
    """What to make of an answer to the creation of a Pod."""
    answer = answer._replace(message=answer.message[:TEXT_CHARS_MAX])
    for row in ROWS:
        cause = row.cause(answer)
        if cause is not None:
            said = words.one_line(row.says.format(words.one_line(cause)).removesuffix(": "))
            return Verdict(row.reason.name, not row.reason.failure_class, said)
    raise AssertionError("the last row answers always")


def wait_seconds(tries: int) -> int:
    """How long to wait before asking again: 1, 2, 4, … at most 60 seconds."""
    return min(60, 1 << min(max(tries - 1, 0), 6))
