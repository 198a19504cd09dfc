"""`kubedag trigger` and `kubedag clone`: runs that are created, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedag.api.group import API_VERSION, DAG_RUN
from kubedag.cli import wishes
from kubedag.cli.flags import Target
from kubedag.core import instants, pods
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from kubedag.cli.job import Job

    Object = dict[str, Any]


async def clone(job: Job) -> None:
    """Create a run like another one."""
    for target in job.arguments.runs:
        try:
            run = await job.cluster.get(target)
            await _create(job, wishes.clone(run, job.arguments.params))
        except ApiError as error:
            job.failed(target, error)


async def trigger(job: Job) -> None:
    """Create a run of a DAG."""
    arguments, interval = job.arguments, None
    if arguments.start is not None:
        interval = instants.text(arguments.start), instants.text(arguments.end)
    try:
        await job.cluster.get(arguments.dag)
        spec = wishes.trigger(arguments.dag.name, interval, arguments.tasks, arguments.params)
        await _create(job, spec)
    except ApiError as error:
        job.failed(arguments.dag, error)


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
