"""What a decision about a Backfill may look at: its spec, its DAG, and the DAG's runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kubedag.core import audience as audiences
from kubedag.core import snapshot
from kubedag.core.history import RunSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from kubedag.core import actions, backfill_plan, backfill_rows, creations
    from kubedag.core import plan as plans

OLDEST_FIRST: Final = "OldestFirst"
REPROCESS_NONE: Final = "None"
REPROCESS_FAILED: Final = "Failed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a Backfill says about itself, apart from its status. Times are RFC 3339 in UTC."""

    name: str
    namespace: str
    uid: str
    dag_name: str
    start_time: str
    end_time: str
    generation: int = 1
    reprocess: str = REPROCESS_NONE
    revision: str = "Newest"
    max_active_runs: int | None = None
    order: str = OLDEST_FIRST
    intervals_per_run: int = 1
    tasks: tuple[str, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    dry_run: bool = False
    suspend: bool = False
    cancel: bool = False

    @property
    def rerun_id(self) -> str:
        """By which the wish that a run runs again is known to be of this Backfill."""
        return rerun_id(self.uid)

    def owns(self, run: RunSummary) -> bool:
        """Was the run made for this Backfill, or has it run again for it?"""
        return run.backfill_uid == self.uid or run.has_fulfilled(self.rerun_id)

    def awaits(self, run: RunSummary) -> bool:
        """Is the run to run again for this Backfill, and has not begun to?"""
        return run.has_wish and run.rerun_wanted == self.rerun_id


@dataclass(frozen=True, slots=True)
class BackfillSnapshot:
    """One Backfill and all that bears on it."""

    wish: Wish
    status: backfill_rows.BackfillStatus
    """As it is stored: nothing is done for a plan that is not."""
    dag: snapshot.DAGFacts | None = None
    current: plans.Plan | None = None
    """What new runs would be made from, once it is known to be good."""
    pinned: plans.Plan | None = None
    """The plan of the revision that the status names."""
    sketch: backfill_plan.Sketch | None = None
    """The plan that the last decision asked for, made or not."""
    runs: Iterable[RunSummary] = ()
    """The runs of the DAG that have not ended."""
    ended: Iterable[RunSummary] = ()
    """Those that have."""
    creating: Iterable[actions.CreateRun] = ()
    """What is under way for this Backfill and others of the DAG."""
    requesting: Mapping[str, str] = field(default_factory=dict)
    """The runs that are being asked to run again: the ids of these wishes, by name."""
    taken: AbstractSet[tuple[str, str]] = frozenset()
    """Starts and ends of runs whose names belong to something else."""
    trouble: creations.Trouble | None = None
    """Why the API does not do what it is asked to."""
    audience: audiences.Audience = audiences.NOBODY
    """Who is told that it is over."""

    def unfinished(self) -> Iterator[RunSummary]:
        """The runs that go on or wait, with those that are being created or asked to run again."""
        known = set()
        for run in self.runs:
            known.add(run.name)
            yield run
        for create in self.creating:
            if create.name not in known:
                yield _coming(create)

    def finished(self) -> Iterator[RunSummary]:
        """The runs that have ended, also those that are to run again."""
        for run in self.ended:
            wanted = self.requesting.get(run.name)
            if wanted is None:
                yield run
            else:
                yield run._replace(rerun_wanted=wanted, refused=False)


def rerun_id(uid: str) -> str:
    """The id of the wishes of a Backfill; `history.is_of_backfill` knows it by its form."""
    return f"backfill-{uid}"


def _coming(create: actions.CreateRun) -> RunSummary:
    return RunSummary(
        name=create.name,
        uid="",
        order=snapshot.coming(create).order,
        run_type=create.run_type,
        interval_start=create.start_time,
        interval_end=create.end_time,
        backfill_uid=create.backfill_uid,
    )
