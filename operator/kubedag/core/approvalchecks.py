"""What is wrong with tasks that ask a person: whatever is said of a Pod that they do not have.

A field without an effect would be a promise that nobody keeps, such as a timeout that never comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.api.problems import Problem
from kubedag.api.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedag.api.dag import DAGSpec

_OF_QUESTIONS: Final = frozenset({"name", "description", "depends_on", "trigger_rule", "approval"})

INSTEAD: Final = {
    "retry": "a task that asks for approval is answered once",
    "timeout_seconds": "use approval.deadlineSeconds",
    "pending_timeout_seconds": "use approval.deadlineSeconds",
    "teardown_of": "what is taken down after every run cannot wait for a person",
}
"""Why else than for want of a Pod."""
NO_POD: Final = "a task that asks for approval has no Pod"


def problems(spec: DAGSpec) -> Iterator[Problem]:
    """In the order of the tasks."""
    for index, task in enumerate(spec.tasks):
        if task.approval is not None:
            yield from _of_task(f"spec.tasks[{index}]", task)
    for index, task in enumerate(spec.finally_):
        if task.approval is not None:
            why = "what runs at the end of every run cannot wait for a person"
            path = f"spec.finally[{index}].approval"
            yield Problem(path, "Contradiction", f"must not be set: {why}")


def _of_task(path: str, task: Task) -> Iterator[Problem]:
    for field, about in Task.model_fields.items():
        if field not in _OF_QUESTIONS and getattr(task, field) not in (None, ()):
            why = INSTEAD.get(field, NO_POD)
            yield Problem(f"{path}.{about.alias}", "Contradiction", f"must not be set: {why}")
    approval = task.approval
    if approval is not None and approval.on_deadline is not None and not approval.deadline_seconds:
        must = "must not be set without deadlineSeconds"
        yield Problem(f"{path}.approval.onDeadline", "Contradiction", must)
