"""Where a notification goes: what is read of Secrets, and what if it cannot be."""

import asyncio
import base64

import pytest

from kubedag.api import notification as api
from kubedag.core import audience
from kubedag.shell import addresses, receivers, senders
from kubedag.shell.errors import ApiError, Unreachable
from support.answering_api import AnsweringApi

SECRET = {"secretKeyRef": {"name": "chat", "key": "url"}}


def a_secret(value=b"https://hooks.example.com/T/token\n", key="url"):
    return {"data": {key: base64.b64encode(value).decode()}}


def look_up(*answers, book=None, receiver="", **way):
    """Where it goes, or why it cannot; and what the API server was asked for."""
    cluster, known = AnsweringApi(*answers), receivers.Receivers()
    known._book = book or receivers.Book()
    target = (
        api.Notification.model_validate({"name": "n", "events": ["RunFailed"], **way})
        if way
        else None
    )
    notice = audience.Notice("n", frozenset(), target, receiver)
    try:
        found = asyncio.run(addresses.Addresses(cluster, known).of(notice, "ns"))
    except senders.Undeliverable as error:
        return error, cluster.asked
    return found, cluster.asked


def test_a_url_that_is_no_secret_needs_none():
    found, asked = look_up(webhook={"url": "https://example.com", "template": "$dag"})
    assert found == senders.Web("https://example.com", template="$dag")
    assert asked == []


def test_of_secrets_only_those_that_are_named_are_read():
    hook = {"urlFrom": SECRET, "headers": [{"name": "A", "value": "b"},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}]}  # fmt: skip
    found, asked = look_up(a_secret(), a_secret(b"d", "k"), webhook=hook)
    assert found == senders.Web("https://hooks.example.com/T/token", {"A": "b", "C": "d"})
    assert asked == [
        "GET /api/v1/namespaces/ns/secrets/chat",
        "GET /api/v1/namespaces/ns/secrets/other",
    ]


def test_slack_is_told_by_a_secret_url():
    found, _ = look_up(a_secret(), slack={"urlFrom": SECRET})
    assert found == senders.Web("https://hooks.example.com/T/token", is_slack=True)


def test_a_mail_server_may_want_a_secret_password():
    server = {"host": "mail", "port": 2525, "security": "TLS", "username": "me",
              "passwordFrom": SECRET}  # fmt: skip
    found, _ = look_up(a_secret(b"p"), email={"to": ["a@example.com"], "server": server})
    assert found == senders.Mail(
        ("a@example.com",), "mail", port=2525, security="TLS", username="me", password="p"
    )


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (ApiError(404, "NotFound", "x"), "SecretNotFound", "there is no Secret 'chat'"),
        (ApiError(403, "Forbidden", "x"), "SecretForbidden", "the operator may not get Secret"),
        (ApiError(500, "Internal", "x"), "SecretUnreadable", "the API server answered 500"),
        (Unreachable("x", maybe_applied=False), "SecretUnreadable", "did not answer"),
        (a_secret(key="other"), "SecretKeyNotFound", "has no key 'url'"),
        (a_secret(b""), "SecretKeyNotFound", "with a line of text"),
        (a_secret(b"\xff"), "SecretKeyNotFound", "with a line of text"),
        (a_secret(b"a\r\nb: c"), "SecretKeyNotFound", "with a line of text"),
        (a_secret(b"x" * 99_999), "SecretKeyNotFound", "with a line of text"),
        ({}, "SecretKeyNotFound", "has no key 'url'"),
        ({"data": {"url": "***"}}, "SecretKeyNotFound", "with a line of text"),
    ],
    ids=[
        "missing", "no right", "trouble", "no answer", "no key", "empty", "bytes", "two lines",
        "too long", "no data", "no base64",
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_used_is_told_of(answer, reason, said):
    error, _ = look_up(answer, slack={"urlFrom": SECRET})
    assert error.reason == reason
    assert said in error.message
    assert not error.final  # somebody may mend it


ACCOUNT = "system:serviceaccount:kubedag-system:kubedag"


def forbidden_to(account):
    """What the API server answers to an account that lacks the right."""
    said = f'secrets "chat" is forbidden: User "{account}" cannot get resource "secrets"'
    return ApiError(403, "Forbidden", f'{said} in API group "" in the namespace "ns"')


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        (forbidden_to(ACCOUNT), f" as {ACCOUNT}"),
        (forbidden_to("system:serviceaccount:ns:" + "a" * 254), ""),
        (forbidden_to("me"), ""),
        (ApiError(403, "Forbidden", "x" * 9999), ""),
    ],
    ids=["an account", "no name of one", "a person", "a proxy"],
)
def test_who_lacks_the_right_is_named_if_a_role_can_be_bound_to_it(answer, more):
    error, _ = look_up(answer, slack={"urlFrom": SECRET})
    assert error.message == f"the operator may not get Secret 'chat'{more}"


def test_a_receiver_is_looked_up_by_its_name():
    error, asked = look_up(receiver="chat")
    assert (error.reason, asked) == ("ReceiverNotFound", [])


def test_the_administrator_may_permit_no_other_receivers():
    error, asked = look_up(
        book=receivers.Book(only_receivers=True), webhook={"url": "https://example.com"}
    )
    assert (error.reason, error.final, asked) == ("ReceiverForbidden", True, [])
