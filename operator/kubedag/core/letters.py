"""What people are told of a run, in the forms that they can be told it: chat, JSON, e-mail.

Everything here is bounded, and what comes from programs is never read as markup: a log may hold
whatever somebody has put into the data that a task was given.
"""

from __future__ import annotations

import re
from string import Template
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from kubedag.api import notification
from kubedag.api.enums import NotificationEvent as Event
from kubedag.core import rows, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedag.core import backfill_facts
    from kubedag.core import snapshot as snapshots

VERSION: Final = "kubedag.dev/v1alpha1"
SUMMARY_CHARS_MAX: Final = 200
SECTION_CHARS_MAX: Final = 2900
"""Slack takes 3000 in a section."""
BODY_BYTES_MAX: Final = 64 * 1024
NAMED_IN_DIGEST_MAX: Final = 20
_INVISIBLE: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Letter(NamedTuple):
    """News of a run; empty texts are what there is nothing to say of."""

    id: str
    """The same whenever the same news is sent again."""
    event: str
    namespace: str
    dag: str
    run: str
    run_type: str = ""
    logical_time: str = ""
    interval_start: str = ""
    interval_end: str = ""
    task: str = ""
    attempt: int = 0
    failure_class: str = ""
    reason: str = ""
    message: str = ""
    log_tail: str = ""
    more: int = 0
    """Of how many further tasks it tells."""
    time: str = ""
    together: int = 1
    """Of how many letters it takes the place."""
    backfill: str = ""
    """The Backfill that it is about, and no run."""

    @property
    def look(self) -> str:
        """The command that shows what it is about."""
        if self.backfill:
            return f"kubectl -n {self.namespace} describe backfill {self.backfill}"
        return f"kubectl -n {self.namespace} describe dagrun {self.run}"

    @property
    def rerun(self) -> str:
        """The command that has run again what failed."""
        if self.backfill:
            return ""
        return f"kubedag rerun {self.run} -n {self.namespace}"

    @property
    def summary(self) -> str:
        """One line."""
        names = f"run {self.run}", f"Backfill {self.backfill}"
        said = _said(self.event, names, self.task, self.reason, self.more)
        begin = f"{self.together} pieces of news, first " if self.together > 1 else ""
        return words.one_line(f"{begin}DAG {self.dag}: {said}", SUMMARY_CHARS_MAX)


_SAYS: Final[Mapping[str, str]] = {
    Event.RUN_FAILED: "{run} failed ({reason})",
    Event.RUN_RECOVERED: "{run} succeeded again",
    Event.RUN_SUCCEEDED: "{run} succeeded",
    Event.TASK_FAILED: "task {task} of {run} failed ({reason})",
    Event.RUN_LATE: "{run} is late",
    Event.BACKFILL_DONE: "{backfill} is over ({reason})",
    Event.APPROVAL_WANTED: "task {task} of {run} asks for approval",
}
_FAILURES: Final = frozenset({Event.RUN_FAILED, Event.TASK_FAILED})


def _said(event: str, names: tuple[str, str], task: str, reason: str, more: int) -> str:
    run, backfill = names
    said = _SAYS[event].format(run=run, backfill=backfill, task=task, reason=reason)
    return said + (f" (and {more} more tasks)" if more else "")


def happened(one: rows.Notification) -> str:
    """What an entry of the outbox is about, for who knows whose outbox it is."""
    return _said(one.event, ("the run", "the Backfill"), one.task, one.cause, one.more)


def of(one: rows.Notification, run: snapshots.RunFacts) -> Letter:
    """What an entry of the outbox says."""
    return Letter(
        id=f"{run.uid}/{one.name}/{one.key}",
        event=one.event,
        namespace=run.namespace,
        dag=run.dag_name,
        run=run.name,
        run_type=run.run_type,
        logical_time=run.logical_time or "",
        interval_start=run.interval_start or "",
        interval_end=run.interval_end or "",
        task=one.task,
        attempt=one.attempt,
        failure_class=one.failure_class,
        reason=one.cause,
        message=one.message,
        log_tail=one.log_tail,
        more=one.more,
        time=one.create_time,
    )


def of_backfill(one: rows.Notification, wish: backfill_facts.Wish) -> Letter:
    """What an entry of the outbox of a Backfill says."""
    return Letter(
        id=f"{wish.uid}/{one.name}/{one.key}",
        event=one.event,
        namespace=wish.namespace,
        dag=wish.dag_name,
        run="",
        run_type="Backfill",
        interval_start=wish.start_time,
        interval_end=wish.end_time,
        reason=one.cause,
        message=one.message,
        time=one.create_time,
        backfill=wish.name,
    )


# --- Text ------------------------------------------------------------------------------------


def lines(letter: Letter) -> list[str]:
    """What there is to say, one fact a line, without the log."""
    interval = f"{letter.interval_start} to {letter.interval_end}" if letter.interval_end else ""
    facts = (
        ("Namespace", letter.namespace),
        ("Interval", interval),
        ("Task", f"{letter.task} (attempt {letter.attempt})" if letter.task else ""),
        ("Class", letter.failure_class),
        ("Reason", letter.reason),
        ("Message", letter.message),
    )
    return [f"{name}: {words.one_line(value)}" for name, value in facts if value]


