"""What the page on limits names is there, and holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kubedag.api import crds, parse, taskpool
from kubedag.core import limits, pods, podspec, reasons, reasons_elsewhere
from support.builders import a_plan
from support.objects import a_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
CHART = yaml.safe_load((ROOT / "charts" / "kubedag" / "values.yaml").read_text(encoding="utf-8"))
BLOCKS = [
    document
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for document in yaml.safe_load_all(block)
]
RUN = podspec.RunIdentity("run", "ns", "uid", "rev", "Manual", "2026-01-01T00:00:00Z")


def test_every_reason_that_the_page_names_is_on_the_list():
    names = {reason.name for reason in reasons_elsewhere.ALL}
    told = set(re.findall(r"reasons? `(\w+)`", PAGE)) | {"PoolTooSmall", "AdmissionDenied"}
    assert told - names == set()
    assert len(told) >= 6


@pytest.mark.parametrize("field", ["maxActiveRuns", "maxActiveTasks", "maxActiveTasksAcrossRuns"])
def test_every_limit_of_a_dag_is_a_field_of_it(field):
    assert f"`{field}`" in PAGE
    (version,) = crds.all_manifests()["dags.kubedag.dev.yaml"]["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert field in schema["properties"]


def test_every_value_of_the_chart_is_one():
    named = set(re.findall(r"`limits\.(\w+)`", PAGE))
    assert named == set(CHART["limits"])


def test_the_pool_of_the_page_is_one_and_may_be_shared_as_it_says():
    whole, shared, *_ = BLOCKS
    made = parse.parse(taskpool.TaskPool, whole | shared)
    assert isinstance(made, taskpool.TaskPool), made
    assert made.spec.share_with is not None
    assert made.spec.share_with.namespaces == ("sales", "finance")
    everybody = {"slots": 1, "shareWith": {"scope": "All"}}
    assert isinstance(parse.parse(taskpool.TaskPoolSpec, everybody), taskpool.TaskPoolSpec)
    nobody = {"slots": 1, "shareWith": {"scope": "Listed"}}
    assert isinstance(parse.parse(taskpool.TaskPoolSpec, nobody), tuple)


def test_the_label_of_kueue_reaches_the_pod_as_the_page_says_it():
    plan = a_plan(a_task("a", pool={"name": "warehouse", "slots": 2}, **BLOCKS[2]))
    labels = podspec.build(plan, plan.tasks[0], RUN, 1)["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "team-a"
    assert labels["kubedag.dev/pool"] == "warehouse"
    assert labels["kubedag.dev/pool-slots"] == "2"
    assert "kubedag.dev/pool-namespace" not in labels


def test_the_queue_of_the_page_is_the_one_that_its_label_names():
    flavor, shared, local, _ = BLOCKS[3:]
    assert BLOCKS[2]["podTemplate"]["metadata"]["labels"] == {
        pods.LABEL_QUEUE: local["metadata"]["name"]
    }
    assert local["spec"]["clusterQueue"] == shared["metadata"]["name"]
    (group,) = shared["spec"]["resourceGroups"]
    assert [one["name"] for one in group["flavors"]] == [flavor["metadata"]["name"]]


def test_what_waiting_and_patience_are_worth_is_what_the_page_says():
    assert f"{limits.SECONDS_PER_PRIORITY} seconds are worth one" in PAGE
    assert limits.PATIENCE_SECONDS == 30 * 60
    assert "after half an hour it does" in PAGE


def test_what_kueue_does_is_the_clusters_doing():
    assert reasons.failure_class("StoppedByKueue") == reasons.INFRA
