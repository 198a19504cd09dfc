"""Everything a decision about one run may look at, as immutable facts.

The shell builds a snapshot from what it last saw; whatever is not here does not exist for the core.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.api.enums import RunType
from kubedag.core import audience as audiences
from kubedag.core.history import OF_SCHEDULE, is_of_backfill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from kubedag.core import actions, limits, pods, rows
    from kubedag.core import plan as plans


class RerunRequest(NamedTuple):
    """The wish that a run runs again; one with the id of one that was fulfilled is none."""

    id: str
    scope: str = "Failed"
    tasks: tuple[str, ...] = ()
    revision: str = "Same"
    include: str = "Downstream"
    dry_run: bool = False


class MarkRequest(NamedTuple):
    """What a person says has become of a task or a run; each id is set once."""

    id: str
    state: str
    by: str = ""
    comment: str = ""


class Answer(NamedTuple):
    """What a person answered when a task asked for approval for the `attempt`-th time."""

    decision: str
    by: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a DAGRun says about itself, apart from its status."""

    name: str
    namespace: str
    uid: str
    dag_name: str
    created: str
    generation: int = 1
    suspend: bool = False
    deleting: bool = False
    run_type: str = "Manual"
    logical_time: str | None = None
    interval_start: str | None = None
    interval_end: str | None = None
    tasks: tuple[str, ...] = ()
    """Those that the run is limited to, with all that depend on them; without any, it has all."""
    params: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    rerun: RerunRequest | None = None
    shutdown: str = ""
    """Stop or Terminate, if that is asked for."""
    mark: MarkRequest | None = None
    """Of the run itself."""
    marks: Mapping[str, MarkRequest] = field(default_factory=dict)
    """By task name."""
    answers: Mapping[tuple[str, int], Answer] = field(default_factory=dict)
    """By task name and which time of asking they are for."""
    backfill_uid: str = ""
    """Of the Backfill that created it; empty if none did."""

    @property
    def of_backfill(self) -> bool:
        """Does it run, or is it to run again, for a Backfill? Then it gives way to others."""
        wish = self.rerun.id if self.rerun else ""
        return self.run_type == "Backfill" or is_of_backfill(wish)

    @property
    def held_by_dag(self) -> bool:
        """Is it held back while its DAG is suspended?"""
        return self.run_type in OF_SCHEDULE

    @property
    def order(self) -> tuple[str, str, str]:
        """Oldest first: by the time it stands for, then by creation, then by name."""
        return (self.logical_time or self.created, self.created, self.name)


@dataclass(frozen=True, slots=True)
class DAGFacts:
    """What the runs of a DAG need to know of it as it is now."""

    generation: int
    ready: bool
    checked: bool = True
    """False as long as this generation has not been judged, good or bad."""
    message: str = ""
    revision: str = ""
    suspend: bool = False


class Peer(NamedTuple):
    """Another run of the same DAG, as far as limits between runs go."""

    name: str
    order: tuple[str, str, str]
    started: bool = False
    finished: bool = False
    succeeded: bool = False
    suspended: bool = False
    reruns: bool = False
    """It has ended, and waits to run again: as good as a run that has not started."""
    waits_for_past: bool = False
    """It waits for one before it to succeed, and for no place, so nobody is to wait for it."""
    of_backfill: bool = False
    coming: bool = False
    """It is being created, and may never be there: others let it go first, and none ends for it."""


_NOT_YET: Final = "9999-12-31T23:59:59Z"
"""When a run was created that is not: after all that are."""


def coming(create: actions.CreateRun, *, dag_suspended: bool = False) -> Peer:
    """A run that is being created, as the others see it."""
    return Peer(
        create.name,
        (create.start_time, _NOT_YET, create.name),
        suspended=dag_suspended and create.run_type in OF_SCHEDULE,
        of_backfill=create.run_type == RunType.BACKFILL.value,
        coming=True,
    )


class Source(NamedTuple):
    """A plan that a run may go by, and what it was made of."""

    plan: plans.Plan
    revision: str
    generation: int


@dataclass(frozen=True, slots=True)
class CapturedLog:
    """What reading a failed container's log gave; `text` is None when it could not be read."""

    text: bytes | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class PodWarning:
    """What the newest Warning Event of a Pod says; without a reason there is none."""

    read_time: str
    reason: str = ""
    message: str = ""
    time: str = ""
    """When it happened last."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API did not create the Pod of an attempt. A transient one is tried again."""

    attempt: int
    reason: str
    message: str
    time: str
    transient: bool = False
    retry_time: str = ""
    """When a transient one may be tried again."""


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """One run and all that bears on it."""

    run: RunFacts
    status: rows.RunStatus
    decided: rows.RunStatus | None = None
    """The newest decision about it, which may not be stored yet."""
    dag: DAGFacts | None = None
    plan: plans.Plan | None = None
    plan_revision: str = ""
    plan_generation: int = 0
    """The generation of the DAG that the revision was made of."""
    lost_revision: str = ""
    """The revision of which the API has said, asked by name, that it is gone or of no use."""
    newest: Source | None = None
    """The DAG as it is, if it is ready; only for a run that is to run again."""
    beginning: bool = False
    """That it runs again is being stored: nobody takes its place any more."""
    held: Sequence[pods.Pod] = ()
    """The Pods that carry our finalizer."""
    pods: Mapping[str, Sequence[pods.Pod]] = field(default_factory=dict)
    """By task name; in order of attempt."""
    observed: Mapping[str, rows.Attempt] = field(default_factory=dict)
    """By the Pod's UID: `attempts.observe` of the Pods, worked out once when each was seen."""
    gone: AbstractSet[str] = frozenset()
    """The UIDs and names of Pods of which the API has said, asked by name, that they are gone."""
    creating: Mapping[str, str] = field(default_factory=dict)
    """The Pods whose creation is under way: their names, by task name."""
    logs: Mapping[str, CapturedLog] = field(default_factory=dict)
    """By the Pod's UID."""
    capturing: AbstractSet[str] = frozenset()
    """The UIDs of the Pods whose logs are being read."""
    warnings: Mapping[str, PodWarning] = field(default_factory=dict)
    """By the Pod's UID, of those whose Events have been read."""
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    """By task name."""
    slice_bytes_max: int | None = None
    """How large a slice of the rows may be, once the API has refused the status as too large."""
    peers: Sequence[Peer] = ()
    """Filled in only where limits between runs are asked for."""
    limits: limits.View | None = None
    """Of the limits that its tasks share with those of other runs; None if there are none."""
    audience: audiences.Audience = audiences.NOBODY
    """Who is told of the run."""

    @property
    def known_plan(self) -> plans.Plan | None:
        """What the run goes by, or would if it ran again: actions count tasks by it."""
        if self.plan is not None or self.newest is None:
            return self.plan
        return self.newest.plan
