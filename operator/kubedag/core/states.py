"""The states of a task and of an attempt, and which of them are ends.

Rows hold plain strings: a decision looks at ten thousand of them, and hashing a `StrEnum` member
costs three times what a string does. `tests/contract` holds these against the API's enums.
"""

from __future__ import annotations

from typing import Final

WAITING: Final = "Waiting"
QUEUED: Final = "Queued"
PENDING: Final = "Pending"
RUNNING: Final = "Running"
TERMINATING: Final = "Terminating"
AWAITING_RETRY: Final = "AwaitingRetry"
AWAITING_APPROVAL: Final = "AwaitingApproval"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
SKIPPED: Final = "Skipped"
UPSTREAM_FAILED: Final = "UpstreamFailed"

ACTIVE: Final = frozenset({PENDING, RUNNING, TERMINATING})
"""A Pod of the task may be alive."""

TERMINAL: Final = frozenset({SUCCEEDED, FAILED, SKIPPED, UPSTREAM_FAILED})
"""Absorbing: nothing but a person leaves them, by a rerun or a mark."""

ATTEMPT_ENDS: Final = frozenset({SUCCEEDED, FAILED})
"""How an attempt can end; before that it is Pending, Running or Terminating."""
