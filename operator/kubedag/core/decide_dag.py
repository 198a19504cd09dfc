"""What to do about a DAG: judge it, keep what its runs need, forget what they no longer do.

A DAG is judged once per generation. A bad one says so in its `Ready` condition and changes nothing
for the runs that have started: they have the revision that they started with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kubedag.api import dag as api
from kubedag.api import problems
from kubedag.core import actions, answers, creations, due, instants, retention, rows, scheduling
from kubedag.core import history as histories
from kubedag.core import plan as plans
from kubedag.core import trials as trial_pods

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

replace = msgspec.structs.replace

PROBLEMS_NAMED_MAX: Final = 5
REVISION_GRACE_SECONDS: Final = 60
"""A revision this young is never garbage: a run that starts right now may be about to name it."""
DELETES_AT_ONCE_MAX: Final = retention.AT_ONCE_MAX


class Revision(NamedTuple):
    """A stored ControllerRevision of the DAG."""

    name: str
    uid: str
    created: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A DAG as it is now. Either `problems` or a `plan`."""

    uid: str
    generation: int
    suspend: bool
    retention: api.Retention
    task_count: int
    revision: str = ""
    plan: plans.Plan | None = None
    problems: Sequence[problems.Problem] = ()
    trials: Sequence[trial_pods.Trial] = ()
    created: str = ""
    scheduled: bool = False
    """Does it have a schedule, be it good or bad?"""
    policy: due.Policy | None = None
    failures_max: int | None = None
    """After how many failures in a row no more runs are scheduled."""


class Claim(NamedTuple):
    """What a Backfill that is not over needs to be kept."""

    revision: str
    start: str
    end: str
    runs: bool = True
    """The runs from start to end, from which it computes where it stands."""

    def needs(self, run: histories.RunSummary) -> bool:
        """Does the interval of the run touch the range?"""
        return self.runs and run.interval_start < self.end and self.start < run.interval_end


@dataclass(frozen=True, slots=True)
class DAGSnapshot:
    """One DAG, its runs and its revisions. `dag` is None when only its runs are left."""

    name: str
    namespace: str
    dag: Definition | None
    status: rows.DAGStatus = field(default_factory=rows.DAGStatus)
    revisions: Sequence[Revision] = ()
    runs: Sequence[histories.RunSummary] = ()
    """Those that have not ended."""
    history: histories.History = field(default_factory=histories.History)
    """Those that have."""
    promised: AbstractSet[str] = frozenset()
    """Revisions that runs are just about to be stored with, which run again."""
    claims: Sequence[Claim] = ()
    coming: Sequence[actions.CreateRun] = ()
    """The runs that are being created for Backfills."""
    trial_results: Mapping[str, answers.Result] = field(default_factory=dict)
    creations: creations.Creations = field(default_factory=creations.Creations)


class Verdict(NamedTuple):
    """The `Ready` condition to be, and what to ask before it can be decided."""

    status: str
    reason: str
    message: str
    actions: tuple[actions.DAGAction, ...] = ()
    wake_at: datetime | None = None


def decide(snap: DAGSnapshot, now: datetime) -> actions.DAGDecision:
    """The whole decision about one DAG."""
    keep = snap.dag.retention if snap.dag is not None else api.Retention()
    doomed, wake_at = retention.expired(snap.history, keep, now, partial(_is_needed, snap))
    todo: list[actions.DAGAction] = [actions.DeleteRun(run.name, run.uid) for run in doomed]
    status = None
    moments = [wake_at]
    in_use = {run.revision for run in snap.runs} | snap.history.revisions | snap.promised
    in_use |= {claim.revision for claim in snap.claims}
    if snap.dag is not None:
        verdict = judge(snap.dag, snap, now)
        todo += verdict.actions
        timed = scheduling.decide(snap, snap.dag, verdict.status, now)
        todo = [*timed.creates, *todo]
        moments += [verdict.wake_at, timed.wake_at]
        status = _status(snap, snap.dag, verdict, timed.word, now)
        in_use |= {status.revision, snap.dag.revision}
    garbage, revision_wake = _garbage(snap.revisions, in_use, now)
    todo += garbage
    wakes = [moment for moment in (*moments, revision_wake) if moment is not None]
    return actions.DAGDecision(status, tuple(todo), min(wakes) if wakes else None)


def _is_needed(snap: DAGSnapshot, run: histories.RunSummary) -> bool:
    """Do the DAG's scheduling or its Backfills still follow from this run, however old it is?"""
    if any(claim.needs(run) for claim in snap.claims):
        return True
    dag = snap.dag
    return dag is not None and scheduling.needs(snap, dag, run)


def judge(dag: Definition, snap: DAGSnapshot, now: datetime) -> Verdict:
    """Is the DAG fit to run? The cheapest questions first."""
    if dag.problems:
        return _bad(dag.problems)
    known = {revision.name for revision in snap.revisions}
    if ready(snap.status, dag.generation) and dag.revision in known:
        return Verdict(rows.TRUE, "Accepted", _accepted(dag))
    tried = _tried(dag, snap, now)
    if tried is not None:
        return tried
    if dag.revision not in known:
        create = actions.CreateRevision(dag.revision, dag.generation)
        return Verdict(rows.UNKNOWN, "Storing", "stores this generation for its runs", (create,))
    return Verdict(rows.TRUE, "Accepted", _accepted(dag))


