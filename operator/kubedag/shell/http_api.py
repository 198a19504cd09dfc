"""An `Api` over the network: many small requests on few connections, and no surprises.

A write is never repeated unless the API server said that it did nothing (429, 401). Whoever asked for
it knows what a repetition means; a client does not. Renewing credentials leaves open watches alone.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from kubedag import __version__
from kubedag.shell import client
from kubedag.shell.errors import ApiError, NotLeader, Unreachable, api_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from kubedag.shell.credentials import Credentials

CONNECTIONS_MAX: Final = 64
CONNECT_SECONDS_MAX: Final = 10.0
KEEP_ALIVE_SECONDS: Final = 30.0
THROTTLED_TRIES_MAX: Final = 5
THROTTLED_SECONDS_MAX: Final = 30.0
THROTTLED_SECONDS_DEFAULT: Final = 1.0
TLS_GOODBYE_SECONDS: Final = 0.25
"""What aiohttp's documentation says to wait, so that TLS connections can say good-bye."""
WATCH_LINE_BYTES_MAX: Final = 32 << 20
WATCH_BUFFER_BYTES: Final = 256 << 10  # bounds how long one burst can hold the loop
EDGE_BYTES: Final = 64
NO_ANSWER: Final = 0

_HEADERS: Final = {
    "Accept": client.JSON,
    "Accept-Encoding": "identity",  # unpacking a list costs more than a cluster's network
    "User-Agent": f"kubedag/{__version__}",
}


@dataclass(slots=True)
class Stats:
    """What was asked, for metrics and benchmarks; the code 0 stands for no answer."""

    requests: dict[tuple[str, str, int], int] = field(default_factory=dict)
    throttled: int = 0
    throttled_seconds: float = 0.0
    unauthorized: int = 0
    gated: int = 0

    def count(self, method: str, path: str, *, watch: bool, code: int) -> None:
        """One more request by verb, resource and code."""
        key = (*verb_and_resource(method, path, watch=watch), code)
        self.requests[key] = self.requests.get(key, 0) + 1

    def total(self, *verbs: str) -> int:
        """Requests of these verbs, or of all."""
        return sum(n for (verb, _, _), n in self.requests.items() if not verbs or verb in verbs)


_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def verb_and_resource(method: str, path: str, *, watch: bool = False) -> tuple[str, str]:
    """What a request is called in Kubernetes' own metrics and in RBAC."""
    parts = path.split("/")
    rest = parts[4:] if parts[1] == "apis" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    if not rest:
        return "get", "other"
    resource = f"{rest[0]}/{rest[2]}" if len(rest) > 2 else rest[0]
    if method == "GET":
        verb = "watch" if watch else "get" if len(rest) > 1 else "list"
    else:
        verb = _VERBS.get(method, method.lower())
    return verb, resource


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    params: Mapping[str, str] | None
    body: bytes | None
    content_type: str
    timeout: aiohttp.ClientTimeout

    @property
    def mutating(self) -> bool:
        return self.method in client.MUTATING_METHODS

    @property
    def is_of_a_log(self) -> bool:
        """The one thing that an API server answers in plain text."""
        return verb_and_resource(self.method, self.path)[1] == "pods/log"


