"""What a verb changes about an object: the object in, a patch out, or why there is none.

Pure, so that a verb can be decided about anew when somebody else was faster. A wish is written as
`kubectl patch --type merge` would write it: lists whole, what goes away as null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kubedag.api.enums import Decision, RerunRevision, RerunScope, Shutdown, TaskState
from kubedag.api.hints import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Object = Mapping[str, Any]


class Change(NamedTuple):
    """What is to be patched into the spec, and what to tell of it."""

    spec: dict[str, Any]
    said: str


class Already(NamedTuple):
    """It is so without us."""

    said: str


class No(NamedTuple):
    """It cannot be."""

    why: str


Wish = Change | Already | No


class Rerun(NamedTuple):
    """What is asked of runs that are to run again."""

    id: str
    scope: RerunScope
    tasks: tuple[str, ...]
    include: str
    revision: RerunRevision

    @property
    def spec(self) -> dict[str, Any]:
        """As spec.rerun has it; every field, so that nothing stays of an earlier wish."""
        return {
            "id": self.id,
            "scope": str(self.scope),
            "tasks": list(self.tasks) or None,
            "include": str(self.include),
            "revision": str(self.revision),
            "dryRun": False,
        }

    @property
    def what(self) -> str:
        """What is to run again, for people."""
        if self.scope == RerunScope.TASKS:
            return ", ".join(self.tasks)
        return "what failed" if self.scope == RerunScope.FAILED else "all tasks"


def is_finished(run: Object) -> bool:
    """Has the run come to an end?"""
    return condition(run, "Finished").get("status") == "True"


def condition(run: Object, type_: str) -> Object:
    """A condition of an object; empty if there is none."""
    found = _status(run).get("conditions") or ()
    return next((one for one in found if one.get("type") == type_), {})


def state(run: Object) -> str:
    """How far a run is, or how it has ended; of one that somebody has marked, as what."""
    told = condition(run, "Succeeded")
    reason = str(told.get("reason") or "Pending")
    return _MARKED.get(reason, reason)


_MARKED: Final = {"MarkedSucceeded": "Succeeded (marked)", "MarkedFailed": "Failed (marked)"}


def rerun(run: Object, wish: Rerun) -> Wish:
    """The run is to run again."""
    hindrance = not_again(run)
    if hindrance is not None:
        return hindrance
    spec: dict[str, Any] = {"rerun": wish.spec}
    if _spec(run).get("shutdown"):
        spec["shutdown"] = None
    held = "; not before it is resumed: it is suspended" if _spec(run).get("suspend") else ""
    return Change(spec, f"asked to run again: {wish.what}{held}")


def not_again(run: Object) -> No | None:
    """Why a run cannot be asked to run again, if it cannot."""
    if run["metadata"].get("deletionTimestamp"):
        return No("it is being deleted")
    if not is_finished(run):
        return No("it has not finished; wait for its end, or stop it")
    return None


def mark_run(mark: Object) -> Wish:
    """The run has ended as somebody says."""
    return Change({"mark": dict(mark)}, f"marked {mark['state']}")


def mark_tasks(run: Object, rows: Sequence[Object], tasks: Sequence[str], mark: Object) -> Wish:
    """Tasks have ended as somebody says; earlier marks of others stay."""
    if no := unknown(_named(rows), tasks):
        return no
    kept = [one for one in _spec(run).get("marks") or () if one.get("task") not in tasks]
    made = [{"task": task, **mark} for task in dict.fromkeys(tasks)]
    return Change({"marks": [*kept, *made]}, f"marked {mark['state']}: {', '.join(tasks)}")


_ENDING: Final = {Shutdown.STOP: "stopped", Shutdown.TERMINATE: "terminated"}
_ENDS: Final = {Shutdown.STOP: ("Stopped", "Terminated"), Shutdown.TERMINATE: ("Terminated",)}
"""The reasons with which a run has ended as it is asked to."""


def shutdown(run: Object, how: Shutdown) -> Wish:
    """The run is to end; what is terminated is not stopped any more."""
    asked = _spec(run).get("shutdown")
    if is_finished(run):
        reason = condition(run, "Finished").get("reason")
        said = f"has finished already: {state(run)}"
        is_so = asked in (how, Shutdown.TERMINATE) or reason in _ENDS[how]
        return Already(said) if is_so else No(f"it {said}")
    if asked in (how, Shutdown.TERMINATE):
        return Already(f"is being {_ENDING[Shutdown(asked)]} already")
    return Change({"shutdown": str(how)}, f"is being {_ENDING[how]}")


def suspend(found: Object, *, wanted: bool) -> Wish:
    """A run, a DAG or a Backfill is to be held, or to be let go."""
    said = "suspended" if wanted else "resumed"
    if bool(_spec(found).get("suspend", False)) == wanted:
        return Already("is suspended already" if wanted else "is not suspended")
    if found.get("kind") != "DAG" and is_finished(found) and wanted:
        return No("it has finished already")
    return Change({"suspend": wanted}, said)


_BEFORE_ASKING: Final = (TaskState.WAITING, TaskState.QUEUED)


def has_still_to_ask(run: Object, rows: Sequence[Object], task: str) -> bool:
    """Has the turn of a task not come yet? Then its row cannot tell whether it asks."""
    if not rows:
        return not is_finished(run) and not _status(run).get("slices")
    return any(row.get("name") == task and row.get("state") in _BEFORE_ASKING for row in rows)


def answer(run: Object, rows: Sequence[Object], task: str, said: Object) -> Wish:
    """A task that asks for approval gets its answer, or will; each time of asking has one."""
    row = next((one for one in rows if one.get("name") == task), None)
    early = has_still_to_ask(run, rows, task)
    if row is None and not early:
        return unknown(_named(rows), [task]) or No(_NO_ROWS if not is_finished(run) else _OVER)
    asked = _number(row or {}, early=early)
    given = list(_spec(run).get("approvals") or ())
    for one in given:
        if one.get("task") == task and one.get("attempt", 1) == asked:
            by = f" by {one['by']}" if one.get("by") else ""
            if one.get("decision") == said["decision"]:
                return Already(f"{task} was {_DECIDED[said['decision']]}{by} already")
            return No(f"{task} was {_DECIDED[one['decision']]}{by}, which is final")
    if row is not None and not early and row.get("state") != TaskState.AWAITING_APPROVAL:
        return No(f"{task} does not ask for approval now: it is {row.get('state')}")
    made = {"task": task, "attempt": asked, **said}
    later = ", which does not ask yet: the answer counts as soon as it does" if early else ""
    return Change({"approvals": [*given, made]}, f"{_DECIDED[said['decision']]}: {task}{later}")


def _number(row: Object, *, early: bool) -> int:
    """Which time of asking an answer is for: this one, or the next."""
    begun: int = row.get("attempt") or 0
    if early:
        return begun + 1
    asked: int = (row.get("approval") or {}).get("attempt") or begun or 1
    return asked


_NO_ROWS: Final = "its tasks cannot be read just now; try once more"
_OVER: Final = "it has ended without any task"

_DECIDED: Final[Mapping[str, str]] = {
    Decision.APPROVED: "approved",
    Decision.REJECTED: "rejected",
}


def tasks_of(dag: Object) -> list[str]:
    """The names of the tasks of a DAG, with those of `finally`."""
    spec = _spec(dag)
    return _named([*(spec.get("tasks") or ()), *(spec.get("finally") or ())])


def _named(found: Iterable[Object]) -> list[str]:
    return [str(one.get("name")) for one in found]


def unknown(known: Sequence[str], tasks: Iterable[str]) -> No | None:
    """Which of the tasks is not among those that are known; where none is, nobody can tell."""
    if not known:
        return None
    for task in tasks:
        if task not in known:
            hint = did_you_mean(nearest(task, known))
            return No(f"it has no task {task!r}{hint}")
    return None


def _spec(found: Object) -> Object:
    spec: Object = found.get("spec") or {}
    return spec


def _status(found: Object) -> Object:
    status: Object = found.get("status") or {}
    return status


# --- New runs --------------------------------------------------------------------------------

_COPIED: Final = ("dagName", "dataInterval", "logicalTime", "tasks")


def clone(run: Object, params: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The spec of a run like this one; parameters of the same name are replaced."""
    spec = {key: run["spec"][key] for key in _COPIED if run["spec"].get(key)}
    given = {one["name"]: one.get("value", "") for one in run["spec"].get("params") or ()}
    return spec | _params({**given, **dict(params)})


def trigger(
    dag: str,
    interval: tuple[str, str] | None,
    tasks: Sequence[str],
    params: Iterable[tuple[str, str]],
) -> dict[str, Any]:
    """The spec of a run of a DAG."""
    spec: dict[str, Any] = {"dagName": dag}
    if interval is not None:
        spec["dataInterval"] = {"startTime": interval[0], "endTime": interval[1]}
        spec["logicalTime"] = interval[0]
    if tasks:
        spec["tasks"] = list(dict.fromkeys(tasks))
    return spec | _params(dict(params))


def _params(params: Mapping[str, str]) -> dict[str, Any]:
    if not params:
        return {}
    return {"params": [{"name": name, "value": value} for name, value in params.items()]}
