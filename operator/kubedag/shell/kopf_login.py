"""Gives kopf the credentials that our own client uses, in the form that it survives a 401 with.

kopf refuses a log-in that equals one it has dropped, so a single transient 401 would end the
operator; an expiry some minutes ahead makes each answer unlike the one before it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import kopf

from kubedag.shell import clock, kubeconfig
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

    async def connection_info(self) -> kopf.ConnectionInfo:
        """Current credentials; asked before the last ones expired, kopf must have met a 401."""
        loop = asyncio.get_running_loop()
        access = await self._credentials.access()
        if access is self._given and loop.time() < self._given_until:
            access = await self._credentials.refresh(access)
        self._given = access
        self._given_until = loop.time() + LIFETIME.total_seconds()
        return _connection_info(access, self._clock)


def _connection_info(access: Access, wall_clock: clock.Clock) -> kopf.ConnectionInfo:
    tls = access.tls
    if tls.server_name:
        raise CredentialsError("kubeconfig", "cluster.tls-server-name", "is unknown to kopf")
    return kopf.ConnectionInfo(
        server=access.server,
        ca_data=kubeconfig.to_base64(tls.ca_pem) if tls.ca_pem else None,
        insecure=tls.insecure_skip_verify or None,
        token=access.token or None,
        certificate_data=kubeconfig.to_base64(tls.client_cert_pem) or None,
        private_key_data=kubeconfig.to_base64(tls.client_key_pem) or None,
        default_namespace=access.namespace,
        proxy_url=access.proxy_url or None,
        expiration=wall_clock.now() + LIFETIME,
    )
