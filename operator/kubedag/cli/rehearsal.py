"""Which tasks a rerun would run again, and why none would, found out without asking for it.

The same code that the operator goes by tells it from the same objects, so the operator need not run,
and nobody has to be allowed to write. What is asked for in earnest is refused by it, too: a wish that
nothing comes of would only wait in the run, where few look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import RerunScope
from kubedag.cli import revisions, wishes
from kubedag.core import rerun, restrict, rows, snapshot, words
from kubedag.shell import definitions

if TYPE_CHECKING:
    from kubedag.cli.cluster import Cluster, Object
    from kubedag.core import plan as plans

NOTHING_FAILED: Final = "nothing of it failed; --scope All runs it whole"


class Rehearsal:
    """One wish, for any number of runs. Everything here raises `ClusterError`."""

    def __init__(self, cluster: Cluster, wish: wishes.Rerun) -> None:
        self._cluster = cluster
        self._wish = wish
        self._plans = revisions.Plans(cluster, ": use --newest")

    async def refusal(self, run: Object) -> wishes.No | None:
        """Why the run cannot run again as it is wished; without its rows, if they do not matter."""
        plan = await self._plan(run)
        if isinstance(plan, wishes.No):
            return plan
        if self._wish.scope != RerunScope.FAILED:
            return None
        found = await self._chosen(run, plan)
        return found if isinstance(found, wishes.No) else None

    async def would_run(self, run: Object) -> tuple[str, ...] | wishes.No:
        """The tasks that would run again, in the order of the DAG."""
        plan = await self._plan(run)
        return plan if isinstance(plan, wishes.No) else await self._chosen(run, plan)

    async def _plan(self, run: Object) -> plans.Plan | wishes.No:
        """What is left of the plan for a run that is limited to some tasks."""
        hindrance = wishes.not_again(run)
        if hindrance is not None:
            return hindrance
        plan = await self._plans.of(run, self._wish.revision)
        if isinstance(plan, wishes.No):
            return plan
        limited = definitions.run_facts(run).tasks
        if missing := restrict.unknown(plan, limited):
            return wishes.No(words.no_such_tasks("spec.tasks", missing))
        left = restrict.restricted(plan, limited)
        return wishes.unknown(tuple(left.index), self._wish.tasks) or left

    async def _chosen(self, run: Object, plan: plans.Plan) -> tuple[str, ...] | wishes.No:
        wish = self._wish
        known = msgspec.convert(await self._cluster.rows(run), tuple[rows.TaskRow, ...])
        status = definitions.status_of(run, rows.RunStatus)
        status = msgspec.structs.replace(status, tasks=known)
        request = snapshot.RerunRequest(
            wish.id, str(wish.scope), wish.tasks, str(wish.revision), str(wish.include)
        )
        again = rerun.chosen(plan, status, request)
        # A task that the newest DAG has no more leaves the run, which may have failed of it alone.
        leaves = any(row.name not in plan.index for row in known)
        if not again and not leaves and wish.scope == RerunScope.FAILED:
            return wishes.No(NOTHING_FAILED)
        return tuple(task.name for task in plan.tasks if task.index in again)
