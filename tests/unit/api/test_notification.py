"""What a DAG may say of who is told, and what it may not."""

import pytest

from kubedag.api import notification as api
from kubedag.api import parse

SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}
SERVER = {"host": "mail.example.com"}


def problems(**fields):
    """What is wrong with a notification, and where."""
    found = parse.parse(
        api.Notification, {"name": "n", "events": ["RunFailed"], **fields}, "notifications[0]"
    )
    return [str(one) for one in found] if isinstance(found, tuple) else []


@pytest.mark.parametrize(
    "way",
    [
        {"receiver": "oncall"},
        {"slack": {"urlFrom": SECRET}},
        {"webhook": {"url": "https://example.com/x?y#z", "template": "$dag and ${run} for $$5"}},
        {"webhook": {"urlFrom": SECRET, "template": '{"a": ["$summary", 1, null]}'}},
        {"webhook": {"url": "https://a", "template": f"{'[' * 21}{']' * 21}"}},
        {"webhook": {"url": "http://[::1]:80/", "headers": [{"name": "X-A", "value": "b"}]}},
        {"email": {"to": ["a.b+c@example.com"], "server": SERVER}},
        {"email": {"to": ["a@b"], "server": {"host": "fe80::1"}}},
        {"email": {"to": ["a@b"], "server": {"host": "mail.example.com."}}},
    ],
    ids=[
        "receiver", "slack", "text", "json", "deep json", "header", "e-mail", "IPv6", "a whole name",
    ],
)  # fmt: skip
def test_each_way_can_be_said(way):
    assert problems(**way) == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "notifications[0]"),
        ({"receiver": "a", "slack": {"urlFrom": SECRET}}, "notifications[0]"),
        ({"webhook": {}}, "webhook"),
        ({"webhook": {"url": "https://a", "urlFrom": SECRET}}, "webhook"),
        ({"webhook": {"url": "ftp://a"}}, "webhook.url"),
        ({"webhook": {"url": "https:///x"}}, "webhook.url"),
        ({"webhook": {"url": "https://a", "template": "$nobody"}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": "$ "}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": '{"a": '}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": '{"a": NaN}'}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": "[1e999]"}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": '{"a": "\\ud800"}'}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": "a \ud800"}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": "[" * 5000}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "template": f"{'[' * 22}{']' * 22}"}}, "webhook.template"),
        ({"webhook": {"url": "https://a", "headers": [{"name": "a"}]}}, "webhook.headers[0]"),
        (
            {"webhook": {"url": "https://a", "headers": [{"name": "a:b", "value": ""}]}},
            "webhook.headers[0].name",
        ),
        (
            {"webhook": {"url": "https://a", "headers": [{"name": "HOST", "value": "b"}]}},
            "webhook.headers[0].name",
        ),
        (
            {"webhook": {"url": "https://a", "headers": [{"name": "a", "value": "b\r\nc"}]}},
            "webhook.headers[0].value",
        ),
        ({"email": {"to": [], "server": SERVER}}, "email.to"),
        ({"email": {"to": ["a@b\r\nBcc: c@d"], "server": SERVER}}, "email.to[0]"),
        ({"email": {"to": ["a@b, c@d"], "server": SERVER}}, "email.to[0]"),
        ({"email": {"to": ["a@b..c"], "server": SERVER}}, "email.to[0]"),
        ({"email": {"to": [".a@b"], "server": SERVER}}, "email.to[0]"),
        ({"email": {"to": ["a@b\n"], "server": SERVER}}, "email.to[0]"),
        ({"email": {"to": ["a@b"], "from": "a@b.", "server": SERVER}}, "email.from"),
        ({"email": {"to": ["a@b"], "server": {"host": "a b"}}}, "email.server.host"),
        ({"email": {"to": ["a@b"], "server": {"host": "a..b"}}}, "email.server.host"),
        ({"email": {"to": ["a@b"], "server": {"host": "mail:25"}}}, "email.server.host"),
        ({"email": {"to": ["a@b"], "server": {"host": "1::2::3"}}}, "email.server.host"),
        ({"receiver": "a", "events": []}, "events"),
        ({"receiver": "a", "events": ["Everything"]}, "events[0]"),
    ],
    ids=[
        "no way", "two ways", "no address", "two addresses", "no web address", "no host",
        "unknown name", "no name", "half of JSON", "no number",
        "no number that there is", "half a sign", "half a sign in a text", "far too deep", "too deep", "no value", "no header",
        "header of the frame", "two lines", "to nobody", "injected header", "two in one",
        "two dots", "a dot first", "a line", "a dot last", "no server", "a server with two dots",
        "a server with its port", "no address of a server", "of nothing", "unknown event",
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_is(fields, path):
    (found,) = problems(**fields)
    assert path in found
    assert "must " in found
