"""The CRDs in the repository: what is in their files, and how `kubectl` shows them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kubedag.api import crds, defaults, group, schema

ROOT = Path(__file__).parents[2]
MANIFESTS = crds.all_manifests()
SIZE_MAX = 200_000  # client-side apply keeps a copy in an annotation, and these end at 256 KiB

each_crd = pytest.mark.parametrize("name", MANIFESTS)


def version(name):
    (only,) = MANIFESTS[name]["spec"]["versions"]
    return only


def fields(name):
    return dict(schema.fields(version(name)["schema"]["openAPIV3Schema"]))


@each_crd
def test_the_file_is_what_the_types_say(name):
    assert (ROOT / "crds" / name).read_text(encoding="utf-8") == crds.render(MANIFESTS[name])


def test_there_is_no_other_file():
    assert sorted(path.name for path in (ROOT / "crds").iterdir()) == sorted(MANIFESTS)


@each_crd
def test_the_text_is_what_it_says(name):
    assert yaml.safe_load(crds.render(MANIFESTS[name])) == MANIFESTS[name]


@each_crd
def test_the_text_has_neither_anchors_nor_tabs(name):
    text = crds.render(MANIFESTS[name])
    assert [line for line in text.splitlines() if "&id" in line or "*id" in line] == []
    assert "\t" not in text


def test_another_process_writes_the_same_bytes(tmp_path):
    command = [sys.executable, "-m", "kubedag.cli.main", "crds", "--output", tmp_path]
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT / "operator")}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        name: crds.render(manifest) for name, manifest in MANIFESTS.items()
    }


@each_crd
def test_a_crd_leaves_room_for_what_comes(name):
    assert len((ROOT / "crds" / name).read_bytes()) < SIZE_MAX
    assert len(json.dumps(MANIFESTS[name])) < SIZE_MAX


@each_crd
def test_kubectl_finds_the_kind_by_its_category(name):
    assert MANIFESTS[name]["spec"]["names"]["categories"] == [group.CATEGORY]


def test_runs_can_be_listed_by_their_dag():
    assert version("dagruns.kubedag.dev.yaml")["selectableFields"] == [
        {"jsonPath": ".spec.dagName"}
    ]


@pytest.mark.parametrize(
    ("name", "narrow", "wide"),
    [
        (
            "dags.kubedag.dev.yaml",
            [
                "Ready",
                "Scheduled",
                "Schedule",
                "Next Run",
                "Active",
                "Last Run",
                "Last State",
                "Age",
            ],
            ["Suspended", "Tasks", "Queued", "Revision", "Message"],
        ),
        (
            "dagruns.kubedag.dev.yaml",
            ["DAG", "State", "Progress", "Failed", "Retries", "Started", "Duration", "Age"],
            ["Type", "From", "To", "Revision", "Message"],
        ),
        (
            "backfills.kubedag.dev.yaml",
            ["DAG", "From", "To", "State", "Progress", "Active", "Failed", "Age"],
            ["Estimated End", "Skipped", "Message"],
        ),
        (
            "dagrunslices.kubedag.dev.yaml",
            ["Run", "First", "Tasks", "Succeeded", "Failed", "Age"],
            ["Running", "Waiting"],
        ),
    ],
)
def test_kubectl_get_shows(name, narrow, wide):
    columns = version(name)["additionalPrinterColumns"]
    assert [column["name"] for column in columns if not column.get("priority")] == narrow
    assert [column["name"] for column in columns if column.get("priority")] == wide


@each_crd
def test_every_column_shows_a_field_that_there_is(name):
    known = fields(name)
    for column in version(name)["additionalPrinterColumns"]:
        path = column["jsonPath"].removeprefix(".")
        if path.startswith("metadata."):
            continue
        plain = path.split("[?")[0]
        last = path.rsplit("].", 1)[-1] if "[?" in path else ""
        wanted = f"{plain}[].{last}" if last else path
        assert wanted in known, column["name"]


def test_a_list_of_rows_has_one_owner():
    """As a map list, every write would record every field of every row."""
    lists = {path: node for name in MANIFESTS for path, node in fields(name).items()}
    for path in ("spec.tasks", "status.tasks", "status.tasks[].attempts", "tasks"):
        assert lists[path]["x-kubernetes-list-type"] == "atomic"
    assert lists["status.conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_a_slice_has_the_rows_that_its_run_would_have():
    rows = fields("dagruns.kubedag.dev.yaml")["status.tasks[]"]
    assert fields("dagrunslices.kubedag.dev.yaml")["tasks[]"] == rows


DEFAULTS = {
    "taskpools.kubedag.dev.yaml": {"spec.shareWith.scope": "Listed"},
    "dags.kubedag.dev.yaml": {
        "spec.suspend": False,
        "spec.schedule.timeZone": "Etc/UTC",
        "spec.schedule.catchup": "Latest",
        "spec.schedule.catchupLimit": 100,
        "spec.concurrencyPolicy": "Queue",
        "spec.maxActiveRuns": 1,
        "spec.dependsOnPast": False,
        "spec.failFast": False,
        "spec.retention": {
            "successfulRuns": 50,
            "failedRuns": 50,
            "ttlSecondsAfterFinished": 2_592_000,
            "keepPods": "Failed",
            "podTtlSecondsAfterFinished": 600,
            "keptPodTtlSecondsAfterFinished": 604_800,
        },
        "spec.retention.successfulRuns": 50,
        "spec.retention.failedRuns": 50,
        "spec.retention.ttlSecondsAfterFinished": 2_592_000,
        "spec.retention.keepPods": "Failed",
        "spec.retention.podTtlSecondsAfterFinished": 600,
        "spec.retention.keptPodTtlSecondsAfterFinished": 604_800,
        "spec.failureLogs": {"capture": "OnFailure"},
        "spec.failureLogs.capture": "OnFailure",
    },
    "dagruns.kubedag.dev.yaml": {
        "spec.runType": "Manual",
        "spec.suspend": False,
        "spec.rerun.scope": "Failed",
        "spec.rerun.include": "Downstream",
        "spec.rerun.revision": "Same",
        "spec.rerun.dryRun": False,
    },
    "backfills.kubedag.dev.yaml": {
        "spec.reprocess": "None",
        "spec.revision": "Newest",
        "spec.order": "OldestFirst",
        "spec.intervalsPerRun": 1,
        "spec.dryRun": False,
        "spec.suspend": False,
        "spec.cancel": False,
    },
    "dagrunslices.kubedag.dev.yaml": {},
}
"""Of each file, the fields that the API server fills in; the operator does the rest."""


@each_crd
def test_defaults_are_only_where_they_help(name):
    found = {path: node["default"] for path, node in fields(name).items() if "default" in node}
    assert found == DEFAULTS[name]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retry.limit", defaults.RETRY_LIMIT),
        ("retry.infraLimit", defaults.RETRY_INFRA_LIMIT),
        ("retry.backoffSeconds", defaults.RETRY_BACKOFF_SECONDS),
        ("retry.backoffFactor", defaults.RETRY_BACKOFF_FACTOR),
        ("retry.backoffSecondsMax", defaults.RETRY_BACKOFF_SECONDS_MAX),
        ("pendingTimeoutSeconds", defaults.PENDING_TIMEOUT_SECONDS),
        ("priority", defaults.PRIORITY),
    ],
)
def test_what_the_operator_fills_in_is_told_to_the_reader(field, value):
    known = fields("dags.kubedag.dev.yaml")
    for place in ("spec.taskDefaults", "spec.tasks[]"):
        assert known[f"{place}.{field}"]["description"].endswith(f"Without one: {value}.")
