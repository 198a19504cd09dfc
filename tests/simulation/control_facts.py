"""What people have truly asked of a run, and what that may have made of it.

The truth is what they have written into specs, in the order in which they did; of what follows from it
without a Pod, all that there is is what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation import oracle

if TYPE_CHECKING:
    from simulation.cluster import Object
    from simulation.facts import RunFacts

STOPPED, TERMINATED, FAILED_FAST, MARKED = "Stopped", "Terminated", "FailedFast", "Marked"
MARKED_RUNS = ("MarkedSucceeded", "MarkedFailed")
STOPS = ("TimedOut", "Replaced", STOPPED, TERMINATED, FAILED_FAST)
"""Reasons of a run that ends before its tasks have."""
BY_HAND = (
    "RunStopped",
    "RunTerminated",
    "RunFailedFast",
    "RunMarked",
    "RunTimedOut",
    "RunReplaced",
)
"""Reasons of a task that did not end by itself."""
ACTIONS = {"Fail": "F", "Skip": "K", "Succeed": "S"}
TERMINAL = tuple(oracle.WORDS)


@dataclass
class Control:
    """What people have said about one run."""

    marks: dict[str, list[Object]] = field(default_factory=dict)
    """All that were ever asked for, by task; those of the run itself have an empty one."""
    answers: dict[tuple[str, int], list[Object]] = field(default_factory=dict)
    """In order, by task and which time of asking they are for."""
    shutdowns: list[tuple[float, str]] = field(default_factory=list)
    """When what was asked for; empty when it was taken out again."""
    marked_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """When it was stored that a mark was set, by task and id."""
    ran_last: bool = False
    """One of the last tasks has had a Pod."""

    def was_marked_since(self, then: float) -> bool:
        """Was a mark stored after that? What it ends may be on its way already."""
        return any(at >= then for at in self.marked_at.values())

    def told(self, spec: Object, now: float) -> None:
        """The spec as it is now."""
        asked = spec.get("shutdown", "")
        if asked != (self.shutdowns[-1][1] if self.shutdowns else ""):
            self.shutdowns.append((now, asked))
        of_run = [spec["mark"]] if "mark" in spec else []
        for mark in (*of_run, *spec.get("marks", ())):
            known = self.marks.setdefault(mark.get("task", ""), [])
            if mark not in known:
                known.append(mark)
        self.answers = {}
        for answer in spec.get("approvals", ()):
            key = (answer["task"], answer.get("attempt", 1))
            self.answers.setdefault(key, []).append(answer)

    @property
    def was_stopped(self) -> bool:
        """Has anybody ever asked that it ends?"""
        return bool(self.shutdowns)


# --- What may be -----------------------------------------------------------------------------------


def row_of(run: RunFacts, task: str) -> Object:
    for row in run.status.get("tasks", ()):
        if row["name"] == task:
            found: Object = row
            return found
    return {}


def is_marked(row: Object) -> bool:
    """Is it what somebody has said it is?"""
    return row.get("reason") == MARKED and "mark" in row


def said(run: RunFacts, task: str) -> set[str] | None:
    """The state of a task that needs no Pod for it, as it is stored; None if none is."""
    row, node = row_of(run, task), run.tasks[task]
    if row.get("state") not in TERMINAL:
        return None
    by_word = is_marked(row) or node.asks is not None or row.get("reason") in BY_HAND
    by_rule = bool(node.on_failure) and bool(row.get("attempts"))
    return {oracle.WORDS[row["state"]]} if by_word or by_rule else None


def newly_marked(old: Object, new: Object) -> set[str]:
    """The tasks whose marks were set between two statuses; an empty name for the run itself."""
    before = {row["name"]: row.get("mark") for row in old.get("tasks", ())}
    found = {
        row["name"] for row in new.get("tasks", ()) if row.get("mark") != before.get(row["name"])
    }
    return found | ({""} if old.get("mark") != new.get("mark") else set())


def by_itself(run: RunFacts) -> bool:
    """Has all of it ended as it would have, had nobody meddled?"""
    rows = run.status.get("tasks", ())
    return run.stopped_at is None and not any(
        row.get("reason") in BY_HAND or "mark" in row for row in rows
    )


def awaits_marks(run: RunFacts) -> bool:
    """Is there a mark that is still to be set?"""
    rows = {row["name"]: (row.get("mark") or {}).get("id") for row in run.status.get("tasks", ())}
    return any(
        one["task"] in rows and rows[one["task"]] != one["id"] for one in run.spec.get("marks", ())
    )


def could_not_run(row: Object, ended: str) -> bool:
    """Was it an end of the run, or of what is before it, and nothing of its own?"""
    if row["state"] == "UpstreamFailed":
        return True
    made = row.get("attempts") or [{"number": 0}]
    begun = made[-1]["number"] > row.get("earlierAttempts", 0)
    if row["state"] != "Skipped" or begun:
        return False
    if row.get("reason"):
        return row["reason"] not in ("TriggerRule", "ApprovalTimedOut", MARKED)
    by_hand = (row.get("mark") or {}).get("state") == row["state"]
    return not by_hand and ended not in ("Succeeded", "Failed", "")


def follows(node: oracle.Node) -> set[str]:
    """What the rules about a task's failures may make of it."""
    said = {rule["action"] for rule in node.on_failure}
    return {ACTIONS.get(action, oracle.WAIT) for action in said}


def begun(run: RunFacts, task: str) -> set[str]:
    """What may have become of a task whose rule says that it runs, and that has had no Pod."""
    node = run.tasks[task]
    if node.asks is None:
        return {oracle.WAIT}
    row = row_of(run, task)
    attempt = row.get("attempt", 0)
    found = {oracle.WAIT}
    for number in {attempt, attempt + 1}:
        for answer in run.control.answers.get((task, number), ())[:1]:
            found.add({"Approved": "S", "Rejected": "F"}[answer["decision"]])
    if node.asks.get("deadlineSeconds") is not None:
        found.add({"Fail": "F", "Skip": "K"}[node.asks.get("onDeadline", "Fail")])
    return found


def also(run: RunFacts, task: str) -> set[str]:
    """What a task may be by a mark that is not stored yet."""
    last = (row_of(run, task).get("mark") or {}).get("id")
    return {
        oracle.WORDS[mark["state"]]
        for mark in run.control.marks.get(task, ())
        if mark["id"] != last
    }


def may_be_stopping(run: RunFacts) -> bool:
    """May somebody have decided that it ends, although that is not stored yet?"""
    spec = run.dag_spec
    return bool(
        run.stopped_at is not None
        or run.control.was_stopped
        or spec.get("failFast")
        or spec.get("timeoutSeconds")
        or spec.get("concurrencyPolicy") == "Replace"
    )


def is_stopped(run: RunFacts) -> bool:
    """Is it stored that it ends before its tasks have? A mark of the run itself is that, too."""
    return run.stopped_at is not None or ended_as(run) == MARKED


def tidies(run: RunFacts, task: str) -> bool:
    """Does a task run also when its run is stopped?"""
    node = run.tasks.get(task)
    return node is not None and node.tidies and ended_as(run) != TERMINATED


def ended_as(run: RunFacts) -> str:
    """The reason of its condition; one that somebody has marked is no more than that."""
    reason = str(run.condition("Succeeded").get("reason", ""))
    return MARKED if reason in MARKED_RUNS else reason
