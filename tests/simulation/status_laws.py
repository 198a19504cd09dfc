"""What must hold whenever the operator has stored something of a run: the old status, the new, the truth.

Each law is a function that says what is wrong, if anything is. The rows may have come from slices.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from simulation import control_facts, oracle, pod_facts, reruns
from simulation.cluster import ENDED
from simulation.pod_facts import SUCCESS, PodFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.cluster import Object
    from simulation.facts import RunFacts

TERMINAL = tuple(oracle.WORDS)
PASSING = (reruns.PENDING, "MarksPending")
"""Conditions that go when what they tell of is done."""
TIMES = ("depsMetTime", "createTime", "scheduleTime", "startTime", "finishTime")


def judge(run: RunFacts, clocks_agree: bool, *, whole: bool) -> Iterator[str]:
    """All laws; after a write of a slice, the rest of the status is not `whole` yet."""
    if reruns.number(run.before) != reruns.number(run.status):
        yield from _begun_again(run, run.status, whole=whole)
    else:
        yield from _gone_on(run, clocks_agree, whole=whole)


def _gone_on(run: RunFacts, clocks_agree: bool, *, whole: bool) -> Iterator[str]:
    old, new = run.before, run.status
    if old.get("revision") and old["revision"] != new.get("revision"):
        yield f"revision {old['revision']!r} became {new.get('revision')!r}"
    if old.get("startTime") and old["startTime"] != new.get("startTime"):
        yield f"startTime {old['startTime']!r} became {new.get('startTime')!r}"
    marked = _newly_marked(run, old, new) if run.controlled else set()
    ahead = run.controlled and new.get("slices")  # which may have been stored before
    if is_finished(old) and not marked and not ahead:
        yield from _absorbed(old, new)
    before = {row["name"]: row for row in old.get("tasks", ())}
    if before and list(before) != [row["name"] for row in new.get("tasks", ())]:
        yield "rows came, went or moved"
    for row in new.get("tasks", ()):
        yield from _row(before.get(row["name"], {}), row, marked)
        yield from _true(run, row)
        if clocks_agree:
            yield from _in_order(row, pod_facts.come_again(run.pods.get(row["name"], [])))
    if whole:
        if not new.get("slices"):  # they are stored first, and may be ahead
            yield from counted(new)
        yield from _conditions(old, new)
        if is_finished(new):
            yield from _complete(run, new)


def _newly_marked(run: RunFacts, old: Object, new: Object) -> set[str]:
    marked = control_facts.newly_marked(old, new)
    if new.get("slices"):  # one may tell what follows from a mark before another tells of the mark
        marked |= {mark["task"] for mark in run.spec.get("marks", ())}
    return marked


def _begun_again(run: RunFacts, new: Object, *, whole: bool) -> Iterator[str]:
    """`reruns` judges how it begins; what it says must be true all the same."""
    for row in new.get("tasks", ()):
        yield from _true(run, row)
    if whole and not new.get("slices"):
        yield from counted(new)


def _in_order(row: Object, again: set[str]) -> Iterator[str]:
    """Of each attempt, the times follow one another, unless they are of two Pods of one name."""
    for attempt in row.get("attempts", ()):
        if attempt.get("podName") in again:
            continue
        told = [(attempt[key], key) for key in TIMES if attempt.get(key)]
        for (earlier, one), (later, other) in itertools.pairwise(told):
            if earlier > later:
                yield (
                    f"task {row['name']}: attempt {attempt['number']}: "
                    f"{one} {earlier} is after {other} {later}"
                )


def _conditions(old: Object, new: Object) -> Iterator[str]:
    """What has been observed is never forgotten, and a transition is one."""
    if new.get("observedGeneration", 0) < old.get("observedGeneration", 0):
        yield f"observedGeneration fell to {new.get('observedGeneration', 0)}"
    before = {condition["type"]: condition for condition in old.get("conditions", ())}
    for condition in new.get("conditions", ()):
        was = before.get(condition["type"])
        if was is None:
            continue
        changed = was["status"] != condition["status"]
        moved = was["lastTransitionTime"] != condition["lastTransitionTime"]
        if moved and not changed:
            yield f"{condition['type']}: a transition from {was['status']} to the same"
    left = {condition["type"] for condition in new.get("conditions", ())} | {*PASSING}
    if gone := before.keys() - left:
        yield f"conditions went: {sorted(gone)}"


def _absorbed(old: Object, new: Object) -> Iterator[str]:
    for key in ("completionTime", "duration", "startTime", "progress", "counts"):
        if old.get(key) != new.get(key):
            yield f"finished, yet {key} {old.get(key)!r} became {new.get(key)!r}"
    pairs = ([c for c in said["conditions"] if c["type"] not in PASSING] for said in (old, new))
    for one, other in zip(*pairs, strict=True):
        if one["status"] != other["status"] or one["reason"] != other["reason"]:
            yield f"finished, yet {one['type']} became {other['status']} {other['reason']}"


def counted(new: Object) -> Iterator[str]:
    """The counts are those of the rows."""
    rows = new.get("tasks", ())
    counts = new.get("counts")
    if counts is None:
        return
    for state in ("Succeeded", "Failed", "Skipped", "Running", "Pending", "Waiting"):
        said = counts.get(state.lower(), 0)
        if said != sum(row["state"] == state for row in rows):
            yield f"counts.{state.lower()} is {said}"


def _row(old: Object, new: Object, marked: set[str]) -> Iterator[str]:
    yield from _left(old, new, marked)
    if new.get("attempt", 0) < old.get("attempt", 0):
        yield f"task {new['name']}: attempt {old['attempt']} became {new.get('attempt', 0)}"
    for counter in ("userFailures", "infraFailures"):
        if new.get(counter, 0) < old.get(counter, 0):
            yield f"task {new['name']}: {counter} fell from {old[counter]}"
    after = {attempt["number"]: attempt for attempt in new.get("attempts", ())}
    for attempt in old.get("attempts", ()):
        later = after.get(attempt["number"])
        if attempt["state"] in ENDED and later is not None:
            for key in ("state", "reason", "class", "exitCode", "finishTime", "podName"):
                if key == "finishTime" and "createTime" not in attempt:
                    continue  # a refusal, which each of two leaders heard at its own time
                if attempt.get(key) != later.get(key):
                    yield (
                        f"task {new['name']}: attempt {attempt['number']} had ended, yet its "
                        f"{key} {attempt.get(key)!r} became {later.get(key)!r}"
                    )
            if attempt.get("log") and attempt["log"] != later.get("log"):
                yield f"task {new['name']}: a kept log has changed"


def _left(old: Object, new: Object, marked: set[str]) -> Iterator[str]:
    """An end is left only for what somebody says, of this task or of one before it."""
    was = old.get("state")
    follows = new["name"] in marked or (marked and was in ("UpstreamFailed", "Skipped"))
    if was in TERMINAL and was != new["state"] and not follows:
        yield f"task {new['name']}: {old['state']} became {new['state']}"


def _true(run: RunFacts, row: Object) -> Iterator[str]:
    """What a row says of its attempts is what happened to their Pods."""
    by_name: dict[str, list[PodFacts]] = {}
    of_before = run.reruns.past.get(row["name"], ())
    for pod in (*of_before, *run.pods.get(row["name"], ()), *run.strays):
        by_name.setdefault(pod.name, []).append(pod)
    for attempt in row.get("attempts", ()):
        seen = by_name.get(attempt.get("podName", ""))
        if not attempt.get("podName"):
            if row["name"] not in run.denied | run.reruns.denied:
                yield f"task {row['name']}: attempt {attempt['number']} without a Pod"
        elif seen is None:
            yield f"task {row['name']}: there never was a Pod {attempt['podName']}"
        elif attempt["state"] in ENDED:
            yield from _ended_so(row, attempt, seen)
    last = (row.get("attempts") or [{"state": ""}])[-1]
    by_pod = not (run.controlled and control_facts.said(run, row["name"]))
    if row["state"] == "Succeeded" and last["state"] != "Succeeded" and by_pod:
        yield f"task {row['name']} succeeded without a Pod that did"


def _ended_so(row: Object, attempt: Object, seen: list[PodFacts]) -> Iterator[str]:
    possible = set().union(*(pod.may_count_as for pod in seen))
    said = SUCCESS if attempt["state"] == "Succeeded" else attempt.get("class")
    if said not in possible:
        yield (
            f"task {row['name']}: attempt {attempt['number']} is stored as {said} "
            f"({attempt.get('reason')}), and was {sorted(possible)}"
        )


def _complete(run: RunFacts, new: Object) -> Iterator[str]:
    """A finished run has an end for every row, and a truthful one for itself."""
    if not new.get("completionTime"):
        yield "finished without a completionTime"
    open_rows = [row["name"] for row in new.get("tasks", ()) if row["state"] not in TERMINAL]
    if open_rows:
        yield f"finished with open tasks {open_rows}"
    said = next(c for c in new["conditions"] if c["type"] == "Succeeded")
    if said["reason"] in ("Succeeded", "Failed") and run.tasks and not open_rows:
        states = {row["name"]: oracle.WORDS[row["state"]] for row in new["tasks"]}
        if said["reason"] == "Failed" and any(
            row.get("reason") == "RunFailedFast" for row in new["tasks"]
        ):
            return  # these never ran, whatever the failure is marked as that kept them from it
        known = (
            run.tasks.keys() == states.keys() and run.stopped_at is None
        )  # not if somebody took the revision off its Pods
        if known and oracle.succeeds(run.tasks, states) != (said["status"] == "True"):
            yield f"finished as {said['reason']} with {states}"


def is_finished(status: Object) -> bool:
    """Does it say that it is over?"""
    return any(
        condition["type"] == "Finished" and condition["status"] == "True"
        for condition in status.get("conditions", ())
    )
