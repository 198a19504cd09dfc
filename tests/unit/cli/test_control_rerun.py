"""`kubedag rerun` on an API server in memory: which runs, which wish, and what a dry run tells."""

from __future__ import annotations

import json

import pytest

from kubedag.shell.errors import ApiError
from support import builders
from support.control_shell import CHAIN, Shell, a_finished_run, an_active_run, row, without_id
from support.objects import a_dag, a_task

NEWEST = a_dag(*CHAIN["spec"]["tasks"], a_task("new", image="x"))
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
def test_a_rerun_is_one_patch_of_what_was_read(flags, wish, said):
    shell = Shell(a_finished_run(), NEWEST)
    assert shell("rerun", "run", *flags) == 0
    assert without_id(shell.spec()["rerun"]) == PLAIN | wish
    assert shell.verbs == ["GET", "GET", "PATCH"]
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
    shell = Shell(an_active_run(), CHAIN)
    assert shell("rerun", "--dag", "pipeline") == 1
    assert shell.complained == (
        "kubedag rerun: dag.kubedag.dev/pipeline: no run that has finished is meant\n"
    )


def test_a_dag_that_there_is_not_is_told_as_such_and_one_that_is_gone_has_its_runs():
    shell = Shell(a_finished_run(succeeded=True))
    assert shell("rerun", "--dag", "nosuch") == 1
    assert shell.complained == (
        "kubedag rerun: dag.kubedag.dev/nosuch: there is none in namespace 'ns'\n"
    )
    assert shell("rerun", "--dag", "pipeline") == 1
    assert "no run that has finished is meant" in shell.complained


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
    assert shell("rerun", "run", "--dry-run", "-o", "json", *flags) == 0
    assert json.loads(shell.said) == {"run": "run", "tasks": tasks}
    assert set(shell.verbs) == {"GET"}


def test_a_dry_run_is_a_sentence_for_people():
    shell = Shell(a_finished_run(), CHAIN)
    assert shell("rerun", "run", "--dry-run", "--newest") == 0
    assert shell.said == "dagrun.kubedag.dev/run would run 2 tasks again: b, c\n"


def no_revision(shell):
    shell.server.run()["status"]["revision"] = "gone"


def no_such_name(shell):
    shell.server.run()["status"]["revision"] = "a_b"


def is_active(shell):
    shell.server.put(an_active_run())


def is_deleted(shell):
    shell.server.run()["metadata"]["deletionTimestamp"] = builders.stamp(0)


def has_succeeded(shell):
    done = [row(name, "Succeeded") for name in "abc"]
    shell.server.run()["status"] |= {"tasks": done}


def is_of_tasks(*names):
    def limit(shell):
        shell.server.run()["spec"]["tasks"] = list(names)

    return limit


def has_dag(*tasks):
    return lambda shell: shell.server.put(a_dag(*tasks))


HALF = a_task("a", image="x", dependsOn=["z"])
GONE = "the ControllerRevision 'gone' of the run is gone: use --newest"
UNFIT = "the ControllerRevision 'a_b' of the run is gone: use --newest"
NOT_READY = (
    "DAG 'pipeline' is not ready: spec.tasks[0].dependsOn[0]: must name a task of this DAG;"
    " 'z' is none"
)


@pytest.mark.parametrize(
    ("so", "flags", "why"),
    [
        (is_deleted, "", "it is being deleted"),
        (is_active, "", "it has not finished; wait for its end, or stop it"),
        (no_revision, "", GONE),
        (no_revision, "--scope all", GONE),
        (no_such_name, "", UNFIT),
        (is_active, "--newest", "it has not finished; wait for its end, or stop it"),
        (has_succeeded, "--newest", "there is no DAG 'pipeline' in namespace 'ns'"),
        (has_dag(HALF), "--newest", NOT_READY),
        (has_succeeded, "--task bb", "it has no task 'bb' (did you mean 'b'?)"),
        (is_of_tasks("b"), "--task a", "it has no task 'a'"),
        (is_of_tasks("z"), "", "spec.tasks: must name tasks of the DAG; it has no 'z'"),
        (has_dag(a_task("b", image="x")), "--newest --task c", "it has no task 'c'"),
        (has_succeeded, "", "nothing of it failed; --scope All runs it whole"),
        (has_succeeded, "--include both", "nothing of it failed; --scope All runs it whole"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["tried", "in earnest"])
def test_what_a_dry_run_refuses_is_refused_and_not_written(so, flags, why, dry):
    shell = Shell(a_finished_run())
    so(shell)
    before = json.dumps(shell.server.objects)
    assert shell("rerun", "run", *flags.split(), *dry) == 1
    assert shell.complained == f"kubedag rerun: dagrun.kubedag.dev/run: {why}\n"
    assert (shell.said, json.dumps(shell.server.objects)) == ("", before)


def test_what_is_refused_of_one_run_of_a_dag_keeps_nobody_from_the_others():
    one, two = (a_finished_run(name, logicalTime="2026-01-01T00:00:00Z") for name in ("1", "2"))
    one["status"] = one["status"] | {"revision": "gone"}
    shell = Shell(one, two)
    assert shell("rerun", "--dag", "pipeline", "--from", "2026-01-01") == 1
    assert shell.complained == f"kubedag rerun: dagrun.kubedag.dev/1: {GONE}\n"
    assert ("rerun" in shell.spec("1"), "rerun" in shell.spec("2")) == (False, True)


def test_the_revision_of_many_runs_is_read_once():
    shell = Shell(*(a_finished_run(f"run-{n}") for n in range(5)))
    assert shell("rerun", *(f"run-{n}" for n in range(5))) == 0
    read = [call.path for call in shell.api.calls if "controllerrevisions" in call.path]
    assert len(read) == 1


def test_a_task_that_failed_and_that_the_newest_dag_has_no_more_leaves_the_run():
    shell = Shell(a_finished_run(), a_dag(a_task("a", image="x")))
    assert shell("rerun", "run", "--newest", "--dry-run") == 0
    assert shell.said == "dagrun.kubedag.dev/run would run nothing\n"
    assert shell("rerun", "run", "--newest") == 0
    assert shell.spec()["rerun"]["revision"] == "Newest"


def test_who_may_not_read_what_a_run_goes_by_leaves_it_to_the_operator():
    shell = Shell(a_finished_run())
    forbidden = ApiError(403, "Forbidden", "you may not")
    is_stored = "controllerrevisions"
    shell.server.before = lambda call: forbidden if is_stored in call.path else None
    assert shell("rerun", "run", "--dry-run") == 1
    assert shell.complained == "kubedag rerun: dagrun.kubedag.dev/run: you may not\n"
    assert shell("rerun", "run") == 0
    assert shell.spec()["rerun"]["scope"] == "Failed"
    broken = ApiError(500, "InternalError", "broken")
    shell.server.before = lambda call: broken if is_stored in call.path else None
    assert shell("rerun", "run") == 1
