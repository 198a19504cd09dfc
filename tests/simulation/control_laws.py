"""What must hold of marks, answers, stops, and of what comes last.

What the operator says is held against what people have asked for, and against the Pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation import control_facts as truth
from simulation import oracle, reruns
from simulation.pod_facts import IN_FLIGHT_SECONDS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.cluster import Change, Object
    from simulation.facts import Facts, RunFacts
    from simulation.invariants import Invariants
    from simulation.pod_facts import PodFacts

UNDER_WAY = ("Queued", "Pending", "Running", "Terminating", "AwaitingRetry")

# --- What must be ----------------------------------------------------------------------------------


class Laws:
    """Follows what is asked of runs, and says what is wrong with what becomes of that."""

    def __init__(self, facts: Facts, invariants: Invariants) -> None:
        self.facts = facts
        self._invariants = invariants
        invariants.follow(self._observe)

    def _observe(self, change: Change) -> None:
        if change.type == "DELETED" or not change.actor.startswith("operator"):
            return
        wrong: list[str] = []
        if change.plural == "pods" and change.type == "ADDED":
            wrong = list(self._created(*self.facts.pods[change.obj["metadata"]["uid"]]))
        elif change.plural in ("dagruns", "dagrunslices"):
            run = self.facts.run_of(change)
            if not run.tampered and run.exists:
                wrong = list(self._stored(run, whole=change.plural == "dagruns"))
        name = change.obj["metadata"]["name"]
        self._invariants.broken += [f"{change.type} {name}: {one}" for one in wrong]

    # --- Pods ------------------------------------------------------------------------------------

    def _created(self, run: RunFacts, task: str, pod: PodFacts) -> Iterator[str]:
        node = run.tasks.get(task)
        if node is None or run.tampered or not run.exists or pod in run.strays:
            return
        if node.asks is not None:
            yield "a Pod of a task that asks a person"
        yield from self._after_the_mark(run, task, pod)
        others = [
            one.name
            for name, seen in run.pods.items()
            for one in seen
            if name in run.tasks and not run.tasks[name].last and one.live and one is not pod
        ]
        if node.last and others:
            yield f"one of the last tasks beside {others}"
        if node.last:
            run.control.ran_last = True
        elif run.control.ran_last and not (
            self._unaware() or _was_lost(run, task) or _last_are_hidden(run)
        ):
            yield "a task of the run after one of the last tasks"
        if node.setups and truth.may_be_stopping(run):
            yield from self._taken_down(run, node)

    def _unaware(self) -> bool:
        return self.facts.cluster.late or self._invariants.may_be_two()

    def _after_the_mark(self, run: RunFacts, task: str, pod: PodFacts) -> Iterator[str]:
        row = truth.row_of(run, task)
        if row.get("state") not in truth.TERMINAL or not truth.is_marked(row):
            return
        at = run.control.marked_at.get((task, row["mark"]["id"]))
        if at is not None and pod.created_at - at > IN_FLIGHT_SECONDS_MAX:
            yield f"a Pod of a task that is marked {row['mark']['state']}"

    @staticmethod
    def _taken_down(run: RunFacts, node: oracle.Node) -> Iterator[str]:
        states = run.states()
        if any("S" not in states[setup] for setup in node.setups):
            yield f"takes down what was not set up: {[states[setup] for setup in node.setups]}"
        live = [one.name for up in node.upstream for one in run.pods.get(up, ()) if one.live]
        if live:
            yield f"takes down what is still in use by {live}"

    # --- Statuses --------------------------------------------------------------------------------

    def _stored(self, run: RunFacts, *, whole: bool) -> Iterator[str]:
        again = reruns.number(run.before) != reruns.number(run.status)
        if again:
            run.control.ran_last = False
        elif truth.newly_marked(run.before, run.status):
            _reopen(run)
        before = {row["name"]: row for row in run.before.get("tasks", ())}
        for row in run.status.get("tasks", ()):
            was = before.get(row["name"], {})
            yield from self._mark(run, was, row)
            yield from self._question(run, {} if again else was, row)
            yield from self._rule(run, row)
        if whole:
            yield from self._stop(run, again=again)
            if run.finished and not is_finished(run.before):
                yield from self._complete(run)

    def _mark(self, run: RunFacts, was: Object, row: Object) -> Iterator[str]:
        old, new = was.get("mark"), row.get("mark")
        if new is None:
            if old is not None:
                yield f"{row['name']}: its mark {old['id']} is forgotten"
            return
        if old != new:
            asked = run.control.marks.get(row["name"], [])
            if not any(_same(mark, new) for mark in asked):
                yield f"{row['name']}: is marked {new}, and asked for was {asked}"
            if old is not None and old["id"] == new["id"]:
                yield f"{row['name']}: the mark {new['id']} is set twice"
            run.control.marked_at[row["name"], new["id"]] = self.facts.cluster.time()
        if (
            row.get("reason") == truth.MARKED
            and row["state"] in truth.TERMINAL
            and row["state"] != new["state"]
        ):
            yield f"{row['name']}: is marked {new['state']}, and {row['state']}"

    def _question(self, run: RunFacts, was: Object, row: Object) -> Iterator[str]:
        node = run.tasks.get(row["name"])
        if node is None or node.asks is None:
            return
        told, before = row.get("approval") or {}, was.get("approval") or {}
        same = told.get("attempt") == before.get("attempt")
        if same and before.get("decision") and before != told:
            yield f"{row['name']}: it was decided {before}, and then {told}"
        if same and before.get("dueTime") != told.get("dueTime") and before:
            yield f"{row['name']}: due {before.get('dueTime')}, and then {told.get('dueTime')}"
        if told.get("decision"):
            yield from self._first(run, row["name"], told)
        if (
            row["state"] in truth.TERMINAL
            and row["state"] != was.get("state")
            and not truth.is_marked(row)
        ):
            yield from self._decided(row, told)

    def _first(self, run: RunFacts, task: str, told: Object) -> Iterator[str]:
        given = run.control.answers.get((task, told.get("attempt", 0)), [{}])[0]
        if any(given.get(key) != told.get(key) for key in ("decision", "by", "comment")):
            yield f"{task}: is stored as {told}, and the first answer was {given}"

    @staticmethod
    def _decided(row: Object, told: Object) -> Iterator[str]:
        decision = told.get("decision")
        by = {"Approved": "Succeeded", "Rejected": "Failed"}
        if row["state"] == "Succeeded" and decision != "Approved":
            yield f"{row['name']} succeeded, and nobody approved: {told}"
        if decision and row["state"] != by[decision]:
            yield f"{row['name']} is {row['state']}, and was {decision}"
        if row["state"] == "Failed" and not decision and not told.get("dueTime"):
            yield f"{row['name']} failed without an answer or a deadline"

    def _rule(self, run: RunFacts, row: Object) -> Iterator[str]:
        """The first rule that matches an attempt says what follows."""
        node = run.tasks.get(row["name"])
        ended = [one for one in row.get("attempts", ()) if one["state"] == "Failed"]
        if node is None or not node.on_failure or not ended or truth.is_marked(row):
            return
        last = row["attempts"][-1]
        for attempt in ended:
            by_hand = attempt.get("reason") in (*truth.BY_HAND, truth.MARKED)
            if by_hand or attempt["number"] <= row.get("earlierAttempts", 0):
                continue
            if row["name"] in run.reruns.fixed:
                continue  # it does not run again, and may have ended by the rules of before
            action = first_match(node.on_failure, attempt)
            if action in truth.ACTIONS and attempt is not last:
                yield f"{row['name']}: attempt {attempt['number']} was to be the last: {action}"
            if attempt is not last or row["state"] not in truth.TERMINAL:
                continue
            if action in truth.ACTIONS and oracle.WORDS[row["state"]] != truth.ACTIONS[action]:
                yield f"{row['name']} is {row['state']}, and the rule says {action}"

    def _stop(self, run: RunFacts, *, again: bool) -> Iterator[str]:
        """What is stored of a stop is never taken back, and nobody stops a run for nothing."""
        before = {c["type"]: c for c in run.before.get("conditions", ())}.get("Succeeded", {})
        old, new = before.get("reason", ""), truth.ended_as(run)
        if (
            not again
            and old in (truth.STOPPED, truth.TERMINATED)
            and new not in (old, truth.TERMINATED, truth.MARKED)
        ):
            yield f"it was {old}, and is {new}"
        if new == truth.STOPPED and not run.control.was_stopped:
            yield "stopped, and nobody asked for that"
        if new == truth.TERMINATED and "Terminate" not in [
            asked for _, asked in run.control.shutdowns
        ]:
            yield "terminated, and nobody asked for that"
        if new == truth.MARKED and "" not in run.control.marks:
            yield "marked, and nobody asked for that"

    def _complete(self, run: RunFacts) -> Iterator[str]:
        """What is to run at the end of every run has."""
        reason = truth.ended_as(run)
        if reason not in (
            "Succeeded",
            "Failed",
            truth.STOPPED,
            "TimedOut",
            "Replaced",
            truth.FAILED_FAST,
        ):
            return
        rows = {row["name"]: row for row in run.status.get("tasks", ())}
        for name, node in run.tasks.items():
            row = rows.get(name, {})
            if not node.tidies or truth.is_marked(row) or not row:
                continue
            ran = bool(run.pods.get(name)) or name in run.denied | run.reruns.denied
            ran |= name in run.reruns.fixed or node.asks is not None
            if node.last and not node.upstream and not ran:
                yield f"{name} never ran, and is {row['state']}"
            if node.setups and not node.last:
                good = all(rows[one]["state"] == "Succeeded" for one in node.setups if one in rows)
                if good and not ran:
                    yield f"{name} takes down what was set up, and is {row['state']}"
                # It may have been at work when somebody said that nothing had been set up.
                good |= any(truth.is_marked(rows[one]) for one in node.setups if one in rows)
                if not good and row["state"] == "Succeeded" and name not in run.reruns.fixed:
                    yield f"{name} took down what was not set up"

    # --- In the end --------------------------------------------------------------------------------

    def unended(self) -> Iterator[str]:
        """Marks that are not set, and questions that are answered and not decided."""
        for run in self.facts.runs.values():
            if not run.exists or run.tampered or not run.tasks:
                continue
            rows = {row["name"]: row for row in run.status.get("tasks", ())}
            for mark in run.spec.get("marks", ()):
                row = rows.get(mark["task"])
                if row is None or (row.get("mark") or {}).get("id") == mark["id"]:
                    continue
                if not may_stay_unmarked(run):
                    yield f"{run.name}: {mark['task']} is {row['state']}, and asked for is {mark}"
            for name, row in rows.items():
                asked = row["state"] == "AwaitingApproval"
                if asked and (name, row.get("attempt", 1)) in run.control.answers:
                    yield f"{run.name}: {name} is answered, and still asks"


def _was_lost(run: RunFacts, task: str) -> bool:
    """Is an earlier Pod of it gone by another's hand before its end was stored? It is made again."""
    return any(
        not (old.exists or old.recorded or old.deleted_by.startswith("operator"))
        for old in run.pods[task][:-1]
    )


