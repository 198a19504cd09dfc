"""Does what the verbs of `verbs` say; those that run something have modules of their own.

What is wrong with the arguments together is told before anything is asked.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from kubedag.api.enums import Decision, RerunRevision, RerunScope, Shutdown, Verdict
from kubedag.cli import cluster, newruns, reruns, revisions, wishes
from kubedag.cli.job import DONE, NOT_DONE, Job, Report, new_id
from kubedag.core import restrict
from kubedag.shell import definitions
from kubedag.shell.access import CredentialsError
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping

    Object = dict[str, Any]

__all__ = ["DONE", "NOT_DONE", "NO_CLUSTER", "VERBS", "check", "main", "run"]

NO_CLUSTER: Final = 3


def main(arguments: argparse.Namespace) -> int:
    """Run one verb; the result is the exit code."""
    check(arguments)
    try:
        return asyncio.run(_main(arguments))
    except ApiError as error:
        sys.stderr.write(f"kubedag {arguments.command}: {error}\n")
        return NOT_DONE
    except (ClusterError, CredentialsError) as error:
        sys.stderr.write(f"kubedag {arguments.command}: {error}\n")
        return NO_CLUSTER


async def _main(arguments: argparse.Namespace) -> int:
    where = (arguments.namespace, arguments.context, arguments.kubeconfig, arguments.as_user)
    async with cluster.connect(*where) as found:
        return await run(arguments, found, sys.stdout, sys.stderr)


async def run(
    arguments: argparse.Namespace, found: cluster.Cluster, out: TextIO, err: TextIO
) -> int:
    """Run a verb on a cluster. Raises `ClusterError` if that cannot be asked at all."""
    report = Report(arguments.command, arguments.output, out, err)
    await VERBS[arguments.command](Job(arguments, found, report))
    return report.finish()


# --- Which arguments go together -------------------------------------------------------------


def check(arguments: argparse.Namespace) -> None:
    """What no single argument tells; ends the program where it was misused."""
    for verb, holds, must in _TOGETHER:
        if arguments.command == verb and not holds(arguments):
            arguments.misused(must)


def _names_runs(arguments: argparse.Namespace) -> bool:
    return bool(arguments.runs) != bool(arguments.dag)


def _has_dag_for_its_range(arguments: argparse.Namespace) -> bool:
    ranged = arguments.start or arguments.end or arguments.failed
    return bool(arguments.dag) or not ranged


def _has_tasks_for_its_scope(arguments: argparse.Namespace) -> bool:
    return bool(arguments.tasks) == (reruns.scope(arguments) == RerunScope.TASKS)


def _is_no_skipped_run(arguments: argparse.Namespace) -> bool:
    return bool(arguments.tasks) or arguments.state != Verdict.SKIPPED


def _has_both_ends(arguments: argparse.Namespace) -> bool:
    return (arguments.start is None) == (arguments.end is None)


_TOGETHER: Final[tuple[tuple[str, Callable[[argparse.Namespace], bool], str], ...]] = (
    ("rerun", _names_runs, "name runs, or a --dag; not both"),
    ("rerun", _has_dag_for_its_range, "--from, --to and --failed choose runs of a --dag"),
    ("rerun", _has_tasks_for_its_scope, "name each --task for scope tasks, and only then"),
    ("mark", _is_no_skipped_run, "a run is marked succeeded or failed; skipped needs a --task"),
    ("trigger", _has_both_ends, "--interval-start and --interval-end go together"),
)


# --- Verbs -----------------------------------------------------------------------------------


async def _mark(job: Job) -> None:
    arguments = job.arguments
    mark = await job.signed(id=new_id(), state=str(arguments.state))

    async def wanted(run: Object) -> wishes.Wish:
        if not arguments.tasks:
            return wishes.mark_run(mark)
        return wishes.mark_tasks(run, await job.cluster.rows(run), arguments.tasks, mark)

    await job.change(arguments.runs, wanted)


def _shutdown(how: Shutdown) -> Callable[[Job], Awaitable[None]]:
    async def wanted(run: Object) -> wishes.Wish:
        return wishes.shutdown(run, how)

    return lambda job: job.change(job.arguments.runs, wanted)


def _suspend(*, wanted: bool) -> Callable[[Job], Awaitable[None]]:
    async def held(one: Object) -> wishes.Wish:
        return wishes.suspend(one, wanted=wanted)

    return lambda job: job.change(job.arguments.runs, held)


def _answer(decision: Decision) -> Callable[[Job], Awaitable[None]]:
    async def verb(job: Job) -> None:
        task, said = job.arguments.task, await job.signed(decision=str(decision))
        plans = revisions.Plans(job.cluster)

        async def wanted(run: Object) -> wishes.Wish:
            rows = await job.cluster.rows(run)
            early = wishes.has_still_to_ask(run, rows, task)
            no = await _never_asks(plans, run, task) if early else None
            return no or wishes.answer(run, rows, task, said)

        await job.change(job.arguments.runs, wanted)

    return verb


async def _never_asks(plans: revisions.Plans, run: Object, task: str) -> wishes.No | None:
    """Why a task will not ask, by the DAG: its row tells that only once it does."""
    try:
        plan = await plans.of(run)
    except ApiError as error:
        if error.status != cluster.FORBIDDEN:
            raise
        plan = await plans.of(run, RerunRevision.NEWEST)  # the role for answers may read that
    if isinstance(plan, wishes.No):
        return wishes.No(f"nobody can tell whether {task} will ask: {plan.why}")
    left = restrict.restricted(plan, definitions.run_facts(run).tasks)
    if no := wishes.unknown(tuple(left.index), [task]):
        return no
    asks = left.tasks[left.index[task]].approval is not None
    return None if asks else wishes.No(f"{task} does not ask for approval")


VERBS: Final[Mapping[str, Callable[[Job], Awaitable[None]]]] = {
    "rerun": reruns.rerun,
    "mark": _mark,
    "stop": _shutdown(Shutdown.STOP),
    "terminate": _shutdown(Shutdown.TERMINATE),
    "suspend": _suspend(wanted=True),
    "resume": _suspend(wanted=False),
    "approve": _answer(Decision.APPROVED),
    "reject": _answer(Decision.REJECTED),
    "clone": newruns.clone,
    "trigger": newruns.trigger,
}
