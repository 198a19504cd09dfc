"""What should become of a DAG, worked out naively: no code of the operator is used here.

A state is one letter: S succeeded, F failed, K skipped, U upstream failed, and `-` for a task that has
not ended. Because `AllSucceeded` answers by what it sees first when one upstream is skipped and
another one fails, a task has a set of states that it may be in.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

RUN, WAIT, SKIP, BLOCKED = "run", "-", "K", "U"
WORDS = {"Succeeded": "S", "Failed": "F", "Skipped": "K", "UpstreamFailed": "U"}
ALL_RULES = (
    "AllSucceeded", "AllFailed", "AllDone", "AllDoneMinOneSucceeded", "AllSkipped", "OneFailed",
    "OneSucceeded", "OneDone", "NoneFailed", "NoneFailedMinOneSucceeded", "NoneSkipped", "Always",
)  # fmt: skip
HANDLERS = ("AllFailed", "OneFailed", "OneSucceeded", "AllDoneMinOneSucceeded")


class Node(NamedTuple):
    """A task, as far as the oracle cares."""

    name: str
    upstream: tuple[str, ...]
    rule: str
    limit: int
    infra_limit: int
    backoff_seconds: int
    priority: int
    idempotent: bool
    last: bool = False
    """It runs at the end of the run, when all that are not `last` are done."""
    setups: tuple[str, ...] = ()
    """It takes down what these have set up."""
    asks: Mapping[str, Any] | None = None
    """It asks a person, and has no Pod."""
    on_failure: tuple[Mapping[str, Any], ...] = ()

    @property
    def tidies(self) -> bool:
        """Does it run also when its run is stopped?"""
        return self.last or bool(self.setups)


def nodes(spec: Mapping[str, Any]) -> dict[str, Node]:
    """The tasks of a spec, each after all that it depends on; those of `finally` are the last."""
    placed = _placed({}, spec["tasks"], spec)
    return _placed(placed, spec.get("finally", ()), spec, last=True)


def _placed(
    placed: dict[str, Node],
    tasks: Iterable[Mapping[str, Any]],
    spec: Mapping[str, Any],
    *,
    last: bool = False,
) -> dict[str, Node]:
    given = {task["name"]: task for task in tasks}
    goal = len(placed) + len(given)
    while len(placed) < goal:
        for name, task in given.items():
            if name not in placed and all(up in placed for up in task.get("dependsOn", ())):
                retry = (spec.get("taskDefaults") or {}).get("retry", {}) | task.get("retry", {})
                placed[name] = Node(
                    name,
                    tuple(task.get("dependsOn", ())),
                    task.get("triggerRule", "AllSucceeded"),
                    retry.get("limit", 0),
                    retry.get("infraLimit", 3),
                    retry.get("backoffSeconds", 30),
                    task.get("priority", 0),
                    task.get("idempotent", True),
                    last,
                    tuple(task.get("teardownOf", ())),
                    task.get("approval"),
                    tuple(retry.get("onFailure", ())),
                )
    return placed


def answers(rule: str, seen: tuple[str, ...]) -> set[str]:
    """What a rule may say when its upstreams are seen like this, whatever was seen before."""
    if not seen:
        return {RUN}
    bad = sum(state in "FU" for state in seen)
    good, skipped, wait = seen.count("S"), seen.count("K"), "-" in seen
    if rule == "AllSucceeded" and bad and skipped:
        return {SKIP, BLOCKED}
    return {_answer(rule, seen, bad, good, skipped, wait=wait)}


def _answer(  # noqa: C901, PLR0911, PLR0912  # a table
    rule: str, seen: tuple[str, ...], bad: int, good: int, skipped: int, *, wait: bool
) -> str:
    match rule:
        case "Always":
            return RUN
        case "AllSucceeded":
            return BLOCKED if bad else SKIP if skipped else WAIT if wait else RUN
        case "AllFailed":
            return SKIP if good or skipped else WAIT if wait else RUN
        case "AllDone":
            return WAIT if wait else RUN
        case "AllDoneMinOneSucceeded":
            return SKIP if skipped else WAIT if wait else RUN if good else BLOCKED
        case "AllSkipped":
            return SKIP if good or bad else WAIT if wait else RUN
        case "OneFailed":
            return RUN if bad else WAIT if wait else SKIP
        case "OneSucceeded":
            if good or wait:
                return RUN if good else WAIT
            return SKIP if skipped == len(seen) else BLOCKED
        case "OneDone":
            return RUN if good or "F" in seen else WAIT if wait else SKIP
        case "NoneFailed":
            return BLOCKED if bad else WAIT if wait else RUN
        case "NoneFailedMinOneSucceeded":
            return BLOCKED if bad else WAIT if wait else RUN if good else SKIP
        case "NoneSkipped":
            return SKIP if skipped else WAIT if wait else RUN
    raise ValueError(rule)


def ruled(tasks: Mapping[str, Node], states: Mapping[str, set[str]], name: str) -> set[str]:
    """What may be said of a task whose upstreams may be in these states."""
    node = tasks[name]
    if node.setups:
        return _taken_down(node, states)
    found: set[str] = set()
    others = [states[one.name] for one in tasks.values() if not one.last] if node.last else []
    if any(WAIT in seen for seen in others):
        found.add(WAIT)
    if all(seen != {WAIT} for seen in others):
        for seen in itertools.product(*(sorted(states[up]) for up in node.upstream)):
            found |= answers(node.rule, seen)
    return found


def _taken_down(node: Node, states: Mapping[str, set[str]]) -> set[str]:
    """Once all above are done, and if what it takes down was set up."""
    above = [states[up] for up in node.upstream]
    found = {WAIT} if any(WAIT in seen for seen in above) else set()
    if all(seen != {WAIT} for seen in above):
        found |= {RUN} if all("S" in states[setup] for setup in node.setups) else set()
        found |= {SKIP} if any(states[setup] - {"S", WAIT} for setup in node.setups) else set()
    return found


def may_be(
    tasks: Mapping[str, Node],
    facts: Callable[[str], set[str] | None],
    begun: Callable[[str], set[str]] = lambda _name: {WAIT},
    also: Callable[[str], set[str]] = lambda _name: set(),
) -> dict[str, set[str]]:
    """The states that each task may be in; `facts` knows those that have had Pods.

    `begun` says what may have become of those that need none, and `also` what people have said.
    """
    found: dict[str, set[str]] = {}
    for name in tasks:
        known = facts(name)
        if known is None:
            said = ruled(tasks, found, name)
            known = said - {RUN} | (begun(name) if RUN in said else set())
        found[name] = known | also(name)
    return found


def may_start(tasks: Mapping[str, Node], states: Mapping[str, set[str]], name: str) -> bool:
    """May the rule of a task have said that it runs?"""
    return RUN in ruled(tasks, states, name)


def may_end(
    tasks: Mapping[str, Node], result_of: Callable[[Node], set[str]]
) -> dict[str, set[str]]:
    """The states that each task may have at the end of a run that nothing disturbs."""
    found: dict[str, set[str]] = {}
    for name, node in tasks.items():
        said = ruled(tasks, found, name)
        found[name] = said - {RUN} | (result_of(node) if RUN in said else set())
    return found


def succeeds(tasks: Mapping[str, Node], states: Mapping[str, str]) -> bool:
    """Is a run with these ends green? Yes, unless some failure was not handled."""
    for name, node in tasks.items():
        if states[name] != "F" or node.setups:
            continue
        if node.last:
            return False
        below = [node for node in tasks.values() if name in node.upstream]
        blocked = any(states[node.name] == "U" for node in below)
        handled = any(states[node.name] == "S" and node.rule in HANDLERS for node in below)
        if blocked or not handled:
            return False
    return True


def last_result(node: Node, classes: Iterable[str]) -> str:
    """S or F: how a task ends whose attempts go like this, one class of failure each, or `S`."""
    user = infra = 0
    for end in classes:
        if end == "S":
            return "S"
        user += end == "User"
        infra += end == "Infra"
        once = end == "Infra" and not node.idempotent  # it had begun
        if once or end == "Config" or user > node.limit or infra > node.infra_limit:
            return "F"
    raise AssertionError("classes must be endless")
