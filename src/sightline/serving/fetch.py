"""Fetching a picture from an address that a client names: only from networks that are allowed.

The name is resolved once, every address of it must lie in the allowed networks, and the one that
was checked is the one that is connected to. Redirects and proxies are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import httpx

from sightline.errors import ConfigError, Forbidden, InvalidRequest, TooLarge

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

TIMEOUT_S = 5.0
"""For all of it: the name, the connection and the whole picture."""


def networks(ranges: Sequence[str]) -> tuple[Network, ...]:
    """Networks of CIDR texts. Raises ConfigError."""
    try:
        return tuple(ipaddress.ip_network(text) for text in ranges)
    except ValueError as exc:
        raise ConfigError(f"serving.fetch_from: {exc}") from exc


async def fetch(url: str, allowed: Sequence[Network], limit_bytes: int) -> bytes:
    """The bytes that an http or https address answers.

    Raises:
        Forbidden: fetching is off, or the address lies in no allowed network.
        InvalidRequest: it is no such address, or does not answer with a picture in time.
        TooLarge: there is more than ``limit_bytes``.
    """
    if not allowed:
        raise Forbidden("this service fetches nothing by URL: send the picture itself")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _fetch(url, allowed, limit_bytes)
    except TimeoutError as exc:
        raise InvalidRequest(f"url: no answer within {TIMEOUT_S:g} s") from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise InvalidRequest(f"url: it cannot be fetched ({type(exc).__name__})") from exc


async def _fetch(url: str, allowed: Sequence[Network], limit_bytes: int) -> bytes:
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
        data = bytearray()
        async for piece in response.aiter_raw():
            data += piece
            if len(data) > limit_bytes:
                raise TooLarge(f"url: it has more than {limit_bytes} bytes")
        return bytes(data)


async def _pin(url: str, allowed: Sequence[Network]) -> tuple[str, str, str]:
    """The URL with the address in place of the name, the name, and the Host header."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as exc:
        raise InvalidRequest("url: it is no address") from exc
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
        raise InvalidRequest("url: only http:// and https:// without a login are fetched")
    if not host.isascii():  # digits of other scripts are digits to a resolver, not to a Host header
        raise InvalidRequest("url: write its host in ASCII (xn--...)")
    address = await _resolve(host, port or (443 if parts.scheme == "https" else 80), allowed)
    shown = f"[{address}]" if address.version == 6 else str(address)
    netloc = shown if port is None else f"{shown}:{port}"
    header = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")), host, header


async def _resolve(host: str, port: int, allowed: Sequence[Network]) -> Address:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    except (OSError, ValueError) as exc:
        raise InvalidRequest("url: its host is not known") from exc
    # An IPv4 address may be dressed up as IPv6; and one bad address of a name spoils all of them.
    plain = [getattr(address, "ipv4_mapped", None) or address for address in addresses]
    if not plain or not all(any(address in network for network in allowed) for address in plain):
        raise Forbidden("url: its host lies in no network that this service may fetch from")
    return plain[0]
