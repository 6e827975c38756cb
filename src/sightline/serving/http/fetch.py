"""Fetching a picture from an address that a client names: only from networks that are allowed.

The name is resolved once, every address of it must lie in the allowed networks, and the one that
was checked is the one that is connected to. Redirects and proxies are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import httpx

from sightline.addresses import read_address
from sightline.errors import ConfigError, Forbidden, InvalidRequest, TooLarge, TooSlow
from sightline.hosts import AllowedHosts, network_rule
from sightline.serving.http.arrivals import Arrivals

TIMEOUT_S = 5.0
"""For all of it: the name, the connection and the whole picture."""


def networks(ranges: Sequence[str]) -> AllowedHosts | None:
    """The networks of CIDR texts, or None where there are none. Raises ConfigError."""
    try:
        return AllowedHosts(map(network_rule, ranges)) if ranges else None
    except ValueError as exc:
        raise ConfigError(f"serving.fetch_from: {exc}") from exc


async def fetch(
    url: str, allowed: AllowedHosts | None, limit_bytes: int, fetching: Arrivals, client: str
) -> bytes:
    """The bytes that an http or https address answers.

    Args:
        url: the address.
        allowed: where it may lie; None: nothing is fetched.
        limit_bytes: of the picture.
        fetching: where all that is being fetched is counted.
        client: who asks for it.

    Raises:
        Forbidden: fetching is off, or the address lies in no allowed network.
        InvalidRequest: it is no such address, or does not answer with a picture in time.
        TooLarge: there is more than ``limit_bytes``.
        Overloaded: too much is being fetched already.
    """
    if allowed is None:
        raise Forbidden("this service fetches nothing by URL: send the picture itself")
    try:
        async with fetching.arriving(client, TIMEOUT_S, "the picture") as arrival:
            data = bytearray()
            async with aclosing(_fetch(url, allowed)) as pieces:
                async for piece in pieces:
                    data += piece
                    if len(data) > limit_bytes:
                        raise TooLarge(f"url: it has more than {limit_bytes} bytes")
                    fetching.grew(arrival, len(piece))
            return bytes(data)
    except TooSlow as exc:
        raise InvalidRequest(f"url: no answer within {TIMEOUT_S:g} s") from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise InvalidRequest(f"url: it cannot be fetched ({type(exc).__name__})") from exc


async def _fetch(url: str, allowed: AllowedHosts) -> AsyncGenerator[bytes]:
    pinned, host, header = await _pin(url, allowed)
    headers = {"Host": header, "Accept": "image/*", "Accept-Encoding": "identity"}
    async with (
        # trust_env=False: no proxy, no .netrc, whatever the environment says.
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_S) as client,
        client.stream(
            "GET", pinned, headers=headers, extensions={"sni_hostname": host}
        ) as response,
    ):
        if response.status_code != 200:
            raise InvalidRequest(f"url: it answers {response.status_code}, not 200")
        async for piece in response.aiter_raw():
            yield piece


async def _pin(url: str, allowed: AllowedHosts) -> tuple[str, str, str]:
    """The URL with the address in place of the name, the name, and the Host header."""
    try:
        address = read_address(url, ("http", "https"), drop_fragment=True)
    except ValueError as exc:
        raise InvalidRequest(f"url: only http:// and https:// are fetched: {exc}") from None
    if address.login:
        raise InvalidRequest("url: only http:// and https:// without a login are fetched")
    port = address.port or (443 if address.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    except (OSError, ValueError) as exc:
        raise InvalidRequest("url: its host is not known") from exc
    if not allowed.allow(address.host, addresses):
        raise Forbidden("url: its host lies in no network that this service may fetch from")
    return address.at(str(addresses[0])).url, address.host, address.authority
