"""Hands out current credentials, and renews them before or after they expire.

Service account tokens rotate on disk about hourly, exec plugins hand out short-lived ones, and a 401
may come at any time: whoever sends a request asks here each time, so an open watch never notices.
"""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from kubedag.api.common import is_time
from kubedag.shell import clock, exec_plugin, kubeconfig
from kubedag.shell.access import Access, CredentialsError, Tls, ssl_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

log: Final = logging.getLogger(__name__)

SERVICE_ACCOUNT_DIR: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
RELOAD_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
EXPIRY_SKEW: Final = timedelta(seconds=20)
FORCED_LOADS_APART_SECONDS: Final = 1.0
_SHOWN_CHARS_MAX: Final = 40


class Source(Protocol):
    """Where credentials come from; `load` may block, it is called in a thread."""

    name: str

    def load(self, *, force: bool) -> Access:
        """Read them; `force` means that the API server has refused what was read last."""
        ...


class InCluster:
    """The service account of the Pod this process runs in."""

    def __init__(self, environ: Mapping[str, str], directory: Path = SERVICE_ACCOUNT_DIR) -> None:
        self.name = str(directory)
        self._environ = environ
        self._directory = directory

    def load(self, *, force: bool) -> Access:
        """Read the files again: the kubelet replaces them in place."""
        del force
        host = self._environ.get("KUBERNETES_SERVICE_HOST", "")
        port = self._environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise CredentialsError(
                "environment", "KUBERNETES_SERVICE_HOST", "must be set inside a Pod"
            )
        namespace = self._directory / "namespace"
        return Access(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            token=kubeconfig.read(self._directory / "token", self.name, "token").strip(),
            tls=Tls(ca_pem=kubeconfig.read(self._directory / "ca.crt", self.name, "ca.crt")),
            namespace=namespace.read_text().strip() if namespace.exists() else "default",
        )


class Kubeconfig:
    """One context of the merged kubeconfig files."""

    def __init__(
        self,
        files: tuple[Path, ...],
        context: str = "",
        environ: Mapping[str, str] = os.environ,
        wall_clock: clock.Clock = clock.SYSTEM,
    ) -> None:
        self.name = os.pathsep.join(map(str, files))
        self._files = files
        self._context = context
        self._environ = environ
        self._clock = wall_clock
        self._plugin: tuple[kubeconfig.Chosen, exec_plugin.Credential] | None = None

    def load(self, *, force: bool) -> Access:
        """Read the files again, and run an exec plugin if what it gave has expired."""
        chosen = kubeconfig.choose(self._files, self._context)
        cluster, user = chosen.cluster, chosen.user
        plugin = self._from_plugin(chosen, force=force) if user.exec else exec_plugin.Credential()
        at = "user.client-certificate", "user.client-key"
        cert_pem = kubeconfig.pem(
            user.client_certificate_data, user.client_certificate, chosen.user_file, at[0]
        )
        key_pem = kubeconfig.pem(user.client_key_data, user.client_key, chosen.user_file, at[1])
        if bool(cert_pem) != bool(key_pem):
            raise CredentialsError(
                str(chosen.user_file), at[1], f"must be set if and only if {at[0]} is"
            )
        return Access(
            server=cluster.server.rstrip("/"),
            token=plugin.token or self._token(chosen),
            tls=Tls(
                ca_pem=kubeconfig.pem(
                    cluster.certificate_authority_data,
                    cluster.certificate_authority,
                    chosen.cluster_file,
                    "cluster.certificate-authority",
                ),
                client_cert_pem=plugin.client_certificate_data or cert_pem,
                client_key_pem=plugin.client_key_data or key_pem,
                server_name=cluster.tls_server_name,
                insecure_skip_verify=cluster.insecure_skip_tls_verify,
            ),
            proxy_url=cluster.proxy_url,
            namespace=chosen.namespace,
            expires_at=_instant(plugin.expiration_timestamp, str(chosen.user_file)),
        )

    @staticmethod
    def _token(chosen: kubeconfig.Chosen) -> str:
        """A token file wins over a token, as in client-go."""
        user, file = chosen.user, chosen.user_file
        if user.token_file:
            path = kubeconfig.relative(user.token_file, file)
            return kubeconfig.read(path, str(file), "user.tokenFile").strip()
        return user.token

    def _from_plugin(self, chosen: kubeconfig.Chosen, *, force: bool) -> exec_plugin.Credential:
        if self._plugin is not None and not force:
            asked, credential = self._plugin
            expires_at = _instant(credential.expiration_timestamp, str(chosen.user_file))
            fresh = expires_at is None or self._clock.now() < expires_at - EXPIRY_SKEW
            if asked == chosen and fresh:
                return credential
        credential = exec_plugin.run(chosen, self._environ)
        self._plugin = chosen, credential
        return credential