def _tried(dag: Definition, snap: DAGSnapshot, now: datetime) -> Verdict | None:
    """What keeps its Pods from being created, if anything does, and whom to ask when."""
    of = [(trial, snap.trial_results.get(trial.key)) for trial in dag.trials]
    refused = [(t, r) for t, r in of if r is not None and r.standing is answers.Standing.REFUSED]
    silent = [(t, r) for t, r in of if r is not None and r.standing is answers.Standing.UNANSWERED]
    waited_for = bool(snap.history.to_rerun) or any(
        not (run.started or run.finished or run.deleting) for run in snap.runs
    )
    todo = [trial for trial, result in of if result is None]
    wakes = []
    for trial, result in (*refused[:1], *silent):
        due = answers.due(result, waited_for=waited_for)
        if due <= now:
            todo.append(trial)
        else:
            wakes.append(due)
    tries = tuple(actions.TryPod(trial.key, trial.manifest) for trial in todo)
    if refused:
        verdict = _bad([answers.problem(trial, result) for trial, result in refused])
    elif silent or todo:
        verdict = _asking(dag, snap.status, silent[0][1] if silent else None)
    else:
        return None
    return verdict._replace(actions=tries, wake_at=min(wakes, default=None))


def _asking(dag: Definition, status: rows.DAGStatus, silence: answers.Result | None) -> Verdict:
    """A generation that was refused before a restart stays so until the answer is another."""
    told = status.condition(rows.READY)
    if told is not None and _is_ready(status, dag.generation) == rows.FALSE:
        return Verdict(told.status, told.reason, told.message)
    message = "asks the API server about its Pods"
    if silence is not None and silence.answer is not None:
        message = rows.clip(f"{message}; it says: {silence.answer.message}")
    return Verdict(rows.UNKNOWN, "Checking", message)


def ready(status: rows.DAGStatus, generation: int) -> bool:
    """Is this very generation known to be good?"""
    return _is_ready(status, generation) == rows.TRUE


def checked(status: rows.DAGStatus, generation: int) -> bool:
    """Is this very generation known to be either good or bad?"""
    return _is_ready(status, generation) != rows.UNKNOWN


def _is_ready(status: rows.DAGStatus, generation: int) -> str:
    condition = status.condition(rows.READY)
    if condition is None or condition.observed_generation != generation:
        return rows.UNKNOWN
    return condition.status


def _accepted(dag: Definition) -> str:
    return f"{dag.task_count} task" + ("s" if dag.task_count != 1 else "")


def _bad(found: Sequence[problems.Problem]) -> Verdict:
    said = [str(problem) for problem in found[:PROBLEMS_NAMED_MAX]]
    more = len(found) - len(said)
    if more:
        said.append(f"and {more} more")
    return Verdict(rows.FALSE, found[0].reason, rows.clip("; ".join(said)))


def _status(
    snap: DAGSnapshot,
    dag: Definition,
    verdict: Verdict,
    timed: scheduling.Word,
    now: datetime,
) -> rows.DAGStatus:
    old = snap.status
    condition = rows.Condition(
        rows.READY, verdict.status, verdict.reason, verdict.message,
        observed_generation=dag.generation,
    )  # fmt: skip
    good = verdict.status == rows.TRUE
    kept = tuple(one for one in old.conditions if timed.condition or one.type != rows.SCHEDULED)
    for one in (condition, timed.condition):
        kept = rows.set_condition(kept, one, instants.text(now)) if one else kept
    return rows.DAGStatus(
        observed_generation=dag.generation,
        conditions=kept,
        revision=dag.revision if good else old.revision,
        revision_generation=dag.generation if good else old.revision_generation,
        task_count=dag.task_count,
        active_runs=sum(run.started for run in snap.runs),
        queued_runs=sum(not run.started for run in snap.runs) + snap.history.to_rerun,
        last_run=_last_run(snap.history) or old.last_run,
        schedule=timed.schedule,
        next_run=timed.next_run,
        last_interval=timed.last_interval,
        last_skipped=timed.last_skipped,
        consecutive_failures=timed.consecutive_failures,
        failures_start_time=timed.failures_start_time,
    )


def _last_run(ended: histories.History) -> rows.LastRun | None:
    last = ended.last()
    return rows.LastRun(last.name, last.state, last.completion_time) if last else None


def _garbage(
    revisions: Sequence[Revision], in_use: set[str], now: datetime
) -> tuple[list[actions.DAGAction], datetime | None]:
    """The revisions that no run has and none will; young ones are looked at again later."""
    doomed: list[actions.DAGAction] = []
    wake_at: datetime | None = None
    for revision in revisions:
        if revision.name in in_use:
            continue
        due = instants.after(revision.created, REVISION_GRACE_SECONDS)
        if due <= now:
            doomed.append(actions.DeleteRevision(revision.name, revision.uid))
        else:
            wake_at = due if wake_at is None else min(wake_at, due)
    return doomed[:DELETES_AT_ONCE_MAX], wake_at
