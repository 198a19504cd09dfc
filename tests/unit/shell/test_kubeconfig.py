from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kubedag.shell import kubeconfig
from kubedag.shell.access import CredentialsError
from kubedag.shell.credentials import InCluster, Kubeconfig, find

if TYPE_CHECKING:
    from pathlib import Path


def config(**changes: Any) -> dict[str, Any]:
    return {
        "current-context": "dev",
        "clusters": [{"name": "c", "cluster": {"server": "https://c:6443"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
    } | changes


def written(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_the_current_context_is_used(tmp_path):
    access = Kubeconfig((written(tmp_path / "config", config()),)).load(force=False)
    assert (access.server, access.token, access.namespace) == ("https://c:6443", "t", "n")


def test_a_context_can_be_named_instead(tmp_path):
    contexts = [*config()["contexts"], {"name": "other", "context": {"cluster": "c"}}]
    file = written(tmp_path / "config", config(contexts=contexts))
    access = Kubeconfig((file,), "other").load(force=False)
    assert (access.token, access.namespace) == ("", "default")


def test_of_several_files_the_first_to_name_something_wins(tmp_path):
    one = written(tmp_path / "1", {"users": [{"name": "u", "user": {"token": "first"}}]})
    two = written(tmp_path / "2", config())
    three = written(tmp_path / "3", config(**{"current-context": "nowhere"}))
    access = Kubeconfig((one, tmp_path / "missing", two, three)).load(force=False)
    assert (access.server, access.token) == ("https://c:6443", "first")


def test_paths_are_relative_to_the_file_that_says_them(tmp_path):
    user = {"client-certificate": "pki/c.crt", "client-key": "pki/c.key", "tokenFile": "token"}
    one = written(tmp_path / "a" / "1", {"users": [{"name": "u", "user": user}]})
    clusters = [{"name": "c", "cluster": {"server": "https://c", "certificate-authority": "ca"}}]
    two = written(tmp_path / "b" / "2", config(clusters=clusters))
    for name, text in {"pki/c.crt": "CERT", "pki/c.key": "KEY", "token": "from-file\n"}.items():
        written(tmp_path / "a" / name, text)
    written(tmp_path / "b" / "ca", "CA")
    access = Kubeconfig((one, two)).load(force=False)
    tls = access.tls
    assert (tls.ca_pem, tls.client_cert_pem, tls.client_key_pem) == ("CA", "CERT", "KEY")
    assert access.token == "from-file"


def test_everything_about_the_connection_is_read(tmp_path):
    cluster = {
        "server": "https://c/",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
        "tls-server-name": "name",
        "insecure-skip-tls-verify": True,
        "proxy-url": "http://proxy:3128",
    }
    file = written(tmp_path / "c", config(clusters=[{"name": "c", "cluster": cluster}]))
    access = Kubeconfig((file,)).load(force=False)
    assert access.server == "https://c"
    assert access.tls.ca_pem == "CA"
    assert access.tls.server_name == "name"
    assert access.tls.insecure_skip_verify
    assert access.proxy_url == "http://proxy:3128"


USER = {"name": "u"}
CLUSTER = {"name": "c"}

MISTAKES = {
    "no YAML": ("{", "config", "must be a kubeconfig in YAML"),
    "empty": ("", "current-context", "must be set"),
    "clusters no list": (config(clusters={}), "clusters", "Expected `array | null`"),
    "server no text": (
        config(clusters=[CLUSTER | {"cluster": {"server": 7}}]),
        "clusters[0].cluster.server",
        "Expected `str`",
    ),
    "no such context": (
        config(**{"current-context": "prod"}),
        "contexts",
        "must name one of 'dev'; 'prod' is none",
    ),
    "no such cluster": (config(clusters=[]), "contexts[dev].context.cluster", "none at all"),
    "no such user": (config(users=[]), "contexts[dev].context.user", "'u' is none"),
    "no server": (config(clusters=[CLUSTER]), "cluster.server", "must be an http(s) URL"),
    "no base64": (
        config(users=[USER | {"user": {"client-certificate-data": "%"}}]),
        "user.client-certificate-data",
        "must be PEM in base64",
    ),
    "no such file": (
        config(users=[USER | {"user": {"tokenFile": "nowhere"}}]),
        "user.tokenFile",
        "must name a readable file",
    ),
    "certificate without key": (
        config(users=[USER | {"user": {"client-certificate-data": "QQ=="}}]),
        "user.client-key",
        "must be set if and only if user.client-certificate is",
    ),
    "an auth provider": (
        config(users=[USER | {"user": {"auth-provider": {"name": "gcp"}}}]),
        "user.auth-provider",
        "is not supported",
    ),
    "a password": (
        config(users=[USER | {"user": {"username": "a", "password": "b"}}]),
        "user.username",
        "is not supported",
    ),
    "impersonation": (
        config(users=[USER | {"user": {"as": "root"}}]),
        "user.as",
        "is not supported",
    ),
}


@pytest.mark.parametrize(("content", "where", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_file_and_field(tmp_path, content, where, message):
    file = written(tmp_path / "config", content)
    with pytest.raises(CredentialsError) as raised:
        Kubeconfig((file,)).load(force=False)
    assert str(file) in str(raised.value)
    assert where in str(raised.value)
    assert message in str(raised.value)


def test_a_secret_is_never_part_of_what_is_printed(tmp_path):
    user = {
        "token": "s3cret",
        "client-certificate-data": "czNjcmV0",
        "client-key-data": "czNjcmV0",
    }
    file = written(tmp_path / "config", config(users=[USER | {"user": user}]))
    assert "s3cret" not in repr(Kubeconfig((file,)).load(force=False))


def test_a_file_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(CredentialsError, match="must exist"):
        Kubeconfig((tmp_path / "nowhere",)).load(force=False)


@pytest.mark.parametrize(
    ("environ", "explicit", "expected"),
    [
        ({"KUBECONFIG": "/a:/b::/a", "HOME": "/h"}, "", ["/a", "/b"]),
        ({"KUBECONFIG": "/a:/b"}, "/c", ["/c"]),
        ({"KUBECONFIG": "", "HOME": "/h"}, "", ["/h/.kube/config"]),
    ],
    ids=["several", "named", "home"],
)
def test_the_files_are_those_that_kubectl_reads(environ, explicit, expected):
    assert [str(path) for path in kubeconfig.paths(environ, explicit)] == expected


def in_a_pod(tmp_path: Path, **environ: str) -> InCluster:
    for name, text in {"token": "tok\n", "ca.crt": "CA", "namespace": "team"}.items():
        written(tmp_path / name, text)
    return InCluster({"KUBERNETES_SERVICE_PORT": "443"} | environ, tmp_path)


@pytest.mark.parametrize(
    ("host", "server"),
    [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
)
def test_in_a_pod_the_service_account_is_used(tmp_path, host, server):
    access = in_a_pod(tmp_path, KUBERNETES_SERVICE_HOST=host).load(force=False)
    assert access.server == server
    assert (access.token, access.tls.ca_pem, access.namespace) == ("tok", "CA", "team")


def test_a_pod_without_a_token_is_told_which_file_is_missing(tmp_path):
    source = in_a_pod(tmp_path, KUBERNETES_SERVICE_HOST="h")
    (tmp_path / "token").unlink()
    with pytest.raises(CredentialsError, match=r"token: must name a readable file"):
        source.load(force=False)


def test_outside_of_a_pod_that_is_said(tmp_path):
    with pytest.raises(CredentialsError, match="must be set inside a Pod"):
        in_a_pod(tmp_path).load(force=False)


def test_a_kubeconfig_wins_over_the_service_account_and_is_not_needed_for_it(tmp_path):
    home = {"HOME": str(tmp_path)}
    assert isinstance(find(home), InCluster)
    assert isinstance(find(home, context="x"), Kubeconfig)
    assert isinstance(find(home | {"KUBECONFIG": os.devnull}), Kubeconfig)
    written(tmp_path / ".kube" / "config", config())
    assert isinstance(find(home), Kubeconfig)
