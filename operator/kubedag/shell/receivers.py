"""The receivers that the operator's administrator has set up, from a file that a Secret is mounted as.

The file may change while the operator runs: it is read again when it has, and one that cannot be read
leaves the receivers as they were, and is told in the log.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import yaml
from pydantic import Field

from kubedag.api import notification as api
from kubedag.api import parse
from kubedag.api.common import DNSLabel, Spec, Switch
from kubedag.api.enums import MailSecurity, NotificationEvent
from kubedag.api.lists import atomic_list, map_list
from kubedag.api.rules import Rule, Ruled
from kubedag.core.audience import Notice
from kubedag.shell import senders

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger(__name__)

BYTES_MAX: Final = 1 << 20
LOOK_AGAIN_SECONDS: Final = 10.0
PROBLEMS_TOLD_MAX: Final = 5

Namespaces = Annotated[tuple[DNSLabel, ...], *atomic_list(most=1000)]


class SetUpHeader(Spec):
    """A header, as the administrator says it."""

    name: api.HeaderName
    value: api.OneLine


class SetUpWebhook(Spec):
    """A web server."""

    url: api.URL
    headers: Annotated[tuple[SetUpHeader, ...], *map_list("name", most=20)] = ()
    template: api.Template_ | None = None


class SetUpSlack(Spec):
    """A channel."""

    url: api.URL


class SetUpServer(Spec):
    """A mail server."""

    host: api.Host
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    security: MailSecurity | None = None
    username: api.OneLine = ""
    password: api.OneLine = ""


class SetUpEmail(Spec):
    """Who is told by e-mail."""

    to: Annotated[tuple[api.Mailbox, ...], *atomic_list(least=1, most=20)]
    from_: Annotated[api.Mailbox | None, Field(alias="from")] = None
    server: SetUpServer


class Receiver(Ruled, Spec):
    """A receiver that DAGs can name."""

    name: DNSLabel
    namespaces: Namespaces = ()
    """Those that it is for; without any, all."""
    webhook: SetUpWebhook | None = None
    slack: SetUpSlack | None = None
    email: SetUpEmail | None = None

    rules: ClassVar = (
        Rule(
            "have exactly one of webhook, slack and email",
            holds=lambda one: (
                sum(way is not None for way in (one.webhook, one.slack, one.email)) == 1
            ),
        ),
    )


class Default(Spec):
    """A receiver that is told of all DAGs, or of those of some namespaces."""

    receiver: DNSLabel
    events: Annotated[tuple[NotificationEvent, ...], *atomic_list(least=1, most=10)]
    namespaces: Namespaces = ()


class Book(Spec):
    """The whole file."""

    receivers: Annotated[tuple[Receiver, ...], *map_list("name", most=200)] = ()
    defaults: Annotated[tuple[Default, ...], *atomic_list(most=200)] = ()
    only_receivers: Switch = False
    """DAGs may name these receivers, and no addresses of their own."""

    def notices(self, namespace: str) -> tuple[Notice, ...]:
        """Who is told of all DAGs of a namespace."""
        found: dict[str, frozenset[str]] = {}
        for one in self.defaults:
            if not one.namespaces or namespace in one.namespaces:
                known = found.get(one.receiver, frozenset())
                found[one.receiver] = known | frozenset(map(str, one.events))
        return tuple(
            Notice(f"operator:{name}", on, receiver=name) for name, on in sorted(found.items())
        )

    def target(self, name: str, namespace: str) -> senders.Target:
        """The receiver of a name, for a DAG of a namespace; raises `Undeliverable`."""
        for one in self.receivers:
            if one.name == name:
                if one.namespaces and namespace not in one.namespaces:
                    said = f"receiver {name!r} is not for namespace {namespace!r}"
                    raise senders.Undeliverable("ReceiverForbidden", said, final=True)
                return _target(one)
        said = f"there is no receiver {name!r}"
        raise senders.Undeliverable("ReceiverNotFound", said)


def _target(one: Receiver) -> senders.Target:
    if one.webhook is not None:
        headers = {header.name: header.value for header in one.webhook.headers}
        return senders.Web(one.webhook.url, headers, one.webhook.template or "")
    if one.slack is not None:
        return senders.Web(one.slack.url, is_slack=True)
    assert one.email is not None
    server = one.email.server
    return senders.Mail(
        to=one.email.to,
        host=server.host,
        sender=one.email.from_ or "",
        port=server.port or 0,
        security=str(server.security or MailSecurity.START_TLS),
        username=server.username,
        password=server.password,
    )


class Receivers:
    """The file as it is, or was when it could last be read."""

    def __init__(self, path: str = "", now: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path) if path else None
        self._now = now
        self._looked_at: float | None = None
        self._stamp: tuple[int, int] | None = None
        self._told = ""
        self._book = Book()

    def book(self) -> Book:
        """What is in the file; looks for changes every `LOOK_AGAIN_SECONDS`."""
        if self._path is None:
            return self._book
        now = self._now()
        if self._looked_at is None or now - self._looked_at >= LOOK_AGAIN_SECONDS:
            self._looked_at = now
            self._look(self._path)
        return self._book

    def notices(self, namespace: str) -> tuple[Notice, ...]:
        """Who is told of all DAGs of a namespace."""
        return self.book().notices(namespace)

    def _look(self, path: Path) -> None:
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp == self._stamp:
                return
            data = path.read_bytes()
            self._stamp, self._told = stamp, ""  # only now: what cannot be read is tried again
            self._book = read(data)
        except FileNotFoundError:
            self._stamp = None
            self._tell_once(logging.WARNING, f"There is no file of receivers at {path}")
        except (OSError, ValueError) as error:
            self._tell_once(logging.ERROR, f"Receivers of {path} left as they were: {error}")
        else:
            log.info("%d receivers set up", len(self._book.receivers))

    def _tell_once(self, level: int, message: str) -> None:
        """The same trouble of each look is told when it begins."""
        if message != self._told:
            self._told = message
            log.log(level, "%s", message)


def read(data: bytes) -> Book:
    """The receivers that a file says. Raises `ValueError`, whose message holds nothing secret."""
    if len(data) > BYTES_MAX:
        raise ValueError(f"must be at most {BYTES_MAX} bytes")
    try:
        given = yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", see line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"must be YAML{where}") from None
    found = parse.parse(Book, given or {})
    if isinstance(found, tuple):
        raise ValueError("; ".join(map(str, found[:PROBLEMS_TOLD_MAX])))  # noqa: TRY004  # its value
    return found
