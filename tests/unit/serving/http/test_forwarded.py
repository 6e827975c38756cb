"""Who a client is behind proxies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sightline.serving.http.forwarded import ForwardedClient, TrustedProxies

NETWORKS = ("10.0.0.0/8", "::1", "192.168.1.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7"),  # the first one may be made up
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),  # two proxies
        ("10.0.0.1", "203.0.113.7,192.168.1.1 , 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.9", "10.0.0.9"),  # a client that lives among the proxies
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),  # a socket of both families
        ("::1", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "203.0.113.7", "203.0.113.9"),  # past the proxy
        ("192.168.1.2", "203.0.113.7", "192.168.1.2"),
        ("testclient", "203.0.113.7", "testclient"),
        ("10.0.0.1", "x" * 10_000, "10.0.0.1"),
    ],
)
def test_the_client(peer: str, forwarded: str, client: str) -> None:
    assert TrustedProxies(NETWORKS).client(peer, forwarded) == client


@pytest.mark.parametrize(
    ("peer", "client", "scheme"),
    [("10.0.0.1", ("203.0.113.7", 0), "https"), ("203.0.113.9", ("203.0.113.9", 80), "http")],
)
def test_what_the_app_sees(peer: str, client: tuple[str, int], scheme: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((scope["client"], scope["scheme"]))

    headers = [
        (b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-for", b"203.0.113.7"),
        (b"x-forwarded-proto", b"https"),
    ]  # fmt: skip
    scope = {"type": "http", "client": (peer, 80), "headers": headers, "scheme": "http"}
    guarded = ForwardedClient(app, TrustedProxies(NETWORKS))
    asyncio.run(guarded(scope, None, None))  # type: ignore[arg-type]
    assert seen == [(client, scheme)]
