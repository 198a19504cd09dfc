"""Which tasks a rerun would run again, found out without asking for it.

The same code that the operator goes by tells it from the same objects, so the operator need not run,
and nobody has to be allowed to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kubedag.api import dag as api
from kubedag.api import parse
from kubedag.api.enums import RerunRevision
from kubedag.cli import wishes
from kubedag.cli.flags import Target
from kubedag.core import plan as plans
from kubedag.core import rerun, restrict, rows, snapshot, words
from kubedag.shell import definitions
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from kubedag.cli.cluster import Cluster, Object


async def would_run(
    cluster: Cluster, run: Object, wish: wishes.Rerun
) -> tuple[str, ...] | wishes.No:
    """The tasks that would run again, in the order of the DAG. Raises `ClusterError`."""
    hindrance = wishes.not_again(run)
    if hindrance is not None:
        return hindrance
    plan = await _plan(cluster, run, wish.revision)
    if isinstance(plan, wishes.No):
        return plan
    limited = definitions.run_facts(run).tasks
    for field, names in (("spec.tasks", limited), ("--task", wish.tasks)):
        if missing := restrict.unknown(plan, names):
            return wishes.No(words.no_such_tasks(field, missing))
    status = definitions.status_of(run, rows.RunStatus)
    known = msgspec.convert(await cluster.rows(run), tuple[rows.TaskRow, ...])
    status = msgspec.structs.replace(status, tasks=known)
    request = snapshot.RerunRequest(
        wish.id, str(wish.scope), wish.tasks, str(wish.revision), str(wish.include)
    )
    left = restrict.restricted(plan, limited)
    again = rerun.chosen(left, status, request)
    return tuple(task.name for task in left.tasks if task.index in again)


async def _plan(cluster: Cluster, run: Object, revision: RerunRevision) -> plans.Plan | wishes.No:
    name = run["spec"]["dagName"]
    if revision == RerunRevision.NEWEST:
        return await _newest(cluster, name)
    wanted = run["status"].get("revision", "")
    if not wanted:
        return await _newest(cluster, name)
    try:
        found = await cluster.revision(wanted)
    except ApiError as error:
        if not error.not_found:
            raise
        return wishes.No(f"the ControllerRevision {wanted!r} of the run is gone: use --newest")
    return _compiled(name, found.get("data") or {}, f"the ControllerRevision {wanted!r}")


async def _newest(cluster: Cluster, name: str) -> plans.Plan | wishes.No:
    try:
        found = await cluster.get(Target("dags", name))
    except ApiError as error:
        if not error.not_found:
            raise
        return wishes.No(f"there is no DAG {name!r} in namespace {cluster.namespace!r}")
    return _compiled(name, found["spec"], f"DAG {name!r}")


def _compiled(name: str, raw: dict[str, Any], what: str) -> plans.Plan | wishes.No:
    spec = parse.parse(api.DAGSpec, raw, "spec")
    problems = spec if isinstance(spec, tuple) else plans.validate(spec)
    if isinstance(spec, tuple) or problems:
        return wishes.No(f"{what} is not ready: {problems[0]}")
    return plans.compile_plan(name, spec)
