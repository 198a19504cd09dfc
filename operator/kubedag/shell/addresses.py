"""Where a notification goes: with what it keeps in Secrets, each read only when it is needed.

The operator reads a Secret if a notification names it and somebody has granted the operator the right
to get that one; the chart grants it none. What is read is kept nowhere.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api.enums import MailSecurity
from kubedag.shell import client, replies, senders, wire
from kubedag.shell.errors import ApiError, ClusterError
from kubedag.shell.senders import Undeliverable

if TYPE_CHECKING:
    from kubedag.api import notification as api
    from kubedag.core.audience import Notice
    from kubedag.shell.receivers import Receivers

VALUE_BYTES_MAX: Final = 8 * 1024
_ACCOUNT: Final = re.compile(
    r'User "(system:serviceaccount:[-a-z0-9]{1,63}:[-.a-z0-9]{1,253})"', re.ASCII
)


class _Secret(msgspec.Struct, frozen=True):
    data: dict[str, str] | None = None


_secret: Final = wire.decoder(_Secret)


class Addresses:
    """Looks up where notifications go."""

    def __init__(self, request: client.Api, receivers: Receivers) -> None:
        self._api = request
        self._receivers = receivers

    async def of(self, notice: Notice, namespace: str) -> senders.Target:
        """Where it goes, of a DAG in a namespace; raises `Undeliverable`."""
        book = self._receivers.book()
        if notice.receiver or notice.target is None:
            return book.target(notice.receiver, namespace)
        if book.only_receivers:
            said = "DAGs may name only receivers that the operator's administrator has set up"
            raise Undeliverable("ReceiverForbidden", said, final=True)
        if notice.target.webhook is not None:
            return await self._web(notice.target.webhook, namespace)
        if notice.target.slack is not None:
            url = await self.secret(notice.target.slack.url_from, namespace)
            return senders.Web(url, is_slack=True)
        assert notice.target.email is not None
        return await self._mail(notice.target.email, namespace)

    async def _web(self, hook: api.Webhook, namespace: str) -> senders.Web:
        url = hook.url or ""
        if hook.url_from is not None:
            url = await self.secret(hook.url_from, namespace)
        headers = {}
        for one in hook.headers:
            secret = one.value_from
            headers[one.name] = (
                (one.value or "") if secret is None else await self.secret(secret, namespace)
            )
        return senders.Web(url, headers, hook.template or "")

    async def _mail(self, email: api.Email, namespace: str) -> senders.Mail:
        server, password = email.server, ""
        if server.password_from is not None:
            password = await self.secret(server.password_from, namespace)
        return senders.Mail(
            to=email.to,
            host=server.host,
            sender=email.from_ or "",
            port=server.port or 0,
            security=str(server.security or MailSecurity.START_TLS),
            username=server.username or "",
            password=password,
        )

    async def secret(self, source: api.ValueSource, namespace: str) -> str:
        """The value of a key of a Secret, a single line; raises `Undeliverable`."""
        ref = source.secret_key_ref
        path = client.SECRETS.path(namespace, ref.name)
        try:
            found = await replies.ask(self._api, _secret, "GET", path)
        except ApiError as error:
            raise unreadable(ref.name, error) from None
        except ClusterError as error:
            said = f"Secret {ref.name!r}: the API server did not answer"
            raise Undeliverable("SecretUnreadable", said) from error
        value = _decoded((found.data or {}).get(ref.key))
        if value is None:
            said = f"Secret {ref.name!r} has no key {ref.key!r} with a line of text"
            raise Undeliverable("SecretKeyNotFound", said)
        return value


def unreadable(name: str, error: ApiError) -> Undeliverable:
    """Why a Secret could not be read, and who would have to be let read it."""
    if error.not_found:
        return Undeliverable("SecretNotFound", f"there is no Secret {name!r}")
    if error.status == 403:
        account = _ACCOUNT.search(error.message)  # who has to be granted it, as the answer says
        said = f"the operator may not get Secret {name!r}"
        return Undeliverable("SecretForbidden", f"{said} as {account[1]}" if account else said)
    said = f"Secret {name!r}: the API server answered {error.status}"
    return Undeliverable("SecretUnreadable", said)


def _decoded(data: object) -> str | None:
    if not isinstance(data, str) or len(data) > 2 * VALUE_BYTES_MAX:
        return None
    try:
        value = base64.b64decode(data, validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return None
    printable = all(" " <= sign != "\x7f" for sign in value)
    return value if value and printable else None
