"""Every example does what its README says."""

from __future__ import annotations

import json

import pytest
import yaml

from e2e import kube

SUCCEEDED, FAILED, SKIPPED, BLOCKED = "Succeeded", "Failed", "Skipped", "UpstreamFailed"

EXPECTED = {
    "hello": ("True", {"hello": SUCCEEDED, "world": SUCCEEDED}),
    "diamond": ("True", dict.fromkeys(["start", "left", "right", "end"], SUCCEEDED)),
    "trigger-rules": (
        "False",
        {
            "good": SUCCEEDED,
            "bad": FAILED,
            "all-done": SUCCEEDED,
            "one-succeeded": SUCCEEDED,
            "one-failed": SUCCEEDED,
            "all-failed": SUCCEEDED,
            "repair": SKIPPED,
            "check-repair": SKIPPED,
            "none-failed": SUCCEEDED,
            "all-succeeded": BLOCKED,
            "after-all-succeeded": BLOCKED,
        },
    ),
    "notifications": ("False", {"load": FAILED}),
    "retries": ("True", {"flaky": SUCCEEDED, "after": SUCCEEDED}),
    "finally": (
        "False",
        {
            "extract": SUCCEEDED,
            "load": FAILED,
            "report": BLOCKED,
            "tidy": SUCCEEDED,
            "tell": SUCCEEDED,
        },
    ),
    "rerun": ("False", {"extract": SUCCEEDED, "load": FAILED, "report": BLOCKED}),
    "fail-fast": (
        "False",
        {"check": FAILED, "train": FAILED, "publish": BLOCKED, "tidy": SUCCEEDED},
    ),
    "setup-teardown": (
        "False",
        {
            "create-database": SUCCEEDED,
            "fill": SUCCEEDED,
            "query": FAILED,
            "drop-database": SUCCEEDED,
            "create-cluster": FAILED,
            "compute": BLOCKED,
            "delete-cluster": SKIPPED,
        },
    ),
    "retry-rules": (
        "True",
        {
            "nothing-new": SKIPPED,
            "rate-limited": SUCCEEDED,
            "good-enough": SUCCEEDED,
            "hungry": SUCCEEDED,
            "report": SUCCEEDED,
        },
    ),
    "failing-log": (
        "False",
        {"extract": SUCCEEDED, "parse": FAILED, "report": BLOCKED, "clean-up": SUCCEEDED},
    ),
    "pod-template": ("True", {"report": SUCCEEDED}),
    "pool": ("True", dict.fromkeys(["customers", "orders", "returns", "revenue"], SUCCEEDED)),
    "task-defaults": ("True", dict.fromkeys(["plain", "polite", "python"], SUCCEEDED)),
    "umbrella-sales": (
        "True",
        dict.fromkeys(
            [
                *("fetch-weather", "fetch-sales", "clean-weather", "clean-sales"),
                *("join", "train", "publish"),
            ],
            SUCCEEDED,
        ),
    ),
}
BY_HAND = {"suspend", "approval"}  # their runs wait for somebody: test_control


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_an_example_ends_as_its_readme_says(examples, name, expected):
    namespace, run = examples[name]

    ended = namespace.finish(run)

    assert (kube.condition(ended, "Succeeded")["status"], kube.states(ended)) == expected


def test_every_example_is_run(examples):
    assert set(examples) == {*EXPECTED, *BY_HAND}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_pod_appears_only_after_its_upstream_pods_have_succeeded(examples, recorder, name):
    """Told by a watch from outside: for every task whose rule asks for success."""
    namespace, run = examples[name]
    namespace.finish(run)
    spec = yaml.safe_load((kube.EXAMPLES / name / "dag.yaml").read_text())["spec"]
    events = recorder.of_run(namespace.kubectl.namespace, run)
    appeared, succeeded = kube.first_seen(events), kube.first_succeeded(events)

    too_early = [
        (upstream, task["name"])
        for task in spec["tasks"]
        for upstream in task.get("dependsOn", ())
        if task["name"] in appeared and not {"triggerRule", "teardownOf"} & task.keys()
        if upstream not in succeeded or succeeded[upstream] > appeared[task["name"]]
    ]

    assert too_early == []
    assert appeared, "the recorder has seen Pods of this run"


def test_the_umbrella_prediction_is_the_one_expected(examples):
    namespace, run = examples["umbrella-sales"]
    namespace.finish(run)

    chosen = f"kubedag.dev/run={run},kubedag.dev/task=publish"
    log = namespace.kubectl("logs", "-l", chosen, "--tail=-1")

    published = json.loads(log[log.index("{") :])
    assert published["umbrellas"] == {
        "2026-04-01": 32,
        "2026-04-02": 81,
        "2026-04-03": 21,
        "2026-04-04": 34,
        "2026-04-05": 37,
        "2026-04-06": 19,
        "2026-04-07": 18,
    }


def test_the_branches_of_the_diamond_overlap(examples):
    namespace, run = examples["diamond"]
    ended = namespace.finish(run)

    left, right = (kube.row(ended, name)["attempts"][-1] for name in ("left", "right"))

    assert max(left["startTime"], right["startTime"]) < min(
        left["finishTime"], right["finishTime"]
    )


def test_a_task_knows_its_attempt(examples):
    namespace, run = examples["retries"]
    ended = namespace.finish(run)

    attempts = kube.row(ended, "flaky")["attempts"]

    assert [a["state"] for a in attempts] == [FAILED, FAILED, SUCCEEDED]
    assert [a["log"]["tail"].strip() for a in attempts[:2]] == [
        "attempt 1: the service is not ready yet",
        "attempt 2: the service is not ready yet",
    ]
    assert ended["status"]["retries"] == 2


def test_the_log_of_the_failing_task_is_the_one_in_its_readme(examples):
    namespace, run = examples["failing-log"]
    ended = namespace.finish(run)
    readme = (kube.EXAMPLES / "failing-log" / "README.md").read_text()
    shown = readme.rpartition("```\nrow 1")[2].partition("\n```")[0]

    tail = kube.row(ended, "parse")["attempts"][-1]["log"]["tail"]

    assert _streams(tail) == _streams(f"row 1{shown}")


def _streams(log):
    """What the example printed and what it raised: a runtime reads two pipes, in no fixed order."""
    lines = log.strip().splitlines()
    rows = [line for line in lines if line.startswith("row ")]
    return rows, [line for line in lines if line not in rows]


def test_the_defaults_of_a_dag_hold_for_tasks_that_do_not_say_otherwise(examples):
    namespace, run = examples["task-defaults"]
    namespace.finish(run)

    said = namespace.kubectl("logs", "-l", f"kubedag.dev/run={run}", "--tail=-1")

    assert sorted(said.splitlines()) == [
        "eu",
        "plain: hello from eu",
        "polite: good morning from eu",
    ]


def test_a_sidecar_and_a_shared_volume_come_with_the_pod_template(examples):
    namespace, run = examples["pod-template"]
    namespace.finish(run)

    chosen = f"kubedag.dev/run={run},team=weather"

    assert namespace.kubectl("logs", "-l", chosen, "-c", "main") == (
        "the sidecar says: good morning\n"
    )
