from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import yaml

from kubedag.shell.access import CredentialsError
from kubedag.shell.credentials import Kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

V1 = "client.authentication.k8s.io/v1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class SetClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Plugin:
    """A kubeconfig whose plugin is a script that counts its runs and says what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SetClock()
        self.exec: dict[str, Any] = {
            "apiVersion": V1,
            "command": sys.executable,
            "args": [str(folder / "plugin.py")],
            "interactiveMode": "Never",
        }
        self.cluster: dict[str, Any] = {"server": "https://c"}
        self.says({"token": "t1"})

    def says(self, status: Any, *, api_version: str = V1) -> None:
        answer = {"apiVersion": api_version, "kind": "ExecCredential", "status": status}
        self.prints(orjson.dumps(answer).decode())

    def prints(self, text: str, *, code: int = 0) -> None:
        (self.folder / "plugin.py").write_text(
            "import os, pathlib, sys\n"
            f"here = pathlib.Path({str(self.folder)!r})\n"
            "with open(here / 'runs', 'a') as f: f.write('x')\n"
            "(here / 'info').write_text(os.environ['KUBERNETES_EXEC_INFO'])\n"
            "(here / 'env').write_text(os.environ.get('EXTRA', ''))\n"
            f"print({text!r})\nprint('sorry', file=sys.stderr)\nsys.exit({code})\n"
        )

    @property
    def runs(self) -> int:
        file = self.folder / "runs"
        return len(file.read_text()) if file.exists() else 0

    def source(self) -> Kubeconfig:
        content = {
            "current-context": "x",
            "clusters": [{"name": "c", "cluster": self.cluster}],
            "users": [{"name": "u", "user": {"exec": self.exec}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        }
        (self.folder / "config").write_text(yaml.safe_dump(content))
        return Kubeconfig(
            (self.folder / "config",), environ=dict(os.environ), wall_clock=self.clock
        )


@pytest.fixture
def plugin(tmp_path) -> Plugin:
    return Plugin(tmp_path)


def test_the_token_of_a_plugin_is_used_and_kept(plugin):
    source = plugin.source()
    assert [source.load(force=False).token for _ in range(3)] == ["t1"] * 3
    assert plugin.runs == 1


def test_it_is_run_again_shortly_before_what_it_said_expires(plugin):
    plugin.says({"token": "t1", "expirationTimestamp": "2026-01-01T12:10:00Z"})
    source = plugin.source()
    first = source.load(force=False)
    assert first.expires_at == NOON + timedelta(minutes=10)
    plugin.clock.at += timedelta(minutes=9)
    assert source.load(force=False).token == "t1"
    plugin.says({"token": "t2"})
    plugin.clock.at += timedelta(seconds=50)
    assert source.load(force=False).token == "t2"
    assert plugin.runs == 2


def test_it_is_run_again_when_the_server_refuses_what_it_said(plugin):
    source = plugin.source()
    source.load(force=False)
    plugin.says({"token": "t2"})
    assert source.load(force=True).token == "t2"


def test_it_may_hand_out_a_client_certificate(plugin):
    plugin.says({"clientCertificateData": "CERT", "clientKeyData": "KEY"})
    tls = plugin.source().load(force=False).tls
    assert (tls.client_cert_pem, tls.client_key_pem) == ("CERT", "KEY")


def test_it_is_told_about_the_cluster_only_if_it_asks_for_it(plugin):
    plugin.source().load(force=False)
    assert orjson.loads((plugin.folder / "info").read_text()) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    plugin.exec["provideClusterInfo"] = True
    plugin.cluster |= {
        "certificate-authority-data": "Q0E=",
        "tls-server-name": "n",
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
        ],
    }
    plugin.source().load(force=False)
    assert orjson.loads((plugin.folder / "info").read_text())["spec"]["cluster"] == {
        "server": "https://c",
        "certificate-authority-data": "Q0E=",
        "tls-server-name": "n",
        "config": {"audience": "a"},
    }


def test_it_gets_the_environment_that_the_kubeconfig_asks_for(plugin):
    plugin.exec["env"] = [{"name": "EXTRA", "value": "yes"}]
    plugin.source().load(force=False)
    assert (plugin.folder / "env").read_text() == "yes"


def test_a_path_is_relative_to_the_kubeconfig(plugin):
    script = plugin.folder / "bin" / "login"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {plugin.folder}/plugin.py\n")
    script.chmod(0o755)
    plugin.exec |= {"command": "bin/login", "args": []}
    assert plugin.source().load(force=False).token == "t1"


def test_the_older_version_of_the_protocol_is_spoken_too(plugin):
    older = "client.authentication.k8s.io/v1beta1"
    plugin.exec["apiVersion"] = older
    plugin.says({"token": "t1"}, api_version=older)
    assert plugin.source().load(force=False).token == "t1"


@pytest.mark.parametrize(
    ("changes", "prints", "code", "message"),
    [
        ({"command": "no-such-program", "installHint": "brew it"}, "", 0, "brew it"),
        ({}, "", 3, "ended with 3: sorry"),
        ({}, "no JSON", 0, "must be an ExecCredential"),
        ({}, '{"kind": "Pod"}', 0, "not a 'Pod'"),
        ({"apiVersion": "v7"}, "", 0, "must be one of client.authentication.k8s.io/v1"),
        ({"interactiveMode": "Always"}, "", 0, "nobody is there"),
    ],
    ids=["not there", "fails", "no JSON", "wrong kind", "wrong version", "interactive"],
)
def test_a_plugin_that_does_not_deliver_is_told_with_its_file(
    plugin, changes, prints, code, message
):
    plugin.exec |= changes
    plugin.prints(prints, code=code)
    with pytest.raises(CredentialsError) as raised:
        plugin.source().load(force=False)
    assert message in str(raised.value)
    assert str(plugin.folder / "config") in str(raised.value)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({}, "must have a token or a client certificate"),
        (None, "must have a token or a client certificate"),
        ({"clientCertificateData": "C"}, "must have both"),
        ({"token": "t", "expirationTimestamp": "soon"}, "must be an RFC 3339 time"),
        (
            {"token": "t", "expirationTimestamp": "2026-01-01T12:10:00"},
            "must be an RFC 3339 time, with an offset",
        ),
        (
            {"token": "t", "expirationTimestamp": "0001-01-01T00:00:00+01:00"},
            "must be an RFC 3339 time",
        ),
    ],
    ids=["empty", "no status", "half a certificate", "no time", "no offset", "no year"],
)
def test_an_answer_without_credentials_is_refused(plugin, status, message):
    plugin.says(status)
    with pytest.raises(CredentialsError, match=message):
        plugin.source().load(force=False)


def test_a_plugin_that_never_ends_is_ended(plugin, monkeypatch):
    monkeypatch.setattr("kubedag.shell.exec_plugin.TIMEOUT_SECONDS", 0.2)
    (plugin.folder / "plugin.py").write_text("import time; time.sleep(60)")
    with pytest.raises(CredentialsError, match="must end within"):
        plugin.source().load(force=False)
