"""What it means that the API server did not create a Pod: wait, or the Pod is wrong for ever.

A table in order, first match wins. The messages are those of the Kubernetes API server; the list of
what passes by itself grew out of years of such lists in other controllers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

NAME_CONFLICT: Final = "NameConflict"


class Verdict(NamedTuple):
    """Why a Pod was not created, and whether trying again can help."""

    reason: str
    transient: bool


class Answer(NamedTuple):
    """What the API server answered; status 0 stands for no answer."""

    status: int
    reason: str
    message: str


Row = tuple[Callable[[Answer], bool], Verdict]


def _says(*texts: str) -> Callable[[Answer], bool]:
    return lambda answer: any(text in answer.message for text in texts)


ROWS: Final[tuple[Row, ...]] = (
    (lambda a: a.status == 0, Verdict("APIUnreachable", transient=True)),
    (lambda a: a.status == 429 or a.status >= 500, Verdict("APIOverloaded", transient=True)),
    # Before all that looks at words: these quote the Pod, in which any word can be.
    (lambda a: a.status in (400, 413, 422), Verdict("InvalidPodSpec", transient=False)),
    (_says("exceeded quota", "failed quota", "insufficient quota"),
     Verdict("WaitingForQuota", transient=True)),
    (_says("being terminated"), Verdict("NamespaceTerminating", transient=False)),
    (_says("error looking up service account", "no API token found for service account"),
     Verdict("WaitingForServiceAccount", transient=True)),
    (_says("cannot create resource"), Verdict("OperatorNotAllowed", transient=True)),
    (_says("failed calling webhook"), Verdict("WebhookUnavailable", transient=True)),
    (lambda a: a.status == 403, Verdict("AdmissionDenied", transient=False)),
    (lambda a: a.status == 404, Verdict("NamespaceNotFound", transient=False)),
    (lambda a: a.status == 409, Verdict("Conflict", transient=True)),
)  # fmt: skip


WAITS: Final = frozenset(verdict.reason for _, verdict in ROWS if verdict.transient)
"""The reasons for which a Pod is waited with, until the API takes it."""


def classify(answer: Answer) -> Verdict:
    """What to make of an answer to the creation of a Pod."""
    for matches, verdict in ROWS:
        if matches(answer):
            return verdict
    return Verdict("APIRefused", transient=True)


def wait_seconds(tries: int) -> int:
    """How long to wait before asking again: 1, 2, 4, … at most 60 seconds."""
    return min(60, 1 << min(max(tries - 1, 0), 6))
