"""Throw-away certificates, made by openssl when a test needs them; no key is ever stored."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path

    @property
    def cert_pem(self) -> str:
        return self.cert.read_text()

    @property
    def key_pem(self) -> str:
        return self.key.read_text()


def authority(folder: Path, name: str) -> Pair:
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    _openssl("req", "-x509", *_new_key(pair, name), "-days", "2", "-out", str(pair.cert))
    return pair


def issued(ca: Pair, folder: Path, name: str, alternative_names: str) -> Pair:
    """A certificate for a server (`IP:127.0.0.1,DNS:x`) or a client (its common name)."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    _openssl(
        *("req", "-x509", *_new_key(pair, name), "-days", "2", "-out", str(pair.cert)),
        *("-CA", str(ca.cert), "-CAkey", str(ca.key)),
        *("-addext", f"subjectAltName={alternative_names}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
    )
    return pair


def server_context(pair: Pair) -> ssl.SSLContext:
    """What a server needs that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    return context


def _new_key(pair: Pair, name: str) -> list[str]:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    return [*curve, "-keyout", str(pair.key), "-subj", f"/CN={name}"]


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
