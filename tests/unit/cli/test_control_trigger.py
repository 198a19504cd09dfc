"""`kubedag trigger` on an API server in memory: what speaks against a run, and what is only told."""

from __future__ import annotations

import json

import pytest

from support.control_shell import CHAIN, Shell, a_finished_run, an_active_run
from support.objects import a_dag, a_run, a_task, an_interval

DAY = ["--interval-start", "2026-01-01", "--interval-end", "2026-01-02T01:00:00+01:00"]
REFUSED = "kubedag trigger: dag.kubedag.dev/pipeline: "


def a_marked_run(name, state):
    run = a_finished_run(name, succeeded=state == "Succeeded", dataInterval=an_interval())
    for condition in run["status"]["conditions"]:
        condition["reason"] = f"Marked{state}"
    return run


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (a_finished_run("one", dataInterval=an_interval()),
         "one, which is Failed; `kubedag rerun one --scope All` runs that again"),
        (a_marked_run("one", "Succeeded"),
         "one, which is Succeeded (marked); `kubedag rerun one --scope All` runs that again"),
        (a_run("one", dataInterval=an_interval()),
         "one, which is Pending; `kubedag rerun one --scope All` runs that again once it has ended"),
    ],
    ids=["failed", "marked", "not begun"],
)  # fmt: skip
def test_an_interval_that_has_a_run_gets_no_other_unless_that_is_said(run, told):
    shell = Shell(CHAIN, run)
    shell.server.page = 1
    assert shell("trigger", "pipeline", *DAY, "--name", "two") == 1
    assert shell.complained == (
        f"{REFUSED}it has a run of this interval: {told}, and --again creates another one all the"
        " same\n"
    )
    assert (shell.said, "POST" in shell.verbs) == ("", False)
    assert shell("trigger", "pipeline", *DAY, "--name", "two", "--again") == 0
    assert shell.spec("two")["dataInterval"] == an_interval()


def test_of_several_runs_of_an_interval_the_newest_is_told():
    old = a_finished_run("old", dataInterval=an_interval())
    new = a_finished_run("new", dataInterval=an_interval("2026-01-01T01:00:00+01:00"))
    old["metadata"]["creationTimestamp"] = "2025-12-31T00:00:00Z"
    shell = Shell(CHAIN, old, new)
    assert shell("trigger", "pipeline", *DAY) == 1
    assert "this interval: new, which is Failed" in shell.complained


@pytest.mark.parametrize(
    "run",
    [
        a_finished_run(dataInterval=an_interval(end="2026-01-03T00:00:00Z")),
        a_finished_run(dataInterval=an_interval(), dagName="another"),
        a_finished_run(logicalTime="2026-01-01T00:00:00Z"),
    ],
    ids=["of a longer one", "of another DAG", "of none"],
)
def test_runs_of_other_intervals_are_in_nobodys_way(run):
    shell = Shell(CHAIN, run)
    assert shell("trigger", "pipeline", *DAY) == 0


def test_a_run_that_is_being_deleted_is_in_nobodys_way_and_neither_is_one_without_an_interval():
    gone = an_active_run(dataInterval=an_interval())
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    shell = Shell(CHAIN, gone)
    assert shell("trigger", "pipeline", *DAY) == 0
    assert [shell("trigger", "pipeline") for _ in range(2)] == [0, 0]


FINALLY = a_dag(a_task("load", image="x"), **{"finally": [a_task("tidy", image="x")]})


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        (["nosuch"], "it has no task 'nosuch'"),
        (["load", "loda"], "it has no task 'loda' (did you mean 'load'?)"),
        (["load", "tidy"], ""),
    ],
    ids=["none", "the second", "those that there are"],
)
def test_a_run_of_tasks_that_the_dag_has_not_is_refused(tasks, why):
    shell = Shell(FINALLY)
    flags = [word for task in tasks for word in ("--task", task)]
    assert shell("trigger", "pipeline", *flags) == (1 if why else 0)
    assert shell.complained == (f"{REFUSED}{why}\n" if why else "")
    assert ("POST" in shell.verbs) == (not why)


IN_ARGS = a_dag(
    a_task("a", image="x", args=["--region=$(KUBEDAG_PARAM_REGION)"]),
    a_task(
        "b", image="x", script={"source": 'echo "$KUBEDAG_PARAM_DAY"\n', "interpreter": ["sh"]}
    ),
)
IN_DEFAULTS = a_dag(taskDefaults={"env": [{"name": "R", "value": "$(KUBEDAG_PARAM_REGION)"}]})
ANY = a_dag(a_task("a", image="x", args=["env | grep KUBEDAG_PARAM_", "$KUBEDAG_PARAM_REGION"]))


@pytest.mark.parametrize(
    ("dag", "param", "told"),
    [
        (IN_ARGS, "regiom=us", "no task names the parameter 'regiom' (did you mean 'region'?)"),
        (IN_ARGS, "x=1", "no task names the parameter 'x' (they name 'day', 'region')"),
        (IN_DEFAULTS, "Regions=1", "no task names the parameter 'Regions' (did you mean 'region'?)"),
        (IN_ARGS, "region=us", ""),
        (IN_ARGS, "Day=1", ""),
        (CHAIN, "regiom=us", ""),
        (ANY, "regiom=us", ""),
    ],
    ids=["misspelt", "like none", "of the defaults", "in arguments", "in a script",
         "of a DAG that names none", "of one that takes any"],
)  # fmt: skip
def test_a_parameter_that_no_task_names_is_told_and_no_hindrance(dag, param, told):
    shell = Shell(dag)
    assert shell("trigger", "pipeline", "--param", param, "-o", "json") == 0
    assert shell.complained == (f"{REFUSED}{told}\n" if told else "")
    assert json.loads(shell.said)["spec"]["params"][0]["name"] == param.split("=")[0]
