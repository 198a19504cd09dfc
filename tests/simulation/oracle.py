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


def nodes(spec: Mapping[str, Any]) -> dict[str, Node]:
    """The tasks of a spec, each after all that it depends on."""
    given = {task["name"]: task for task in spec["tasks"]}
    placed: dict[str, Node] = {}
    while len(placed) < len(given):
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


def may_be(
    tasks: Mapping[str, Node], facts: Callable[[str], set[str] | None]
) -> dict[str, set[str]]:
    """The states that each task may be in; `facts` knows those that have had Pods."""
    found: dict[str, set[str]] = {}
    for name, node in tasks.items():
        known = facts(name)
        if known is not None:
            found[name] = known
            continue
        found[name] = {
            WAIT if answer == RUN else answer
            for seen in itertools.product(*(sorted(found[up]) for up in node.upstream))
            for answer in answers(node.rule, seen)
        }
    return found


def may_start(tasks: Mapping[str, Node], states: Mapping[str, set[str]], name: str) -> bool:
    """May the rule of a task have said that it runs?"""
    node = tasks[name]
    return any(
        RUN in answers(node.rule, seen)
        for seen in itertools.product(*(sorted(states[up]) for up in node.upstream))
    )


def may_end(tasks: Mapping[str, Node], result_of: Callable[[Node], str]) -> dict[str, set[str]]:
    """The states that each task may have at the end of a run that nothing disturbs."""
    found: dict[str, set[str]] = {}
    for name, node in tasks.items():
        found[name] = {
            result_of(node) if answer == RUN else answer
            for seen in itertools.product(*(sorted(found[up]) for up in node.upstream))
            for answer in answers(node.rule, seen)
        }
    return found


def succeeds(tasks: Mapping[str, Node], states: Mapping[str, str]) -> bool:
    """Is a run with these ends green? Yes, unless some failure was not handled."""
    for name in tasks:
        if states[name] != "F":
            continue
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
