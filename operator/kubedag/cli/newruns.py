"""`kubedag trigger` and `kubedag clone`: runs that are created, and what speaks against one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from kubedag.api.group import API_VERSION, DAG_RUN
from kubedag.api.hints import nearest
from kubedag.cli import wishes
from kubedag.cli.flags import Target
from kubedag.core import instants, pods
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from kubedag.cli.job import Job

    Object = dict[str, Any]

_PARAM: Final = re.compile(r"KUBEDAG_PARAM_(\w*)", re.ASCII)
_NAMED_MAX: Final = 5


async def clone(job: Job) -> None:
    """Create a run like another one."""
    for target in job.arguments.runs:
        try:
            run = await job.cluster.get(target)
            await _create(job, wishes.clone(run, job.arguments.params))
        except ApiError as error:
            job.failed(target, error)


async def trigger(job: Job) -> None:
    """Create a run of a DAG, unless it has one of that interval, or not the tasks."""
    arguments, interval = job.arguments, None
    try:
        dag = await job.cluster.get(arguments.dag)
        no = wishes.unknown(wishes.tasks_of(dag), arguments.tasks)
        if arguments.start is not None:
            interval = instants.text(arguments.start), instants.text(arguments.end)
            if no is None and not arguments.again:
                no = await _taken(job, (arguments.start, arguments.end))
        if no is not None:
            job.report.failed(arguments.dag, no.why)
            return
        spec = wishes.trigger(arguments.dag.name, interval, arguments.tasks, arguments.params)
        await _create(job, spec)
    except ApiError as error:
        job.failed(arguments.dag, error)
        return
    for warning in unused(dag, dict(arguments.params)):
        job.report.warned(f"{arguments.dag}: {warning}")


async def _taken(job: Job, interval: tuple[datetime, datetime]) -> wishes.No | None:
    """The newest run that the interval has already, and how to run that again."""
    taken = [
        run
        async for run in job.cluster.runs_of(job.arguments.dag.name)
        if _interval(run) == interval and not run["metadata"].get("deletionTimestamp")
    ]
    if not taken:
        return None
    run = max(taken, key=lambda one: (one["metadata"]["creationTimestamp"], _name(one)))
    when = "" if wishes.is_finished(run) else " once it has ended"
    return wishes.No(
        f"it has a run of this interval: {_name(run)}, which is {wishes.state(run)};"
        f" `kubedag rerun {_name(run)} --scope All` runs that again{when}, and --again creates"
        " another one all the same"
    )


def _name(run: Object) -> str:
    name: str = run["metadata"]["name"]
    return name


def _interval(run: Object) -> tuple[datetime, datetime] | None:
    said = run["spec"].get("dataInterval") or {}
    if not said.get("startTime") or not said.get("endTime"):
        return None
    return instants.parse(said["startTime"]), instants.parse(said["endTime"])


def unused(dag: Object, params: Iterable[str]) -> list[str]:
    """Parameters that no task seems to use, where tasks use others; what images do nobody knows."""
    used = {name.lower() for name in _PARAM.findall(orjson.dumps(dag.get("spec")).decode())}
    if not used or "" in used:
        return []
    return [
        f"no task names the parameter {name!r} ({_meant(name.lower(), sorted(used))})"
        for name in params
        if name.lower() not in used
    ]


def _meant(name: str, used: list[str]) -> str:
    if near := nearest(name, used):
        return f"did you mean {near!r}?"
    more = " …" if len(used) > _NAMED_MAX else ""
    return f"they name {', '.join(map(repr, used[:_NAMED_MAX]))}{more}"


async def _create(job: Job, spec: Object) -> None:
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
