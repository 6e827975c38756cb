"""Servers that redirect: where to, and whether for ever.

FFmpeg follows RTSP redirects without a limit, thousands a second, and to wherever they lead.
"""

from __future__ import annotations

import socket
import ssl
import time
from urllib.parse import urljoin

from sightline.addresses import Address, read_address
from sightline.errors import SourceError

MOST = 8
"""Redirects in a row that are followed."""
_TIMEOUT_S = 0.3  # a server that redirects all the time answers fast
_HEAD = 8192
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935, "rtmps": 443}
"""Where an address does not say one."""
_ASKED = {"rtsp", "rtsps", "http", "https"}


class RedirectError(SourceError):
    """The server redirects in a circle."""


def in_a_circle(label: str) -> RedirectError:
    """The error; ``label`` names the source and may be shown."""
    return RedirectError(
        f"{label}: the server redirects more than {MOST} times in a row: check the address"
    )


def endless(address: Address) -> bool:
    """Whether this address is redirected more than ``MOST`` times in a row.

    False also where that cannot be told within a third of a second.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    try:
        for _ in range(MOST + 1):
            found = redirected(address, address.host, deadline)
            if found is None:
                return False
            address = found
    except (OSError, ValueError):
        return False  # it is only asked because something else has failed, and that is said
    return True


def redirected(address: Address, host: str, deadline: float) -> Address | None:
    """Where one request is sent on to; None where it is answered, or not asked (UDP, RTMP).

    Asks as FFmpeg does (RTSP: RFC 2326, OPTIONS and DESCRIBE), but without the login.

    Args:
        address: what is asked for.
        host: what is connected to: the host of ``address``, or the IP address that it stands for.
        deadline: of ``time.monotonic()``.

    Raises:
        OSError: the server does not answer in time, or cannot be reached.
        ValueError: it answers with something else, or redirects to what is no address.
    """
    if address.scheme not in _ASKED:
        return None
    with _connected(address, host, deadline) as connection:
        for request in _requests(address):
            connection.settimeout(_left_s(deadline))
            connection.sendall(request.encode())
            location = _location(_head(connection, deadline))
            if location is not None:
                # Without the login: where it leads to is another server, perhaps.
                bare = f"{address.scheme}://{address.authority}{address.target}"
                return read_address(urljoin(bare, location.partition("#")[0]), PORTS)
    return None


def _connected(address: Address, host: str, deadline: float) -> socket.socket:
    port = address.port or PORTS[address.scheme]
    connection = socket.create_connection((host, port), _left_s(deadline))
    if address.scheme not in ("rtsps", "https"):
        return connection
    # As FFmpeg does: cameras sign their certificates themselves.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - only the Location is read
    return context.wrap_socket(connection, server_hostname=address.host)


def _requests(address: Address) -> list[str]:
    target = address.target or "/"
    if address.scheme in ("http", "https"):
        return [f"GET {target} HTTP/1.0\r\nHost: {address.authority}\r\n\r\n"]
    return [
        f"{method} {address.scheme}://{address.authority}{target} RTSP/1.0\r\nCSeq: {number}\r\n\r\n"
        for number, method in enumerate(("OPTIONS", "DESCRIBE"), 1)
    ]


def _left_s(deadline: float) -> float:
    """Raises TimeoutError where nothing is left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _head(connection: socket.socket, deadline: float) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD:
        connection.settimeout(_left_s(deadline))  # also where it comes byte by byte
        piece = connection.recv(_HEAD)
        if not piece:
            break
        head += piece
    return head


def _location(head: bytes) -> str | None:
    """Where an answer redirects to. Raises ValueError where it is none."""
    status, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = status.split(maxsplit=2)
    if len(words) < 2:
        raise ValueError("no status line")
    if not 300 <= int(words[1]) < 400:
        return None
    fields = (line.partition(":") for line in lines)
    return next((to.strip() for name, _, to in fields if name.lower() == "location"), None)
