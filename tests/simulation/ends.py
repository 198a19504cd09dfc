"""What must be true in the end, and what must be true of the operator whenever it is looked at."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from kubedag.core import (
    actions,
    decide_backfill,
    decide_run,
    limits,
    pods,
    reasons_limits,
    states,
)
from kubedag.shell import backfill_view
from simulation import control_facts, control_laws, oracle, reruns, status_laws
from simulation.kubelet import TROUBLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubedag.core import rows, snapshot
    from kubedag.shell.entries import RunEntry
    from simulation.cluster import Object
    from simulation.facts import Facts, RunFacts
    from simulation.process import Operator

LABEL = (pods.LABEL_MANAGED_BY, pods.MANAGED_BY)
REQUESTS_PER_SECOND_MAX = 300
REQUESTS_PER_MINUTE_MAX = 2000
UNSTARTED_ENDS = ("Forbidden", "Replaced", "DAGNotFound", "DAGNotReady")


# --- Who can end -----------------------------------------------------------------------------------


def all_ended(facts: Facts) -> bool:
    return not any(True for _ in unended(facts))


def unended(facts: Facts) -> Iterator[str]:
    """Runs that can end, and have not; Pods that nobody waits for, and live."""
    for run in facts.runs.values():
        if run.exists and not run.finished and _can_end(facts, run):
            reason = run.condition("Succeeded").get("reason", "no status")
            yield f"{run.name} has not ended: {reason}, {run.states() if run.tasks else ''}"
        wish = reruns.wished(run) if run.exists and run.finished else None
        if wish and run.controlled and _is_held_by_question(facts, run):
            wish = None
        if wish and not reruns.may_never(facts, run, wish, _past_is_good(facts, run)):
            yield f"{run.name} has not run again for {wish}: {[*reruns.waits(run)]}"
        seen = (pod for pods in (*run.pods.values(), run.strays) for pod in pods)
        # Of a Pod without its labels tell only the status, which somebody has overwritten, and the
        # answer to its creation, which never came.
        given = facts.world.faults
        lost = run.tampered or given.hanging or given.applied_late or given.kills
        known = (pod for pod in seen if not (pod.hidden and lost))
        live = sum(pod.live and (run.exists or not pod.alone) for pod in known)
        if (run.finished or not run.exists) and live:
            yield f"{run.name} is over, and {live} of its Pods live"


def _can_end(facts: Facts, run: RunFacts) -> bool:
    """Only a DAG that is suspended, or a past that failed, may hold a run for ever."""
    dag = facts.dag_spec(run.dag)
    if run.controlled and _is_held_by_question(facts, run):
        return False
    if run.remembered or dag is None:
        return True
    if run.name in facts.world.held:
        return False
    if dag.get("suspend") and run.spec["runType"] in ("Scheduled", "Catchup"):
        return False
    return not dag.get("dependsOnPast") or _past_is_good(facts, run)


def _is_held_by_question(facts: Facts, run: RunFacts) -> bool:
    """Does it wait for an answer that nobody gives, or for the end of a run that does?"""
    others = facts.runs.values() if not run.remembered or run.finished else (run,)
    return any(
        not other.finished and other.exists and control_laws.waits_for_answer(other)
        for other in others
        if other.dag == run.dag
    )


def _past_is_good(facts: Facts, run: RunFacts) -> bool:
    before = [
        other
        for other in facts.runs.values()
        if other.exists and other.order < run.order and other.dag == run.dag
    ]
    if not before:
        return True
    last = max(before, key=lambda other: other.order)
    return last.finished and last.condition("Succeeded")["status"] == "True"


# --- What is left ----------------------------------------------------------------------------------


def left(facts: Facts) -> Iterator[str]:
    """Nothing is left of what is gone, and the DAG counts its runs right."""
    objects = facts.cluster.objects
    for plural in ("pods", "dagrunslices"):
        for (_, name), child in objects[plural].items():
            if plural == "pods" and LABEL not in (child["metadata"].get("labels") or {}).items():
                continue  # somebody took away what the operator would find it by
            owners = child["metadata"].get("ownerReferences", ())
            for owner in owners:
                if owner["uid"] not in facts.runs or not facts.runs[owner["uid"]].exists:
                    yield f"{plural} {name} is left of a run that is gone"
    there = [run for run in facts.runs.values() if run.exists]
    yield from _run_counts(there)
    dags = objects["dags"].values()
    used = {run.revision for run in there} | {dag["status"].get("revision") for dag in dags}
    used |= {one.get("status", {}).get("revision") for one in objects["backfills"].values()}
    if not any(run.tampered for run in there):
        for _, name in objects["controllerrevisions"]:
            if name not in used:
                yield f"revision {name} is left, and nobody uses it"
    for dag in dags if not any(run.tampered for run in there) else ():
        its = [run for run in there if run.dag == dag["metadata"]["name"]]
        yield from _dag_counts(dag["status"], its)


def _run_counts(there: list[RunFacts]) -> Iterator[str]:
    for run in there:
        if not run.tampered:
            yield from (f"{run.name}: {wrong}" for wrong in status_laws.counted(run.status))


def _dag_counts(status: Object, there: list[RunFacts]) -> Iterator[str]:
    active = sum(bool(run.status.get("startTime")) and not run.finished for run in there)
    queued = sum(not run.status.get("startTime") and not run.finished for run in there)
    queued += sum(
        run.finished and (reruns.is_due(run) or control_facts.awaits_marks(run)) for run in there
    )
    for said, counted in (("activeRuns", active), ("queuedRuns", queued)):
        if status.get(said, 0) != counted:
            yield f"{said} of the DAG is {status.get(said)}, and there are {counted}"


# --- How they ended --------------------------------------------------------------------------------


def judged(facts: Facts) -> Iterator[str]:
    """Every run that nobody disturbed has ended as the oracle says."""
    for run in facts.runs.values():
        if not run.finished or run.tampered:
            continue
        reason = control_facts.ended_as(run)
        if reason in UNSTARTED_ENDS and not run.remembered:
            yield from _unstarted(facts, run, reason)
        elif reason in ("Succeeded", "Failed"):
            yield from _ended_well(facts, run)
            yield from _logs(facts, run)
        elif reason == "RevisionNotFound" and facts.world.faults.revisions_deleted:
            continue
        elif reason not in (*control_facts.STOPS, control_facts.MARKED):
            yield f"{run.name} ended as {reason}"


def _unstarted(facts: Facts, run: RunFacts, reason: str) -> Iterator[str]:
    said = {act.value.get("concurrencyPolicy") for act in facts.world.acts if act.what == "apply"}
    if reason == "Forbidden" and "Forbid" not in said:
        yield f"{run.name} was forbidden by {said}"
    if reason == "Replaced" and "Replace" not in said:
        yield f"{run.name} was replaced by {said}"
    if reason in ("DAGNotFound", "DAGNotReady") and not (
        facts.world.faults.clock_jumps
        or facts.world.replaced
        or any(act.what == "delete-dag" for act in facts.world.acts)
    ):
        yield f"{run.name} ended with {reason}"


def _ended_well(facts: Facts, run: RunFacts) -> Iterator[str]:
    if not facts.world.undisturbed or run.reruns.disturbed:
        return
    before = {row["name"]: row.get("earlierAttempts", 0) for row in run.status["tasks"]}
    expected = oracle.may_end(
        run.tasks, lambda node: facts.world.results_of(run.name, node, before[node.name])
    )
    given = facts.world.faults
    if run.controlled and not control_facts.by_itself(run):
        return
    for row in run.status["tasks"]:
        if facts.world.gated and (given.kills or given.outages or given.overlaps):
            return  # that a Pod had a gate is known only to who saw it closed
        if given.watch_closed and any(pod.way in TROUBLE for pod in run.pods.get(row["name"], ())):
            return  # so is what it waited for until it was ended for waiting too long
        said = oracle.WORDS[row["state"]]
        if said not in expected[row["name"]]:
            yield f"{run.name}: {row['name']} ended as {said}, not {expected[row['name']]}"


def _logs(facts: Facts, run: RunFacts) -> Iterator[str]:
    """A failed attempt has the end of its log, if its Pod is there to be read."""
    for row in run.status["tasks"]:
        for attempt in row.get("attempts", ()):
            if attempt["state"] != "Failed" or not attempt.get("podName"):
                continue
            pods = [pod for pod in run.pods.get(row["name"], ()) if pod.name == attempt["podName"]]
            if any(pod.exists for pod in pods) and "log" not in attempt:
                yield f"{run.name}: {attempt['podName']} failed, is there, and has no log"
    del facts


# --- The operator itself -------------------------------------------------------------------------------


def restless(operator: Operator) -> Iterator[str]:
    """A decision that is carried out asks for nothing more, and never looks into the past."""
    store, now = operator.engine.store, operator.clock.now()
    for told in store.backfills.entries.values():
        seen = backfill_view.of(store, told)
        status = decide_backfill.decide(seen, now).status
        stored = decide_backfill.decide(dataclasses.replace(seen, status=status), now).status
        if seen.pinned is not None and stored != status:
            yield f"{told.name}: deciding twice makes {_difference(status, stored)}"
    for entry in store.runs.values():
        if not entry.lacks_rows:
            yield from _restless_run(entry, store.run_snapshot(entry), now)


def _restless_run(entry: RunEntry, snap: snapshot.RunSnapshot, now: datetime) -> Iterator[str]:
    first = decide_run.decide(snap, now)
    if first.wake_at is not None and first.wake_at <= now:
        yield f"{entry.facts.name}: wakes at {first.wake_at}, and it is {now}"
    creating = _creating(snap, first)
    if first.status == snap.status and not creating:
        return  # the same would be asked once more
    then = _applied(snap, first, creating)
    again = decide_run.decide(then, now)
    if stores_first(snap.status, first.status):
        return  # and what follows from that is for the look after it
    ended = first.status.finished and not snap.status.finished
    asked = entry.facts.rerun or entry.facts.marks or entry.facts.mark
    if creating and any(row.reason in reasons_limits.WAITS for row in first.status.tasks):
        return  # what one is kept out by may be what starts after it has been asked
    if again.status != first.status and not (ended and asked):
        changed = _difference(first.status, again.status)
        yield f"{entry.facts.name}: deciding twice makes {changed}"
    # A retry may have had to wait until the failure before it was stored.
    waited = {row.name for row in first.status.tasks if row.state == states.AWAITING_RETRY}
    creates = _creating(then, again).keys() - (waited - set(creating))
    if creates and creating:
        yield f"{entry.facts.name}: creates again {sorted(creates)}"


def _creating(snap: snapshot.RunSnapshot, first: actions.RunDecision) -> dict[str, str]:
    """The names of the Pods that are to be created, by task."""
    return {
        snap.plan.tasks[action.task_index].name: action.name
        for action in first.actions
        if isinstance(action, actions.CreatePod) and snap.plan is not None
    }


STORED_FIRST = ("ApprovalTimedOut", "Marked", "RunFailedFast")


def stores_first(old: rows.RunStatus, new: rows.RunStatus) -> bool:
    """Is it decided that time is up, what a person has said, or that the run is stopped?"""
    before = {row.name: (row.reason, row.mark) for row in old.tasks}
    if any(
        row.reason in STORED_FIRST and before.get(row.name) != (row.reason, row.mark)
        for row in new.tasks
    ):
        return True
    said = new.condition("Succeeded")
    was = old.condition("Succeeded")
    stopped = said is not None and said.reason in control_facts.STOPS
    return stopped and (was is None or was.reason != said.reason)


def _difference(one: rows.Record, other: rows.Record) -> str:
    pairs = [("status", msgspec.to_builtins(one), msgspec.to_builtins(other))]
    while pairs:
        path, a, b = pairs.pop(0)
        if isinstance(a, dict) and isinstance(b, dict):
            pairs += [(f"{path}.{key}", a.get(key), b.get(key)) for key in (a | b)]
        elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
            pairs += [(f"{path}[{n}]", *both) for n, both in enumerate(zip(a, b, strict=True))]
        elif a != b:
            return f"{path} {b!r}, which was {a!r}"
    return "no difference"


def _applied(
    snap: snapshot.RunSnapshot, first: actions.RunDecision, creating: dict[str, str]
) -> snapshot.RunSnapshot:
    if reruns.number(msgspec.to_builtins(first.status)) > reruns.number(
        msgspec.to_builtins(snap.status)
    ) and snap.newest is not None:  # fmt: skip
        plan, revision, generation = snap.newest
        snap = dataclasses.replace(
            snap, plan=plan, plan_revision=revision, plan_generation=generation, newest=None
        )
    view = snap.limits
    if view is not None and snap.plan is not None:
        begun: Counter[limits.LimitKey] = Counter()
        for task in creating:
            for want in limits.wants(snap.plan.tasks[snap.plan.index[task]], snap.run, view):
                begun[want.key] += want.slots
        before = view.used
        view = dataclasses.replace(view, used=lambda key: before(key) + begun[key])
    return dataclasses.replace(
        snap, status=first.status, creating={**snap.creating, **creating}, limits=view
    )


def storms(requests: list[tuple[float, str, str]], judged: int) -> Iterator[str]:
    """Whatever goes wrong, the API server is not flooded; so many requests were judged before."""
    for span, most in ((1.0, REQUESTS_PER_SECOND_MAX), (60.0, REQUESTS_PER_MINUTE_MAX)):
        for last in range(max(judged, most), len(requests)):
            taken = requests[last][0] - requests[last - most][0]
            if taken < span:
                yield f"{most} requests within {taken:.1f} s, such as {requests[last - 3 : last]}"
                return
