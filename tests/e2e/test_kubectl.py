"""kubectl alone is enough: its columns, its explanations, and a run made by hand."""

from __future__ import annotations

import re

from e2e import kube


def columns(text):
    """The words of a table's header and of its first line, apart by two spaces or more."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()[:2]]


def test_get_dags_shows_whether_it_is_ready_and_how_its_last_run_ended(examples):
    namespace, run = examples["hello"]
    namespace.finish(run)
    namespace.wait("dag/hello", f"jsonpath={{.status.lastRun.name}}={run}")

    header, line = columns(namespace.kubectl("get", "dags"))

    assert header == [
        *("NAME", "READY", "SCHEDULED", "SCHEDULE", "NEXT RUN", "ACTIVE"),
        *("LAST RUN", "LAST STATE", "AGE"),
    ]
    assert line[:3] == ["hello", "True", "0"]
    assert line[4] == "Succeeded"


def test_get_dags_shows_when_it_runs_next(namespace):
    schedule = {"cron": "30 4 1 1 *", "timeZone": "Asia/Kolkata"}
    namespace.apply(kube.dag("yearly", kube.task("only"), schedule=schedule))
    namespace.wait("dag/yearly", "jsonpath={.status.nextRun}")

    header, line = columns(namespace.kubectl("get", "dags"))

    shown = dict(zip(header, line, strict=False))
    assert shown["SCHEDULE"] == "30 4 1 1 * Asia/Kolkata"
    assert re.fullmatch(r"\d{4}-12-31T23:00:00Z", shown["NEXT RUN"])


def test_get_dagruns_shows_state_and_progress(examples):
    namespace, run = examples["failing-log"]
    namespace.finish(run)

    header, line = columns(namespace.kubectl("get", "dagruns"))
    shown = dict(zip(header, line, strict=True))

    assert (shown["NAME"], shown["DAG"], shown["STATE"], shown["PROGRESS"], shown["FAILED"]) == (
        *(run, "failing-log", "Failed", "2/4"),
        "1",
    )


def test_explain_describes_a_task(kubectl):
    told = kubectl("explain", "dag.spec.tasks")

    assert "dependsOn" in told
    assert "triggerRule" in told
    assert "<no description>" not in told


def test_everything_is_in_the_category(examples):
    namespace, run = examples["hello"]

    assert f"dagrun.kubedag.dev/{run}" in namespace.kubectl("get", "kubedag", "-o", "name")


def test_a_run_by_hand_takes_three_lines_of_spec_or_fewer(namespace):
    namespace.apply(kube.dag("by-hand", kube.task("only")))
    manifest = """
apiVersion: kubedag.dev/v1alpha1
kind: DAGRun
metadata:
  generateName: by-hand-
spec:
  dagName: by-hand
"""

    said = namespace.kubectl("create", "-f", "-", "-o", "name", text=manifest)

    ended = namespace.finish(said.strip().partition("/")[2])
    assert kube.condition(ended, "Succeeded")["status"] == "True"


def test_a_spec_that_cannot_be_right_is_refused_at_once(namespace):
    shouting = kube.dag("shouting", kube.task("Not_A_Name"))

    refused = namespace.refusal(shouting)

    assert "spec.tasks[0].name" in refused
