"""Gives kopf a session of its own with the credentials of our client, in a form that it survives.

kopf refuses a log-in that equals one it has dropped, so a single transient 401 would end the
operator; a session and an expiry some minutes ahead make each answer unlike the one before it. And
an object that kopf cannot parse would end the operator, too: the session gives it none.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import aiohttp
import kopf

from kubedag.shell import clock, kopf_watches
from kubedag.shell.access import Access, CredentialsError

if TYPE_CHECKING:
    from kubedag.shell.credentials import Credentials

LIFETIME: Final = timedelta(minutes=10)


class KopfLogin:
    """What to call in a `@kopf.on.login` handler."""

    def __init__(self, credentials: Credentials, wall_clock: clock.Clock = clock.SYSTEM) -> None:
        self._credentials = credentials
        self._clock = wall_clock
        self._given: Access | None = None
        self._given_until = 0.0
        self._pace = kopf_watches.Pace()

    async def session(self) -> kopf.AiohttpSession:
        """Current credentials; asked before the last ones expired, kopf must have met a 401."""
        loop = asyncio.get_running_loop()
        access = await self._credentials.access()
        if access is self._given and loop.time() < self._given_until:
            access = await self._credentials.refresh(access)
        self._given = access
        self._given_until = loop.time() + LIFETIME.total_seconds()
        if access.tls.server_name:
            raise CredentialsError("kubeconfig", "cluster.tls-server-name", "is unknown to kopf")
        return kopf.AiohttpSession(
            server=access.server,
            aiohttp_session=self._session(access),
            default_namespace=access.namespace,
            expiration=self._clock.now() + LIFETIME,
        )

    def _session(self, access: Access) -> aiohttp.ClientSession:
        """Kopf closes it."""
        context = self._credentials.tls_context()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=True if context is None else context),
            headers={"Authorization": f"Bearer {access.token}"} if access.token else {},
            proxy=access.proxy_url or None,
            middlewares=[self._pace],
            response_class=kopf_watches.Response,
        )
