"""`kubedag rerun` on an API server in memory: which runs, which wish, and what a dry run tells."""

from __future__ import annotations

import json

import pytest

from support import builders
from support.control_shell import CHAIN, Shell, a_finished_run, an_active_run, without_id
from support.objects import a_dag, a_task

PLAIN = {"scope": "Failed", "include": "Downstream", "revision": "Same", "dryRun": False}


@pytest.mark.parametrize(
    ("flags", "wish", "said"),
    [
        ([], {}, "what failed"),
        (["--scope", "all"], {"scope": "All"}, "all tasks"),
        (["--task", "b", "--task", "b"], {"scope": "Tasks", "tasks": ["b"]}, "b"),
        (["--include", "Both"], {"include": "Both"}, "what failed"),
        (["--newest"], {"revision": "Newest"}, "what failed"),
        (["--newest", "--task", "new"], {"revision": "Newest", "scope": "Tasks", "tasks": ["new"]},
         "new"),
    ],
    ids=["failed", "all", "tasks", "include", "newest", "a task of the newest"],
)  # fmt: skip
def test_a_rerun_is_one_get_and_one_patch(flags, wish, said):
    shell = Shell(a_finished_run())
    assert shell("rerun", "run", *flags) == 0
    assert without_id(shell.spec()["rerun"]) == PLAIN | wish
    assert shell.verbs == ["GET", "PATCH"]
    assert shell.said == f"dagrun.kubedag.dev/run asked to run again: {said}\n"


def test_a_rerun_leaves_nothing_of_an_earlier_wish_and_no_shutdown():
    earlier = {"id": "1", "scope": "Tasks", "tasks": ["a"], "dryRun": True}
    shell = Shell(a_finished_run(rerun=earlier, shutdown="Stop"))
    assert shell("rerun", "dagrun/run") == 0
    assert without_id(shell.spec().pop("rerun")) == PLAIN
    assert shell.spec() == {"dagName": "pipeline"}


def test_a_rerun_of_a_suspended_run_tells_what_it_waits_for():
    shell = Shell(a_finished_run(suspend=True))
    assert shell("rerun", "run") == 0
    assert "not before it is resumed" in shell.said


def days(*flags):
    """The runs of five days, of which the second failed and the fourth goes on."""
    runs = [
        a_finished_run(f"day-{day}", succeeded=day != 2, logicalTime=f"2026-01-0{day}T00:00:00Z")
        for day in (5, 1, 2, 3)
    ]
    shell = Shell(
        *runs,
        an_active_run("day-4", logicalTime="2026-01-04T00:00:00Z"),
        a_finished_run("other", dagName="another"),
    )
    shell.server.page = 2
    assert shell("rerun", "--dag", "pipeline", "-o", "name", *flags) == 0
    return [line.removeprefix("dagrun.kubedag.dev/day-") for line in shell.said.splitlines()]


@pytest.mark.parametrize(
    ("flags", "meant"),
    [
        ([], "2"),
        (["--scope", "all"], "1235"),
        (["--scope", "all", "--failed"], "2"),
        (["--scope", "all", "--from", "2026-01-02", "--to", "2026-01-05"], "23"),
        (["--scope", "all", "--from", "2026-01-02T02:00:00+02:00", "--to", "2026-01-02T01:00Z"],
         "2"),
        (["--task", "a", "--from", "2026-01-03"], "35"),
    ],
    ids=["failed ones", "all", "failed ones as a whole", "a range", "to the hour", "a task"],
)  # fmt: skip
def test_the_runs_of_a_dag_are_those_that_finished_oldest_first(flags, meant):
    assert days(*flags) == list(meant)


def test_that_no_run_is_meant_is_told():
    shell = Shell()
    assert shell("rerun", "--dag", "pipeline") == 1
    assert shell.complained == (
        "kubedag rerun: dag.kubedag.dev/pipeline: no run that has finished is meant\n"
    )


@pytest.mark.parametrize(
    ("flags", "tasks"),
    [
        ([], ["b", "c"]),
        (["--scope", "all"], ["a", "b", "c"]),
        (["--task", "a"], ["a", "b", "c"]),
        (["--task", "c"], ["c"]),
    ],
    ids=["failed", "all", "the first", "the last"],
)
@pytest.mark.parametrize("revision", ["Same", "Newest"])
def test_a_dry_run_tells_the_tasks_and_writes_nothing(flags, tasks, revision):
    shell = Shell(a_finished_run())
    if revision == "Newest":
        shell.server.put(CHAIN)
        flags = [*flags, "--newest"]
    else:
        stored = {"metadata": {"name": builders.REVISION}, "data": CHAIN["spec"]}
        shell.server.put(stored, "controllerrevisions")
    assert shell("rerun", "run", "--dry-run", "-o", "json", *flags) == 0
    assert json.loads(shell.said) == {"run": "run", "tasks": tasks}
    assert set(shell.verbs) == {"GET"}


def test_a_dry_run_is_a_sentence_for_people():
    shell = Shell(a_finished_run(), CHAIN)
    assert shell("rerun", "run", "--dry-run", "--newest") == 0
    assert shell.said == "dagrun.kubedag.dev/run would run 2 tasks again: b, c\n"


def test_a_dry_run_of_a_revision_that_there_cannot_be_is_told_as_of_one_that_is_gone():
    run = a_finished_run()
    run["status"]["revision"] = "a_b"
    shell = Shell(run)
    assert shell("rerun", "run", "--dry-run") == 1
    assert "'a_b' of the run is gone: use --newest" in shell.complained


def test_a_dry_run_tells_why_nothing_can_be_told():
    shell = Shell(a_finished_run(), an_active_run("active"))
    assert shell("rerun", "run", "active", "--dry-run") == 1
    assert "'pipeline-rev' of the run is gone: use --newest" in shell.complained
    assert "active: it has not finished" in shell.complained
    assert shell("rerun", "run", "--dry-run", "--newest") == 1
    assert "there is no DAG 'pipeline'" in shell.complained
    shell.server.put(a_dag(a_task("a", image="x", dependsOn=["z"])))
    assert shell("rerun", "run", "--dry-run", "--newest") == 1
    assert "DAG 'pipeline' is not ready: spec.tasks[0].dependsOn[0]" in shell.complained
    shell.server.put(CHAIN)
    assert shell("rerun", "run", "--dry-run", "--newest", "--task", "z") == 1
    assert "--task: must name tasks of the DAG; it has no 'z'" in shell.complained