def commands(letter: Letter) -> list[str]:
    """What to type: to look, and where something failed to have it run again."""
    return [letter.look, letter.rerun] if letter.event in _FAILURES else [letter.look]


def text(letter: Letter) -> str:
    """The whole of it as plain text, for an e-mail."""
    parts = [letter.summary, "", *lines(letter)]
    if letter.log_tail:
        parts += ["", "The log ends with:", "", *_indented(letter.log_tail)]
    parts += ["", "To look, and to go on:", "", *_indented("\n".join(commands(letter)))]
    return "\n".join(parts) + "\n"


def _indented(block: str) -> list[str]:
    return [f"    {line}" for line in _printable(block)]


def _printable(block: str) -> list[str]:
    """The lines of a log without what only a terminal understands."""
    return _INVISIBLE.sub("", block).splitlines()


def digest(letters: Sequence[Letter]) -> Letter:
    """Many in one, for who would be told more than is good."""
    first, count = letters[0], len(letters)
    told = [one.summary for one in letters[:NAMED_IN_DIGEST_MAX]]
    more = f" … and {count - len(told)} more" if count > len(told) else ""
    message = rows.clip("; ".join(told), rows.MESSAGE_CHARS_MAX - 50)
    return first._replace(message=f"{message}{more}", together=count, log_tail="")


# --- JSON ------------------------------------------------------------------------------------


def payload(letter: Letter) -> dict[str, Any]:
    """What a webhook is sent; docs/notifications.md has it."""
    interval = {"startTime": letter.interval_start, "endTime": letter.interval_end}
    return {
        "apiVersion": VERSION,
        "kind": "Notification",
        "id": letter.id,
        "event": letter.event,
        "time": letter.time,
        "summary": letter.summary,
        "namespace": letter.namespace,
        "dag": letter.dag,
        "run": letter.run or None,
        "backfill": letter.backfill or None,
        "runType": letter.run_type,
        "logicalTime": letter.logical_time or None,
        "dataInterval": interval if letter.interval_end else None,
        "task": letter.task or None,
        "attempt": letter.attempt or None,
        "class": letter.failure_class or None,
        "reason": letter.reason,
        "message": letter.message,
        "logTail": letter.log_tail or None,
        "more": letter.more,
        "together": letter.together,
        "commands": {"look": letter.look, "rerun": letter.rerun or None},
    }


def slack(letter: Letter) -> dict[str, Any]:
    """What an incoming webhook of Slack, and of what is like it, takes."""
    blocks = [
        _section(f"*{_escaped(letter.summary)}*"),
        _section("\n".join(lines(letter)), kind="plain_text"),
        *([_section(_fenced(letter.log_tail))] if letter.log_tail else []),
        _section(_fenced("\n".join(commands(letter)))),
    ]
    return {"text": _escaped(letter.summary), "blocks": blocks}


def _section(shown: str, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": "section", "text": {"type": kind, "text": rows.clip(shown, SECTION_CHARS_MAX)}}


def _fenced(block: str) -> str:
    """The last lines as they are; the fence is closed whatever they hold, however long they are."""
    shown = "\n".join(_printable(block)).replace("```", "'''")
    while len(_escaped(shown)) > SECTION_CHARS_MAX - 2 * len("```"):
        shown = shown[len(shown) // 10 + 1 :]
    return f"```{_escaped(shown)}```"


def _escaped(shown: str) -> str:
    """What Slack would read as a link, or as somebody to be called, is shown as it is."""
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- Templates -------------------------------------------------------------------------------


def values(letter: Letter) -> dict[str, str]:
    """What the placeholders of a template stand for."""
    return {
        "attempt": str(letter.attempt or ""),
        "backfill": letter.backfill,
        "class": letter.failure_class,
        "dag": letter.dag,
        "event": letter.event,
        "id": letter.id,
        "interval_end": letter.interval_end,
        "interval_start": letter.interval_start,
        "log_tail": letter.log_tail,
        "logical_time": letter.logical_time,
        "look": letter.look,
        "message": letter.message,
        "namespace": letter.namespace,
        "reason": letter.reason,
        "rerun": letter.rerun,
        "run": letter.run,
        "run_type": letter.run_type,
        "summary": letter.summary,
        "task": letter.task,
        "time": letter.time,
    }


def body(letter: Letter, template: str = "") -> tuple[bytes, str]:
    """What a webhook is sent, and of what type that is."""
    if not template:
        return orjson.dumps(payload(letter)), "application/json"
    known = values(letter)
    if template.lstrip()[:1] in ("{", "["):
        filled = _filled(notification.read_template(template), known, 0)
        return orjson.dumps(filled), "application/json"
    shown = Template(template).safe_substitute(known)
    return shown.encode()[:BODY_BYTES_MAX], "text/plain; charset=utf-8"


def _filled(value: Any, known: Mapping[str, str], depth: int) -> Any:
    """Each text by itself: no value can break out of the one that it stands in."""
    if isinstance(value, str):
        return Template(value).safe_substitute(known)[:BODY_BYTES_MAX]
    assert depth <= notification.DEPTH_MAX  # the API takes no deeper template
    if isinstance(value, list):
        return [_filled(one, known, depth + 1) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, known, depth + 1) for key, one in value.items()}
    return value