class HttpApi:
    """A `client.Api`; give the lease an instance of its own, so that no burst can delay it.

    `gate` is asked right before every mutating request is sent, repetitions included.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        gate: Callable[[], bool] = _always,
        connections_max: int = CONNECTIONS_MAX,
        chance: random.Random | None = None,
    ) -> None:
        self._credentials = credentials
        self._gate = gate
        self._connections_max = connections_max
        self._slots = asyncio.Semaphore(connections_max)
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, keeps no secret
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self.stats = Stats()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; watches end with an error."""
        opened = bool(self._sessions)
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()
        if opened:
            await asyncio.sleep(TLS_GOODBYE_SECONDS)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = client.JSON,
        timeout_seconds: float = 30,
    ) -> bytes:
        """The body of a 2xx answer; each try may take so long, once it has got a connection."""
        timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=min(timeout_seconds, CONNECT_SECONDS_MAX)
        )
        call = _Call(method, path, params, body, content_type, timeout)
        patience = _Patience(self._chance)
        refreshed = False
        while True:
            access = await self._credentials.access()
            try:
                return await self._try(call)
            except ApiError as error:
                if error.status == 401 and not refreshed:
                    refreshed = True
                    self.stats.unauthorized += 1
                    await self._credentials.refresh(access)
                    continue
                delay_seconds = patience.delay_seconds(error)
                if delay_seconds is None:
                    raise
            self.stats.throttled += 1
            self.stats.throttled_seconds += delay_seconds
            await asyncio.sleep(delay_seconds)

    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Lines of JSON until the server ends the stream; silence is for the caller to judge."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS_MAX)
        call = _Call("GET", path, {**params, "watch": "true"}, None, client.JSON, timeout)
        response = await self._open_watch(call)
        try:
            async for line in _lines(response):
                yield line
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_said(call, error), maybe_applied=False) from error
        finally:
            connection = response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()  # a stream has no good-bye worth waiting for
            response.close()

    async def _open_watch(self, call: _Call) -> aiohttp.ClientResponse:
        access = await self._credentials.access()
        try:
            return await self._answer(call, watch=True)
        except ApiError as error:
            if error.status != 401:
                raise
            self.stats.unauthorized += 1
            await self._credentials.refresh(access)
            return await self._answer(call, watch=True)

    async def _try(self, call: _Call) -> bytes:
        """Send once; the gate is asked last, when nothing is left to wait for."""
        await self._acquire(call)
        try:
            if call.mutating and not self._gate():
                self.stats.gated += 1
                raise NotLeader(f"{call.method} {call.path} not sent: another may be leading")
            return await self._send(call)
        finally:
            self._slots.release()

    async def _acquire(self, call: _Call) -> None:
        """Wait for one of the connections, as long as the request itself may take."""
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(call.timeout.total):
                await self._slots.acquire()
        except TimeoutError as error:
            message = (
                f"{call.method} {call.path}: all {self._connections_max} connections are busy"
            )
            raise Unreachable(message, maybe_applied=False) from error

    async def _send(self, call: _Call) -> bytes:
        response = await self._answer(call, watch=False)
        try:
            body = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_said(call, error), maybe_applied=call.mutating) from error
        finally:
            response.release()
        if not (_is_object(body) or call.is_of_a_log):
            said = f"{call.method} {call.path}: the answer is no JSON object, but "
            raise Unreachable(said + response.content_type, maybe_applied=call.mutating)
        return body

    async def _answer(self, call: _Call, *, watch: bool) -> aiohttp.ClientResponse:
        """A response with a 2xx status, its body not yet read."""
        try:
            response = await self._start(call, watch=watch)
            if response.status < 300:
                self.stats.count(call.method, call.path, watch=watch, code=response.status)
                return response
            async with response:
                body = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self.stats.count(call.method, call.path, watch=watch, code=NO_ANSWER)
            raise Unreachable(_said(call, error), maybe_applied=False) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.stats.count(call.method, call.path, watch=watch, code=NO_ANSWER)
            raise Unreachable(_said(call, error), maybe_applied=call.mutating) from error
        self.stats.count(call.method, call.path, watch=watch, code=response.status)
        raise api_error(response.status, body, response.headers)

    async def _start(self, call: _Call, *, watch: bool) -> aiohttp.ClientResponse:
        access = await self._credentials.access()
        headers = {"Content-Type": call.content_type} if call.body is not None else {}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        if access.impersonate:
            headers["Impersonate-User"] = access.impersonate
        query = f"?{urlencode(call.params)}" if call.params else ""
        return await self._session(watch=watch).request(
            call.method,
            URL(f"{access.server}{call.path}{query}", encoded=True),
            data=call.body,
            headers=headers,
            timeout=call.timeout,
            allow_redirects=False,
            ssl=self._credentials.tls_context() or True,
            server_hostname=access.tls.server_name or None,
            proxy=access.proxy_url or None,
        )

    def _session(self, *, watch: bool) -> aiohttp.ClientSession:
        """Watches have connections of their own: they would never give back those of requests."""
        session = self._sessions.get(watch)
        if session is None:
            session = self._sessions[watch] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0 if watch else self._connections_max,
                    keepalive_timeout=KEEP_ALIVE_SECONDS,
                ),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=[_no_silent_repetition],
                read_bufsize=WATCH_BUFFER_BYTES,
            )
        return session


class _LostError(aiohttp.ClientError):
    """A connection ended between a write and its answer."""


async def _no_silent_repetition(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Aiohttp sends a PUT or DELETE again when its connection was lost; the first may have counted."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method in client.MUTATING_METHODS:
            raise _LostError(str(error)) from error
        raise


class _Patience:
    """How long to bear with an API server that says 429: a few tries, and not for ever."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._tries_left = THROTTLED_TRIES_MAX
        self._seconds_left = THROTTLED_SECONDS_MAX

    def delay_seconds(self, error: ApiError) -> float | None:
        """Seconds to wait before the next try, up to a quarter more than asked; None to give up."""
        if error.status != 429 or self._tries_left == 0:
            return None
        asked = error.retry_after_seconds
        seconds = THROTTLED_SECONDS_DEFAULT if asked is None else asked
        seconds *= 1 + 0.25 * self._chance.random()
        if seconds > self._seconds_left:
            return None
        self._tries_left -= 1
        self._seconds_left -= seconds
        return seconds


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Whole lines of a stream; an end without a newline is a cut line, and dropped."""
    rest = b""
    async for chunk in response.content.iter_any():
        first, *others = chunk.split(b"\n")
        rest += first
        for line in others:
            if rest:
                yield rest
            rest = line
        if len(rest) > WATCH_LINE_BYTES_MAX:
            raise aiohttp.ClientPayloadError(f"a line longer than {WATCH_LINE_BYTES_MAX} bytes")


def _is_object(body: bytes) -> bool:
    """Can it be an object in JSON? A proxy's page is none; the rest is for `replies` to read."""
    return body[:EDGE_BYTES].lstrip()[:1] == b"{" and body[-EDGE_BYTES:].rstrip()[-1:] == b"}"


def _said(call: _Call, error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        text = f"{error.host}:{error.port}: {error.certificate_error}"
    elif isinstance(error, aiohttp.ClientConnectorError):
        text = f"{error.host}:{error.port}: {error.os_error}"
    return f"{call.method} {call.path}: {text}"
