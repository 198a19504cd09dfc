from __future__ import annotations

import dataclasses
import ssl
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest
from aiohttp import web

from kubedag.shell.access import Tls
from kubedag.shell.errors import Unreachable
from support import certificates, real_loop
from support.http_server import api_on

if TYPE_CHECKING:
    from support.certificates import Pair


class Pki(NamedTuple):
    ca: Pair
    stranger: Pair
    server: Pair
    alice: Pair
    bob: Pair

    def tls(self, user: Pair | None = None) -> Tls:
        tls = Tls(ca_pem=self.ca.cert_pem)
        if user is None:
            return tls
        return dataclasses.replace(tls, client_cert_pem=user.cert_pem, client_key_pem=user.key_pem)

    def server_context(self, *, ask: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca.cert)
        context.load_cert_chain(self.server.cert, self.server.key)
        context.verify_mode = ssl.CERT_OPTIONAL if ask else ssl.CERT_NONE
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    ca = certificates.authority(folder, "ca")
    return Pki(
        ca,
        certificates.authority(folder, "stranger"),
        certificates.issued(ca, folder, "server", "DNS:kubernetes.default"),
        certificates.issued(ca, folder, "alice", "DNS:alice"),
        certificates.issued(ca, folder, "bob", "DNS:bob"),
    )


async def who(request: web.Request) -> web.Response:
    assert request.transport is not None
    certificate = request.transport.get_extra_info("peercert") or {"subject": ()}
    names = [value for (pair,) in certificate["subject"] for _, value in [pair]]
    return web.Response(body=seen(*names))


def seen(*names: str) -> bytes:
    """The answer to whoever has shown such certificates."""
    return orjson.dumps({"names": names})


def named(tls: Tls) -> Tls:
    return dataclasses.replace(tls, server_name="kubernetes.default")


@pytest.mark.parametrize("user", ["alice", "bob", None])
def test_a_client_certificate_says_who_we_are(pki, user):
    tls = named(pki.tls(getattr(pki, user) if user else None))

    async def scenario() -> bytes:
        server_tls = pki.server_context(ask=True)
        async with api_on(who, server_tls=server_tls, client_tls=tls) as api:
            return await api.request("GET", "/api/v1/pods")

    assert real_loop.run(scenario()) == (seen(user) if user else seen())


def test_a_renewed_client_certificate_is_used_for_the_next_connection(pki):
    async def scenario() -> list[bytes]:
        server_tls = pki.server_context(ask=True)
        async with api_on(who, server_tls=server_tls, client_tls=named(pki.tls(pki.alice))) as api:
            said = [await api.request("GET", "/api/v1/pods")]
            source = api._credentials._source
            source.answers.append(
                dataclasses.replace(source.answers[0], tls=named(pki.tls(pki.bob)))
            )
            await api._credentials.refresh(await api._credentials.access())
            return [*said, await api.request("GET", "/api/v1/pods")]

    assert real_loop.run(scenario()) == [seen("alice"), seen("bob")]


@pytest.mark.parametrize("case", ["wrong name", "unknown authority"])
def test_a_server_that_cannot_prove_itself_is_not_spoken_to(pki, case):
    tls = pki.tls() if case == "wrong name" else named(Tls(ca_pem=pki.stranger.cert_pem))
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async def scenario() -> None:
        async with api_on(handler, server_tls=pki.server_context(), client_tls=tls) as api:
            await api.request("POST", "/api/v1/pods", body=b"{}")

    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED") as raised:
        real_loop.run(scenario())
    assert not raised.value.maybe_applied
    assert asked == []


def test_verification_can_be_switched_off_as_kubectl_can(pki):
    async def scenario() -> bytes:
        tls = Tls(insecure_skip_verify=True)
        async with api_on(who, server_tls=pki.server_context(), client_tls=tls) as api:
            return await api.request("GET", "/api/v1/pods")

    assert real_loop.run(scenario()) == seen()
