"""One run, and one DAG, as the operator knows them: what is stored, what is decided, what is under way.

Everything here can be lost without harm: it is read again from the API, or it is decided again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kubedag.core import (
    actions,
    answers,
    audience,
    creations,
    decide_dag,
    history,
    marks,
    outbox,
    plan,
    reasons_elsewhere,
    rerun,
    rerun_memory,
    rows,
    slices,
    snapshot,
    stops,
)
from kubedag.core.logs import lacks_log
from kubedag.shell import slices as stored_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(slots=True)
class RunEntry:
    """A DAGRun."""

    facts: snapshot.RunFacts
    resource_version: str
    status: rows.RunStatus
    """As it is stored."""
    decided: rows.RunStatus | None = None
    """As it will be stored next."""
    creating: dict[str, str] = field(default_factory=dict)
    """The Pods whose creation is under way: their names, by task name."""
    capturing: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    logs: dict[str, snapshot.CapturedLog] = field(default_factory=dict)
    reading: set[str] = field(default_factory=set)
    warnings: dict[str, snapshot.PodWarning] = field(default_factory=dict)
    """By the UIDs of Pods that have not started yet."""
    gone: set[str] = field(default_factory=set)
    """The UIDs and names of Pods that the API, asked by name, has said to be gone."""
    lost_revision: str = ""
    """The revision of which the API, asked by name, has said that it is gone or of no use."""
    refusals: dict[str, snapshot.Refusal] = field(default_factory=dict)
    refusal_tries: dict[str, int] = field(default_factory=dict)
    delete_tries: int = 0
    telling: set[audience.ID] = field(default_factory=set)
    """Whom somebody is about to tell of what."""
    deliveries: dict[audience.ID, audience.Delivery] = field(default_factory=dict)
    slices: stored_slices.KnownSlices = field(default_factory=stored_slices.KnownSlices)
    sending: rows.RunStatus | None = None
    """The status that is being stored; its slices are stored already."""
    untold: rows.RunStatus | None = None
    """What was stored when somebody was last told of it, if some slices were stored since."""
    writing: bool = False
    written_at: float | None = None
    write_failures: int = 0
    write_after: float = 0.0
    write_due: float = 0.0
    """When its progress is to be written."""
    first_decided_at: float | None = None
    archived: bool = False
    """It is known without its rows, and must not be written."""

    def take(self, status: rows.RunStatus) -> None:
        """The status as a list or a watch has it, which is without rows that are in slices."""
        self.archived = False
        self.slices.unread = self.slices.unread and bool(status.slices)
        if status.slices and not status.tasks:
            for whole in (self.status, self.sending) if self.slices.stored else ():
                if whole is not None and whole.tasks and slices.main(whole) == status:
                    self.status = whole
                    return
            self.slices.unread = True
        self.status, self.untold = status, None

    def take_slices(self) -> None:
        """After a write that failed half-way: what the slices say that it has reached."""
        if self.status.slices and self.status.tasks and not self.slices.unread:
            self.untold = self.untold or self.status
            self.status = self.slices.put_into(self.status)

    def archive(self) -> None:
        """Drop what nobody needs any more of a run whose end and whose logs are stored.

        Nothing is decided about its rows after that. Should anything of it change, the API tells
        of the whole of it again.
        """
        status = self.status
        if (
            status.finished
            and not self.is_to_rerun
            and self.decided in (None, status)
            and status.observed_generation == self.facts.generation
            and not any(map(lacks_log, status.tasks))
            and not outbox.is_open(status.notifications)
        ):
            self.status, self.decided = msgspec.structs.replace(status, tasks=()), None
            self.slices = stored_slices.KnownSlices()
            self.logs, self.refusals, self.refusal_tries = {}, {}, {}
            self.warnings, self.deliveries = {}, {}
            self.archived = True

    @property
    def lacks_rows(self) -> bool:
        """Nothing can be decided until the rows are read; of a finished run nobody needs them."""
        changed = self.facts.generation != self.status.observed_generation
        asks = self.is_to_rerun or (changed and self.wish is not None)
        over = self.status.finished and not asks
        return self.slices.unread and not (over or self.facts.deleting)

    @property
    def is_to_rerun(self) -> bool:
        """It has ended, and is to run again: nothing of that is stored yet."""
        if not self.status.finished or self.facts.deleting:
            return False
        return _is_to_go_on(self.facts, self.status)

    @property
    def wish(self) -> snapshot.RerunRequest | None:
        """The wish that it runs again, once it has ended, or the question what would."""
        if not self.status.finished or self.facts.deleting:
            return None
        return rerun.pending(self.facts, self.status)

    @property
    def is_beginning(self) -> bool:
        """It runs again by what is about to be stored; what starts nothing takes no place."""
        begins = self.newest.rerun != self.status.rerun and not self.newest.finished
        return self.is_to_rerun and begins

    @property
    def is_being_ended(self) -> bool:
        """Is an end of it being stored? Nothing starts beside that, whatever is decided meanwhile."""
        sent, stored = self.sending, self.status
        if sent is None or stored.finished:
            return False
        return sent.finished or stops.recorded(sent) != stops.recorded(stored)

    @property
    def newest(self) -> rows.RunStatus:
        """The newest word on this run, stored or not."""
        return self.decided or self.status

    @property
    def uid(self) -> str:
        """Which of all that were ever called so."""
        return self.facts.uid

    @property
    def key(self) -> tuple[str, str, str]:
        """The work queue's name for this run."""
        return ("run", self.facts.namespace, self.facts.name)

    @property
    def _may_go_on(self) -> bool:
        """It ends because somebody asks for it, who may think better of it until that is stored."""
        if self.status.finished or stops.recorded(self.status):
            return False
        return stops.is_asked_for(self.newest) or marks.is_unstored(
            self.facts, self.status, self.newest
        )

    def peer(self, pods_seen: bool, *, dag_suspended: bool = False) -> snapshot.Peer:
        """This run as the others see it."""
        newest = self.newest
        reruns = newest.finished and self.is_to_rerun
        started = bool(newest.start_time or self.creating or pods_seen) and not reruns
        held = dag_suspended and not started and self.facts.held_by_dag
        return snapshot.Peer(
            name=self.facts.name,
            order=self.facts.order,
            started=started,
            finished=(newest.finished and not reruns and not self._may_go_on)
            or self.facts.deleting,
            succeeded=newest.succeeded,
            suspended=self.facts.suspend or (rerun.is_stuck(newest) if reruns else held),
            reruns=reruns,
            waits_for_past=waits_for_past(newest),
            of_backfill=self.facts.of_backfill,
        )

    def summary(self, revision_of_pods: str) -> history.RunSummary:
        """This run as its DAG sees it."""
        newest = self.status if self.status.finished else self.newest
        condition = newest.condition(rows.SUCCEEDED_CONDITION)
        return history.RunSummary(
            name=self.facts.name,
            uid=self.facts.uid,
            order=self.facts.order,
            revision=newest.revision or revision_of_pods,
            state=condition.reason if condition else "",
            started=bool(newest.start_time),
            finished=self.status.finished,
            succeeded=newest.succeeded,
            completion_time=newest.completion_time,
            deleting=self.facts.deleting,
            suspended=self.facts.suspend,
            run_type=self.facts.run_type,
            interval_start=self.facts.interval_start or "",
            interval_end=self.facts.interval_end or "",
            rerun_id=newest.rerun.id if newest.rerun else "",
            reruns_done=tuple(one.id for one in rerun_memory.remembered(newest.rerun)),
            rerun_wanted=rerun.wanted_id(self.facts),
            marks_wanted=newest.finished and marks.awaits(self.facts, newest),
            backfill_uid=self.facts.backfill_uid,
            message=rows.clip(condition.message, history.MESSAGE_CHARS_MAX)
            if condition and condition.status == rows.FALSE
            else "",
            held=held_by(newest),
            refused=newest.finished and rerun.is_refused(self.facts, newest),
        )


