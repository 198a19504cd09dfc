"""What people ask of a run in its spec, as the core works with it.

The API server holds everybody to the CRD; what gets past it all the same, of an older schema or by
a bug, counts as not asked: half of a wish might be the wrong half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedag.api import control, enums
from kubedag.core import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping


def names(given: object) -> tuple[str, ...]:
    """Whatever of a list is a name."""
    if not isinstance(given, list):
        return ()
    return tuple(name for name in given if isinstance(name, str))


def rerun(given: object) -> snapshot.RerunRequest | None:
    """The wish that the run runs again."""
    if not isinstance(given, dict) or not isinstance(given.get("id"), str) or not given["id"]:
        return None
    if given["id"].startswith(control.MARK_ID_PREFIX):
        return None
    scope, revision = given.get("scope", "Failed"), given.get("revision", "Same")
    include = given.get("include", "Downstream")
    tasks = names(given.get("tasks"))
    known = (
        scope in list(enums.RerunScope)
        and revision in list(enums.RerunRevision)
        and include in list(enums.RerunInclude)
    )
    if not known or (scope == enums.RerunScope.TASKS) != bool(tasks):
        return None
    return snapshot.RerunRequest(
        given["id"], str(scope), tasks, str(revision), str(include), bool(given.get("dryRun"))
    )


def shutdown(given: object) -> str:
    """How the run is to be ended; empty if it is not."""
    return str(given) if given in list(enums.Shutdown) else ""


def mark(given: object) -> snapshot.MarkRequest | None:
    """What somebody says has become of the run."""
    found = _mark(given)
    return found if found is not None and found.state != enums.Verdict.SKIPPED else None


def marks(given: object) -> Mapping[str, snapshot.MarkRequest]:
    """What somebody says has become of tasks, by name."""
    found = ((one.get("task"), _mark(one)) for one in _objects(given))
    return {str(task): said for task, said in found if task and said is not None}


def _mark(given: object) -> snapshot.MarkRequest | None:
    if not isinstance(given, dict) or not given.get("id"):
        return None
    if given.get("state") not in list(enums.Verdict):
        return None
    return snapshot.MarkRequest(
        str(given["id"]),
        str(given["state"]),
        str(given.get("by", "")),
        str(given.get("comment", "")),
    )


def answers(given: object) -> Mapping[tuple[str, int], snapshot.Answer]:
    """The first answer to each question, by task and which time of asking it is for."""
    found: dict[tuple[str, int], snapshot.Answer] = {}
    for one in _objects(given):
        task, attempt = one.get("task"), one.get("attempt", 1)
        if task and isinstance(attempt, int) and one.get("decision") in list(enums.Decision):
            answer = snapshot.Answer(
                str(one["decision"]), str(one.get("by", "")), str(one.get("comment", ""))
            )
            found.setdefault((str(task), attempt), answer)
    return found


def _objects(given: object) -> list[dict[str, object]]:
    if not isinstance(given, list):
        return []
    return [one for one in given if isinstance(one, dict)]
