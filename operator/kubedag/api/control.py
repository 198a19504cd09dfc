"""What a person may ask of a run: that it runs again, that it ends, that a task counts as done."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import StringConstraints

from kubedag.api.approval import Comment, UserName
from kubedag.api.common import Spec, Status, Switch, Time, Word
from kubedag.api.enums import RerunInclude, RerunRevision, RerunScope, Verdict
from kubedag.api.lists import atomic_list
from kubedag.api.rules import Rule, Ruled

TaskNames = Annotated[tuple[Word, ...], *atomic_list(most=1000)]
WishID = Annotated[str, StringConstraints(min_length=1, max_length=63)]
MARK_ID_PREFIX: Final = "mark:"
"""Of the ids of reruns that nobody asked for: the run went on because of a mark."""
FULFILLED_RERUNS_MAX: Final = 20
RerunID = Annotated[
    WishID,
    Rule(
        "not begin with 'mark:', as do the ids of reruns that follow from a mark",
        cel=f"!self.startsWith('{MARK_ID_PREFIX}')",
        holds=lambda id_: not id_.startswith(MARK_ID_PREFIX),
    ),
]


class Rerun(Ruled, Spec):
    """The wish that a finished run runs again. What succeeded before what runs again stays done."""

    id: RerunID
    """id tells this wish from earlier ones: one that was fulfilled is not fulfilled again, as long as
    status.rerun.fulfilled has it."""
    scope: RerunScope = RerunScope.FAILED
    """scope says what runs again: All tasks, those that Failed or did not run because of that, or
    the Tasks of the list."""
    tasks: TaskNames = ()
    """tasks are those that scope Tasks is about."""
    include: RerunInclude = RerunInclude.DOWNSTREAM
    """include says what runs again beside those: all Downstream of them, all Upstream of them, Both,
    or None. What has not come to an end, or could not because of what runs again, runs in any
    case."""
    revision: RerunRevision = RerunRevision.SAME
    """revision is what the run goes by from then on: the Same as before, or the DAG's Newest."""
    dry_run: Switch = False
    """dryRun lets nothing run again: the condition RerunPending says what would."""

    rules: ClassVar = (
        Rule(
            "name tasks if scope is Tasks, and only then",
            cel="(self.scope == 'Tasks') == (has(self.tasks) && size(self.tasks) > 0)",
            holds=lambda rerun: (rerun.scope == RerunScope.TASKS) == bool(rerun.tasks),
            field="tasks",
        ),
    )


class RunMark(Spec):
    """What a person says has become of a run."""

    id: WishID
    """id tells this mark from earlier ones: each is set once."""
    state: Literal[Verdict.SUCCEEDED, Verdict.FAILED]
    """state is Succeeded or Failed."""
    by: UserName | None = None
    """by is the user name of who says so; the cluster holds it against who writes it."""
    comment: Comment | None = None
    """comment is why."""


class TaskMark(Spec):
    """What a person says has become of a task; what depends on it follows."""

    task: Word
    """task that is marked."""
    id: WishID
    """id tells this mark from earlier ones of the task: each is set once."""
    state: Verdict
    """state is Succeeded, Failed or Skipped."""
    by: UserName | None = None
    """by is the user name of who says so; the cluster holds it against who writes it."""
    comment: Comment | None = None
    """comment is why."""


class MarkStatus(Status):
    """The last mark that was set."""

    id: Word
    """id of the mark."""
    state: Verdict
    """state that it set."""
    by: UserName | None = None
    """by is who set it."""
    comment: Comment | None = None
    """comment is why."""
    mark_time: Time | None = None
    """markTime is when it was set."""
