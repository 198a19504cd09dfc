"""The part of the closed list of reasons that comes with the rules of `retry.onFailure`."""

from __future__ import annotations

from typing import Final

from kubedag.core.reasons import TASK, Reason

RETRY_RULE: Final = Reason(
    "RetryRule",
    "a rule of retry.onFailure ended the task, as Failed, Skipped or Succeeded; the message says "
    "which rule, and the attempt why it failed",
    "mend what failed, or the rule",
    said_of=(TASK,),
)
READING_LOG: Final = Reason(
    "ReadingLog",
    "the attempt has failed, and the end of its log is read, on which a rule of retry.onFailure "
    "depends; that takes some seconds at most",
    said_of=(TASK,),
)

OF_RULES: Final[tuple[Reason, ...]] = (RETRY_RULE, READING_LOG)
MISTAKES: Final = (
    (
        "NoMemory",
        "memoryFactor is for a container that asks for no memory, and has no limit of it",
    ),
)
