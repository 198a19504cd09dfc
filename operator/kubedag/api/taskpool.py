"""A TaskPool: how many of something that all runs share there are, such as connections to a database."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from kubedag.api.common import (
    Amount,
    Conditions,
    DNSLabel,
    Generation,
    Metadata,
    ObjectMeta,
    Spec,
    Status,
    Time,
    Word,
    name_rule,
)
from kubedag.api.dag import ObjectNameRead
from kubedag.api.enums import SharedBy
from kubedag.api.lists import atomic_list, set_list
from kubedag.api.rules import Rule, Ruled

SLOTS_MAX: Final = 100_000
LISTED_MAX: Final = 100
POOL_NAME_LENGTH_MAX: Final = 63

Total = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Slots = Annotated[int, Field(strict=True, ge=0, le=SLOTS_MAX)]


class ShareWith(Ruled, Spec):
    """Which other namespaces may take slots."""

    scope: SharedBy = SharedBy.LISTED
    """scope is All namespaces, or those that are Listed."""
    namespaces: Annotated[tuple[DNSLabel, ...], *set_list(most=1000)] = ()
    """namespaces are those that scope Listed is about."""

    rules: ClassVar = (
        Rule(
            "list namespaces if scope is Listed, and only then",
            cel="(self.scope == 'Listed') == (has(self.namespaces) && size(self.namespaces) > 0)",
            holds=lambda share: (share.scope == SharedBy.LISTED) == bool(share.namespaces),
            field="namespaces",
        ),
    )


class TaskPoolSpec(Spec):
    """How many slots there are, and for whom."""

    description: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """description says what the slots stand for."""
    slots: Slots
    """slots is how many can be taken at once. With 0 nothing that takes any starts; what runs goes
    on, as with any other number that is made smaller."""
    share_with: ShareWith | None = None
    """shareWith permits tasks in other namespaces. Without it, only those in the pool's own."""


class SlotHolder(Status):
    """A Pod that takes slots, or that is being created."""

    namespace: Word
    """namespace of the Pod."""
    run_name: ObjectNameRead
    """runName is the run that it is of."""
    task: Word
    """task that it is of."""
    pod_name: ObjectNameRead
    """podName is the Pod."""
    slots: Amount
    """slots that it takes."""


class SlotWaiter(Status):
    """A task that waits for slots."""

    namespace: Word
    """namespace of its run."""
    run_name: ObjectNameRead
    """runName is the run that it is of."""
    task: Word
    """task that waits."""
    slots: Amount
    """slots that it is to take."""
    wait_time: Time
    """waitTime is since when it waits."""


class TaskPoolStatus(Status):
    """Who has the slots, and who waits for them."""

    observed_generation: Generation | None = None
    """observedGeneration is the metadata.generation that this status is about."""
    conditions: Conditions = ()
    """conditions has Available, which is True while slots are free."""
    used: Total | None = None
    """used is how many slots are taken."""
    free: Amount | None = None
    """free is how many are not."""
    waiting: Total | None = None
    """waiting is how many tasks wait for slots."""
    holders: Annotated[tuple[SlotHolder, ...], *atomic_list(most=LISTED_MAX)] = ()
    """holders are the first 100 of those that take slots, by namespace and name."""
    waiters: Annotated[tuple[SlotWaiter, ...], *atomic_list(most=LISTED_MAX)] = ()
    """waiters are the first 100 of those that wait, in the order in which they will start."""


class TaskPool(Ruled, Spec):
    """A TaskPool bounds how many tasks of all runs that use it have a Pod at once."""

    api_version: Literal["kubedag.dev/v1alpha1"] = "kubedag.dev/v1alpha1"
    kind: Literal["TaskPool"] = "TaskPool"
    metadata: Metadata = ObjectMeta()
    spec: TaskPoolSpec
    """spec is how many slots there are; the operator never writes to it."""
    status: TaskPoolStatus | None = None
    """status is who has them; only the operator writes it."""

    rules: ClassVar = (name_rule(POOL_NAME_LENGTH_MAX),)
