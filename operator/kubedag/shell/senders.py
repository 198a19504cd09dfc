"""Hands news over: one request to a web server, or one e-mail, with nothing of the answer told on.

A server's answer may hold what is no business of who can read a DAGRun, so only its code is told.
Redirections are not followed: they would lead from an address that somebody has vouched for to
another one.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
import orjson

from kubedag import __version__
from kubedag.core import letters, words

if TYPE_CHECKING:
    from collections.abc import Mapping

SEND_SECONDS_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 16
SCHEMES: Final = ("http", "https")
PORTS: Final = {"StartTLS": 587, "TLS": 465, "None": 25}
_TRY_LATER: Final = frozenset({408, 425, 429})


class Undeliverable(Exception):  # noqa: N818  # a state of affairs, not a fault
    """News could not be handed over; a final one would not be taken the next time either."""

    def __init__(
        self, reason: str, message: str, *, final: bool = False, pause_seconds: int = 0
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.final = final
        self.pause_seconds = pause_seconds


@dataclass(frozen=True, slots=True)
class Web:
    """A web server that is told by POST."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    template: str = ""
    is_slack: bool = False

    @property
    def key(self) -> str:
        """Which receiver it is, without what is secret about that."""
        return f"web/{sha256(self.url.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Mail:
    """People who are told by e-mail, and the server that takes it."""

    to: tuple[str, ...]
    host: str
    sender: str = ""
    port: int = 0
    security: str = "StartTLS"
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def key(self) -> str:
        """Which receiver it is."""
        return f"mail/{self.host}/{','.join(self.to)}"


Target = Web | Mail


class Senders:
    """Sends; holds the connections that may be used again."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, target: Target, letter: letters.Letter) -> None:
        """Hand over one letter within `SEND_SECONDS_MAX`; raises `Undeliverable`."""
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                if isinstance(target, Web):
                    await self._post(target, letter)
                else:
                    await self._mail(target, letter)
        except TimeoutError as error:
            said = f"no answer within {SEND_SECONDS_MAX:g} s"
            raise Undeliverable("ReceiverTimedOut", said) from error

    async def close(self) -> None:
        """Drop the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, target: Web, letter: letters.Letter) -> None:
        check_url(target.url)
        body, kind = _body(target, letter)
        headers = {
            "User-Agent": f"kubedag/{__version__}",
            "Content-Type": kind,
            "Idempotency-Key": sha256(letter.id.encode()).hexdigest(),
            **target.headers,
        }
        try:
            async with self._sessions().post(
                target.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                _judge(answer.status, answer.headers.get("Retry-After", ""))
        except aiohttp.InvalidURL as error:
            raise _no_address() from error
        except (aiohttp.ClientError, OSError) as error:
            raise Undeliverable("ReceiverUnreachable", _no_connection(error)) from error
        except ValueError as error:
            raise not_sendable(error) from error

    def _sessions(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=self._tls or True)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def _mail(self, target: Mail, letter: letters.Letter) -> None:
        try:
            message = email(target, letter)
        except (ValueError, MessageError) as error:
            said = "to and from must be addresses: name@host"
            raise Undeliverable("AddressInvalid", said, final=True) from error
        try:
            await aiosmtplib.send(
                message,
                hostname=target.host,
                port=target.port or PORTS[target.security],
                username=target.username or None,
                password=target.password or None,
                use_tls=target.security == "TLS",
                start_tls=target.security == "StartTLS",
                tls_context=self._tls,
                timeout=SEND_SECONDS_MAX,
            )
        except aiosmtplib.SMTPTimeoutError as error:
            raise TimeoutError from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            final = all(one.code >= 500 for one in error.recipients)
            codes = ", ".join(sorted({str(one.code) for one in error.recipients}))
            raise _refused(f"it takes none of the addresses: {codes}", final=final) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(f"it answered {error.code}", final=error.code >= 500) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _not_mailed(error) from error
        except ValueError as error:
            raise not_sendable(error) from error


def check_url(url: str) -> None:
    """Is it one that may be asked at all? A URL of a Secret has been seen by nobody before."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(sign <= " " or sign == "\x7f" for sign in url):
        raise _no_address()


def _no_address() -> Undeliverable:
    return Undeliverable("AddressInvalid", "must be a URL with http:// or https://", final=True)


def not_sendable(error: Exception) -> Undeliverable:
    """What would fail in the same way each time, without the words of it, which may be secret."""
    said = f"it cannot be sent ({type(error).__name__})"
    return Undeliverable("NotSendable", said, final=True)


def _body(target: Web, letter: letters.Letter) -> tuple[bytes, str]:
    if target.is_slack:
        return orjson.dumps(letters.slack(letter)), "application/json"
    try:
        return letters.body(letter, target.template)
    except ValueError as error:
        raise not_sendable(error) from error


def email(target: Mail, letter: letters.Letter) -> EmailMessage:
    """The e-mail; its headers take no line breaks, and who quotes a log cannot add any."""
    message = EmailMessage()
    message["Subject"] = words.one_line(f"[kubedag] {letter.summary}", letters.SUMMARY_CHARS_MAX)
    message["From"] = Address("kubedag", addr_spec=target.sender or _own_address(target.host))
    message["To"] = [Address(addr_spec=one) for one in target.to]
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{sha256(letter.id.encode()).hexdigest()[:40]}@kubedag>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letters.text(letter)[: letters.BODY_BYTES_MAX], cte="base64")
    return message


def _own_address(host: str) -> str:
    """Of a host that has no name, as RFC 5321 (4.1.3) writes it."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"kubedag@{host.rstrip('.')}"
    return f"kubedag@[{'IPv6:' if address.version == 6 else ''}{address}]"


def _judge(code: int, retry_after: str) -> None:
    if 200 <= code < 300:
        return
    if code >= 500 or code in _TRY_LATER:
        pause = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0
        said = f"it answered {code}"
        raise Undeliverable("ReceiverBusy", said, pause_seconds=min(pause, 86_400))
    if 300 <= code < 400:
        raise _refused(f"it answered {code}, a redirection, which is not followed", final=True)
    raise _refused(f"it answered {code}", final=True)


def _refused(message: str, *, final: bool) -> Undeliverable:
    reason = "ReceiverRefused" if final else "ReceiverBusy"
    return Undeliverable(reason, message, final=final)


_NOT_OFFERED: Final = {
    "SMTP STARTTLS extension": (
        "EncryptionNotOffered",
        (
            "the mail server offers no STARTTLS: security must be TLS if it speaks TLS from the first"
            " byte on, as most do on port 465, or None to send without encryption"
        ),
    ),
    "SMTP AUTH extension": (
        "LoginNotOffered",
        (
            "the mail server offers no login over this connection: leave out username, or let security"
            " be StartTLS or TLS"
        ),
    ),
}
"""What the library says in words alone."""


def _not_mailed(error: Exception) -> Undeliverable:
    for words_of_it, told in _NOT_OFFERED.items():
        if words_of_it in str(error):
            return Undeliverable(*told)
    return Undeliverable("ReceiverUnreachable", _no_connection(error))


def _no_connection(error: Exception) -> str:
    """What kind of trouble it was; the words of the error may hold the address, token and all."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not good"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "no TLS connection"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "there is no host of that name"
    return f"no connection ({type(error).__name__})"
