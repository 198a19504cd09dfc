"""Does what the verbs of `verbs` say: one object after the other, and each tells what became of it.

One object that cannot be changed keeps nobody from the others; the exit code tells that there was one.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson

from kubedag.api.enums import Decision, RerunRevision, RerunScope, Shutdown, Verdict
from kubedag.api.group import API_VERSION, DAG_RUN
from kubedag.cli import cluster, rehearsal, wishes
from kubedag.cli.flags import Target
from kubedag.core import instants, pods
from kubedag.shell.access import CredentialsError
from kubedag.shell.errors import ApiError, ClusterError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    Decided = Callable[[dict[str, Any], list[dict[str, Any]]], wishes.Wish]

DONE: Final = 0
NOT_DONE: Final = 1
NO_CLUSTER: Final = 3

RUNS_MAX: Final = 1000


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


@dataclass
class Report:
    """Tells what becomes of each object."""

    verb: str
    output: str
    out: TextIO
    err: TextIO
    objects: list[Mapping[str, Any]] = field(default_factory=list)
    failures: int = 0

    def done(self, target: Target, said: str, found: Mapping[str, Any]) -> None:
        """It is as it was wanted."""
        if self.output == "json":
            self.objects.append(found)
        else:
            print(target if self.output == "name" else f"{target} {said}", file=self.out)

    def failed(self, target: Target, why: str) -> None:
        """It is not."""
        self.failures += 1
        print(f"kubedag {self.verb}: {target}: {why}", file=self.err)

    def finish(self) -> int:
        """Write what is to be written whole; the exit code."""
        if self.output == "json":
            several = {"apiVersion": "v1", "kind": "List", "items": self.objects}
            whole = self.objects[0] if len(self.objects) == 1 else several
            print(orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode(), file=self.out)
        return NOT_DONE if self.failures else DONE


@dataclass(frozen=True)
class Job:
    """One call of a verb."""

    arguments: argparse.Namespace
    cluster: cluster.Cluster
    report: Report

    async def change(
        self, targets: Iterable[Target], wanted: Decided, *, by_rows: bool = False
    ) -> None:
        """Change each of the objects as it is wanted."""
        for target in targets:
            try:
                wish, found = await self.cluster.change(target, wanted, by_rows=by_rows)
            except ApiError as error:
                self.failed(target, error)
                continue
            if isinstance(wish, wishes.No):
                self.report.failed(target, wish.why)
            else:
                self.report.done(target, wish.said, found)

    def failed(self, target: Target, error: ApiError) -> None:
        """The API server has refused something about an object."""
        self.report.failed(target, cluster.told(error, target, self.cluster.namespace))

    async def signed(self, **said: str) -> dict[str, str]:
        """What somebody says, with their name, and why."""
        comment = self.arguments.comment
        by = await self.cluster.user_name()
        return {**said, "by": by, **({"comment": comment} if comment else {})}


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
    return bool(arguments.tasks) == (_scope(arguments) == RerunScope.TASKS)


def _is_no_skipped_run(arguments: argparse.Namespace) -> bool:
    return bool(arguments.tasks) or arguments.state != Verdict.SKIPPED


def _has_both_ends(arguments: argparse.Namespace) -> bool:
    return (arguments.start is None) == (arguments.end is None)


_TOGETHER: Final[tuple[tuple[str, Callable[[argparse.Namespace], bool], str], ...]] = (
    ("rerun", _names_runs, "name runs, or a --dag"),
    ("rerun", _has_dag_for_its_range, "--from, --to and --failed choose runs of a --dag"),
    ("rerun", _has_tasks_for_its_scope, "name each --task for scope tasks, and only then"),
    ("mark", _is_no_skipped_run, "a run is marked succeeded or failed; skipped needs a --task"),
    ("trigger", _has_both_ends, "--interval-start and --interval-end go together"),
)


# --- Verbs -----------------------------------------------------------------------------------


async def _rerun(job: Job) -> None:
    arguments = job.arguments
    wish = wishes.Rerun(
        _new_id(),
        _scope(arguments),
        tuple(dict.fromkeys(arguments.tasks)),
        arguments.include,
        RerunRevision.NEWEST if arguments.newest else RerunRevision.SAME,
    )
    targets = arguments.runs or await _of_dag(job)
    if arguments.dry_run:
        await _rehearse(job, targets, wish)
    else:
        await job.change(
            targets,
            lambda run, rows: wishes.rerun(run, rows, wish),
            by_rows=bool(wish.tasks) and not arguments.newest,
        )


def _scope(arguments: argparse.Namespace) -> RerunScope:
    by_tasks = RerunScope.TASKS if arguments.tasks else RerunScope.FAILED
    scope: RerunScope = arguments.scope or by_tasks
    return scope


async def _of_dag(job: Job) -> list[Target]:
    """The runs of a DAG that are meant, oldest first."""
    arguments, dag = job.arguments, job.arguments.dag
    failed = arguments.failed or _scope(arguments) == RerunScope.FAILED
    found = []
    try:
        async for run in job.cluster.runs_of(dag.name):
            about = instants.parse(
                run["spec"].get("logicalTime") or run["metadata"]["creationTimestamp"]
            )
            in_range = (arguments.start is None or arguments.start <= about) and (
                arguments.end is None or about < arguments.end
            )
            ended = wishes.condition(run, "Succeeded").get("status")
            if in_range and wishes.is_finished(run) and not (failed and ended == "True"):
                found.append((about, run["metadata"]["name"]))
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


async def _rehearse(job: Job, targets: Iterable[Target], wish: wishes.Rerun) -> None:
    for target in targets:
        try:
            run = await job.cluster.get(target)
            found = await rehearsal.would_run(job.cluster, run, wish)
        except ApiError as error:
            job.failed(target, error)
            continue
        if isinstance(found, wishes.No):
            job.report.failed(target, found.why)
            continue
        count = f"{len(found)} task{'' if len(found) == 1 else 's'}"
        said = f"would run {count} again: {', '.join(found)}" if found else "would run nothing"
        job.report.done(target, said, {"run": target.name, "tasks": list(found)})


async def _mark(job: Job) -> None:
    arguments = job.arguments
    mark = await job.signed(id=_new_id(), state=str(arguments.state))

    def wanted(run: dict[str, Any], rows: list[dict[str, Any]]) -> wishes.Wish:
        if not arguments.tasks:
            return wishes.mark_run(mark)
        return wishes.mark_tasks(run, rows, arguments.tasks, mark)

    await job.change(arguments.runs, wanted, by_rows=bool(arguments.tasks))


def _shutdown(how: Shutdown) -> Callable[[Job], Awaitable[None]]:
    async def verb(job: Job) -> None:
        await job.change(job.arguments.runs, lambda run, _: wishes.shutdown(run, how))

    return verb


def _suspend(*, wanted: bool) -> Callable[[Job], Awaitable[None]]:
    async def verb(job: Job) -> None:
        await job.change(job.arguments.runs, lambda one, _: wishes.suspend(one, wanted=wanted))

    return verb


def _answer(decision: Decision) -> Callable[[Job], Awaitable[None]]:
    async def verb(job: Job) -> None:
        task, said = job.arguments.task, await job.signed(decision=str(decision))
        await job.change(
            job.arguments.runs,
            lambda run, rows: wishes.answer(run, rows, task, said),
            by_rows=True,
        )

    return verb


async def _clone(job: Job) -> None:
    for target in job.arguments.runs:
        try:
            run = await job.cluster.get(target)
            await _create(job, wishes.clone(run, job.arguments.params))
        except ApiError as error:
            job.failed(target, error)


async def _trigger(job: Job) -> None:
    arguments = job.arguments
    interval = None
    if arguments.start is not None:
        interval = instants.text(arguments.start), instants.text(arguments.end)
    try:
        await job.cluster.get(arguments.dag)
        spec = wishes.trigger(arguments.dag.name, interval, arguments.tasks, arguments.params)
        await _create(job, spec)
    except ApiError as error:
        job.failed(arguments.dag, error)


async def _create(job: Job, spec: dict[str, Any]) -> None:
    dag, name = spec["dagName"], job.arguments.name
    labels = {pods.LABEL_DAG: dag, pods.LABEL_RUN_TYPE: "Manual"}
    named = {"name": name} if name else {"generateName": f"{dag}-"}
    manifest = {
        "apiVersion": API_VERSION,
        "kind": DAG_RUN.kind,
        "metadata": {**named, "namespace": job.cluster.namespace, "labels": labels},
        "spec": spec,
    }
    made = await job.cluster.create_run(manifest)
    job.report.done(Target("dagruns", made["metadata"]["name"]), "created", made)


VERBS: Final[Mapping[str, Callable[[Job], Awaitable[None]]]] = {
    "rerun": _rerun,
    "mark": _mark,
    "stop": _shutdown(Shutdown.STOP),
    "terminate": _shutdown(Shutdown.TERMINATE),
    "suspend": _suspend(wanted=True),
    "resume": _suspend(wanted=False),
    "approve": _answer(Decision.APPROVED),
    "reject": _answer(Decision.REJECTED),
    "clone": _clone,
    "trigger": _trigger,
}


def _new_id() -> str:
    """An id that no other wish has; when it was made can be read from it."""
    now = instants.compact(datetime.now(UTC)).lower()
    return f"cli-{now}-{secrets.token_hex(3)}"
