"""Everything that can be known to be wrong with a DAG without a cluster, in one list.

What the types refuse by themselves is not repeated (`kubedag.api`). The checks are made in the
order of CHECKS and each of them in the order of the declaration, so the list is always the same.
It ends after PROBLEMS_MAX: nobody reads more, and a broken template repeats itself 10,000 times.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import orjson

from kubedag.api import defaults
from kubedag.api.hints import did_you_mean, nearest
from kubedag.api.problems import PROBLEMS_MAX, Problem
from kubedag.core import (
    approvalchecks,
    endchecks,
    graph,
    levels,
    masks,
    mergechecks,
    retry_checks,
    schedule,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kubedag.api.dag import DAGSpec
    from kubedag.api.retry import RetrySpec
    from kubedag.api.task import Task, TaskTemplate

SPEC_BYTES_MAX: Final = 900 * 1024
"""As JSON: an object of the API is at most 1.5 MiB, and managedFields repeat part of it."""

HINTS_MAX: Final = 10
"""Finding a similar name among 10,000 takes some 50 ms."""

LEVELS_SPARE: Final = 50
"""Of the 254 levels that can be written, those that a Pod or a revision has around such a part."""

CYCLES_MAX: Final = 5
CYCLE_SHOWN_MAX: Final = 12


def validate(spec: DAGSpec) -> tuple[Problem, ...]:
    """What is wrong with a spec; never raises, whatever the types have let through."""
    unreadable = _unreadable(spec)
    if unreadable is not None:
        return (unreadable,)
    found = itertools.chain.from_iterable(check(spec) for check in CHECKS)
    unique: dict[Problem, None] = {}
    for problem in found:
        unique[problem] = None
        if len(unique) == PROBLEMS_MAX:
            break
    return tuple(unique)


def _unreadable(spec: DAGSpec) -> Problem | None:
    """Kubernetes' own parts may hold what JSON allows and neither a Pod nor a revision can."""
    everything = [tuple(_opaque(level.template).values()) for level in levels.of(spec)]
    if _why_not_json(everything, LEVELS_SPARE - 2) is None:
        return None
    for level in levels.of(spec):
        for field, part in _opaque(level.template).items():
            why = _why_not_json(part, LEVELS_SPARE)
            if why is not None:
                must = "must be JSON with numbers of 64 bits and at most 200 levels"
                return Problem(f"{level.path}.{field}", "NotJSON", f"{must}: {why}")
    raise AssertionError("a list is JSON if its items are")


def _opaque(template: TaskTemplate) -> dict[str, object]:
    return {
        "env": template.env,
        "envFrom": template.env_from,
        "resources": template.resources,
        "volumeMounts": template.volume_mounts,
        "podTemplate": template.pod_template,
    }


def _why_not_json(value: object, levels_spare: int) -> str | None:
    for _ in range(levels_spare):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        return str(error)
    return None


# --- The graph --------------------------------------------------------------------------------


def _graph(spec: DAGSpec) -> Iterator[Problem]:
    tasks, body = levels.tasks(spec), len(spec.tasks)
    names = [task.name for task in tasks]
    links = graph.link(names, [task.depends_on for task in tasks])
    hints = itertools.count()
    for mistake in links.mistakes:
        yield _mistake(mistake, tasks, body, names, hints=next(hints) < HINTS_MAX)
    yield from endchecks.crossings(tasks, body)
    inside = endchecks.inside(links.upstream, body)
    for cycle in graph.cycles(inside, graph.reverse(inside), CYCLES_MAX):
        yield _cycle(cycle, tasks, body)
    yield from endchecks.teardowns(tasks, body, inside)


