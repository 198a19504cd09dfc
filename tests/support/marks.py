"""Two runs of the same tasks, one that goes on and one that has ended, and what marks make of them."""

from __future__ import annotations

import dataclasses

import msgspec

from kubedag.core import decide_run, snapshot
from support.builders import (
    RUN_UID,
    a_finished_status,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    a_status,
    an_attempt,
    at,
    run_facts,
    stamp,
)
from support.objects import a_task
from support.reruns import ended

NOW = at(1000)
#  extract ── load ── report ── mail(AllDone)      fallback(AllFailed) below load
PLAN = a_plan(
    a_task("extract"),
    a_task("load", dependsOn=["extract"], retry={"limit": 3}),
    a_task("report", dependsOn=["load"]),
    a_task("mail", dependsOn=["report"], triggerRule="AllDone"),
    a_task("fallback", dependsOn=["load"], triggerRule="AllFailed"),
)
NAMES = [task.name for task in PLAN.tasks]

FAILED = a_finished_status(
    ended("extract", "Succeeded"),
    ended("load", "Failed", reason="ExitCode", message="exit code 1"),
    a_row("report", "UpstreamFailed", reason="UpstreamFailed", message="m"),
    ended("mail", "Succeeded"),
    ended("fallback", "Failed", reason="ExitCode", message="exit code 2"),
    succeeded=False,
)

ALL_RAN = msgspec.structs.replace(
    FAILED,
    tasks=tuple(
        ended("report", "Succeeded") if row.name == "report" else row for row in FAILED.tasks
    ),
)

ACTIVE = a_status(
    ended("extract", "Succeeded"),
    a_row("load", "Running", attempt=1, attempts=(an_attempt(1, task="load", deps_met_time=stamp(50)),)),
    a_row("report", "Waiting", reason="Upstream", message="waits for 1 upstream"),
    a_row("mail", "Waiting", reason="Upstream", message="waits for 1 upstream"),
    a_row("fallback", "Waiting", reason="Upstream", message="waits for 1 upstream"),
)  # fmt: skip
LOAD = a_pod("load", 1, "Running")


def mark(state="Succeeded", id_="1", by="ann", comment="by hand"):
    return snapshot.MarkRequest(id_, state, by, comment)


def snap_of(status, *seen, marks=None, mark=None, of=PLAN, **fields):
    facts = run_facts(uid=RUN_UID, marks=marks or {}, mark=mark, **fields.pop("run", {}))
    return a_snapshot(of, *seen, status=status, run=facts, **fields)


def decide(*given, now=NOW, **fields):
    return decide_run.decide(snap_of(*given, **fields), now)


def after(snap, decision, now=NOW, **changed):
    """The next decision, once what was decided is stored."""
    return decide_run.decide(dataclasses.replace(snap, status=decision.status, **changed), now)


def states(status):
    return {row.name: row.state for row in status.tasks}


def row_of(status, name):
    return next(row for row in status.tasks if row.name == name)


def verdict(status):
    told = status.condition("Succeeded")
    return told.status, told.reason


def kinds(decision):
    return [type(one).__name__ for one in decision.actions]
