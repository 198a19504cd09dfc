"""The CRDs: the schemas of the kinds, and how `kubectl get` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from kubedag.api import backfill, dag, dagrun, group, runslice, schema, taskpool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

WIDE: Final = 1
"""The priority of a column that only `kubectl get -o wide` shows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0

    def manifest(self) -> dict[str, Any]:
        """The column as an item of `additionalPrinterColumns`."""
        found: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "jsonPath": self.path,
        }
        return found | ({"priority": self.priority} if self.priority else {})


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_AGE: Final = Column("Age", ".metadata.creationTimestamp", "How long ago it was created.", "date")

DAG_COLUMNS: Final = (
    Column("Ready", _condition("Ready", "status"), "Can runs be made of the spec?"),
    Column("Scheduled", _condition("Scheduled", "reason"), "Scheduled, or why no run is."),
    Column("Schedule", ".status.schedule", "When it runs by itself."),
    Column("Next Run", ".status.nextRun.createTime", "When the next run is created."),
    Column("Active", ".status.activeRuns", "Runs that have started and not finished.", "integer"),
    Column("Last Run", ".status.lastRun.completionTime", "When a run last finished.", "date"),
    Column("Last State", ".status.lastRun.state", "How that run finished."),
    _AGE,
    Column("Suspended", ".spec.suspend", "Are new scheduled runs held back?", "boolean", WIDE),
    Column("Tasks", ".status.taskCount", "The number of tasks.", "integer", WIDE),
    Column("Queued", ".status.queuedRuns", "Runs that wait for their turn.", "integer", WIDE),
    Column("Revision", ".status.revision", "The revision that new runs use.", priority=WIDE),
    Column(
        "Message", _condition("Ready", "message"), "What keeps it from being ready.", priority=WIDE
    ),
)

DAG_RUN_COLUMNS: Final = (
    Column("DAG", ".spec.dagName", "The DAG that runs."),
    Column("State", _condition("Succeeded", "reason"), "Where the run stands."),
    Column("Progress", ".status.progress", "Tasks that are done, and all there are."),
    Column("Failed", ".status.counts.failed", "Tasks that failed for good.", "integer"),
    Column("Retries", ".status.retries", "Attempts that were not a task's first.", "integer"),
    Column("Started", ".status.startTime", "How long ago the run started.", "date"),
    Column("Duration", ".status.duration", "How long the run took."),
    _AGE,
    Column("Type", ".spec.runType", "Why the run exists.", priority=WIDE),
    Column("From", ".spec.dataInterval.startTime", "The start of its interval.", priority=WIDE),
    Column("To", ".spec.dataInterval.endTime", "The end of its interval.", priority=WIDE),
    Column("Revision", ".status.revision", "The DAG's revision it keeps to.", priority=WIDE),
    Column(
        "Message",
        _condition("Succeeded", "message"),
        "Why it stands where it does.",
        priority=WIDE,
    ),
)

BACKFILL_COLUMNS: Final = (
    Column("DAG", ".spec.dagName", "The DAG that runs."),
    Column("From", ".spec.startTime", "The start of the range."),
    Column("To", ".spec.endTime", "The end of the range."),
    Column("State", _condition("Succeeded", "reason"), "Where the Backfill stands."),
    Column("Progress", ".status.progress", "Intervals that are done, and all there are."),
    Column("Active", ".status.intervals.active", "Intervals whose run is active.", "integer"),
    Column("Failed", ".status.intervals.failed", "Intervals whose run failed.", "integer"),
    _AGE,
    Column(
        "Estimated End", ".status.estimatedCompletionTime", "When it may be over.", priority=WIDE
    ),
    Column("Skipped", ".status.intervals.skipped", "Intervals left alone.", "integer", WIDE),
    Column(
        "Message",
        _condition("Succeeded", "message"),
        "Why it stands where it does.",
        priority=WIDE,
    ),
)

POOL_COLUMNS: Final = (
    Column("Slots", ".spec.slots", "How many slots there are.", "integer"),
    Column("Used", ".status.used", "How many are taken.", "integer"),
    Column("Waiting", ".status.waiting", "Tasks that wait for slots.", "integer"),
    _AGE,
    Column("Description", ".spec.description", "What the slots stand for.", priority=WIDE),
)

SLICE_COLUMNS: Final = (
    Column("Run", ".runName", "The DAGRun that the tasks are of."),
    Column("First", ".firstTask", "The place of the first task in the DAG, from 0.", "integer"),
    Column("Tasks", ".counts.total", "The number of tasks.", "integer"),
    Column("Succeeded", ".counts.succeeded", "Tasks that succeeded.", "integer"),
    Column("Failed", ".counts.failed", "Tasks that failed for good.", "integer"),
    _AGE,
    Column("Running", ".counts.running", "Tasks whose Pod runs.", "integer", WIDE),
    Column("Waiting", ".counts.waiting", "Tasks that wait for others.", "integer", WIDE),
)


def manifest(
    kind: group.Kind,
    model: type[BaseModel],
    columns: tuple[Column, ...],
    selectable: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    version: dict[str, Any] = {"name": group.VERSION, "served": True, "storage": True}
    if "status" in model.model_fields:
        version["subresources"] = {"status": {}}
    version["additionalPrinterColumns"] = [column.manifest() for column in columns]
    if selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    names: dict[str, Any] = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "categories": [group.CATEGORY],
    }
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group.GROUP}"},
        "spec": {
            "group": group.GROUP,
            "scope": "Namespaced",
            "names": names,
            "versions": [version | {"schema": {"openAPIV3Schema": _root(model)}}],
        },
    }


def all_manifests() -> Mapping[str, dict[str, Any]]:
    """Every CRD by the name of its file."""
    found = (
        manifest(group.DAG, dag.DAG, DAG_COLUMNS),
        manifest(group.DAG_RUN, dagrun.DAGRun, DAG_RUN_COLUMNS, (".spec.dagName",)),
        manifest(group.BACKFILL, backfill.Backfill, BACKFILL_COLUMNS, (".spec.dagName",)),
        manifest(group.TASK_POOL, taskpool.TaskPool, POOL_COLUMNS),
        manifest(group.DAG_RUN_SLICE, runslice.DAGRunSlice, SLICE_COLUMNS),
    )
    return {f"{crd['metadata']['name']}.yaml": crd for crd in found}


def render(crd: Mapping[str, Any]) -> str:
    """A CRD as the YAML of its file, always the same to the byte."""
    text = yaml.dump(
        crd,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=99,
        default_flow_style=False,
    )
    return f"# Generated by `kubedag crds` from operator/kubedag/api: edit that instead.\n{text}"


def _root(model: type[BaseModel]) -> schema.Schema:
    """The schema of an object: defaults in its spec, none in its status, Kubernetes' metadata."""
    found = schema.structural(model, defaults=False)
    properties = found["properties"]
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    if "spec" in properties:
        spec = schema.structural(model.model_fields["spec"].annotation, defaults=True)  # type: ignore[arg-type]
        properties["spec"] = spec | {"description": properties["spec"]["description"]}
    return found


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """The API server's YAML knows aliases, but readers do not like them."""
        del data
        return True
