"""`kubedag approve` and `reject` before the question: what is kept for it, and what is refused."""

from __future__ import annotations

import json

import pytest

from kubedag.core import decide_run
from kubedag.shell import wishes
from kubedag.shell.errors import ApiError
from support import builders
from support.control_shell import Shell, a_finished_run, an_active_run, row
from support.objects import a_dag, a_run, a_task
from support.patching_server import USER

ASKS = {"message": "Sure?"}
ASKING = a_dag(a_task("build", image="x"), a_task("ask", dependsOn=["build"], approval=ASKS))
EARLY = "which does not ask yet: the answer counts as soon as it does"


def a_shell(*rows, dag=ASKING, **spec):
    run = an_active_run("run", *rows, **spec) if rows else a_run("run", **spec)
    if rows:
        run["status"]["revision"] = builders.REVISION
    shell = Shell(run, *([dag] if dag else []))
    shell.server.put(
        {"metadata": {"name": builders.REVISION}, "data": ASKING["spec"]}, "controllerrevisions"
    )
    return shell


NEVER_ASKED = builders.msgspec.to_builtins(builders.a_row("ask", "Waiting"))
HELD = builders.msgspec.to_builtins(builders.a_row("ask", "Queued", reason="Suspended"))
AGAIN = row("ask", "Waiting")


@pytest.mark.parametrize(
    ("rows", "attempt"),
    [
        ([], 1),
        ([row("build", "Running"), NEVER_ASKED], 1),
        ([row("build", "Running"), HELD], 1),
        ([row("build", "Running"), AGAIN], 2),
    ],
    ids=["of a run that has not begun", "of a task that waits", "of one that is held", "the next"],
)
@pytest.mark.parametrize(("verb", "decision"), [("approve", "Approved"), ("reject", "Rejected")])
def test_an_answer_may_come_before_the_question(verb, decision, rows, attempt):
    shell = a_shell(*rows)
    assert shell(verb, "run", "ask", "--comment", "seen") == 0, shell.complained
    assert shell.said == f"dagrun.kubedag.dev/run {decision.lower()}: ask, {EARLY}\n"
    assert shell.spec()["approvals"] == [
        {"task": "ask", "attempt": attempt, "decision": decision, "by": USER, "comment": "seen"}
    ]
    assert shell(verb, "run", "ask") == 0
    assert shell.said == f"dagrun.kubedag.dev/run ask was {decision.lower()} by {USER} already\n"
    assert len(shell.spec()["approvals"]) == 1


def test_an_early_answer_is_the_one_that_the_operator_takes():
    shell = a_shell(row("build", "Running"), NEVER_ASKED)
    assert shell("approve", "run", "ask") == 0
    plan = builders.a_plan(a_task("build"), a_task("ask", dependsOn=["build"], approval=ASKS))
    given = wishes.answers(shell.spec()["approvals"])
    built = builders.a_pod("build", phase="Succeeded")
    seen = builders.a_snapshot(plan, built, run=builders.run_facts(answers=given))
    (_, ask) = decide_run.decide(seen, builders.at(20)).status.tasks
    assert (ask.state, ask.reason) == ("Succeeded", "Approved")


NO_DAG = "nobody can tell whether ask will ask: there is no DAG 'pipeline' in namespace 'ns'"


@pytest.mark.parametrize(
    ("shell", "task", "why"),
    [
        (a_shell(), "build", "build does not ask for approval"),
        (a_shell(), "aks", "it has no task 'aks' (did you mean 'ask'?)"),
        (a_shell(tasks=["ask"]), "build", "it has no task 'build'"),
        (a_shell(dag=None), "ask", NO_DAG),
        (a_shell(row("build", "Waiting"), NEVER_ASKED), "build",
         "build does not ask for approval"),
        (a_shell(row("build", "Failed"), row("ask", "Skipped")), "ask",
         "ask does not ask for approval now: it is Skipped"),
        (Shell(a_finished_run("run") | {"status": {**a_finished_run()["status"], "tasks": []}}),
         "ask", "it has ended without any task"),
        (Shell(a_run("run") | {"status": {"slices": 1}}), "ask",
         "its tasks cannot be read just now; try once more"),
    ],
    ids=["a task of a program", "no task", "not of the run", "no DAG", "a program that waits",
         "one that was skipped", "a run that ended first", "rows that are elsewhere"],
)  # fmt: skip
def test_what_will_not_ask_takes_no_answer(shell, task, why):
    before = json.dumps(shell.server.objects)
    assert shell("approve", "run", task) == 1
    assert shell.complained == f"kubedag approve: dagrun.kubedag.dev/run: {why}\n"
    assert json.dumps(shell.server.objects) == before


def test_a_revision_that_is_gone_cannot_tell_what_asks():
    shell = a_shell(row("build", "Running"), NEVER_ASKED)
    shell.server.run()["status"]["revision"] = "gone"
    assert shell("approve", "run", "ask") == 1
    assert shell.complained.endswith("the ControllerRevision 'gone' of the run is gone\n")


def test_who_may_not_read_the_revision_is_judged_by_the_dag_as_the_role_for_answers_may():
    shell = a_shell(row("build", "Running"), NEVER_ASKED)
    forbidden = ApiError(403, "Forbidden", "you may not")
    shell.server.before = lambda call: forbidden if "controllerrevisions" in call.path else None
    assert shell("approve", "run", "ask") == 0
    assert shell("approve", "run", "build") == 1
    shell.server.before = lambda call: (
        forbidden if call.path.split("/")[-2] in ("controllerrevisions", "dags") else None
    )
    assert shell("reject", "run", "ask") == 1
    assert shell.complained == "kubedag reject: dagrun.kubedag.dev/run: you may not\n"
