"""`kubedag rerun`: of which runs it is asked, what it would be, and the wish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubedag.api.enums import RerunRevision, RerunScope
from kubedag.cli import cluster, rehearsal, wishes
from kubedag.cli.flags import Target
from kubedag.cli.job import new_id
from kubedag.core import instants
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from kubedag.cli.job import Job

RUNS_MAX: Final = 1000


async def rerun(job: Job) -> None:
    """Ask that runs run again, or only tell what that would be."""
    arguments = job.arguments
    wish = wishes.Rerun(
        new_id(),
        scope(arguments),
        tuple(dict.fromkeys(arguments.tasks)),
        arguments.include,
        RerunRevision.NEWEST if arguments.newest else RerunRevision.SAME,
    )
    tried = rehearsal.Rehearsal(job.cluster, wish)
    targets = arguments.runs or await _of_dag(job)
    if arguments.dry_run:
        await _rehearse(job, targets, tried)
        return

    async def wanted(run: dict[str, Any]) -> wishes.Wish:
        return await _refusal(tried, run) or wishes.rerun(run, wish)

    await job.change(targets, wanted)


def scope(arguments: argparse.Namespace) -> RerunScope:
    """What runs again, by what was said and what was not."""
    by_tasks = RerunScope.TASKS if arguments.tasks else RerunScope.FAILED
    found: RerunScope = arguments.scope or by_tasks
    return found


async def _refusal(tried: rehearsal.Rehearsal, run: dict[str, Any]) -> wishes.No | None:
    """What a dry run would refuse; who may not read what tells it leaves it to the operator."""
    try:
        return await tried.refusal(run)
    except ApiError as error:
        if error.status != cluster.FORBIDDEN:
            raise
        return None


async def _of_dag(job: Job) -> list[Target]:
    """The runs of a DAG that are meant, oldest first."""
    dag, found, has_runs = job.arguments.dag, [], False
    try:
        async for run in job.cluster.runs_of(dag.name):
            has_runs = True
            about = instants.parse(
                run["spec"].get("logicalTime") or run["metadata"]["creationTimestamp"]
            )
            if wishes.is_finished(run) and _is_meant(job.arguments, run, about):
                found.append((about, run["metadata"]["name"]))
        if not has_runs:
            await job.cluster.get(dag)  # which tells whether there is such a DAG at all
    except ApiError as error:
        job.failed(dag, error)
        return []
    if len(found) > RUNS_MAX:
        why = f"{len(found)} runs are meant, more than {RUNS_MAX}: name a shorter range"
        job.report.failed(dag, why)
        return []
    if not found:
        job.report.failed(dag, "no run that has finished is meant")
    return [Target("dagruns", name) for _, name in sorted(found)]


def _is_meant(arguments: argparse.Namespace, run: dict[str, Any], about: Any) -> bool:
    """Is a run in the range, and did it fail if only those are meant that did?"""
    failed = arguments.failed or scope(arguments) == RerunScope.FAILED
    if failed and wishes.condition(run, "Succeeded").get("status") == "True":
        return False
    starts = arguments.start is None or arguments.start <= about
    return starts and (arguments.end is None or about < arguments.end)


async def _rehearse(job: Job, targets: Iterable[Target], tried: rehearsal.Rehearsal) -> None:
    for target in targets:
        try:
            found = await tried.would_run(await job.cluster.get(target))
        except ApiError as error:
            job.failed(target, error)
            continue
        if isinstance(found, wishes.No):
            job.report.failed(target, found.why)
            continue
        count = f"{len(found)} task{'' if len(found) == 1 else 's'}"
        said = f"would run {count} again: {', '.join(found)}" if found else "would run nothing"
        job.report.done(target, said, {"run": target.name, "tasks": list(found)})
