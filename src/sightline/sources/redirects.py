"""Servers that redirect for ever. FFmpeg follows RTSP redirects without a limit, thousands a second."""

from __future__ import annotations

import socket
import time
from urllib.parse import SplitResult, urljoin, urlsplit

MOST = 8
"""Redirects in a row that are followed."""
_TIMEOUT_S = 0.3  # a server that redirects all the time answers fast
_HEAD = 8192
_PORTS = {"rtsp": 554, "http": 80}


def endless(url: str) -> bool:
    """Whether this rtsp or http address is redirected more than ``MOST`` times in a row.

    Asks as FFmpeg does (RTSP: RFC 2326, OPTIONS and DESCRIBE), but without the login. False also
    where that cannot be told within a third of a second.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    try:
        for _ in range(MOST + 1):
            found = _redirected(urlsplit(url), deadline)
            if found is None:
                return False
            url = urljoin(url, found)
    except (OSError, ValueError):
        return False  # it is only asked because something else has failed, and that is said
    return True


def _redirected(address: SplitResult, deadline: float) -> str | None:
    """Where one request is sent on to."""
    if address.scheme not in _PORTS or not address.hostname:
        return None
    host, port = address.hostname, address.port or _PORTS[address.scheme]
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    if address.scheme == "http":
        requests = [f"GET {path} HTTP/1.0\r\nHost: {where}\r\n\r\n"]
    else:
        requests = [
            f"{method} rtsp://{where}{path} RTSP/1.0\r\nCSeq: {number}\r\n\r\n"
            for number, method in enumerate(("OPTIONS", "DESCRIBE"), 1)
        ]
    with socket.create_connection((host, port), _left_s(deadline)) as connection:
        for request in requests:
            connection.settimeout(_left_s(deadline))
            connection.sendall(request.encode())
            location = _location(_head(connection, deadline))
            if location is not None:
                return location
    return None


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
