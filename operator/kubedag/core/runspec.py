"""The DAGRun of an interval: what the operator creates for a schedule, and for a Backfill.

It has no owner. It is the record of what was done with the interval, and so outlives the DAG and the
Backfill; both find it again by its labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedag.api.group import API_VERSION, DAG_RUN
from kubedag.core import instants, naming, pods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedag.core import actions


def build(action: actions.CreateRun, namespace: str, dag_name: str) -> dict[str, Any]:
    """The manifest of the run."""
    spec: dict[str, Any] = {
        "dagName": dag_name,
        "runType": action.run_type,
        "dataInterval": {"startTime": action.start_time, "endTime": action.end_time},
        "logicalTime": action.start_time,
    }
    if action.tasks:
        spec["tasks"] = list(action.tasks)
    if action.params:
        spec["params"] = [{"name": name, "value": value} for name, value in action.params]
    metadata = {
        "name": action.name,
        "namespace": namespace,
        "labels": labels_of(action, dag_name),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": DAG_RUN.kind,
        "metadata": metadata,
        "spec": spec,
    }


def labels_of(action: actions.CreateRun, dag_name: str) -> dict[str, str]:
    """By what people find the run with `kubectl -l`, and a Backfill its own."""
    labels = {
        pods.LABEL_MANAGED_BY: pods.MANAGED_BY,
        pods.LABEL_DAG: dag_name,
        pods.LABEL_RUN_TYPE: action.run_type,
        pods.LABEL_LOGICAL_TIME: instants.compact(instants.parse(action.start_time)),
    }
    if action.backfill:
        labels[pods.LABEL_BACKFILL] = naming.label_value(action.backfill)
        labels[pods.LABEL_BACKFILL_UID] = action.backfill_uid
    return labels


def is_of(raw: Mapping[str, Any], action: actions.CreateRun, dag_name: str) -> bool:
    """Is a run that has the name the one that was to be created: of this DAG and this interval?"""
    spec = raw.get("spec") or {}
    interval = spec.get("dataInterval")
    if spec.get("dagName") != dag_name or not interval:
        return False
    found = (interval["startTime"], interval["endTime"])
    return [instants.parse(one) for one in found] == [
        instants.parse(one) for one in (action.start_time, action.end_time)
    ]


def described(raw: Mapping[str, Any]) -> str:
    """What a run is of, for people."""
    spec = raw.get("spec") or {}
    interval = spec.get("dataInterval")
    of = f"of DAG {spec.get('dagName')!r}"
    return f"{of} for {interval['startTime']} to {interval['endTime']}" if interval else of