class Credentials:
    """Current credentials of one source, shared by all who speak to the API server."""

    def __init__(self, source: Source, wall_clock: clock.Clock = clock.SYSTEM) -> None:
        self._source = source
        self._clock = wall_clock
        self._lock = asyncio.Lock()
        self._current: Access | None = None
        self._context: ssl.SSLContext | None = None
        self._fresh_until = 0.0
        self._forced_at = float("-inf")
        self.loads = 0
        self.refreshes = 0

    async def access(self) -> Access:
        """What to send now; at most a minute old, and not about to expire."""
        loop = asyncio.get_running_loop()
        if self._current is not None and loop.time() < self._fresh_until:
            return self._current
        async with self._lock:
            if self._current is None:
                await self._load(force=False)
            elif loop.time() >= self._fresh_until:
                await self._renew()
            return self._known()

    async def refresh(self, rejected: Access) -> Access:
        """What to send after a 401: another one's renewal if there was one, else a new one."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._current is rejected and now - self._forced_at >= FORCED_LOADS_APART_SECONDS:
                self._forced_at = now
                self.refreshes += 1
                await self._load(force=True)
            return self._known()

    def tls_context(self) -> ssl.SSLContext | None:
        """The TLS side of what `access` said last; None for plain http."""
        return self._context

    async def _renew(self) -> None:
        """A file that cannot be read for a moment is no reason to stop: what we have may do."""
        try:
            await self._load(force=False)
        except CredentialsError as error:
            self._fresh_until = asyncio.get_running_loop().time() + RETRY_SECONDS
            log.warning("credentials not renewed, going on with those at hand: %s", error)

    async def _load(self, *, force: bool) -> None:
        loaded = await asyncio.to_thread(self._source.load, force=force)
        if self._current is None or loaded.tls != self._current.tls:
            self._context = (
                await asyncio.to_thread(ssl_context, loaded.tls, self._source.name)
                if loaded.server.startswith("https:")
                else None
            )
        self.loads += 1
        self._fresh_until = asyncio.get_running_loop().time() + self._fresh_seconds(loaded)
        if force or loaded != self._current:
            self._current = loaded

    def _fresh_seconds(self, loaded: Access) -> float:
        if loaded.expires_at is None:
            return RELOAD_SECONDS
        left = loaded.expires_at - EXPIRY_SKEW - self._clock.now()
        return min(max(left.total_seconds(), RETRY_SECONDS), RELOAD_SECONDS)

    def _known(self) -> Access:
        assert self._current is not None
        return self._current


def find(environ: Mapping[str, str], *, kubeconfig_path: str = "", context: str = "") -> Source:
    """What kubectl would use: a kubeconfig if one is named or exists, else the Pod's own."""
    files = kubeconfig.paths(environ, kubeconfig_path)
    named = bool(kubeconfig_path or environ.get("KUBECONFIG") or context)
    if named or any(file.exists() for file in files):
        return Kubeconfig(files, context, environ)
    return InCluster(environ)


def _instant(text: str | None, source: str) -> datetime | None:
    if text is None:
        return None
    if not is_time(text):
        message = f"must be an RFC 3339 time, with an offset; is {text[:_SHOWN_CHARS_MAX]!r}"
        raise CredentialsError(source, "expirationTimestamp", message)
    return datetime.fromisoformat(text).astimezone(UTC)
