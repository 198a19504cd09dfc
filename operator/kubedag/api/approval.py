"""A task that asks a person: what it asks, what is answered, and what is recorded of that."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from kubedag.api.common import Amount, Seconds, ShortMessage, Spec, Status, Time, Word
from kubedag.api.enums import Decision, OnDeadline

UserName = Annotated[str, StringConstraints(max_length=256)]
Comment = Annotated[str, StringConstraints(max_length=1024)]


class Approval(Spec):
    """A question to a person. Who may answer is a matter of RBAC: the verb approve on the DAG."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    """message is what is asked; Markdown."""
    deadline_seconds: Seconds | None = None
    """deadlineSeconds is for how long it is asked; without one, without end."""
    on_deadline: OnDeadline | None = None
    """onDeadline says what becomes of the task then: Fail or Skip. Without one: Fail."""


class ApprovalAnswer(Spec):
    """What a person answers to a task that asks for approval."""

    task: Word
    """task that asks."""
    attempt: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    """attempt is which time of asking is answered: a task that runs again asks again."""
    decision: Decision
    """decision is Approved or Rejected."""
    by: UserName | None = None
    """by is the user name of who answers; the cluster holds it against who writes it."""
    comment: Comment | None = None
    """comment is why."""


class ApprovalStatus(Status):
    """What became of a question."""

    message: ShortMessage | None = None
    """message is what is asked."""
    due_time: Time | None = None
    """dueTime is until when it is asked."""
    decision: Decision | None = None
    """decision that was taken; none as long as it is asked, or if nobody answered in time."""
    by: UserName | None = None
    """by is who took it."""
    comment: Comment | None = None
    """comment is why."""
    decision_time: Time | None = None
    """decisionTime is when the decision was seen."""
    attempt: Amount | None = None
    """attempt is which time of asking this is about."""
