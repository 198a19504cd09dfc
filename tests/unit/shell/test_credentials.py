from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kubedag.shell.access import Access, CredentialsError, Tls, ssl_context
from kubedag.shell.credentials import Credentials
from kubedag.shell.kopf_login import KopfLogin
from support import virtual_loop
from support.http_server import Said

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCESS = Access("http://c", "one")


class LoopClock:
    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())


class Changing:
    """A source whose answer a test changes as it goes."""

    name = "changing"

    def __init__(self, access: Access | None = ACCESS) -> None:
        self.access = access
        self.loads = 0

    def load(self, *, force: bool) -> Access:
        del force
        self.loads += 1
        if self.access is None:
            raise CredentialsError("file", "token", "must name a readable file")
        return self.access


def with_token(token: str) -> Access:
    return dataclasses.replace(ACCESS, token=token)


def tokens(source: Changing, *steps: float | Callable[[], None]) -> list[str]:
    """The token after each of the steps; a step is seconds to wait, or something to do."""

    async def scenario() -> list[str]:
        credentials = Credentials(source, LoopClock())
        said = [(await credentials.access()).token]
        for step in steps:
            if callable(step):
                step()
            else:
                await asyncio.sleep(step)
                said.append((await credentials.access()).token)
        return said

    return virtual_loop.run(scenario())


def test_a_token_is_read_again_after_a_minute_and_not_before():
    source = Changing()
    told = tokens(source, lambda: setattr(source, "access", with_token("two")), 59, 1)
    assert told == ["one", "one", "two"]
    assert source.loads == 2


def test_a_token_file_that_is_gone_for_a_moment_stops_nothing():
    source = Changing()
    told = tokens(
        source,
        lambda: setattr(source, "access", None),
        60,
        1,
        lambda: setattr(source, "access", with_token("two")),
        5,
    )
    assert told == ["one", "one", "one", "two"]
    assert source.loads == 3


def test_without_any_credentials_the_error_is_told():
    with pytest.raises(CredentialsError):
        tokens(Changing(None))


def test_credentials_are_renewed_before_they_expire():
    source = Changing(dataclasses.replace(ACCESS, expires_at=START + timedelta(seconds=50)))
    told = tokens(source, lambda: setattr(source, "access", with_token("two")), 29, 1)
    assert told == ["one", "one", "two"]


def test_credentials_that_come_expired_are_not_asked_for_at_each_request():
    source = Changing(dataclasses.replace(ACCESS, expires_at=START))
    tokens(source, *[0.1] * 49)
    assert source.loads == 1


def test_many_who_ask_at_once_cause_one_load():
    async def scenario() -> int:
        source = Changing()
        credentials = Credentials(source, LoopClock())
        await asyncio.gather(*(credentials.access() for _ in range(50)))
        return source.loads

    assert virtual_loop.run(scenario()) == 1


def test_refusals_that_never_end_do_not_load_more_often_than_once_a_second():
    async def scenario() -> int:
        source = Said(ACCESS)
        credentials = Credentials(source, LoopClock())
        for _ in range(100):
            await credentials.refresh(await credentials.access())
            await asyncio.sleep(0.05)
        return source.forced

    assert virtual_loop.run(scenario()) == 5


def test_the_tls_context_is_made_again_only_when_certificates_change(monkeypatch):
    made: list[Tls] = []

    def make(tls: Tls, source: str) -> object:
        del source
        made.append(tls)
        return object()

    monkeypatch.setattr("kubedag.shell.credentials.ssl_context", make)
    source = Changing(Access("https://c", "one", Tls(ca_pem="A")))

    def change(token: str, ca_pem: str) -> Callable[[], None]:
        return lambda: setattr(source, "access", Access("https://c", token, Tls(ca_pem=ca_pem)))

    assert tokens(source, change("two", "A"), 60, change("two", "B"), 60) == ["one", "two", "two"]
    assert [tls.ca_pem for tls in made] == ["A", "B"]


@pytest.mark.parametrize(
    ("tls", "where"),
    [
        (Tls(ca_pem="-----BEGIN CERTIFICATE-----\nx"), "certificate-authority"),
        (Tls(client_cert_pem="nonsense", client_key_pem="nonsense"), "client-certificate"),
    ],
)
def test_certificates_that_are_none_are_told_by_field(tls, where):
    with pytest.raises(CredentialsError, match=f"config: {where}: must be"):
        ssl_context(tls, "config")


@contextlib.asynccontextmanager
async def logged_in(login):
    """What kopf is given, closed as kopf closes it."""
    given = await login.session()
    try:
        yield given
    finally:
        await given.aiohttp_session.close()


def test_kopf_gets_what_our_client_uses_with_an_expiry_that_makes_each_log_in_new():
    async def scenario() -> None:
        access = Access("http://c", "one", Tls(), "http://proxy", "team")
        login = KopfLogin(Credentials(Said(access), LoopClock()), LoopClock())
        async with logged_in(login) as first:
            assert (first.server, first.default_namespace) == ("http://c", "team")
            assert first.aiohttp_session.headers == {"Authorization": "Bearer one"}
            assert str(first.aiohttp_session._default_proxy) == "http://proxy"
            assert first.expiration == START + timedelta(minutes=10)
            await asyncio.sleep(1)
            async with logged_in(login) as second:
                assert second != first

    virtual_loop.run(scenario())


def test_kopf_asking_again_before_the_expiry_has_met_a_401():
    async def scenario() -> tuple[list[str], int]:
        source = Said(with_token("one"), with_token("two"))
        login = KopfLogin(Credentials(source, LoopClock()), LoopClock())
        said = []
        for seconds in (0, 599, 601):
            await asyncio.sleep(seconds)
            async with logged_in(login) as given:
                said.append(given.aiohttp_session.headers["Authorization"])
        return said, source.forced

    assert virtual_loop.run(scenario()) == (["Bearer one", "Bearer two", "Bearer two"], 1)


def test_kopf_cannot_be_given_another_server_name():
    async def scenario() -> None:
        access = Access("http://c", tls=Tls(server_name="n"))
        await KopfLogin(Credentials(Said(access), LoopClock())).session()

    with pytest.raises(CredentialsError, match="tls-server-name"):
        virtual_loop.run(scenario())
