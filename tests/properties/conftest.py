"""How the properties are searched: as long as it takes, on machines that have other work, too.

Each time with the same examples, so that a change is not blamed for what it did not break. With
`HUNT=1` in the environment, with new ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "shared-machine",
    deadline=None,
    derandomize="HUNT" not in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("shared-machine")
