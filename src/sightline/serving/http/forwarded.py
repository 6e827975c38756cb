"""Who a client is behind proxies: the header ``X-Forwarded-For``, where a trusted proxy has written it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from sightline.hosts import IpAddress


class TrustedProxies:
    """Knows which proxies say the truth about their clients.

    Args:
        networks: of the proxies, as ``serving.trusted_proxies`` lists them.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def client(self, peer: str, forwarded: str) -> str:
        """The address of a client.

        Each proxy appends the address that called it, so the list is read from its end: the first
        address that is no trusted proxy is the client. What stands before it, the client may have
        made up.

        Args:
            peer: the address that is connected to this service.
            forwarded: all ``X-Forwarded-For`` headers, with commas between them.
        """
        client = peer
        for entry in reversed(forwarded.split(",")):
            if not self.trusts(client):
                return client
            address = _address(entry.strip())
            if address is None:
                return client
            client = str(address)
        return client

    def trusts(self, address: str) -> bool:
        """Whether an address is a trusted proxy's."""
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)


class ForwardedClient:
    """An ASGI app around another, which sees the clients of trusted proxies instead of these.

    Args:
        app: everything else.
        proxies: those that are trusted.
    """

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self.app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if scope["type"] == "http" and peer and self._proxies.trusts(peer[0]):
            forwarded = _values(scope, b"x-forwarded-for")
            scheme = _values(scope, b"x-forwarded-proto").strip().lower()
            scope["client"] = (self._proxies.client(peer[0], forwarded), 0)
            if scheme in ("http", "https"):
                scope["scheme"] = scheme
        await self.app(scope, receive, send)


def _values(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def _address(text: str) -> IpAddress | None:
    """An address, without the port that some proxies add; None where it is none."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
