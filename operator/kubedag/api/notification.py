"""Who is told of what happens to the runs of a DAG, and what has become of that.

Addresses that are secret (most webhooks carry a token in their URL) are references to Secrets, so
that a DAG can be kept in Git and read by everybody who may read DAGs.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from string import Template
from typing import Annotated, Any, ClassVar, Final

import orjson
from pydantic import Field, StringConstraints

from kubedag.api.common import (
    Amount,
    DNSLabel,
    ObjectName,
    Reason,
    ShortMessage,
    Spec,
    Status,
    Time,
    Word,
)
from kubedag.api.enums import (
    FailureClass,
    MailSecurity,
    NotificationEvent,
    NotificationState,
)
from kubedag.api.lists import atomic_list, map_list
from kubedag.api.rules import Rule, Ruled, matching

NOTIFICATIONS_MAX: Final = 20
OUTBOX_MAX: Final = 50
DEPTH_MAX: Final = 20
"""How deep the JSON of a template may be."""

PLACEHOLDERS: Final = (
    "attempt", "backfill", "class", "dag", "event", "id", "interval_end", "interval_start", "log_tail",
    "logical_time", "look", "message", "namespace", "reason", "rerun", "run", "run_type",
    "summary", "task", "time",
)  # fmt: skip
"""What a template may name, with a `$` before it."""


def unknown_placeholders(template: str) -> tuple[str, ...]:
    """What a template names that there is not; `$` alone if one is none at all."""
    found = Template(template)
    if not found.is_valid():
        return ("$",)
    return tuple(sorted(set(found.get_identifiers()) - set(PLACEHOLDERS)))


def _is_template(template: str) -> bool:
    if unknown_placeholders(template):
        return False
    if template.lstrip()[:1] not in ("{", "["):
        return True
    try:
        return not _is_deep(read_template(template))
    except ValueError:
        return False


def read_template(template: str) -> Any:
    """The JSON of a template, by the one parser that judges it and that fills it in.

    Raises `ValueError`: what has NaN, or half a sign, could be read by others and not be sent.
    """
    return orjson.loads(template)


def _is_deep(value: Any) -> bool:
    open_ = [(value, 0)]
    while open_:
        one, depth = open_.pop()
        if depth > DEPTH_MAX:
            return True
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        open_ += [(part, depth + 1) for part in inner]
    return False


FRAMING_HEADERS: Final = ("connection", "content-length", "host", "transfer-encoding")
"""What says where a request ends and whom it is for: with another one, it could be two requests."""
URL = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2048),
    matching("^https?://[^/?#\\s]+", "begin with https:// or http://, and name a host"),
]
HeaderName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    matching("^[A-Za-z0-9][A-Za-z0-9_-]*$", "be the name of an HTTP header"),
    Rule(
        "be none of connection, content-length, host and transfer-encoding",
        cel=f"!(self.lowerAscii() in [{', '.join(map(repr, FRAMING_HEADERS))}])",
        holds=lambda name: name.lower() not in FRAMING_HEADERS,
    ),
]
OneLine = Annotated[
    str,
    StringConstraints(max_length=1024),
    matching("^[^\\x00-\\x1f\\x7f]*$", "be a single line, without control characters"),
]
_ATOM: Final = "[A-Za-z0-9!#$%&*+/=?^_`{|}~-]"
_NAME: Final = "[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*"
Mailbox = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254),
    matching(f"^{_ATOM}+([.]{_ATOM}+)*@{_NAME}$", "be an address: name@host"),
]


def _is_host(text: str) -> bool:
    if ":" not in text:
        return True
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


_A_HOST: Final = "be the name or the address of a host"
Host = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    matching(f"^({_NAME}[.]?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$", _A_HOST),
    Rule(_A_HOST, holds=_is_host),
]
Template_ = Annotated[
    str,
    StringConstraints(min_length=1, max_length=8 * 1024),
    Rule(
        "be a text or JSON that names, with a $ before it (a $ of its own is $$), nothing but "
        + ", ".join(PLACEHOLDERS),
        holds=_is_template,
    ),
]


class SecretKeyRef(Spec):
    """A key of a Secret in the namespace of the DAG."""

    name: ObjectName
    """name of the Secret."""
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """key in it."""


class ValueSource(Spec):
    """Where a value that is secret is read from, each time that it is needed."""

    secret_key_ref: SecretKeyRef
    """secretKeyRef names the Secret, and its key. The operator needs the right to get it."""


class Header(Ruled, Spec):
    """A header of an HTTP request."""

    name: HeaderName
    """name of the header."""
    value: OneLine | None = None
    """value of the header, if it is no secret."""
    value_from: ValueSource | None = None
    """valueFrom is where it is read from, if it is one."""

    rules: ClassVar = (
        Rule(
            "have either value or valueFrom",
            cel="has(self.value) != has(self.valueFrom)",
            holds=lambda header: (header.value is None) != (header.value_from is None),
        ),
    )


class Webhook(Ruled, Spec):
    """An HTTP server to which news is sent with POST."""

    url: URL | None = None
    """url of the server, if it is no secret."""
    url_from: ValueSource | None = None
    """urlFrom is where the URL is read from, if it is one."""
    headers: Annotated[tuple[Header, ...], *map_list("name", most=20)] = ()
    """headers are sent with each request."""
    template: Template_ | None = None
    """template is sent in place of the documented JSON. What begins with { or [ must be JSON: its
    texts are filled in one by one, so that no value can break out of them."""

    rules: ClassVar = (
        Rule(
            "have either url or urlFrom",
            cel="has(self.url) != has(self.urlFrom)",
            holds=lambda hook: (hook.url is None) != (hook.url_from is None),
        ),
    )


class Slack(Spec):
    """A channel of Slack, or of whatever takes the same messages, by its incoming webhook."""

    url_from: ValueSource
    """urlFrom is where the URL of the incoming webhook is read from."""


class MailServer(Spec):
    """A server that takes e-mail for others (SMTP)."""

    host: Host
    """host is its name or address."""
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    """port of the server. Without one: 587 with StartTLS, 465 with TLS, 25 with None."""
    security: MailSecurity | None = None
    """security is how the connection is protected. Without one: StartTLS."""
    username: OneLine | None = None
    """username to log in with, if the server asks for that."""
    password_from: ValueSource | None = None
    """passwordFrom is where the password is read from."""


class Email(Spec):
    """News by e-mail, in plain text."""

    to: Annotated[tuple[Mailbox, ...], *atomic_list(least=1, most=20)]
    """to are the addresses that it goes to."""
    from_: Annotated[Mailbox | None, Field(alias="from")] = None
    """from is the address that it comes from. Without one: kubedag@ and the host of the server, in
    brackets if that is an IP address."""
    server: MailServer
    """server that takes it."""


_WAYS: Final = ("receiver", "webhook", "slack", "email")


class Notification(Ruled, Spec):
    """Who is told of what."""

    name: DNSLabel
    """name of it, unique within the DAG."""
    # Not `on`: that is a boolean in the YAML 1.1 that kubectl reads, and would arrive as `true`.
    events: Annotated[tuple[NotificationEvent, ...], *atomic_list(least=1, most=10)]
    """events are what is told: RunFailed, RunRecovered, RunSucceeded, TaskFailed, RunLate,
    ApprovalWanted or BackfillDone."""
    receiver: DNSLabel | None = None
    """receiver is the name of one that the operator's administrator has set up."""
    webhook: Webhook | None = None
    """webhook is an HTTP server that is told."""
    slack: Slack | None = None
    """slack is a channel that is told."""
    email: Email | None = None
    """email is who is told by e-mail."""

    rules: ClassVar = (
        Rule(
            "have exactly one of receiver, webhook, slack and email",
            cel="["
            + ", ".join(f"has(self.{way})" for way in _WAYS)
            + "].filter(x, x).size() == 1",
            holds=lambda told: sum(getattr(told, way) is not None for way in _WAYS) == 1,
        ),
    )


Notifications = Annotated[tuple[Notification, ...], *map_list("name", most=NOTIFICATIONS_MAX)]


class NotificationStatus(Status):
    """Something that has happened to the run, and that somebody is to be told."""

    name: Annotated[str, StringConstraints(max_length=128)]
    """name of the notification of the DAG; operator: and the name of a receiver for one that the
    operator's administrator has set up for all."""
    event: NotificationEvent
    """event is what has happened."""
    key: Annotated[str, StringConstraints(max_length=256)]
    """key tells it from all others of the run: it is told once."""
    state: NotificationState
    """state is Pending until it is Delivered, or has Failed for good."""
    task: Word | None = None
    """task that it is about, if it is about one."""
    attempt: Amount | None = None
    """attempt of that task."""
    failure_class: Annotated[FailureClass | None, Field(alias="class")] = None
    """class says whose failure it was."""
    cause: Reason | None = None
    """cause is the reason that the task or the run had."""
    message: ShortMessage | None = None
    """message is what is told, until that is done."""
    log_tail: ShortMessage | None = None
    """logTail is the end of the log, until it has been told."""
    more: Amount | None = None
    """more is of how many further tasks it tells, too."""
    create_time: Time
    """createTime is when it happened."""
    attempts: Amount | None = None
    """attempts is how often it was tried to deliver it."""
    next_attempt_time: Time | None = None
    """nextAttemptTime is when it is tried again."""
    reason: Reason | None = None
    """reason is why the last try failed, in one CamelCase word. All are listed in
    docs/reference/reasons.md."""
    last_error: ShortMessage | None = None
    """lastError is a sentence about it."""
    deliver_time: Time | None = None
    """deliverTime is when it was delivered."""


NotificationRows = Annotated[tuple[NotificationStatus, ...], *atomic_list(most=OUTBOX_MAX)]
