"""A Backfill: the wish that a DAG has run for every interval of a range of time."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from kubedag.api.common import (
    Amount,
    Conditions,
    DAGName,
    Generation,
    Metadata,
    ObjectMeta,
    Reason,
    ShortMessage,
    Spec,
    Status,
    Switch,
    Time,
    Word,
    name_rule,
)
from kubedag.api.control import TaskNames
from kubedag.api.dag import ObjectNameRead
from kubedag.api.dagrun import Params, never_changes
from kubedag.api.enums import BackfillOrder, IntervalState, Reprocess, RerunRevision
from kubedag.api.lists import atomic_list
from kubedag.api.notification import NotificationRows
from kubedag.api.rules import Rule, Ruled
from kubedag.api.schedule import starts_before_it_ends

RANGES_MAX: Final = 500
FAILURES_MAX: Final = 20
BACKFILL_NAME_LENGTH_MAX: Final = 63

CREATE_ANOTHER: Final = "create another Backfill instead"


class BackfillSpec(Ruled, Spec):
    """Which intervals of which DAG, and what to do where a run exists."""

    dag_name: DAGName
    """dagName is the DAG of the same namespace whose schedule gives the intervals."""
    start_time: Time
    """startTime is the start of the range; the first interval starts then or later."""
    end_time: Time
    """endTime is the end of the range; the last interval ends then or earlier. Intervals that have
    not ended when the Backfill is planned are left to the schedule."""
    reprocess: Reprocess = Reprocess.NONE
    """reprocess says which runs that exist already run again: None of them, Failed ones, or all
    Completed ones, whether they succeeded or failed. One that is active is left alone."""
    revision: RerunRevision = RerunRevision.NEWEST
    """revision is what a run that runs again goes by: the Newest revision of the DAG, or the Same
    that it had before."""
    max_active_runs: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """maxActiveRuns is how many runs of this Backfill may be active at once; that of the DAG, which
    holds for all its runs together, holds beside it."""
    order: BackfillOrder = BackfillOrder.OLDEST_FIRST
    """order is OldestFirst or NewestFirst."""
    intervals_per_run: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """intervalsPerRun is how many intervals that follow each other become one run."""
    tasks: TaskNames = ()
    """tasks limits the runs to these tasks and those that depend on them; without any, all run."""
    params: Params = ()
    """params are given to the runs that this Backfill creates."""
    dry_run: Switch = False
    """dryRun fills in the plan and runs nothing, until it is set to false."""
    suspend: Switch = False
    """suspend starts no further runs; those that are active go on."""
    cancel: Switch = False
    """cancel ends the Backfill: none of its runs that has not started ever will; those that are
    active go on to their end."""

    rules: ClassVar = (
        Rule(
            "be later than startTime",
            cel="self.startTime < self.endTime",
            holds=lambda spec: starts_before_it_ends(spec.start_time, spec.end_time),
            field="endTime",
        ),
        never_changes("dagName", CREATE_ANOTHER),
        never_changes("startTime", CREATE_ANOTHER),
        never_changes("endTime", CREATE_ANOTHER),
        never_changes("reprocess", CREATE_ANOTHER),
        never_changes("revision", CREATE_ANOTHER),
        never_changes("order", CREATE_ANOTHER),
        never_changes("intervalsPerRun", CREATE_ANOTHER),
        never_changes("tasks", CREATE_ANOTHER, required=False),
        never_changes("params", CREATE_ANOTHER, required=False),
        Rule(
            "not be set again once it was false",
            cel="!self.dryRun || oldSelf.dryRun",
            field="dryRun",
        ),
        Rule(
            "not be taken back: create another Backfill instead",
            cel="self.cancel || !oldSelf.cancel",
            field="cancel",
        ),
    )


class IntervalCounts(Status):
    """How many intervals of the range are in which state; together they are total."""

    total: Amount | None = None
    """total is how many intervals the range has."""
    planned: Amount | None = None
    """planned is how many still await a run, or that their run runs again."""
    queued: Amount | None = None
    """queued is how many have a run that waits for its turn."""
    active: Amount | None = None
    """active is how many have a run that has started and not ended."""
    succeeded: Amount | None = None
    """succeeded is how many this Backfill has run with success."""
    failed: Amount | None = None
    """failed is how many this Backfill has run without success."""
    skipped: Amount | None = None
    """skipped is how many it leaves alone; ranges says why."""
    cancelled: Amount | None = None
    """cancelled is how many it will not run any more, because it was cancelled."""


class IntervalRange(Status):
    """Intervals that follow each other and are in the same state."""

    start_time: Time
    """startTime is the start of the first of them."""
    end_time: Time
    """endTime is the end of the last of them."""
    intervals: Amount
    """intervals is how many there are."""
    state: IntervalState
    """state that they are in; Mixed where there are too many ranges to tell them apart."""
    reason: Reason | None = None
    """reason is one CamelCase word for why they are in this state."""
    run_name: ObjectNameRead | None = None
    """runName is the run, where they have one run."""


class BackfillFailure(Status):
    """An interval whose run failed."""

    run_name: ObjectNameRead
    """runName is the run that failed."""
    start_time: Time
    """startTime is the start of its interval."""
    message: ShortMessage | None = None
    """message says which of its tasks failed, and why."""


class BackfillStatus(Status):
    """How far the Backfill is."""

    observed_generation: Generation | None = None
    """observedGeneration is the metadata.generation that this status is about."""
    conditions: Conditions = ()
    """conditions has Succeeded, which is Unknown until the Backfill is over, and Finished, which is
    True once it is. A finished Backfill does nothing ever again."""
    revision: ObjectNameRead | None = None
    """revision is the ControllerRevision of the DAG whose schedule the intervals follow."""
    start_time: Time | None = None
    """startTime is when it was planned."""
    completion_time: Time | None = None
    """completionTime is when it was over."""
    estimated_completion_time: Time | None = None
    """estimatedCompletionTime is when it will be over if it goes on as it has."""
    progress: Word | None = None
    """progress is, for people, the intervals that are done and all there are, such as 37/365."""
    percent: Annotated[int | None, Field(strict=True, ge=0, le=100)] = None
    """percent of the intervals that are done."""
    intervals: IntervalCounts | None = None
    """intervals is how many are in which state."""
    ranges: Annotated[tuple[IntervalRange, ...], *atomic_list(most=RANGES_MAX)] = ()
    """ranges are all intervals, oldest first; those that follow each other and are in the same state
    are one range."""
    failures: Annotated[tuple[BackfillFailure, ...], *atomic_list(most=FAILURES_MAX)] = ()
    """failures are the first runs that failed, oldest first."""
    notifications: NotificationRows = ()
    """notifications is who is told by the DAG that the Backfill is over, and what has become of
    that."""


class Backfill(Ruled, Spec):
    """A Backfill runs a DAG for the intervals of a range of time, once. It may stay in Git for ever."""

    api_version: Literal["kubedag.dev/v1alpha1"] = "kubedag.dev/v1alpha1"
    kind: Literal["Backfill"] = "Backfill"
    metadata: Metadata = ObjectMeta()
    spec: BackfillSpec
    """spec says which intervals to run, and how; the operator never writes to it."""
    status: BackfillStatus | None = None
    """status says how far it is; only the operator writes it."""

    rules: ClassVar = (name_rule(BACKFILL_NAME_LENGTH_MAX),)
