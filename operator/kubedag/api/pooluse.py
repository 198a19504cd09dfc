"""What a task takes of a TaskPool."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kubedag.api.common import DNSLabel, Spec


class PoolUse(Spec):
    """Which pool a task takes slots of, and how many."""

    name: DNSLabel
    """name of the TaskPool."""
    namespace: DNSLabel | None = None
    """namespace of the TaskPool, if it is another one, which the pool must permit."""
    slots: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = None
    """slots is how many it takes. Without one: 1."""
