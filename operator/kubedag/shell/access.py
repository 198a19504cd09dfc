"""Where the API server is and what convinces it, as one value that can be compared and renewed.

Kept apart from where it comes from (a Pod's service account, a kubeconfig file), so that both ways
end in the same client, and a renewed token never touches an open watch.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedag.shell import errors

if TYPE_CHECKING:
    from datetime import datetime


class CredentialsError(errors.ClusterError):
    """Credentials cannot be had; the message names the file and the field to look at."""

    def __init__(self, source: str, where: str, message: str) -> None:
        super().__init__(": ".join(part for part in (source, where, message) if part))
        self.source = source
        self.where = where
        self.message = message


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server proves itself to us, and we to it; all PEM."""

    ca_pem: str = ""
    client_cert_pem: str = field(default="", repr=False)
    client_key_pem: str = field(default="", repr=False)
    server_name: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """Everything needed to speak to one API server as one user, until `expires_at`."""

    server: str
    token: str = field(default="", repr=False)
    tls: Tls = Tls()
    proxy_url: str = ""
    namespace: str = "default"
    impersonate: str = ""
    """The user whom to act as, if not as oneself."""
    expires_at: datetime | None = None


def ssl_context(tls: Tls, source: str) -> ssl.SSLContext:
    """Build the TLS side of an `Access`: milliseconds of CPU, so never in the loop's thread.

    Strict X.509 checks (Python 3.13's default) are off: certificate authorities made by older
    kubeadm and many vendors lack the Authority Key Identifier they ask for.
    """
    try:
        context = ssl.create_default_context(cadata=tls.ca_pem or None)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.set_alpn_protocols(["http/1.1"])
        if tls.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    except (ssl.SSLError, ValueError) as error:
        raise CredentialsError(source, "certificate-authority", f"must be PEM: {error}") from error
    if tls.client_cert_pem:
        _load_client_certificate(context, tls, source)
    return context


def _load_client_certificate(context: ssl.SSLContext, tls: Tls, source: str) -> None:
    """Python's ssl reads these from files alone, so they exist as private ones for a moment."""
    with contextlib.ExitStack() as stack:
        names = []
        for pem in (tls.client_cert_pem, tls.client_key_pem):
            file = stack.enter_context(tempfile.NamedTemporaryFile("w", prefix="kubedag-"))
            file.write(pem)
            file.flush()
            names.append(file.name)
        try:
            context.load_cert_chain(*names)
        except ssl.SSLError as error:
            message = f"must be a PEM certificate and its key: {error}"
            raise CredentialsError(source, "client-certificate", message) from error
