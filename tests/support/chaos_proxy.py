"""A reverse proxy before a real API server, with the faults of a bad network; see `chaos_faults`.

It speaks HTTP/1.1 on both sides and forwards credentials as they are, so the operator behind it is
the one that users run. A fault is something a client of a real network can meet: an answer that the
API server never gave, a connection that is reset before or after a write took effect, a watch that
is late, repeats itself, loses a line or ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from yarl import URL

from support import chaos_faults as faults
from support.chaos_faults import Asked
from support.chaos_traffic import Traffic

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator

    from support.chaos_faults import Episode, Weather

BODY_BYTES_MAX: Final = 8 << 20
HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}
)
REASONS: Final = {
    faults.CONFLICT: "Conflict",
    faults.GONE: "Expired",
    faults.TOO_LARGE: "RequestEntityTooLarge",
    faults.INVALID: "Invalid",
    faults.THROTTLED: "TooManyRequests",
    faults.INTERNAL: "InternalError",
    faults.UNAVAILABLE: "ServiceUnavailable",
}
"""What a Status says, for the faults that are an answer; its code begins the fault's name."""
LINES_REMEMBERED: Final = 10


class _ResetError(Exception):
    """The client's connection is to be reset."""


class ChaosProxy:
    """Stands before the API server at `upstream`; a port that listens no more stays its own."""

    def __init__(
        self,
        upstream: str,
        weather: Weather,
        *,
        seed: int,
        port: int = 0,
        upstream_tls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._upstream = upstream
        self._upstream_tls = upstream_tls
        self._weather = weather
        self._tls = tls
        self._chance = random.Random(seed)
        self._dice = faults.Dice(self._chance)
        self._shy = False
        self._open_watches: set[asyncio.Timeout] = set()
        self._site: web.SockSite | None = None
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._episodes: list[asyncio.Task[None]] = []
        self.port = port
        self.traffic = Traffic()
        self.struck: Counter[str] = Counter(dict.fromkeys(weather.names(), 0))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; from now on episodes come and go."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._upstream_tls or True),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )
        await self._listen()
        loop = asyncio.get_running_loop()
        self._episodes = [loop.create_task(self._repeat(e)) for e in self._weather.episodes]

    async def stop(self) -> None:
        """Listen no more and end every connection. Raises what has gone wrong in here."""
        broken = [task for task in self._episodes if task.done()]
        for task in self._episodes:
            task.cancel()
        await asyncio.gather(*self._episodes, return_exceptions=True)
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()
        for task in broken:
            task.result()

    async def _listen(self) -> None:
        assert self._runner is not None
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._site = web.SockSite(self._runner, listener, ssl_context=self._tls)
        await self._site.start()

    async def _repeat(self, episode: Episode) -> None:
        await asyncio.sleep(self._chance.uniform(*episode.first_seconds))
        while True:
            self.struck[episode.name] += 1
            await self._have(episode)
            await asyncio.sleep(self._chance.uniform(*episode.every_seconds))

    async def _have(self, episode: Episode) -> None:
        if episode.name == faults.SHY:
            self._shy = True
            for scope in self._open_watches:
                scope.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(episode.lasts_seconds)
            self._shy = False
            return
        assert self._site is not None
        assert self._runner is not None
        assert self._runner.server is not None
        await self._site.stop()
        try:
            for connection in self._runner.server.connections:
                _reset(connection.transport)
            await asyncio.sleep(episode.lasts_seconds)
        finally:
            await self._listen()

    # --- Requests --------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except (_ResetError, aiohttp.ClientError):
            _reset(request.transport)
            return web.Response()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked, body = Asked.of(request), await request.read()
        self.traffic.note(asked, request.raw_path, body)
        fault = self._dice.roll(self._weather.requests, asked)
        if fault:
            self.struck[fault] += 1
        if fault in REASONS:
            return self._instead(fault, asked, request.raw_path, body)
        if fault == faults.UNSENT:
            raise _ResetError
        if asked.verb == "watch":
            return await self._watch(request, asked)
        if fault == faults.SLOW:
            await asyncio.sleep(self._chance.uniform(*self._weather.delay_seconds))
        async with self._forward(request, body) as theirs:
            said = await theirs.read()
        if fault == faults.UNANSWERED:
            raise _ResetError
        response = web.Response(status=theirs.status, body=said, headers=_kept(theirs.headers))
        if fault == faults.HALF_ANSWERED:
            await self._half(request, response, said)
        return response

    def _instead(self, fault: str, asked: Asked, raw_path: str, body: bytes) -> web.Response:
        """An error as the API server words it."""
        code, reason = int(fault[:3]), REASONS[fault]
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                  "reason": reason, "message": f"the network says {reason}"}  # fmt: skip
        headers = {}
        if fault == faults.THROTTLED:
            seconds = self._weather.retry_after_seconds
            headers["Retry-After"] = str(seconds)
            self.traffic.asked_for_patience(asked, raw_path, body, seconds)
        return web.json_response(status, status=code, headers=headers)

    def _forward(self, request: web.Request, body: bytes) -> aiohttp.client._RequestContextManager:
        assert self._session is not None
        return self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),
            data=body or None,
            headers=_kept(request.headers),
            allow_redirects=False,
        )

    async def _half(self, request: web.Request, response: web.Response, said: bytes) -> None:
        """Promise all of the answer, send half of it, and hang up."""
        half = web.StreamResponse(status=response.status, headers=response.headers)
        half.content_length = len(said)
        await half.prepare(request)
        await half.write(said[: len(said) // 2])
        raise _ResetError

    # --- Watches ---------------------------------------------------------------------------------

    async def _watch(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        if self._shy:
            return web.Response(body=b"", content_type="application/json")
        async with self._forward(request, b"") as theirs:
            response = web.StreamResponse(status=theirs.status, headers=_kept(theirs.headers))
            response.enable_chunked_encoding()
            await response.prepare(request)
            with contextlib.suppress(TimeoutError):
                await self._pass_on_until_told(theirs, response, asked)
            await response.write_eof()
            return response

    async def _pass_on_until_told(
        self, theirs: aiohttp.ClientResponse, response: web.StreamResponse, asked: Asked
    ) -> None:
        """Raises `TimeoutError` when all watches are to end."""
        async with asyncio.timeout(None) as scope, contextlib.aclosing(_lines(theirs)) as lines:
            self._open_watches.add(scope)
            try:
                await self._pass_on(lines, response, asked)
            finally:
                self._open_watches.discard(scope)

    async def _pass_on(
        self, lines: AsyncIterator[bytes], response: web.StreamResponse, asked: Asked
    ) -> None:
        """One line after the other, until the watch is to end."""
        before: deque[bytes] = deque(maxlen=LINES_REMEMBERED)
        async for line in lines:
            fault = self._dice.roll(self._weather.lines, asked)
            if fault:
                self.struck[fault] += 1
            before.append(line)
            match fault:
                case faults.DROPPED:
                    continue
                case faults.DELAYED:
                    await asyncio.sleep(self._chance.uniform(*self._weather.delay_seconds))
                case faults.CUT:
                    await response.write(line[: len(line) // 2])
                    raise _ResetError
                case faults.ENDED:
                    return
                case faults.EXPIRED:
                    await response.write(_expired())
                    return
            await response.write(line)
            if fault == faults.REPEATED:
                # The line itself, or one before it, which is news that is old.
                await response.write(self._chance.choice([line, *before]))


async def _lines(theirs: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Whole lines, each with its end."""
    rest = b""
    async for chunk in theirs.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest


def _expired() -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
              "reason": "Expired", "message": "too old resource version"}  # fmt: skip
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def _kept(headers: aiohttp.typedefs.LooseHeaders) -> dict[str, str]:
    return {str(k): str(v) for k, v in dict(headers).items() if str(k).lower() not in HOP_BY_HOP}


def _reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with a RST, as a machine that has lost it does."""
    if not isinstance(transport, asyncio.WriteTransport) or transport.is_closing():
        return  # a TLS connection that is closing cannot even be asked for its socket
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
