"""Real servers on the loopback: what they are sent, and what their answers mean."""

import asyncio
import re
import ssl

import orjson
import pytest
from aiohttp import web

from kubedag.core import letters
from kubedag.shell import senders
from support import certificates, http_server, mail_server

LETTER = letters.Letter(
    id="uid/team/RunFailed/0", event="RunFailed", namespace="ns", dag="sales", run="sales-1",
    reason="Failed", message="load failed",
)  # fmt: skip


class Hook:
    """A web server that keeps what it is sent."""

    def __init__(self, *codes, **headers):
        self.codes, self.headers = list(codes), headers
        self.taken = []

    async def __call__(self, request):
        self.taken.append((request.path, dict(request.headers), await request.read()))
        code = self.codes.pop(0) if self.codes else 200
        if code == "hang":
            await asyncio.sleep(30)
        return web.Response(status=code, text="what nobody is to read", headers=self.headers)


def send(*targets_of, hook=None, letter=LETTER, tls=None, client_tls=None):
    """What became of it: None, or what `Undeliverable` says."""

    async def scenario():
        sender = senders.Senders(client_tls)
        try:
            async with http_server.serving(hook, tls=tls) as url:
                for of in targets_of:
                    await sender.send(of(url), letter)
        except senders.Undeliverable as error:
            return error
        finally:
            await sender.close()
        return None

    return asyncio.run(scenario())


def to(path="/x", **fields):
    return lambda url: senders.Web(url + path, **fields)


def test_a_webhook_gets_json_and_its_headers():
    hook = Hook()
    assert send(to(headers={"Authorization": "Bearer t"}), hook=hook) is None
    ((path, headers, body),) = hook.taken
    assert path == "/x"
    assert orjson.loads(body) == letters.payload(LETTER)
    assert headers["Authorization"] == "Bearer t"
    assert headers["Content-Type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{64}", headers["Idempotency-Key"])


def test_the_same_news_has_the_same_key_however_often_it_is_sent():
    hook = Hook()
    send(to(), to(), hook=hook)
    assert len({headers["Idempotency-Key"] for _, headers, _ in hook.taken}) == 1
    assert len(hook.taken) == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"is_slack": True}, orjson.dumps(letters.slack(LETTER))),
        ({"template": "$dag: $reason"}, b"sales: Failed"),
    ],
    ids=["slack", "template"],
)
def test_a_webhook_gets_what_it_understands(fields, expected):
    hook = Hook()
    assert send(to(**fields), hook=hook) is None
    assert [body for _, _, body in hook.taken] == [expected]


@pytest.mark.parametrize(
    ("code", "headers", "expected"),
    [
        (204, {}, None),
        (500, {}, ("ReceiverBusy", "it answered 500", False, 0)),
        (429, {"Retry-After": "17"}, ("ReceiverBusy", "it answered 429", False, 17)),
        (503, {"Retry-After": "soon"}, ("ReceiverBusy", "it answered 503", False, 0)),
        (404, {}, ("ReceiverRefused", "it answered 404", True, 0)),
        (
            302,
            {"Location": "/other"},
            ("ReceiverRefused", "it answered 302, a redirection, which is not followed", True, 0),
        ),
    ],
    ids=["taken", "broken", "too much", "bad header", "gone", "redirection"],
)
def test_an_answer_means_what_its_code_says(code, headers, expected):
    hook = Hook(code, **headers)
    error = send(to(), hook=hook)
    told = error and (error.reason, error.message, error.final, error.pause_seconds)
    assert told == expected
    assert len(hook.taken) == 1


def test_who_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(senders, "SEND_SECONDS_MAX", 0.2)
    error = send(to(), hook=Hook("hang"))
    assert (error.reason, error.message) == ("ReceiverTimedOut", "no answer within 0.2 s")


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "file:///etc/passwd", "http://", "http:///x", "//host", "http://h\n/x",
     "http://host:99999/", "not a url"],
)  # fmt: skip
def test_a_url_that_is_none_is_not_asked(url):
    error = send(lambda _: senders.Web(url), hook=Hook())
    assert (error.reason, error.final) == ("AddressInvalid", True)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"headers": {"X": "token\nY: Z"}}, "NotSendable"),
        ({"template": '{"a": NaN}'}, "NotSendable"),
    ],
    ids=["a header of two lines", "no JSON"],
)
def test_what_cannot_be_put_as_http_wants_it_is_not_tried_again(fields, reason):
    hook = Hook()
    error = send(to(**fields), hook=hook)
    assert (error.reason, error.final) == (reason, True)
    assert "token" not in error.message
    assert hook.taken == []


def test_what_cannot_be_reached_is_told_without_its_address():
    error = send(lambda _: senders.Web("http://127.0.0.1:1/token"), hook=Hook())
    assert error.reason == "ReceiverUnreachable"
    assert "token" not in error.message
    assert not error.final


def test_a_certificate_that_nobody_has_vouched_for_is_not_taken(tmp_path):
    known = certificates.authority(tmp_path, "ca")
    pair = certificates.issued(known, tmp_path, "server", "IP:127.0.0.1")
    server, hook = certificates.server_context(pair), Hook()
    vouched = ssl.create_default_context(cadata=known.cert_pem)
    assert send(to(), hook=hook, tls=server, client_tls=vouched) is None
    hook.taken.clear()
    error = send(to(), hook=hook, tls=server, client_tls=ssl.create_default_context())
    assert (error.reason, error.message) == ("ReceiverUnreachable", "its certificate is not good")
    assert hook.taken == []