def _mistake(
    mistake: graph.Mistake, tasks: Sequence[Task], body: int, names: list[str], *, hints: bool
) -> Problem:
    task, reason = tasks[mistake.task], mistake.fault.value
    path = levels.path_of(mistake.task, body)
    if mistake.position is None:
        first = levels.path_of(names.index(task.name), body)
        message = f"must be unique; {first} is called {task.name!r}, too"
        return Problem(f"{path}.name", reason, message)
    path = f"{path}.dependsOn[{mistake.position}]"
    name = task.depends_on[mistake.position]
    if mistake.fault is graph.Fault.SELF_UPSTREAM:
        return Problem(path, reason, "must not be the task itself")
    if mistake.fault is graph.Fault.DUPLICATE_UPSTREAM:
        return Problem(path, reason, f"must be there only once; {name!r} is there before")
    hint = _hint(name, task.name, names) if hints else ""
    return Problem(path, reason, f"must name a task of this DAG; {name!r} is none{hint}")


def _hint(name: str, task: str, names: list[str]) -> str:
    alike = [
        other for other in names if other != task and abs(len(other) - len(name)) <= len(name) // 3
    ]
    return did_you_mean(nearest(name, alike))


def _cycle(cycle: Sequence[int], tasks: Sequence[Task], body: int) -> Problem:
    """At the edge that closes it, shown from the task declared first."""
    first, last = tasks[cycle[0]], tasks[cycle[-1]]
    position = first.depends_on.index(last.name)
    shown = [tasks[node].name for node in cycle[:CYCLE_SHOWN_MAX]]
    if len(cycle) > CYCLE_SHOWN_MAX:
        shown.append(f"… ({len(cycle) - CYCLE_SHOWN_MAX} more)")
    path = f"{levels.path_of(cycle[0], body)}.dependsOn[{position}]"
    way = " → ".join([*shown, first.name])
    return Problem(path, "Cycle", f"must not lead back to the task itself: {way}")


# --- The rest ---------------------------------------------------------------------------------


def _retries(spec: DAGSpec) -> Iterator[Problem]:
    """The longest pause may come from elsewhere than the first one, so the types cannot see it."""
    common = spec.task_defaults.retry if spec.task_defaults else None
    for level in levels.of(spec):
        own = level.template.retry
        if own is None:
            continue
        first = _first(own, common, "backoff_seconds")
        longest = _first(own, common, "backoff_seconds_max") or defaults.RETRY_BACKOFF_SECONDS_MAX
        if first is not None and first > longest:
            field, must = "backoffSeconds", f"at most backoffSecondsMax, which is {longest} here"
            if own.backoff_seconds is None:
                field, must = (
                    "backoffSecondsMax",
                    f"at least backoffSeconds, which is {first} here",
                )
            yield Problem(f"{level.path}.retry.{field}", "BackoffOrder", f"must be {must}")


def _first(own: RetrySpec, common: RetrySpec | None, field: str) -> int | None:
    said: int | None = getattr(own, field)
    return getattr(common, field) if said is None and common is not None else said


def _pods(spec: DAGSpec) -> Iterator[Problem]:
    """First each level on its own; what cannot be merged is not, so merging comes after that."""
    sound = True
    for level in levels.of(spec):
        for problem in levels.problems(level):
            sound = False
            yield problem
    if sound:
        yield from mergechecks.problems(spec)


def _masks(spec: DAGSpec) -> Iterator[Problem]:
    for index, message in masks.problems(spec.failure_logs.mask_patterns):
        yield Problem(f"spec.failureLogs.maskPatterns[{index}]", "InvalidPattern", message)


def _schedule(spec: DAGSpec) -> Iterator[Problem]:
    if spec.schedule is not None:
        yield from schedule.problems(spec.schedule)


def _size(spec: DAGSpec) -> Iterator[Problem]:
    size = len(spec.model_dump_json(exclude_unset=True).encode())
    if size > SPEC_BYTES_MAX:
        yield Problem(
            "spec",
            "TooLarge",
            f"must be at most {SPEC_BYTES_MAX // 1024} KiB as JSON; it has {size // 1024} KiB",
        )


CHECKS: Final[tuple[Callable[[DAGSpec], Iterator[Problem]], ...]] = (
    _graph,
    _retries,
    retry_checks.problems,
    _pods,
    approvalchecks.problems,
    _masks,
    _schedule,
    _size,
)
