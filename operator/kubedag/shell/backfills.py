"""The Backfills, as they were last seen, and what is under way for them.

Each follows the runs of its DAG: whatever becomes of one of them wakes those that are not over.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kubedag.core import (
    audience,
    backfill_facts,
    backfill_rows,
    backfill_standing,
    creations,
    decide_dag,
)
from kubedag.shell import definitions, leaving, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kubedag.core import actions, backfill_plan
    from kubedag.core.history import RunSummary
    from kubedag.shell.departed import Departed

log: Final = logging.getLogger(__name__)

Key = tuple[str, str, str]
Name = tuple[str, str]


@dataclass(slots=True)
class BackfillEntry:
    """A Backfill."""

    wish: backfill_facts.Wish
    resource_version: str
    status: backfill_rows.BackfillStatus
    """As it is stored."""
    decided: backfill_rows.BackfillStatus | None = None
    """As it will be stored next."""
    sketch: backfill_plan.Sketch | None = None
    """The plan that the last decision asked for; only one that is not over has one."""
    planning: bool = False
    """It is being made."""
    creating: dict[str, actions.CreateRun] = field(default_factory=dict)
    """What is under way, by the names of the runs."""
    requesting: dict[str, str] = field(default_factory=dict)
    """The runs that are being asked to run again, and the id of that wish."""
    busy: set[str] = field(default_factory=set)
    telling: set[audience.ID] = field(default_factory=set)
    """Whom somebody is about to tell of what."""
    deliveries: dict[audience.ID, audience.Delivery] = field(default_factory=dict)
    creations: creations.Creations = field(default_factory=creations.Creations)
    taken: dict[str, Name] = field(default_factory=dict)
    """Starts and ends of the runs whose names belonged to something else, by these names."""
    writing: bool = False
    written_at: float | None = None
    write_failures: int = 0
    write_after: float = 0.0
    write_due: float = 0.0

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.wish.namespace

    @property
    def name(self) -> str:
        """What it is called."""
        return self.wish.name

    @property
    def uid(self) -> str:
        """Which of all that were ever called so."""
        return self.wish.uid

    @property
    def key(self) -> Key:
        """The work queue's name for this Backfill."""
        return ("backfill", self.namespace, self.name)

    @property
    def newest(self) -> backfill_rows.BackfillStatus:
        """The newest word on it, stored or not."""
        return self.decided or self.status


class Backfills:
    """All of them, by namespace and name, and by their DAG."""

    def __init__(
        self,
        wake: Callable[[Key], None],
        gone: Callable[[str, str], None],
        departed: Departed,
    ) -> None:
        self._wake = wake
        self._gone = gone
        self._departed = departed
        self.entries: dict[Name, BackfillEntry] = {}
        self._by_dag: dict[Name, dict[str, BackfillEntry]] = {}
        self.leaving = leaving.Leaving()
        self.listed = False
        """All have been listed once, so that one which is not here is nowhere."""

    def put(self, raw: Mapping[str, Any]) -> None:
        """A Backfill as the API has it."""
        meta = raw["metadata"]
        name = (meta["namespace"], meta["name"])
        known = self.entries.get(name)
        version = meta["resourceVersion"]
        if self._departed.outlived(meta["uid"], version):
            return
        if known is not None and (
            known.resource_version == version or wire.older(version, known.resource_version)
        ):
            return
        if known is not None and known.uid != meta["uid"]:
            self.drop(*name, known.uid)
            known = None
        if meta.get("deletionTimestamp"):
            self.drop(*name)
            self._departed.note(meta["uid"], version)
            return
        wish = definitions.wish_of(raw)
        status = definitions.status_of(raw, backfill_rows.BackfillStatus)
        if known is None:
            known = self.entries[name] = BackfillEntry(wish, version, status)
            self._by_dag.setdefault((name[0], wish.dag_name), {})[name[1]] = known
        known.wish, known.resource_version, known.status = wish, version, status
        self._wake(known.key)

    def drop(self, namespace: str, name: str, uid: str | None = None) -> None:
        """A Backfill that is gone: none of its runs that has not started ever will."""
        known = self.entries.get((namespace, name))
        if known is None or (uid is not None and known.uid != uid):
            return
        del self.entries[(namespace, name)]
        self._departed.note(known.uid, known.resource_version)
        known.sketch = None
        self._wake(known.key)
        of_dag = (namespace, known.wish.dag_name)
        self.leaving.note(of_dag, known.creating)
        del self._by_dag[of_dag][name]
        if not self._by_dag[of_dag]:
            del self._by_dag[of_dag]
        self._gone(*of_dag)

    def of(self, namespace: str, dag: str) -> tuple[BackfillEntry, ...]:
        """Those of a DAG."""
        return tuple(self._by_dag.get((namespace, dag), {}).values())

    def wake_of(self, namespace: str, dag: str) -> None:
        """Those of a DAG that are not over."""
        for entry in self.of(namespace, dag):
            if not entry.newest.finished:
                self._wake(entry.key)

    def wake_all(self) -> None:
        """Everything: what was decided in an earlier term and never stored is void."""
        for entry in self.entries.values():
            entry.decided = None
            self._wake(entry.key)

    def creating(self, namespace: str, dag: str) -> tuple[actions.CreateRun, ...]:
        """The runs that are being created for those of a DAG, and for whatever of it has gone."""
        under_way = [one for entry in self.of(namespace, dag) for one in entry.creating.values()]
        return (*under_way, *self.leaving.of((namespace, dag)))

    def requesting(self, namespace: str, dag: str) -> dict[str, str]:
        """The runs of a DAG that are being asked to run again."""
        return {
            run: wish
            for entry in self.of(namespace, dag)
            for run, wish in entry.requesting.items()
        }

    def claims(self, namespace: str, dag: str) -> Iterator[decide_dag.Claim]:
        """What a DAG must keep for those that are not over."""
        for entry in self.of(namespace, dag):
            if entry.status.finished:
                continue
            wish = entry.wish
            start, end = wish.start_time, wish.end_time
            yield decide_dag.Claim(entry.status.revision, start, end, runs=not wish.dry_run)
            if entry.newest.revision != entry.status.revision:
                yield decide_dag.Claim(entry.newest.revision, start, end, runs=False)

    def abandoned(
        self, namespace: str, run: RunSummary
    ) -> actions.DeleteRun | actions.WithdrawRerun | None:
        """What calls back a run that waits for a Backfill which is gone, or is over and has left it."""
        if not self.listed or not (run.backfill_uid or run.rerun_wanted):
            return None
        uids = {
            entry.uid
            for name, entry in self.entries.items()
            if name[0] == namespace and not _has_left(entry, run)
        }
        return backfill_standing.abandoned(run, uids)


def _has_left(entry: BackfillEntry, run: RunSummary) -> bool:
    """Is a Backfill over, and nothing that still waits for it is to go on?

    A run may come when one that was cancelled is over: nobody had answered that it was made. And
    what was refused has failed by then, but an edit of the DAG could have it run again years later.
    """
    return entry.status.finished and (entry.wish.cancel or run.refused)