def test_neither_urls_nor_passwords_show_in_what_is_logged():
    shown = repr(senders.Web("https://host/token", {"X": "secret"}))
    shown += repr(senders.Mail(("a@b",), "mail", password="secret"))
    assert "token" not in shown
    assert "secret" not in shown


# --- E-mail ----------------------------------------------------------------------------------


def mail(letter=LETTER, **fields):
    """What the server has got, and what became of it."""
    target = {k: fields.pop(k) for k in ("to", "sender", "username", "password") if k in fields}

    async def scenario():
        async with mail_server.receiving(**fields) as server:
            who = {"to": ("a@example.com", "b@example.com"), **target}
            known = senders.Mail(host="127.0.0.1", port=server.port, security="None", **who)
            try:
                await senders.Senders().send(known, letter)
            except senders.Undeliverable as error:
                return server, error
            return server, None

    return asyncio.run(scenario())


def test_an_email_goes_to_all_in_plain_text():
    server, error = mail(sender="kubedag@example.com")
    assert error is None
    (got,) = server.mails
    assert server.recipients == ["a@example.com", "b@example.com"]
    assert got["To"] == "a@example.com, b@example.com"
    assert got["From"] == "kubedag <kubedag@example.com>"
    assert got["Subject"] == "[kubedag] DAG sales: run sales-1 failed (Failed)"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content_type() == "text/plain"
    assert got.get_content() == letters.text(LETTER)


def test_no_text_adds_a_header_or_ends_the_mail():
    hostile = "x\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\r\n"
    server, error = mail(LETTER._replace(reason=hostile, message=hostile, log_tail=hostile))
    assert error is None
    (got,) = server.mails
    assert got["Bcc"] is None
    assert "evil" in got["Subject"]
    assert server.recipients == ["a@example.com", "b@example.com"]
    assert "\n    .\n    QUIT\n" in got.get_content()


@pytest.mark.parametrize(
    ("host", "sender"),
    [
        ("mail.example.com", "kubedag@mail.example.com"),
        ("mail.example.com.", "kubedag@mail.example.com"),
        ("127.0.0.1", "kubedag@[127.0.0.1]"),
        ("::1", "kubedag@[IPv6:::1]"),
        ("fe80::1", "kubedag@[IPv6:fe80::1]"),
    ],
    ids=["name", "a whole name", "IPv4", "IPv6", "more of IPv6"],
)
def test_without_a_sender_an_email_comes_from_the_host_of_its_server(host, sender):
    made = senders.email(senders.Mail(("a@example.com",), host), LETTER)
    assert f"From: kubedag <{sender}>" in made.as_string()


@pytest.mark.parametrize(
    "fields",
    [{"to": ("a@b..c",)}, {"sender": "kubedag@::1"}, {"sender": "a@b:c"}],
    ids=["two dots", "no host", "a port"],
)
def test_an_address_that_is_none_is_not_tried_again(fields):
    server, error = mail(**fields)
    assert (error.reason, error.final) == ("AddressInvalid", True)
    assert "name@host" in error.message
    assert server.commands == []


def test_it_logs_in_if_it_is_told_how():
    server, error = mail(username="me", password="secret")
    assert error is None
    assert "AUTH" in server.commands
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"RCPT": "550 no such user"}, ("ReceiverRefused", "it takes none of the addresses: 550")),
        ({"RCPT": "450 not now"}, ("ReceiverBusy", "it takes none of the addresses: 450")),
        ({"DATA": "451 not now"}, ("ReceiverBusy", "it answered 451")),
        ({"DATA": "554 never"}, ("ReceiverRefused", "it answered 554")),
    ],
    ids=["nobody there", "nobody now", "not now", "never"],
)
def test_what_a_mail_server_says_means_what_its_code_does(answers, expected):
    server, error = mail(answers=answers)
    assert (error.reason, error.message) == expected
    assert error.final == (expected[0] == "ReceiverRefused")
    assert server.mails == []


def test_a_mail_server_that_is_silent_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(senders, "SEND_SECONDS_MAX", 0.3)
    _, error = mail(silent=True)
    assert error.reason == "ReceiverTimedOut"


@pytest.mark.parametrize(
    ("security", "answers", "expected"),
    [
        (
            "StartTLS", {},
            (
                "EncryptionNotOffered",
                ("the mail server offers no STARTTLS: security must be TLS if it speaks TLS from the"
                " first byte on, as most do on port 465, or None to send without encryption"),
            ),
        ),
        (
            "None", {"EHLO": "250 here"},
            (
                "LoginNotOffered",
                ("the mail server offers no login over this connection: leave out username, or let"
                " security be StartTLS or TLS"),
            ),
        ),
    ],
    ids=["no STARTTLS", "no login"],
)  # fmt: skip
def test_a_password_does_not_go_over_a_connection_that_cannot_be_protected(
    security, answers, expected
):
    async def scenario():
        async with mail_server.receiving(answers=answers) as server:
            known = senders.Mail(
                ("a@example.com",), "127.0.0.1", port=server.port, username="me", password="p",
                security=security,
            )  # fmt: skip
            with pytest.raises(senders.Undeliverable) as caught:
                await senders.Senders().send(known, LETTER)
            return server, caught.value

    server, error = asyncio.run(scenario())
    assert (error.reason, error.message, error.final) == (*expected, False)
    assert "AUTH" not in server.commands
    assert server.mails == []
