"""A run with tasks that tidy up, which is ended early, and what its status says then."""

from __future__ import annotations

from dataclasses import replace

from kubedag.core import actions, decide_run, rows
from support.builders import a_plan, a_pod, a_snapshot, at, run_facts
from support.objects import a_task

PLAN = a_plan(
    a_task("up"),
    a_task("work", dependsOn=["up"]),
    a_task("more", dependsOn=["work"]),
    a_task("down", dependsOn=["work"], teardownOf=["up"]),
    a_task("after", dependsOn=["down"]),
    **{"finally": [a_task("tidy"), a_task("tell", dependsOn=["tidy"])]},
)
UP = a_pod("up", phase="Succeeded")
WORK = a_pod("work", phase="Running")
WORK_ENDED = a_pod("work", phase="Failed", exit_code=137, finished=30, deleted=25, gone=True)


def decide(snap, now=20):
    return decide_run.decide(snap, at(now))


def asked(shutdown, *seen, of=PLAN, **facts):
    run = facts.pop("run", None) or run_facts(shutdown=shutdown, **facts.pop("says", {}))
    return a_snapshot(of, *seen, run=run, **facts)


def word(decision):
    told = decision.status.condition(rows.SUCCEEDED_CONDITION)
    return (told.status, told.reason)


def says(decision):
    return decision.status.condition(rows.SUCCEEDED_CONDITION).message


def said(decision):
    return {row.name: (row.state, row.reason) for row in decision.status.tasks}


def of_kind(decision, kind):
    return [one for one in decision.actions if isinstance(one, kind)]


def created(decision, of=PLAN):
    return [of.tasks[one.task_index].name for one in of_kind(decision, actions.CreatePod)]


def stored(snap, decision, *seen, **run):
    """What the next look sees: this status, and these Pods."""
    kept = a_snapshot(snap.plan, *seen, run=replace(snap.run, **run), status=decision.status)
    return replace(kept, peers=snap.peers)