def _last_are_hidden(run: RunFacts) -> bool:
    """Has somebody taken the labels of one of the last Pods, so that it tells of no start?"""
    return any(
        pod.hidden
        for name, seen in run.pods.items()
        for pod in seen
        if name in run.tasks and run.tasks[name].last
    )


def _reopen(run: RunFacts) -> None:
    """What did not run again may do so now, because of what somebody has said."""
    for row in run.status.get("tasks", ()):
        if row["name"] in run.reruns.fixed and row["state"] not in truth.TERMINAL:
            del run.reruns.fixed[row["name"]]
        elif row["name"] in run.reruns.fixed:
            run.reruns.fixed[row["name"]] = oracle.WORDS[row["state"]]


def may_stay_unmarked(run: RunFacts) -> bool:
    """Is there something that keeps a finished run from going on for a mark?"""
    waits = run.condition(reruns.PENDING).get("reason") in ("DependsOnPast", "Queued")
    held = run.spec.get("suspend") or run.spec.get("shutdown")
    return bool(held or run.lost_revision or waits)


def waits_for_answer(run: RunFacts) -> bool:
    """Does nothing keep it from its end but that a person says something?"""
    rows = run.status.get("tasks", ())
    return not any(row["state"] in UNDER_WAY for row in rows) and any(
        row["state"] == "AwaitingApproval" and not (row.get("approval") or {}).get("dueTime")
        for row in rows
    )


def first_match(rules: tuple[Object, ...], attempt: Object) -> str:
    """The action of the first rule that matches, worked out naively; empty if none does."""
    log = (attempt.get("log") or {}).get("tail", "")
    text = attempt.get("message", "") + "\n" + log
    for rule in rules:
        told = (
            ("exitCodes", attempt.get("exitCode")),
            ("reasons", attempt.get("reason")),
            ("classes", attempt.get("class")),
        )
        if any(key in rule and value not in rule[key] for key, value in told):
            continue
        if "messagePattern" in rule and rule["messagePattern"] not in text:
            continue  # the patterns of the worlds are plain words
        return str(rule["action"])
    return ""


def _same(mark: Object, told: Object) -> bool:
    return all(mark.get(key) == told.get(key) for key in ("id", "state", "by", "comment"))


def is_finished(status: Object) -> bool:
    return reruns.is_finished(status)