def _is_to_go_on(facts: snapshot.RunFacts, status: rows.RunStatus) -> bool:
    """Is a run that has ended so to run again, by a wish or because of marks?"""
    return rerun.is_wanted(facts, status) or marks.awaits(facts, status)


def waits_by(status: rows.RunStatus) -> tuple[str, int]:
    """What a run says that it waits for, and which generation of its spec that is about."""
    told = status.condition(rows.RERUN_PENDING)
    return held_by(status), told.observed_generation if told is not None else 0


def held_by(status: rows.RunStatus) -> str:
    """What a run says that it waits for, if it has not started, or not begun to run again."""
    kind = rows.RERUN_PENDING if status.finished else rows.SUCCEEDED_CONDITION
    told = status.condition(kind)
    if told is None or (status.start_time and not status.finished):
        return ""
    if told.status == rows.FALSE:  # it waits for nothing
        return ""
    text = f"{told.reason}: {told.message}" if told.message else told.reason
    return rows.clip(text, history.MESSAGE_CHARS_MAX)


@dataclass(slots=True)
class DAGEntry:
    """A DAG, or what is left of one that is gone while its runs are not."""

    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    spec_json: bytes = b""
    definition: decide_dag.Definition | None = None
    status: rows.DAGStatus = field(default_factory=rows.DAGStatus)
    decided: rows.DAGStatus | None = None
    trial_results: dict[str, answers.Result] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    creating: dict[str, actions.CreateRun] = field(default_factory=dict)
    """The runs whose creation is under way, by their names."""
    creations: creations.Creations = field(default_factory=creations.Creations)
    sending: rows.DAGStatus | None = None
    """The status that is being stored."""
    unanswered: str = ""
    """The resourceVersion at which it may have been stored that intervals are done with: nobody has
    answered. Once there is a newer one, it is known whether that was so."""
    writing: bool = False
    written_at: float | None = None
    write_failures: int = 0
    write_after: float = 0.0
    write_due: float = 0.0
    """When what changes from run to run is to be written."""

    @property
    def key(self) -> tuple[str, str, str]:
        """The work queue's name for this DAG."""
        return ("dag", self.namespace, self.name)

    @property
    def is_moving_on(self) -> bool:
        """Is it being stored that intervals are done with? No run is made of one meanwhile."""
        sent = self.sending
        moves = sent is not None and sent.last_interval != self.status.last_interval
        return moves or self.is_unsure

    @property
    def is_unsure(self) -> bool:
        """May it be stored that intervals are done with, of which nobody has told us?"""
        return self.unanswered != "" and self.unanswered == self.resource_version

    def facts(self) -> snapshot.DAGFacts | None:
        """What the runs need to know of it."""
        definition = self.definition
        if definition is None:
            return None
        condition = self.status.condition(rows.READY)
        return snapshot.DAGFacts(
            generation=definition.generation,
            ready=decide_dag.ready(self.status, definition.generation),
            checked=decide_dag.checked(self.status, definition.generation),
            message=f"DAG {self.name!r} is not ready: {condition.message}" if condition else "",
            revision=definition.revision,
            suspend=definition.suspend,
        )

    def plan_of(self, revision: str) -> plan.Plan | None:
        """The plan of a revision, if this generation is it: its name follows from its content."""
        definition = self.definition
        if definition is None or definition.revision != revision:
            return None
        return definition.plan

    def plan(self) -> plan.Plan | None:
        """The plan of this generation, once it is known to be good."""
        definition = self.definition
        if definition is None or not decide_dag.ready(self.status, definition.generation):
            return None
        return definition.plan


class Taker(NamedTuple):
    """Takes in the objects of one kind, as the API has them, and that they are gone."""

    put: Callable[[Mapping[str, Any]], None]
    drop: Callable[..., None]


def waits_for_past(status: rows.RunStatus) -> bool:
    """Does a run wait for one before it to succeed?"""
    said = status.condition(rows.RERUN_PENDING if status.finished else rows.SUCCEEDED_CONDITION)
    return said is not None and said.reason == reasons_elsewhere.DEPENDS_ON_PAST.name
