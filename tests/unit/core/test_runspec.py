"""The run of an interval, as it is created."""

from __future__ import annotations

from dataclasses import replace

from kubedag.api import parse
from kubedag.api.dagrun import DAGRun
from kubedag.core import actions, runspec

CREATE = actions.CreateRun(
    "sales-20260101t0600-1h", "Scheduled", "2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z"
)
OF_BACKFILL = replace(
    CREATE,
    run_type="Backfill",
    backfill="january",
    backfill_uid="uid-b",
    tasks=("load",),
    params=(("region", "eu"),),
)


def test_a_run_says_of_what_it_is_and_has_no_owner():
    assert runspec.build(CREATE, "ns", "sales") == {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "DAGRun",
        "metadata": {
            "name": "sales-20260101t0600-1h",
            "namespace": "ns",
            "labels": {
                "app.kubernetes.io/managed-by": "kubedag",
                "kubedag.dev/dag": "sales",
                "kubedag.dev/run-type": "Scheduled",
                "kubedag.dev/logical-time": "20260101T060000Z",
            },
        },
        "spec": {
            "dagName": "sales",
            "runType": "Scheduled",
            "dataInterval": {
                "startTime": "2026-01-01T06:00:00Z",
                "endTime": "2026-01-01T07:00:00Z",
            },
            "logicalTime": "2026-01-01T06:00:00Z",
        },
    }


def test_a_run_of_a_backfill_says_of_which_and_what_it_was_given():
    made = runspec.build(OF_BACKFILL, "ns", "sales")
    labels = made["metadata"]["labels"]
    assert labels["kubedag.dev/backfill"] == "january"
    assert labels["kubedag.dev/backfill-uid"] == "uid-b"
    assert made["spec"]["tasks"] == ["load"]
    assert made["spec"]["params"] == [{"name": "region", "value": "eu"}]


def test_what_is_created_is_a_run_by_the_types_of_the_api():
    for action in (CREATE, OF_BACKFILL):
        assert isinstance(parse.parse(DAGRun, runspec.build(action, "ns", "sales")), DAGRun)
