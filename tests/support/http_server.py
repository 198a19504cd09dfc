"""A real HTTP server on the loopback that answers as a test has written down."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kubedag.shell.access import Access, Tls
from kubedag.shell.credentials import Credentials
from kubedag.shell.http_api import HttpApi

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable


class Said:
    """A source of credentials: what to say first, and then each time it is forced."""

    name = "said"

    def __init__(self, *answers: Access) -> None:
        self.answers = list(answers)
        self.forced = 0

    def load(self, *, force: bool) -> Access:
        if force:
            self.forced += 1
            if len(self.answers) > 1:
                self.answers.pop(0)
        return self.answers[0]


@contextlib.asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serve every path with one handler; gives the URL."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def api_on(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    *,
    tokens: tuple[str, ...] = ("token",),
    server_tls: ssl.SSLContext | None = None,
    client_tls: Tls = Tls(),  # noqa: B008  # frozen
    **options: Any,
) -> AsyncIterator[HttpApi]:
    """An `HttpApi` that speaks to such a server."""
    async with serving(handler, tls=server_tls) as url:
        source = Said(*(Access(url, token, client_tls) for token in tokens))
        async with HttpApi(Credentials(source), **options) as api:
            yield api


def status(code: int, reason: str = "", **headers: str) -> web.Response:
    """An error as the API server words it."""
    body = {"kind": "Status", "code": code, "reason": reason, "message": reason}
    return web.json_response(
        body, status=code, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
