"""Runs a kubeconfig's `exec` plugin: how EKS, GKE, AKS and OIDC log-ins hand out credentials.

The protocol is `client.authentication.k8s.io` v1 and v1beta1 (KEP-541): what to run is in the
kubeconfig, what came out is JSON on its standard output. Plugins that must ask a person are refused:
an operator has none.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from kubedag.shell import kubeconfig
from kubedag.shell.access import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSIONS: Final = frozenset(
    {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}
)
TIMEOUT_SECONDS: Final = 60
OUTPUT_BYTES_MAX: Final = 1 << 20
STDERR_CHARS_MAX: Final = 500
CLUSTER_EXTENSION: Final = "client.authentication.k8s.io/exec"


class Credential(msgspec.Struct, frozen=True, rename="camel"):
    """What a plugin hands out: a token, a client certificate, or both."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: Credential | None = None


def run(chosen: kubeconfig.Chosen, environ: Mapping[str, str]) -> Credential:
    """Run the plugin of a context, up to 60 s. Raises `CredentialsError`; blocks its thread."""
    plugin = chosen.user.exec
    assert plugin is not None
    source = str(chosen.user_file)
    if plugin.api_version not in VERSIONS:
        message = f"must be one of {', '.join(sorted(VERSIONS))}; not {plugin.api_version!r}"
        raise CredentialsError(source, "user.exec.apiVersion", message)
    if plugin.interactive_mode == "Always":
        message = "must not be 'Always': nobody is there to answer"
        raise CredentialsError(source, "user.exec.interactiveMode", message)
    output = _output(
        [_command(plugin.command, chosen.user_file), *(plugin.args or ())],
        {
            **environ,
            **{var.name: var.value for var in plugin.env or ()},
            "KUBERNETES_EXEC_INFO": orjson.dumps(_info(chosen, plugin)).decode(),
        },
        plugin,
        source,
    )
    return _read(output, plugin, source)


def _command(command: str, file: Path) -> str:
    """A bare name is looked up in PATH, a path is relative to the kubeconfig (KEP-541)."""
    return str(kubeconfig.relative(command, file)) if os.sep in command else command


def _info(chosen: kubeconfig.Chosen, plugin: kubeconfig.Exec) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        cluster = chosen.cluster
        ca_pem = kubeconfig.pem(
            cluster.certificate_authority_data,
            cluster.certificate_authority,
            chosen.cluster_file,
            "cluster.certificate-authority",
        )
        said = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
            "certificate-authority-data": kubeconfig.to_base64(ca_pem),
            "proxy-url": cluster.proxy_url,
            "config": next(
                (e.extension for e in cluster.extensions or () if e.name == CLUSTER_EXTENSION),
                None,
            ),
        }
        spec["cluster"] = {key: value for key, value in said.items() if value}
    return {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}


def _output(
    command: list[str], environ: dict[str, str], plugin: kubeconfig.Exec, source: str
) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # running it is what the user's kubeconfig asks for
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"must end within {TIMEOUT_SECONDS} s"
        raise CredentialsError(source, "user.exec.command", message) from error
    except OSError as error:
        message = f"must be a program that can be run: {error}. {plugin.install_hint}".strip()
        raise CredentialsError(source, "user.exec.command", message) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-STDERR_CHARS_MAX:]
        message = f"must succeed; {plugin.command!r} ended with {done.returncode}: {said}"
        raise CredentialsError(source, "user.exec.command", message)
    return done.stdout[:OUTPUT_BYTES_MAX]


def _read(output: bytes, plugin: kubeconfig.Exec, source: str) -> Credential:
    where = "output of user.exec.command"
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except msgspec.DecodeError as error:
        raise CredentialsError(source, where, f"must be an ExecCredential: {error}") from error
    credential = answer.status
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        message = (
            f"must be an ExecCredential of {plugin.api_version}; "
            f"not a {answer.kind!r} of {answer.api_version!r}"
        )
        raise CredentialsError(source, where, message)
    if credential is None or not (credential.token or credential.client_certificate_data):
        raise CredentialsError(source, where, "must have a token or a client certificate")
    if bool(credential.client_certificate_data) != bool(credential.client_key_data):
        message = "must have both clientCertificateData and clientKeyData, or neither"
        raise CredentialsError(source, where, message)
    return credential
