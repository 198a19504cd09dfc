"""A run that has ended and is asked to run again: its rows, the wish, and what is decided then."""

from __future__ import annotations

from kubedag.core import decide_run, rows, snapshot, states
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_row,
    a_snapshot,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task

NOW = at(1000)
#  extract ── load ── report ── mail(AllDone)
#          └─ check            other
PLAN = a_plan(
    a_task("extract"),
    a_task("load", dependsOn=["extract"]),
    a_task("check", dependsOn=["extract"]),
    a_task("report", dependsOn=["load"]),
    a_task("mail", dependsOn=["report"], triggerRule="AllDone"),
    a_task("other"),
)
NAMES = [task.name for task in PLAN.tasks]


def ended(name, state, attempts=1, **fields):
    """The row of a task that ended so after that many attempts."""
    last = states.SUCCEEDED if state == states.SUCCEEDED else states.FAILED
    log = rows.LogTail("None")
    made = tuple(
        an_attempt(number, last if number == attempts else states.FAILED, task=name,
                   finish_time=stamp(50 + number), deps_met_time=stamp(1),
                   log=None if number == attempts and last == states.SUCCEEDED else log)
        for number in range(1, attempts + 1)
    )  # fmt: skip
    return a_row(name, state, attempt=attempts, attempts=made, **fields)


def skipped(name, reason="TriggerRule"):
    return a_row(name, states.SKIPPED, reason=reason)


def blocked(name):
    return a_row(name, states.UPSTREAM_FAILED, reason="UpstreamFailed")


FAILED = a_finished_status(
    ended("extract", "Succeeded"),
    ended("load", "Failed", 2, user_failures=2, reason="ExitCode"),
    ended("check", "Succeeded"),
    blocked("report"),
    ended("mail", "Succeeded"),
    ended("other", "Succeeded"),
    succeeded=False,
)
DONE = a_finished_status(*(ended(name, "Succeeded") for name in NAMES))

READY = snapshot.DAGFacts(generation=2, ready=True, revision="other")


def wish(scope="Failed", *tasks, id_="1", revision="Same"):
    return snapshot.RerunRequest(id_, scope, tasks, revision)


def snap_of(status, asked=None, plan=PLAN, *seen, **fields):
    facts = run_facts(uid=RUN_UID, rerun=asked or wish(), **fields.pop("run", {}))
    return a_snapshot(plan, *seen, status=status, run=facts, **fields)


def decide(*given, **fields):
    return decide_run.decide(snap_of(*given, **fields), NOW)


def counted(status):
    """What is said of the last rerun; of those before it, `test_rerun_memory` asks."""
    last = status.rerun
    return last.id, last.number, last.start_time, last.tasks, last.after


def newest(plan):
    """The revision that a DAG has by now, if this is its plan."""
    return snapshot.Source(plan, "other", 2)
