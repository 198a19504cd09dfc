"""The administrator's file: who is told of what, and what is wrong with it."""

import errno
import os
import pathlib

import pytest

from kubedag.core.audience import Notice
from kubedag.shell import receivers, senders

FILE = b"""
receivers:
- name: chat
  slack: {url: https://hooks.example.com/T/token}
- name: team-a-mail
  namespaces: [team-a]
  email:
    to: [data@example.com]
    from: kubedag@example.com
    server: {host: mail.example.com, username: me, password: secret}
- name: pager
  webhook:
    url: https://pager.example.com
    headers: [{name: Authorization, value: Bearer token}]
    template: '{"what": "$summary"}'
defaults:
- receiver: chat
  events: [RunFailed, RunRecovered]
- receiver: chat
  events: [RunLate]
  namespaces: [team-a]
- receiver: team-a-mail
  events: [RunFailed]
  namespaces: [team-a]
"""


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        (
            "team-a",
            {
                "operator:chat": {"RunFailed", "RunRecovered", "RunLate"},
                "operator:team-a-mail": {"RunFailed"},
            },
        ),
        ("team-b", {"operator:chat": {"RunFailed", "RunRecovered"}}),
    ],
    ids=["its own", "all"],
)
def test_defaults_hold_for_the_dags_of_their_namespaces(namespace, expected):
    found = receivers.read(FILE).notices(namespace)
    assert found == tuple(
        Notice(name, frozenset(on), receiver=name.removeprefix("operator:"))
        for name, on in expected.items()
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat", senders.Web("https://hooks.example.com/T/token", is_slack=True)),
        (
            "team-a-mail",
            senders.Mail(
                ("data@example.com",), "mail.example.com", "kubedag@example.com",
                username="me", password="secret",
            ),
        ),
        (
            "pager",
            senders.Web(
                "https://pager.example.com", {"Authorization": "Bearer token"},
                '{"what": "$summary"}',
            ),
        ),
    ],
    ids=["slack", "e-mail", "webhook"],
)  # fmt: skip
def test_a_receiver_is_found_by_its_name(name, expected):
    assert receivers.read(FILE).target(name, "team-a") == expected


@pytest.mark.parametrize(
    ("name", "namespace", "reason"),
    [("nobody", "team-a", "ReceiverNotFound"), ("team-a-mail", "team-b", "ReceiverForbidden")],
    ids=["nobody", "of others"],
)
def test_a_receiver_that_one_may_not_use_is_none(name, namespace, reason):
    with pytest.raises(senders.Undeliverable) as caught:
        receivers.read(FILE).target(name, namespace)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"receivers: [", "must be YAML, see line 1"),
        (b"[1]", "must be an object"),
        (b"recievers: []", "recievers"),
        (b"receivers: [{name: x}]", "must have exactly one of webhook, slack and email"),
        (b"receivers: [{name: x, slack: {url: 'secret'}}]", "must begin with https://"),
        (b"defaults: [{receiver: x, events: [Everything]}]", "defaults[0].events[0]"),
        (b"x" * (receivers.BYTES_MAX + 1), "must be at most 1048576 bytes"),
    ],
    ids=["no YAML", "no object", "a typing error", "no way", "no URL", "no event", "too large"],
)
def test_a_mistake_is_told_without_what_is_secret(data, said):
    with pytest.raises(ValueError, match=said.replace("[", "\\[")) as caught:
        receivers.read(data)
    assert "secret" not in str(caught.value)


def test_an_empty_file_has_no_receivers():
    assert receivers.read(b"") == receivers.Book()


def test_a_file_that_changes_is_read_again(tmp_path, caplog):
    path, now = tmp_path / "receivers.yaml", [0.0]
    caplog.set_level("INFO")
    known = receivers.Receivers(str(path), lambda: now[0])
    assert known.notices("team-b") == ()
    path.write_bytes(FILE)
    assert known.notices("team-b") == ()
    now[0] += receivers.LOOK_AGAIN_SECONDS
    assert [one.receiver for one in known.notices("team-b")] == ["chat"]
    path.write_bytes(b"receivers: [{name: x, slack: {url: token}}]")
    os.utime(path, ns=(1, 1))
    now[0] += receivers.LOOK_AGAIN_SECONDS
    assert [one.receiver for one in known.notices("team-b")] == ["chat"]
    assert "left as they were" in caplog.text
    assert "token" not in caplog.text


def test_a_file_that_is_not_there_is_told_once_each_time_that_it_is_missed(tmp_path, caplog):
    path, now = tmp_path / "receivers.yaml", [0.0]
    known = receivers.Receivers(str(path), lambda: now[0])

    def warnings_after(*looks):
        caplog.clear()
        for look in looks:
            look()
            now[0] += receivers.LOOK_AGAIN_SECONDS
            known.book()
        return [record.getMessage() for record in caplog.records]

    known.book()
    assert caplog.messages == [f"There is no file of receivers at {path}"]
    assert warnings_after(lambda: None, lambda: None) == []
    path.write_bytes(FILE)
    assert warnings_after(lambda: None, path.unlink, lambda: None) == [
        f"There is no file of receivers at {path}"
    ]
    assert [one.receiver for one in known.notices("team-b")] == ["chat"]


def test_a_file_that_could_not_be_read_for_a_moment_is_read_again(tmp_path, caplog, monkeypatch):
    path, now = tmp_path / "receivers.yaml", [0.0]
    path.write_bytes(FILE)
    known = receivers.Receivers(str(path), lambda: now[0])

    def fail(_path):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(pathlib.Path, "read_bytes", fail)
        assert known.notices("team-b") == ()
        now[0] += receivers.LOOK_AGAIN_SECONDS
        assert known.notices("team-b") == ()
    assert len(caplog.messages) == 1
    assert "Input/output error" in caplog.text
    now[0] += receivers.LOOK_AGAIN_SECONDS
    assert [one.receiver for one in known.notices("team-b")] == ["chat"]


def test_without_a_file_there_are_none():
    assert receivers.Receivers().notices("ns") == ()
