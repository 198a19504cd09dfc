"""What holds for a task where neither it nor `taskDefaults` says anything.

These are not schema defaults (see `task`), so their values are repeated in the fields'
descriptions; a contract test holds the two together.
"""

from __future__ import annotations

from typing import Final

RETRY_LIMIT: Final = 0
RETRY_INFRA_LIMIT: Final = 3
RETRY_BACKOFF_SECONDS: Final = 30
RETRY_BACKOFF_FACTOR: Final = 2
RETRY_BACKOFF_SECONDS_MAX: Final = 600
PENDING_TIMEOUT_SECONDS: Final = 900
PRIORITY: Final = 0
IDEMPOTENT: Final = True
