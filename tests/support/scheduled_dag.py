"""A DAG with a schedule, an operator that is up or down, and a clock: for what happens over days.

Nothing but decisions happens here: what they ask for is done at once, and what they say is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedag.api import schedule as api
from kubedag.core import actions, creations, decide_dag, due, instants, notes, rows
from support import builders

if TYPE_CHECKING:
    from datetime import datetime

    from kubedag.core.history import RunSummary

ROUNDS_MAX = 500


class ScheduledDAG:
    """What is stored of a DAG and its runs; `runs` has them in the order of their creation."""

    def __init__(self, created: str, schedule: dict[str, Any], **spec: Any) -> None:
        self.created = created
        self.generation = 0
        self.suspend = False
        self.status = rows.DAGStatus()
        self.events: list[actions.Note] = []
        self.runs: dict[str, RunSummary] = {}
        self.run_state = "Succeeded"
        """What a run is as soon as it is created; empty for one that waits."""
        self.creations = creations.Creations()
        self.coming: tuple[actions.CreateRun, ...] = ()
        """What is being created for Backfills."""
        self.edit(schedule, **spec)

    def edit(self, schedule: dict[str, Any], **spec: Any) -> None:
        """Apply another spec."""
        self.generation += 1
        self.schedule = schedule
        self.plan = builders.a_plan(schedule=schedule, **spec)
        self.failures_max = spec.get("suspendAfterConsecutiveFailures")

    def up(self, start: datetime, end: datetime) -> None:
        """The operator works from one instant to another."""
        now = start
        for _ in range(ROUNDS_MAX):
            if self._take_in(self.decide(now), now):
                continue
            if now >= end:
                return
            following = self.status.next_run
            tick = instants.parse(following.create_time) if following is not None else end
            now = min(tick, end) if tick > now else end
        raise AssertionError("it does not come to rest")

    def look(self, now: datetime) -> None:
        """The operator works at one instant."""
        self.up(now, now)

    @property
    def known(self) -> list[RunSummary]:
        """The runs that the operator has seen."""
        return list(self.runs.values())

    def decide(self, now: datetime) -> actions.DAGDecision:
        said = api.Schedule.model_validate(self.schedule)
        definition = builders.a_definition(
            self.plan,
            generation=self.generation,
            suspend=self.suspend,
            created=self.created,
            scheduled=True,
            policy=due.policy(said),
            failures_max=self.failures_max,
        )
        snap = decide_dag.DAGSnapshot(
            name=builders.DAG,
            namespace=builders.NAMESPACE,
            dag=definition,
            status=self.status,
            revisions=[decide_dag.Revision(builders.REVISION, "uid", self.created)],
            runs=[run for run in self.known if not run.finished],
            history=builders.a_history(*self.known),
            creations=self.creations,
            coming=self.coming,
        )
        return decide_dag.decide(snap, now)

    def _take_in(self, decision: actions.DAGDecision, now: datetime) -> bool:
        """Store what is said and do what is asked; True if there may be more to do at once."""
        before = self.status, len(self.runs)
        assert decision.status is not None
        self.events += notes.of_dag(self.status, decision.status)
        self.status = decision.status
        for action in decision.actions:
            if isinstance(action, actions.CreateRun):
                self.add(action.name, action.run_type, action.start_time, action.end_time, now)
        return before != (self.status, len(self.runs))

    def add(
        self,
        name: str,
        run_type: str,
        start: str,
        end: str,
        now: datetime,
        state: str | None = None,
    ) -> None:
        """A run of an interval, which is in that state from now on."""
        state = self.run_state if state is None else state
        over = state in {"Succeeded", "Failed"}
        self.runs[name] = builders.a_summary(
            name,
            order=(start, instants.text(now), name),
            run_type=run_type,
            interval_start=start,
            interval_end=end,
            started=bool(state),
            finished=over,
            succeeded=state == "Succeeded",
            state=state,
            completion_time=instants.text(now) if over else None,
        )

    @property
    def scheduled(self) -> rows.Condition:
        """The condition that says whether runs are scheduled."""
        found = self.status.condition(rows.SCHEDULED)
        assert found is not None
        return found
