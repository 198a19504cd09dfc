"""The kinds of mistakes that a DAGRun can have."""

from __future__ import annotations

from typing import Any

from support.hostile.manifest import Manifest, Refuser, run
from support.objects import an_interval

API, RUN = Refuser.API, Refuser.RUN
DAG = {"dagName": "nowhere"}


def changed(kind: str, path: str, before: dict[str, Any], after: dict[str, Any]) -> Manifest:
    """An update of what never changes."""
    old, new = run(kind, path, API, before), run(kind, path, API, after)
    return Manifest(kind, "dagruns", new.text, path, API, before=old.text, cli_knows=False)


REFUSED = tuple(
    run(kind, path, API, spec, **more)
    for kind, path, spec, more in (
        ("a DAG's name with capitals", "spec.dagName", {"dagName": "Sales"}, {}),
        ("a DAG of another namespace", "spec.dagName", {"dagName": "other/sales"}, {}),
        ("a DAG whose name is too long", "spec.dagName", {"dagName": "d" * 53}, {}),
        ("no DAG", "spec.dagName", {}, {}),
        ("a DAG that is a number", "spec.dagName", {"dagName": 7}, {}),
        ("a time without an offset", "spec.logicalTime",
         {**DAG, "logicalTime": "2026-01-01T00:00:00"}, {}),
        ("a day that is no time", "spec.logicalTime", {**DAG, "logicalTime": "2026-01-01"}, {}),
        ("a day that there is not", "spec.logicalTime",
         {**DAG, "logicalTime": "2026-02-30T00:00:00Z"}, {}),
        ("a second that leaps", "spec.logicalTime", {**DAG, "logicalTime": "2016-12-31T23:59:60Z"}, {}),
        ("a year of five digits", "spec.logicalTime", {**DAG, "logicalTime": "10000-01-01T00:00:00Z"}, {}),
        ("seconds since 1970", "spec.logicalTime", {**DAG, "logicalTime": 1767225600}, {}),
        ("an interval that ends before it starts", "spec.dataInterval.endTime",
         {**DAG, "dataInterval": an_interval("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")}, {}),
        ("an interval of no length", "spec.dataInterval.endTime",
         {**DAG, "dataInterval": an_interval("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z")}, {}),
        ("an interval without an end", "spec.dataInterval.endTime",
         {**DAG, "dataInterval": {"startTime": "2026-01-02T00:00:00Z"}}, {}),
        ("a scheduled run without an interval", "spec.dataInterval",
         {**DAG, "runType": "Scheduled"}, {}),
        ("a type in lower case", "spec.runType", {**DAG, "runType": "manual"}, {}),
        ("a field of Airflow", "spec.conf", {**DAG, "conf": {}}, {}),
        ("a status as a spec", "spec.counts", {**DAG, "counts": {}}, {}),
        ("a name with a dot", "metadata.name", DAG, {"fixed_name": "run.1"}),
        ("a name that no label holds", "metadata.name", DAG, {"fixed_name": "r" * 64}),
        ("a name in capitals", "metadata.name", DAG, {"fixed_name": "RUN"}),
    )
)  # fmt: skip

CHANGED = (
    changed("another DAG afterwards", "spec.dagName", DAG, {"dagName": "elsewhere"}),
    changed("another time afterwards", "spec.logicalTime", DAG,
            {**DAG, "logicalTime": "2026-01-01T00:00:00Z"}),
    changed("another type afterwards", "spec.runType", DAG,
            {**DAG, "runType": "Backfill", "dataInterval": an_interval()}),
)  # fmt: skip

TOLD = (
    run("a DAG that never exists", "spec.dagName", RUN, DAG),
    run("a DAG that was refused", "spec.tasks", RUN, {"dagName": "broken"}),
    run("a status by hand", "spec.dagName", RUN, DAG,
        status={"completionTime": "2026-01-01T00:00:00Z", "conditions": [
            {"type": "Finished", "status": "True", "reason": "X", "message": "x",
             "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
    run("labels of ours by hand", "spec.dagName", RUN, DAG,
        metadata={"labels": {"kubedag.dev/dag": "other", "kubedag.dev/run-uid": "x"}}),
    run("a finalizer by hand", "spec.dagName", RUN, DAG, metadata={"finalizers": ["example.com/mine"]}),
    run("an owner in another namespace", "spec.dagName", RUN, DAG, may_be_gone=True,
        metadata={"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "elsewhere",
                                       "uid": "0b0f7a52-4b4c-4c3a-9d7a-222222222222"}]}),
    run("an interval in two time zones", "spec.dagName", RUN,
        {**DAG, "dataInterval": an_interval("2026-01-01T00:00:00+14:00", "2026-01-01T00:00:00-12:00")}),
)  # fmt: skip

KINDS = (*REFUSED, *CHANGED, *TOLD)
